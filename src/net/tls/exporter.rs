//! Keying material of a TLS 1.3 connection for the protocol inside it (RFC 8446, 7.5).
//!
//! rustls exports it for its buffered connections only. The exporter secret itself is to be had through its key log, so each
//! connection that needs one gets a configuration with a key log of its own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::hkdf::{self, KeyType, Prk};
use rustls::{KeyLog, SupportedCipherSuite};
use zeroize::Zeroizing;

/// The label under which a key log is given the secret.
const SECRET_LABEL: &str = "EXPORTER_SECRET";

/// Keeps the exporter secret of one connection.
#[derive(Clone, Default)]
pub(super) struct Exporter(Arc<Mutex<Option<Zeroizing<Vec<u8>>>>>);

/// Shows no secret.
impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter")
    }
}

impl KeyLog for Exporter {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if self.will_log(label) {
            let secret = Zeroizing::new(secret.to_vec());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == SECRET_LABEL
    }
}

impl Exporter {
    /// Forgets the secret.
    pub(super) fn erase(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Fills `output` with the material of `label`, with an empty context. None: the handshake is not complete, or the
    /// version is not TLS 1.3.
    pub(super) fn export(&self, suite: SupportedCipherSuite, label: &[u8], output: &mut [u8]) -> Option<()> {
        let (hkdf, hash) = match suite.tls13()?.common.hash_provider.output_len() {
            32 => (hkdf::HKDF_SHA256, &digest::SHA256),
            48 => (hkdf::HKDF_SHA384, &digest::SHA384),
            _ => return None,
        };
        let secret = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = digest(hash, b"");
        let mut derived = Zeroizing::new(vec![0; hash.output_len()]);
        expand_label(&Prk::new_less_safe(hkdf, secret.as_ref()?), label, nothing.as_ref(), &mut derived)?;
        expand_label(&Prk::new_less_safe(hkdf, &derived), b"exporter", nothing.as_ref(), output)
    }
}

/// HKDF-Expand-Label (RFC 8446, 7.1).
fn expand_label(secret: &Prk, label: &[u8], context: &[u8], output: &mut [u8]) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(output.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let context_length = [u8::try_from(context.len()).ok()?];
    let info = [&length[..], &label_length, PREFIX, label, &context_length, context];
    secret.expand(&info, OutputBytes(output.len())).ok()?.fill(output).ok()
}

/// The number of bytes to expand to.
struct OutputBytes(usize);

impl KeyType for OutputBytes {
    fn len(&self) -> usize {
        self.0
    }
}
