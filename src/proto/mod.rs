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

pub mod blocks;
pub mod conversation;
pub mod ending;
pub mod entry;
pub mod farewell;
pub mod frame;
pub mod guard;
pub mod handshake;
pub mod have;
pub mod hello;
pub mod hex_dump;
pub mod http;
pub mod http_connect;
pub mod http_forward;
pub mod http_head;
pub mod http_proxy;
pub mod labels;
pub mod lane;
pub mod lines;
pub mod message;
pub mod names;
pub mod outcome;
pub mod pace;
pub mod proxy_fault;
pub mod proxy_header;
pub mod proxy_server;
pub mod reason;
pub mod receiver;
pub mod records;
pub mod sender;
pub mod skipped;
pub mod socks;
pub mod summary;
pub mod target;
pub mod telnet;
pub mod text_header;
pub mod violation;
pub mod wanted;
mod wire;

#[cfg(test)]
mod tests;

/// A BLAKE3 digest of a file or of its beginning. Compared here, never computed.
pub type Digest = [u8; 32];
