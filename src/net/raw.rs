//! One attempt to read from a stream socket, or to write to it.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::net::{RecvFlags, SendFlags};

use super::reactor::Readiness;
use super::uninterrupted;

/// Reads from a stream socket, if there may be something.
pub(super) fn receive(fd: BorrowedFd<'_>, readiness: &Readiness, buffer: &mut [u8]) -> io::Result<usize> {
    if !readiness.is_readable() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let result = uninterrupted(|| {
        // The system call itself: that of the C library checks for thread cancellation each time.
        let (count, _) = rustix::net::recv(fd, &mut *buffer, RecvFlags::empty())?;
        Ok(count)
    });
    if would_block(&result) {
        readiness.clear_readable();
    }
    result
}

/// The first byte that was received, which stays unread. None: nothing has come yet. The peer's end is an error,
/// `UnexpectedEof`.
pub(super) fn peek(fd: BorrowedFd<'_>) -> io::Result<Option<u8>> {
    let mut byte = [0];
    match uninterrupted(|| Ok(rustix::net::recv(fd, &mut byte, RecvFlags::PEEK)?)) {
        Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(Some(byte[0])),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes to a stream socket, if there may be room.
pub(super) fn send(fd: BorrowedFd<'_>, readiness: &Readiness, bytes: &[u8]) -> io::Result<usize> {
    if !readiness.is_writable() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let result = uninterrupted(|| Ok(rustix::net::send(fd, bytes, SendFlags::empty())?));
    if would_block(&result) {
        readiness.clear_writable();
    }
    result
}

/// True if a call would have had to wait.
pub(crate) fn would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
