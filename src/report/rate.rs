//! The rate of a transfer, as people are shown it: steady, and yet that of the last seconds.

use std::time::Instant;

/// The age, in seconds, at which a moment counts a tenth of the present one.
const TENTH_AFTER_SECONDS: f64 = 15.0;

/// An average rate in which older moments count less.
pub(super) struct RateMeter {
    start: Instant,
    last: Instant,
    bytes: u64,
    /// The average, as if the time before the start had been one without bytes.
    average: f64,
}

impl RateMeter {
    pub(super) fn new(now: Instant) -> RateMeter {
        RateMeter { start: now, last: now, bytes: 0, average: 0.0 }
    }

    /// The rate in bytes per second, when `bytes` have been moved in all. 0 at the start.
    pub(super) fn of(&mut self, bytes: u64, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.last).as_secs_f64();
        if seconds > 0.0 {
            let rate = bytes.saturating_sub(self.bytes) as f64 / seconds;
            let older = weight(seconds);
            self.average = self.average * older + rate * (1.0 - older);
            (self.last, self.bytes) = (now, bytes);
        }
        let before_start = weight(self.last.saturating_duration_since(self.start).as_secs_f64());
        if before_start < 1.0 { self.average / (1.0 - before_start) } else { 0.0 }
    }
}

/// The share that all before the last `seconds` has in an average.
fn weight(seconds: f64) -> f64 {
    0.1_f64.powf(seconds / TENTH_AFTER_SECONDS)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TICK: Duration = Duration::from_millis(100);

    #[test]
    fn an_even_rate_is_known_at_once_and_a_pause_is_seen() {
        let mut now = Instant::now();
        let mut meter = RateMeter::new(now);
        assert_eq!(meter.of(50, now), 0.0);
        let (mut bytes, mut rate) = (0, 0.0);
        for _ in 0..300 {
            (now, bytes) = (now + TICK, bytes + 1000);
            rate = meter.of(bytes, now);
            assert!((rate - 10_000.0).abs() < 1e-6, "{rate}");
        }
        // Asked again at the same time.
        assert_eq!(meter.of(bytes, now), rate);
        for _ in 0..150 {
            now += TICK;
            let next = meter.of(bytes, now);
            assert!(next < rate, "{next} after {rate}");
            rate = next;
        }
        assert!((900.0..1100.0).contains(&rate), "{rate}");
    }

    #[test]
    fn how_often_it_is_asked_makes_no_difference() {
        let start = Instant::now();
        let (mut often, mut seldom) = (RateMeter::new(start), RateMeter::new(start));
        let rates = (1..=50).map(|tick| often.of(u64::from(tick) * 7, start + TICK * tick));
        let last = rates.last().unwrap();
        assert!((last - seldom.of(350, start + TICK * 50)).abs() < 1e-9);
    }
}
