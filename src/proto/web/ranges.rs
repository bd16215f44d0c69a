//! Byte ranges: RFC 9110, 14.1 and 14.2.

use std::ops::Range;

/// The most ranges of an answer. More than these, or overlapping ones, cost much and are sent by nobody in good faith
/// (RFC 9110, 17.15).
pub const MAX_RANGES: usize = 16;

/// The bytes of a content that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// All of it: there is no `Range` field, or one that is not obeyed.
    Whole,
    /// One range, not empty, within the content.
    One(Range<u64>),
    /// 2 to 16 of them, ascending and not overlapping.
    Many(Vec<Range<u64>>),
    /// None of them begins within the content: status 416.
    Unsatisfiable,
}

/// Parses the values of all `Range` fields, for a content of this size. A field that is malformed, in another unit, or
/// there twice is not obeyed; neither are more than 16 ranges, or ones that overlap or descend.
pub fn parse<'v>(values: impl IntoIterator<Item = &'v [u8]>, size_bytes: u64) -> Ranges {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => parse_value(value, size_bytes).unwrap_or(Ranges::Whole),
        _ => Ranges::Whole,
    }
}

fn parse_value(value: &[u8], size_bytes: u64) -> Option<Ranges> {
    let (unit, set) = value.split_at(memchr::memchr(b'=', value)?);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let (mut found, mut is_set) = (Vec::new(), false);
    for element in set.get(1..)?.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        // RFC 9110, 5.6.1: empty elements do not count.
        if element.is_empty() {
            continue;
        }
        is_set = true;
        let spec = Spec::parse(element)?;
        // All of an empty content, which no range can express.
        if matches!(spec, Spec::Suffix(1..)) && size_bytes == 0 {
            return None;
        }
        let Some(range) = spec.within(size_bytes) else { continue };
        if found.last().is_some_and(|last: &Range<u64>| range.start < last.end) || found.len() == MAX_RANGES {
            return None;
        }
        found.push(range);
    }
    Some(match (found.len(), found.pop()) {
        (_, None) if is_set => Ranges::Unsatisfiable,
        (_, None) => return None,
        (1, Some(range)) => Ranges::One(range),
        (_, Some(range)) => {
            found.push(range);
            Ranges::Many(found)
        }
    })
}

/// One element of a `Range` field. Numbers over 2^64 - 1 are that: no content is as long.
enum Spec {
    /// From the first position, to the last one if there is one.
    Positions(u64, Option<u64>),
    /// This many bytes at the end.
    Suffix(u64),
}

impl Spec {
    fn parse(element: &[u8]) -> Option<Spec> {
        let (first, last) = element.split_at(memchr::memchr(b'-', element)?);
        let last = last.get(1..)?;
        match (first, last) {
            (b"", last) => number(last).map(Spec::Suffix),
            (first, b"") => Some(Spec::Positions(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Spec::Positions(first, Some(last)))
            }
        }
    }

    /// Returns the part that is in the content, if there is one.
    fn within(&self, size_bytes: u64) -> Option<Range<u64>> {
        let range = match *self {
            Spec::Positions(first, None) => first..size_bytes,
            Spec::Positions(first, Some(last)) => first..last.saturating_add(1).min(size_bytes),
            Spec::Suffix(length) => size_bytes.saturating_sub(length)..size_bytes,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// Parses digits, at least one.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        digits
            .iter()
            .fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str, size_bytes: u64) -> Ranges {
        parse([value.as_bytes()], size_bytes)
    }

    #[test]
    fn one_range_is_clamped_to_the_content() {
        let unsatisfiable = None;
        let table: &[(&str, Option<Range<u64>>)] = &[
            ("bytes=0-0", Some(0..1)),
            ("bytes=0-", Some(0..1000)),
            ("bytes=0-999", Some(0..1000)),
            ("bytes=0-1000", Some(0..1000)),
            ("bytes=999-", Some(999..1000)),
            ("bytes=999-999", Some(999..1000)),
            ("bytes=1000-", unsatisfiable.clone()),
            ("bytes=1000-2000", unsatisfiable.clone()),
            ("bytes=500-9223372036854775807", Some(500..1000)),
            ("bytes=500-9223372036854775808", Some(500..1000)),
            ("bytes=500-18446744073709551615", Some(500..1000)),
            ("bytes=500-18446744073709551616", Some(500..1000)),
            ("bytes=500-99999999999999999999999999999999", Some(500..1000)),
            ("bytes=9223372036854775808-", unsatisfiable.clone()),
            ("bytes=18446744073709551615-18446744073709551615", unsatisfiable.clone()),
            ("bytes=18446744073709551616-", unsatisfiable.clone()),
            ("bytes=-1", Some(999..1000)),
            ("bytes=-1000", Some(0..1000)),
            ("bytes=-1001", Some(0..1000)),
            ("bytes=-18446744073709551615", Some(0..1000)),
            ("bytes=-18446744073709551616", Some(0..1000)),
            ("bytes=-0", unsatisfiable.clone()),
            ("bytes=-00", unsatisfiable.clone()),
            ("BYTES=0005-07", Some(5..8)),
            ("bytes= , 5-7 ,\t,", Some(5..8)),
            ("bytes=5-7,2000-", Some(5..8)),
            ("bytes=-0,5-7", Some(5..8)),
            ("bytes=-0,1000-", unsatisfiable),
        ];
        for (value, range) in table {
            let expected = range.clone().map_or(Ranges::Unsatisfiable, Ranges::One);
            assert_eq!(of(value, 1000), expected, "{value}");
        }
    }

    #[test]
    fn anything_else_is_not_obeyed() {
        let table = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=5",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=+5-7",
            "bytes=5-+7",
            "bytes=--5",
            "bytes=5--7",
            "bytes=5-7-9",
            "bytes=5 -7",
            "bytes=5- 7",
            "bytes =5-7",
            "bytes:5-7",
            "bytes=0x5-7",
            "bytes=5-7;",
            "bytes=5-7 8-9",
            "items=5-7",
            "byte=5-7",
            "=5-7",
            "bytes=5-7,x",
            "bytes=5-7,6-8",
            "bytes=5-7,7-8",
            "bytes=5-7,0-1",
            "bytes=-1,0-1",
            "bytes=0-,0-",
            "bytes=0-9,-995",
            "bytes=5-7,9-8",
            "bytes=18446744073709551616-4",
        ];
        for value in table {
            assert_eq!(of(value, 1000), Ranges::Whole, "{value}");
        }
        assert_eq!(parse([], 1000), Ranges::Whole);
        assert_eq!(parse([&b"bytes=0-1"[..], b"bytes=0-1"], 1000), Ranges::Whole);
    }

    #[test]
    fn an_empty_content_has_no_range() {
        assert_eq!(of("bytes=0-", 0), Ranges::Unsatisfiable);
        assert_eq!(of("bytes=0-0", 0), Ranges::Unsatisfiable);
        assert_eq!(of("bytes=-0", 0), Ranges::Unsatisfiable);
        assert_eq!(of("bytes=-1", 0), Ranges::Whole);
    }

    #[test]
    fn two_to_sixteen_ascending_ranges_are_several() {
        let many = |count: u64| {
            let specs: Vec<String> = (0..count).map(|n| format!("{}-{}", 2 * n, 2 * n)).collect();
            of(&format!("bytes={}", specs.join(",")), 1 << 20)
        };
        for count in 2..=16 {
            let expected: Vec<Range<u64>> = (0..count).map(|n| 2 * n..2 * n + 1).collect();
            assert_eq!(many(count), Ranges::Many(expected));
        }
        assert_eq!(many(17), Ranges::Whole);
        assert_eq!(many(1000), Ranges::Whole);
        // Ones that touch do not overlap.
        assert_eq!(of("bytes=0-4,5-9,-1", 1000), Ranges::Many(vec![0..5, 5..10, 999..1000]));
        assert_eq!(of("bytes=0-0,-1", u64::MAX), Ranges::Many(vec![0..1, u64::MAX - 1..u64::MAX]));
    }

    #[test]
    fn a_thousand_overlapping_ranges_cost_nothing() {
        let value = format!("bytes={}", vec!["0-"; 1000].join(","));
        assert_eq!(of(&value, 1 << 40), Ranges::Whole);
        let beyond = format!("bytes={}", vec!["9-"; 1000].join(","));
        assert_eq!(of(&beyond, 9), Ranges::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn what_is_obeyed_is_within_the_content(value in "bytes=[-0-9, ]{0,60}", size_bytes in 0_u64..200) {
            match of(&value, size_bytes) {
                Ranges::Whole | Ranges::Unsatisfiable => {}
                Ranges::One(range) => prop_assert!(range.start < range.end && range.end <= size_bytes),
                Ranges::Many(ranges) => {
                    prop_assert!((2..=MAX_RANGES).contains(&ranges.len()));
                    prop_assert!(ranges.iter().all(|range| !range.is_empty() && range.end <= size_bytes));
                    prop_assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
                }
            }
        }
    }
}
