//! `send` and `send_all`: the two verbs of the core.

use std::collections::TryReserveError;
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

/// Bytes that must all be sent, and how many were.
#[derive(Default)]
pub struct SendBuffer {
    /// Kept at its largest size, so that a chunk is neither allocated nor zeroed anew.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    taken_bytes: u64,
}

impl SendBuffer {
    /// Bytes not taken yet.
    pub fn pending(&self) -> usize {
        self.end - self.start
    }

    /// How many bytes were taken, in all.
    pub fn taken_bytes(&self) -> u64 {
        self.taken_bytes
    }

    /// The bytes not taken yet.
    pub fn queued(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.space(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Reserves memory for this many bytes.
    ///
    /// # Errors
    /// There is not.
    pub fn reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        self.bytes.try_reserve_exact(count.saturating_sub(self.bytes.len()))
    }

    /// Room for `count` bytes after those queued, to be filled and then counted by [`SendBuffer::filled`].
    pub fn space(&mut self, count: usize) -> &mut [u8] {
        if self.start > 0 && self.bytes.len() < self.end + count {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() < self.end + count {
            self.bytes.resize(self.end + count, 0);
        }
        &mut self.bytes[self.end..self.end + count]
    }

    /// The first `count` bytes of the space were filled.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// Drops what was not sent.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}

/// Sends everything queued, or fails: then what was taken is not queued any more. Never blocks: call again after
/// `Blocked`.
pub fn send_all(stream: &mut impl Stream, outgoing: &mut SendBuffer) -> io::Result<Sent> {
    while outgoing.pending() > 0 {
        match send(stream, outgoing.queued()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                outgoing.start += count;
                outgoing.taken_bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Blocked),
            Err(error) => return Err(error),
        }
    }
    outgoing.clear();
    Ok(Sent::All)
}
