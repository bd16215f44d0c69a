//! Certificates as containers of keys (RFC 5280): ours, signed by itself, and the key in anybody's.
//!
//! A certificate proves nothing here but that its sender has the private key. It is never out of date, so that no clock
//! matters. Its serial number is random: Firefox rejects two certificates of one issuer that share a number, even of
//! one key, and no two signatures are alike.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use zeroize::Zeroize as _;

use super::key::{Key, KeyError};
use crate::proto::secure::pin::Pin;

/// The name in every certificate that is made here.
pub const COMMON_NAME: &str = "sendall";

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `version` of a certificate.
const CONTEXT_0: u8 = 0xa0;
/// `extensions` of a certificate.
const CONTEXT_3: u8 = 0xa3;
/// `dNSName` and `iPAddress` among the names of a subject (RFC 5280, 4.2.1.6).
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

const ECDSA_WITH_SHA256: &[u8] = &[SEQUENCE, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const VERSION_3: &[u8] = &[CONTEXT_0, 3, INTEGER, 1, 2];
const ID_COMMON_NAME: &[u8] = &[6, 3, 0x55, 4, 3];
const ID_SUBJECT_ALT_NAME: &[u8] = &[6, 3, 0x55, 0x1d, 0x11];
/// The time that stands for "no end" (RFC 5280, 4.1.2.5).
const NO_END: &[u8] = b"99991231235959Z";
const SERIAL_BYTES: usize = 16;

/// Makes a certificate for a key, signed with that key, for the name `sendall` and the names and addresses given.
///
/// # Errors
/// [`KeyError::NoRandomness`].
pub fn self_signed(key: &Key, names: &[ServerName<'_>]) -> Result<CertificateDer<'static>, KeyError> {
    let mut serial = [0; SERIAL_BYTES];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| KeyError::NoRandomness)?;
    // Positive, and without a leading zero byte.
    serial[0] = serial[0] & 0x7f | 0x40;
    let common_name = tlv(SEQUENCE, &[ID_COMMON_NAME, &tlv(UTF8_STRING, &[COMMON_NAME.as_bytes()])]);
    let name = tlv(SEQUENCE, &[&tlv(SET, &[&common_name])]);
    let validity = tlv(SEQUENCE, &[&tlv(UTC_TIME, &[b"700101000000Z"]), &tlv(GENERALIZED_TIME, &[NO_END])]);
    let mut alternatives = tlv(DNS_NAME, &[COMMON_NAME.as_bytes()]);
    for name in names {
        alternatives.extend(alternative(name));
    }
    let alternatives = tlv(OCTET_STRING, &[&tlv(SEQUENCE, &[&alternatives])]);
    let extension = tlv(SEQUENCE, &[ID_SUBJECT_ALT_NAME, &alternatives]);
    let content = tlv(
        SEQUENCE,
        &[
            VERSION_3,
            &tlv(INTEGER, &[&serial]),
            ECDSA_WITH_SHA256,
            &name,
            &validity,
            &name,
            &key.spki(),
            &tlv(CONTEXT_3, &[&tlv(SEQUENCE, &[&extension])]),
        ],
    );
    let signature = tlv(BIT_STRING, &[&[0], &key.sign(&content)?]);
    Ok(tlv(SEQUENCE, &[&content, ECDSA_WITH_SHA256, &signature]).into())
}

/// Makes what rustls presents: a [`self_signed`] certificate and its key.
///
/// # Errors
/// [`KeyError::NoRandomness`] and [`KeyError::Unusable`].
pub fn certified_key(key: &Key, names: &[ServerName<'_>]) -> Result<Arc<CertifiedKey>, KeyError> {
    let mut der = key.to_der()?;
    let signing = any_ecdsa_type(&der).map_err(|_| KeyError::Unusable);
    der.zeroize();
    Ok(Arc::new(CertifiedKey::new(vec![self_signed(key, names)?], signing?)))
}

fn alternative(name: &ServerName<'_>) -> Vec<u8> {
    match name {
        ServerName::DnsName(name) => tlv(DNS_NAME, &[name.as_ref().as_bytes()]),
        ServerName::IpAddress(IpAddr::V4(address)) => tlv(IP_ADDRESS, &[address.as_ref()]),
        ServerName::IpAddress(IpAddr::V6(address)) => tlv(IP_ADDRESS, &[address.as_ref()]),
        _ => Vec::new(),
    }
}

/// A value of DER: tag, length, and its parts one after the other.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut value = vec![tag];
    match length {
        0..=0x7f => value.push(length as u8),
        _ => {
            value.push(0x80 | (bytes.len() - first) as u8);
            value.extend(&bytes[first..]);
        }
    }
    parts.iter().for_each(|part| value.extend(*part));
    value
}

/// The pin of the key in a certificate. None: the certificate is malformed.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Pin::of(&parsed.subject_public_key_info()))
}

#[cfg(test)]
mod tests;
