//! The commands, and the sessions that they share.

use std::io;

use crate::error::{Error, Exit};

mod admission;
mod attended;
pub mod connect;
mod connector;
mod datagrams;
mod door;
pub mod download;
mod exchange;
pub mod exec;
pub mod http_hello;
mod invite;
mod joined;
mod opened;
pub mod options;
mod places;
mod proxies;
pub mod relay;
pub mod retry;
pub mod serve;
mod settling;
pub mod socket_args;
mod targets;
mod texts;
pub mod tools;
mod transfer;
pub mod udp_listen;
pub mod udp_send;
pub mod upload;
mod vestibule;

/// What a reset is called.
const RESET: &str = "connection reset by peer";

/// What a failing connection is called, and the exit code it leaves.
fn lost(error: &io::Error) -> Error {
    // What passes was to be written down, too: see tools.
    if let Some(ours) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return Error::new(ours.exit(), ours);
    }
    match error.kind() {
        io::ErrorKind::TimedOut => Error::new(Exit::TimedOut, "the peer no longer answers"),
        // To end a direction of a connection that was reset meanwhile finds none.
        io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected => Error::new(Exit::Lost, RESET),
        io::ErrorKind::BrokenPipe => {
            Error::new(Exit::Lost, "the peer closed the connection before it had everything")
        }
        _ => Error::new(Exit::Lost, format!("connection lost: {error}")),
    }
}

/// A failure that a stream of ours has found and named itself; otherwise what `name` calls it.
fn named(error: io::Error, name: impl FnOnce(&io::Error) -> Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| name(&error))
}

/// The failure of a write to stdout.
fn cannot_write(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::reader_gone(),
        _ => Error::new(Exit::CannotWrite, format!("cannot write to stdout: {error}")),
    }
}
