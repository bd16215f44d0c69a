//! Certificates and their keys in PEM (RFC 7468), and what a certificate is known by.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;

/// SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 5280, 4.1), as `curl --pinnedpubkey` compares it.
pub type Fingerprint = [u8; 32];

/// A certificate chain, its own certificate first, and its private key.
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads the certificates and the key from PEM texts, which may be the same one.
    ///
    /// # Errors
    /// A text without what is wanted, as words that go after the option's name.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Identity, String> {
        let chain = certificates_from_pem(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| "there is no private key in it (PEM: -----BEGIN PRIVATE KEY-----)".to_owned())?;
        Ok(Identity { chain, key })
    }

    /// The fingerprint of its own certificate. None: the certificate is malformed.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.chain.first().and_then(fingerprint)
    }
}

/// Reads certificates from a PEM text.
///
/// # Errors
/// There is none in it, or one that is malformed.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)".to_owned()),
        Err(error) => Err(format!("a certificate in it is malformed: {error}")),
    }
}

/// What a certificate is known by. None: it is malformed.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Option<Fingerprint> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    digest(&SHA256, &parsed.subject_public_key_info()).as_ref().try_into().ok()
}
