//! Handshakes of proxies and their clients.

pub mod answer;
pub mod fault;
pub mod header;
pub mod http_connect;
pub mod http_forward;
pub mod http_head;
pub mod http_proxy;
pub mod server;
pub mod socks;
pub mod target;
#[cfg(test)]
mod tests;
pub mod users;
