//! SOCKS version 5 (RFC 1928), with user and password (RFC 1929): the bytes that both sides share. [`client4`]
//! and [`server4`] are those of version 4.

pub mod client;
pub mod client4;
pub mod server;
pub mod server4;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::target::{ProxyTarget, TargetHost};

/// The version, and the first byte of most messages.
pub const VERSION: u8 = 5;
const AUTH_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// Size of the fixed part of a request and of a reply: version, command or reply code, a zero, and the kind of the
/// address.
const HEAD_BYTES: usize = 4;

/// The code of a reply (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyCode {
    /// The target is connected.
    Succeeded,
    /// The server failed.
    Failure,
    /// Its rules do not allow it.
    NotAllowed,
    /// The target's network cannot be reached.
    NetworkUnreachable,
    /// The target cannot be reached, or its name has no address.
    HostUnreachable,
    /// The target refused.
    Refused,
    /// The target did not answer in time.
    TimedOut,
    /// Another command than CONNECT.
    NoSuchCommand,
    /// A kind of address that is not known.
    NoSuchAddressType,
}

const REPLIES: [ReplyCode; 9] = [
    ReplyCode::Succeeded,
    ReplyCode::Failure,
    ReplyCode::NotAllowed,
    ReplyCode::NetworkUnreachable,
    ReplyCode::HostUnreachable,
    ReplyCode::Refused,
    ReplyCode::TimedOut,
    ReplyCode::NoSuchCommand,
    ReplyCode::NoSuchAddressType,
];

impl ReplyCode {
    fn code(self) -> u8 {
        REPLIES.iter().zip(0..).find(|(reply, _)| **reply == self).map_or(1, |(_, code)| code)
    }

    /// Converts a code; codes without a meaning are failures.
    fn of(code: u8) -> ReplyCode {
        REPLIES.get(usize::from(code)).copied().unwrap_or(ReplyCode::Failure)
    }
}

/// Encodes kind, address and port.
fn encode_target(target: &ProxyTarget) -> Vec<u8> {
    let mut bytes = match &target.host {
        TargetHost::Ip(IpAddr::V4(v4)) => [&[IPV4][..], &v4.octets()].concat(),
        TargetHost::Ip(IpAddr::V6(v6)) => [&[IPV6][..], &v6.octets()].concat(),
        // A target's name is no longer than fits.
        TargetHost::Name(name) => [&[NAME, name.len() as u8][..], name.as_bytes()].concat(),
    };
    bytes.extend(target.port.to_be_bytes());
    bytes
}

/// An address in a request or a reply.
enum Address<'a> {
    Ip(SocketAddr),
    Name(&'a [u8], u16),
}

/// Parses the address after its kind, or returns how many bytes it has at least. `None`: an unknown kind.
fn parse_address(kind: u8, bytes: &[u8]) -> Option<Result<Address<'_>, usize>> {
    let (from, length) = match (kind, bytes.first()) {
        (IPV4, _) => (0, 4),
        (IPV6, _) => (0, 16),
        (NAME, Some(length)) => (1, usize::from(*length)),
        // A reply's name may be empty.
        (NAME, None) => return Some(Err(1 + 2)),
        _ => return None,
    };
    let Some(rest) = bytes.get(from..from + length + 2) else { return Some(Err(from + length + 2)) };
    let (address, port) = rest.split_at(length);
    let port = u16::from_be_bytes([port[0], port[1]]);
    let ip = <[u8; 4]>::try_from(address).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let ip = ip.or_else(|_| <[u8; 16]>::try_from(address).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))));
    Some(Ok(match (kind, ip) {
        (IPV4 | IPV6, Ok(ip)) => Address::Ip((ip, port).into()),
        _ => Address::Name(address, port),
    }))
}
