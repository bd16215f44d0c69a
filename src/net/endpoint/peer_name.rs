//! Addresses as users see them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Endpoint;

/// A peer's or a listener's address as users see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerName {
    shown: String,
    address: Option<SocketAddr>,
}

impl PeerName {
    /// The name of an IP socket. IPv4-mapped IPv6 addresses are shown as IPv4. `None` if the socket has lost its peer.
    pub fn from_ip(address: Option<SocketAddr>) -> PeerName {
        match address {
            Some(address) => {
                let ip = address.ip().to_canonical();
                let shown = match (address, ip) {
                    (SocketAddr::V6(v6), IpAddr::V6(_)) => v6.to_string(),
                    (_, ip) => SocketAddr::new(ip, address.port()).to_string(),
                };
                PeerName { shown, address: Some(SocketAddr::new(ip, address.port())) }
            }
            None => PeerName { shown: "a peer that is gone".into(), address: None },
        }
    }

    /// The name of a Unix socket; that of a client usually has none.
    pub fn from_unix(address: Option<std::os::unix::net::SocketAddr>) -> PeerName {
        let path = |address: &std::os::unix::net::SocketAddr| {
            address.as_pathname().map(|path| path.display().to_string())
        };
        let name =
            address.and_then(|address| path(&address).or_else(|| crate::net::abstract_name::name(&address)));
        PeerName { shown: name.map_or_else(|| "unix".into(), |name| format!("unix:{name}")), address: None }
    }

    /// The host without brackets, and the port if there is one.
    pub fn host_and_port(&self) -> (&str, Option<&str>) {
        match self.shown.rsplit_once(':') {
            Some((host, port)) if self.ip().is_some() => {
                (host.trim_start_matches('[').trim_end_matches(']'), Some(port))
            }
            _ => (&self.shown, None),
        }
    }

    /// The endpoint as it was typed, for one that could not be connected to.
    pub fn from_endpoint(endpoint: &Endpoint) -> PeerName {
        PeerName { shown: endpoint.to_string(), address: None }
    }

    /// The name of a listener of type SOCK_SEQPACKET.
    pub(in crate::net) fn from_seqpacket(address: Option<std::os::unix::net::SocketAddr>) -> PeerName {
        let stream = PeerName::from_unix(address);
        PeerName { shown: stream.shown.replacen("unix", "unix-seqpacket", 1), address: None }
    }

    /// The name of a socket of vsock(7). `None` if the socket has lost its peer.
    pub(in crate::net) fn from_vsock(address: Option<(u32, u32)>) -> PeerName {
        let shown = match address {
            Some((u32::MAX, port)) => format!("vsock::{port}"),
            Some((cid, port)) => format!("vsock:{cid}:{port}"),
            None => "vsock".into(),
        };
        PeerName { shown, address: None }
    }

    /// A name that is shown as it is.
    pub(crate) fn from_name(name: &str) -> PeerName {
        PeerName { shown: name.to_owned(), address: None }
    }

    /// The same as the name of a port of datagrams.
    #[must_use]
    pub fn of_datagrams(self) -> PeerName {
        PeerName { shown: format!("udp:{}", self.shown), ..self }
    }

    /// The IP address, canonical, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }

    /// The IP address, canonical, and the port.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_shown_as_ipv4() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:80".parse().expect("an address");
        assert_eq!(PeerName::from_ip(Some(mapped)).to_string(), "192.0.2.1:80");
        let scoped = PeerName::from_ip("[fe80::1%3]:80".parse().ok());
        assert_eq!(scoped.to_string(), "[fe80::1%3]:80");
        assert_eq!(scoped.host_and_port(), ("fe80::1%3", Some("80")));
        assert_eq!(PeerName::from_ip(Some(mapped)).host_and_port(), ("192.0.2.1", Some("80")));
        assert_eq!(PeerName::from_unix(None).host_and_port(), ("unix", None));
    }
}
