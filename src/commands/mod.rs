//! The commands, and the sessions that they share.

use std::io;

use crate::error::{Error, Exit};

pub mod connect;
pub mod download;
mod opened;
pub mod options;
pub mod relay;
pub mod serve;
mod transfer;
pub mod upload;

/// What a failing connection is called, and the exit code it leaves.
fn lost(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut => Error::new(Exit::TimedOut, "the peer no longer answers"),
        io::ErrorKind::ConnectionReset => Error::new(Exit::Lost, "connection reset by peer"),
        io::ErrorKind::BrokenPipe => {
            Error::new(Exit::Lost, "the peer closed the connection before it had everything")
        }
        _ => Error::new(Exit::Lost, format!("connection lost: {error}")),
    }
}
