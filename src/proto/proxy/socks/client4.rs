//! A SOCKS4 client, which asks with an address, or (SOCKS4a) with a name that the server resolves.

use core::net::IpAddr;

use crate::proto::handshake::Handshake;
use crate::proto::proxy::fault::{Cause, ProxyFault};
use crate::proto::proxy::target::{ProxyTarget, TargetHost};

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const REPLY_BYTES: usize = 8;
/// The address that marks a SOCKS4a request: the name follows the user.
const NAMED: [u8; 4] = [0, 0, 0, 1];

/// The client's machine, for one target.
pub struct Socks4Client {
    outgoing: Vec<u8>,
    reply: Vec<u8>,
    has_ipv6: bool,
}

impl Socks4Client {
    /// Creates a machine. The user is a name without a password.
    pub fn new(target: &ProxyTarget, user: &[u8]) -> Socks4Client {
        let (address, name) = match &target.host {
            TargetHost::Ip(IpAddr::V4(v4)) => (v4.octets(), None),
            // SOCKS4a has a place for text: some servers read an address there.
            TargetHost::Ip(IpAddr::V6(v6)) => (NAMED, Some(v6.to_string())),
            TargetHost::Name(name) => (NAMED, Some(name.clone())),
        };
        let mut outgoing = vec![VERSION, CONNECT];
        outgoing.extend(target.port.to_be_bytes());
        outgoing.extend(address);
        // A zero ends each.
        outgoing.extend(user.iter().filter(|byte| **byte != 0));
        outgoing.push(0);
        if let Some(name) = name {
            outgoing.extend(name.bytes());
            outgoing.push(0);
        }
        let has_ipv6 = matches!(target.host, TargetHost::Ip(IpAddr::V6(_)));
        Socks4Client { outgoing, reply: Vec::new(), has_ipv6 }
    }
}

impl Handshake for Socks4Client {
    type Error = ProxyFault;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        REPLY_BYTES - self.reply.len()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ProxyFault> {
        self.reply.extend(piece);
        // The version of a reply is 0; some servers send 4.
        if self.reply.first().is_some_and(|version| ![0, VERSION].contains(version)) {
            return Err(ProxyFault::Protocol("does not speak SOCKS4"));
        }
        match self.reply.get(1) {
            None | Some(90) => Ok(()),
            Some(91) if self.has_ipv6 => {
                Err(ProxyFault::Refused("rejects the request: SOCKS4 has no IPv6 (type socks5://)".into()))
            }
            Some(91) => Err(ProxyFault::unreachable(Cause::Other, "the request was rejected, or failed")),
            Some(92 | 93) => Err(ProxyFault::Untrusted("does not accept the user (identd)".into())),
            Some(_) => Err(ProxyFault::Protocol("does not speak SOCKS4")),
        }
    }
}
