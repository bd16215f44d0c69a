//! UDP without batches: for systems other than Linux.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::{Datagram, Dropped, Peer, single};

/// The most buffers that one call fills.
pub(super) const BATCH: usize = 1;

/// The abilities of a socket.
pub(super) struct UdpState {
    is_timed: bool,
}

impl UdpState {
    pub(super) fn new(_: &OwnedFd, _: &SocketAddr, is_timed: bool) -> io::Result<UdpState> {
        Ok(UdpState { is_timed })
    }

    pub(super) fn receive(
        &self,
        fd: &OwnedFd,
        buffer: &mut [u8],
        on_datagram: impl FnMut(Datagram<'_>),
    ) -> io::Result<()> {
        single::receive(fd, buffer, self.is_timed, on_datagram)
    }

    pub(super) fn send(
        &self,
        fd: &OwnedFd,
        to: SocketAddr,
        payload: &[u8],
        _segment_bytes: Option<usize>,
        _from: Option<IpAddr>,
    ) -> io::Result<()> {
        single::send(fd, &Peer::Ip(to), payload)
    }

    /// Sends none: each datagram has a call of its own.
    pub(super) fn send_many(&self, _: &OwnedFd, _: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
        Ok(0)
    }

    pub(super) fn enable_icmp_errors(&self, _: &OwnedFd) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn batch_limit(&self) -> usize {
        1
    }

    pub(super) fn is_batching(&self) -> bool {
        false
    }

    pub(super) fn stop_batching(&self) {}

    /// `None`: the system does not report it.
    pub(super) fn dropped(&self, _: &OwnedFd) -> Option<Dropped> {
        None
    }

    /// Discards none: nothing is counted.
    pub(super) fn discard_excess(&self, _: &OwnedFd) -> u64 {
        0
    }
}

/// The system does not count them.
pub(super) fn drops(_: &OwnedFd) -> Option<u64> {
    None
}

pub(super) fn is_batch_refused(_: &io::Error) -> bool {
    false
}

pub(super) fn force_receive_queue(_: &OwnedFd, _: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
