//! A SOCKS4 server: the client asks with an IPv4 address, or (SOCKS4a) with a name or an address as text. It gives a user's
//! name without a password, which proves nothing and is ignored.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{CONNECT, ProxyTarget};
use crate::proto::handshake::Handshake;
use crate::proto::proxy::answer::{Denial, Misuse};
use crate::proto::proxy::target::MAX_NAME_BYTES;

/// The version, and the first byte of a request.
pub const VERSION4: u8 = 4;
/// Version, command, port and address; the user's name follows, and a zero.
const HEAD_BYTES: usize = 8;
/// The most bytes of the user's name and of the target's, each.
const MAX_TEXT_BYTES: usize = MAX_NAME_BYTES;
const GRANTED: u8 = 90;
const REJECTED: u8 = 91;
/// "The client program and identd report different users": no reply says that a password is missing.
const WRONG_USER: u8 = 93;

/// The server's machine.
pub struct Socks4Server {
    inbox: Vec<u8>,
    target: Option<ProxyTarget>,
}

impl Socks4Server {
    /// Creates a machine. Its input begins with the version.
    ///
    /// # Errors
    /// Clients must authenticate, which these cannot.
    pub fn new(must_authenticate: bool) -> Result<Socks4Server, Misuse> {
        if must_authenticate {
            let text = "speaks SOCKS4, which has no passwords";
            return Err(Misuse::of_credentials(text, encode_reply(WRONG_USER, None)));
        }
        Ok(Socks4Server { inbox: Vec::new(), target: None })
    }

    /// Returns the client's target, once it is known.
    pub fn target(&self) -> Option<&ProxyTarget> {
        self.target.as_ref()
    }

    /// Encodes the reply: connected, from an address where it is known; or rejected, for any reason.
    pub fn answer(&self, outcome: Result<Option<SocketAddr>, Denial>) -> Vec<u8> {
        match outcome {
            Ok(bound) => encode_reply(GRANTED, bound),
            Err(_) => encode_reply(REJECTED, None),
        }
    }

    /// The number of texts that end with a zero: the user's name, and the target's if the address says that it follows.
    fn text_count(&self) -> usize {
        match self.inbox.get(4..HEAD_BYTES) {
            Some([0, 0, 0, last]) if *last != 0 => 2,
            _ => 1,
        }
    }

    fn parse_target(&self) -> Option<ProxyTarget> {
        let (head, texts) = self.inbox.split_first_chunk::<HEAD_BYTES>()?;
        let port = u16::from_be_bytes([head[2], head[3]]);
        if self.text_count() == 2 {
            let name = texts.split(|byte| *byte == 0).nth(1)?;
            return ProxyTarget::new(std::str::from_utf8(name).ok()?, port);
        }
        let address = Ipv4Addr::new(head[4], head[5], head[6], head[7]);
        ProxyTarget::new(&address.to_string(), port)
    }
}

/// Encodes a reply. An address of the other family has no place in it.
fn encode_reply(code: u8, bound: Option<SocketAddr>) -> Vec<u8> {
    let (ip, port) = match bound.map(|bound| (bound.ip().to_canonical(), bound.port())) {
        Some((IpAddr::V4(ip), port)) => (ip, port),
        _ => (Ipv4Addr::UNSPECIFIED, 0),
    };
    [&[0, code][..], &port.to_be_bytes(), &ip.octets()].concat()
}

impl Handshake for Socks4Server {
    type Error = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// After the fixed part each text has at least its zero.
    fn wanted(&self) -> usize {
        if self.target.is_some() {
            return 0;
        }
        let Some(texts) = self.inbox.get(HEAD_BYTES..) else { return HEAD_BYTES - self.inbox.len() };
        let zeros = texts.iter().filter(|byte| **byte == 0).count();
        self.text_count() - zeros
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        let reject = |text| Err(Misuse::of_request(text, encode_reply(REJECTED, None)));
        self.inbox.extend(piece);
        if self.inbox.get(1).is_some_and(|command| *command != CONNECT) {
            return reject("wants another command than CONNECT");
        }
        let texts = self.inbox.get(HEAD_BYTES..).unwrap_or_default();
        if texts.split(|byte| *byte == 0).any(|text| text.len() > MAX_TEXT_BYTES) {
            return reject("gives a name that is too long");
        }
        if self.wanted() > 0 {
            return Ok(());
        }
        self.target = self.parse_target();
        match self.target {
            Some(_) => Ok(()),
            None => reject("gives a host or port that nothing can have"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::proxy::answer::{MisuseKind, ProxyAnswer};

    /// Feeds a request in pieces. Returns its target, and how much was left.
    fn asked(request: &[u8], piece: usize) -> Result<(String, usize), Misuse> {
        let mut server = Socks4Server::new(false)?;
        let mut used = 0;
        for chunk in request.chunks(piece) {
            used += server.receive(chunk)?;
        }
        let target = server.target().map_or_else(String::new, ToString::to_string);
        Ok((target, request.len() - used))
    }

    #[test]
    fn addresses_and_names_are_read_and_nothing_after_them() {
        for (request, due, left) in [
            (&b"\x04\x01\0\x50\xc0\0\x02\x01\0"[..], "192.0.2.1:80", 0),
            (b"\x04\x01\0\x50\xc0\0\x02\x01ann\0GET /", "192.0.2.1:80", 5),
            (b"\x04\x01\x01\xbb\0\0\0\x01\0a.example\0", "a.example:443", 0),
            (b"\x04\x01\x01\xbb\0\0\0\xffann\0::1\0xy", "[::1]:443", 2),
            (b"\x04\x01\x01\xbb\0\0\0\0ann\0", "0.0.0.0:443", 0),
            (b"\x04\x01\x01\xbb\0\0\0\x01ann\0a.exam", "", 0),
        ] {
            for piece in [1, 2, 7, 100] {
                assert_eq!(asked(request, piece), Ok((due.to_owned(), left)), "{request:?}");
            }
        }
    }

    #[test]
    fn what_is_not_served_is_rejected() {
        let long = [&b"\x04\x01\0\x50\xc0\0\x02\x01"[..], &[b'x'; 256], b"\0"].concat();
        for (request, why) in [
            (&b"\x04\x02\0\x50\xc0\0\x02\x01\0"[..], "another command"),
            (b"\x04\x01\0\0\xc0\0\x02\x01\0", "nothing can have"),
            (b"\x04\x01\0\x50\0\0\0\x01\0\0", "nothing can have"),
            (b"\x04\x01\0\x50\0\0\0\x01\0a b\0", "nothing can have"),
            (b"\x04\x01\0\x50\0\0\0\x01\0\xff\0", "nothing can have"),
            (&long, "too long"),
        ] {
            for piece in [1, 1000] {
                let misuse = asked(request, piece).expect_err(why);
                assert!(misuse.text.contains(why), "{request:?}: {misuse}");
            }
        }
        let misuse = Socks4Server::new(true).err().expect("a password is needed");
        assert_eq!(
            (misuse.kind, misuse.text),
            (MisuseKind::Credentials, "speaks SOCKS4, which has no passwords")
        );
        assert_eq!(misuse.answer, ProxyAnswer::Bytes(vec![0, WRONG_USER, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn replies_have_the_address_if_it_fits() {
        let server = Socks4Server::new(false).unwrap();
        let reply = |bound: &str| server.answer(Ok(Some(bound.parse().unwrap())));
        assert_eq!(reply("192.0.2.1:258"), [0, 90, 1, 2, 192, 0, 2, 1]);
        assert_eq!(reply("[::1]:258"), [0, 90, 0, 0, 0, 0, 0, 0]);
        assert_eq!(server.answer(Ok(None)), [0, 90, 0, 0, 0, 0, 0, 0]);
        assert_eq!(server.answer(Err(Denial::Refused)), [0, 91, 0, 0, 0, 0, 0, 0]);
    }
}
