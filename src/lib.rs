//! The parts of `sendall`: see ARCHITECTURE.md.

pub mod cli;
pub(crate) mod datagram;
pub mod error;
pub mod http;
pub mod net;
pub mod proto;
pub mod relay;
pub mod report;
pub mod run;
pub mod server;
pub mod store;
pub(crate) mod transfer;
pub(crate) mod web;
