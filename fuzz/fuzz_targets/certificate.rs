//! Arbitrary bytes as a certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::net::tls::certificate::{BadCertificate, spki_of};

fuzz_target!(|bytes: &[u8]| {
    let Ok(spki) = spki_of(bytes) else { return };
    assert!(bytes.windows(spki.len()).any(|part| part == spki));
    assert_eq!(spki_of(&[bytes, b"\0"].concat()), Err(BadCertificate));
    assert_eq!(spki_of(&bytes[..bytes.len() - 1]), Err(BadCertificate));
});
