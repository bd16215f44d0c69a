//! Unix sockets that keep packets apart (SOCK_SEQPACKET, unix(7)), as a stream of bytes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use mio::net::UnixStream;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockAddr, Type};

use super::abstract_name;
use super::endpoint::UnixName;

/// The largest packet to receive: a larger one fails the connection.
const MAX_PACKET_BYTES: usize = 4 << 20;
/// The most empty packets that one read skips.
const MAX_EMPTY_PACKETS: usize = 1000;
/// The largest packet to send: every system accepts it.
const MAX_SENT_BYTES: usize = 32 << 10;

/// A connected socket, and the rest of the last packet, for which the reader had no room.
pub struct Packet {
    socket: UnixStream,
    /// The last packet, of which the bytes before `start` were read.
    held: Vec<u8>,
    start: usize,
}

impl Packet {
    /// Takes over a connected, non-blocking socket.
    pub(super) fn new(socket: OwnedFd) -> Packet {
        Packet::of(UnixStream::from_std(socket.into()))
    }

    /// Takes over an accepted socket.
    pub(super) fn of(socket: UnixStream) -> Packet {
        Packet { socket, held: Vec::new(), start: 0 }
    }

    /// The socket, to register it.
    pub(super) fn socket(&mut self) -> &mut UnixStream {
        &mut self.socket
    }

    /// The socket.
    pub(super) fn get_ref(&self) -> &UnixStream {
        &self.socket
    }

    /// True if the next read can be served without another packet.
    pub(super) fn has_held(&self) -> bool {
        self.start < self.held.len()
    }

    /// Reads bytes of one packet. Empty packets are skipped.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..MAX_EMPTY_PACKETS {
            match self.read_packet(buffer)? {
                // An end and an empty packet look alike: this is a packet if the peer has not ended, or if bytes follow.
                0 if !self.has_peer_ended() => {}
                0 if self.has_bytes_waiting() => {}
                count => return Ok(count),
            }
        }
        Err(io::Error::other(format!("{MAX_EMPTY_PACKETS} empty packets in a row")))
    }

    /// True if the peer has closed or shut down its sending direction.
    fn has_peer_ended(&self) -> bool {
        super::poll::is_ready(self.socket.as_fd(), PollFlags::RDHUP)
    }

    /// True if packets with bytes wait.
    fn has_bytes_waiting(&self) -> bool {
        rustix::io::ioctl_fionread(&self.socket).is_ok_and(|count| count > 0)
    }

    /// Reads bytes of one packet, which may be empty.
    fn read_packet(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.has_held() {
            // With MSG_TRUNC the call returns the packet's length, whatever the buffer's.
            let flags = RecvFlags::PEEK | RecvFlags::TRUNC | RecvFlags::DONTWAIT;
            let (_, length) = rustix::net::recv(&self.socket, &mut *buffer, flags)?;
            if length <= buffer.len() {
                let (count, _) = rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT)?;
                return Ok(count);
            }
            if length > MAX_PACKET_BYTES {
                let text = format!("a packet of {length} bytes: {MAX_PACKET_BYTES} are the most");
                return Err(io::Error::other(text));
            }
            self.held.resize(length, 0);
            rustix::net::recv(&self.socket, &mut self.held[..], RecvFlags::DONTWAIT)?;
            self.start = 0;
        }
        let count = buffer.len().min(self.held.len() - self.start);
        buffer[..count].copy_from_slice(&self.held[self.start..self.start + count]);
        self.start += count;
        if !self.has_held() {
            self.held = Vec::new();
        }
        Ok(count)
    }

    /// Sends a packet.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(MAX_SENT_BYTES)];
        Ok(rustix::net::send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }
}

impl AsFd for Packet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn address(name: &UnixName) -> io::Result<SockAddr> {
    match name {
        UnixName::Path(path) => SockAddr::unix(path),
        // A leading NUL is how the system writes such names.
        UnixName::Abstract(name) => {
            abstract_name::address(name)?;
            SockAddr::unix(Path::new(&format!("\0{name}")))
        }
    }
}

/// Binds a listening socket, non-blocking.
pub(super) fn bind(name: &UnixName, backlog: i32) -> io::Result<std::os::unix::net::UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.bind(&address(name)?)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(OwnedFd::from(socket).into())
}

/// Connects a socket. `WouldBlock`: the listener's queue is full.
pub(super) fn connect(name: &UnixName) -> io::Result<Packet> {
    connect_as(name, Type::SEQPACKET).map(Packet::new)
}

/// Connects a Unix socket of any type. If the listener has another type, the error names the one to use.
pub(super) fn connect_as(name: &UnixName, kind: Type) -> io::Result<OwnedFd> {
    let address = address(name)?;
    let open = |kind| {
        let socket = socket2::Socket::new(Domain::UNIX, kind, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&address).map(|()| socket)
    };
    let socket = open(kind).map_err(|error| {
        if error.raw_os_error() != Some(Errno::PROTOTYPE.raw_os_error()) {
            return error;
        }
        // This connection goes unnoticed by the other program.
        io::Error::other(match (open(Type::DGRAM), kind) {
            (Ok(_), _) => "it is a datagram socket: see udp-send",
            (Err(_), Type::STREAM) => "it keeps packets apart: type unix-seqpacket: instead of unix:",
            (Err(_), _) => "it is a stream socket: type unix: instead of unix-seqpacket:",
        })
    })?;
    Ok(socket.into())
}
