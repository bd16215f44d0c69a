//! One datagram per call: for every kind of socket, on every system.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags, SocketAddrAny, SocketAddrUnix, recvmsg, sendto,
};

use super::{BUFFER_BYTES, Datagram, DatagramSocket, Peer};
use crate::net::uninterrupted;

/// Receives one datagram.
pub(super) fn receive(
    fd: &OwnedFd,
    buffer: &mut [u8],
    is_timed: bool,
    mut on_datagram: impl FnMut(Datagram<'_>),
) -> io::Result<()> {
    let buffer = &mut buffer[..BUFFER_BYTES];
    let received = uninterrupted(|| {
        let mut nothing = RecvAncillaryBuffer::default();
        let into = &mut [IoSliceMut::new(buffer)];
        Ok(recvmsg(fd, into, &mut nothing, RecvFlags::DONTWAIT)?)
    })?;
    let peer = received.address.map_or_else(|| Ok(Peer::Unix(SocketAddrUnix::new_unnamed())), peer_of)?;
    on_datagram(Datagram {
        peer,
        payload: &buffer[..received.bytes.min(BUFFER_BYTES)],
        is_truncated: received.flags.contains(ReturnFlags::TRUNC),
        local: None,
        time: is_timed.then(crate::net::wall::since_1970),
    });
    Ok(())
}

/// Sends one datagram.
pub(super) fn send(fd: &OwnedFd, to: &Peer, payload: &[u8]) -> io::Result<()> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    match to {
        Peer::Ip(address) => sendto(fd, payload, flags, address)?,
        Peer::Unix(unix) => sendto(fd, payload, flags, unix)?,
    };
    Ok(())
}

impl DatagramSocket {
    /// Sends one datagram to the socket that this one is connected to, whatever has its name now.
    pub fn send_to_connected(&self, payload: &[u8]) -> io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        self.writable(|| Ok(rustix::net::send(&self.fd, payload, flags).map(drop)?))
    }
}

/// Converts an address of one of the supported families.
pub(super) fn peer_of(address: SocketAddrAny) -> io::Result<Peer> {
    match SocketAddr::try_from(address.clone()) {
        Ok(address) => Ok(Peer::Ip(address)),
        Err(_) => Ok(Peer::Unix(SocketAddrUnix::try_from(address)?)),
    }
}
