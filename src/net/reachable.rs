//! The address by which other machines may reach what is bound here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

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
                source_of(ip)
            }
            ip => Some(ip),
        };
        if let Some(ip) = ip.filter(|ip| !is_near(*ip)) {
            return Some(Reach::Address(SocketAddr::new(ip, address.port())));
        }
    }
    port
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
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified(),
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
        for alone in [&["127.0.0.1:80", "[::1]:80"][..], &["127.7.7.7:80"], &["[fe80::1]:80"], &[]] {
            assert_eq!(reached(alone), None, "{alone:?}");
        }
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
