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

/// The largest packet that is received: a larger one ends the connection.
const LONGEST_BYTES: usize = 4 << 20;
/// How many packets without bytes are left out at once.
const MAX_EMPTY: usize = 1000;
/// What is sent as one packet at most: every system takes that.
const SENT_BYTES: usize = 32 << 10;

/// A connected socket, and what the reader had no room for of the last packet.
pub struct Packet {
    socket: UnixStream,
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

    /// The socket, to be registered.
    pub(super) fn socket(&mut self) -> &mut UnixStream {
        &mut self.socket
    }

    /// The socket.
    pub(super) fn get_ref(&self) -> &UnixStream {
        &self.socket
    }

    /// True if the next read needs no packet.
    pub(super) fn has_held(&self) -> bool {
        self.start < self.held.len()
    }

    /// Reads some bytes of one packet. Packets without bytes are left out.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..MAX_EMPTY {
            match self.read_one(buffer)? {
                // The end looks like a packet without bytes. Before the peer has ended it is none; and after the end
                // there is nothing.
                0 if !self.has_peer_ended() => {}
                0 if self.has_bytes_after() => {}
                count => return Ok(count),
            }
        }
        Err(io::Error::other(format!("{MAX_EMPTY} empty packets in a row")))
    }

    fn has_peer_ended(&self) -> bool {
        super::poll::is_ready(self.socket.as_fd(), PollFlags::RDHUP)
    }

    /// Of all packets that wait.
    fn has_bytes_after(&self) -> bool {
        rustix::io::ioctl_fionread(&self.socket).is_ok_and(|count| count > 0)
    }

    fn read_one(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.has_held() {
            // With MSG_TRUNC the call returns the packet's length, whatever the buffer's.
            let flags = RecvFlags::PEEK | RecvFlags::TRUNC | RecvFlags::DONTWAIT;
            let (_, length) = rustix::net::recv(&self.socket, &mut *buffer, flags)?;
            if length <= buffer.len() {
                let (count, _) = rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT)?;
                return Ok(count);
            }
            if length > LONGEST_BYTES {
                let text = format!("a packet of {length} bytes: {LONGEST_BYTES} are the most");
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
        let bytes = &bytes[..bytes.len().min(SENT_BYTES)];
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

/// A listening socket, non-blocking.
pub(super) fn bind(name: &UnixName, backlog: i32) -> io::Result<std::os::unix::net::UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.bind(&address(name)?)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(OwnedFd::from(socket).into())
}

/// A connected socket. `WouldBlock`: the listener has no room for another client now.
pub(super) fn connect(name: &UnixName) -> io::Result<Packet> {
    connect_as(name, Type::SEQPACKET).map(Packet::new)
}

/// The same of a kind of Unix sockets.
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
        // Nothing is noticed of this one.
        io::Error::other(match (open(Type::DGRAM), kind) {
            (Ok(_), _) => "it is a datagram socket: see udp-send",
            (Err(_), Type::STREAM) => "it keeps packets apart: type unix-seqpacket: instead of unix:",
            (Err(_), _) => "it is a stream socket: type unix: instead of unix-seqpacket:",
        })
    })?;
    Ok(socket.into())
}
