//! Datagrams sent, and answers awaited.

pub(crate) mod input;
pub(crate) mod session;
