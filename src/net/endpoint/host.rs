//! The host of an endpoint: as certificates and lists of known hosts name it, and whether it is this machine.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;

use super::{Endpoint, Host};

/// Explains the error of an address that is one on each link, and was typed without its link (RFC 4007, 11).
pub(in crate::net) fn with_scope(address: SocketAddr, error: io::Error) -> io::Error {
    match address {
        SocketAddr::V6(v6)
            if v6.ip().is_unicast_link_local()
                && v6.scope_id() == 0
                && Errno::from_io_error(&error) == Some(Errno::INVAL) =>
        {
            let (ip, port) = (v6.ip(), v6.port());
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "that address needs its interface: type [{ip}%INTERFACE]:{port}, as 'ip link' names it"
                ),
            )
        }
        _ => error,
    }
}

impl Endpoint {
    /// The host of a TCP endpoint, as a certificate names it: without the zone of an address, or a name's last dot.
    pub fn certified_host(&self) -> Option<String> {
        let Endpoint::Tcp { host, .. } = self else { return None };
        let Host::Named(host) = host else { return Some("localhost".to_owned()) };
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        Some(host.split('%').next().unwrap_or(host).to_owned())
    }

    /// The port of a TCP endpoint.
    pub fn port(&self) -> Option<u16> {
        match self {
            Endpoint::Tcp { port, .. } => Some(*port),
            _ => None,
        }
    }

    /// True if only this machine can reach a listener on this endpoint, as far as the text shows.
    pub fn is_local(&self) -> bool {
        match self {
            Endpoint::Tcp { host: Host::Named(name), .. } => {
                name.parse::<IpAddr>().map_or(name == "localhost", |ip| ip.is_loopback())
            }
            Endpoint::Tcp { host, .. } => *host == Host::Loopback,
            _ => true,
        }
    }
}
