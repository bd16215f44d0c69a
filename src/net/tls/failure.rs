//! Failures of TLS as exit codes and lines.

use rustls::{AlertDescription, CertificateError, Error};

use crate::error::Exit;

/// The socket's end came without `close_notify`.
pub(super) const BARE_END: &str = "the connection ended without TLS's close_notify: what came may be cut short (--lax-end accepts such an end)";
/// The socket's end came too early.
pub(super) const END_IN_HANDSHAKE: &str =
    "the peer ended the connection during the TLS handshake: does it expect TLS on this port?";

/// The exit code and the line of a failure.
pub(super) fn failure_of(error: &Error) -> (Exit, String) {
    let text = match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => {
            "the peer shows no certificate: it needs one (connect --cert FILE --cert-key FILE)".to_owned()
        }
        Error::AlertReceived(alert) => return (exit_of(*alert), received(*alert)),
        Error::InvalidMessage(_) => "what the peer sends is not TLS".to_owned(),
        Error::DecryptError => "a TLS record is not authentic: it was changed on its way".to_owned(),
        Error::PeerIncompatible(why) => format!("the peer and this program have no TLS in common: {why:?}"),
        Error::PeerMisbehaved(why) => format!("the peer breaks the rules of TLS: {why:?}"),
        Error::NoApplicationProtocol => "the peer speaks none of the protocols that --alpn names".to_owned(),
        Error::General(text) => format!("TLS failed: {text}"),
        other => format!("TLS failed: {other}"),
    };
    (Exit::Untrusted, text)
}

/// Settings that do not fit together, as a usage error.
pub(super) fn settings_error(error: &Error) -> crate::error::Error {
    let text = match error {
        Error::InconsistentKeys(_) => {
            "--cert-key: it is not the key of the first certificate in --cert".to_owned()
        }
        other => format!("TLS: {other}"),
    };
    crate::error::Error::new(Exit::Usage, text)
}

/// A certificate that is refused here.
fn certificate(error: &CertificateError) -> String {
    let why = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidForName => "is for another name (see --server-name)".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            match presented.is_empty() {
                true => format!("names nobody, {expected} was asked for (see --pin and --server-name)"),
                false => {
                    let names: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
                    format!("is for {}, not for {expected} (see --server-name)", names.join(", "))
                }
            }
        }
        CertificateError::UnknownIssuer => {
            "comes from an issuer that is not trusted here (see --ca and --pin)".to_owned()
        }
        CertificateError::Revoked => "was revoked".to_owned(),
        CertificateError::BadSignature => {
            "has a wrong signature, or a key that is too short (RSA of less than 2048 bits)".to_owned()
        }
        CertificateError::BadEncoding => "is malformed".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is for another purpose".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed by a method that is too weak or not known".to_owned()
        }
        CertificateError::ApplicationVerificationFailure => "has another key than the pinned one".to_owned(),
        CertificateError::Other(other) => match other.to_string() {
            text if text.contains("CaUsedAsEndEntity") => {
                "is that of a certificate authority, as self-signed ones are (see --pin and --ca)".to_owned()
            }
            text => format!("is refused: {text}"),
        },
        other => format!("is refused: {other}"),
    };
    format!("the peer's certificate {why}")
}

/// A name of a certificate as rustls writes it: `DnsName("a.example")`, `IpAddress(192.0.2.1)`.
fn plain_name(text: &str) -> &str {
    let inside = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.map_or(text, |name| name.trim_matches('"'))
}

/// The peer's reason to end the connection.
fn received(alert: AlertDescription) -> String {
    let why = match alert {
        AlertDescription::CertificateRequired => {
            "it wants a certificate (connect --cert FILE --cert-key FILE)"
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "it does not accept this side's certificate",
        AlertDescription::UnknownCA => "it does not know the issuer of this side's certificate",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "it has no cipher or key exchange in common with this side"
        }
        AlertDescription::ProtocolVersion => "it speaks another version of TLS only",
        AlertDescription::UnrecognisedName => "it does not serve this name (see --server-name)",
        AlertDescription::NoApplicationProtocol => "it speaks none of the protocols of --alpn",
        other => return format!("the peer ended TLS: {other:?}"),
    };
    format!("the peer refused TLS: {why}")
}

/// Alerts that are no matter of trust are those of a peer that gives up: the connection is lost.
fn exit_of(alert: AlertDescription) -> Exit {
    match alert {
        AlertDescription::UserCanceled | AlertDescription::InternalError => Exit::Lost,
        _ => Exit::Untrusted,
    }
}
