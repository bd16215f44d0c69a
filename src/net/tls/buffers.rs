//! Buffers of ciphertext, lent to a connection by its thread while they hold something.

use std::cell::RefCell;
use std::fmt::Display;
use std::io;

/// The socket below: non-blocking reads and writes of ciphertext, as those of [`Stream`](crate::net::stream::Stream).
pub(crate) trait Below {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn finish_writing(&mut self) -> io::Result<()>;
}

/// Bytes of plaintext that are encrypted, or expected from the socket, at a time.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// The largest content of a record (RFC 8446, 5.1).
pub(super) const RECORD_BYTES: usize = 16 << 10;
/// The most that a record adds to its content: header, TLS 1.2's explicit nonce, content type, tag (RFC 8446, 5.2).
const RECORD_OVERHEAD: usize = 5 + 8 + 1 + 16;
/// A piece as ciphertext, and a record before it that was not complete.
const BUFFER_BYTES: usize = ciphertext(PIECE_BYTES) + ciphertext(RECORD_BYTES);
/// Buffers that a thread keeps while no connection uses them.
const MAX_SPARE: usize = 4;

/// The most that this many bytes of plaintext become.
pub(super) const fn ciphertext(plaintext_bytes: usize) -> usize {
    plaintext_bytes + (plaintext_bytes / RECORD_BYTES + 1) * RECORD_OVERHEAD
}

thread_local! {
    static SPARE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of the thread.
pub(super) fn lend() -> Box<[u8]> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice())
}

/// Takes a buffer back.
pub(super) fn give_back(buffer: Box<[u8]>) {
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < MAX_SPARE {
            spare.push(buffer);
        }
    });
}

/// Ciphertext that the socket has not taken yet.
#[derive(Default)]
pub(super) struct Outgoing {
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Appends what `encode` writes.
    ///
    /// # Errors
    /// There is not enough room.
    pub(super) fn append<E: Display>(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), rustls::Error> {
        let buffer = self.buffer.get_or_insert_with(lend);
        match encode(&mut buffer[self.end..]) {
            Ok(count) => {
                self.end += count;
                Ok(())
            }
            Err(error) => Err(rustls::Error::General(error.to_string())),
        }
    }

    /// Writes as much as the socket takes.
    ///
    /// # Errors
    /// `WouldBlock`: the socket has no room for the rest.
    pub(super) fn flush(&mut self, below: &mut impl Below) -> io::Result<()> {
        while let Some(buffer) = self.buffer.as_ref().filter(|_| self.start < self.end) {
            self.start += below.write(&buffer[self.start..self.end])?;
        }
        (self.start, self.end) = (0, 0);
        if let Some(buffer) = self.buffer.take() {
            give_back(buffer);
        }
        Ok(())
    }
}
