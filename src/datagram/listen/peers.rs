//! The peers of a listener: each is reported once, if asked for.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::net::udp::Peer;
use crate::report::Report;

/// Peers that are remembered. When there are more, all are reported anew: sources can be forged without limit.
const REMEMBERED: usize = 4096;
/// Peers that are reported in one second. Others are reported with a later datagram of theirs, or not at all.
const REPORTED_PER_SECOND: u32 = 100;

/// The reported peers.
pub(crate) struct Peers {
    /// `None`: peers are not reported.
    reported: Option<HashSet<Peer>>,
    second: Instant,
    in_second: u32,
}

impl Peers {
    pub(crate) fn new(report: &Report, now: Instant) -> Peers {
        let is_wanted = report.is_json() || report.is_debug();
        Peers { reported: is_wanted.then(HashSet::new), second: now, in_second: 0 }
    }

    /// Handles a datagram from `peer` to `local`.
    pub(crate) fn on_datagram(&mut self, peer: &Peer, local: &Peer, report: &Report, now: Instant) {
        let Some(reported) = &mut self.reported else { return };
        if reported.contains(peer) {
            return;
        }
        if now >= self.second + Duration::from_secs(1) {
            (self.second, self.in_second) = (now, 0);
        }
        if self.in_second >= REPORTED_PER_SECOND {
            return;
        }
        self.in_second += 1;
        if reported.len() >= REMEMBERED {
            reported.clear();
        }
        reported.insert(peer.clone());
        if !report.is_json() {
            report.debug(format_args!("hears {peer} on {local}"));
        }
        report.peer("heard", peer);
    }
}
