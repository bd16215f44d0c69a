//! Sessions for the clients of a server.

mod arriving;
pub(crate) mod budget;
pub(crate) mod clients;
pub(crate) mod handshake;
pub(crate) mod sessions;
pub(crate) mod share;
