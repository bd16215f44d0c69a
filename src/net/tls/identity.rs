//! Certificates and their keys in PEM (RFC 7468), as options name them.

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// A certificate in DER.
pub use rustls::pki_types::CertificateDer;

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
