//! Heads that are in order once they are written anew: of a higher minor version, or typed by a person.

use httparse::{Error, Request, Status};

use super::{
    BAD_REQUEST, FIELDS_TOO_LARGE, MAX_FIELDS_BYTES, MAX_LINE_BYTES, Refusal, bare_line_feed, no_fields,
};

/// A head in other words.
#[derive(Debug)]
pub struct Anew {
    /// As it would have to be; what was not looked at is left out.
    pub bytes: Vec<u8>,
    /// What the head takes of the input, where that is not what it takes of `bytes`.
    pub used: Option<usize>,
    /// Every line ends with LF alone, or only the last and empty one. Such a head has no body, and nothing comes behind it.
    pub is_typed: bool,
}

/// What may be made of a head that is refused.
pub(super) enum Reading {
    /// Nothing: it stays refused.
    Refused,
    /// Nothing, and not for its version.
    Wrong(Refusal),
    /// There must be more of it first.
    More,
    /// Something that is to be read in its place.
    Anew(Anew),
}

/// Looks again at a head that was refused.
///
/// RFC 9110, 2.5: a minor version that is not known is taken for the highest that is. RFC 9112, 2.2: LF alone may be taken for
/// the end of a line, which is what people type. Whoever reads such a head in another way takes more bytes for it; so it has no
/// body, and what comes behind it is not read at all: nothing can be hidden there.
pub(super) fn read(input: &[u8]) -> Reading {
    let window = &input[..input.len().min(MAX_LINE_BYTES + MAX_FIELDS_BYTES)];
    let line_end = memchr::memchr(b'\n', window);
    let line = &window[..line_end.unwrap_or(window.len())];
    let is_typed = line_end.is_some() && !line.ends_with(b"\r");
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
        return Reading::Anew(Anew { bytes, used: Some(last + 1), is_typed: true });
    }
    if !is_typed {
        // Without a higher version it is refused for something else.
        return if minor > b'1' {
            Reading::Anew(Anew { bytes, used: None, is_typed })
        } else {
            Reading::Wrong(BAD_REQUEST)
        };
    }
    let end = memchr::memmem::find(window, b"\n\n").map(|end| end + 2);
    if memchr::memchr(b'\r', &window[..end.unwrap_or(window.len())]).is_some() {
        return Reading::Wrong(BAD_REQUEST);
    }
    let lines = bytes[..end.unwrap_or(bytes.len())].split_inclusive(|&byte| byte == b'\n');
    let anew: Vec<u8> = lines
        .flat_map(|line| match line.strip_suffix(b"\n") {
            Some(line) => [line, b"\r\n"].concat(),
            None => line.to_vec(),
        })
        .collect();
    match end {
        Some(_) => Reading::Anew(Anew { bytes: anew, used: end, is_typed }),
        // What is wrong already is refused now, so that the pieces in which it comes make no difference.
        None => match fault(&anew) {
            Some(refusal) => Reading::Wrong(refusal),
            None if window.len() < MAX_LINE_BYTES + MAX_FIELDS_BYTES => Reading::More,
            None => Reading::Wrong(FIELDS_TOO_LARGE),
        },
    }
}

/// What is wrong with the beginning of a head, if anything is.
fn fault(bytes: &[u8]) -> Option<Refusal> {
    match Request::new(&mut []).parse_with_uninit_headers(bytes, &mut no_fields()) {
        Ok(Status::Partial) => None,
        Err(Error::TooManyHeaders) => Some(FIELDS_TOO_LARGE),
        _ => Some(BAD_REQUEST),
    }
}
