//! The head of a part, and the boundary between parts.

use httparse::{EMPTY_HEADER, Status};
use percent_encoding::percent_decode;

use super::MultipartFault;

/// The most fields of a part.
const MAX_FIELDS: usize = 16;
/// The most bytes of a boundary: RFC 2046, 5.1.1.
const MAX_BOUNDARY_BYTES: usize = 70;

/// What a part is. Both values come from the client: they may be empty, and hold any byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// The name of the form's field.
    pub name: Vec<u8>,
    /// The name of the file. Browsers name a file of a chosen folder with its path. `None`: the part is no file.
    pub filename: Option<Vec<u8>>,
}

impl PartHead {
    /// Parses the head of a part, with the empty line after it.
    ///
    /// # Errors
    /// [`MultipartFault::Head`] or [`MultipartFault::Coded`].
    pub(super) fn parse(head: &[u8]) -> Result<PartHead, MultipartFault> {
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let is_bare = memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r');
        let fields = match httparse::parse_headers(head, &mut fields) {
            Ok(Status::Complete((used, fields))) if used == head.len() && !is_bare => fields,
            _ => return Err(MultipartFault::Head),
        };
        let mut part = None;
        for field in fields {
            if field.name.eq_ignore_ascii_case("content-disposition") {
                let of_this = disposition(field.value).ok_or(MultipartFault::Head)?;
                if part.replace(of_this).is_some() {
                    return Err(MultipartFault::Head);
                }
            }
            // RFC 7578, 4.7: deprecated. These name no coding.
            let is_plain = || {
                [&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| field.value.eq_ignore_ascii_case(plain))
            };
            if field.name.eq_ignore_ascii_case("content-transfer-encoding") && !is_plain() {
                return Err(MultipartFault::Coded);
            }
        }
        part.ok_or(MultipartFault::Head)
    }
}

/// Reads a `Content-Disposition` (RFC 7578, 4.2). `None`: it is another one, it has no name, or it has two.
fn disposition(value: &[u8]) -> Option<PartHead> {
    let (kind, mut rest) = value.split_at(value.iter().position(|&byte| byte == b';').unwrap_or(value.len()));
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let (mut name, mut filename) = (None, None);
    while let Some(parameter) = parameter(rest)? {
        rest = parameter.rest;
        let key = parameter.name;
        let (slot, value) = if key.eq_ignore_ascii_case(b"name") {
            (&mut name, unescaped(&parameter.value))
        } else if key.eq_ignore_ascii_case(b"filename") {
            (&mut filename, unescaped(&parameter.value))
        } else if key.eq_ignore_ascii_case(b"filename*") {
            (&mut filename, extended(&parameter.value)?)
        } else {
            continue;
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(PartHead { name: name?, filename })
}

/// Returns the boundary that a `Content-Type` names, if it is that of a form with files (RFC 2046, 5.1.1).
pub(super) fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let (kind, mut rest) = content_type.split_at(content_type.iter().position(|&byte| byte == b';')?);
    if !kind.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data") {
        return None;
    }
    let mut boundary = None;
    while let Some(parameter) = parameter(rest)? {
        rest = parameter.rest;
        if parameter.name.eq_ignore_ascii_case(b"boundary") && boundary.replace(parameter.value).is_some() {
            return None;
        }
    }
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    boundary.filter(|boundary| {
        (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len())
            && boundary.iter().all(is_allowed)
            && !boundary.ends_with(b" ")
    })
}

struct Parameter<'v> {
    name: &'v [u8],
    value: Vec<u8>,
    rest: &'v [u8],
}

/// Reads `;name=value` or `;name="value"` at the beginning. `Some(None)`: nothing is left. `None`: it is something else.
///
/// Of the escapes only that of a quote is undone: browsers escape no backslash (HTML, "multipart/form-data").
fn parameter(text: &[u8]) -> Option<Option<Parameter<'_>>> {
    let text = text.trim_ascii_start();
    let Some((b';', text)) = text.split_first() else {
        return if text.is_empty() { Some(None) } else { None };
    };
    let text = text.trim_ascii_start();
    // A semicolon at the end is not followed by anything.
    if text.is_empty() {
        return Some(None);
    }
    let (name, text) = text.split_at(text.iter().position(|&byte| byte == b'=')?);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        return None;
    }
    let text = &text[1..];
    let Some((b'"', mut text)) = text.split_first() else {
        let end = text.iter().position(|&byte| byte == b';').unwrap_or(text.len());
        let value = text[..end].trim_ascii_end();
        let is_value = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\".contains(byte);
        let is_complete = !value.is_empty() && value.iter().all(is_value);
        return is_complete.then(|| Some(Parameter { name, value: value.to_vec(), rest: &text[end..] }));
    };
    let mut value = Vec::new();
    loop {
        let (&byte, after) = text.split_first()?;
        text = match (byte, after) {
            (b'"', _) => return Some(Some(Parameter { name, value, rest: after })),
            (b'\\', [b'"', after @ ..]) => {
                value.push(b'"');
                after
            }
            _ => {
                value.push(byte);
                after
            }
        };
    }
}

/// Undoes what browsers do to quotes and line ends in names, and to nothing else.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let (plain, after) = match rest {
            [b'%', b'2', b'2', after @ ..] => (b'"', after),
            [b'%', b'0', b'A' | b'a', after @ ..] => (b'\n', after),
            [b'%', b'0', b'D' | b'd', after @ ..] => (b'\r', after),
            _ => (byte, after),
        };
        text.push(plain);
        rest = after;
    }
    text
}

/// Decodes `UTF-8''%E2%82%AC` (RFC 8187, 3.2), which older clients send against RFC 7578.
fn extended(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = value.splitn(3, |&byte| byte == b'\'');
    let (charset, text) = (parts.next()?, parts.nth(1)?);
    let decoded: Vec<u8> = percent_decode(text).collect();
    let is_utf8 = charset.eq_ignore_ascii_case(b"utf-8") && std::str::from_utf8(&decoded).is_ok();
    is_utf8.then_some(decoded)
}
