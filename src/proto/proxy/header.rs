//! The PROXY protocol's header, versions 1 and 2: the client whose connection a proxy forwards.
//!
//! After "The PROXY protocol", revision 2020/03/05, by HAProxy's authors. Addresses of TCP only: a header about
//! anything else is parsed, and has no addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt;

use crate::proto::Parsed;
use crate::proto::handshake::Handshake;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8] = b"PROXY ";
/// The longest line of version 1, its end included.
const MAX_LINE_BYTES: usize = 107;
/// The shortest line is `PROXY UNKNOWN`, and the fixed part of version 2 is one byte longer.
const SHORTEST: usize = 15;
const FIXED_BYTES: usize = 16;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// The version of a written header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// A PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client, and the address that it connected to. `None`: the proxy's own connection, or one that is not TCP.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

/// Reasons for which bytes cannot become a header. The texts continue the sentence "the PROXY header ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// The bytes are not a header.
    Missing,
    /// The bytes begin as a header.
    Malformed,
    /// Over 107 bytes in version 1; a header of version 2 has its own length, up to 64 KiB.
    TooLong,
    /// A version 2 with another number than 2.
    Version,
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeaderFault::Missing => "is missing",
            HeaderFault::Malformed => "is malformed",
            HeaderFault::TooLong => "is too long",
            HeaderFault::Version => "has an unknown version",
        })
    }
}

impl std::error::Error for HeaderFault {}

/// Parses the header at the beginning of `bytes`. While it is incomplete, `needed` reaches no further than its end.
///
/// # Errors
/// The reason for which the bytes cannot become a header.
pub fn parse(bytes: &[u8]) -> Result<Parsed<ProxyHeader>, HeaderFault> {
    let begins_as = |form: &[u8]| bytes.iter().zip(form).all(|(byte, expected)| byte == expected);
    if bytes.is_empty() {
        return Ok(Parsed::Incomplete { needed: SHORTEST });
    }
    match (begins_as(WORD), begins_as(&SIGNATURE)) {
        (true, _) => parse_line(bytes),
        (_, true) => parse_binary(bytes),
        _ => Err(HeaderFault::Missing),
    }
}

fn parse_line(bytes: &[u8]) -> Result<Parsed<ProxyHeader>, HeaderFault> {
    let searched = &bytes[..bytes.len().min(MAX_LINE_BYTES)];
    let Some(end) = searched.windows(2).position(|pair| pair == b"\r\n") else {
        if searched.len() == MAX_LINE_BYTES {
            return Err(HeaderFault::TooLong);
        }
        let missing = if bytes.ends_with(b"\r") { 1 } else { 2 };
        return Ok(Parsed::Incomplete { needed: (bytes.len() + missing).max(SHORTEST) });
    };
    let line = std::str::from_utf8(&bytes[WORD.len()..end]).map_err(|_| HeaderFault::Malformed)?;
    let words: Vec<&str> = line.split(' ').collect();
    let addresses = match words[..] {
        // The rest of the line is ignored.
        ["UNKNOWN", ..] => None,
        ["TCP4", from, to, from_port, to_port] => {
            Some((address::<Ipv4Addr>(from, from_port)?, address::<Ipv4Addr>(to, to_port)?))
        }
        ["TCP6", from, to, from_port, to_port] => {
            Some((address::<Ipv6Addr>(from, from_port)?, address::<Ipv6Addr>(to, to_port)?))
        }
        _ => return Err(HeaderFault::Malformed),
    };
    Ok(Parsed::Complete { value: ProxyHeader { addresses }, used: end + 2 })
}

fn address<A: std::str::FromStr + Into<IpAddr>>(host: &str, port: &str) -> Result<SocketAddr, HeaderFault> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && (port == "0" || !port.starts_with('0'));
    let port = port.parse::<u16>().ok().filter(|_| is_number);
    let host = host.parse::<A>().ok();
    host.zip(port).map(|(host, port)| SocketAddr::new(host.into(), port)).ok_or(HeaderFault::Malformed)
}

fn parse_binary(bytes: &[u8]) -> Result<Parsed<ProxyHeader>, HeaderFault> {
    let Some(fixed) = bytes.get(SIGNATURE.len()..FIXED_BYTES) else {
        return Ok(Parsed::Incomplete { needed: FIXED_BYTES });
    };
    let (command, kind) = (fixed[0], fixed[1]);
    // Extensions after the addresses are skipped.
    let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if command >> 4 != 2 {
        return Err(HeaderFault::Version);
    }
    let Some(block) = bytes.get(FIXED_BYTES..FIXED_BYTES + length) else {
        return Ok(Parsed::Incomplete { needed: FIXED_BYTES + length });
    };
    let addresses = match (command & 0xf, kind) {
        (0, _) => None,
        (1, TCP4) => Some(pair::<4>(block)?),
        (1, TCP6) => Some(pair::<16>(block)?),
        // Unspecified, UDP, Unix sockets.
        (1, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => None,
        _ => return Err(HeaderFault::Malformed),
    };
    Ok(Parsed::Complete { value: ProxyHeader { addresses }, used: FIXED_BYTES + length })
}

/// Parses two addresses, then two ports.
fn pair<const N: usize>(block: &[u8]) -> Result<(SocketAddr, SocketAddr), HeaderFault>
where
    IpAddr: From<[u8; N]>,
{
    let address = |index: usize| {
        let host: [u8; N] = block.get(index * N..(index + 1) * N)?.try_into().ok()?;
        let port: [u8; 2] = block.get(2 * N + 2 * index..2 * N + 2 * index + 2)?.try_into().ok()?;
        Some(SocketAddr::new(IpAddr::from(host), u16::from_be_bytes(port)))
    };
    address(0).zip(address(1)).ok_or(HeaderFault::Malformed)
}

impl ProxyHeader {
    /// Encodes the header.
    pub fn encode(&self, version: HeaderVersion) -> Vec<u8> {
        let addresses = self.addresses.map(one_family);
        match (version, addresses) {
            (HeaderVersion::V1, None) => b"PROXY UNKNOWN\r\n".to_vec(),
            (HeaderVersion::V1, Some((from, to))) => {
                let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
                let (from_ip, to_ip) = (from.ip(), to.ip());
                format!("PROXY {family} {from_ip} {to_ip} {} {}\r\n", from.port(), to.port()).into_bytes()
            }
            (HeaderVersion::V2, addresses) => {
                let (kind, mut block) =
                    (addresses.map_or(0, |(from, _)| if from.is_ipv4() { TCP4 } else { TCP6 }), vec![]);
                for address in addresses.iter().flat_map(|(from, to)| [from, to]) {
                    match address.ip() {
                        IpAddr::V4(v4) => block.extend(v4.octets()),
                        IpAddr::V6(v6) => block.extend(v6.octets()),
                    }
                }
                for address in addresses.iter().flat_map(|(from, to)| [from, to]) {
                    block.extend(address.port().to_be_bytes());
                }
                let length = (block.len() as u16).to_be_bytes();
                [&SIGNATURE[..], &[0x21, kind], &length, &block].concat()
            }
        }
    }
}

/// Receives a header, and takes nothing of the stream after it.
#[derive(Default)]
pub struct HeaderReader {
    bytes: Vec<u8>,
    header: Option<ProxyHeader>,
    wanted: usize,
}

impl HeaderReader {
    /// Returns whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the header, once it is complete.
    pub fn header(&self) -> Option<ProxyHeader> {
        self.header
    }
}

impl Handshake for HeaderReader {
    type Error = HeaderFault;

    fn take_outgoing(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn wanted(&self) -> usize {
        match (self.header, self.bytes.len()) {
            (Some(_), _) => 0,
            (None, 0) => SHORTEST,
            (None, _) => self.wanted,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), HeaderFault> {
        self.bytes.extend(piece);
        match parse(&self.bytes)? {
            Parsed::Complete { value, .. } => self.header = Some(value),
            Parsed::Incomplete { needed } => self.wanted = needed - self.bytes.len(),
        }
        Ok(())
    }
}

/// Makes both addresses canonical; if they differ in family, the IPv4 one is mapped.
fn one_family((from, to): (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    let (from, to) = (canonical(from), canonical(to));
    if from.is_ipv4() == to.is_ipv4() { (from, to) } else { (mapped(from), mapped(to)) }
}
