//! Where the bytes of a file in one piece go.

use std::io;

use super::Fetching;
use crate::error::{Error, cannot_write};
use crate::net::send::send;
use crate::net::stdio::Stdio;
use crate::store::{Part, StoreError};

/// Where the bytes of a file go.
pub(super) enum Place {
    Part(Part),
    Stdout(Box<Stdio>),
}

/// Why bytes could not be written.
pub(super) enum WriteFailure {
    Store(StoreError),
    Stdout(io::Error),
}

impl WriteFailure {
    pub(super) fn error(&self, fetching: &Fetching) -> Error {
        match self {
            WriteFailure::Store(fault) => fetching.store_error(fault),
            WriteFailure::Stdout(error) => cannot_write(error),
        }
    }
}

impl Place {
    /// Writes the next bytes, and returns how many: all, except to stdout, which may take none now.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, WriteFailure> {
        match self {
            Place::Part(part) => part.write_all(bytes).map(|()| bytes.len()).map_err(WriteFailure::Store),
            Place::Stdout(stdout) => match send(&mut **stdout, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                result => result.map_err(WriteFailure::Stdout),
            },
        }
    }
}
