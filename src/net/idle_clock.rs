//! The idle limit: a session that moves no byte for this long has failed.

use std::time::{Duration, Instant};

use crate::error::{Error, Exit};

/// Watches the count of bytes that a session has sent and received.
pub(crate) struct IdleClock {
    limit: Option<Duration>,
    /// The last count, and when it changed.
    moved: (u64, Instant),
    /// Rescheduling a timer on every byte would be wasted work: this one is looked at when it is due.
    look_at: Option<Instant>,
}

impl IdleClock {
    /// A clock that begins at `now`. Without a limit it never fails.
    pub(crate) fn new(limit: Option<Duration>, now: Instant) -> IdleClock {
        IdleClock { limit, moved: (0, now), look_at: limit.map(|limit| now + limit) }
    }

    /// Compares the count of bytes with the last one.
    ///
    /// # Errors
    /// With [`Exit::TimedOut`] if it has not changed for as long as the limit.
    pub(crate) fn check(&mut self, moved: u64, now: Instant) -> Result<(), Error> {
        if moved != self.moved.0 {
            self.moved = (moved, now);
        }
        let Some(limit) = self.limit.filter(|_| self.look_at.is_some_and(|due| now >= due)) else {
            return Ok(());
        };
        let end = self.moved.1 + limit;
        self.look_at = Some(end);
        if now < end {
            return Ok(());
        }
        let limit = humantime::format_duration(limit);
        let text = format!("nothing was sent or received for {limit} (see --idle-timeout)");
        Err(Error::new(Exit::TimedOut, text))
    }

    /// Starts over at `now`.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.moved.1 = now;
        self.look_at = self.limit.map(|limit| now + limit);
    }

    /// When to check again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }
}
