//! Listening: binding every form of endpoint, accepting, and cleaning up after Unix sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::endpoint::{Endpoint, Host, PeerName, UnixName};
use super::packet::Packet;
use super::reactor::{Io, Readiness};
use super::stream::{Socket, would_block};
use crate::error::{Error, Exit};

const BACKLOG: i32 = 1024;
const PORT_TRIES: u32 = 32;

/// A bound socket that takes clients.
pub struct Listener {
    kind: Kind,
    readiness: Readiness,
}

enum Kind {
    Tcp(TcpListener),
    Unix { socket: UnixListener, is_packet: bool, _file: Option<SocketFile> },
}

impl Kind {
    fn of_path((socket, file): (std::os::unix::net::UnixListener, SocketFile)) -> io::Result<Kind> {
        socket.set_nonblocking(true)?;
        let socket = UnixListener::from_std(socket);
        Ok(Kind::Unix { socket, is_packet: false, _file: Some(file) })
    }

    fn of_packets(self) -> Kind {
        match self {
            Kind::Unix { socket, _file, .. } => Kind::Unix { socket, is_packet: true, _file },
            tcp @ Kind::Tcp(_) => tcp,
        }
    }
}

/// Binds everything that an endpoint stands for: one socket, or one per address family.
pub fn listen(endpoint: &Endpoint, io: &Io) -> Result<Vec<Listener>, Error> {
    let bound = match endpoint {
        Endpoint::Tcp { host, port } => bind_host(host, *port, bind_stream).map(|sockets| {
            sockets.into_iter().map(|socket| Kind::Tcp(TcpListener::from_std(socket.into()))).collect()
        }),
        Endpoint::UnixPath(path) => bind_path(path, || std::os::unix::net::UnixListener::bind(path))
            .and_then(|bound| Ok(vec![Kind::of_path(bound)?])),
        Endpoint::SeqPacket(name @ UnixName::Path(path)) => {
            bind_path(path, || super::packet::bind(name, BACKLOG))
                .and_then(|bound| Ok(vec![Kind::of_path(bound)?.of_packets()]))
        }
        Endpoint::SeqPacket(name) => super::packet::bind(name, BACKLOG).map(|socket| {
            let socket = UnixListener::from_std(socket);
            vec![Kind::Unix { socket, is_packet: true, _file: None }]
        }),
        Endpoint::UnixAbstract(name) => super::abstract_name::address(name)
            .and_then(|address| std::os::unix::net::UnixListener::bind_addr(&address))
            .and_then(|socket| {
                socket.set_nonblocking(true)?;
                let socket = UnixListener::from_std(socket);
                Ok(vec![Kind::Unix { socket, is_packet: false, _file: None }])
            }),
        Endpoint::Inherited(inherited) => super::activation::take(inherited)
            .and_then(|sockets| sockets.into_iter().map(inherited_kind).collect()),
    };
    let register = |kinds: Vec<Kind>| -> io::Result<Vec<Listener>> {
        let mut listeners = Vec::new();
        for mut kind in kinds {
            let readiness = match &mut kind {
                Kind::Tcp(tcp) => io.register(tcp)?,
                Kind::Unix { socket: unix, .. } => io.register(unix)?,
            };
            listeners.push(Listener { kind, readiness });
        }
        Ok(listeners)
    };
    bound.and_then(register).map_err(|error| cannot_listen(endpoint, &error))
}

/// Of a socket that somebody else has bound: if it has a file, that is theirs.
fn inherited_kind(socket: socket2::Socket) -> io::Result<Kind> {
    let is_packet = socket.r#type()? == Type::SEQPACKET;
    Ok(match socket.local_addr()?.domain() {
        Domain::UNIX => Kind::Unix { socket: UnixListener::from_std(socket.into()), is_packet, _file: None },
        Domain::IPV4 | Domain::IPV6 => Kind::Tcp(TcpListener::from_std(socket.into())),
        other => return Err(io::Error::other(format!("no socket for TCP or of Unix, but of {other:?}"))),
    })
}

/// Why an endpoint cannot be bound.
pub(super) fn cannot_listen(endpoint: &Endpoint, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "address in use".into(),
        io::ErrorKind::PermissionDenied => "not permitted".into(),
        io::ErrorKind::AddrNotAvailable => "not an address of this machine".into(),
        _ => error.to_string(),
    };
    Error::new(Exit::NoConnection, format!("cannot listen on {endpoint}: {why}"))
}

impl Listener {
    /// Takes one client, and its address; `None` if none waits. Errors are the process's (no descriptors) or one
    /// client's (aborted).
    pub fn accept(&self) -> io::Result<Option<(Socket, PeerName)>> {
        if !self.readiness.is_readable() {
            return Ok(None);
        }
        let result = super::stream::uninterrupted(|| match &self.kind {
            Kind::Tcp(tcp) => {
                tcp.accept().map(|(socket, peer)| (Socket::Tcp(socket), PeerName::from_ip(Some(peer))))
            }
            Kind::Unix { socket: unix, is_packet, .. } => unix.accept().map(|(socket, peer)| {
                let socket = match is_packet {
                    true => Socket::Packet(Packet::of(socket)),
                    false => Socket::Unix(socket),
                };
                (socket, PeerName::from_unix(Some(peer)))
            }),
        });
        if would_block(&result) {
            self.readiness.clear_readable();
            return Ok(None);
        }
        result.map(Some)
    }

    /// The address that was bound.
    pub fn name(&self) -> PeerName {
        match &self.kind {
            Kind::Tcp(tcp) => PeerName::from_ip(tcp.local_addr().ok()),
            Kind::Unix { socket: unix, is_packet: false, .. } => PeerName::from_unix(unix.local_addr().ok()),
            Kind::Unix { socket: unix, .. } => PeerName::from_packets(unix.local_addr().ok()),
        }
    }
}

/// Makes and binds a socket.
type Bind = fn(SocketAddr) -> io::Result<socket2::Socket>;

/// Binds what a host and a port stand for, with `bind`.
pub(super) fn bind_host(host: &Host, port: u16, bind: Bind) -> io::Result<Vec<socket2::Socket>> {
    match host {
        Host::Loopback => bind_both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, port, bind),
        Host::Any => bind_both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, port, bind),
        Host::Named(name) => {
            let address = (name.as_str(), port).to_socket_addrs()?.next();
            let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
            Ok(vec![bind(address)?])
        }
    }
}

/// Binds one port in both families. Where IPv6 is off, IPv4 alone; and the other way round.
fn bind_both(v4: Ipv4Addr, v6: Ipv6Addr, port: u16, bind: Bind) -> io::Result<Vec<socket2::Socket>> {
    let mut tries = 0;
    loop {
        let first = match bind((v4, port).into()) {
            Err(error) if is_family_missing(&error) => return Ok(vec![bind((v6, port).into())?]),
            result => result?,
        };
        let chosen = first.local_addr()?.as_socket().map_or(port, |address| address.port());
        tries += 1;
        match bind((v6, chosen).into()) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if is_family_missing(&error) => return Ok(vec![first]),
            // The system chose the port for one family; the other may have it in use.
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_family_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind_stream(address: SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Binds a Unix socket's path with `bind`. A file of a server that lives is not touched; one left by a dead server is
/// replaced.
pub(super) fn bind_path<S>(path: &Path, bind: impl Fn() -> io::Result<S>) -> io::Result<(S, SocketFile)> {
    let socket = match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let file = std::fs::symlink_metadata(path)?;
            if !file.file_type().is_socket() {
                return Err(io::Error::other("a file that is not a socket is in the way"));
            }
            // A datagram socket cannot connect to a stream socket, but hears whether one lives there: a stream
            // socket would be taken for a client.
            match std::os::unix::net::UnixDatagram::unbound()?.connect(path) {
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    bind()?
                }
                _ => return Err(error),
            }
        }
        result => result?,
    };
    let inode = std::fs::symlink_metadata(path)?.ino();
    Ok((socket, SocketFile { path: path.to_owned(), inode }))
}

/// A Unix socket's name in the file system, removed when dropped, unless another server has replaced it.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // Nothing can be done, and nothing is lost, if it is gone already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
