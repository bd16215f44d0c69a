//! Listening: binding every form of endpoint, accepting, and cleaning up after Unix sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, SockAddr};

use super::endpoint::{Endpoint, Host, PeerName, UnixName};
use super::options::{SocketOptions, is_refusal};
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
    fn of_packets(self) -> Kind {
        match self {
            Kind::Unix { socket, _file, .. } => Kind::Unix { socket, is_packet: true, _file },
            tcp @ Kind::Tcp(_) => tcp,
        }
    }
}

/// Binds everything that an endpoint stands for: one socket, or one per address family.
pub fn listen(endpoint: &Endpoint, io: &Io) -> Result<Vec<Listener>, Error> {
    listen_with(endpoint, &SocketOptions::default(), io)
}

/// The same with options that must hold from a client's first packet on. Its accepted socket needs them once more:
/// [`Socket::register_with`].
pub fn listen_with(endpoint: &Endpoint, options: &SocketOptions, io: &Io) -> Result<Vec<Listener>, Error> {
    let bound = match endpoint {
        Endpoint::Tcp { host, port } => bind_tcp(host, *port, options).and_then(|sockets| {
            sockets.into_iter().map(|socket| Ok(Kind::Tcp(TcpListener::from_std(socket)))).collect()
        }),
        Endpoint::UnixPath(path) => {
            bind_path(path, || std::os::unix::net::UnixListener::bind(path)).map(|kind| vec![kind])
        }
        Endpoint::SeqPacket(name @ UnixName::Path(path)) => {
            bind_path(path, || super::packet::bind(name, BACKLOG)).map(|kind| vec![kind.of_packets()])
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
    bound.and_then(register).map_err(|error| {
        let exit = if is_refusal(&error) { Exit::Failed } else { Exit::NoConnection };
        Error::new(exit, format!("cannot listen on {endpoint}: {}", explain(&error)))
    })
}

/// Of a socket that somebody else has bound: if it has a file, that is theirs.
fn inherited_kind(socket: socket2::Socket) -> io::Result<Kind> {
    let is_packet = socket.r#type()? == socket2::Type::SEQPACKET;
    Ok(match socket.local_addr()?.domain() {
        Domain::UNIX => Kind::Unix { socket: UnixListener::from_std(socket.into()), is_packet, _file: None },
        Domain::IPV4 | Domain::IPV6 => Kind::Tcp(TcpListener::from_std(socket.into())),
        other => return Err(io::Error::other(format!("no socket for TCP or of Unix, but of {other:?}"))),
    })
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        _ if is_refusal(error) => error.to_string(),
        io::ErrorKind::AddrInUse => "address in use".into(),
        io::ErrorKind::PermissionDenied => "not permitted".into(),
        io::ErrorKind::AddrNotAvailable => "not an address of this machine".into(),
        _ => error.to_string(),
    }
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

fn bind_tcp(host: &Host, port: u16, options: &SocketOptions) -> io::Result<Vec<std::net::TcpListener>> {
    match host {
        Host::Loopback => bind_both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, port, options),
        Host::Any => bind_both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, port, options),
        Host::Named(name) => {
            let address = (name.as_str(), port).to_socket_addrs()?.next();
            let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
            Ok(vec![bind_one(address, options)?])
        }
    }
}

/// Binds one port in both families. Where IPv6 is off, IPv4 alone; and the other way round.
fn bind_both(
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    port: u16,
    options: &SocketOptions,
) -> io::Result<Vec<std::net::TcpListener>> {
    let mut tries = 0;
    loop {
        let first = match bind_one((v4, port).into(), options) {
            Err(error) if is_family_missing(&error) => {
                return Ok(vec![bind_one((v6, port).into(), options)?]);
            }
            result => result?,
        };
        let chosen = first.local_addr()?.port();
        tries += 1;
        match bind_one((v6, chosen).into(), options) {
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

fn bind_one(address: SocketAddr, options: &SocketOptions) -> io::Result<std::net::TcpListener> {
    let socket = options.socket(Domain::for_address(address))?;
    options.apply(socket.as_fd())?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Binds a Unix socket's path. A file of a server that lives is not touched; one left by a dead server is replaced.
fn bind_path(
    path: &Path,
    bind: impl Fn() -> io::Result<std::os::unix::net::UnixListener>,
) -> io::Result<Kind> {
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
    socket.set_nonblocking(true)?;
    let inode = std::fs::symlink_metadata(path)?.ino();
    let file = SocketFile { path: path.to_owned(), inode };
    Ok(Kind::Unix { socket: UnixListener::from_std(socket), is_packet: false, _file: Some(file) })
}

/// A Unix socket's name in the file system, removed when dropped, unless another server has replaced it.
struct SocketFile {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::options::InForce;

    #[test]
    fn a_listener_has_its_options_before_its_clients_come() {
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let asked =
            |ttl, send_buffer_bytes| SocketOptions { ttl, send_buffer_bytes, ..SocketOptions::default() };
        let listener = bind_one(address, &asked(Some(9), None)).expect("a port");
        let told = InForce(listener.as_fd()).to_string();
        assert!(told.contains(" ttl=9 "), "{told}");
        let refused =
            bind_one(address, &asked(None, Some(1 << 30))).expect_err("larger than any system's limit");
        assert!(is_refusal(&refused) && explain(&refused).starts_with("--sndbuf 1073741824: "));
    }
}
