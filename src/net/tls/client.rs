//! The client's side of TLS: whom it trusts, and what it presents.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, UnbufferedClientConnection, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, OtherError, RootCertStore};

use super::authorities::ByAuthorities;
use super::certificate::pin_of;
use super::failure::settings_error;
use super::identity::Identity;
use super::layer::Layer;
use super::records::Connection;
use super::signatures::verify_signatures;
use super::{TlsOptions, VERSIONS, provider};
use crate::error::{Error, Exit};
use crate::proto::secure::pin::Pin;

/// How a client decides whether the server is the right one.
pub enum ServerCheck {
    /// Its certificate comes from an authority, and names the host: those of the system, or these alone.
    Authorities(Option<Vec<CertificateDer<'static>>>),
    /// Its key is one of these.
    Pins(Vec<Pin>),
    /// It may be anybody: the connection is encrypted, and no more.
    Anyone,
}

/// The settings of a client's connections.
pub struct ClientSettings {
    /// Whom to trust.
    pub check: ServerCheck,
    /// The certificate that is presented to servers that ask for one.
    pub identity: Option<Identity>,
    /// Protocols to offer, the preferred one first (RFC 7301).
    pub alpn: Vec<Vec<u8>>,
    /// An end without `close_notify` counts as an orderly end.
    pub accepts_bare_end: bool,
    /// The options that error lines name.
    pub options: &'static TlsOptions,
}

/// Makes the TLS layer of each connection of a client.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    accepts_bare_end: bool,
    options: &'static TlsOptions,
}

impl ClientTls {
    /// Takes the settings.
    ///
    /// # Errors
    /// The system has no authorities, or the key does not belong to the certificate.
    pub fn new(settings: ClientSettings) -> Result<ClientTls, Error> {
        let provider = provider();
        let options = settings.options;
        let algorithms = provider.signature_verification_algorithms;
        let builder = builder(provider)?;
        let builder = match settings.check {
            ServerCheck::Authorities(only) => by_authorities(builder, authorities(only, options)?, options)?,
            ServerCheck::Pins(pins) => pinned(builder, Some(pins), (algorithms, options)),
            ServerCheck::Anyone => pinned(builder, None, (algorithms, options)),
        };
        let mut config = match settings.identity {
            Some(Identity { chain, key }) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| settings_error(&error))?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = settings.alpn;
        // Nothing that links two connections is kept.
        config.resumption = Resumption::disabled();
        Ok(ClientTls { config: Arc::new(config), accepts_bare_end: settings.accepts_bare_end, options })
    }

    /// The layer of a connection to `host`: the name that the certificate must have, and that the server is asked for.
    ///
    /// # Errors
    /// No certificate can be for such a name.
    pub(crate) fn layer(&self, host: &str) -> Result<Layer, Error> {
        let name = certificate_name(host).map_err(|text| {
            let option = self.options.name;
            Error::new(Exit::Usage, format!("TLS: {text}: type {option} NAME"))
        })?;
        let connection = UnbufferedClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| Error::new(Exit::Failed, format!("TLS: {error}")))?;
        Ok(Layer::new(Connection::Client(connection), self.accepts_bare_end).with_options(self.options))
    }
}

/// Reads a name that a certificate can have: of a host, or an address.
///
/// # Errors
/// None can, as words that say so.
pub(crate) fn certificate_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| format!("no certificate names '{}'", text.escape_debug()))
}

type Builder<State> = rustls::ConfigBuilder<ClientConfig, State>;

fn builder(provider: CryptoProvider) -> Result<Builder<rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(VERSIONS)
        .map_err(|error| Error::new(Exit::Failed, format!("TLS: {error}")))
}

fn pinned(
    builder: Builder<rustls::WantsVerifier>,
    pins: Option<Vec<Pin>>,
    (algorithms, options): (WebPkiSupportedAlgorithms, &'static TlsOptions),
) -> Builder<rustls::client::WantsClientCert> {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(PinnedServer { pins, algorithms, options }))
}

fn by_authorities(
    builder: Builder<rustls::WantsVerifier>,
    store: RootCertStore,
    options: &'static TlsOptions,
) -> Result<Builder<rustls::client::WantsClientCert>, Error> {
    let provider = Arc::clone(builder.crypto_provider());
    let algorithms = provider.signature_verification_algorithms;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| Error::new(Exit::Usage, format!("TLS: {error}")))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(ByAuthorities {
        verifier,
        algorithms,
        options,
    })))
}

/// The given authorities, or the system's.
fn authorities(
    only: Option<Vec<CertificateDer<'static>>>,
    options: &TlsOptions,
) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let certificates = only.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs);
    store.add_parsable_certificates(certificates);
    if store.is_empty() {
        let TlsOptions { ca, pin, .. } = options;
        let text = format!(
            "TLS: there are no certificates of authorities: type {ca} FILE, or {pin} sha256:... for a server that you know"
        );
        return Err(Error::new(Exit::Usage, text));
    }
    Ok(store)
}

/// Compares the server's key with pins. The server proves in any case that it has the key.
#[derive(Debug)]
pub(super) struct PinnedServer {
    /// None: each key will do.
    pins: Option<Vec<Pin>>,
    algorithms: WebPkiSupportedAlgorithms,
    options: &'static TlsOptions,
}

impl PinnedServer {
    /// Each key will do.
    pub(super) fn anyone(algorithms: WebPkiSupportedAlgorithms) -> PinnedServer {
        PinnedServer { pins: None, algorithms, options: &super::failure::CLIENT_OPTIONS }
    }
}

/// The server's key is not a pinned one.
#[derive(Debug)]
struct OtherKey(Pin, &'static TlsOptions);

impl Display for OtherKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "its key is {}, and not one of {}", self.0, self.1.pin)
    }
}

impl std::error::Error for OtherKey {}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let key = pin_of(certificate).ok_or(CertificateError::BadEncoding)?;
        match self.pins.as_ref().is_none_or(|pins| pins.contains(&key)) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::Other(OtherError(Arc::new(OtherKey(key, self.options)))).into()),
        }
    }

    verify_signatures!();
}
