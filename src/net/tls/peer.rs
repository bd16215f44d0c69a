//! TLS between two of this program: each side presents its own key, and admission (PROTOCOL.md) decides who is trusted.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, UnbufferedServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DistinguishedName, ServerConfig};
use zeroize::Zeroizing;

use super::certificate::certified_key;
use super::client::PinnedServer;
use super::exporter::Exporter;
use super::failure::{PEER_OPTIONS, settings_error};
use super::identity::Identity;
use super::key::Key;
use super::layer::Layer;
use super::provider;
use super::records::Connection;
use super::signatures::verify_signatures;
use crate::error::{Error, Exit};
use crate::proto::secure::pin::Pin;
use crate::proto::secure::{AUTH_EXPORTER, Channel, SESSION_EXPORTER};

/// HTTP/1.1 among the protocols of TLS (RFC 7301, 6).
const HTTP: &[u8] = b"http/1.1";

/// Makes the TLS layers of connections that begin with admission.
#[derive(Clone)]
pub struct PeerTls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    pin: Pin,
}

impl PeerTls {
    /// Shows `key`; negotiates the protocol of this name (RFC 7301).
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn new(key: &Key, protocol: &[u8]) -> Result<PeerTls, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(Exit::Failed, format!("TLS: {error}"));
        let certified: Arc<CertifiedKey> = certified_key(key, &[]).map_err(|error| failed(&error))?;
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let provider = Arc::new(provider());
        let algorithms = provider.signature_verification_algorithms;
        let versions = &[&rustls::version::TLS13];
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinnedServer::anyone(algorithms)))
            .with_client_cert_resolver(resolver.clone());
        client.alpn_protocols = vec![protocol.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();
        // The name of the server is nobody's business on the way.
        client.enable_sni = false;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| failed(&error))?
            .with_client_cert_verifier(Arc::new(AnyClient { algorithms }))
            .with_cert_resolver(resolver);
        server.alpn_protocols = vec![protocol.to_vec()];
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(PeerTls { client: Arc::new(client), server: Arc::new(server), pin: key.pin() })
    }

    /// Accepts clients of HTTP as well. They are shown `identity`, if there is one.
    ///
    /// # Errors
    /// Its key does not belong to the certificate.
    pub(crate) fn with_http(self, identity: Option<Identity>) -> Result<PeerTls, Error> {
        let mut server = (*self.server).clone();
        if let Some(Identity { chain, key }) = identity {
            let shown = CertifiedKey::from_der(chain, key, server.crypto_provider());
            let shown = Arc::new(shown.map_err(|error| settings_error(&error))?);
            let (own, protocols) = (Arc::clone(&server.cert_resolver), server.alpn_protocols.clone());
            server.cert_resolver = Arc::new(ByProtocol { own, protocols, shown });
        }
        server.alpn_protocols.push(HTTP.to_vec());
        Ok(PeerTls { server: Arc::new(server), ..self })
    }

    /// The digest of the key that is presented.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// The layer of a connection that was made.
    pub(crate) fn client_layer(&self) -> Result<Layer, Error> {
        let (exporter, mut config) = (Exporter::default(), (*self.client).clone());
        config.key_log = Arc::new(exporter.clone());
        // No certificate is compared with it, and it is not sent.
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])));
        let connection = UnbufferedClientConnection::new(Arc::new(config), name).map_err(failed)?;
        Ok(Layer::new(Connection::Client(connection), false)
            .with_options(&PEER_OPTIONS)
            .with_exporter(exporter))
    }

    /// The layer of a connection that was accepted.
    pub(crate) fn server_layer(&self) -> Result<Layer, Error> {
        let (exporter, mut config) = (Exporter::default(), (*self.server).clone());
        config.key_log = Arc::new(exporter.clone());
        let connection = UnbufferedServerConnection::new(Arc::new(config)).map_err(failed)?;
        Ok(Layer::new(Connection::Server(connection), false)
            .with_options(&PEER_OPTIONS)
            .with_exporter(exporter))
    }
}

/// The facts about a connection that admission is bound to, once. None: its handshake is not complete.
pub(crate) fn channel(layer: &Layer) -> Option<Channel> {
    let (mut auth, mut session) = ([0; 32], Zeroizing::new([0; 64]));
    layer.export(AUTH_EXPORTER, &mut auth)?;
    layer.export(SESSION_EXPORTER, &mut *session)?;
    layer.erase_exporter();
    Some(Channel { auth, session, peer: layer.peer_pin() })
}

/// Chooses a certificate by the protocols that a client speaks (RFC 7301).
#[derive(Debug)]
struct ByProtocol {
    /// For clients of one of these protocols.
    own: Arc<dyn ResolvesServerCert>,
    protocols: Vec<Vec<u8>>,
    /// For all others.
    shown: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByProtocol {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut offered = client.alpn().into_iter().flatten();
        match offered.any(|name| self.protocols.iter().any(|protocol| protocol == name)) {
            true => self.own.resolve(client),
            false => Some(Arc::clone(&self.shown)),
        }
    }
}

fn failed(error: rustls::Error) -> Error {
    Error::new(Exit::Failed, format!("TLS: {error}"))
}

/// Accepts each client that proves to have the key that it presents, and those that present none: admission decides.
#[derive(Debug)]
struct AnyClient {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    verify_signatures!();
}
