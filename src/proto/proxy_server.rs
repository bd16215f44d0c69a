//! A proxy server's side of a handshake, whichever of SOCKS5 and HTTP CONNECT its client speaks.

use core::net::SocketAddr;
use std::fmt;
use std::rc::Rc;

use super::handshake::{Handshake, Users};
use super::http_connect::HttpServer;
use super::socks::VERSION;
use super::socks::server::SocksServer;
use super::target::Target;

/// A client that is not served for what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// Continues the sentence "the client ...".
    pub text: &'static str,
    /// What it is told before the connection ends; empty if nothing.
    pub answer: Vec<u8>,
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
    pub fn answer(&self, outcome: Result<Option<SocketAddr>, Denial>) -> Vec<u8> {
        match &self.speaks {
            Some(Spoken::Socks(socks)) => socks.answer(outcome),
            Some(Spoken::Http(http)) => http.answer(outcome.map(|_| ())),
            None => Vec::new(),
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
            (None, Some(first)) if first.is_ascii_uppercase() => {
                self.speaks.insert(Spoken::Http(HttpServer::new(self.users.clone())))
            }
            (None, Some(4)) => {
                // Its reply "request rejected or failed".
                let answer = [&[0, 0x5b][..], &[0; 6]].concat();
                return Err(Misuse { text: "speaks SOCKS4, which is not served", answer });
            }
            (None, Some(_)) => {
                return Err(Misuse { text: "speaks neither SOCKS5 nor HTTP", answer: Vec::new() });
            }
        };
        match speaks {
            Spoken::Socks(socks) => socks.take(piece),
            Spoken::Http(http) => http.take(piece),
        }
    }
}
