//! UDP with many datagrams in one call (recvmmsg(2), and the kernel's segmentation, udp(7) `UDP_SEGMENT`) by quinn-udp.

use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::io::Errno;
use rustix::net::{MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::SockRef;
use uapi::{MsghdrMut, c};

use super::{BUFFER_BYTES, Datagram, Dropped, Peer};

/// The most buffers that one call fills.
pub(super) const BATCH: usize = BATCH_SIZE;
/// The most buffers that one call fills while they hold many datagrams each: so few that they are still in the
/// processor's cache when they are read.
const MAX_COALESCED: usize = 4;
/// From this size on the content of a buffer counts as many datagrams.
const MANY_BYTES: usize = 16 << 10;
/// The most buffers that are discarded before the queue is looked at again.
const DISCARDS_AT_ONCE: usize = 8;
/// The room for control messages of a buffer, in words of 8 bytes: more than those take that are asked for.
const CONTROL_WORDS: usize = 32;
/// sock_diag(7): the array that `SO_MEMINFO` fills, and indices into it.
const SO_MEMINFO: c::c_int = 55;
const SK_MEMINFO_RMEM_ALLOC: usize = 0;
const SK_MEMINFO_RCVBUF: usize = 1;
const SK_MEMINFO_DROPS: usize = 8;
const SK_MEMINFO_VARS: usize = 9;
/// The smallest receive queue with which a socket accepts datagrams that the kernel has coalesced (`UDP_GRO`).
const MIN_COALESCING_QUEUE_BYTES: usize = 32 << 20;

/// The abilities of a socket.
pub(super) struct UdpState {
    quinn: UdpSocketState,
    /// The kernel cuts batches into datagrams (`UDP_SEGMENT`).
    is_batching: Cell<bool>,
    /// The kernel may coalesce received datagrams (`UDP_GRO`).
    is_coalescing: bool,
    /// The most buffers that the next call fills.
    max_buffers: Cell<usize>,
}

impl UdpState {
    /// Prepares a socket. quinn-udp sets options for QUIC; those that only QUIC wants are reset.
    pub(super) fn new(fd: &OwnedFd, local: &SocketAddr, is_timed: bool) -> io::Result<UdpState> {
        let quinn = UdpSocketState::new(fd.into())?;
        let set = |level, option, value: c::c_int| uapi::setsockopt(fd.as_raw_fd(), level, option, &value);
        // Datagrams that are larger than a packet go in fragments.
        set(c::IPPROTO_IP, c::IP_MTU_DISCOVER, c::IP_PMTUDISC_WANT)?;
        if local.is_ipv6() {
            set(c::IPPROTO_IPV6, c::IPV6_MTU_DISCOVER, c::IPV6_PMTUDISC_WANT)?;
            set(c::IPPROTO_IPV6, c::IPV6_DONTFRAG, 0)?;
            set(c::IPPROTO_IPV6, c::IPV6_RECVTCLASS, 0)?;
        } else {
            set(c::IPPROTO_IP, c::IP_RECVTOS, 0)?;
        }
        // The kernel counts what it drops by buffers, and a coalesced one counts once, however many datagrams it holds.
        // So coalescing is on only where the queue is long enough to be emptied here in time.
        let is_coalescing =
            quinn.gro_segments() > 1 && SockRef::from(fd).recv_buffer_size()? >= MIN_COALESCING_QUEUE_BYTES;
        if !is_coalescing {
            // A kernel without the option has none to turn off.
            let _ = set(c::SOL_UDP, c::UDP_GRO, 0);
        }
        set(c::SOL_SOCKET, c::SO_TIMESTAMPNS, is_timed.into())?;
        Ok(UdpState { quinn, is_batching: Cell::new(true), is_coalescing, max_buffers: Cell::new(BATCH) })
    }

    pub(super) fn receive(
        &self,
        fd: &OwnedFd,
        bytes: &mut [u8],
        mut on_datagram: impl FnMut(Datagram<'_>),
    ) -> io::Result<()> {
        let mut meta = [RecvMeta::default(); BATCH];
        let mut chunks = bytes.chunks_exact_mut(BUFFER_BYTES);
        let mut buffers: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let max_buffers = self.max_buffers.get();
        let count = self.quinn.recv(fd.into(), &mut buffers[..max_buffers], &mut meta)?;
        let received_bytes: usize = meta[..count].iter().map(|meta| meta.len).sum();
        self.max_buffers.set(if received_bytes >= count * MANY_BYTES { MAX_COALESCED } else { BATCH });
        for (buffer, meta) in buffers.iter().zip(&meta[..count]) {
            let mut on_payload = |payload| {
                on_datagram(Datagram {
                    peer: Peer::Ip(meta.addr),
                    payload,
                    // No UDP datagram is larger than the buffer.
                    is_truncated: false,
                    local: meta.dst_ip,
                    time: meta.timestamp,
                });
            };
            if meta.len == 0 {
                on_payload(&[]);
            }
            buffer[..meta.len].chunks(meta.stride.max(1)).for_each(on_payload);
        }
        Ok(())
    }

    pub(super) fn send(
        &self,
        fd: &OwnedFd,
        to: SocketAddr,
        payload: &[u8],
        segment_bytes: Option<usize>,
        from: Option<IpAddr>,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: payload,
            segment_size: segment_bytes,
            src_ip: from,
        };
        self.quinn.try_send(fd.into(), &transmit)
    }

    /// Sends datagrams with one call. Returns the number of those before the first one that failed.
    pub(super) fn send_many(&self, fd: &OwnedFd, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
        let addresses: Vec<SocketAddrAny> = datagrams.iter().map(|(to, _)| (*to).into()).collect();
        let parts: Vec<[IoSlice<'_>; 1]> =
            datagrams.iter().map(|(_, payload)| [IoSlice::new(payload)]).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = Vec::new();
        controls.resize_with(datagrams.len(), SendAncillaryBuffer::default);
        let messages = addresses.iter().zip(&parts).zip(&mut controls);
        let mut messages: Vec<MMsgHdr<'_>> =
            messages.map(|((to, parts), control)| MMsgHdr::new_with_addr(to, parts, control)).collect();
        Ok(sendmmsg(fd, &mut messages, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Sets `IP_RECVERR`, ip(7).
    pub(super) fn enable_icmp_errors(&self, fd: &OwnedFd) -> io::Result<()> {
        self.quinn.enable_transport_errors(fd.into())
    }

    pub(super) fn batch_limit(&self) -> usize {
        if self.is_batching() { self.quinn.max_gso_segments() } else { 1 }
    }

    pub(super) fn is_batching(&self) -> bool {
        self.is_batching.get()
    }

    pub(super) fn stop_batching(&self) {
        self.is_batching.set(false);
    }

    /// The datagrams that the kernel has dropped: the count of `SO_RXQ_OVFL`, including those dropped after the last
    /// one that was received.
    pub(super) fn dropped(&self, fd: &OwnedFd) -> Option<Dropped> {
        let count = drops(fd)?;
        Some(Dropped { count, is_exact: !self.is_coalescing || count == 0 })
    }

    /// Discards datagrams, without copying them, while the queue is more than half full and the kernel would drop more
    /// than it counts. Returns their number.
    pub(super) fn discard_excess(&self, fd: &OwnedFd) -> u64 {
        let is_half_full = |info: MemoryInfo| info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
        let mut discarded = 0;
        while self.is_coalescing && memory_info(fd).is_some_and(is_half_full) {
            for _ in 0..DISCARDS_AT_ONCE {
                let Ok(count) = discard_buffer(fd) else { return discarded };
                discarded += count;
            }
        }
        discarded
    }
}

/// The datagrams that the kernel has dropped, as far as it counts them.
pub(super) fn drops(fd: &OwnedFd) -> Option<u64> {
    Some(memory_info(fd)?[SK_MEMINFO_DROPS].into())
}

/// Discards the next buffer of the queue. Returns the number of datagrams in it.
fn discard_buffer(fd: &OwnedFd) -> io::Result<u64> {
    // recv(2) tells its length (`MSG_TRUNC`), and only recvmsg(2) that of each datagram. A buffer that the kernel has
    // not coalesced has none.
    let (mut start, mut control) = ([0_u8; 1], [0_u64; CONTROL_WORDS]);
    let mut message = MsghdrMut {
        iov: &mut [&mut start[..]][..],
        control: Some(&mut control[..]),
        name: uapi::sockaddr_none_mut(),
        flags: 0,
    };
    let peek = c::MSG_PEEK | c::MSG_DONTWAIT;
    let (_, _, mut control) = uapi::recvmsg(fd.as_raw_fd(), &mut message, peek)?;
    let mut segment_bytes = usize::MAX;
    while let Ok((_, header, data)) = uapi::cmsg_read(&mut control) {
        if (header.cmsg_level, header.cmsg_type) == (c::SOL_UDP, c::UDP_GRO)
            && let Some(size) = data.first_chunk()
        {
            segment_bytes = c::c_int::from_ne_bytes(*size).unsigned_abs().max(1) as usize;
        }
    }
    let (_, length) = rustix::net::recv(fd, &mut start[..], RecvFlags::TRUNC | RecvFlags::DONTWAIT)?;
    Ok(length.div_ceil(segment_bytes).max(1) as u64)
}

/// The values of `SO_MEMINFO`.
type MemoryInfo = [u32; SK_MEMINFO_VARS];

fn memory_info(fd: &OwnedFd) -> Option<MemoryInfo> {
    let mut info = [0; SK_MEMINFO_VARS];
    uapi::getsockopt(fd.as_raw_fd(), c::SOL_SOCKET, SO_MEMINFO, &mut info).ok()?;
    Some(info)
}

/// True for the errors of sendmsg(2) where a batch cannot be cut into datagrams.
pub(super) fn is_batch_refused(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INVAL | Errno::IO | Errno::MSGSIZE | Errno::OPNOTSUPP | Errno::NOPROTOOPT)
    )
}

pub(super) fn force_receive_queue(fd: &OwnedFd, bytes: usize) -> io::Result<()> {
    let bytes = bytes as c::c_int;
    Ok(uapi::setsockopt(fd.as_raw_fd(), c::SOL_SOCKET, c::SO_RCVBUFFORCE, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn the_datagrams_of_a_discarded_buffer_are_counted() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let receiver = OwnedFd::from(receiver);
        force_receive_queue(&receiver, 32 << 20)
            .or_else(|_| SockRef::from(&receiver).set_recv_buffer_size(32 << 20))
            .unwrap();
        let state = UdpState::new(&receiver, &to, true).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let from = sender.local_addr().unwrap();
        let sender = OwnedFd::from(sender);
        let sending = UdpState::new(&sender, &from, false).unwrap();
        sending.send(&sender, to, &[7; 10 * 100 + 1], Some(100), None).unwrap();
        sending.send(&sender, to, b"", None, None).unwrap();
        sending.send(&sender, to, &[7; 1400], None, None).unwrap();
        let mut counts = Vec::new();
        while counts.iter().sum::<u64>() < 13 {
            counts.push(discard_buffer(&receiver).unwrap());
        }
        let expected = if state.is_coalescing { &[11, 1, 1][..] } else { &[1; 13] };
        assert_eq!(counts, expected);
        assert!(discard_buffer(&receiver).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
        assert_eq!(state.discard_excess(&receiver), 0);
    }
}
