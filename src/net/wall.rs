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
    writable(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The last second whose year has four digits, since 1970: dates of later ones cannot be written in any form used here.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// A time since 1970, or the last one that can be written as a date.
pub fn writable(since_1970: Duration) -> Duration {
    since_1970.min(LAST_SECOND)
}

/// A time as HTTP writes it (RFC 9110, 5.6.7), in 29 bytes.
pub fn http_date(unix_seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + writable(Duration::from_secs(unix_seconds)))
}

/// Reads a time as HTTP writes it, in any of its forms (RFC 9110, 5.6.7): seconds since 1970. `None` for another text, and for
/// a time before that.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(time.as_secs()).ok()
}

/// The time of day as RFC 3339 writes it, in whole seconds of UTC.
pub fn utc_now() -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970()).to_string()
}

/// The time of day, in whole seconds since 1970.
pub fn unix_seconds_now() -> u64 {
    since_1970().as_secs()
}

/// [`http_date`] of now.
pub fn http_date_now() -> String {
    http_date(since_1970().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_29_bytes_at_any_time() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_http_date("yesterday"), None);
        for seconds in [253_402_300_799, 253_402_300_800, u64::MAX] {
            assert_eq!(http_date(seconds), "Fri, 31 Dec 9999 23:59:59 GMT");
        }
    }
}
