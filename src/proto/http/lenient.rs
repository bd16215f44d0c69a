//! Heads that are valid once they are rewritten: of a higher minor version, or typed by a person.

use httparse::{Error, Request, Status};

use super::{
    BAD_REQUEST, ErrorStatus, FIELDS_TOO_LARGE, MAX_FIELDS_BYTES, MAX_LINE_BYTES, bare_line_feed, no_fields,
};

/// A head in another form.
#[derive(Debug)]
pub struct RewrittenHead {
    /// The strict form; fields that were not parsed are left out.
    pub bytes: Vec<u8>,
    /// Bytes of the input that the head takes, if they differ from `bytes`.
    pub used: Option<usize>,
    /// Every line, or only the last and empty one, ends with LF alone. Such a head has no body, and nothing after it is
    /// read.
    pub has_bare_line_feeds: bool,
}

/// Result of reading a refused head again.
pub(super) enum Reading {
    /// It stays refused.
    Refused,
    /// It stays refused, for another reason than its version.
    Wrong(ErrorStatus),
    /// More of it is needed.
    More,
    /// This form is read in its place.
    Rewritten(RewrittenHead),
}

/// Reads a refused head again.
///
/// RFC 9110, 2.5: an unknown minor version is treated as the highest known one. RFC 9112, 2.2: LF alone may count as
/// the end of a line, which is what people type. A program that reads such a head in another way takes more bytes for
/// it; so it has no body, and nothing after it is read: nothing can be hidden there.
pub(super) fn read(input: &[u8]) -> Reading {
    let window = &input[..input.len().min(MAX_LINE_BYTES + MAX_FIELDS_BYTES)];
    let line_end = memchr::memchr(b'\n', window);
    let line = &window[..line_end.unwrap_or(window.len())];
    let has_bare_line_feeds = line_end.is_some() && !line.ends_with(b"\r");
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    let version =
        words.nth(2).filter(|_| words.next().is_none()).and_then(|word| word.strip_prefix(b"HTTP/1."));
    let Some(&[minor @ b'0'..=b'9']) = version else { return Reading::Refused };
    let mut bytes = window.to_vec();
    if minor > b'1' {
        bytes[line.len() - 1] = b'1';
    }
    // `echo -e "GET / HTTP/1.0\r\n"`
    let last = memchr::memmem::find(window, b"\r\n\n").map(|place| place + 2);
    if let Some(last) = last.filter(|&last| bare_line_feed(&window[..last]).is_none()) {
        bytes.truncate(last);
        bytes.extend_from_slice(b"\r\n");
        return Reading::Rewritten(RewrittenHead { bytes, used: Some(last + 1), has_bare_line_feeds: true });
    }
    if !has_bare_line_feeds {
        // Without a higher version it is refused for something else.
        return if minor > b'1' {
            Reading::Rewritten(RewrittenHead { bytes, used: None, has_bare_line_feeds })
        } else {
            Reading::Wrong(BAD_REQUEST)
        };
    }
    let end = memchr::memmem::find(window, b"\n\n").map(|end| end + 2);
    if memchr::memchr(b'\r', &window[..end.unwrap_or(window.len())]).is_some() {
        return Reading::Wrong(BAD_REQUEST);
    }
    let lines = bytes[..end.unwrap_or(bytes.len())].split_inclusive(|&byte| byte == b'\n');
    let rewritten: Vec<u8> = lines
        .flat_map(|line| match line.strip_suffix(b"\n") {
            Some(line) => [line, b"\r\n"].concat(),
            None => line.to_vec(),
        })
        .collect();
    match end {
        Some(_) => Reading::Rewritten(RewrittenHead { bytes: rewritten, used: end, has_bare_line_feeds }),
        // A fault that is certain is reported now, so that the pieces in which a head comes make no difference.
        None => match fault(&rewritten) {
            Some(refusal) => Reading::Wrong(refusal),
            None if window.len() < MAX_LINE_BYTES + MAX_FIELDS_BYTES => Reading::More,
            None => Reading::Wrong(FIELDS_TOO_LARGE),
        },
    }
}

/// Returns the fault at the beginning of a head, if there is one.
fn fault(bytes: &[u8]) -> Option<ErrorStatus> {
    match Request::new(&mut []).parse_with_uninit_headers(bytes, &mut no_fields()) {
        Ok(Status::Partial) => None,
        Err(Error::TooManyHeaders) => Some(FIELDS_TOO_LARGE),
        _ => Some(BAD_REQUEST),
    }
}
