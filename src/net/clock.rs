//! The monotonic clock.

use std::time::Instant;

/// Reads the clock: the one place that does. A reactor calls it once a turn and once before the wait, and reports are made
/// with it; a session is given its time.
#[allow(clippy::disallowed_methods)]
pub fn read_clock() -> Instant {
    Instant::now()
}
