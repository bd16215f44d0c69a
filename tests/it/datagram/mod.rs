//! Datagrams: `udp-listen` and `udp-send`.

pub(crate) mod answers;
pub(crate) mod cuts;
pub(crate) mod listen;
pub(crate) mod processes;
pub(crate) mod send;
pub(crate) mod typed;
