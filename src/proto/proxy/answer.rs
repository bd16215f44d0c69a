//! Answers of a proxy server to its clients, and client errors.

use std::fmt;

use crate::proto::http::{Persistence, Response};

/// A client error: why a client is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// The kind of the error.
    pub kind: MisuseKind,
    /// Continues the sentence "the client ...".
    pub text: &'static str,
    /// The answer before the connection ends.
    pub answer: ProxyAnswer,
}

/// The kind of a client error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisuseKind {
    /// The user or the password is wrong or missing.
    Credentials,
    /// Anything else.
    Request,
}

/// An answer to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAnswer {
    /// These bytes, which may be none.
    Bytes(Vec<u8>),
    /// HTTP: the tunnel is open.
    Established,
    /// HTTP: an error status, and why.
    ErrorStatus {
        /// The response, without a date.
        answer: Box<Response>,
        /// True for an answer to HEAD: it is sent without its body.
        is_for_head: bool,
    },
}

impl ProxyAnswer {
    /// The error response of a status, with `text` as its body.
    pub(crate) fn refusal(
        status: u16,
        fields: &[(&str, &str)],
        text: &str,
        is_for_head: bool,
    ) -> ProxyAnswer {
        let fields = [fields, &[("Content-Type", "text/plain; charset=utf-8")]].concat();
        let answer = Response::new(status, &fields, format!("{text}\n").as_bytes());
        ProxyAnswer::ErrorStatus { answer: Box::new(answer), is_for_head }
    }

    /// Encodes the answer. `date` is the value of the Date field (RFC 9110, 6.6.1), 29 bytes.
    pub fn encode(self, date: &str) -> Vec<u8> {
        match self {
            ProxyAnswer::Bytes(bytes) => bytes,
            ProxyAnswer::Established => {
                format!("HTTP/1.1 200 Connection established\r\nDate: {date}\r\n\r\n").into_bytes()
            }
            ProxyAnswer::ErrorStatus { mut answer, is_for_head } => {
                answer.set_date(date);
                let mut bytes = Vec::new();
                if let Some(body) = answer.write(&mut bytes, Persistence::Closes, is_for_head) {
                    bytes.extend_from_slice(&body);
                }
                bytes
            }
        }
    }
}

impl Misuse {
    /// An error in the request, answered with these bytes.
    pub(crate) fn of_request(text: &'static str, answer: Vec<u8>) -> Misuse {
        Misuse { kind: MisuseKind::Request, text, answer: ProxyAnswer::Bytes(answer) }
    }

    /// An error in the credentials, answered with these bytes.
    pub(crate) fn of_credentials(text: &'static str, answer: Vec<u8>) -> Misuse {
        Misuse { kind: MisuseKind::Credentials, text, answer: ProxyAnswer::Bytes(answer) }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl std::error::Error for Misuse {}

/// Reasons for which a target is not connected, as reported to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The access lists do not allow it.
    NotAllowed,
    /// The target refused.
    Refused,
    /// The target cannot be reached, or its name has no address.
    Unreachable,
    /// The target did not answer in time.
    TimedOut,
    /// The answer of the target cannot be forwarded.
    BadAnswer,
    /// Any other reason.
    Failed,
}

impl Denial {
    /// Returns the reason in words.
    pub fn text(self) -> &'static str {
        match self {
            Denial::NotAllowed => "this target is not allowed",
            Denial::Refused => "the target refused the connection",
            Denial::Unreachable => "the target cannot be reached, or has no address",
            Denial::TimedOut => "the target did not answer in time",
            Denial::BadAnswer => "the target does not answer as a server of HTTP/1.1 does",
            Denial::Failed => "the target cannot be connected",
        }
    }
}
