//! What is set on a datagram socket: groups and their sources, reach, broadcast.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

use crate::net::endpoint::Endpoint;
use crate::net::local_end::SourceAddress;
use crate::net::options::Family;

/// Options of a socket.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Datagrams that come have a time.
    pub is_timed: bool,
    /// Groups to hear.
    pub groups: Vec<Group>,
    /// Hear groups from these senders only, where there are any.
    pub sources: Vec<IpAddr>,
    /// The address and port to send from.
    pub source: Option<SourceAddress>,
    /// What a Unix socket that sends is called, so that its peer can tell it from others.
    pub name: Option<Endpoint>,
    /// The only family of addresses that is wanted.
    pub family: Option<Family>,
    /// Time to live or hop limit of what is sent, to one host or to a group.
    pub ttl: Option<u8>,
    /// Broadcast addresses may be sent to.
    pub broadcast: bool,
    /// Whether this machine hears what it sends to a group.
    pub loops: Option<bool>,
}

/// A multicast group, and the interface to hear it on.
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

/// The same for a socket that hears groups: all that are bound to a port get what is sent to a group.
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
    /// Joins the groups of the socket's family; how many they were.
    pub(super) fn join(&self, socket: &Socket) -> io::Result<usize> {
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
            only_joined(socket, is_v4)?;
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

    /// Sets what concerns sending to `to`; for a group on `interface`, if one was named.
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
                if let Some(loops) = self.loops {
                    socket.set_multicast_loop_v4(loops)?;
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
                if let Some(loops) = self.loops {
                    socket.set_multicast_loop_v6(loops)?;
                }
                if to.scope_id() != 0 {
                    socket.set_multicast_if_v6(to.scope_id())?;
                }
            }
        }
        Ok(())
    }
}

/// ip(7), `IP_MULTICAST_ALL`: otherwise Linux hands over what comes for groups that others have joined, too.
#[cfg(target_os = "linux")]
fn only_joined(socket: &Socket, is_v4: bool) -> io::Result<()> {
    if is_v4 { socket.set_multicast_all_v4(false) } else { socket.set_multicast_all_v6(false) }
}

#[cfg(not(target_os = "linux"))]
fn only_joined(_: &Socket, _: bool) -> io::Result<()> {
    Ok(())
}

/// The number of an interface.
#[cfg(target_os = "linux")]
pub(super) fn interface_index(socket: &Socket, name: &str) -> io::Result<u32> {
    rustix::net::netdevice::name_to_index(socket, name)
        .map_err(|_| io::Error::other(format!("there is no interface '{}'", name.escape_debug())))
}

/// The number of an interface, which has to be typed here.
#[cfg(not(target_os = "linux"))]
pub(super) fn interface_index(_: &Socket, name: &str) -> io::Result<u32> {
    name.parse().map_err(|_| io::Error::other("name the interface by its number"))
}

/// RFC 3678, section 5.1: `MCAST_JOIN_SOURCE_GROUP` with a `group_source_req`, which knows both families and interfaces
/// by their index.
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
    fn groups_are_read_or_explained() {
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
