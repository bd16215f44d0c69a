//! Failures of TLS as exit codes and lines.

use rustls::{AlertDescription, CertificateError, Error};

use crate::error::Exit;

/// The options that a failure's line names.
#[derive(Debug)]
pub struct TlsOptions {
    /// Names a file of authorities.
    pub ca: &'static str,
    /// Names a key. Empty: there is no such option.
    pub pin: &'static str,
    /// The peer's name in its certificate. Empty: there is no such option.
    pub name: &'static str,
    /// What to do about a peer that wants a certificate.
    identity: &'static str,
    /// Accepts an end without `close_notify`. Empty: there is no such option.
    lax_end: &'static str,
}

/// The options of `connect`.
pub const CLIENT_OPTIONS: TlsOptions = TlsOptions {
    ca: "--ca",
    pin: "--pin",
    name: "--server-name",
    identity: "connect --cert FILE --cert-key FILE",
    lax_end: "--lax-end",
};
/// The same where the endpoint names the key.
pub const PINNED_OPTIONS: TlsOptions = TlsOptions { pin: "the endpoint's", ..CLIENT_OPTIONS };
/// Those of `download` from web servers.
pub const WEB_OPTIONS: TlsOptions =
    TlsOptions { ca: "--ca", pin: "--pin", name: "", identity: "which download cannot present", lax_end: "" };
/// Those about the target of `serve --forward`.
pub const TARGET_OPTIONS: TlsOptions = TlsOptions {
    ca: "--target-ca",
    pin: "--target-pin",
    name: "--target-name",
    identity: "serve --target-cert FILE --target-cert-key FILE",
    lax_end: "",
};
/// Those of a server.
pub(super) const SERVER_OPTIONS: TlsOptions = TlsOptions {
    ca: "--client-ca",
    pin: "",
    name: "",
    identity: "a server presents that of --cert",
    lax_end: "--lax-end",
};
/// Those of two ends of this program: admission says who is trusted.
pub(super) const PEER_OPTIONS: TlsOptions =
    TlsOptions { ca: "", pin: "--pin", name: "", identity: "", lax_end: "" };

impl TlsOptions {
    /// Names options to look at, behind a failure.
    pub(super) fn see(&self, options: &[&str]) -> String {
        let options: Vec<&str> = options.iter().copied().filter(|option| !option.is_empty()).collect();
        if options.is_empty() { String::new() } else { format!(" (see {})", options.join(" and ")) }
    }
}

/// The failure of a socket's end without `close_notify`.
pub(super) fn bare_end(options: &TlsOptions) -> String {
    let text = "the connection ended without TLS's close_notify: what came may be cut short";
    match options.lax_end {
        "" => text.to_owned(),
        option => format!("{text} ({option} accepts such an end)"),
    }
}

/// The socket's end came too early.
pub(super) const END_IN_HANDSHAKE: &str =
    "the peer ended the connection during the TLS handshake: it may not speak TLS on this port";

/// The exit code and the line of a failure.
pub(super) fn failure_of(error: &Error, options: &TlsOptions) -> (Exit, String) {
    let text = match error {
        Error::InvalidCertificate(error) => certificate(error, options),
        Error::NoCertificatesPresented => {
            "the peer presents no certificate: it needs one (connect --cert FILE --cert-key FILE)".to_owned()
        }
        Error::AlertReceived(alert) => return (exit_of(*alert), received(*alert, options)),
        Error::InvalidMessage(_) => "what the peer sends is not TLS".to_owned(),
        Error::DecryptError => "a TLS record is not authentic: it was changed on its way".to_owned(),
        Error::PeerIncompatible(why) => format!("the peer and this program have no TLS in common: {why:?}"),
        Error::PeerMisbehaved(why) => format!("the peer breaks the rules of TLS: {why:?}"),
        Error::NoApplicationProtocol => {
            "the peer speaks none of the protocols that are spoken here (ALPN)".to_owned()
        }
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
fn certificate(error: &CertificateError, options: &TlsOptions) -> String {
    let TlsOptions { ca, pin, name, .. } = options;
    let why = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidForName => format!("is for another name{}", options.see(&[name])),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            match presented.is_empty() {
                true => format!("names nobody, {expected} was asked for{}", options.see(&[pin, name])),
                false => {
                    let names: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
                    format!("is for {}, not for {expected}{}", names.join(", "), options.see(&[name]))
                }
            }
        }
        CertificateError::UnknownIssuer => {
            format!("comes from an issuer that is not trusted here{}", options.see(&[ca, pin]))
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
        CertificateError::Other(other) => match other.to_string() {
            text if text.contains("CaUsedAsEndEntity") => {
                let see = options.see(&[pin, ca]);
                format!("is that of a certificate authority, as self-signed ones are{see}")
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
fn received(alert: AlertDescription, options: &TlsOptions) -> String {
    let why = match alert {
        AlertDescription::CertificateRequired => {
            return format!("the peer refused TLS: it wants a certificate ({})", options.identity);
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
        AlertDescription::UnrecognisedName => {
            return format!(
                "the peer refused TLS: it does not serve this name{}",
                options.see(&[options.name])
            );
        }
        AlertDescription::NoApplicationProtocol => "it speaks none of the protocols that are offered (ALPN)",
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
