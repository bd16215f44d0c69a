//! What a session reads from and writes to, and the sockets that are such streams.

mod transport;

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

pub(crate) use self::transport::Opening;
pub use self::transport::Transport;
pub(crate) use super::raw::would_block;
use super::reactor::Readiness;
pub use super::socket::Socket;
use crate::proto::relay::half_close_timer::Delivery;

/// A non-blocking byte stream with two directions.
///
/// `WouldBlock` means: nothing now; readiness, or the time of [`Timed::wake_up`], will come. No method of these traits has
/// a default: a wrapper says of each trait whether it forwards it ([`forwarding!`](crate::forwarding)), a plain stream
/// that it has nothing to say ([`without!`](crate::without)).
pub trait Stream: KernelEnds + SocketState + Timed + RelayHints {
    /// Reads some bytes; 0 is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some bytes: one attempt.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Half-closes: the other side reads the end after what was written.
    fn finish_writing(&mut self) -> io::Result<()>;
}

/// A stream that may go on as the socket of another thread.
pub trait Handover: Stream {
    /// Takes the socket. Bytes that were read and are still buffered are lost.
    ///
    /// # Errors
    /// It is not a socket of its own.
    fn into_socket(self) -> io::Result<Socket>;
}

/// The descriptors between which the kernel can move bytes by itself. None: each byte has to pass `read` or `write`.
pub trait KernelEnds {
    /// The descriptor that is read.
    fn reading_end(&self) -> Option<KernelEnd<'_>>;

    /// The descriptor that is written.
    fn writing_end(&self) -> Option<KernelEnd<'_>>;
}

/// The socket of a stream: its state, and what can be asked of it.
pub trait SocketState {
    /// A failure of the connection that no read or write has reported yet (socket(7), `SO_ERROR`).
    fn take_error(&mut self) -> io::Result<()>;

    /// True if the system reports that the peer has closed both directions, and not only half-closed. TCP cannot tell the
    /// two apart: false there.
    fn has_hung_up(&self) -> bool;

    /// Whether a close from now on, by whatever ends the process, reaches the peer as a reset instead of an end
    /// (socket(7), `SO_LINGER`).
    fn reset_on_close(&mut self, reset: bool) -> io::Result<()>;

    /// True once the peer's system has acknowledged everything, the end included. An error: it never will.
    fn is_acknowledged(&mut self) -> io::Result<bool>;

    /// What the system knows of the way to the peer (tcp(7), `TCP_INFO`). None: nothing.
    fn delivery(&self) -> Option<Delivery>;

    /// Asks the kernel to spread what is sent evenly, at about this rate, and to buffer not much more than that
    /// (socket(7), `SO_MAX_PACING_RATE`). True if it does.
    fn pace(&mut self, bytes_per_second: u64) -> io::Result<bool>;
}

/// Time, for streams that something else than readiness holds up. They read no clock.
pub trait Timed {
    /// A turn begins at `now`.
    fn tick(&mut self, now: Instant);

    /// When to call again if such a stream has held something up in this turn: no readiness will come for it.
    fn wake_up(&self) -> Option<Instant>;
}

/// What a relay must know of a stream that is more than bytes: a process, or a tool that changes bytes.
pub trait RelayHints {
    /// How many bytes have come from the other side, where they are not those that `read` has given.
    fn received_bytes(&self) -> Option<u64>;

    /// True if all was read, and only the end is held back until the other side has ended.
    fn is_exhausted(&self) -> bool;

    /// A write has failed with `EPIPE`. True if the stream discards what is written from now on, and is read as before.
    fn survives_broken_pipe(&mut self) -> bool;
}

/// One direction of a descriptor, with the readiness that belongs to it.
#[derive(Clone, Copy)]
pub struct KernelEnd<'a> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// What it is.
    pub kind: FdKind,
    /// Its readiness.
    pub readiness: &'a Readiness,
}

/// What a descriptor is, as far as splice and sendfile care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdKind {
    /// A regular file.
    File,
    /// A pipe or FIFO.
    Pipe,
    /// A stream socket.
    Socket,
    /// `/dev/null`.
    Null,
    /// A terminal.
    Terminal,
    /// Anything else.
    Other,
}
