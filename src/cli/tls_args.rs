//! Options of TLS.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::pinned::PinnedEndpoint;
use crate::net::tls::client::certificate_name;
use crate::net::tls::{CLIENT_OPTIONS, PINNED_OPTIONS, TARGET_OPTIONS};
use crate::proto::secure::pin::Pin;
use crate::proto::starttls::StartTlsProtocol;
use crate::run::tls::{ClientTlsPlan, IdentityFiles, ServerCheckPlan, ServerTlsPlan};

/// TLS of a client.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientTlsArgs {
    /// Encrypt the connection with TLS; the server's certificate must come from an authority that this system knows, and
    /// name the host
    #[arg(long, group = "secured")]
    tls: bool,

    /// Begin in the clear, and change to TLS as this protocol does; implies --tls. A server that does not offer TLS is
    /// refused
    #[arg(long, value_enum, value_name = "PROTOCOL", group = "secured")]
    starttls: Option<StartTlsProtocol>,

    /// Trust the authorities in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "secured")]
    ca: Option<PathBuf>,

    /// Trust the server with this key, whatever its certificate says: sha256:..., as the server prints it and curl's
    /// --pinnedpubkey takes it; may be repeated
    // Also with --code: `cli/connect.rs` checks that.
    #[arg(long, value_name = "KEY", conflicts_with = "ca")]
    pub(crate) pin: Vec<Pin>,

    /// Ask for this name, and expect it in the certificate [default: the host of ENDPOINT]
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname, value_parser = server_name, requires = "secured")]
    server_name: Option<String>,

    /// Do not check who the server is: the connection is encrypted, but anybody may be at the other end
    #[arg(long, requires = "secured", conflicts_with_all = ["ca", "pin"])]
    insecure: bool,

    #[command(flatten)]
    identity: IdentityArgs,

    #[command(flatten)]
    stream: StreamTlsArgs,
}

/// TLS of a server of raw streams.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServerTlsArgs {
    #[command(flatten)]
    shown: ShownTlsArgs,

    #[command(flatten)]
    stream: StreamTlsArgs,
}

/// TLS of a server: what it presents, and whom it admits.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ShownTlsArgs {
    /// Serve TLS only, with the certificate of --cert
    #[arg(long, group = "secured", requires = "cert")]
    tls: bool,

    /// Accept only clients with a certificate from the authorities in this file (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "secured")]
    client_ca: Option<PathBuf>,

    #[command(flatten)]
    identity: IdentityArgs,
}

/// TLS to the target of a server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TargetTlsArgs {
    /// With --forward tls:HOST:PORT: trust the authorities in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "forward")]
    target_ca: Option<PathBuf>,

    /// With --forward tls:HOST:PORT: trust the server with this key, sha256:..., whatever its certificate says; may be
    /// repeated
    #[arg(long, value_name = "KEY", requires = "forward", conflicts_with = "target_ca")]
    target_pin: Vec<Pin>,

    /// With --forward tls:HOST:PORT: ask for this name, and expect it in the certificate [default: HOST]
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname, value_parser = server_name, requires = "forward")]
    target_name: Option<String>,

    /// With --forward tls:HOST:PORT: do not check who the server is
    #[arg(long, requires = "forward", conflicts_with_all = ["target_ca", "target_pin"])]
    target_insecure: bool,

    /// With --forward tls:HOST:PORT: present the certificate in this file (PEM), followed by those of its issuers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires_all = ["forward", "target_cert_key"])]
    target_cert: Option<PathBuf>,

    /// The private key of --target-cert (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "target_cert")]
    target_cert_key: Option<PathBuf>,
}

impl TargetTlsArgs {
    /// The plan for a target with TLS.
    pub(crate) fn plan(&self) -> ClientTlsPlan {
        ClientTlsPlan {
            check: check(self.target_insecure, &self.target_pin, self.target_ca.as_ref()),
            server_name: self.target_name.clone(),
            identity: self.identity(),
            alpn: Vec::new(),
            accepts_bare_end: false,
            starttls: None,
            options: &TARGET_OPTIONS,
        }
    }

    fn identity(&self) -> Option<IdentityFiles> {
        let (certificate, key) = (self.target_cert.clone()?, self.target_cert_key.clone()?);
        Some(IdentityFiles { certificate, key, options: ["--target-cert", "--target-cert-key"] })
    }

    /// An option that was typed.
    pub(crate) fn typed(&self) -> Option<&'static str> {
        let typed = [
            (self.target_ca.is_some(), TARGET_OPTIONS.ca),
            (!self.target_pin.is_empty(), TARGET_OPTIONS.pin),
            (self.target_name.is_some(), TARGET_OPTIONS.name),
            (self.target_insecure, "--target-insecure"),
            (self.target_cert.is_some(), "--target-cert"),
        ];
        typed.iter().find(|(is_typed, _)| *is_typed).map(|(_, option)| *option)
    }
}

fn check(insecure: bool, pins: &[Pin], ca: Option<&PathBuf>) -> ServerCheckPlan {
    match (insecure, pins) {
        (true, _) => ServerCheckPlan::Anyone,
        (false, []) => ServerCheckPlan::Authorities(ca.cloned()),
        (false, pins) => ServerCheckPlan::Pins(pins.to_vec()),
    }
}

/// The certificate of either side.
#[derive(Args, Clone, Debug, Default)]
struct IdentityArgs {
    /// Present the certificate in this file (PEM), followed by those of its issuers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires_all = ["secured", "cert_key"])]
    cert: Option<PathBuf>,

    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    cert_key: Option<PathBuf>,
}

/// TLS of raw streams.
#[derive(Args, Clone, Debug, Default)]
struct StreamTlsArgs {
    /// Negotiate one of these protocols, the preferred one first, for example h2,http/1.1
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = protocol, requires = "secured")]
    alpn: Vec<String>,

    /// Accept an end without TLS's close_notify, as some peers send it; whoever is in between can then cut the stream short
    #[arg(long, requires = "secured")]
    lax_end: bool,
}

impl IdentityArgs {
    fn plan(&self) -> Option<IdentityFiles> {
        let (certificate, key) = (self.cert.clone()?, self.cert_key.clone()?);
        Some(IdentityFiles { certificate, key, options: ["--cert", "--cert-key"] })
    }
}

impl ClientTlsArgs {
    /// An option that was typed without `--tls`. The parser does not find it where `--tls` conflicts with another option.
    pub(crate) fn typed_without_tls(&self) -> Option<&'static str> {
        let typed = [
            (self.ca.is_some(), "--ca"),
            (self.server_name.is_some(), "--server-name"),
            (self.insecure, "--insecure"),
            (self.identity.cert.is_some() || self.identity.cert_key.is_some(), "--cert"),
            (!self.stream.alpn.is_empty(), "--alpn"),
            (self.stream.lax_end, "--lax-end"),
        ];
        typed.iter().find(|(is_typed, _)| *is_typed && !self.is_typed()).map(|(_, option)| *option)
    }

    /// True if TLS was requested.
    pub(crate) fn is_typed(&self) -> bool {
        self.tls || self.starttls.is_some()
    }

    /// The plan, if TLS was requested.
    ///
    /// # Errors
    /// The endpoint brings a key, and an option says otherwise.
    pub(crate) fn plan(&self, server: &PinnedEndpoint) -> Result<Option<ClientTlsPlan>, String> {
        for (is_typed, option) in [(self.insecure, "--insecure"), (self.ca.is_some(), "--ca")] {
            if is_typed && server.pin.is_some() {
                let text = "the endpoint names the server's key: leave that out";
                return Err(format!("{text}, with its #, or {option}"));
            }
        }
        let pins = server.pins(&self.pin)?;
        Ok(self.is_typed().then(|| ClientTlsPlan {
            check: check(self.insecure, &pins, self.ca.as_ref()),
            server_name: self.server_name.clone(),
            identity: self.identity.plan(),
            alpn: self.stream.alpn.clone(),
            accepts_bare_end: self.stream.lax_end,
            starttls: self.starttls,
            options: if server.pin.is_some() { &PINNED_OPTIONS } else { &CLIENT_OPTIONS },
        }))
    }
}

impl ServerTlsArgs {
    /// The plan, if TLS was requested. `limit` is that of each handshake.
    pub(crate) fn plan(&self, limit: Duration) -> Option<ServerTlsPlan> {
        let alpn = self.stream.alpn.clone();
        Some(ServerTlsPlan { alpn, accepts_bare_end: self.stream.lax_end, ..self.shown.plan(limit)? })
    }
}

impl ShownTlsArgs {
    /// The plan, if TLS was requested: without protocols to negotiate. `limit` is that of each handshake.
    pub(crate) fn plan(&self, limit: Duration) -> Option<ServerTlsPlan> {
        let identity = self.identity.plan().filter(|_| self.tls)?;
        let (client_ca, alpn) = (self.client_ca.clone(), Vec::new());
        Some(ServerTlsPlan { identity, client_ca, alpn, accepts_bare_end: false, limit })
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
