//! What a proxy server answers its clients, and why it does not serve one.

use std::fmt;

use crate::proto::http::{Answer, Persistence};

/// A client that is not served for what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// What is wrong with it.
    pub kind: MisuseKind,
    /// Continues the sentence "the client ...".
    pub text: &'static str,
    /// What it is told before the connection ends.
    pub answer: ProxyAnswer,
}

/// What a client that is not served has got wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisuseKind {
    /// Its user or password, or that there is none.
    Credentials,
    /// Something else.
    Request,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAnswer {
    /// These bytes; nothing, if there are none.
    Bytes(Vec<u8>),
    /// HTTP: the tunnel stands.
    Established,
    /// HTTP: why it is not served.
    Refusal {
        /// Still without a date.
        answer: Box<Answer>,
        /// It has no body then.
        is_for_head: bool,
    },
}

impl ProxyAnswer {
    /// Why an HTTP client is not served.
    pub(crate) fn refusal(
        status: u16,
        fields: &[(&str, &str)],
        text: &str,
        is_for_head: bool,
    ) -> ProxyAnswer {
        let fields = [fields, &[("Content-Type", "text/plain; charset=utf-8")]].concat();
        let answer = Answer::new(status, &fields, format!("{text}\n").as_bytes());
        ProxyAnswer::Refusal { answer: Box::new(answer), is_for_head }
    }

    /// As bytes. `date` is that of this second (RFC 9110, 6.6.1), of 29 bytes.
    pub fn encode(self, date: &str) -> Vec<u8> {
        match self {
            ProxyAnswer::Bytes(bytes) => bytes,
            ProxyAnswer::Established => {
                format!("HTTP/1.1 200 Connection established\r\nDate: {date}\r\n\r\n").into_bytes()
            }
            ProxyAnswer::Refusal { mut answer, is_for_head } => {
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
    /// Told in these bytes.
    pub(crate) fn of_request(text: &'static str, answer: Vec<u8>) -> Misuse {
        Misuse { kind: MisuseKind::Request, text, answer: ProxyAnswer::Bytes(answer) }
    }

    /// The same for who a client says it is.
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

/// Why a target is not connected, as far as a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// By the access lists.
    NotAllowed,
    /// The target refused.
    Refused,
    /// It cannot be reached, or its name has no address.
    Unreachable,
    /// It did not answer in time.
    TimedOut,
    /// What it answered cannot be passed on.
    BadAnswer,
    /// Something else.
    Failed,
}

impl Denial {
    /// In words.
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
