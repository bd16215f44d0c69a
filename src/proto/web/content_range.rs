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
