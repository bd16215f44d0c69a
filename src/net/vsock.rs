//! Sockets between a virtual machine and its host, vsock(7).
//!
//! They are stream sockets, and read and written as such. The kernel reports no acknowledgement of the other machine.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::UnixStream;
use rustix::io::Errno;
use rustix::net::SocketFlags;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::endpoint::PeerName;

/// Every address that this machine has, and a port that the system chooses.
const ANY: u32 = u32::MAX;

#[cfg(target_os = "linux")]
fn new_socket() -> io::Result<Socket> {
    Socket::new(Domain::VSOCK, Type::STREAM, None).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::AFNOSUPPORT) => missing(),
        _ => error,
    })
}

#[cfg(target_os = "linux")]
fn address(cid: u32, port: u32) -> SockAddr {
    SockAddr::vsock(cid, port)
}

#[cfg(target_os = "linux")]
fn numbers(address: &SockAddr) -> Option<(u32, u32)> {
    address.as_vsock_address()
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this system has no vsock: its kernel lacks the module")
}

#[cfg(not(target_os = "linux"))]
fn new_socket() -> io::Result<Socket> {
    Err(missing())
}

#[cfg(not(target_os = "linux"))]
fn address(_: u32, _: u32) -> SockAddr {
    SockAddr::from(std::net::SocketAddr::from(([0, 0, 0, 0], 0)))
}

#[cfg(not(target_os = "linux"))]
fn numbers(_: &SockAddr) -> Option<(u32, u32)> {
    None
}

/// Begins a connection without waiting.
pub(super) fn connect(cid: Option<u32>, port: u32) -> io::Result<UnixStream> {
    let socket = new_socket()?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address(cid.unwrap_or(ANY), port)) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => Err(explained(error)),
        _ => Ok(UnixStream::from_std(socket.into())),
    }
}

/// Binds a listening socket. Port 0 lets the system choose one.
pub(super) fn bind(cid: Option<u32>, port: u32, backlog: i32) -> io::Result<Socket> {
    let socket = new_socket()?;
    socket.bind(&address(cid.unwrap_or(ANY), if port == 0 { ANY } else { port })).map_err(explained)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Accepts one client.
pub(super) fn accept(listener: BorrowedFd<'_>) -> io::Result<(UnixStream, PeerName)> {
    let socket = rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let peer = peer_name(socket.as_fd());
    Ok((UnixStream::from_std(socket.into()), peer))
}

/// The other end's address.
pub(super) fn peer_name(socket: BorrowedFd<'_>) -> PeerName {
    PeerName::from_vsock(SockRef::from(&socket).peer_addr().ok().as_ref().and_then(numbers))
}

/// The address on this side.
pub(super) fn local_name(socket: BorrowedFd<'_>) -> PeerName {
    PeerName::from_vsock(SockRef::from(&socket).local_addr().ok().as_ref().and_then(numbers))
}

/// Says more about errors that mean something else here.
pub(super) fn explained(error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::NODEV) => io::Error::new(
            io::ErrorKind::NotFound,
            "no way there: this machine is no guest, or has no loopback of vsock (modprobe vsock_loopback)",
        ),
        // What the other side's kernel answers if nothing listens.
        Some(Errno::CONNRESET) => io::ErrorKind::ConnectionRefused.into(),
        _ => error,
    }
}
