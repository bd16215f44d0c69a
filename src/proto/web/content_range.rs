//! `Content-Range`: RFC 9110, 14.4. Written in answers, read in a `PUT` that sends a part (14.5).

use std::ops::Range;

use crate::proto::http::number;

/// Returns the value for a part of a content.
pub fn of_part(part: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", part.start, part.end.saturating_sub(1))
}

/// Returns the value of an answer with status 416.
pub fn of_none(size_bytes: u64) -> String {
    format!("bytes */{size_bytes}")
}

/// The part of a file that a request sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPart {
    /// Its bytes, at least one.
    pub bytes: Range<u64>,
    /// The size of the whole file; `None`: not known yet (`*`).
    pub size_bytes: Option<u64>,
}

impl SentPart {
    /// Returns whether a body of this length has all of it.
    pub fn has_length(&self, length_bytes: u64) -> bool {
        self.bytes.end.checked_sub(self.bytes.start) == Some(length_bytes)
    }

    /// Returns whether the file ends with it.
    pub fn is_last(&self) -> bool {
        self.size_bytes == Some(self.bytes.end)
    }
}

/// A `Content-Range` that says nothing certain: status 400. RFC 9110, 14.4: it must not be combined with anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Parses the values of all `Content-Range` fields of a request. `None`: there is no such field.
///
/// # Errors
/// It is there twice, malformed, in another unit, without positions (`*/SIZE`), or beyond its own size.
pub fn parse<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Result<Option<SentPart>, Malformed> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => parse_value(value).map(Some).ok_or(Malformed),
        (Some(_), Some(_)) => Err(Malformed),
    }
}

fn parse_value(value: &[u8]) -> Option<SentPart> {
    let (unit, rest) = value.split_at(memchr::memchr(b' ', value)?);
    let (positions, size) = rest.split_at(memchr::memchr(b'/', rest)?);
    let (first, last) = positions.split_at(memchr::memchr(b'-', positions)?);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let size_bytes = match size.get(1..)? {
        b"*" => None,
        digits => Some(number(digits)?),
    };
    let bytes = number(first.get(1..)?)?..number(last.get(1..)?)?.checked_add(1)?;
    let is_within = size_bytes.is_none_or(|size| bytes.end <= size);
    (!bytes.is_empty() && is_within).then_some(SentPart { bytes, size_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<Option<SentPart>, Malformed> {
        parse([value.as_bytes()])
    }

    #[test]
    fn a_part_is_read_as_curl_sends_it() {
        let part = |bytes: Range<u64>, size_bytes| Ok(Some(SentPart { bytes, size_bytes }));
        assert_eq!(of("bytes 0-999/1000"), part(0..1000, Some(1000)));
        assert_eq!(of("bytes 300-999/1000"), part(300..1000, Some(1000)));
        assert_eq!(of("Bytes 300-300/*"), part(300..301, None));
        let last = u64::MAX - 1;
        assert_eq!(of(&format!("bytes 0-{last}/{}", u64::MAX)), part(0..u64::MAX, Some(u64::MAX)));
        assert_eq!(parse([]), Ok(None));
        let part = SentPart { bytes: 300..1000, size_bytes: Some(1000) };
        assert!(part.has_length(700) && !part.has_length(1000) && part.is_last());
        assert!(!SentPart { bytes: 300..999, size_bytes: Some(1000) }.is_last());
        assert!(!SentPart { bytes: 300..999, size_bytes: None }.is_last());
    }

    #[test]
    fn what_says_nothing_certain_is_refused() {
        let table = [
            "",
            "bytes",
            "bytes ",
            "bytes */1000",
            "bytes */*",
            "bytes 0-999",
            "bytes 0-/1000",
            "bytes -5/1000",
            "bytes 5/1000",
            // `curl -C 300 -T -` sends this.
            "bytes 300-298/299",
            "bytes 0-1000/1000",
            "bytes 0-18446744073709551615/*",
            "bytes 18446744073709551616-18446744073709551617/*",
            "bytes=0-999/1000",
            "bytes  0-999/1000",
            "bytes 0 - 999/1000",
            "bytes 0-999 /1000",
            "bytes +0-999/1000",
            "lines 0-999/1000",
            "bytes 0-999/1000, bytes 0-9/10",
            "bytes 0-999/1000/1000",
            "bytes 0-9-9/1000",
        ];
        for value in table {
            assert_eq!(of(value), Err(Malformed), "{value}");
        }
        assert_eq!(parse([&b"bytes 0-9/10"[..], b"bytes 0-9/10"]), Err(Malformed));
    }

    #[test]
    fn what_is_written_can_be_read() {
        for range in [0..1, 0..1000, 999..1000] {
            let part = SentPart { bytes: range.clone(), size_bytes: Some(1000) };
            assert_eq!(of(&of_part(&range, 1000)), Ok(Some(part)));
        }
        assert_eq!(of_none(1000), "bytes */1000");
    }
}
