//! `serve --forward` of datagrams: a flow for each peer, with a socket of its own to the target.

pub(crate) mod flow;
pub(crate) mod intake;
pub(crate) mod session;
pub(crate) mod target;
