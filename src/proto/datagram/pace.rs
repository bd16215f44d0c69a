//! Pacing of datagrams: by an interval, by a rate, or not at all.

use std::time::{Duration, Instant};

/// The longest delay that is made up for at once, so that a process that had to wait catches up.
const BURST: Duration = Duration::from_millis(20);

/// Spaces datagrams out.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Duration,
    bytes_per_second: Option<u64>,
    next_at: Option<Instant>,
}

impl Pace {
    /// Creates a pace with at least `interval` between two datagrams, and at most this many payload bytes per second.
    pub fn new(interval: Option<Duration>, bytes_per_second: Option<u64>) -> Pace {
        Pace { interval: interval.unwrap_or_default(), bytes_per_second, next_at: None }
    }

    /// Returns true if datagrams are never delayed.
    pub fn is_free(&self) -> bool {
        self.interval.is_zero() && self.bytes_per_second.is_none()
    }

    /// Returns when the next one may be sent; `None`: now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        self.next_at.filter(|next| *next > now)
    }

    /// Records that a datagram of this size was sent.
    pub fn sent(&mut self, size_bytes: usize, now: Instant) {
        let Some(rate) = self.bytes_per_second else {
            self.next_at = Some(now + self.interval);
            return;
        };
        // An empty datagram counts as one byte.
        let nanoseconds = size_bytes.max(1) as u128 * 1_000_000_000 / u128::from(rate.max(1));
        let due = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let from = self.next_at.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
        let by_rate = from + due;
        self.next_at = Some(if self.interval.is_zero() { by_rate } else { by_rate.max(now + self.interval) });
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// The number of datagrams in ten seconds, each sent as soon as it may be.
    fn in_ten_seconds(mut pace: Pace, size_bytes: usize) -> u64 {
        let start = Instant::now();
        let (mut now, mut count) = (start, 0);
        loop {
            now = pace.wait(now).unwrap_or(now);
            if now >= start + Duration::from_secs(10) {
                return count;
            }
            pace.sent(size_bytes, now);
            count += 1;
        }
    }

    #[test]
    fn an_interval_and_a_rate_are_kept() {
        let second = Duration::from_secs(1);
        assert_eq!(in_ten_seconds(Pace::new(Some(second), None), 9), 10);
        // A datagram that is due within the burst goes at once: 20 ms more than ten seconds.
        assert!((1000..=1003).contains(&in_ten_seconds(Pace::new(None, Some(100_000)), 1000)));
        assert_eq!(in_ten_seconds(Pace::new(Some(second), Some(1_000_000)), 1000), 10);
        assert!(Pace::new(None, None).is_free() && !Pace::new(Some(second), None).is_free());
    }

    #[test]
    fn waits_that_are_too_long_are_made_up_for() {
        let start = Instant::now();
        let (mut pace, mut count) = (Pace::new(None, Some(1_000_000)), 0);
        // Ten datagrams are due in each of the milliseconds that epoll counts in.
        for millisecond in 0..1000 {
            let now = start + Duration::from_millis(millisecond);
            while pace.wait(now).is_none() {
                pace.sent(100, now);
                count += 1;
            }
        }
        assert!((9990..=10_200).contains(&count), "{count}");
    }

    #[test]
    fn a_pause_is_made_up_for_by_one_burst_only() {
        let start = Instant::now();
        let mut pace = Pace::new(None, Some(1000));
        pace.sent(1000, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.wait(later), None);
        pace.sent(10, later);
        pace.sent(10, later);
        assert_eq!(pace.wait(later), None, "20 ms were saved up");
        pace.sent(10, later);
        assert_eq!(pace.wait(later), Some(later + Duration::from_millis(10)));
    }
}
