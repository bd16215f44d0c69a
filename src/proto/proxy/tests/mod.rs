//! Tests of proxies, both sides.

pub(crate) mod header;
pub(crate) mod servers_and_clients;
