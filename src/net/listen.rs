//! Listening: every form of endpoint bound, clients accepted.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, SockAddr};

use super::bind::{SocketFile, bind_host, bind_path, cannot_listen};
use super::endpoint::{Endpoint, PeerName, Special, UnixName};
use super::options::SocketOptions;
use super::packet::Packet;
use super::reactor::{IoHandle, Readiness};
use super::stream::{Socket, would_block};
use crate::error::{Error, Exit};

const BACKLOG: i32 = 1024;

/// A listening socket.
pub struct Listener {
    kind: ListenerKind,
    readiness: Readiness,
}

enum ListenerKind {
    Tcp(TcpListener),
    Unix { socket: UnixListener, is_packet: bool, _file: Option<SocketFile> },
    Vsock(UnixListener),
}

impl ListenerKind {
    fn of_path((socket, file): (std::os::unix::net::UnixListener, SocketFile)) -> io::Result<ListenerKind> {
        socket.set_nonblocking(true)?;
        let socket = UnixListener::from_std(socket);
        Ok(ListenerKind::Unix { socket, is_packet: false, _file: Some(file) })
    }

    fn of_packets(self) -> ListenerKind {
        match self {
            ListenerKind::Unix { socket, _file, .. } => ListenerKind::Unix { socket, is_packet: true, _file },
            other @ (ListenerKind::Tcp(_) | ListenerKind::Vsock(_)) => other,
        }
    }
}

/// Binds everything that an endpoint stands for: one socket, or one per address family. The options hold from a
/// client's first packet on. Its accepted socket needs them once more: [`Socket::register_with`].
pub fn listen_with(
    endpoint: &Endpoint,
    options: &SocketOptions,
    io: &IoHandle,
) -> Result<Vec<Listener>, Error> {
    let bound = match endpoint {
        Endpoint::Tcp { host, port } => {
            bind_host(host, *port, options.family, &|address| bind_stream(address, options)).map(|sockets| {
                sockets
                    .into_iter()
                    .map(|socket| ListenerKind::Tcp(TcpListener::from_std(socket.into())))
                    .collect()
            })
        }
        Endpoint::UnixPath(path) => bind_path(path, || std::os::unix::net::UnixListener::bind(path))
            .and_then(|bound| Ok(vec![ListenerKind::of_path(bound)?])),
        Endpoint::SeqPacket(name @ UnixName::Path(path)) => {
            bind_path(path, || super::packet::bind(name, BACKLOG))
                .and_then(|bound| Ok(vec![ListenerKind::of_path(bound)?.of_packets()]))
        }
        Endpoint::SeqPacket(name) => super::packet::bind(name, BACKLOG).map(|socket| {
            let socket = UnixListener::from_std(socket);
            vec![ListenerKind::Unix { socket, is_packet: true, _file: None }]
        }),
        Endpoint::UnixAbstract(name) => super::abstract_name::address(name)
            .and_then(|address| std::os::unix::net::UnixListener::bind_addr(&address))
            .and_then(|socket| {
                socket.set_nonblocking(true)?;
                let socket = UnixListener::from_std(socket);
                Ok(vec![ListenerKind::Unix { socket, is_packet: false, _file: None }])
            }),
        Endpoint::Special(Special::Vsock { cid, port }) => {
            super::vsock::bind(*cid, *port, BACKLOG).map(|socket| vec![vsock_kind(socket)])
        }
        Endpoint::Special(_) => Err(io::Error::other("a line is there to connect to")),
        Endpoint::Inherited(inherited) => {
            super::activation::take(inherited, super::activation::Use::Connections)
                .and_then(|sockets| sockets.into_iter().map(inherited_kind).collect())
        }
    };
    let register = |kinds: Vec<ListenerKind>| -> io::Result<Vec<Listener>> {
        let mut listeners = Vec::new();
        for mut kind in kinds {
            let readiness = match &mut kind {
                ListenerKind::Tcp(tcp) => io.register(tcp)?,
                ListenerKind::Unix { socket: unix, .. } | ListenerKind::Vsock(unix) => io.register(unix)?,
            };
            listeners.push(Listener { kind, readiness });
        }
        Ok(listeners)
    };
    bound.and_then(register).map_err(|error| cannot_listen(endpoint, &error))
}

/// Returns the addresses of a listener on this endpoint that other machines may reach: of a socket that was passed on its
/// own one. Nothing is bound. `behind_proxy`: also those of this machine, because others may reach a proxy there.
///
/// # Errors
/// Sockets that were not passed on.
pub fn reached_by_others(endpoint: &Endpoint, behind_proxy: bool) -> Result<Vec<String>, Error> {
    let is_reached = |address: &SocketAddr| behind_proxy || !address.ip().to_canonical().is_loopback();
    match endpoint {
        Endpoint::Inherited(_) => {
            let tcp: Vec<SocketAddr> = passed_on(endpoint)?.iter().filter_map(SockAddr::as_socket).collect();
            Ok(tcp.iter().filter(|address| is_reached(address)).map(SocketAddr::to_string).collect())
        }
        Endpoint::Tcp { .. } if behind_proxy || !endpoint.is_local() => Ok(vec![endpoint.to_string()]),
        _ => Ok(Vec::new()),
    }
}

/// Fails if a socket that was passed on is one of Unix, where `option` makes clients encrypt.
///
/// # Errors
/// The reason; also for sockets that were not passed on.
pub fn check_tcp(endpoints: &[Endpoint], option: &str) -> Result<(), Error> {
    for endpoint in endpoints.iter().filter(|endpoint| matches!(endpoint, Endpoint::Inherited(_))) {
        if passed_on(endpoint)?.iter().any(|address| address.as_socket().is_none()) {
            let text = format!("{option} is for TCP, and {endpoint} is a Unix socket: leave it out");
            return Err(Error::new(Exit::Usage, text));
        }
    }
    Ok(())
}

fn passed_on(endpoint: &Endpoint) -> Result<Vec<SockAddr>, Error> {
    let Endpoint::Inherited(inherited) = endpoint else { return Ok(Vec::new()) };
    super::activation::addresses(inherited).map_err(|error| cannot_listen(endpoint, &error))
}

/// The kind of a socket that another process has bound. That process owns its file.
fn inherited_kind(socket: socket2::Socket) -> io::Result<ListenerKind> {
    let is_packet = socket.r#type()? == socket2::Type::SEQPACKET;
    Ok(match socket.local_addr()?.domain() {
        Domain::UNIX => {
            ListenerKind::Unix { socket: UnixListener::from_std(socket.into()), is_packet, _file: None }
        }
        #[cfg(target_os = "linux")]
        Domain::VSOCK => vsock_kind(socket),
        Domain::IPV4 | Domain::IPV6 => ListenerKind::Tcp(TcpListener::from_std(socket.into())),
        other => return Err(io::Error::other(format!("no socket for TCP or of Unix, but of {other:?}"))),
    })
}

impl Listener {
    /// Accepts one client, with its address; `None` if none waits. An error concerns the process (no descriptors) or
    /// one client (aborted): see `is_one_clients`.
    pub fn accept(&self) -> io::Result<Option<(Socket, PeerName)>> {
        if !self.readiness.is_readable() {
            return Ok(None);
        }
        let result = super::uninterrupted(|| match &self.kind {
            ListenerKind::Tcp(tcp) => {
                tcp.accept().map(|(socket, peer)| (Socket::Tcp(socket), PeerName::from_ip(Some(peer))))
            }
            ListenerKind::Unix { socket: unix, is_packet, .. } => unix.accept().map(|(socket, peer)| {
                let socket = match is_packet {
                    true => Socket::Packet(Packet::of(socket)),
                    false => Socket::Unix(socket),
                };
                (socket, PeerName::from_unix(Some(peer)))
            }),
            ListenerKind::Vsock(vsock) => {
                super::vsock::accept(vsock.as_fd()).map(|(socket, peer)| (Socket::Vsock(socket), peer))
            }
        });
        if would_block(&result) {
            self.readiness.clear_readable();
            return Ok(None);
        }
        result.map(Some)
    }

    /// True if a rejected client gets a reset. A Unix socket only has an orderly end.
    pub fn can_reset(&self) -> bool {
        matches!(self.kind, ListenerKind::Tcp(_))
    }

    /// The address that was bound.
    pub fn name(&self) -> PeerName {
        match &self.kind {
            ListenerKind::Tcp(tcp) => PeerName::from_ip(tcp.local_addr().ok()),
            ListenerKind::Unix { socket: unix, is_packet: false, .. } => {
                PeerName::from_unix(unix.local_addr().ok())
            }
            ListenerKind::Unix { socket: unix, .. } => PeerName::from_seqpacket(unix.local_addr().ok()),
            ListenerKind::Vsock(vsock) => super::vsock::local_name(vsock.as_fd()),
        }
    }
}

/// Its calls are those of a Unix socket, but for its addresses.
fn vsock_kind(socket: socket2::Socket) -> ListenerKind {
    ListenerKind::Vsock(UnixListener::from_std(socket.into()))
}

fn bind_stream(address: SocketAddr, options: &SocketOptions) -> io::Result<socket2::Socket> {
    let socket = options.socket(Domain::for_address(address))?;
    options.apply(socket.as_fd())?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// True for errors of accept(2) that concern one client, who is gone, and not the listener.
pub(crate) fn is_one_clients(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NETUNREACH
                | Errno::OPNOTSUPP
                | Errno::TIMEDOUT
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::options::{InForce, is_refusal};
    use std::net::Ipv4Addr;

    #[test]
    fn a_listener_has_its_options_before_its_clients_connect() {
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let asked =
            |ttl, send_buffer_bytes| SocketOptions { ttl, send_buffer_bytes, ..SocketOptions::default() };
        let listener = bind_stream(address, &asked(Some(9), None)).expect("a port");
        let shown = InForce(listener.as_fd()).to_string();
        assert!(shown.contains(" ttl=9 "), "{shown}");
        let refused =
            bind_stream(address, &asked(None, Some(1 << 30))).expect_err("larger than any system's limit");
        assert!(is_refusal(&refused) && refused.to_string().starts_with("--sndbuf 1073741824: "));
    }
}
