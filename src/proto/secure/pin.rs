//! The pin of a key: SHA-256 of its SubjectPublicKeyInfo (RFC 7469, 2.4), as `curl --pinnedpubkey` and openssl print it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

/// The characters of a pin in hexadecimal.
const HEX_CHARS: usize = 64;
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// A key that is known by its digest: SHA-256 of the SubjectPublicKeyInfo in DER, 32 bytes.
///
/// It is printed as `sha256:` and 43 characters of base64url. It is public: comparing it leaks nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub [u8; 32]);

impl Pin {
    /// The pin of a public key, of which `spki` is the SubjectPublicKeyInfo in DER.
    pub fn of(spki: &[u8]) -> Pin {
        Pin(Sha256::digest(spki).into())
    }
}

/// Why a text is not a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPin {
    /// It does not begin with `sha256:`.
    Prefix,
    /// What follows is not 32 bytes in base64 or hexadecimal.
    Digest,
    /// It is the digest of a certificate, as browsers and openssl print it: pairs of digits with colons between them.
    Colons,
}

impl fmt::Display for BadPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPin::Prefix => "a key is typed as the other side prints it: sha256: and 43 characters",
            BadPin::Digest => "sha256: is followed by 43 characters of base64, or by 64 hexadecimal digits",
            BadPin::Colons => {
                "digits with colons are the fingerprint of a certificate: type that of its key, sha256: and 43 characters"
            }
        })
    }
}

impl std::error::Error for BadPin {}

impl FromStr for Pin {
    type Err = BadPin;

    /// Reads `sha256:` or curl's `sha256//`, in capitals or not, and base64 (standard or url-safe, padded or not) or 64
    /// hexadecimal digits.
    fn from_str(text: &str) -> Result<Pin, BadPin> {
        let digest = after_prefix(text).ok_or(BadPin::Prefix)?;
        match digest.len() {
            HEX_CHARS => hex(digest.as_bytes()).ok_or(BadPin::Digest),
            43 | 44 => {
                let decode = |engine: &GeneralPurpose| {
                    let mut bytes = [0; 33];
                    let count = engine.decode_slice(digest, &mut bytes).ok()?;
                    bytes[..count].try_into().ok().map(Pin)
                };
                decode(&BASE64_URL).or_else(|| decode(&BASE64)).ok_or(BadPin::Digest)
            }
            _ if digest.contains(':') => Err(BadPin::Colons),
            _ => Err(BadPin::Digest),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", BASE64_URL.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Splits `HOST#sha256:...` into the endpoint and the pin, if there is one.
///
/// Only a last `#` that is followed by `sha256` begins a pin: names of Unix sockets may hold others.
///
/// # Errors
/// What begins as a pin and is none.
pub fn split(text: &str) -> Result<(&str, Option<Pin>), BadPin> {
    match text.rsplit_once('#') {
        Some((endpoint, pin)) if begins_as_pin(pin) => Ok((endpoint, Some(pin.parse()?))),
        _ => Ok((text, None)),
    }
}

fn begins_as_pin(text: &str) -> bool {
    text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("sha256"))
}

fn after_prefix(text: &str) -> Option<&str> {
    let rest = text.get(6..).filter(|_| begins_as_pin(text))?;
    rest.strip_prefix("//").or_else(|| rest.strip_prefix(':'))
}

fn hex(digits: &[u8]) -> Option<Pin> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(Pin(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SHA-256 of nothing: FIPS 180-4's best known value.
    const EMPTY: &str = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn a_pin_is_printed_as_base64url() {
        assert_eq!(Pin::of(b"").to_string(), EMPTY);
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        assert!(Pin(bytes).to_string().starts_with("sha256:3q2-7wAAAAA"));
    }

    #[test]
    fn every_spelling_is_read() {
        for spelling in [
            EMPTY,
            "SHA256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        ] {
            assert_eq!(spelling.parse(), Ok(Pin::of(b"")), "{spelling}");
        }
    }

    #[test]
    fn what_is_nearly_a_pin_is_not_one() {
        for end in 0..EMPTY.len() {
            assert!(EMPTY[..end].parse::<Pin>().is_err(), "{end}");
        }
        let colons = vec!["E3"; 32].join(":");
        for (text, fault) in [
            ("", BadPin::Prefix),
            ("sha1:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", BadPin::Prefix),
            ("sha256/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", BadPin::Prefix),
            ("sha25é:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", BadPin::Prefix),
            // Bits that no byte has.
            ("sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV", BadPin::Digest),
            // Both alphabets at once.
            ("sha256:47DEQpj8HBSa-/TImW-5JCeuQeRkm5NMpJWZG3hSuFU", BadPin::Digest),
            ("sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU==", BadPin::Digest),
            ("sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU ", BadPin::Digest),
            ("sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", BadPin::Digest),
            ("sha256:+3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", BadPin::Digest),
            (&format!("sha256:{colons}"), BadPin::Colons),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn an_endpoint_may_bring_its_pin() {
        let pin = Some(Pin::of(b""));
        assert_eq!(split(&format!("a:7255#{EMPTY}")), Ok(("a:7255", pin)));
        assert_eq!(split(&format!("[fe80::1%eth0]:1#{EMPTY}")), Ok(("[fe80::1%eth0]:1", pin)));
        assert_eq!(split(&format!("unix:/a#b#{EMPTY}")), Ok(("unix:/a#b", pin)));
        assert_eq!(split("unix:/a#b"), Ok(("unix:/a#b", None)));
        assert_eq!(split("a:7255"), Ok(("a:7255", None)));
        assert_eq!(split("a#sha256:x"), Err(BadPin::Digest));
        assert_eq!(split("a#SHA256"), Err(BadPin::Prefix));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(bytes: [u8; 32], host in "[a-z#:.]{0,12}") {
            let pin = Pin(bytes);
            prop_assert_eq!(pin.to_string().parse(), Ok(pin));
            let text = format!("{host}#{pin}");
            prop_assert_eq!(split(&text), Ok((&*host, Some(pin))));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(sha256[:/]{0,2})?.{0,70}") {
            if let Ok(pin) = text.parse::<Pin>() {
                prop_assert_eq!(pin.to_string().parse(), Ok(pin));
            }
            let _ = split(&text);
        }
    }
}
