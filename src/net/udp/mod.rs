//! Datagram sockets: UDP over IPv4 and IPv6, and Unix. One datagram is one record, with its sender.
//!
//! On Linux quinn-udp receives and sends many in one call; elsewhere, and on Unix sockets, each has a call of its own.

mod batch;
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
use super::reactor::{Io, Readiness};
use super::stream::would_block;

/// The most that a UDP datagram over IPv4 holds: 65 535 less the headers of IP and UDP.
pub const LARGEST_BYTES: usize = 65_507;
/// Ports below are those of services, which answer whoever asks.
const FIRST_USER_PORT: u16 = 1024;
/// Room for one datagram: no UDP datagram is larger.
const BUFFER_BYTES: usize = 1 << 16;
/// Asked for, so that a burst finds room; the system gives what it allows.
const RECEIVE_QUEUE_BYTES: usize = 64 << 20;

/// Who sent a datagram, or is to have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Over UDP. IPv4-mapped addresses come from sockets only that others have bound: ours have one family.
    Ip(SocketAddr),
    /// Over a Unix socket; one without a name cannot be answered.
    Unix(SocketAddrUnix),
}

impl Peer {
    /// True if both are of one address family.
    pub fn is_alike(&self, other: &Peer) -> bool {
        match (self, other) {
            (Peer::Ip(one), Peer::Ip(other)) => one.is_ipv4() == other.is_ipv4(),
            (Peer::Unix(_), Peer::Unix(_)) => true,
            _ => false,
        }
    }

    /// As processes get it in their environment.
    pub fn to_name(&self) -> PeerName {
        match self {
            Peer::Ip(address) => PeerName::from_ip(Some(*address)),
            Peer::Unix(_) => PeerName::from_unix(None),
        }
    }

    /// The address, over UDP.
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

/// One datagram as it came.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub peer: Peer,
    /// All of its bytes, or, if it was truncated, its beginning.
    pub payload: &'a [u8],
    /// It was larger than the buffer.
    pub is_truncated: bool,
    /// The address it was sent to, where the system reports it.
    pub local: Option<IpAddr>,
    /// When it came, since 1970, where that was asked for.
    pub time: Option<Duration>,
}

/// Datagrams that the system has dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many, or at least how many.
    pub count: u64,
    /// Whether there may be more of them than the system has counted.
    pub is_exact: bool,
}

/// Room for what one call receives.
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
    fd: OwnedFd,
    readiness: Readiness,
    family: SocketKind,
    name: Peer,
    /// Whether datagrams are to have a time.
    is_timed: bool,
    _file: Option<SocketFile>,
}

enum SocketKind {
    Ip(ip::State),
    Unix,
}

impl DatagramSocket {
    fn register(
        fd: OwnedFd,
        file: Option<SocketFile>,
        is_timed: bool,
        io: &Io,
    ) -> io::Result<DatagramSocket> {
        let socket = SockRef::from(&fd);
        socket.set_nonblocking(true)?;
        enlarge_receive_queue(&fd);
        let name = name_of(&fd)?;
        let family = match &name {
            Peer::Ip(address) => SocketKind::Ip(ip::State::new(&fd, address, is_timed)?),
            Peer::Unix(_) => SocketKind::Unix,
        };
        let readiness = io.register(&mut SourceFd(&fd.as_raw_fd()))?;
        Ok(DatagramSocket { fd, readiness, family, name, is_timed, _file: file })
    }

    /// The address that was bound.
    pub fn name(&self) -> &Peer {
        &self.name
    }

    /// Receives some datagrams, with one call where the system can. `WouldBlock` if none is there.
    pub fn receive(&self, buffers: &mut ReceiveBuffer, take: impl FnMut(Datagram<'_>)) -> io::Result<()> {
        if !self.readiness.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = match &self.family {
            SocketKind::Ip(state) => state.receive(&self.fd, &mut buffers.bytes, take),
            SocketKind::Unix => single::receive(&self.fd, &mut buffers.bytes, self.is_timed, take),
        };
        if would_block(&result) {
            self.readiness.clear_readable();
        }
        result
    }

    /// Sends one datagram. To a connected socket's own peer, `to` is that peer.
    pub fn send(&self, to: &Peer, payload: &[u8], from: Option<IpAddr>) -> io::Result<()> {
        self.writable(|| match (&self.family, to) {
            (SocketKind::Ip(state), Peer::Ip(to)) => state.send(&self.fd, *to, payload, None, from),
            _ => single::send(&self.fd, to, payload),
        })
    }

    /// Sends an answer to a datagram that was sent to `local`; from there, so that the peer knows it again.
    pub fn answer(&self, to: &Peer, local: Option<IpAddr>, payload: &[u8]) -> io::Result<()> {
        match self.origin(local) {
            // A broadcast address of a network cannot be recognized, and cannot be sent from.
            from @ Some(_) => self.send(to, payload, from).or_else(|_| self.send(to, payload, None)),
            None => self.send(to, payload, None),
        }
    }

    /// The address that an answer to a datagram for `local` is sent from, where the system would choose one.
    fn origin(&self, local: Option<IpAddr>) -> Option<IpAddr> {
        let is_any = matches!(&self.name, Peer::Ip(bound) if bound.ip().is_unspecified());
        local.filter(|local| is_any && !is_shared(*local))
    }

    /// Sends the datagrams of a batch, with one call where the system can. Returns how many it took: all but where an
    /// error came between.
    pub fn send_batch(&self, to: &Peer, batch: &mut Batch) -> io::Result<usize> {
        if batch.count() > 1
            && let (SocketKind::Ip(state), Peer::Ip(to)) = (&self.family, to)
            && state.is_batching()
        {
            let segment = Some(batch.segment_bytes());
            match self.writable(|| state.send(&self.fd, *to, batch.bytes(), segment, None)) {
                Ok(()) => return Ok(batch.take_all()),
                // The device or the path cannot do it: nothing was sent. One by one they may be.
                Err(error) if ip::is_batch_refused(&error) => state.stop_batching(),
                Err(error) => return Err(error),
            }
        }
        let mut sent = 0;
        while let Some(datagram) = batch.first() {
            match self.send(to, datagram, None) {
                Ok(()) => batch.take_first(),
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
            sent += 1;
        }
        Ok(sent)
    }

    /// How many datagrams of one size a batch may hold.
    pub fn batch_limit(&self) -> usize {
        match &self.family {
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

    /// Connects to a peer (connect(2)): only its datagrams are received, and an ICMP error from its system fails a call.
    pub fn connect(&self, peer: &Peer) -> io::Result<()> {
        match peer {
            Peer::Ip(address) => rustix::net::connect(&self.fd, address)?,
            Peer::Unix(unix) => rustix::net::connect(&self.fd, unix)?,
        }
        Ok(())
    }

    /// From now on what a peer's system says of a closed port is an error here, where the system can do that without
    /// a connection.
    pub fn enable_icmp_errors(&self) -> io::Result<()> {
        match &self.family {
            SocketKind::Ip(state) => state.enable_icmp_errors(&self.fd),
            SocketKind::Unix => Ok(()),
        }
    }

    /// What the peer's system has said about a datagram, if nothing has reported it yet.
    pub fn take_error(&self) -> io::Result<()> {
        SockRef::from(&self.fd).take_error()?.map_or(Ok(()), Err)
    }

    /// Datagrams that the system has dropped because they were not received in time, where it counts them.
    pub fn dropped(&self) -> Option<Dropped> {
        match &self.family {
            SocketKind::Ip(state) => state.dropped(&self.fd),
            // A Unix socket that is full has its senders wait.
            SocketKind::Unix => Some(Dropped { count: 0, is_exact: true }),
        }
    }

    /// True if what waits should rather be taken and thrown away, and counted here, than be left to the system, which
    /// would not count it exactly.
    pub fn is_pressed(&self) -> bool {
        matches!(&self.family, SocketKind::Ip(state) if state.is_pressed(&self.fd))
    }
}

fn name_of(fd: &OwnedFd) -> io::Result<Peer> {
    let any = rustix::net::getsockname(fd.as_fd())?;
    single::peer(any)
}

/// As much as can be had: beyond the system's limit with privileges, up to it without.
fn enlarge_receive_queue(fd: &OwnedFd) {
    if ip::force_receive_queue(fd, RECEIVE_QUEUE_BYTES).is_err() {
        // Less room is no failure: what is dropped is counted.
        let _ = SockRef::from(fd).set_recv_buffer_size(RECEIVE_QUEUE_BYTES);
    }
}

impl Peer {
    /// Why a datagram of this peer, which came to the socket bound to `local` and was sent to `to`, is not answered
    /// whatever it says: because a forged one could make this side flood a service, a network or itself.
    pub fn unanswerable(&self, local: &Peer, to: Option<IpAddr>) -> Option<&'static str> {
        match (self, local) {
            (Peer::Unix(unix), _) if unix.is_unnamed() => Some("it has no address"),
            (Peer::Ip(peer), Peer::Ip(local)) => {
                // A socket that was passed on may have both families.
                let (ip, to) = (peer.ip().to_canonical(), to.map(|to| to.to_canonical()));
                // Bound to every address, this socket answers for each of this machine's addresses.
                let is_here = if local.ip().is_unspecified() {
                    Some(ip) == to || ip.is_loopback()
                } else {
                    ip == local.ip().to_canonical()
                };
                if peer.port() < FIRST_USER_PORT {
                    Some("its port is below 1024")
                } else if is_shared(ip) {
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

/// True for multicast, broadcast, and the unspecified address.
fn is_shared(ip: IpAddr) -> bool {
    ip.is_multicast() || ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_other_host_is_not_answered() {
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
            assert_eq!(peer(address).unanswerable(local, here).is_none(), answered, "{address}");
        }
        let unnamed = Peer::Unix(SocketAddrUnix::new_unnamed());
        assert!(unnamed.unanswerable(&any, None).is_some());
    }
}
