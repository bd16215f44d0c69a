//! The commands: each runs a plan as sessions, whose outcome becomes an exit code.

pub mod connect;
pub(crate) mod dialer;
pub mod download;
pub mod http_hello;
pub mod nc;
pub(crate) mod remote;
pub mod retry;
pub mod serve;
pub(crate) mod tls;
pub(crate) mod trust;
pub mod udp_listen;
pub mod udp_send;
pub mod upload;
pub(crate) mod upload_text;
pub(crate) mod workers;
