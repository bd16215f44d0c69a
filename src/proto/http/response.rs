//! Answers that are encoded once and sent many times.

use std::io::Write;
use std::sync::Arc;

/// A body over this size is not copied for each client.
const MAX_INLINE_BYTES: usize = 8 << 10;
/// Holds the place of the date: RFC 9110, 5.6.7.
const NO_DATE: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// The state of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It stays open, the default of HTTP/1.1.
    Stays,
    /// It stays open, which a client of HTTP/1.0 needs in a field.
    SaysStays,
    /// It ends.
    Closes,
}

impl Persistence {
    /// The field that says so, if one is needed.
    fn field(self) -> &'static [u8] {
        match self {
            Persistence::Stays => b"",
            Persistence::SaysStays => b"Connection: keep-alive\r\n",
            Persistence::Closes => b"Connection: close\r\n",
        }
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The head, and the body unless it is large.
    bytes: Vec<u8>,
    date_at: usize,
    /// Offset for further fields.
    fields_end: usize,
    large_body: Option<Arc<[u8]>>,
    status: u16,
    body_bytes: usize,
}

impl Response {
    /// Creates an answer with these fields and this body. `Content-Length` and the fields about the connection are
    /// added; [`Response::set_date`] sets the date.
    pub fn new<N: AsRef<str>, V: AsRef<[u8]>>(status: u16, fields: &[(N, V)], body: &[u8]) -> Response {
        let body = if has_no_body(status) { b"" } else { body };
        let mut bytes = Vec::new();
        let date_at = begin_head(&mut bytes, status, NO_DATE, fields);
        // RFC 9110, 8.6: not with 204; with 304 it would be that of another answer.
        if !matches!(status, 204 | 304) {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        let fields_end = bytes.len();
        bytes.extend_from_slice(b"\r\n");
        let large_body = (body.len() > MAX_INLINE_BYTES).then(|| Arc::from(body));
        if large_body.is_none() {
            bytes.extend_from_slice(body);
        }
        Response { bytes, date_at, fields_end, large_body, status, body_bytes: body.len() }
    }

    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the length of the body in bytes.
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Sets the date, of 29 bytes.
    pub fn set_date(&mut self, date: &str) {
        self.bytes[self.date_at..self.date_at + NO_DATE.len()].copy_from_slice(date.as_bytes());
    }

    /// Appends the answer, for HEAD without its body. Returns a large body: it comes next.
    pub fn write(&self, out: &mut Vec<u8>, persistence: Persistence, is_for_head: bool) -> Option<Arc<[u8]>> {
        let end = if is_for_head { self.fields_end + 2 } else { self.bytes.len() };
        out.extend_from_slice(&self.bytes[..self.fields_end]);
        out.extend_from_slice(persistence.field());
        out.extend_from_slice(&self.bytes[self.fields_end..end]);
        self.large_body.clone().filter(|_| !is_for_head)
    }
}

/// Appends the status line, the date and these fields. Returns the offset of the date.
fn begin_head<N: AsRef<str>, V: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    status: u16,
    date: &str,
    fields: &[(N, V)],
) -> usize {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {}\r\nDate: ", reason(status));
    let date_at = out.len();
    out.extend_from_slice(date.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        out.extend_from_slice(name.as_ref().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_ref());
        out.extend_from_slice(b"\r\n");
    }
    date_at
}

/// Appends the head of an answer whose body follows, of this length in bytes. `None`: the status has no length (RFC 9110, 8.6).
pub fn write_head<N: AsRef<str>, V: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    (status, date): (u16, &str),
    fields: &[(N, V)],
    length: Option<u64>,
    persistence: Persistence,
) {
    begin_head(out, status, date, fields);
    if let Some(length) = length {
        let _ = write!(out, "Content-Length: {length}\r\n");
    }
    out.extend_from_slice(persistence.field());
    out.extend_from_slice(b"\r\n");
}

/// Returns whether the status forbids a body. RFC 9110, 15: 1xx, 204 and 304 cannot have one, 205 must not.
pub fn has_no_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 205 | 304)
}

/// Returns whether the name is a token: RFC 9110, 5.1.
pub fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Returns whether the value is valid: RFC 9110, 5.5: no control byte but the tab, and no blank at either end.
pub fn is_field_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) && value.trim_ascii() == value
}

/// Returns the reason phrase: RFC 9110, 15, and the statuses of RFC 6585 that servers use. Empty for others.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        511 => "Network Authentication Required",
        _ => "",
    }
}
