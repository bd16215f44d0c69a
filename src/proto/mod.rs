//! Sans-IO protocol machines: bytes and time in, bytes and decisions out.
//!
//! - [`transfer`]: the transfer protocol of `PROTOCOL.md`. [`transfer::hello`] and [`transfer::frame`] are its bytes,
//!   [`transfer::sender`] and [`transfer::receiver`] its two sides after `HELLO` and `ACCEPT`, [`transfer::names`] the rule
//!   for paths that a peer may name, [`transfer::text_header`] the header that older peers send before a file.
//! - [`relay`]: raw streams. [`relay::lane`] and [`relay::ending`] are their state; [`relay::message`], [`relay::lines`],
//!   [`relay::telnet`] and [`relay::hex_dump`] transform or show their bytes; [`relay::conversation`] is a scripted server;
//!   [`relay::labels`] puts the sender before each line.
//! - [`proxy`]: the handshakes of clients and proxies, both sides. [`proxy::http_forward`] rewrites a request that passes
//!   through a proxy; [`proxy::header`] is the PROXY header, in which a proxy names its client.
//! - [`http`]: the requests and responses of a web server.
//! - [`web`]: files and folders as a web server shows and takes them.
//! - [`datagram`]: [`datagram::records`] cuts a stream into datagrams, [`datagram::guard`] and [`datagram::pace`] decide which
//!   are answered and when to send.
//! - [`starttls`]: what a client says before TLS to servers that begin in the clear.
//! - [`message_object`]: a message of any bytes as an object in a line.
//! - [`handshake`]: what all handshakes before a stream have in common.
//! - [`secure`]: which client may use a server, and whether it is the server that the client means; [`secure::pin`] names a
//!   key by its digest, [`secure::known`] and [`secure::clients`] are lists of keys.
//!
//! Nothing here knows a socket, a file, a clock or a terminal, and no digest of content is computed here: digests are 32
//! opaque bytes.

use core::net::{IpAddr, Ipv6Addr};

pub mod datagram;
pub mod handshake;
pub mod http;
pub mod message_object;
pub mod proxy;
pub mod relay;
pub mod secure;
pub mod starttls;
pub mod transfer;
pub mod web;

/// The id of a session: random, known to its client and its server.
pub type SessionId = [u8; 16];

/// Returns the source that an address stands for: an IPv4 address, or an IPv6 network of 64 bits, which one subscriber has at
/// least (RFC 6177).
pub fn source_of(address: IpAddr) -> IpAddr {
    const INTERFACE_BITS: u32 = 64;
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> INTERFACE_BITS << INTERFACE_BITS).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A message parsed from the beginning of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed<T> {
    /// The buffer has only a part of it.
    Incomplete {
        /// The minimum number of bytes that the buffer must hold.
        needed: usize,
    },
    /// The buffer has all of it.
    Complete {
        /// The message.
        value: T,
        /// The number of bytes that it takes.
        used: usize,
    },
}
