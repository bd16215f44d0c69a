//! A server's: how much there is, told to the client that wants to know, while it is sent.
//!
//! What a client asks for in a few bytes must not cost more than that client's turns: the count has no thread of its own,
//! goes on while the session lasts, and only so far ahead of what the client has been offered.

use std::time::{Duration, Instant};

use super::offering::{Count, Next, Offering};
use super::{Sending, Start};
use crate::net::stream::Stream;
use crate::proto::transfer::frame::Totals;
use crate::proto::transfer::hello::Accept;

/// Names that are looked at in a turn where the session would wait, and in one that sends all that it may: on a slow disk
/// the files themselves come first.
const WAITING_NAMES: u64 = 1024;
const BUSY_NAMES: u64 = 128;
/// How many more names may have been looked at than were offered.
const MOST_AHEAD: u64 = 1 << 18;
/// The client hears of it so often, at most: it shows no more.
const INTERVAL: Duration = Duration::from_millis(100);

/// The count, and what was told of it.
pub(super) struct Telling {
    count: Count,
    offered: Totals,
    /// How many names that took, those included that were left out.
    names: u64,
    told: Totals,
    next: Instant,
    /// In the turn before this one the session had to wait, or there was none.
    waits: bool,
    most_ahead: u64,
}

impl Telling {
    /// Where that was agreed, and there is a folder.
    pub(super) fn new(start: Start, offering: &Offering, now: Instant) -> Option<Telling> {
        let Start::Accepted(Accept { totals: true, .. }) = start else { return None };
        let (offered, told) = (Totals::default(), Totals::default());
        let count = offering.count()?;
        let (names, next, waits, most_ahead) = (0, now, true, MOST_AHEAD);
        Some(Telling { count, offered, names, told, next, waits, most_ahead })
    }

    /// Looks at some more names. What is to be told, and whether there are more to look at now.
    fn look_ahead(&mut self, now: Instant) -> (Option<Totals>, bool) {
        let names = if self.waits { WAITING_NAMES } else { BUSY_NAMES };
        let room = (self.names + self.most_ahead).saturating_sub(self.count.looked_at());
        let goes_on = self.count.look_at(names.min(room)) && room > names;
        let found = self.count.found();
        let is_due = found != self.told && (found.complete || now >= self.next);
        if is_due {
            (self.told, self.next) = (found, now + INTERVAL);
        }
        (is_due.then_some(found), goes_on)
    }

    /// Takes note of what is offered next. What is to be told: behind the last, the sums are known.
    fn note(&mut self, next: Option<&Next>) -> Option<Totals> {
        self.names += 1;
        match next {
            Some(Next::Entry(offered)) => {
                self.offered.entries += 1;
                self.offered.bytes = self.offered.bytes.saturating_add(offered.entry.size.unwrap_or(0));
                None
            }
            Some(Next::Skipped(_)) => None,
            None => Some(Totals { complete: true, ..self.offered }).filter(|all| *all != self.told),
        }
    }
}

impl<S: Stream> Sending<S> {
    /// Looks at some more names, and tells what was found, ahead of what is sent next. True if there are more to look at
    /// now: the session does not wait then.
    pub(super) fn look_ahead(&mut self, now: Instant) -> bool {
        let Some(telling) = &mut self.telling else { return false };
        let (found, goes_on) = telling.look_ahead(now);
        found.into_iter().for_each(|totals| self.machine.found(totals));
        goes_on
    }

    /// Whether there was nothing more to be done in this turn.
    pub(super) fn note_waiting(&mut self, waits: bool) {
        if let Some(telling) = &mut self.telling {
            telling.waits = waits;
        }
    }

    /// Takes note of what is offered next; with the last of it the count is over.
    pub(super) fn note_offered(&mut self, next: Option<&Next>) {
        let all = self.telling.as_mut().and_then(|telling| telling.note(next));
        all.into_iter().for_each(|totals| self.machine.found(totals));
        if next.is_none() {
            self.telling = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Folder, Links};
    use crate::transfer::send::offering::Root;
    use std::sync::Arc;

    fn totals(entries: u64, complete: bool) -> Totals {
        Totals { entries, bytes: 3 * entries, complete }
    }

    /// A folder with nine files of three bytes, as it is offered, and the count of it.
    #[allow(clippy::disallowed_methods)]
    fn nine() -> (tempfile::TempDir, Offering, Telling, Instant) {
        let place = tempfile::tempdir().unwrap();
        (0..9).for_each(|number| std::fs::write(place.path().join(number.to_string()), "abc").unwrap());
        let roots = vec![Root::Folder { folder: Folder::open(place.path()).unwrap(), name: Vec::new() }];
        let offering = Offering::new(roots, Links::Skip, Arc::default());
        let start = Instant::now();
        assert!(Telling::new(Start::Accepted(Accept::plain()), &offering, start).is_none());
        let accept = Accept { totals: true, ..Accept::plain() };
        let telling = Telling::new(Start::Accepted(accept), &offering, start).unwrap();
        (place, offering, telling, start)
    }

    #[test]
    fn the_count_keeps_within_sight_of_what_was_offered() {
        let (_place, mut offering, mut telling, start) = nine();
        // The first name is that of the folder.
        telling.most_ahead = 5;
        assert_eq!(telling.look_ahead(start), (Some(totals(4, false)), false));
        assert_eq!(telling.look_ahead(start + INTERVAL), (None, false));
        assert_eq!([(); 2].map(|()| telling.note(offering.next().as_ref())), [None; 2]);
        // Not sooner than anybody shows it.
        assert_eq!(telling.look_ahead(start), (None, false));
        assert_eq!(telling.look_ahead(start + INTERVAL), (Some(totals(6, false)), false));
        // But for the last word.
        telling.most_ahead = MOST_AHEAD;
        assert_eq!(telling.look_ahead(start), (Some(totals(9, true)), false));
    }

    #[test]
    fn the_last_word_is_what_was_offered() {
        for (is_counted, is_new, due) in
            [(true, false, None), (true, true, Some(totals(10, true))), (false, false, Some(totals(9, true)))]
        {
            let (place, mut offering, mut telling, start) = nine();
            if is_counted {
                assert_eq!(telling.look_ahead(start), (Some(totals(9, true)), false));
            }
            if is_new {
                std::fs::write(place.path().join("new"), "abc").unwrap();
            }
            for offered in &mut offering {
                assert_eq!(telling.note(Some(&offered)), None);
            }
            assert_eq!(telling.note(None), due);
        }
    }
}
