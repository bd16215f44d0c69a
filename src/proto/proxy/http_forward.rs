//! A request and its answer on their way through a proxy: RFC 9110, section 7.6, and RFC 9112, section 3.2.
//!
//! One request for each connection, on both sides: bytes after a client's request never reach the server.

use core::fmt;

use super::http_connect::{MAX_INTERIM, parse_status};
use super::http_head::HeadReader;
use crate::proto::handshake::Handshake;
use crate::proto::http::{Exchange, RequestHead, number};

/// The most bytes of an answer's head: some servers send long ones.
const MAX_ANSWER_HEAD_BYTES: usize = 64 << 10;
/// Fields that are about one connection (RFC 9110, 7.6.1), besides those that `Connection` names.
const OF_A_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "upgrade",
    "http2-settings",
];
/// Fields that are written anew: the destination of the message, and its length.
const OURS: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// A request that a client has begun.
pub struct Request {
    /// Its head for the server.
    pub head: Vec<u8>,
    /// The parser of its body, which finds its end.
    pub body: Exchange,
    /// The client's version of HTTP/1.
    pub minor: u8,
}

/// Builds the head of a request for the server, in the origin form. `authority` and `path` are the target's parts.
/// `None`: the request is for the proxy itself.
pub(crate) fn request_head(head: &RequestHead<'_, '_>, authority: &str, path: &str) -> Option<Vec<u8>> {
    let fields = || head.fields.iter().map(|field| (field.name.as_bytes(), field.value));
    // RFC 9110, 7.6.2.
    let counts_hops = matches!(head.method_text, "OPTIONS" | "TRACE");
    let hops = fields().find(|(name, _)| counts_hops && name.eq_ignore_ascii_case(b"max-forwards"));
    let hops =
        hops.map(|(_, value)| std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok()));
    let hops = match hops {
        Some(Some(0) | None) => return None,
        Some(Some(hops)) => Some(hops - 1),
        None => None,
    };
    // RFC 9112, 3.2.4 and 3.2.1.
    let path = match path {
        "" if head.method_text == "OPTIONS" => "*".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        query => format!("/{query}"),
    };
    let minor = head.minor;
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    let mut out = format!("{} {path} HTTP/1.{minor}\r\nHost: {authority}\r\n", head.method_text).into_bytes();
    pass_on(&mut out, fields(), |name| {
        OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
            || (hops.is_some() && name.eq_ignore_ascii_case(b"max-forwards"))
    });
    if let Some(hops) = hops {
        out.extend(format!("Max-Forwards: {hops}\r\n").bytes());
    }
    // The strict parser has seen to it that there is one of the two, if any.
    for (name, value) in fields() {
        if name.eq_ignore_ascii_case(b"content-length") {
            push_field(&mut out, b"Content-Length", value);
        }
    }
    if fields().any(|(name, _)| name.eq_ignore_ascii_case(b"transfer-encoding")) {
        push_field(&mut out, b"Transfer-Encoding", b"chunked");
    }
    out.extend(format!("Via: 1.{minor} sendall\r\nConnection: close\r\n\r\n").bytes());
    Some(out)
}

fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Appends the fields that are not about one connection, and that `leaves_out` does not name.
fn pass_on<'a>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    leaves_out: impl Fn(&[u8]) -> bool,
) {
    let options = fields.clone().filter(|(name, _)| name.eq_ignore_ascii_case(b"connection"));
    let named: Vec<&[u8]> =
        options.flat_map(|(_, value)| value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)).collect();
    for (name, value) in fields {
        let is_of_a_hop = OF_A_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop.as_bytes()));
        if !is_of_a_hop && !leaves_out(name) && !named.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            push_field(out, name, value);
        }
    }
}

/// The reason for which an answer is not forwarded. Continues the sentence "the server ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAnswer(pub &'static str);

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const NO_ANSWER: BadAnswer = BadAnswer("does not answer as a server of HTTP/1 does");

/// The heads of a server's answer: the interim ones (1xx), and the last.
pub struct AnswerHead {
    head: HeadReader,
    /// The client's version.
    minor: u8,
    for_client: Vec<u8>,
    interim: u32,
    is_over: bool,
    body_bytes: Option<u64>,
}

impl AnswerHead {
    /// Creates a parser for a client of HTTP/1.`minor`.
    pub fn new(minor: u8) -> AnswerHead {
        let head = HeadReader::with_limit(MAX_ANSWER_HEAD_BYTES);
        AnswerHead { head, minor, for_client: Vec::new(), interim: 0, is_over: false, body_bytes: None }
    }

    /// Returns whether the last head was taken: the body follows, to the connection's end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns the length of the answer's body, if it is known. An answer to HEAD has none, whatever its fields say.
    pub fn body_bytes(&self) -> Option<u64> {
        self.body_bytes
    }

    fn parse_answer(&mut self) -> Result<(), BadAnswer> {
        let head = std::mem::replace(&mut self.head, HeadReader::with_limit(MAX_ANSWER_HEAD_BYTES));
        let (line, fields) = head.parse().map_err(|_| NO_ANSWER)?;
        let (status, _) = parse_status(line).ok_or(NO_ANSWER)?;
        let fields = || fields.iter().copied();
        let has = |name: &str| fields().any(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
        match status {
            // The client has not asked for another protocol.
            101 => return Err(BadAnswer("changes the protocol unasked")),
            100..=199 if self.interim == MAX_INTERIM => {
                return Err(BadAnswer("gives one interim answer after another"));
            }
            _ => self.interim += 1,
        }
        match status {
            100..=199 if self.minor == 0 => return Ok(()),
            100..=999 => {}
            _ => return Err(NO_ANSWER),
        }
        if has("transfer-encoding") && self.minor == 0 {
            return Err(BadAnswer("answers HTTP/1.0 with a transfer coding"));
        }
        let mut lengths =
            fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length")).map(|field| field.1);
        let length = lengths.next();
        let is_one = lengths.all(|other| Some(other) == length);
        let bytes = match length.map(|digits| number(digits).filter(|_| is_one)) {
            None => None,
            Some(Some(bytes)) => Some(bytes),
            Some(None) => return Err(BadAnswer("gives its answer no length, or several")),
        };
        let has_none = matches!(status, 204 | 304);
        self.body_bytes = if has_none { Some(0) } else { bytes.filter(|_| !has("transfer-encoding")) };
        self.for_client.extend_from_slice(b"HTTP/1.1 ");
        self.for_client.extend_from_slice(&line[b"HTTP/1.1 ".len()..]);
        self.for_client.extend_from_slice(b"\r\n");
        pass_on(&mut self.for_client, fields(), |name| {
            name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
        });
        // RFC 9112, 6.3: of both the coding counts.
        for (name, value) in fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"transfer-encoding")) {
            push_field(&mut self.for_client, name, value);
        }
        if let Some(length) = length.filter(|_| !has("transfer-encoding")) {
            push_field(&mut self.for_client, b"Content-Length", length);
        }
        let version = if line.starts_with(b"HTTP/1.0") { 0 } else { 1 };
        self.for_client.extend(format!("Via: 1.{version} sendall\r\n").bytes());
        self.is_over = status >= 200;
        let end: &[u8] = if self.is_over { b"Connection: close\r\n\r\n" } else { b"\r\n" };
        self.for_client.extend_from_slice(end);
        Ok(())
    }
}

/// Its outgoing bytes are for the client.
impl Handshake for AnswerHead {
    type Error = BadAnswer;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.for_client)
    }

    fn wanted(&self) -> usize {
        if self.is_over { 0 } else { self.head.wanted() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), BadAnswer> {
        self.head.take(piece).map_err(|_| NO_ANSWER)?;
        if self.head.cannot_be_answer() {
            return Err(NO_ANSWER);
        }
        if self.head.wanted() == 0 { self.parse_answer() } else { Ok(()) }
    }
}
