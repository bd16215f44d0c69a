//! A proxy server's side of a handshake, for clients of SOCKS and HTTP.

use core::net::SocketAddr;
use std::rc::Rc;

use super::answer::{Denial, Misuse, ProxyAnswer};
use super::http_forward::Request;
use super::http_proxy::HttpProxyServer;
use super::socks::VERSION;
use super::socks::server::SocksServer;
use super::socks::server4::{Socks4Server, VERSION4};
use super::target::ProxyTarget;
use super::users::Users;
use crate::proto::handshake::Handshake;
use crate::proto::http::ErrorStatus;

/// The server's machine. The client's first byte decides the protocol.
pub struct ProxyServer {
    users: Option<Rc<Users>>,
    protocol: Option<Protocol>,
}

enum Protocol {
    Socks(SocksServer),
    Socks4(Socks4Server),
    Http(HttpProxyServer),
}

impl ProxyServer {
    /// Creates a machine. With `users`, clients must authenticate.
    pub fn new(users: Option<Rc<Users>>) -> ProxyServer {
        ProxyServer { users, protocol: None }
    }

    /// Returns the client's target, once it is known.
    pub fn target(&self) -> Option<&ProxyTarget> {
        match self.protocol.as_ref()? {
            Protocol::Socks(socks) => socks.target(),
            Protocol::Socks4(socks) => socks.target(),
            Protocol::Http(http) => http.target(),
        }
    }

    /// Returns the answer to the client: the target is connected, from an address where it is known; or the reason of
    /// its denial.
    pub fn answer(&self, outcome: Result<Option<SocketAddr>, Denial>) -> ProxyAnswer {
        match &self.protocol {
            Some(Protocol::Socks(socks)) => ProxyAnswer::Bytes(socks.answer(outcome)),
            Some(Protocol::Socks4(socks)) => ProxyAnswer::Bytes(socks.answer(outcome)),
            Some(Protocol::Http(http)) => http.answer(outcome.map(|_| ())),
            None => ProxyAnswer::Bytes(Vec::new()),
        }
    }

    /// Returns the answer to an HTTP client whose body is refused.
    pub fn refuse(&self, refusal: ErrorStatus) -> ProxyAnswer {
        match &self.protocol {
            Some(Protocol::Http(http)) => http.refused(refusal).answer,
            _ => ProxyAnswer::Bytes(Vec::new()),
        }
    }

    /// Returns the request to forward, once; `None` if the client wants a stream.
    pub fn take_request(&mut self) -> Option<Box<Request>> {
        match &mut self.protocol {
            Some(Protocol::Http(http)) => http.take_request(),
            _ => None,
        }
    }
}

impl Handshake for ProxyServer {
    type Error = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        match &mut self.protocol {
            Some(Protocol::Socks(socks)) => socks.take_outgoing(),
            Some(Protocol::Socks4(socks)) => socks.take_outgoing(),
            Some(Protocol::Http(http)) => http.take_outgoing(),
            None => Vec::new(),
        }
    }

    fn wanted(&self) -> usize {
        match &self.protocol {
            Some(Protocol::Socks(socks)) => socks.wanted(),
            Some(Protocol::Socks4(socks)) => socks.wanted(),
            Some(Protocol::Http(http)) => http.wanted(),
            None => 1,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        let protocol = match (&mut self.protocol, piece.first()) {
            (Some(protocol), _) => protocol,
            (None, None) => return Ok(()),
            (None, Some(&VERSION)) => {
                self.protocol.insert(Protocol::Socks(SocksServer::new(self.users.clone())))
            }
            // Text: its author expects an answer in text.
            (None, Some(first)) if first.is_ascii_graphic() || b"\r\n \t".contains(first) => {
                self.protocol.insert(Protocol::Http(HttpProxyServer::new(self.users.clone())))
            }
            (None, Some(&VERSION4)) => {
                self.protocol.insert(Protocol::Socks4(Socks4Server::new(self.users.is_some())?))
            }
            (None, Some(_)) => {
                return Err(Misuse::of_request("speaks neither SOCKS nor HTTP", Vec::new()));
            }
        };
        match protocol {
            Protocol::Socks(socks) => socks.take(piece),
            Protocol::Socks4(socks) => socks.take(piece),
            Protocol::Http(http) => http.take(piece),
        }
    }
}
