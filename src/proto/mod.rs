//! Sans-IO protocol machines: bytes and time in, bytes and decisions out.
//!
//! - [`transfer`]: the transfer protocol of `PROTOCOL.md`. [`transfer::hello`] and [`transfer::frame`] are its bytes,
//!   [`transfer::sender`] and [`transfer::receiver`] its two sides after `HELLO` and `ACCEPT`, [`transfer::names`] the rule
//!   for paths that a peer may name, [`transfer::text_header`] the header that older peers send before a file.
//! - [`relay`]: raw streams. [`relay::lane`] and [`relay::ending`] are their state; [`relay::message`], [`relay::lines`],
//!   [`relay::telnet`] and [`relay::hex_dump`] transform or show their bytes; [`relay::conversation`] is a script that talks
//!   to them; [`relay::labels`] says whose a line is.
//! - [`proxy`]: what clients and proxies say before a stream, from both sides. [`proxy::http_forward`] is a request on its
//!   way through a proxy, [`proxy::header`] what a proxy says of its client.
//! - [`http`]: what web clients and servers say.
//! - [`datagram`]: [`datagram::records`] cuts a stream into datagrams, [`datagram::guard`] and [`datagram::pace`] decide who
//!   is answered and when to send.
//!
//! Nothing here knows a socket, a file, a clock or a terminal, and no digest is computed here: digests are 32 opaque bytes.

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
