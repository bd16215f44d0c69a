//! Times as UTC dates, without a clock.

use core::fmt;

/// A second in the years 1 to 9999, in UTC. It is shown as `2026-01-31 12:00`, and with `{:#}` in the form of RFC 3339:
/// `2026-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcDate {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
}

const SECONDS_PER_DAY: i64 = 86_400;
/// The seconds since 1970 of the first second of the year 1, and of the year 10000.
const RANGE: core::ops::Range<i64> = -62_135_596_800..253_402_300_800;

impl UtcDate {
    /// Converts seconds since 1970. `None` outside the years 1 to 9999.
    pub fn new(seconds: i64) -> Option<UtcDate> {
        if !RANGE.contains(&seconds) {
            return None;
        }
        // Years begin in March here, so that the day of a leap year is the last one. 400 of them have 146097 days.
        const DAYS_FROM_MARCH_0_TO_1970: i64 = 719_468;
        let days = seconds.div_euclid(SECONDS_PER_DAY) + DAYS_FROM_MARCH_0_TO_1970;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Five months in a row from March, and again from August, have 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Some(UtcDate { year, month, day, second_of_day: seconds.rem_euclid(SECONDS_PER_DAY) })
    }
}

impl fmt::Display for UtcDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UtcDate { year, month, day, second_of_day } = self;
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        if f.alternate() {
            write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        } else {
            write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let of = |seconds| format!("{:#}", UtcDate::new(seconds).unwrap());
        assert_eq!(of(0), "1970-01-01T00:00:00Z");
        assert_eq!(of(-1), "1969-12-31T23:59:59Z");
        assert_eq!(of(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(of(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(of(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(of(RANGE.start), "0001-01-01T00:00:00Z");
        assert_eq!(of(RANGE.end - 1), "9999-12-31T23:59:59Z");
        assert_eq!((UtcDate::new(RANGE.start - 1), UtcDate::new(RANGE.end)), (None, None));
        assert_eq!(UtcDate::new(1_796_047_500).unwrap().to_string(), "2026-11-30 14:05");
    }

    #[test]
    fn they_agree_with_another_library() {
        for day in 0..60_000 {
            let seconds = day * SECONDS_PER_DAY + day % SECONDS_PER_DAY;
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.unsigned_abs());
            let other = humantime::format_rfc3339_seconds(time).to_string();
            assert_eq!(format!("{:#}", UtcDate::new(seconds).unwrap()), other);
        }
    }
}
