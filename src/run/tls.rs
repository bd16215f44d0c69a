//! The validated arguments of TLS, and what their files hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::tls::TlsOptions;
use crate::net::tls::client::{ClientSettings, ClientTls, ServerCheck};
use crate::net::tls::identity::{CertificateDer, Identity, certificates_from_pem};
use crate::net::tls::server::{ServerSettings, ServerTls};
use crate::proto::secure::pin::Pin;
use crate::proto::starttls::StartTlsProtocol;
use crate::server::option_files::bytes_of;
use crate::server::tls_files::TlsTerms;

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct IdentityFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The options that name them.
    pub(crate) options: [&'static str; 2],
}

impl IdentityFiles {
    /// Reads the files.
    pub(crate) fn load(&self) -> Result<Identity, Error> {
        crate::net::leave_no_core();
        let [of_certificate, of_key] = self.options;
        let (certificate, key) = (bytes_of(&self.certificate, of_certificate)?, bytes_of(&self.key, of_key)?);
        Identity::from_pem(&certificate, &key).map_err(|why| {
            let option = if certificates_from_pem(&certificate).is_err() { of_certificate } else { of_key };
            Error::new(Exit::Usage, format!("{option}: {why}"))
        })
    }
}

/// What a client asks of a server's certificate.
#[derive(Clone, Debug)]
pub(crate) enum ServerCheckPlan {
    /// The authorities of the system, or those in this file.
    Authorities(Option<PathBuf>),
    Pins(Vec<Pin>),
    Anyone,
}

/// The arguments of a client's TLS.
#[derive(Clone, Debug)]
pub(crate) struct ClientTlsPlan {
    pub(crate) check: ServerCheckPlan,
    /// The server's name in its certificate: without it, the host of its endpoint.
    pub(crate) server_name: Option<String>,
    pub(crate) identity: Option<IdentityFiles>,
    pub(crate) alpn: Vec<String>,
    pub(crate) accepts_bare_end: bool,
    /// The protocol that leads to TLS.
    pub(crate) starttls: Option<StartTlsProtocol>,
    /// The options that set it.
    pub(crate) options: &'static TlsOptions,
}

impl ClientTlsPlan {
    /// The name that the certificate of the server at `endpoint` must have.
    pub(super) fn host(&self, endpoint: &Endpoint) -> String {
        self.server_name.clone().or_else(|| endpoint.certified_host()).unwrap_or_default()
    }

    /// Reads the files.
    pub(crate) fn load(&self) -> Result<ClientTls, Error> {
        let check = match &self.check {
            ServerCheckPlan::Authorities(file) => ServerCheck::Authorities(
                file.as_deref().map(|file| authorities(file, self.options.ca)).transpose()?,
            ),
            ServerCheckPlan::Pins(pins) => ServerCheck::Pins(pins.clone()),
            ServerCheckPlan::Anyone => ServerCheck::Anyone,
        };
        ClientTls::new(ClientSettings {
            check,
            identity: self.identity.as_ref().map(IdentityFiles::load).transpose()?,
            alpn: protocols(&self.alpn),
            accepts_bare_end: self.accepts_bare_end,
            options: self.options,
        })
    }
}

/// The arguments of a server's TLS.
#[derive(Clone, Debug)]
pub(crate) struct ServerTlsPlan {
    pub(crate) identity: IdentityFiles,
    /// The file of the authorities whose certificates clients must present.
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) alpn: Vec<String>,
    pub(crate) accepts_bare_end: bool,
    /// The longest time of a client's handshake.
    pub(crate) limit: Duration,
}

impl ServerTlsPlan {
    /// Reads the files.
    pub(crate) fn terms(&self) -> Result<TlsTerms, Error> {
        let plan = self.clone();
        TlsTerms::new(Arc::new(move || plan.load()), self.limit)
    }

    fn load(&self) -> Result<ServerTls, Error> {
        let client_authorities = self.client_ca.as_deref().map(|file| authorities(file, "--client-ca"));
        ServerTls::new(ServerSettings {
            identity: self.identity.load()?,
            client_authorities: client_authorities.transpose()?,
            alpn: protocols(&self.alpn),
            accepts_bare_end: self.accepts_bare_end,
        })
    }
}

fn protocols(names: &[String]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.clone().into_bytes()).collect()
}

fn authorities(file: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    certificates_from_pem(&bytes_of(file, option)?)
        .map_err(|why| Error::new(Exit::Usage, format!("{option} {}: {why}", file.display())))
}
