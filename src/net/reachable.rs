//! The address by which other machines may reach what is bound here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::interfaces::{InterfaceAddress, addresses};

/// Who is there for documentation only (RFC 5737, RFC 3849): the route to it is the one to everybody.
const ELSEWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// Where others may reach what is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By this address.
    Address(SocketAddr),
    /// Perhaps at this port, by an address that the system's routes do not tell.
    Port(u16),
}

/// How others reach what is bound to these addresses, of IPv4 first. None if only this machine does.
pub fn reach(mut bound: Vec<SocketAddr>) -> Option<Reach> {
    bound.sort_by_key(SocketAddr::is_ipv6);
    let mut port = None;
    for address in bound {
        let ip = match address.ip() {
            ip if ip.is_unspecified() => {
                port = port.or(Some(Reach::Port(address.port())));
                best(source_of(ip), &addresses(), ip.is_ipv4())
            }
            ip => Some(ip),
        };
        if let Some(ip) = ip.filter(|ip| !is_near(*ip)) {
            return Some(Reach::Address(SocketAddr::new(ip, address.port())));
        }
    }
    port
}

/// The address to name to others: the one that this machine sends from. If that is not an interface's with a device, as
/// with a VPN, the first one of such an interface is better: it leads to those who are near.
fn best(source: Option<IpAddr>, addresses: &[InterfaceAddress], wants_ipv4: bool) -> Option<IpAddr> {
    let source = source.filter(|ip| !is_near(*ip));
    let is_fit = |at: &&InterfaceAddress| at.is_physical && at.ip.is_ipv4() == wants_ipv4 && !is_near(at.ip);
    let mut physical = addresses.iter().filter(is_fit).map(|at| at.ip).peekable();
    let first = physical.peek().copied();
    source.filter(|source| physical.any(|ip| ip == *source)).or(first).or(source)
}

/// The address that this machine sends from. Nothing is sent.
fn source_of(unspecified: IpAddr) -> Option<IpAddr> {
    let to = ELSEWHERE.into_iter().find(|ip| ip.is_ipv4() == unspecified.is_ipv4())?;
    let socket = UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect((to, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// True for addresses that mean something to this machine, or to one interface of it, only.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(addresses: &[&str]) -> Option<Reach> {
        reach(addresses.iter().map(|text| text.parse().expect("an address")).collect())
    }

    #[test]
    fn what_is_bound_to_an_address_is_reached_by_it() {
        let at = |text: &str| Some(Reach::Address(text.parse().expect("an address")));
        assert_eq!(reached(&["198.51.100.7:80"]), at("198.51.100.7:80"));
        assert_eq!(reached(&["[2001:db8::7]:80", "198.51.100.7:80"]), at("198.51.100.7:80"));
        assert_eq!(reached(&["[fe80::1]:80", "[2001:db8::7]:80"]), at("[2001:db8::7]:80"));
        for alone in [
            &["127.0.0.1:80", "[::1]:80"][..],
            &["127.7.7.7:80"],
            &["[fe80::1]:80"],
            &["169.254.3.4:80"],
            &[],
        ] {
            assert_eq!(reached(alone), None, "{alone:?}");
        }
    }

    #[test]
    fn a_device_goes_before_a_tunnel_and_a_bridge_of_containers() {
        let at =
            |text: &str, is_physical| InterfaceAddress { ip: text.parse().expect("an address"), is_physical };
        let all = [
            at("127.0.0.1", false),
            at("172.17.0.1", false),
            at("10.8.0.2", false),
            at("169.254.3.4", true),
            at("fe80::1", true),
            at("192.168.1.5", true),
            at("192.168.2.5", true),
            at("2001:db8::5", true),
            at("fd00::9", false),
        ];
        let best = |source: &str, all: &[InterfaceAddress], wants_ipv4| {
            best(source.parse().ok(), all, wants_ipv4).map(|ip| ip.to_string()).unwrap_or_default()
        };
        assert_eq!(best("192.168.2.5", &all, true), "192.168.2.5", "the device that leads to everybody");
        for source in ["10.8.0.2", "172.17.0.1", "127.0.0.1", "169.254.3.4", ""] {
            assert_eq!(best(source, &all, true), "192.168.1.5", "{source}");
        }
        assert_eq!(best("fd00::9", &all, false), "2001:db8::5");
        // In a container, or where only a tunnel leads elsewhere.
        assert_eq!(best("10.8.0.2", &all[..5], true), "10.8.0.2");
        assert_eq!(best("", &all[..5], true), "");
        assert_eq!(best("169.254.3.4", &[], true), "");
    }

    #[test]
    fn what_is_bound_to_every_interface_is_reached_by_the_one_that_sends() {
        match reached(&["[::]:81", "0.0.0.0:81"]) {
            Some(Reach::Address(address)) => assert!(address.port() == 81 && !is_near(address.ip())),
            // A machine without a network.
            other => assert_eq!(other, Some(Reach::Port(81))),
        }
    }
}
