//! The wall clock, for what people and other programs read: dates in answers and logs. Nothing is timed by it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day, asked for once a second at most.
#[derive(Debug, Default)]
pub struct WallClock {
    seconds: u64,
    /// When the second is over.
    next: Option<Instant>,
}

impl WallClock {
    /// The seconds since 1970, if they are others than when it was asked last. `now` is the turn's time. A clock that
    /// is set is noticed within a second.
    pub fn new_second(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        let time = since_1970();
        let is_first = self.next.is_none();
        self.next = Some(now + (Duration::from_secs(1) - Duration::from_nanos(time.subsec_nanos().into())));
        (std::mem::replace(&mut self.seconds, time.as_secs()) != time.as_secs() || is_first)
            .then_some(self.seconds)
    }
}

/// The time of day, since 1970. Before that the clock is wrong, and no date is better than another.
#[allow(clippy::disallowed_methods)]
pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
