//! The parts of `sendall`: see ARCHITECTURE.md.

pub mod cli;
pub mod commands;
pub mod error;
pub mod hints;
mod manual;
pub mod net;
pub mod proto;
pub mod report;
pub mod store;
