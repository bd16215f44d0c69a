//! Bodies in chunks, and their trailers: RFC 9112, 7.1.

use httparse::{EMPTY_HEADER, Error, Status, parse_chunk_size, parse_headers};

use super::{
    BAD_REQUEST, ErrorStatus, FIELDS_TOO_LARGE, MAX_FIELDS, MAX_FIELDS_BYTES, TOO_LARGE, bare_line_feed,
};

/// The longest line with a chunk's size, in bytes. Extensions are ignored.
const MAX_SIZE_LINE_BYTES: usize = 256;

/// The position in a body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunked {
    /// At a size.
    Size,
    /// In the content of a chunk, this many bytes before its end.
    Content(u64),
    /// At the line end after a chunk's content.
    ContentEnd,
    /// After the last chunk.
    Trailers,
}

/// The meaning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// More is needed.
    More,
    /// Only framing.
    Framing,
    /// A part of the body.
    Content(&'b [u8]),
    /// The end of the body.
    End,
}

impl Chunked {
    /// Parses the beginning of `input` and returns the number of bytes taken. `left` is the number of bytes that the
    /// body may still have.
    pub(super) fn parse<'b>(
        &mut self,
        input: &'b [u8],
        left: &mut u64,
    ) -> Result<(usize, Piece<'b>), ErrorStatus> {
        match *self {
            Chunked::Size => {
                let Some((used, size)) = size_line(input)? else { return Ok((0, Piece::More)) };
                *left = left.checked_sub(size).ok_or(TOO_LARGE)?;
                *self = if size == 0 { Chunked::Trailers } else { Chunked::Content(size) };
                Ok((used, Piece::Framing))
            }
            Chunked::Content(_) if input.is_empty() => Ok((0, Piece::More)),
            Chunked::Content(rest) => {
                let count = usize::try_from(rest).unwrap_or(usize::MAX).min(input.len());
                *self = match rest - count as u64 {
                    0 => Chunked::ContentEnd,
                    rest => Chunked::Content(rest),
                };
                Ok((count, Piece::Content(&input[..count])))
            }
            Chunked::ContentEnd => match input {
                [b'\r', b'\n', ..] => {
                    *self = Chunked::Size;
                    Ok((2, Piece::Framing))
                }
                [] | [b'\r'] => Ok((0, Piece::More)),
                _ => Err(BAD_REQUEST),
            },
            Chunked::Trailers => match trailers(input)? {
                Some(used) => Ok((used, Piece::End)),
                None => Ok((0, Piece::More)),
            },
        }
    }
}

/// Parses a size line, and returns its length and the size.
fn size_line(input: &[u8]) -> Result<Option<(usize, u64)>, ErrorStatus> {
    let window = &input[..input.len().min(MAX_SIZE_LINE_BYTES)];
    // httparse takes no digit at all for 0, spaces before the line's end, and any byte in an extension.
    let digits = window.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = &window[digits..];
    let blanks = rest.iter().take_while(|byte| b" \t".contains(byte)).count();
    let is_wrong = match (digits, rest.get(blanks)) {
        (0, behind) => behind.is_some() || blanks > 0,
        (_, Some(b';') | None) => false,
        (_, Some(b'\r')) => blanks > 0,
        _ => true,
    };
    match parse_chunk_size(window) {
        Ok(Status::Complete((used, size))) if !is_wrong && is_clean(&window[..used - 2]) => {
            Ok(Some((used, size)))
        }
        Ok(Status::Partial) if !is_wrong && window.len() < MAX_SIZE_LINE_BYTES => {
            let is_ending = window.last() == Some(&b'\r');
            let line = &window[..window.len() - usize::from(is_ending)];
            if is_clean(line) { Ok(None) } else { Err(BAD_REQUEST) }
        }
        _ => Err(BAD_REQUEST),
    }
}

/// Returns whether a line has no control byte but the tab.
fn is_clean(line: &[u8]) -> bool {
    line.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Returns the length of the trailers, the empty line after them included. They are checked and ignored.
fn trailers(input: &[u8]) -> Result<Option<usize>, ErrorStatus> {
    let window = &input[..input.len().min(MAX_FIELDS_BYTES)];
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    match parse_headers(window, &mut fields) {
        Ok(Status::Complete((used, _))) if bare_line_feed(&window[..used]).is_none() => Ok(Some(used)),
        Ok(Status::Partial) if bare_line_feed(window).is_none() => {
            if window.len() < MAX_FIELDS_BYTES {
                Ok(None)
            } else {
                Err(FIELDS_TOO_LARGE)
            }
        }
        _ => {
            // Of several faults the first one counts.
            let end = bare_line_feed(window).unwrap_or(window.len());
            match parse_headers(&window[..end], &mut [EMPTY_HEADER; MAX_FIELDS]) {
                Err(Error::TooManyHeaders) => Err(FIELDS_TOO_LARGE),
                _ => Err(BAD_REQUEST),
            }
        }
    }
}
