//! Datagrams: `udp-listen`, `udp-send`, and `serve --forward` of datagrams.

pub(crate) mod answers;
pub(crate) mod cuts;
pub(crate) mod listen;
pub(crate) mod processes;
pub(crate) mod relay;
pub(crate) mod send;
pub(crate) mod typed;
