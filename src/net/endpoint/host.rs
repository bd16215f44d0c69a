//! The host of an endpoint: as certificates and lists of known hosts name it, and whether it is this machine.

use std::net::IpAddr;

use super::{Endpoint, Host};

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
