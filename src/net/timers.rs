//! Deadlines of sessions, in order.

use std::collections::BTreeSet;
use std::time::Instant;

use rustc_hash::FxHashMap;

/// Deadlines by session number; each session has one at most.
///
/// Most deadlines are moved to later times again and again and never reached. So a deadline that moves to a later time
/// stays queued at its old time, and is queued anew when that is reached.
#[derive(Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, usize)>,
    by_session: FxHashMap<usize, Timer>,
}

struct Timer {
    deadline: Instant,
    /// The time at which it is queued: its deadline or before.
    queued_at: Instant,
}

impl Timers {
    /// Sets, moves or (with `None`) removes a session's deadline.
    pub(crate) fn set(&mut self, session: usize, deadline: Option<Instant>) {
        match (self.by_session.get_mut(&session), deadline) {
            (None, None) => {}
            (Some(timer), Some(new)) if new >= timer.queued_at => timer.deadline = new,
            (old, _) => {
                if let Some(old) = old {
                    self.by_time.remove(&(old.queued_at, session));
                }
                match deadline {
                    Some(new) => self.enqueue(session, new),
                    None => drop(self.by_session.remove(&session)),
                }
            }
        }
    }

    fn enqueue(&mut self, session: usize, deadline: Instant) {
        self.by_session.insert(session, Timer { deadline, queued_at: deadline });
        self.by_time.insert((deadline, session));
    }

    /// When to check next: at the earliest deadline or before.
    pub(crate) fn next_check(&self) -> Option<Instant> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// Removes and returns a session whose deadline is not after `now`.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<usize> {
        loop {
            let &(queued_at, session) = self.by_time.first().filter(|(time, _)| *time <= now)?;
            self.by_time.remove(&(queued_at, session));
            match self.by_session.remove(&session) {
                Some(timer) if timer.deadline > now => self.enqueue(session, timer.deadline),
                _ => return Some(session),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_move_and_expire_in_order() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(1, Some(at(5)));
        timers.set(2, Some(at(3)));
        timers.set(1, Some(at(1)));
        assert_eq!(timers.next_check(), Some(at(1)));
        assert_eq!(timers.pop_expired(start), None);
        assert_eq!(timers.pop_expired(at(9)), Some(1));
        assert_eq!(timers.pop_expired(at(9)), Some(2));
        assert_eq!(timers.pop_expired(at(9)), None);
        timers.set(2, Some(at(4)));
        timers.set(2, None);
        assert_eq!(timers.next_check(), None);
    }

    #[test]
    fn a_deadline_that_moves_out_and_back_is_met() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(1, Some(at(2)));
        timers.set(1, Some(at(8)));
        timers.set(2, Some(at(5)));
        assert_eq!(timers.pop_expired(at(4)), None);
        assert_eq!(timers.next_check(), Some(at(5)));
        assert_eq!((timers.pop_expired(at(6)), timers.pop_expired(at(6))), (Some(2), None));
        timers.set(1, Some(at(9)));
        timers.set(1, Some(at(7)));
        assert_eq!(
            (timers.pop_expired(at(7)), timers.pop_expired(at(9)), timers.next_check()),
            (Some(1), None, None)
        );
    }
}
