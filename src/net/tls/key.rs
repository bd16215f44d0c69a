//! The key of this machine: ECDSA on P-256, kept as PKCS#8 in PEM.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::{Zeroize as _, Zeroizing};

use crate::proto::secure::pin::Pin;

/// What precedes the 65 bytes of an uncompressed point in its SubjectPublicKeyInfo (RFC 5480, 2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The object identifier of the curve, which every key on it names (RFC 5480, 2.1.1.1).
const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// The characters of a line of PEM (RFC 7468, 2).
const LINE_CHARS: usize = 64;

/// A private key on P-256. Its memory is cleared by aws-lc when it is dropped.
pub struct Key {
    pair: EcdsaKeyPair,
}

/// Why there is no key. The texts continue a sentence that begins with the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The file holds no private key in PEM.
    Missing,
    /// It holds the beginning of one, or something else between the lines of PEM.
    Damaged,
    /// A passphrase protects it.
    Encrypted,
    /// It is a key of another kind: RSA, Ed25519, another curve.
    OtherKind,
    /// No key could be made, or nothing signed: the system gives no random bytes.
    NoRandomness,
    /// aws-lc cannot encode or load it.
    Unusable,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::Missing => {
                "has no private key: it must hold the lines from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----"
            }
            KeyError::Damaged => "is damaged: restore it, or remove it for a new key",
            KeyError::Encrypted => "is encrypted: decrypt it with openssl pkey -in FILE -out NEWFILE",
            KeyError::OtherKind => {
                "is not a P-256 key: make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE"
            }
            KeyError::NoRandomness => "cannot be made: the system has no random bytes",
            KeyError::Unusable => "cannot be used: the library of TLS cannot encode or load it",
        })
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate() -> Result<Key, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        pair.map(|pair| Key { pair }).map_err(|_| KeyError::NoRandomness)
    }

    /// Reads the first private key of a PEM file: PKCS#8 (RFC 5958) or SEC1 (RFC 5915), as openssl writes them. Other
    /// sections, such as certificates, are skipped.
    ///
    /// # Errors
    /// What is not an unencrypted key on P-256.
    pub fn from_pem(text: &[u8]) -> Result<Key, KeyError> {
        if memchr::memmem::find(text, b"ENCRYPTED").is_some() {
            return Err(KeyError::Encrypted);
        }
        let mut der = PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
            pem::Error::NoItemsFound => KeyError::Missing,
            _ => KeyError::Damaged,
        })?;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_der());
        let is_named = || memchr::memmem::find(der.secret_der(), &P256).is_some();
        let key = pair.map(|pair| Key { pair }).map_err(|_| match is_named() {
            true => KeyError::Damaged,
            false => KeyError::OtherKind,
        });
        der.zeroize();
        key
    }

    /// The key as PKCS#8 version 1 in PEM (RFC 7468), to be kept in a file that nobody else may read.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] where aws-lc cannot encode it: without memory.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let der = self.pair.to_pkcs8v1().map_err(|_| KeyError::Unusable)?;
        // Room for all of it: a string that grows leaves copies behind.
        let chars = der.as_ref().len().div_ceil(3) * 4;
        let mut text = Zeroizing::new(String::with_capacity(chars + chars / LINE_CHARS + 64));
        text.push_str("-----BEGIN PRIVATE KEY-----\n");
        for line in der.as_ref().chunks(LINE_CHARS / 4 * 3) {
            BASE64_STANDARD.encode_string(line, &mut text);
            text.push('\n');
        }
        text.push_str("-----END PRIVATE KEY-----\n");
        Ok(text)
    }

    /// The key in the form that rustls takes. The caller zeroizes it.
    ///
    /// # Errors
    /// As [`Key::to_pem`].
    pub fn to_der(&self) -> Result<PrivateKeyDer<'static>, KeyError> {
        let der = self.pair.to_pkcs8v1().map_err(|_| KeyError::Unusable)?;
        Ok(PrivatePkcs8KeyDer::from(der.as_ref().to_vec()).into())
    }

    /// The SubjectPublicKeyInfo of its public key, in DER: 91 bytes.
    pub fn spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX, self.pair.public_key().as_ref()].concat()
    }

    /// The pin of its public key: how others know it.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.spki())
    }

    /// Signs a message: ECDSA with SHA-256, in DER. The signature is another one each time.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::NoRandomness)
    }
}

/// The public part alone.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.pin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file() {
        let key = Key::generate().unwrap();
        let text = key.to_pem().unwrap();
        assert!(text.lines().all(|line| line.len() <= LINE_CHARS), "{}", text.len());
        let again = Key::from_pem(text.as_bytes()).unwrap();
        assert_eq!(again.pin(), key.pin());
        assert_eq!(*again.to_pem().unwrap(), *text);
        assert_ne!(Key::generate().unwrap().pin(), key.pin());
    }

    #[test]
    fn line_ends_and_other_sections_do_not_matter() {
        let key = Key::generate().unwrap();
        let text = key.to_pem().unwrap().replace('\n', "\r\n");
        let other = "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n";
        let text = format!("words\r\n{other}{text}{other}");
        assert_eq!(Key::from_pem(text.as_bytes()).unwrap().pin(), key.pin());
    }

    #[test]
    fn a_file_cut_anywhere_is_no_key() {
        let text = Key::generate().unwrap().to_pem().unwrap();
        // The end without its newline is whole.
        for end in 0..text.len() - 1 {
            let fault = Key::from_pem(&text.as_bytes()[..end]).unwrap_err();
            assert!(matches!(fault, KeyError::Missing | KeyError::Damaged), "{end}: {fault}");
        }
    }

    #[test]
    fn what_is_no_key_is_named() {
        let damaged =
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH\n-----END PRIVATE KEY-----\n";
        for (text, fault) in [
            ("", KeyError::Missing),
            ("\0\0\0", KeyError::Missing),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", KeyError::Missing),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                KeyError::Encrypted,
            ),
            ("-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----\n", KeyError::Damaged),
            (damaged, KeyError::Damaged),
        ] {
            assert_eq!(Key::from_pem(text.as_bytes()).unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn a_key_shows_its_public_part_alone() {
        let key = Key::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("Key({})", key.pin()));
    }
}
