//! Sessions for the clients of a server.

pub(crate) mod clients;
pub(crate) mod handshake;
pub(crate) mod sessions;
pub(crate) mod share;
