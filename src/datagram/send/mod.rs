//! Sending datagrams and waiting for replies.

pub(crate) mod input;
pub(crate) mod session;
