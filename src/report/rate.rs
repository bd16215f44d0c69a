//! The rate of a transfer as it is shown: steady, and yet that of the last seconds.

use std::time::Instant;

/// The age, in seconds, at which a moment has a tenth of its weight.
const TENTH_AFTER_SECONDS: f64 = 15.0;

/// An exponentially weighted moving average of a rate.
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

    /// Returns the rate in bytes per second, given the total of `bytes` moved by now. 0 at the start.
    pub(super) fn update(&mut self, bytes: u64, now: Instant) -> f64 {
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

/// The weight in the average of everything before the last `seconds`.
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
        assert_eq!(meter.update(50, now), 0.0);
        let (mut bytes, mut rate) = (0, 0.0);
        for _ in 0..300 {
            (now, bytes) = (now + TICK, bytes + 1000);
            rate = meter.update(bytes, now);
            assert!((rate - 10_000.0).abs() < 1e-6, "{rate}");
        }
        // Asked again at the same time.
        assert_eq!(meter.update(bytes, now), rate);
        for _ in 0..150 {
            now += TICK;
            let next = meter.update(bytes, now);
            assert!(next < rate, "{next} after {rate}");
            rate = next;
        }
        assert!((900.0..1100.0).contains(&rate), "{rate}");
    }

    #[test]
    fn how_often_it_is_asked_makes_no_difference() {
        let start = Instant::now();
        let (mut often, mut seldom) = (RateMeter::new(start), RateMeter::new(start));
        let rates = (1..=50).map(|tick| often.update(u64::from(tick) * 7, start + TICK * tick));
        let last = rates.last().unwrap();
        assert!((last - seldom.update(350, start + TICK * 50)).abs() < 1e-9);
    }
}
