//! The summary of `udp-listen`, `udp-send` and a relay of datagrams.

use std::time::Duration;

use super::event::{DatagramCounts, Event, Text, seconds};
use super::{Level, Report};

/// The sums of a run with datagrams.
pub struct DatagramSums<'a> {
    /// `sent`, `received` or `relayed`.
    pub verb: &'static str,
    /// The receiver; empty if there is no single one.
    pub peer: &'a str,
    /// Datagrams handed to the system; of a relay, those for its target.
    pub sent: u64,
    /// Bytes of their payload.
    pub sent_bytes: u64,
    /// Datagrams written to stdout; of a relay, those that went back to its clients.
    pub received: u64,
    /// Bytes of their payload.
    pub received_bytes: u64,
    /// Datagrams that the system dropped because they were not received in time.
    pub dropped: u64,
    /// False if the system may have dropped more than it has counted.
    pub is_drop_count_exact: bool,
    /// Datagrams that were larger than the buffer.
    pub truncated: u64,
    /// Datagrams that exceeded the size limit.
    pub too_large: u64,
    /// Datagrams from addresses that are not allowed.
    pub filtered: u64,
    /// Answers that were not sent.
    pub withheld: u64,
    /// Lines of stdin that were not sent, and datagrams that no process, or not the target of a relay, received.
    pub undelivered: u64,
    /// Flows that a relay has opened.
    pub flows: u64,
}

impl DatagramSums<'_> {
    fn line(&self, time: Duration) -> String {
        let named = |count: u64| if count == 1 { "1 datagram".into() } else { format!("{count} datagrams") };
        let mut line = match self.verb {
            "sent" => format!("sent {} ({} bytes) to {}", named(self.sent), self.sent_bytes, self.peer),
            "relayed" => format!(
                "relayed {} ({} bytes) to {} and {} ({} bytes) back, in {} {},",
                named(self.sent),
                self.sent_bytes,
                self.peer,
                self.received,
                self.received_bytes,
                self.flows,
                if self.flows == 1 { "flow" } else { "flows" }
            ),
            _ => format!("received {} ({} bytes)", named(self.received), self.received_bytes),
        };
        let time = Duration::from_millis(time.as_millis() as u64);
        line += &format!(" in {}", humantime::format_duration(time));
        let (others, what) = match self.verb {
            "relayed" => (0, ""),
            "sent" => (self.received, "received"),
            _ => (self.sent, "sent"),
        };
        for (count, what) in [
            (others, what),
            (self.dropped, if self.is_drop_count_exact { "dropped" } else { "or more dropped" }),
            (self.truncated, "truncated"),
            (self.too_large, "too large"),
            (self.filtered, "filtered"),
            (self.withheld, if self.withheld == 1 { "answer withheld" } else { "answers withheld" }),
            (self.undelivered, "not delivered"),
        ] {
            if count > 0 {
                line += &format!(", {count} {what}");
            }
        }
        line
    }
}

impl Report {
    /// Reports how a run with datagrams ended.
    pub fn datagrams(&self, sums: &DatagramSums<'_>) {
        let time = self.elapsed();
        if !self.json {
            return self.info(sums.line(time));
        }
        if self.level < Level::Normal {
            return;
        }
        let summary = Event::Summary {
            verb: sums.verb,
            path: None,
            digest: None,
            verified: false,
            entries: 0,
            done: 0,
            there: 0,
            failed: 0,
            skipped: 0,
            sent_bytes: sums.sent_bytes,
            received_bytes: sums.received_bytes,
            resumed_bytes: 0,
            seconds: seconds(time),
            ended_after: None,
            datagrams: Some(DatagramCounts {
                sent: sums.sent,
                received: sums.received,
                dropped: sums.dropped,
                dropped_exactly: sums.is_drop_count_exact,
                truncated: sums.truncated,
                too_large: sums.too_large,
                filtered: sums.filtered,
                withheld: sums.withheld,
                undelivered: sums.undelivered,
                flows: sums.flows,
            }),
        };
        self.event_about(summary, (!sums.peer.is_empty()).then(|| Text::new(sums.peer)));
    }
}
