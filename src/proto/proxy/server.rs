//! A proxy server's side of a handshake, whichever of SOCKS5 and HTTP its client speaks.

use core::net::SocketAddr;
use std::rc::Rc;

use super::answer::{Denial, Misuse, ProxyAnswer};
use super::handshake::{Handshake, Users};
use super::http_forward::Request;
use super::http_proxy::HttpServer;
use super::socks::VERSION;
use super::socks::server::SocksServer;
use super::target::Target;
use crate::proto::http::Refusal;

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
