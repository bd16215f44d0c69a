//! Contention for a name: which of two sessions waits, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::entry::Entry;

/// A session without traffic for this long makes way for another that wants the same name.
pub const STALE_AFTER: Duration = Duration::from_secs(10);
/// The same if the other session is from the same address and sends the same file: its client has returned.
pub const OWN_STALE_AFTER: Duration = Duration::from_secs(1);
/// How long to wait for a session that was asked to make way.
pub const LIMIT: Duration = Duration::from_secs(2);
/// The same for a session that seems to be alive: its client may have reconnected before the server noticed the loss.
pub const GRACE: Duration = Duration::from_secs(1);
/// The same for a session that sends the same file from the same address: bytes that its client sent before an
/// interruption may still be on their way.
pub const OWN_LIMIT: Duration = Duration::from_secs(10);
/// The same for a blocking task of an earlier session that was hashing when it ended: it takes as long as the part is
/// large.
pub const SUCCESSOR_LIMIT: Duration = Duration::from_secs(30);
/// Interval at which a session that waits looks again.
pub const STEP: Duration = Duration::from_millis(50);

/// Size in bytes and modification time (seconds, nanoseconds): distinguishes two files of one name before they are
/// read.
pub type Version = (Option<u64>, i64, u32);

/// Returns the version of an offered file.
pub fn version(entry: &Entry) -> Version {
    (entry.size, entry.mtime_seconds, entry.mtime_nanoseconds)
}

/// Returns the limit that a session which holds a wanted name has exceeded by its silence: it makes way. `is_own`:
/// the session that wants it sends the same file from the same address.
pub fn makes_way(silence: Duration, is_own: bool) -> Option<Duration> {
    let limit = if is_own { OWN_STALE_AFTER } else { STALE_AFTER };
    (silence >= limit).then_some(limit)
}

/// State of a session that waits for a name.
#[derive(Debug, Default)]
pub struct Backoff {
    /// An earlier session of the same client has ended: its last work may take a moment more.
    is_successor: bool,
    /// The wait for a live session has failed once: later names do not wait.
    in_vain: bool,
    /// Start of the wait.
    since: Option<Instant>,
    /// The other session has reported that it sends the same file from the same address.
    is_own: Arc<AtomicBool>,
    next_look: Option<Instant>,
}

impl Backoff {
    /// Creates the state; a successor of an earlier session of the same client waits longer.
    pub fn new(is_successor: bool) -> Backoff {
        Backoff { is_successor, ..Backoff::default() }
    }

    /// Returns whether to wait for a session that writes this name: then [`Backoff::next_look`] is the time of the next
    /// try. The wait for a live session is short. `want` asks the others to make way
    /// ([`Registration::want`](super::roster::Registration::want)), and returns whether one of them is stale.
    pub fn waits(&mut self, want: impl FnOnce(&Arc<AtomicBool>) -> bool, now: Instant) -> bool {
        let is_asked = want(&self.is_own);
        let is_own = self.is_own.load(Ordering::Relaxed);
        // The stale session need not be the one that has this name: it shortens no other wait.
        let limit = match (self.is_successor, self.in_vain) {
            (true, _) => SUCCESSOR_LIMIT,
            (false, false) if is_own => OWN_LIMIT,
            (false, _) if is_asked => LIMIT,
            (false, false) => GRACE,
            (false, true) => Duration::ZERO,
        };
        let since = *self.since.get_or_insert(now);
        let waits = now < since + limit;
        self.next_look = waits.then_some(now + STEP);
        if !waits {
            (self.in_vain, self.is_successor) = (true, false);
        }
        waits
    }

    /// Returns when to try again; `None` if the session does not wait.
    pub fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Returns whether the next try is still to come. A session that is woken before does not try: it would wake others
    /// that wait for the same name, and they would wake it.
    pub fn is_early(&self, now: Instant) -> bool {
        self.next_look.is_some_and(|next| now < next)
    }

    /// Puts off a try that was due and could not be made, for example because the peer does not read.
    pub fn put_off(&mut self, now: Instant) {
        if let Some(next) = self.next_look.as_mut().filter(|next| **next <= now) {
            *next = now + STEP;
        }
    }

    /// Ends the wait, and returns how long it took.
    pub fn end(&mut self, now: Instant) -> Duration {
        self.next_look = None;
        self.is_own = Arc::default();
        self.since.take().map_or(Duration::ZERO, |since| now - since)
    }
}
