//! An answer's head, as a client reads it: RFC 9110 and RFC 9112. Strict and bounded.

use std::fmt;

use httparse::{EMPTY_HEADER, Error, Header, Response, Status};

use super::head::{elements, number};
use super::{MAX_FIELDS, bare_line_feed, has_no_body};

/// The longest head of an answer, in bytes, its end included.
pub const MAX_RESPONSE_HEAD_BYTES: usize = 32 << 10;

/// How long the body of an answer is (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseLength {
    /// This many bytes.
    Counted(u64),
    /// Chunks, of which the last one is empty.
    Chunked,
    /// Everything up to the end of the connection: a cut cannot be told from the end.
    ToEnd,
}

/// The value of `Content-Range` (RFC 9110, 14.4), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte, and the one after the last; `None` for `*`, a range that cannot be had.
    pub range: Option<(u64, u64)>,
    /// The size of the whole; `None` for `*`.
    pub size: Option<u64>,
}

/// The head of a valid answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status: 100 to 999.
    pub status: u16,
    /// The length of its body.
    pub length: ResponseLength,
    /// True if the server keeps the connection open for another request.
    pub keeps_alive: bool,
    /// A strong entity tag, with its quotes.
    pub strong_etag: Option<String>,
    /// The range of a 206 or 416.
    pub content_range: Option<ContentRange>,
    /// Where the answer is, as it was sent.
    pub location: Option<Vec<u8>>,
    /// The first content coding that is not `identity`.
    pub coding: Option<String>,
    /// The time of modification, as it was sent.
    pub last_modified: Option<String>,
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFault {
    /// They do not begin as HTTP/1 does.
    NotHttp,
    /// A violation of the grammar, or fields that contradict each other.
    Malformed,
    /// A head over the limit, or too many of status 1xx.
    TooLong,
    /// A transfer coding other than `chunked`.
    Coding,
    /// The connection has ended before the answer has.
    Cut,
}

impl fmt::Display for ResponseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseFault::NotHttp => "the server does not speak HTTP/1.1",
            ResponseFault::Malformed => "the server's answer breaks the rules of HTTP",
            ResponseFault::TooLong => "the head of the server's answer is longer than 32 KiB",
            ResponseFault::Coding => "the server's answer has a transfer coding that was not asked for",
            ResponseFault::Cut => "the connection ended before the answer was complete",
        })
    }
}

/// Parses a head at the beginning of `input`, and returns its length. `None`: it is incomplete.
pub(super) fn parse(input: &[u8]) -> Result<Option<(usize, ResponseHead)>, ResponseFault> {
    const BEGIN: &[u8] = b"HTTP/1.";
    let known = input.len().min(BEGIN.len());
    if input[..known] != BEGIN[..known] {
        return Err(ResponseFault::NotHttp);
    }
    let window = &input[..input.len().min(MAX_RESPONSE_HEAD_BYTES)];
    // Of several faults the first one counts, so that the pieces in which an answer arrives make no difference.
    let bare = bare_line_feed(head_of(window));
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut response = Response::new(&mut fields);
    let used = match response.parse(&window[..bare.unwrap_or(window.len())]) {
        Ok(Status::Complete(used)) if bare.is_none() => used,
        Ok(Status::Partial) if bare.is_none() && window.len() < MAX_RESPONSE_HEAD_BYTES => return Ok(None),
        Ok(Status::Partial) if bare.is_none() => return Err(ResponseFault::TooLong),
        Err(Error::TooManyHeaders) => return Err(ResponseFault::TooLong),
        _ => return Err(ResponseFault::Malformed),
    };
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(ResponseFault::Malformed);
    };
    if !(100..=999).contains(&status) || minor > 1 {
        return Err(ResponseFault::Malformed);
    }
    Meaning::of(response.headers)?.head(status, minor).map(|head| Some((used, head)))
}

/// The bytes up to the end of the head, as far as they are there.
fn head_of(window: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(window, b"\r\n\r\n").map_or(window.len(), |end| end + 4);
    &window[..end]
}

/// The fields that matter.
#[derive(Default)]
struct Meaning<'b> {
    length: Option<u64>,
    chunked: Option<bool>,
    closes: bool,
    keeps_alive: bool,
    etag: Option<&'b [u8]>,
    content_range: Option<&'b [u8]>,
    location: Option<&'b [u8]>,
    coding: Option<&'b [u8]>,
    last_modified: Option<&'b [u8]>,
}

impl<'b> Meaning<'b> {
    fn of(fields: &[Header<'b>]) -> Result<Meaning<'b>, ResponseFault> {
        let mut meaning = Meaning::default();
        for field in fields {
            let value = field.value.trim_ascii();
            let once = |place: &mut Option<&'b [u8]>| match place.replace(value) {
                None => Ok(()),
                Some(_) => Err(ResponseFault::Malformed),
            };
            match &field.name.to_ascii_lowercase()[..] {
                "content-length" => {
                    let length = number(value).ok_or(ResponseFault::Malformed)?;
                    if meaning.length.replace(length).is_some_and(|other| other != length) {
                        return Err(ResponseFault::Malformed);
                    }
                }
                "transfer-encoding" => {
                    let is_chunked = meaning.chunked.is_none() && value.eq_ignore_ascii_case(b"chunked");
                    meaning.chunked = Some(is_chunked);
                }
                "connection" => {
                    for option in elements(value) {
                        meaning.closes |= option.eq_ignore_ascii_case(b"close");
                        meaning.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                "etag" => once(&mut meaning.etag)?,
                "content-range" => once(&mut meaning.content_range)?,
                "location" => once(&mut meaning.location)?,
                "last-modified" => once(&mut meaning.last_modified)?,
                "content-encoding" => {
                    let mut codings = elements(value);
                    let other = codings.find(|coding| !coding.eq_ignore_ascii_case(b"identity"));
                    meaning.coding = meaning.coding.or(other);
                }
                _ => {}
            }
        }
        Ok(meaning)
    }

    fn head(self, status: u16, minor: u8) -> Result<ResponseHead, ResponseFault> {
        let length = match (self.length, self.chunked) {
            _ if has_no_body(status) && status != 205 => ResponseLength::Counted(0),
            // RFC 9112, 6.1 and 6.3: such an answer may mean two things.
            (Some(_), Some(_)) => return Err(ResponseFault::Malformed),
            (None, Some(true)) if minor == 1 => ResponseLength::Chunked,
            (None, Some(_)) => return Err(ResponseFault::Coding),
            (Some(length), None) => ResponseLength::Counted(length),
            (None, None) => ResponseLength::ToEnd,
        };
        let content_range = match (self.content_range, status) {
            (Some(value), 206 | 416) => Some(content_range(value).ok_or(ResponseFault::Malformed)?),
            _ => None,
        };
        let text = |value: &[u8]| std::str::from_utf8(value).ok().map(str::to_owned);
        Ok(ResponseHead {
            status,
            length,
            keeps_alive: length != ResponseLength::ToEnd && !self.closes && (minor == 1 || self.keeps_alive),
            strong_etag: self.etag.filter(|tag| is_strong_etag(tag)).and_then(text),
            content_range,
            location: self.location.map(<[u8]>::to_vec),
            coding: self.coding.map(|coding| String::from_utf8_lossy(coding).into_owned()),
            last_modified: self.last_modified.and_then(text),
        })
    }
}

/// Returns whether a value is a strong entity tag of printable ASCII (RFC 9110, 8.8.3). Tags with other bytes are not
/// used.
fn is_strong_etag(value: &[u8]) -> bool {
    match value {
        [b'"', inner @ .., b'"'] => inner.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"'),
        _ => false,
    }
}

fn content_range(value: &[u8]) -> Option<ContentRange> {
    let (unit, rest) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes ") {
        return None;
    }
    let mut parts = rest.split(|byte| *byte == b'/');
    let (range, size, None) = (parts.next()?, parts.next()?, parts.next()) else { return None };
    let size = if size == b"*" { None } else { Some(number(size)?) };
    if range == b"*" {
        return Some(ContentRange { range: None, size });
    }
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (number(&range[..dash])?, number(&range[dash + 1..])?);
    let end = last.checked_add(1)?;
    let is_valid = first < end && size.is_none_or(|size| end <= size);
    is_valid.then_some(ContentRange { range: Some((first, end)), size })
}
