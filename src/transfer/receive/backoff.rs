//! How long a session has waited for a name that another one writes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What a session that waits for a name knows.
#[derive(Default)]
pub(super) struct Backoff {
    /// An earlier session of the same client has ended: what it was busy with may take a moment more.
    pub(super) is_successor: bool,
    /// One that goes on was waited for in vain: others are not.
    pub(super) in_vain: bool,
    /// It waits since then.
    pub(super) since: Option<Instant>,
    /// The other session has said that it sends the same file from the same address.
    pub(super) is_own: Arc<AtomicBool>,
    pub(super) next_look: Option<Instant>,
}

impl Backoff {
    /// The name is free, or given up. Returns how long it was waited for.
    pub(super) fn end(&mut self, now: Instant) -> Duration {
        self.next_look = None;
        self.is_own = Arc::default();
        self.since.take().map_or(Duration::ZERO, |since| now - since)
    }
}
