//! A connected socket of any kind, not yet registered with a reactor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use socket2::SockRef;

use super::endpoint::PeerName;
use super::line::Line;
use super::packet::Packet;
use super::tls::layer::Layer;
use super::tls::socket::TlsSocket;

/// A connected socket of either family, not yet registered.
pub enum Socket {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// A Unix socket that keeps packets apart.
    Packet(Packet),
    /// TCP with TLS on it.
    Tls(Box<TlsSocket>),
    /// A stream socket of vsock(7), which has the calls of a Unix socket.
    Vsock(UnixStream),
    /// A serial line or a pseudoterminal.
    Line(Box<Line>),
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
            Socket::Tls(tls) => PeerName::from_ip(tls.tcp().peer_addr().ok()),
            Socket::Vsock(vsock) => super::vsock::peer_name(vsock.as_fd()),
            Socket::Line(line) => PeerName::from_name(line.name()),
        }
    }

    /// The address on this side.
    pub fn local_name(&self) -> PeerName {
        match self {
            Socket::Tcp(tcp) => PeerName::from_ip(tcp.local_addr().ok()),
            Socket::Unix(unix) => PeerName::from_unix(unix.local_addr().ok()),
            Socket::Packet(packet) => PeerName::from_unix(packet.get_ref().local_addr().ok()),
            Socket::Tls(tls) => PeerName::from_ip(tls.tcp().local_addr().ok()),
            Socket::Vsock(vsock) => super::vsock::local_name(vsock.as_fd()),
            Socket::Line(_) => PeerName::from_name("here"),
        }
    }

    /// The TCP socket, with or without TLS on it.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Socket::Tcp(tcp) => Some(tcp),
            Socket::Tls(tls) => Some(tls.tcp()),
            Socket::Unix(_) | Socket::Packet(_) | Socket::Vsock(_) | Socket::Line(_) => None,
        }
    }

    /// The TLS layer, if there is one.
    pub(crate) fn tls(&self) -> Option<&Layer> {
        match self {
            Socket::Tls(tls) => Some(tls.layer()),
            Socket::Tcp(_) | Socket::Unix(_) | Socket::Packet(_) | Socket::Vsock(_) | Socket::Line(_) => None,
        }
    }

    /// The same connection with TLS on it. The handshake is still to come.
    ///
    /// # Errors
    /// It is not TCP.
    pub(super) fn with_tls(self, layer: Layer) -> io::Result<Socket> {
        match self {
            Socket::Tcp(tcp) => Ok(Socket::Tls(Box::new(TlsSocket::new(tcp, layer)))),
            Socket::Unix(_) | Socket::Packet(_) | Socket::Tls(_) | Socket::Vsock(_) | Socket::Line(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "TLS needs a TCP connection"))
            }
        }
    }

    /// Whether a close from now on sends a reset instead of an end (socket(7), `SO_LINGER`).
    pub(crate) fn reset_on_close(&self, reset: bool) -> io::Result<()> {
        // socket(7), SO_LINGER: with a limit of zero, close(2) sends a reset. Unix sockets know no such thing.
        self.tcp().map_or(Ok(()), |tcp| SockRef::from(tcp).set_linger(reset.then_some(Duration::ZERO)))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(tcp) => tcp.as_fd(),
            Socket::Unix(unix) => unix.as_fd(),
            Socket::Packet(packet) => packet.as_fd(),
            Socket::Tls(tls) => tls.as_fd(),
            Socket::Vsock(vsock) => vsock.as_fd(),
            Socket::Line(line) => line.as_fd(),
        }
    }
}
