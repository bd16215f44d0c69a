//! Options of datagram sockets: multicast groups and their sources, time to live, broadcast.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

use crate::net::endpoint::Endpoint;
use crate::net::local_end::SourceAddress;
use crate::net::options::Family;

/// Options of a datagram socket.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Received datagrams get a time.
    pub is_timed: bool,
    /// Multicast groups to join.
    pub groups: Vec<Group>,
    /// The only senders to receive groups from; empty: all.
    pub sources: Vec<IpAddr>,
    /// The address and port to send from.
    pub source: Option<SourceAddress>,
    /// The address that a sending Unix socket is bound to, so that its peer can identify it.
    pub unix_bind_path: Option<Endpoint>,
    /// The only address family to use.
    pub family: Option<Family>,
    /// Time to live or hop limit of sent datagrams, unicast and multicast.
    pub ttl: Option<u8>,
    /// Allows sending to broadcast addresses.
    pub broadcast: bool,
    /// Whether this machine receives what it sends to a group (`IP_MULTICAST_LOOP`); `None`: the system's default.
    pub multicast_loop: Option<bool>,
    /// The size of the receive queue that is requested; `None`: as large as the system allows.
    pub receive_queue_bytes: Option<usize>,
}

/// A multicast group, and the interface to join it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    ip: IpAddr,
    interface: Option<String>,
}

impl Group {
    /// Parses `GROUP` or `GROUP%INTERFACE`. The error says what to type instead.
    pub fn parse(text: &str) -> Result<Group, String> {
        let (ip, interface) = match text.split_once('%') {
            Some((ip, interface)) => (ip, Some(interface.to_owned())),
            None => (text, None),
        };
        match ip.parse::<IpAddr>() {
            Ok(ip) if ip.is_multicast() => Ok(Group { ip, interface }),
            Ok(_) => Err("not a multicast address: groups begin with 224 to 239, or with ff".into()),
            Err(_) => Err("type a group, as in 239.1.2.3, ff15::1 or ff15::1%eth0".into()),
        }
    }
}

/// Binds a socket for datagrams.
///
/// Not with `SO_REUSEADDR`: with UDP that lets a second process take over a port that is in use.
pub(super) fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = unbound(address)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Binds a socket for multicast groups, to a port that others may be bound to: all of them receive what is sent to a
/// group.
pub(super) fn bind_shared(address: SocketAddr) -> io::Result<Socket> {
    let socket = unbound(address)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

impl Options {
    /// Joins the groups of the socket's family. Returns their number.
    pub(super) fn join_groups(&self, socket: &Socket) -> io::Result<usize> {
        let local = socket.local_addr()?.as_socket();
        let is_v4 = local.is_some_and(|local| local.is_ipv4());
        let mut joined = 0;
        for group in self.groups.iter().filter(|group| group.ip.is_ipv4() == is_v4) {
            let index = group.interface.as_deref().map_or(Ok(0), |name| interface_index(socket, name))?;
            let sources: Vec<_> = self.sources.iter().filter(|source| source.is_ipv4() == is_v4).collect();
            if sources.is_empty() && !self.sources.is_empty() {
                return Err(io::Error::other("a group and its --source-filter are of different families"));
            }
            for source in &sources {
                join_source(socket, group.ip, **source, index)?;
            }
            match group.ip {
                _ if !sources.is_empty() => {}
                IpAddr::V4(ip) => {
                    socket.join_multicast_v4_n(&ip, &InterfaceIndexOrAddress::Index(index))?;
                }
                IpAddr::V6(ip) => socket.join_multicast_v6(&ip, index)?,
            }
            joined += 1;
        }
        if joined > 0 {
            receive_joined_groups_only(socket, is_v4)?;
        }
        Ok(joined)
    }

    /// The address to send from, for a peer of the given family.
    pub(super) fn local(&self, to: &SocketAddr) -> io::Result<SocketAddr> {
        let any = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        match self.source {
            None => Ok(SocketAddr::new(any, 0)),
            Some(source) => source
                .address_for(to)
                .ok_or_else(|| io::Error::other(format!("it is of another family than --source {source}"))),
        }
    }

    /// Sets the options for sending to `to`; a group is sent to on the interface of `to` or of the source address.
    pub(super) fn prepare(&self, socket: &Socket, to: SocketAddr) -> io::Result<()> {
        if self.broadcast {
            socket.set_broadcast(true)?;
        }
        match to {
            SocketAddr::V4(_) => {
                if let Some(ttl) = self.ttl {
                    socket.set_ttl_v4(ttl.into())?;
                    socket.set_multicast_ttl_v4(ttl.into())?;
                }
                if let Some(enabled) = self.multicast_loop {
                    socket.set_multicast_loop_v4(enabled)?;
                }
                if let Some(IpAddr::V4(ip)) = self.source.and_then(SourceAddress::ip) {
                    socket.set_multicast_if_v4(&ip)?;
                }
            }
            SocketAddr::V6(to) => {
                if let Some(ttl) = self.ttl {
                    socket.set_unicast_hops_v6(ttl.into())?;
                    socket.set_multicast_hops_v6(ttl.into())?;
                }
                if let Some(enabled) = self.multicast_loop {
                    socket.set_multicast_loop_v6(enabled)?;
                }
                if to.scope_id() != 0 {
                    socket.set_multicast_if_v6(to.scope_id())?;
                }
            }
        }
        Ok(())
    }
}

/// Clears `IP_MULTICAST_ALL`, ip(7): otherwise Linux delivers datagrams for groups that other sockets have joined, too.
#[cfg(target_os = "linux")]
fn receive_joined_groups_only(socket: &Socket, is_v4: bool) -> io::Result<()> {
    if is_v4 { socket.set_multicast_all_v4(false) } else { socket.set_multicast_all_v6(false) }
}

#[cfg(not(target_os = "linux"))]
fn receive_joined_groups_only(_: &Socket, _: bool) -> io::Result<()> {
    Ok(())
}

/// The index of an interface.
#[cfg(target_os = "linux")]
pub(super) fn interface_index(socket: &Socket, name: &str) -> io::Result<u32> {
    rustix::net::netdevice::name_to_index(socket, name)
        .map_err(|_| io::Error::other(format!("there is no interface '{}'", name.escape_debug())))
}

/// The index of an interface, which must be typed here.
#[cfg(not(target_os = "linux"))]
pub(super) fn interface_index(_: &Socket, name: &str) -> io::Result<u32> {
    name.parse().map_err(|_| io::Error::other("name the interface by its number"))
}

/// Joins a source-specific group. RFC 3678, section 5.1: `MCAST_JOIN_SOURCE_GROUP` with a `group_source_req`, which
/// supports both families and interfaces by their index.
#[cfg(target_os = "linux")]
fn join_source(socket: &Socket, group: IpAddr, source: IpAddr, interface: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    use uapi::c;

    const STORAGE_BYTES: usize = 128;
    // The addresses stand at the next multiple of a pointer's size.
    const START: usize = size_of::<usize>();
    let mut request = [0; START + 2 * STORAGE_BYTES];
    request[..4].copy_from_slice(&interface.to_ne_bytes());
    for (at, ip) in [(START, group), (START + STORAGE_BYTES, source)] {
        let (family, offset, octets) = match ip {
            IpAddr::V4(ip) => (c::AF_INET, 4, ip.octets().to_vec()),
            IpAddr::V6(ip) => (c::AF_INET6, 8, ip.octets().to_vec()),
        };
        request[at..at + 2].copy_from_slice(&(family as u16).to_ne_bytes());
        request[at + offset..at + offset + octets.len()].copy_from_slice(&octets);
    }
    let level = if group.is_ipv4() { c::IPPROTO_IP } else { c::IPPROTO_IPV6 };
    Ok(uapi::setsockopt(socket.as_raw_fd(), level, c::MCAST_JOIN_SOURCE_GROUP, &request[..])?)
}

#[cfg(not(target_os = "linux"))]
fn join_source(socket: &Socket, group: IpAddr, source: IpAddr, interface: u32) -> io::Result<()> {
    match (group, source) {
        (IpAddr::V4(group), IpAddr::V4(source)) if interface == 0 => {
            socket.join_ssm_v4(&source, &group, &Ipv4Addr::UNSPECIFIED)
        }
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "--source-filter works with IPv4 only here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_parsed_or_explained() {
        let group = Group::parse("ff15::1%lo").expect("a group");
        assert_eq!(
            (group.ip, group.interface.as_deref()),
            ("ff15::1".parse().expect("an address"), Some("lo"))
        );
        assert_eq!(Group::parse("239.1.2.3").map(|group| group.interface), Ok(None));
        assert!(Group::parse("192.0.2.1").is_err_and(|hint| hint.contains("224")));
        assert!(Group::parse("eth0").is_err_and(|hint| hint.contains("239.1.2.3")));
    }
}
