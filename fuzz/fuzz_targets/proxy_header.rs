//! Arbitrary bytes to the parser of the PROXY protocol's header; what it reads is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::hello::Parsed;
use sendall::proto::proxy_header::{HeaderVersion, parse};

fuzz_target!(|bytes: Vec<u8>| {
    let mut refused = false;
    for end in 0..=bytes.len() {
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
    if let Ok(Parsed::Complete { value, used }) = parse(&bytes) {
        assert!(used <= bytes.len());
        for version in [HeaderVersion::V1, HeaderVersion::V2] {
            let written = value.encode(version);
            assert!(matches!(parse(&written), Ok(Parsed::Complete { used, .. }) if used == written.len()));
        }
    }
});
