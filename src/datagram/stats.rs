//! Statistics of datagrams.

use crate::error::{Error, Exit};
use crate::net::udp::DatagramSocket;
use crate::report::{DatagramSums, Metrics, Report};

/// Counts of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatagramStats {
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    /// Written to stdout as a whole.
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    /// Dropped by the system because they were not received in time, if the system counts them.
    dropped_by_system: u64,
    /// The system may have dropped more than it has counted.
    is_inexact: bool,
    /// Received, and never written.
    pub(crate) unwritten: u64,
    pub(crate) truncated: u64,
    pub(crate) too_large: u64,
    /// From addresses that are not accepted.
    pub(crate) filtered: u64,
    /// Answers that were not sent.
    pub(crate) withheld: u64,
    /// Lines of stdin that were not sent, datagrams that did not reach a process as a whole, and those of a relay that its
    /// target did not get.
    pub(crate) undelivered: u64,
    /// Flows that a relay has opened.
    pub(crate) flows: u64,
}

impl DatagramStats {
    fn dropped(&self) -> u64 {
        self.dropped_by_system + self.unwritten
    }

    /// Asks the system how many datagrams it has dropped.
    pub(crate) fn count_drops<'a>(&mut self, sockets: impl IntoIterator<Item = &'a DatagramSocket>) {
        (self.dropped_by_system, self.is_inexact) = (0, false);
        for socket in sockets {
            let dropped = socket.dropped();
            self.dropped_by_system += dropped.map_or(0, |dropped| dropped.count);
            self.is_inexact |= dropped.is_none_or(|dropped| !dropped.is_exact);
        }
    }

    /// Shows the counts of a server so far, for the metrics. Of a relay, those to its target came from clients.
    pub(crate) fn show(&self, is_relay: bool, metrics: &Metrics) {
        let (to_stdout, sent) = ((self.received, self.received_bytes), (self.sent, self.sent_bytes));
        let (from_clients, to_clients) = if is_relay { (sent, to_stdout) } else { (to_stdout, sent) };
        let counts = &metrics.datagrams;
        for (count, value) in [
            (&counts.received, from_clients.0),
            (&metrics.received_bytes, from_clients.1),
            (&counts.sent, to_clients.0),
            (&metrics.sent_bytes, to_clients.1),
            (&counts.unwritten, self.unwritten),
            (&counts.truncated, self.truncated),
            (&counts.too_large, self.too_large),
            (&counts.filtered, self.filtered),
            (&counts.withheld, self.withheld),
            (&counts.undelivered, self.undelivered),
            (&counts.opened_flows, self.flows),
        ] {
            count.set(value);
        }
    }

    /// Reports the sums.
    pub(crate) fn report_sums(&self, verb: &'static str, peer: &str, report: &Report) {
        report.datagrams(&DatagramSums {
            verb,
            peer,
            sent: self.sent,
            sent_bytes: self.sent_bytes,
            received: self.received,
            received_bytes: self.received_bytes,
            dropped: self.dropped(),
            is_drop_count_exact: !self.is_inexact,
            truncated: self.truncated,
            too_large: self.too_large,
            filtered: self.filtered,
            withheld: self.withheld,
            undelivered: self.undelivered,
            flows: self.flows,
        });
    }

    /// Fails if a received datagram is known to be lost.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let parts = [
            (self.dropped(), "dropped: more came than could be written in time"),
            (self.truncated, "cut by the system: they were larger than a datagram may be"),
            (self.undelivered, "not delivered, or not whole: the lines above say why"),
        ];
        let texts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if texts.is_empty() {
            return Ok(());
        }
        Err(Error::new(Exit::Partial, format!("datagrams are missing: {}", texts.join("; "))))
    }
}
