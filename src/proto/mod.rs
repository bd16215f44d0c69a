//! Sans-IO protocol machines: bytes and time in, bytes and decisions out.
//!
//! The transfer protocol is written in `PROTOCOL.md`: [`hello`] and [`frame`] are its bytes, [`sender`] and
//! [`receiver`] its two sides after `HELLO` and `ACCEPT`, [`names`] the rule for paths that a peer may name. [`lane`]
//! and [`ending`] are the raw stream, [`message`], [`lines`], [`telnet`] and [`hex_dump`] what may be done to it,
//! [`conversation`] is a script that talks to it, [`labels`] says whose a line is, [`text_header`] is what older peers
//! say before a file. [`socks`], [`http_connect`] and [`http_proxy`] are what clients and proxies say before a stream, from both
//! sides, [`http_forward`] is a request on its way through a proxy;
//! [`proxy_header`] is what a proxy says of its client, [`http`] what web clients and servers say.
//! [`records`] cuts a stream into datagrams, [`guard`] and [`pace`] say who is answered and when to send. Nothing here
//! knows a socket, a file, a clock or a terminal, and no digest is computed here: digests are 32 opaque bytes.

pub mod datagram;
pub mod http;
pub mod proxy;
pub mod relay;
pub mod transfer;

/// A message parsed from the beginning of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed<T> {
    /// Not all of it is there.
    Incomplete {
        /// How many bytes the buffer must hold in all, at least.
        needed: usize,
    },
    /// All of it is there.
    Complete {
        /// The message.
        value: T,
        /// How many bytes it took.
        used: usize,
    },
}
