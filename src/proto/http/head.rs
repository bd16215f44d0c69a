//! A request's head: its line, its fields, and their meaning for body and connection.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Status};

use super::{
    BAD_REQUEST, EXPECTATION_FAILED, ErrorStatus, FIELDS_TOO_LARGE, MAX_FIELDS, MAX_FIELDS_BYTES,
    MAX_LINE_BYTES, MAX_TARGET_BYTES, Method, NOT_IMPLEMENTED, TARGET_TOO_LONG, TOO_LARGE,
    VERSION_NOT_SUPPORTED, bare_line_feed, target,
};

/// A buffer for the fields of one request, on the caller's stack.
pub type FieldBuffer<'b> = [MaybeUninit<Header<'b>>; MAX_FIELDS];

/// Returns an empty buffer.
pub fn no_fields<'b>() -> FieldBuffer<'b> {
    [const { MaybeUninit::uninit() }; MAX_FIELDS]
}

/// The head of a valid request.
#[derive(Debug)]
pub struct RequestHead<'h, 'b> {
    /// The kind of its method.
    pub method: Method,
    /// The method as it was sent.
    pub method_text: &'b str,
    /// The request target as it was sent.
    pub target: &'b str,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// All fields, in their order.
    pub fields: &'h [Header<'b>],
    /// True if the client keeps the connection open for another request.
    pub keeps_alive: bool,
    /// True if the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// True if a body follows.
    pub has_body: bool,
}

/// The delimitation of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// A length in bytes; 0 without a body.
    Counted(u64),
    /// Chunks, of which the last one is empty.
    Chunked,
}

/// Parses a head at the beginning of `input`, which does not begin with a line end, and returns its length. `None`: it
/// is incomplete.
pub(super) fn parse<'h, 'b>(
    input: &'b [u8],
    fields: &'h mut FieldBuffer<'b>,
    max_body_bytes: u64,
) -> Result<Option<(usize, RequestHead<'h, 'b>, BodyLength)>, ErrorStatus> {
    // Bytes beyond the limits are not parsed: a fault there must not hide that a limit was exceeded.
    let line_end = memchr::memchr(b'\n', &input[..input.len().min(MAX_LINE_BYTES)]);
    let most = line_end.map_or(MAX_LINE_BYTES, |end| end + 1 + MAX_FIELDS_BYTES);
    let window = &input[..input.len().min(most)];
    let mut request = Request::new(&mut []);
    let used = match request.parse_with_uninit_headers(window, fields) {
        Ok(Status::Complete(used)) if bare_line_feed(&window[..used]).is_none() => used,
        Ok(Status::Partial) if bare_line_feed(window).is_none() => {
            return match line_end {
                _ if window.len() < most => Ok(None),
                Some(_) => Err(FIELDS_TOO_LARGE),
                None => Err(TARGET_TOO_LONG),
            };
        }
        _ => return Err(first_fault(window)),
    };
    let (Some(method_text), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(BAD_REQUEST);
    };
    if target.len() > MAX_TARGET_BYTES {
        return Err(TARGET_TOO_LONG);
    }
    let method = match method_text {
        "GET" | "POST" | "PUT" | "PATCH" | "DELETE" => Method::Answered,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        "CONNECT" => return Err(NOT_IMPLEMENTED),
        _ => Method::Unknown,
    };
    target::check(target, method)?;
    let meaning = Meaning::of(request.headers, minor)?;
    let body_length = meaning.body_length(minor, max_body_bytes)?;
    let has_body = body_length != BodyLength::Counted(0);
    let head = RequestHead {
        method,
        method_text,
        target,
        minor,
        fields: request.headers,
        keeps_alive: !meaning.closes && (minor == 1 || meaning.keeps_alive),
        expects_continue: meaning.expects && has_body,
        has_body,
    };
    Ok(Some((used, head, body_length)))
}

/// Returns the first of several faults, so that the pieces in which a request arrives make no difference.
#[cold]
fn first_fault(window: &[u8]) -> ErrorStatus {
    let end = bare_line_feed(window).unwrap_or(window.len());
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(&window[..end], &mut no_fields()) {
        Err(Error::TooManyHeaders) => FIELDS_TOO_LARGE,
        Err(Error::Version) if names_a_version(window) => VERSION_NOT_SUPPORTED,
        _ => BAD_REQUEST,
    }
}

/// Returns true if the third word is HTTP and a number. The rest of it is not checked: it may not have arrived yet.
fn names_a_version(window: &[u8]) -> bool {
    let version = window.splitn(3, |&byte| byte == b' ').nth(2).and_then(|word| word.strip_prefix(b"HTTP/"));
    version.and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
}

/// The fields that matter to the connection.
#[derive(Default)]
struct Meaning<'b> {
    hosts: usize,
    length: Option<&'b [u8]>,
    /// `None`: no transfer coding; `Some(false)`: something other than `chunked` alone.
    chunked: Option<bool>,
    closes: bool,
    keeps_alive: bool,
    expects: bool,
}

impl<'b> Meaning<'b> {
    fn of(fields: &[Header<'b>], minor: u8) -> Result<Meaning<'b>, ErrorStatus> {
        let mut meaning = Meaning::default();
        for field in fields {
            // Most names differ in their length from these.
            match field.name.len() {
                4 if field.name.eq_ignore_ascii_case("host") => {
                    meaning.hosts += 1;
                    target::check_host(field.value)?;
                }
                6 if minor == 1 && field.name.eq_ignore_ascii_case("expect") => {
                    if !field.value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(EXPECTATION_FAILED);
                    }
                    meaning.expects = true;
                }
                10 if field.name.eq_ignore_ascii_case("connection") => {
                    for option in elements(field.value) {
                        meaning.closes |= option.eq_ignore_ascii_case(b"close");
                        meaning.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if field.name.eq_ignore_ascii_case("content-length") => {
                    match meaning.length.replace(field.value) {
                        None => {}
                        Some(_) => return Err(BAD_REQUEST),
                    }
                }
                17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                    meaning.add_codings(field.value)?
                }
                _ => {}
            }
        }
        // RFC 9112, 3.2: exactly one with 1.1, at most one with 1.0.
        if meaning.hosts > 1 || (meaning.hosts == 0 && minor == 1) {
            return Err(BAD_REQUEST);
        }
        Ok(meaning)
    }

    /// Adds transfer codings. RFC 9112, 6.1 and 6.3: `chunked` must be the last coding, and cannot be there twice.
    fn add_codings(&mut self, value: &[u8]) -> Result<(), ErrorStatus> {
        for coding in elements(value) {
            match (coding.eq_ignore_ascii_case(b"chunked"), self.chunked) {
                (true, None) => self.chunked = Some(true),
                (true, Some(false)) => return Err(NOT_IMPLEMENTED),
                (false, None | Some(false)) => self.chunked = Some(false),
                (_, Some(true)) => return Err(BAD_REQUEST),
            }
        }
        match self.chunked {
            // The field is there, and empty.
            None => Err(BAD_REQUEST),
            Some(_) => Ok(()),
        }
    }

    fn body_length(&self, minor: u8, max_body_bytes: u64) -> Result<BodyLength, ErrorStatus> {
        match (self.length, self.chunked) {
            (None, None) => Ok(BodyLength::Counted(0)),
            (None, Some(true)) if minor == 1 => Ok(BodyLength::Chunked),
            (_, Some(_)) => Err(BAD_REQUEST),
            (Some(digits), None) => match number(digits).ok_or(BAD_REQUEST)? {
                length if length > max_body_bytes => Err(TOO_LARGE),
                length => Ok(BodyLength::Counted(length)),
            },
        }
    }
}

/// Splits a comma-separated list, without empty elements (RFC 9110, 5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Parses a number of digits only: no sign, no list, and not over 2^64 - 1.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
