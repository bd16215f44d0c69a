//! The PROXY protocol's header: both versions, cut anywhere, with a stream after them.

use core::net::SocketAddr;
use proptest::prelude::*;

use crate::proto::Parsed;
use crate::proto::proxy::header::{HeaderFault, HeaderVersion, ProxyHeader, parse};

fn header(from: &str, to: &str) -> ProxyHeader {
    ProxyHeader { addresses: Some((from.parse().unwrap(), to.parse().unwrap())) }
}

/// Reads as a session does: never more than is needed. What it has read when it knows.
fn read(bytes: &[u8], piece: usize) -> Result<(ProxyHeader, usize), HeaderFault> {
    let mut have = 0;
    loop {
        match parse(&bytes[..have])? {
            Parsed::Complete { value, used } => {
                assert_eq!(used, have, "bytes of the stream were read");
                return Ok((value, used));
            }
            Parsed::Incomplete { needed } => {
                assert!(needed > have && have < bytes.len(), "it wants more than there is");
                have = needed.min(have + piece).min(bytes.len());
            }
        }
    }
}

#[test]
fn what_the_specification_shows_is_understood() {
    let v2_local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x03xyz";
    let v2_unix = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[7; 216]].concat();
    let v2_tlv = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x01\xc0\0\x02\x02\0\x50\x01\xbb\x04\0\x01\0";
    for (bytes, expected) in [
        (&b"PROXY TCP4 192.0.2.1 192.0.2.2 80 443\r\n"[..], Some(header("192.0.2.1:80", "192.0.2.2:443"))),
        (b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n", Some(header("[2001:db8::1]:0", "[::1]:65535"))),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
        (v2_local, None),
        (&v2_unix, None),
        (v2_tlv, Some(header("192.0.2.1:80", "192.0.2.2:443"))),
    ] {
        let stream = [bytes, b"GET / HTTP/1.1\r\n\r\n"].concat();
        for piece in [1, 2, 3, 1000] {
            let expected = expected.unwrap_or(ProxyHeader { addresses: None });
            assert_eq!(read(&stream, piece), Ok((expected, bytes.len())), "{bytes:?}");
        }
    }
}

#[test]
fn what_is_none_is_refused() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    for (bytes, fault) in [
        (&b"GET / HTTP/1.1\r\n"[..], HeaderFault::Missing),
        (b"PROXX TCP4", HeaderFault::Missing),
        (b"\r\n\r\n\0\r\nQUIX\n", HeaderFault::Missing),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 80 080\r\n", HeaderFault::Malformed),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 80 65536\r\n", HeaderFault::Malformed),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 80 +1\r\n", HeaderFault::Malformed),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4  80 1\r\n", HeaderFault::Malformed),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 80 1 \r\n", HeaderFault::Malformed),
        (b"PROXY TCP4 ::1 ::1 80 1\r\n", HeaderFault::Malformed),
        (b"PROXY TCP6 1.2.3.4 1.2.3.4 80 1\r\n", HeaderFault::Malformed),
        (b"PROXY UDP4 1.2.3.4 1.2.3.4 80 1\r\n", HeaderFault::Malformed),
        (b"PROXY UNKNOWN\xff\r\n", HeaderFault::Malformed),
        (long.as_bytes(), HeaderFault::TooLong),
        (b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c", HeaderFault::Version),
        (b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0cabcdefghijkl", HeaderFault::Malformed),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x13\0\x0cabcdefghijkl", HeaderFault::Malformed),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0babcdefghijk", HeaderFault::Malformed),
    ] {
        for piece in [1, 3, 1000] {
            assert_eq!(read(bytes, piece), Err(fault), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}

#[test]
fn extensions_are_skipped_up_to_the_last_length_there_is() {
    let address = b"\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\0\x50";
    let fixed = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
    let bytes = [&fixed[..], address, &vec![0xee; 0xffff - address.len()]].concat();
    let expected = header("192.0.2.7:4711", "198.51.100.1:80");
    for piece in [7, 512, 1 << 20] {
        let stream = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(read(&stream, piece), Ok((expected, bytes.len())));
    }
}

#[test]
fn families_that_differ_are_written_as_ipv6() {
    let mixed = header("192.0.2.1:80", "[2001:db8::1]:443");
    assert_eq!(mixed.encode(HeaderVersion::V1), b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 80 443\r\n");
    let mapped = header("[::ffff:192.0.2.1]:80", "192.0.2.2:443");
    assert_eq!(mapped.encode(HeaderVersion::V1), b"PROXY TCP4 192.0.2.1 192.0.2.2 80 443\r\n");
    assert_eq!(ProxyHeader { addresses: None }.encode(HeaderVersion::V1), b"PROXY UNKNOWN\r\n");
}

proptest! {
    #[test]
    fn what_is_written_is_read(from: SocketAddr, to: SocketAddr, known: bool, binary: bool, piece in 1..50_usize) {
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (from, to) = (canonical(from), canonical(to));
        let addresses = (known && from.is_ipv4() == to.is_ipv4()).then_some((from, to));
        let version = if binary { HeaderVersion::V2 } else { HeaderVersion::V1 };
        let bytes = ProxyHeader { addresses }.encode(version);
        let stream = [&bytes[..], b"\r\n\r\n"].concat();
        prop_assert_eq!(read(&stream, piece), Ok((ProxyHeader { addresses }, bytes.len())));
    }

    #[test]
    fn a_refusal_is_not_taken_back(bytes in prop::collection::vec(any::<u8>(), 0..200), begin in 0..3_usize) {
        let begins: [&[u8]; 3] = [b"", b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n\x21"];
        let bytes = [begins[begin], &bytes].concat();
        let mut refused = None;
        for end in 0..=bytes.len() {
            let parsed = parse(&bytes[..end]);
            prop_assert!(refused.is_none() || parsed.is_err());
            refused = parsed.err();
        }
    }
}
