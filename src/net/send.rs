//! `send` and `send_all`: the two verbs of the core.

use std::io;

use super::stream::Stream;

/// One attempt to send: returns how many bytes the kernel took, which may be fewer than there are, as send(2) does.
///
/// `WouldBlock` if it has no room now.
pub fn send(stream: &mut impl Stream, bytes: &[u8]) -> io::Result<usize> {
    stream.write(bytes)
}

/// How far a [`send_all`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Everything was taken.
    All,
    /// The kernel has no room now; call again on readiness.
    Blocked,
}

/// Why a [`send_all`] cannot finish, and how many bytes of all that were given to it had been taken.
#[derive(Debug)]
pub struct SendError {
    /// Bytes that the kernel took before it failed. They may or may not have arrived.
    pub taken_bytes: u64,
    /// What failed.
    pub error: io::Error,
}

/// Bytes that must all be sent, and how many were.
#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    start: usize,
    taken_bytes: u64,
}

impl Outgoing {
    /// Bytes not taken yet.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The queue's end, to append to. What stands in it must not be changed.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// Sends everything queued, or fails and says how much was taken. Never blocks: call again after `Blocked`.
pub fn send_all(stream: &mut impl Stream, outgoing: &mut Outgoing) -> Result<Sent, SendError> {
    while outgoing.pending() > 0 {
        match send(stream, &outgoing.bytes[outgoing.start..]) {
            Ok(0) => {
                let error = io::ErrorKind::WriteZero.into();
                return Err(SendError { taken_bytes: outgoing.taken_bytes, error });
            }
            Ok(count) => {
                outgoing.start += count;
                outgoing.taken_bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Blocked),
            Err(error) => return Err(SendError { taken_bytes: outgoing.taken_bytes, error }),
        }
    }
    outgoing.bytes.clear();
    outgoing.start = 0;
    Ok(Sent::All)
}
