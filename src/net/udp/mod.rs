//! Datagram sockets: UDP over IPv4 and IPv6, and Unix. One datagram is one record, with its sender.
//!
//! On Linux quinn-udp receives and sends many in one call; elsewhere, and on Unix sockets, one per call.

mod batch;
mod drops;
#[cfg(all(target_os = "linux", not(sendall_portable)))]
#[path = "batched.rs"]
mod ip;
#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
#[path = "plain.rs"]
mod ip;
mod open;
mod options;
mod outbox;
mod single;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use rustix::net::SocketAddrUnix;
use socket2::SockRef;

pub use self::batch::Batch;
pub use self::open::{addresses_of, listen, open_for};
pub use self::options::{Group, Options};
pub use self::outbox::ReplyBatch;
use super::bind::SocketFile;
use super::endpoint::PeerName;
use super::reactor::{IoHandle, Readiness};
use super::stream::would_block;

/// The largest payload of a UDP datagram over IPv4, in bytes: 65 535 less the headers of IP and UDP.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;
/// The first port that is not reserved for services, which would answer a forged datagram.
const FIRST_USER_PORT: u16 = 1024;
/// The size of the buffer for one datagram: no UDP datagram is larger.
const BUFFER_BYTES: usize = 1 << 16;
/// The size of the receive queue that is requested, for bursts; the system grants what it allows.
const RECEIVE_QUEUE_BYTES: usize = 64 << 20;

/// The address of a datagram's sender or receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Of a UDP socket. It is IPv4-mapped only on inherited sockets: ours have one family.
    Ip(SocketAddr),
    /// Of a Unix socket. One without a name cannot be replied to.
    Unix(SocketAddrUnix),
}

impl Peer {
    /// True if both are of one address family.
    pub fn is_same_family(&self, other: &Peer) -> bool {
        match (self, other) {
            (Peer::Ip(one), Peer::Ip(other)) => one.is_ipv4() == other.is_ipv4(),
            (Peer::Unix(_), Peer::Unix(_)) => true,
            _ => false,
        }
    }

    /// The name that processes get in their environment.
    pub fn to_name(&self) -> PeerName {
        match self {
            Peer::Ip(address) => PeerName::from_ip(Some(*address)),
            Peer::Unix(_) => PeerName::from_unix(None),
        }
    }

    /// The IP address; `None` for a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Peer::Ip(address) => Some(address.ip()),
            Peer::Unix(_) => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Ip(address) => PeerName::from_ip(Some(*address)).fmt(f),
            Peer::Unix(unix) => match (unix.path_bytes(), unix.abstract_name()) {
                (Some(path), _) => write!(f, "unix:{}", std::ffi::OsStr::from_bytes(path).display()),
                (_, Some(name)) => write!(f, "unix:@{}", String::from_utf8_lossy(name)),
                _ => f.write_str("unix"),
            },
        }
    }
}

/// One received datagram.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Its sender.
    pub peer: Peer,
    /// Its bytes; if it was truncated, the first of them.
    pub payload: &'a [u8],
    /// True if it was larger than the buffer.
    pub is_truncated: bool,
    /// The address it was sent to, where the system reports it.
    pub local: Option<IpAddr>,
    /// Its time of arrival since 1970, if [`Options::is_timed`].
    pub time: Option<Duration>,
}

/// Datagrams that the system has dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Their number, or its lower bound.
    pub count: u64,
    /// False if the system may have dropped more than it has counted.
    pub is_exact: bool,
}

/// The buffer of a call that receives.
pub struct ReceiveBuffer {
    bytes: Vec<u8>,
}

impl Default for ReceiveBuffer {
    fn default() -> ReceiveBuffer {
        ReceiveBuffer { bytes: vec![0; ip::BATCH * BUFFER_BYTES] }
    }
}

/// A datagram socket that is registered with a reactor.
pub struct DatagramSocket {
    fd: Arc<OwnedFd>,
    readiness: Readiness,
    kind: SocketKind,
    local: Peer,
    /// Whether received datagrams get a time.
    is_timed: bool,
    _file: Option<SocketFile>,
}

enum SocketKind {
    Ip(ip::UdpState),
    Unix,
}

impl DatagramSocket {
    fn register(
        fd: OwnedFd,
        file: Option<SocketFile>,
        options: &Options,
        io: &IoHandle,
    ) -> io::Result<DatagramSocket> {
        let (socket, is_timed) = (SockRef::from(&fd), options.is_timed);
        socket.set_nonblocking(true)?;
        enlarge_receive_queue(&fd, options.receive_queue_bytes.unwrap_or(RECEIVE_QUEUE_BYTES));
        let local = local_of(&fd)?;
        let kind = match &local {
            Peer::Ip(address) => SocketKind::Ip(ip::UdpState::new(&fd, address, is_timed)?),
            Peer::Unix(_) => SocketKind::Unix,
        };
        let readiness = io.register(&mut SourceFd(&fd.as_raw_fd()))?;
        readiness.set_writable();
        Ok(DatagramSocket { fd: Arc::new(fd), readiness, kind, local, is_timed, _file: file })
    }

    /// The address that was bound.
    pub fn local_address(&self) -> &Peer {
        &self.local
    }

    /// The address that datagrams are sent from now: that of a connected socket is known.
    pub fn source_address(&self) -> io::Result<Peer> {
        local_of(&self.fd)
    }

    /// True if a datagram may be sent now.
    pub fn is_writable(&self) -> bool {
        self.readiness.is_writable()
    }

    /// Receives one or more datagrams with one call. `WouldBlock` if there are none.
    pub fn receive(
        &self,
        buffer: &mut ReceiveBuffer,
        on_datagram: impl FnMut(Datagram<'_>),
    ) -> io::Result<()> {
        if !self.readiness.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = match &self.kind {
            SocketKind::Ip(state) => state.receive(&self.fd, &mut buffer.bytes, on_datagram),
            SocketKind::Unix => single::receive(&self.fd, &mut buffer.bytes, self.is_timed, on_datagram),
        };
        if would_block(&result) {
            self.readiness.clear_readable();
        }
        result
    }

    /// Sends one datagram to `to`, which must be the peer of a connected socket, from the address `from`.
    pub fn send(&self, to: &Peer, payload: &[u8], from: Option<IpAddr>) -> io::Result<()> {
        self.writable(|| match (&self.kind, to) {
            (SocketKind::Ip(state), Peer::Ip(to)) => state.send(&self.fd, *to, payload, None, from),
            _ => single::send(&self.fd, to, payload),
        })
    }

    /// Sends a reply to a datagram that was sent to `local`, from that address, as the peer expects.
    pub fn reply(&self, to: &Peer, local: Option<IpAddr>, payload: &[u8]) -> io::Result<()> {
        match self.reply_source(local) {
            // A broadcast address of a network cannot be recognized, and cannot be sent from.
            from @ Some(_) => self.send(to, payload, from).or_else(|_| self.send(to, payload, None)),
            None => self.send(to, payload, None),
        }
    }

    /// The address that a reply to a datagram for `local` must be sent from; `None` if the socket is bound to one.
    pub fn reply_source(&self, local: Option<IpAddr>) -> Option<IpAddr> {
        let is_any = matches!(&self.local, Peer::Ip(bound) if bound.ip().is_unspecified());
        local.filter(|local| is_any && is_unicast(*local))
    }

    /// Sends the datagrams of a batch, with one call where the system can. Returns the number of datagrams sent: fewer
    /// than all if a later one failed.
    pub fn send_batch(&self, to: &Peer, batch: &mut Batch) -> io::Result<usize> {
        if batch.count() > 1
            && let (SocketKind::Ip(state), Peer::Ip(to)) = (&self.kind, to)
            && state.is_batching()
        {
            let segment = Some(batch.segment_bytes());
            match self.writable(|| state.send(&self.fd, *to, batch.bytes(), segment, None)) {
                Ok(()) => return Ok(batch.remove_all()),
                // The device or the path does not support it. Nothing was sent: they are sent one by one.
                Err(error) if ip::is_batch_refused(&error) => state.stop_batching(),
                Err(error) => return Err(error),
            }
        }
        let mut sent = 0;
        while let Some(datagram) = batch.first() {
            match self.send(to, datagram, None) {
                Ok(()) => batch.remove_first(),
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
            sent += 1;
        }
        Ok(sent)
    }

    /// The most datagrams that a batch may hold.
    pub fn batch_limit(&self) -> usize {
        match &self.kind {
            SocketKind::Ip(state) => state.batch_limit(),
            SocketKind::Unix => 1,
        }
    }

    fn writable<T>(&self, send: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        if !self.readiness.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = super::uninterrupted(send);
        if would_block(&result) {
            self.readiness.clear_writable();
        }
        result
    }

    /// Connects to a peer (connect(2)): only its datagrams are received, and an ICMP error from its system fails a
    /// call.
    pub fn connect(&self, peer: &Peer) -> io::Result<()> {
        match peer {
            Peer::Ip(address) => rustix::net::connect(&self.fd, address)?,
            Peer::Unix(unix) => rustix::net::connect(&self.fd, unix)?,
        }
        Ok(())
    }

    /// Has later calls fail with ICMP errors, such as a closed port, on a socket that is not connected, where the
    /// system can do that.
    pub fn enable_icmp_errors(&self) -> io::Result<()> {
        match &self.kind {
            SocketKind::Ip(state) => state.enable_icmp_errors(&self.fd),
            SocketKind::Unix => Ok(()),
        }
    }

    /// The pending error of the socket (`SO_ERROR`), such as an ICMP error that no call has returned yet.
    pub fn take_error(&self) -> io::Result<()> {
        SockRef::from(&self.fd).take_error()?.map_or(Ok(()), Err)
    }

    /// The datagrams that the system has dropped because they were not received in time. `None` if it does not count
    /// them.
    pub fn dropped(&self) -> Option<Dropped> {
        match &self.kind {
            SocketKind::Ip(state) => state.dropped(&self.fd),
            // The senders to a full Unix socket wait.
            SocketKind::Unix => Some(Dropped { count: 0, is_exact: true }),
        }
    }

    /// Discards datagrams while the receive queue is so full that the system would drop some without an exact count.
    /// Returns their number.
    pub fn discard_excess(&self) -> u64 {
        match &self.kind {
            SocketKind::Ip(state) => state.discard_excess(&self.fd),
            SocketKind::Unix => 0,
        }
    }
}

fn local_of(fd: &OwnedFd) -> io::Result<Peer> {
    let any = rustix::net::getsockname(fd.as_fd())?;
    single::peer_of(any)
}

/// Enlarges the receive queue: beyond the system's limit with privileges, up to it without.
fn enlarge_receive_queue(fd: &OwnedFd, bytes: usize) {
    if ip::force_receive_queue(fd, bytes).is_err() {
        // A smaller queue is not a failure: dropped datagrams are counted.
        let _ = SockRef::from(fd).set_recv_buffer_size(bytes);
    }
}

impl Peer {
    /// The reason why a datagram from this peer, sent to `to` and received by the socket bound to `local`, must not be
    /// replied to, whatever it contains: a forged one could make this side flood a service, a network or itself.
    pub fn no_reply_reason(&self, local: &Peer, to: Option<IpAddr>) -> Option<&'static str> {
        match self {
            Peer::Ip(peer) if peer.port() < FIRST_USER_PORT => Some("its port is below 1024"),
            _ => self.no_host_reason(local, to),
        }
    }

    /// The same for a relay, whose clients may be services: the reason why this peer is not one other host.
    pub fn no_host_reason(&self, local: &Peer, to: Option<IpAddr>) -> Option<&'static str> {
        match (self, local) {
            (Peer::Unix(unix), _) if unix.is_unnamed() => Some("it has no address"),
            (Peer::Ip(peer), Peer::Ip(local)) => {
                // An inherited socket may have both families.
                let (ip, to) = (peer.ip().to_canonical(), to.map(|to| to.to_canonical()));
                // Bound to every address, this socket answers for each of this machine's addresses.
                let is_here = if local.ip().is_unspecified() {
                    Some(ip) == to || ip.is_loopback()
                } else {
                    ip == local.ip().to_canonical()
                };
                if !is_unicast(ip) {
                    Some("its address is not that of one host")
                } else if is_here && peer.port() == local.port() {
                    Some("it is this socket")
                } else {
                    None
                }
            }
            _ => (self == local).then_some("it is this socket"),
        }
    }
}

/// False for multicast, broadcast, and the unspecified address.
fn is_unicast(ip: IpAddr) -> bool {
    !(ip.is_multicast() || ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::BROADCAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_other_host_is_replied_to() {
        let peer = |address: &str| Peer::Ip(address.parse().expect("an address"));
        let any = peer("0.0.0.0:9000");
        let here = Some("192.0.2.1".parse().expect("an address"));
        for (address, local, answered) in [
            ("192.0.2.9:1024", &any, true),
            ("192.0.2.9:1023", &any, false),
            ("192.0.2.9:9000", &any, true),
            ("192.0.2.1:9000", &any, false),
            ("127.0.0.1:9000", &any, false),
            ("127.0.0.1:9001", &any, true),
            ("127.0.0.1:9000", &peer("127.0.0.1:9000"), false),
            ("127.0.0.2:9000", &peer("127.0.0.1:9000"), true),
            ("255.255.255.255:9001", &any, false),
            ("224.0.0.1:9001", &any, false),
            ("0.0.0.0:9001", &any, false),
            ("[ff02::1]:9001", &peer("[::]:9000"), false),
            ("[2001:db8::1]:9001", &peer("[::]:9000"), true),
            ("[::1]:9000", &peer("[::]:9000"), false),
        ] {
            assert_eq!(peer(address).no_reply_reason(local, here).is_none(), answered, "{address}");
        }
        let unnamed = Peer::Unix(SocketAddrUnix::new_unnamed());
        assert!(unnamed.no_reply_reason(&any, None).is_some());
    }
}
