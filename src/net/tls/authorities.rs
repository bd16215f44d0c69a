//! Verification by authorities (RFC 5280), which tells a certificate that is signed by itself from one of an unknown issuer.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, OtherError};

use super::TlsOptions;
use super::signatures::verify_signatures;

/// rustls' verifier, with a word for certificates that are signed by themselves.
#[derive(Debug)]
pub(super) struct ByAuthorities {
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) options: &'static TlsOptions,
}

/// The certificate is signed by itself, and not one of the trusted ones.
#[derive(Debug)]
struct SelfSigned(&'static TlsOptions);

impl Display for SelfSigned {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let see = self.0.see(&[self.0.pin, self.0.ca]);
        write!(f, "it is signed by itself, and no authority vouches for it{see}")
    }
}

impl std::error::Error for SelfSigned {}

impl ServerCertVerifier for ByAuthorities {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(certificate, intermediates, name, ocsp, now);
        // Another certificate of the same name may be trusted: then it is the signature that is wrong.
        let is_of_nobody = matches!(
            &verified,
            Err(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer
                    | CertificateError::BadSignature
                    | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                    | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            ))
        );
        match is_of_nobody && names_itself(certificate) == Some(true) {
            true => Err(CertificateError::Other(OtherError(Arc::new(SelfSigned(self.options)))).into()),
            false => verified,
        }
    }

    verify_signatures!();
}

/// True if issuer and subject are the same. None: malformed.
fn names_itself(certificate: &[u8]) -> Option<bool> {
    /// `version`, which may be missing.
    const CONTEXT_0: u8 = 0xa0;
    let (_, whole, _) = value(certificate)?;
    let (_, signed, _) = value(whole)?;
    let (tag, _, after) = value(signed)?;
    let serial = if tag == CONTEXT_0 { after } else { signed };
    let (_, _, algorithm) = value(serial)?;
    let (_, _, issuer) = value(algorithm)?;
    let (_, issuer, validity) = value(issuer)?;
    let (_, _, subject) = value(validity)?;
    let (_, subject, _) = value(subject)?;
    Some(issuer == subject)
}

/// The first value of DER (X.690, 8.1): its tag, its content, and what follows it.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const LONG: u8 = 0x80;
    let [tag, first, rest @ ..] = der else { return None };
    let (length, rest) = match first & LONG {
        0 => (usize::from(*first), rest),
        _ => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & !LONG))?;
            let is_sane = (1..=size_of::<u32>()).contains(&bytes.len());
            let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (is_sane.then_some(length)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::certificate::self_signed;
    use crate::net::tls::key::Key;

    #[test]
    fn a_certificate_that_is_cut_anywhere_is_malformed() {
        let certificate = self_signed(&Key::generate().unwrap(), &[]).unwrap();
        assert_eq!(names_itself(&certificate), Some(true));
        for cut in 0..certificate.len() {
            assert_eq!(names_itself(&certificate[..cut]), None, "cut at {cut}");
        }
    }
}
