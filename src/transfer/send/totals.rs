//! On a server: the totals, reported to a client that wants them, while files are sent.
//!
//! A request of a few bytes must not cost more than that client's share: the count has no thread of its own, runs only
//! while the session does, and stays within a bound of the offered entries.

use std::time::{Duration, Instant};

use super::offering::{Offering, OfferingCounter, OfferingItem};
use super::{Sending, Start};
use crate::proto::transfer::frame::Totals;

/// Names that are counted per call in an idle session, and in one that is busy sending: on a slow disk the files have
/// priority.
const WAITING_NAMES: u64 = 1024;
const BUSY_NAMES: u64 = 128;
/// Maximum distance of the count from the offers, in names.
const MAX_AHEAD: u64 = 1 << 18;
/// Shortest interval between two reports to the client, which draws no faster.
const INTERVAL: Duration = Duration::from_millis(100);

/// The count, and the totals that were reported.
pub(super) struct TotalsReporter {
    count: OfferingCounter,
    offered: Totals,
    /// Names looked at, skipped ones included.
    names: u64,
    reported: Totals,
    next: Instant,
    /// The session was idle in the call before this one, or there was none.
    waits: bool,
    max_ahead: u64,
}

impl TotalsReporter {
    /// Creates the count, if it was agreed on and there is a folder.
    pub(super) fn new(start: Start, offering: &Offering, now: Instant) -> Option<TotalsReporter> {
        let Start::Accepted(accept) = start else { return None };
        if !accept.capabilities.totals {
            return None;
        }
        let (offered, reported) = (Totals::default(), Totals::default());
        let count = offering.count()?;
        let (names, next, waits, max_ahead) = (0, now, true, MAX_AHEAD);
        Some(TotalsReporter { count, offered, names, reported, next, waits, max_ahead })
    }

    /// Looks at some more names. Returns the totals to report, and whether there are more names to look at now.
    fn look_ahead(&mut self, now: Instant) -> (Option<Totals>, bool) {
        let names = if self.waits { WAITING_NAMES } else { BUSY_NAMES };
        let allowed = (self.names + self.max_ahead).saturating_sub(self.count.looked_at());
        let continues = self.count.look_at(names.min(allowed)) && allowed > names;
        let found = self.count.totals();
        let is_due = found != self.reported && (found.complete || now >= self.next);
        if is_due {
            (self.reported, self.next) = (found, now + INTERVAL);
        }
        (is_due.then_some(found), continues)
    }

    /// Records the next offer. Returns the totals to report: after the last offer they are final.
    fn record_offer(&mut self, next: Option<&OfferingItem>) -> Option<Totals> {
        self.names += 1;
        match next {
            Some(OfferingItem::Entry(offered)) => {
                self.offered.entries += 1;
                self.offered.bytes = self.offered.bytes.saturating_add(offered.entry.size.unwrap_or(0));
                None
            }
            Some(OfferingItem::Skipped(_)) => None,
            None => Some(Totals { complete: true, ..self.offered }).filter(|all| *all != self.reported),
        }
    }
}

impl Sending {
    /// Looks at some more names, and reports the totals before the next frame. Returns whether there are more to look
    /// at now: then the session does not wait.
    pub(super) fn look_ahead(&mut self, now: Instant) -> bool {
        let Some(totals_reporter) = &mut self.totals_reporter else { return false };
        let (found, continues) = totals_reporter.look_ahead(now);
        found.into_iter().for_each(|totals| self.machine.set_totals(totals));
        continues
    }

    /// Sets whether this call had nothing more to do.
    pub(super) fn set_waiting(&mut self, waits: bool) {
        if let Some(totals_reporter) = &mut self.totals_reporter {
            totals_reporter.waits = waits;
        }
    }

    /// Records the next offer. The last one ends the count.
    pub(super) fn record_offered(&mut self, next: Option<&OfferingItem>) {
        let all =
            self.totals_reporter.as_mut().and_then(|totals_reporter| totals_reporter.record_offer(next));
        all.into_iter().for_each(|totals| self.machine.set_totals(totals));
        if next.is_none() {
            self.totals_reporter = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Folder, SymlinkPolicy};
    use crate::transfer::send::offering::Root;
    use std::sync::Arc;

    use crate::proto::transfer::hello::{Accept, Capabilities};

    fn totals(entries: u64, complete: bool) -> Totals {
        Totals { entries, bytes: 3 * entries, complete }
    }

    /// Returns a folder with nine files of three bytes as an offering, and the count of it.
    #[allow(clippy::disallowed_methods)]
    fn nine() -> (tempfile::TempDir, Offering, TotalsReporter, Instant) {
        let place = tempfile::tempdir().unwrap();
        (0..9).for_each(|number| std::fs::write(place.path().join(number.to_string()), "abc").unwrap());
        let roots = vec![Root::Folder { folder: Folder::open(place.path()).unwrap(), name: Vec::new() }];
        let offering = Offering::new(roots, SymlinkPolicy::Skip, Arc::default());
        let start = Instant::now();
        assert!(TotalsReporter::new(Start::Accepted(Accept::plain()), &offering, start).is_none());
        let accept = Accept { capabilities: Capabilities::ALL, ..Accept::plain() };
        let totals_reporter = TotalsReporter::new(Start::Accepted(accept), &offering, start).unwrap();
        (place, offering, totals_reporter, start)
    }

    #[test]
    fn the_count_keeps_within_sight_of_what_was_offered() {
        let (_place, mut offering, mut totals_reporter, start) = nine();
        // The first name is that of the folder.
        totals_reporter.max_ahead = 5;
        assert_eq!(totals_reporter.look_ahead(start), (Some(totals(4, false)), false));
        assert_eq!(totals_reporter.look_ahead(start + INTERVAL), (None, false));
        assert_eq!([(); 2].map(|()| totals_reporter.record_offer(offering.next().as_ref())), [None; 2]);
        // Not sooner than a client draws it.
        assert_eq!(totals_reporter.look_ahead(start), (None, false));
        assert_eq!(totals_reporter.look_ahead(start + INTERVAL), (Some(totals(6, false)), false));
        // Except for the final totals.
        totals_reporter.max_ahead = MAX_AHEAD;
        assert_eq!(totals_reporter.look_ahead(start), (Some(totals(9, true)), false));
    }

    #[test]
    fn the_last_word_is_what_was_offered() {
        for (is_counted, is_new, due) in
            [(true, false, None), (true, true, Some(totals(10, true))), (false, false, Some(totals(9, true)))]
        {
            let (place, mut offering, mut totals_reporter, start) = nine();
            if is_counted {
                assert_eq!(totals_reporter.look_ahead(start), (Some(totals(9, true)), false));
            }
            if is_new {
                std::fs::write(place.path().join("new"), "abc").unwrap();
            }
            for offered in &mut offering {
                assert_eq!(totals_reporter.record_offer(Some(&offered)), None);
            }
            assert_eq!(totals_reporter.record_offer(None), due);
        }
    }
}
