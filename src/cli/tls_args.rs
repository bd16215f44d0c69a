//! Options of TLS.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::net::tls::client::certificate_name;
use crate::proto::secure::pin::Pin;
use crate::run::tls::{ClientTlsPlan, IdentityFiles, ServerTlsPlan, TrustPlan};

/// TLS of a client.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientTlsArgs {
    /// Encrypt the connection with TLS; the server's certificate must come from an authority that this system knows, and
    /// name the host
    #[arg(long, conflicts_with_all = ["code", "code_file"])]
    tls: bool,

    /// Trust the authorities in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    ca: Option<PathBuf>,

    /// Trust the server with this key, whatever its certificate says: sha256:..., as the server prints it and curl's
    /// --pinnedpubkey takes it; may be repeated
    #[arg(long, value_name = "KEY", requires = "tls", conflicts_with = "ca")]
    pin: Vec<Pin>,

    /// Ask for this name, and expect it in the certificate [default: the host of ENDPOINT]
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname, value_parser = server_name, requires = "tls")]
    server_name: Option<String>,

    /// Do not check who the server is: the connection is encrypted, but anybody may be at the other end
    #[arg(long, requires = "tls", conflicts_with_all = ["ca", "pin"])]
    insecure: bool,

    #[command(flatten)]
    common: CommonTlsArgs,
}

/// TLS of a server.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServerTlsArgs {
    /// Serve TLS only, with the certificate of --cert
    #[arg(long, requires = "cert", conflicts_with_all = ["code", "code_file", "open"])]
    tls: bool,

    /// Accept only clients with a certificate from the authorities in this file (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    client_ca: Option<PathBuf>,

    #[command(flatten)]
    common: CommonTlsArgs,
}

/// TLS of either side.
#[derive(Args, Clone, Debug, Default)]
struct CommonTlsArgs {
    /// Show the certificate in this file (PEM), followed by those of its issuers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires_all = ["tls", "cert_key"])]
    cert: Option<PathBuf>,

    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    cert_key: Option<PathBuf>,

    /// Negotiate one of these protocols, the preferred one first, for example h2,http/1.1
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = protocol, requires = "tls")]
    alpn: Vec<String>,

    /// Accept an end without TLS's close_notify, as some peers send it; whoever is in between can then cut the stream short
    #[arg(long, requires = "tls")]
    lax_end: bool,
}

impl CommonTlsArgs {
    fn identity(&self) -> Option<IdentityFiles> {
        let (certificate, key) = (self.cert.clone()?, self.cert_key.clone()?);
        Some(IdentityFiles { certificate, key })
    }
}

impl ClientTlsArgs {
    /// The plan, if TLS was requested.
    pub(crate) fn plan(&self) -> Option<ClientTlsPlan> {
        let trust = match (self.insecure, &self.pin[..]) {
            (true, _) => TrustPlan::Anyone,
            (false, []) => TrustPlan::Authorities(self.ca.clone()),
            (false, pins) => TrustPlan::Pins(pins.to_vec()),
        };
        self.tls.then(|| ClientTlsPlan {
            trust,
            server_name: self.server_name.clone(),
            identity: self.common.identity(),
            alpn: self.common.alpn.clone(),
            accepts_bare_end: self.common.lax_end,
        })
    }
}

impl ServerTlsArgs {
    /// The plan, if TLS was requested. `limit` is that of each handshake.
    pub(crate) fn plan(&self, limit: Duration) -> Option<ServerTlsPlan> {
        let identity = self.common.identity().filter(|_| self.tls)?;
        Some(ServerTlsPlan {
            identity,
            client_ca: self.client_ca.clone(),
            alpn: self.common.alpn.clone(),
            accepts_bare_end: self.common.lax_end,
            limit,
        })
    }
}

/// Reads the name of a server.
fn server_name(text: &str) -> Result<String, String> {
    certificate_name(text).map(|_| text.to_owned()).map_err(|why| format!("{why}: type a.example"))
}

/// Reads the name of a protocol (RFC 7301, 3.1).
fn protocol(text: &str) -> Result<String, String> {
    let is_name = (1..=255).contains(&text.len());
    is_name.then(|| text.to_owned()).ok_or_else(|| "a protocol's name has 1 to 255 bytes".into())
}
