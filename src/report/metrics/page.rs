//! The page of `--metrics`, in version 0.0.4 of the text format of Prometheus. Its size has a bound: no value of a label comes
//! from a client.

use std::fmt::{Display, Write};

use super::{Count, FIRST_STATUS, HttpCounts, Metrics, OUTCOMES, QUEUES, REFUSALS, lock};

/// The media type of the page.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

struct Page(String);

impl Page {
    /// A metric without labels.
    fn one(&mut self, (name, kind): (&str, &str), help: &str, value: u64) {
        self.many((name, kind), help, [("", "", value)]);
    }

    /// A metric with a label, whose values are plain words. An empty label is none.
    fn many<'a, V: Display>(
        &mut self,
        (name, kind): (&str, &str),
        help: &str,
        values: impl IntoIterator<Item = (&'a str, V, u64)>,
    ) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (label, word, value) in values {
            let _ = match label {
                "" => writeln!(self.0, "{name} {value}"),
                label => writeln!(self.0, "{name}{{{label}=\"{word}\"}} {value}"),
            };
        }
    }
}

fn labelled<'a>(
    label: &'a str,
    words: &'a [&'a str],
    counts: &'a [Count],
) -> impl Iterator<Item = (&'a str, &'a str, u64)> {
    words.iter().zip(counts).map(move |(word, count)| (label, *word, count.get()))
}

impl Metrics {
    /// The page, as it is now.
    pub fn page(&self) -> String {
        let mut page = Page(String::with_capacity(8 << 10));
        let (shown, start_seconds) = self.shown.get().copied().unwrap_or_default();
        let version = [("version", env!("CARGO_PKG_VERSION"), 1)];
        page.many(("sendall_build_info", GAUGE), "The version of sendall.", version);
        page.one(
            ("sendall_start_time_seconds", GAUGE),
            "When the server started, in seconds since 1970.",
            start_seconds,
        );
        let workers = lock(&self.workers);
        let sum = |of: fn(&HttpCounts) -> &Count| -> u64 {
            workers.iter().map(|worker| of(worker).get()).sum::<u64>() + of(&self.http).get()
        };
        let received = self.received_bytes.get() + sum(|counts| &counts.received_bytes);
        let sent = self.sent_bytes.get() + sum(|counts| &counts.sent_bytes);
        page.one(
            ("sendall_received_bytes_total", COUNTER),
            "Bytes of content that came from clients: streams, files, bodies, payloads.",
            received,
        );
        page.one(
            ("sendall_sent_bytes_total", COUNTER),
            "Bytes of content that went to clients: streams, files, bodies, payloads.",
            sent,
        );
        if shown.clients {
            self.clients(&mut page);
        }
        if shown.http {
            let by_status = (0..self.http.by_status.len()).filter_map(|index| {
                let all = workers.iter().map(|worker| worker.by_status[index].get()).sum::<u64>();
                let all = all + self.http.by_status[index].get();
                (all > 0).then_some(("code", usize::from(FIRST_STATUS) + index, all))
            });
            page.many(("sendall_http_responses_total", COUNTER), "Answers of HTTP by status.", by_status);
        }
        if shown.datagrams {
            self.datagrams(&mut page, shown.flows);
        }
        page.0
    }

    fn clients(&self, page: &mut Page) {
        page.one(
            ("sendall_connections_accepted_total", COUNTER),
            "Connections that were accepted, those that were refused then included.",
            self.connections.get(),
        );
        page.many(
            ("sendall_refusals_total", COUNTER),
            "Connections that were refused before a session began, by reason.",
            labelled("reason", &REFUSALS, &self.refusals),
        );
        page.many(
            ("sendall_sessions_total", COUNTER),
            "Sessions that have ended, by outcome.",
            labelled("outcome", &OUTCOMES, &self.sessions),
        );
        page.one(
            ("sendall_further_connections_total", COUNTER),
            "Further connections of sessions, which have ended.",
            self.further.get(),
        );
        page.one(("sendall_clients_connected", GAUGE), "Clients that are served now.", self.connected.get());
        page.one(("sendall_clients_limit", GAUGE), "The most clients at a time.", self.max_clients.get());
        page.many(
            ("sendall_clients_waiting", GAUGE),
            "Clients that wait now, by what they wait for.",
            labelled("queue", &QUEUES, &self.waiting),
        );
    }

    fn datagrams(&self, page: &mut Page, has_flows: bool) {
        let counts = &self.datagrams;
        page.one(
            ("sendall_datagrams_received_total", COUNTER),
            "Datagrams from clients that were written to stdout, or forwarded.",
            counts.received.get(),
        );
        page.one(
            ("sendall_datagrams_sent_total", COUNTER),
            "Datagrams that went to clients.",
            counts.sent.get(),
        );
        let dropped = [
            ("kernel", counts.dropped_by_kernel()),
            ("unwritten", counts.unwritten.get()),
            ("truncated", counts.truncated.get()),
            ("too_large", counts.too_large.get()),
            ("filtered", counts.filtered.get()),
            ("withheld", counts.withheld.get()),
            ("undelivered", counts.undelivered.get()),
        ];
        page.many(
            ("sendall_datagrams_dropped_total", COUNTER),
            "Datagrams that are lost, or were not wanted, by reason.",
            dropped.map(|(word, count)| ("reason", word, count)),
        );
        if has_flows {
            page.one(("sendall_flows", GAUGE), "Flows that are open now.", counts.flows.get());
            page.one(
                ("sendall_flows_opened_total", COUNTER),
                "Flows that were opened.",
                counts.opened_flows.get(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Exit};
    use crate::report::metrics::{Queue, Refusal, Shown};

    #[test]
    fn each_count_has_its_line() {
        let metrics = Metrics::default();
        metrics.show(Shown { clients: true, http: true, datagrams: true, flows: true }, 17);
        metrics.session(Ok(()));
        metrics.session(Err(&Error::new(Exit::Lost, "x")));
        metrics.session(Err(&Error::new(Exit::Lost, "x").of_health_check()));
        metrics.session(Err(&Error::new(Exit::TimedOut, "x").of_health_check()));
        metrics.refused(Refusal::Admission);
        metrics.waiting(Queue::HttpThread, 3);
        metrics.moved((5, 7));
        metrics.answered(503);
        metrics.answered(9);
        let worker = metrics.http_worker();
        worker.answered_alone(503, 11);
        worker.answered_alone(204, 0);
        worker.received_alone(13);
        metrics.datagrams.watch_drops(Box::new(|| Some(19)));
        metrics.datagrams.watch_drops(Box::new(|| None));
        let page = metrics.page();
        for line in [
            "sendall_start_time_seconds 17",
            "sendall_sessions_total{outcome=\"ok\"} 1",
            "sendall_sessions_total{outcome=\"lost\"} 1",
            "sendall_sessions_total{outcome=\"left\"} 1",
            "sendall_sessions_total{outcome=\"timed_out\"} 1",
            "sendall_refusals_total{reason=\"admission\"} 1",
            "sendall_refusals_total{reason=\"denied\"} 0",
            "sendall_clients_waiting{queue=\"http_thread\"} 3",
            "sendall_sent_bytes_total 16",
            "sendall_received_bytes_total 20",
            "sendall_http_responses_total{code=\"204\"} 1",
            "sendall_http_responses_total{code=\"503\"} 2",
            "sendall_datagrams_dropped_total{reason=\"kernel\"} 19",
            "# TYPE sendall_flows gauge",
        ] {
            assert!(page.lines().any(|other| other == line), "{line}: {page}");
        }
        assert!(page.ends_with('\n') && !page.contains("code=\"9\"") && page.len() < 8 << 10, "{page}");
    }

    #[test]
    fn every_exit_has_a_word_of_its_own() {
        for code in 1..=10 {
            let metrics = Metrics::default();
            let error = Error::new(Exit::of_code(code).unwrap(), "x");
            metrics.session(Err(&error));
            assert_eq!(metrics.sessions[usize::try_from(code).unwrap()].get(), 1, "{code}");
        }
    }
}
