//! The modes of `serve` for raw streams.

pub(crate) mod conversation;
pub(crate) mod echo;
pub(crate) mod exec_socket;
pub(crate) mod forward;
pub(crate) mod http_request;
pub mod hub;
pub(crate) mod keep_open;
pub(crate) mod per_client;
pub(crate) mod reply;
pub(crate) mod single_client;
pub(crate) mod socks;
pub mod stdio_client;
pub mod subscriber;
