//! Headers of the PROXY protocol that are nearly right, to their parser; what it reads is written and read again.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sendall::proto::Parsed;
use sendall::proto::proxy::header::{HeaderVersion, parse};

#[derive(Arbitrary, Debug)]
enum Header {
    Line { family: Family, from: Host, to: Host, ports: [Port; 2], separator: u8, end: End },
    Binary { version: u8, command: u8, kind: Kind, block: Vec<u8>, missing: u8 },
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Family {
    Tcp4,
    Tcp6,
    Unknown,
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Host {
    V4([u8; 4]),
    V6([u16; 8]),
    Mapped([u8; 4]),
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Port {
    Number(u16),
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Tcp4,
    Tcp6,
    Other(u8),
}

#[derive(Arbitrary, Debug)]
enum End {
    Crlf,
    Lf,
    None,
}

fuzz_target!(|input: (Header, Vec<u8>)| {
    let (header, rest) = input;
    let mut bytes = header.bytes();
    bytes.extend(rest);
    check(&bytes);
});

impl Header {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Header::Line { family, from, to, ports, separator, end } => {
                let family = match family {
                    Family::Tcp4 => "TCP4",
                    Family::Tcp6 => "TCP6",
                    Family::Unknown => "UNKNOWN",
                    Family::Other(word) => word,
                };
                let [from_port, to_port] = ports.each_ref().map(Port::text);
                let words = ["PROXY".into(), family.into(), from.text(), to.text(), from_port, to_port];
                // A space, but for one time in 64.
                let separator = if separator % 64 == 1 { "\t" } else { " " };
                let end = match end {
                    End::Crlf => "\r\n",
                    End::Lf => "\n",
                    End::None => "",
                };
                (words.join(separator) + end).into_bytes()
            }
            Header::Binary { version, command, kind, block, missing } => {
                let version = if version % 16 == 0 { *version } else { 2 };
                let kind = match kind {
                    Kind::Tcp4 => 0x11,
                    Kind::Tcp6 => 0x21,
                    Kind::Other(kind) => *kind,
                };
                let length = (block.len() as u16).wrapping_add((*missing % 4).into());
                let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
                bytes.extend([version << 4 | command % 4, kind]);
                bytes.extend(length.to_be_bytes());
                bytes.extend(block);
                bytes
            }
            Header::Raw(bytes) => bytes.clone(),
        }
    }
}

impl Host {
    fn text(&self) -> String {
        match self {
            Host::V4(bytes) => core::net::Ipv4Addr::from(*bytes).to_string(),
            Host::V6(words) => core::net::Ipv6Addr::from(*words).to_string(),
            Host::Mapped(bytes) => core::net::Ipv4Addr::from(*bytes).to_ipv6_mapped().to_string(),
            Host::Other(text) => text.clone(),
        }
    }
}

impl Port {
    fn text(&self) -> String {
        match self {
            Port::Number(port) => port.to_string(),
            Port::Other(text) => text.clone(),
        }
    }
}

fn check(bytes: &[u8]) {
    let mut refused = false;
    for end in 0..=bytes.len().min(600) {
        match parse(&bytes[..end]) {
            Ok(parsed) => {
                assert!(!refused, "a refusal was taken back");
                if let Parsed::Incomplete { needed } = parsed {
                    assert!(needed > end);
                }
            }
            Err(_) => refused = true,
        }
    }
    if let Ok(Parsed::Complete { value, used }) = parse(bytes) {
        assert!(used <= bytes.len());
        for version in [HeaderVersion::V1, HeaderVersion::V2] {
            let written = value.encode(version);
            assert!(matches!(parse(&written), Ok(Parsed::Complete { used, .. }) if used == written.len()));
        }
    }
}
