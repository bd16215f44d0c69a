//! Opens datagram sockets: bound to an endpoint, or connected to a peer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::os::fd::OwnedFd;

use rustix::net::SocketAddrUnix;
use socket2::{Domain, Type};

use super::options::{bind, bind_shared, interface_index};
use super::{DatagramSocket, Options, Peer};
use crate::error::{Error, Exit};
use crate::net::activation;
use crate::net::bind::{SocketFile, bind_host, bind_path, cannot_listen};
use crate::net::endpoint::host::with_scope;
use crate::net::endpoint::{Endpoint, Host};
use crate::net::options::Family;
use crate::net::reactor::IoHandle;

/// Binds all addresses of an endpoint: one socket, or one per address.
pub fn listen(endpoint: &Endpoint, options: &Options, io: &IoHandle) -> Result<Vec<DatagramSocket>, Error> {
    let open = || -> io::Result<Vec<DatagramSocket>> {
        let register = |fd: OwnedFd, file| DatagramSocket::register(fd, file, options, io);
        match endpoint {
            Endpoint::Tcp { host, port } => {
                let bind = if options.groups.is_empty() { bind } else { bind_shared };
                let sockets = bind_host(host, *port, options.family, &bind)?;
                let mut joined = 0;
                for socket in &sockets {
                    joined += options.join_groups(socket)?;
                }
                if joined < options.groups.len() {
                    return Err(io::Error::other(
                        "the endpoint and a group to join are of different families",
                    ));
                }
                sockets.into_iter().map(|socket| register(socket.into(), None)).collect()
            }
            Endpoint::UnixPath(_) | Endpoint::UnixAbstract(_) => {
                let (socket, file) = bind_unix_endpoint(endpoint)?;
                Ok(vec![register(socket, file)?])
            }
            Endpoint::Inherited(inherited) => {
                let sockets = activation::take(inherited, activation::Use::Datagrams)?;
                sockets.into_iter().map(|socket| register(socket.into(), None)).collect()
            }
            Endpoint::SeqPacket(_) | Endpoint::Special(_) => Err(no_datagrams()),
        }
    };
    open().map_err(|error| cannot_listen(endpoint, &error))
}

/// Opens a socket for datagrams to `peer`. If that is one host, the socket is connected to it: it receives from it
/// alone, and reports a closed port.
pub fn open_for(peer: &Peer, options: &Options, io: &IoHandle) -> io::Result<DatagramSocket> {
    let (fd, file) = match (peer, &options.unix_bind_path) {
        (Peer::Ip(to), _) => {
            let socket = bind(options.local(to)?)?;
            options.prepare(&socket, *to)?;
            (socket.into(), None)
        }
        (Peer::Unix(_), Some(name)) => bind_unix_endpoint(name)?,
        // A name that the system chooses, so that the peer can answer.
        (Peer::Unix(_), None) => (bind_unix(&SocketAddrUnix::new_unnamed())?, None),
    };
    let socket = DatagramSocket::register(fd, file, options, io)?;
    if !(options.broadcast || peer.ip().is_some_and(|ip| ip.is_multicast())) {
        socket.connect(peer).map_err(|error| match peer {
            Peer::Ip(address) => with_scope(*address, error),
            Peer::Unix(_) => error,
        })?;
    }
    Ok(socket)
}

/// Resolves an endpoint to its addresses. Blocks while a name is looked up.
pub fn addresses_of(endpoint: &Endpoint, family: Option<Family>) -> Result<Vec<Peer>, Error> {
    let resolve = || -> io::Result<Vec<Peer>> {
        Ok(match endpoint {
            Endpoint::Tcp { host, port } => {
                let name = match host {
                    Host::Named(name) => name.as_str(),
                    Host::Loopback | Host::Any => "localhost",
                };
                let mut addresses = match parse_scoped(name, *port)? {
                    Some(address) => vec![address],
                    None => (name, *port).to_socket_addrs()?.collect(),
                };
                if let Some(family) = family {
                    addresses.retain(|address| family.holds(address));
                    if addresses.is_empty() {
                        return Err(family.is_missing());
                    }
                }
                addresses.into_iter().map(Peer::Ip).collect()
            }
            Endpoint::UnixPath(path) => vec![Peer::Unix(SocketAddrUnix::new(path)?)],
            Endpoint::UnixAbstract(name) => vec![Peer::Unix(abstract_address(name)?)],
            Endpoint::SeqPacket(_) | Endpoint::Inherited(_) | Endpoint::Special(_) => {
                return Err(no_datagrams());
            }
        })
    };
    let failed = |why: &str| Error::new(Exit::NoConnection, format!("cannot send to {endpoint}: {why}"));
    match resolve() {
        Ok(peers) if peers.is_empty() => Err(failed("the name has no address")),
        Ok(peers) => Ok(peers),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn no_datagrams() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "not with datagrams: type HOST:PORT, unix:/path or unix:@name")
}

/// Parses an IPv6 address with an interface, which getaddrinfo(3) accepts for some kinds of addresses only.
fn parse_scoped(name: &str, port: u16) -> io::Result<Option<SocketAddr>> {
    let Some((ip, interface)) = name.split_once('%') else { return Ok(None) };
    if ip.parse::<Ipv4Addr>().is_ok() {
        let text = format!(
            "an IPv4 address takes no interface: type {ip}, and this machine's address there as --source ADDRESS"
        );
        return Err(io::Error::other(text));
    }
    let Ok(ip) = ip.parse() else { return Ok(None) };
    let index = match interface.parse() {
        Ok(index) => index,
        Err(_) => {
            let socket = socket2::Socket::new(Domain::IPV6, Type::DGRAM, None)?;
            interface_index(&socket, interface)?
        }
    };
    Ok(Some(SocketAddrV6::new(ip, port, 0, index).into()))
}

/// Binds a Unix socket. Returns its file if it has one.
fn bind_unix_endpoint(name: &Endpoint) -> io::Result<(OwnedFd, Option<SocketFile>)> {
    match name {
        Endpoint::UnixPath(path) => {
            let address = SocketAddrUnix::new(path)?;
            bind_path(path, || bind_unix(&address)).map(|(socket, file)| (socket, Some(file)))
        }
        Endpoint::UnixAbstract(name) => Ok((bind_unix(&abstract_address(name)?)?, None)),
        _ => Err(no_datagrams()),
    }
}

fn bind_unix(address: &SocketAddrUnix) -> io::Result<OwnedFd> {
    let socket: OwnedFd = socket2::Socket::new(Domain::UNIX, Type::DGRAM, None)?.into();
    rustix::net::bind(&socket, address)?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new_abstract_name(name.as_bytes())?)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> io::Result<SocketAddrUnix> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract names: use unix:/path"))
}
