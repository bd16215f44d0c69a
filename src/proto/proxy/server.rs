//! A proxy server's side of a handshake, whichever of SOCKS5 and HTTP its client speaks.

use core::net::SocketAddr;
use std::fmt;
use std::rc::Rc;

use super::handshake::{Handshake, Users};
use super::http_forward::Request;
use super::http_proxy::HttpServer;
use super::socks::VERSION;
use super::socks::server::SocksServer;
use super::target::Target;
use crate::proto::http::{Answer, Persistence, Refusal};

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

/// Hears what a client wants; its first byte decides how it is spoken to.
pub struct ProxyServer {
    users: Option<Rc<Users>>,
    speaks: Option<Spoken>,
}

enum Spoken {
    Socks(SocksServer),
    Http(HttpServer),
}

impl ProxyServer {
    /// With `users`, nobody else is served.
    pub fn new(users: Option<Rc<Users>>) -> ProxyServer {
        ProxyServer { users, speaks: None }
    }

    /// What the client wants, once it has said it.
    pub fn target(&self) -> Option<&Target> {
        match self.speaks.as_ref()? {
            Spoken::Socks(socks) => socks.target(),
            Spoken::Http(http) => http.target(),
        }
    }

    /// What the client is told: the target is connected, from an address where it is known; or why not.
    pub fn answer(&self, outcome: Result<Option<SocketAddr>, Denial>) -> ProxyAnswer {
        match &self.speaks {
            Some(Spoken::Socks(socks)) => ProxyAnswer::Bytes(socks.answer(outcome)),
            Some(Spoken::Http(http)) => http.answer(outcome.map(|_| ())),
            None => ProxyAnswer::Bytes(Vec::new()),
        }
    }

    /// What an HTTP client is told whose body is not taken.
    pub fn refuse(&self, refusal: Refusal) -> ProxyAnswer {
        match &self.speaks {
            Some(Spoken::Http(http)) => http.refused(refusal).answer,
            _ => ProxyAnswer::Bytes(Vec::new()),
        }
    }

    /// The request that is to be forwarded, once; none if the client wants a stream.
    pub fn take_request(&mut self) -> Option<Box<Request>> {
        match &mut self.speaks {
            Some(Spoken::Http(http)) => http.take_request(),
            _ => None,
        }
    }
}

impl Handshake for ProxyServer {
    type Fault = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        match &mut self.speaks {
            Some(Spoken::Socks(socks)) => socks.take_outgoing(),
            Some(Spoken::Http(http)) => http.take_outgoing(),
            None => Vec::new(),
        }
    }

    fn wanted(&self) -> usize {
        match &self.speaks {
            Some(Spoken::Socks(socks)) => socks.wanted(),
            Some(Spoken::Http(http)) => http.wanted(),
            None => 1,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        let speaks = match (&mut self.speaks, piece.first()) {
            (Some(speaks), _) => speaks,
            (None, None) => return Ok(()),
            (None, Some(&VERSION)) => self.speaks.insert(Spoken::Socks(SocksServer::new(self.users.clone()))),
            // Text: who writes it expects one to be answered.
            (None, Some(first)) if first.is_ascii_graphic() || b"\r\n \t".contains(first) => {
                self.speaks.insert(Spoken::Http(HttpServer::new(self.users.clone())))
            }
            (None, Some(4)) => {
                // Its reply "request rejected or failed".
                let answer = [&[0, 0x5b][..], &[0; 6]].concat();
                return Err(Misuse::of_request("speaks SOCKS4, which is not served", answer));
            }
            (None, Some(_)) => {
                return Err(Misuse::of_request("speaks neither SOCKS5 nor HTTP", Vec::new()));
            }
        };
        match speaks {
            Spoken::Socks(socks) => socks.take(piece),
            Spoken::Http(http) => http.take(piece),
        }
    }
}
