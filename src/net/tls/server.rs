//! The server's side of TLS: what it presents, and whom it asks for a certificate.

use std::fmt::Display;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use super::failure::settings_error;
use super::identity::Identity;
use super::layer::Layer;
use super::records::Connection;
use super::{VERSIONS, provider};
use crate::error::{Error, Exit};

/// The settings of a server's connections.
pub struct ServerSettings {
    /// The certificate that is presented.
    pub identity: Identity,
    /// Clients must present a certificate of one of these authorities.
    pub client_authorities: Option<Vec<CertificateDer<'static>>>,
    /// Protocols that are spoken, the preferred one first (RFC 7301). Empty: not negotiated.
    pub alpn: Vec<Vec<u8>>,
    /// An end without `close_notify` counts as an orderly end.
    pub accepts_bare_end: bool,
}

/// Makes the TLS layer of each connection of a server.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    accepts_bare_end: bool,
}

impl ServerTls {
    /// Takes the settings.
    ///
    /// # Errors
    /// The key does not belong to the certificate, or there are no authorities for clients.
    pub fn new(settings: ServerSettings) -> Result<ServerTls, Error> {
        let usage = |error: &dyn Display| Error::new(Exit::Usage, format!("TLS: {error}"));
        let provider = Arc::new(provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(VERSIONS)
            .map_err(|error| Error::new(Exit::Failed, format!("TLS: {error}")))?;
        let builder = match settings.client_authorities {
            Some(authorities) => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(authorities);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| usage(&error))?)
            }
            None => builder.with_no_client_auth(),
        };
        let Identity { chain, key } = settings.identity;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| settings_error(&error))?;
        config.alpn_protocols = settings.alpn;
        // No tickets, and no early data, which could be replayed.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(ServerTls { config: Arc::new(config), accepts_bare_end: settings.accepts_bare_end })
    }

    /// The layer of an accepted connection.
    pub(crate) fn layer(&self) -> Result<Layer, Error> {
        let connection = UnbufferedServerConnection::new(Arc::clone(&self.config))
            .map_err(|error| Error::new(Exit::Failed, format!("TLS: {error}")))?;
        Ok(Layer::new(Connection::Server(connection), self.accepts_bare_end))
    }
}
