//! What a session reads from and writes to, and the sockets that are such streams.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use socket2::{SockRef, TcpKeepalive};

use super::endpoint::PeerName;
use super::packet::Packet;
use super::reactor::{Io, Readiness};

const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Unix sockets do not tune their buffers: a larger one saves wake-ups. The system gives what it allows.
const UNIX_BUFFER_BYTES: usize = 1 << 20;

/// A non-blocking byte stream with two directions.
///
/// `WouldBlock` means: nothing now, readiness will come. A simulator or a TLS session implements the first three
/// methods; the rest lets bytes pass inside the kernel where both sides have a descriptor.
pub trait Stream {
    /// Reads some bytes; 0 is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some bytes: one attempt.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Tells the other side that no more comes.
    fn finish_writing(&mut self) -> io::Result<()>;

    /// A write has failed with `EPIPE`. True if the stream goes on all the same, and throws away what comes.
    fn goes_on_unread(&mut self) -> bool {
        false
    }

    /// A failure of the connection that no read or write has reported yet.
    fn take_error(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether a close from now on, by whatever ends the process, is to reach the peer as a reset instead of an end.
    fn reset_on_close(&mut self, _reset: bool) -> io::Result<()> {
        Ok(())
    }

    /// True once the other side's system has confirmed everything, the end included. An error says that it never will.
    fn is_acknowledged(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    /// Asks the kernel to spread what is sent evenly, at about so many bytes per second, and not to take in much more
    /// than that. True if it does.
    fn pace(&mut self, _bytes_per_second: u64) -> io::Result<bool> {
        Ok(false)
    }

    /// The descriptor from which the kernel can take bytes by itself.
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        None
    }

    /// The descriptor to which the kernel can hand bytes by itself.
    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        None
    }
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

/// A connected TCP or Unix stream socket, registered with a reactor.
pub struct Transport {
    socket: Socket,
    readiness: Readiness,
}

/// A connected socket of either family, not yet registered.
pub enum Socket {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// A Unix socket that keeps packets apart.
    Packet(Packet),
}

impl Socket {
    /// Takes over a connected Unix socket.
    pub(crate) fn unix(socket: std::os::unix::net::UnixStream) -> io::Result<Socket> {
        socket.set_nonblocking(true)?;
        Ok(Socket::Unix(UnixStream::from_std(socket)))
    }

    /// The peer's address.
    pub fn peer_name(&self) -> PeerName {
        match self {
            Socket::Tcp(tcp) => PeerName::from_ip(tcp.peer_addr().ok()),
            Socket::Unix(unix) => PeerName::from_unix(unix.peer_addr().ok()),
            Socket::Packet(packet) => PeerName::from_unix(packet.get_ref().peer_addr().ok()),
        }
    }

    /// The address on this side.
    pub fn local_name(&self) -> PeerName {
        match self {
            Socket::Tcp(tcp) => PeerName::from_ip(tcp.local_addr().ok()),
            Socket::Unix(unix) => PeerName::from_unix(unix.local_addr().ok()),
            Socket::Packet(packet) => PeerName::from_unix(packet.get_ref().local_addr().ok()),
        }
    }

    /// The same connection once more, for another thread's reactor.
    pub(crate) fn of(transport: &Transport) -> io::Result<Socket> {
        let copy = transport.socket.as_fd().try_clone_to_owned()?;
        Ok(match &transport.socket {
            Socket::Tcp(_) => Socket::Tcp(TcpStream::from_std(copy.into())),
            Socket::Unix(_) => Socket::Unix(UnixStream::from_std(copy.into())),
            Socket::Packet(_) => Socket::Packet(Packet::new(copy)),
        })
    }

    /// Registers the socket and sets the options that every connection gets.
    pub fn register(mut self, io: &Io) -> io::Result<Transport> {
        match &self {
            Socket::Tcp(tcp) => {
                tcp.set_nodelay(true)?;
                let keepalive =
                    TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
                SockRef::from(tcp).set_tcp_keepalive(&keepalive)?;
            }
            Socket::Unix(unix) => SockRef::from(unix).set_send_buffer_size(UNIX_BUFFER_BYTES)?,
            Socket::Packet(packet) => SockRef::from(packet).set_send_buffer_size(UNIX_BUFFER_BYTES)?,
        }
        let readiness = match &mut self {
            Socket::Tcp(tcp) => io.register(tcp)?,
            Socket::Unix(unix) => io.register(unix)?,
            Socket::Packet(packet) => io.register(packet.socket())?,
        };
        Ok(Transport { socket: self, readiness })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(tcp) => tcp.as_fd(),
            Socket::Unix(unix) => unix.as_fd(),
            Socket::Packet(packet) => packet.as_fd(),
        }
    }
}

impl Transport {
    /// True once a connection that was started is there; an error if it failed.
    pub(crate) fn is_connected(&mut self) -> io::Result<bool> {
        if !self.readiness.is_writable() {
            return Ok(false);
        }
        self.take_error()?;
        let Socket::Tcp(tcp) = &self.socket else { return Ok(true) };
        match tcp.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The peer's address.
    pub fn peer_name(&self) -> PeerName {
        self.socket.peer_name()
    }

    /// The address on this side.
    pub fn local_name(&self) -> PeerName {
        self.socket.local_name()
    }

    fn end(&self) -> KernelEnd<'_> {
        let kind = match &self.socket {
            Socket::Tcp(_) | Socket::Unix(_) => FdKind::Socket,
            Socket::Packet(_) => FdKind::Other,
        };
        KernelEnd { fd: self.socket.as_fd(), kind, readiness: &self.readiness }
    }
}

/// Repeats a call that a signal interrupted.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Stream for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let has_held = matches!(&self.socket, Socket::Packet(packet) if packet.has_held());
        if !self.readiness.is_readable() && !has_held {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| match &mut self.socket {
            Socket::Tcp(tcp) => tcp.read(buffer),
            Socket::Unix(unix) => unix.read(buffer),
            Socket::Packet(packet) => packet.read(buffer),
        });
        if would_block(&result) {
            self.readiness.clear_readable();
        }
        result
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.readiness.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| match &mut self.socket {
            Socket::Tcp(tcp) => tcp.write(bytes),
            Socket::Unix(unix) => unix.write(bytes),
            Socket::Packet(packet) => packet.write(bytes),
        });
        if would_block(&result) {
            self.readiness.clear_writable();
        }
        result
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Socket::Unix(unix) => unix.shutdown(Shutdown::Write),
            Socket::Packet(packet) => packet.get_ref().shutdown(Shutdown::Write),
        }
    }

    fn take_error(&mut self) -> io::Result<()> {
        let error = match &self.socket {
            Socket::Tcp(tcp) => tcp.take_error()?,
            Socket::Unix(unix) => unix.take_error()?,
            Socket::Packet(packet) => packet.get_ref().take_error()?,
        };
        error.map_or(Ok(()), Err)
    }

    fn reset_on_close(&mut self, reset: bool) -> io::Result<()> {
        // socket(7), SO_LINGER: with a limit of zero, close(2) sends a reset. Unix sockets know no such thing.
        match &self.socket {
            Socket::Tcp(tcp) => SockRef::from(tcp).set_linger(reset.then_some(Duration::ZERO)),
            Socket::Unix(_) | Socket::Packet(_) => Ok(()),
        }
    }

    fn is_acknowledged(&mut self) -> io::Result<bool> {
        // A TCP socket loses its peer's name when both ends have been seen and acknowledged. While the peer goes
        // on sending, the kernel's table tells whether our end was acknowledged: FIN_WAIT2.
        let acknowledged = match &self.socket {
            Socket::Tcp(tcp) => {
                tcp.peer_addr().is_err_and(|error| error.kind() == io::ErrorKind::NotConnected)
                    || super::acknowledged::is_half_closed(tcp.as_fd())
            }
            Socket::Unix(_) | Socket::Packet(_) => true,
        };
        // Asked last: a reset takes the peer's name away too, and may come between the two questions.
        self.take_error()?;
        Ok(acknowledged)
    }

    fn pace(&mut self, bytes_per_second: u64) -> io::Result<bool> {
        super::pacing::pace(&self.socket, bytes_per_second)
    }

    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        Some(self.end())
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        Some(self.end())
    }
}

/// True if a call would have had to wait.
pub(crate) fn would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        (**self).finish_writing()
    }

    fn goes_on_unread(&mut self) -> bool {
        (**self).goes_on_unread()
    }

    fn take_error(&mut self) -> io::Result<()> {
        (**self).take_error()
    }

    fn reset_on_close(&mut self, reset: bool) -> io::Result<()> {
        (**self).reset_on_close(reset)
    }

    fn is_acknowledged(&mut self) -> io::Result<bool> {
        (**self).is_acknowledged()
    }

    fn pace(&mut self, bytes_per_second: u64) -> io::Result<bool> {
        (**self).pace(bytes_per_second)
    }

    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        (**self).reading_end()
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        (**self).writing_end()
    }
}
