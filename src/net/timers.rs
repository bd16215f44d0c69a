//! Deadlines of sessions, in order.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// Deadlines by session number; each session has one at most.
#[derive(Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, usize)>,
    by_session: HashMap<usize, Instant>,
}

impl Timers {
    /// Sets, moves or (with `None`) removes a session's deadline.
    pub(crate) fn set(&mut self, session: usize, deadline: Option<Instant>) {
        if self.by_session.get(&session).copied() == deadline {
            return;
        }
        if let Some(old) = self.by_session.remove(&session) {
            self.by_time.remove(&(old, session));
        }
        if let Some(new) = deadline {
            self.by_session.insert(session, new);
            self.by_time.insert((new, session));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// Takes out a session whose deadline is not after `now`.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<usize> {
        let &(time, session) = self.by_time.first()?;
        if time > now {
            return None;
        }
        self.set(session, None);
        Some(session)
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
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.expired(start), None);
        assert_eq!(timers.expired(at(9)), Some(1));
        assert_eq!(timers.expired(at(9)), Some(2));
        assert_eq!(timers.expired(at(9)), None);
        timers.set(2, Some(at(4)));
        timers.set(2, None);
        assert_eq!(timers.next(), None);
    }
}
