//! State of a session that waits for a name which another session writes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// State of a session that waits for a name.
#[derive(Default)]
pub(super) struct Backoff {
    /// An earlier session of the same client has ended: its last work may take a moment more.
    pub(super) is_successor: bool,
    /// The wait for a live session has failed once: later names do not wait.
    pub(super) in_vain: bool,
    /// Start of the wait.
    pub(super) since: Option<Instant>,
    /// The other session has reported that it sends the same file from the same address.
    pub(super) is_own: Arc<AtomicBool>,
    pub(super) next_look: Option<Instant>,
}

impl Backoff {
    /// Ends the wait, and returns how long it took.
    pub(super) fn end(&mut self, now: Instant) -> Duration {
        self.next_look = None;
        self.is_own = Arc::default();
        self.since.take().map_or(Duration::ZERO, |since| now - since)
    }
}
