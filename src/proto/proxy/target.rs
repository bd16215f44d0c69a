//! The target of a proxy's client.

use core::net::{IpAddr, SocketAddr};
use std::fmt;

/// The longest name in SOCKS5, in bytes; more than DNS allows.
pub const MAX_NAME_BYTES: usize = 255;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTarget {
    /// The host.
    pub host: TargetHost,
    /// The port, never 0.
    pub port: u16,
}

/// An address, or a name that the proxy resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetHost {
    /// An address, canonical: never an IPv4-mapped IPv6 address.
    Ip(IpAddr),
    /// A name of at most 255 visible ASCII characters, without delimiters.
    Name(String),
}

impl ProxyTarget {
    /// Creates a target from a name or an address (without brackets), if valid.
    pub fn new(host: &str, port: u16) -> Option<ProxyTarget> {
        if port == 0 {
            return None;
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(ProxyTarget::of((ip, port).into()));
        }
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b":/@[]\\%?#\"<>".contains(byte);
        let is_name = (1..=MAX_NAME_BYTES).contains(&host.len()) && host.as_bytes().iter().all(is_plain);
        is_name.then(|| ProxyTarget { host: TargetHost::Name(host.into()), port })
    }

    /// Creates a target from an address.
    pub fn of(address: SocketAddr) -> ProxyTarget {
        ProxyTarget { host: TargetHost::Ip(address.ip().to_canonical()), port: address.port() }
    }

    /// Parses `host:port` or `[address]:port`, the form of CONNECT (RFC 9110, section 9.3.6).
    pub fn parse(authority: &str) -> Option<ProxyTarget> {
        let (host, port) = authority.rsplit_once(':')?;
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number)?;
        match host.strip_prefix('[') {
            Some(rest) => {
                let address = rest.strip_suffix(']')?.parse::<core::net::Ipv6Addr>().ok()?;
                ProxyTarget::new(&address.to_string(), port)
            }
            None if host.contains(':') => None,
            None => ProxyTarget::new(host, port),
        }
    }
}

/// Formats `host:port`, with brackets around an IPv6 address.
impl fmt::Display for ProxyTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            TargetHost::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            TargetHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        for text in ["example.org:80", "192.0.2.1:1", "[2001:db8::1]:65535", "a_b-c.:9"] {
            assert_eq!(ProxyTarget::parse(text).map(|target| target.to_string()).as_deref(), Some(text));
        }
        assert_eq!(ProxyTarget::parse("[::ffff:192.0.2.1]:80"), ProxyTarget::parse("192.0.2.1:80"));
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("{}:80", "a".repeat(256));
        for text in [
            "",
            ":80",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:80 ",
            "::1:80",
            "[::1:80",
            "[a]:80",
            "[::1]80",
            "a b:80",
            "a/b:80",
            "u@a:80",
            "a\n:80",
            "\u{e9}:80",
            "http://a:80",
            "[fe80::1%1]:80",
            &long,
        ] {
            assert_eq!(ProxyTarget::parse(text), None, "{text:?}");
        }
    }
}
