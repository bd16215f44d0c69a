//! Options of the web face of transfers.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::options::duration;
use crate::error::{Error, Exit};
use crate::http::log::LogForm;
use crate::proto::web::origin::HostName;
use crate::run::serve::mode::WebPlan;
use crate::run::tls::IdentityFiles;
use crate::web::terms::ETagSource;

/// Browsers and curl.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Browsers and curl")]
pub(crate) struct WebArgs {
    /// Serve HTTP on the same port, for browsers and curl; for other machines below a secret path, with --http=open without
    #[arg(long, value_enum, value_name = "ACCESS", num_args = 0..=1, require_equals = true,
        default_missing_value = "secret", requires = "transfer", conflicts_with = "wire")]
    http: Option<HttpAccess>,

    /// With --http: ask for the token in this file in place of the secret path, as Bearer or as the password of Basic
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "http")]
    token: Option<PathBuf>,

    /// With --http: a name of this server in URLs, beside its addresses and the name of this machine; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name, requires = "http")]
    host: Vec<HostName>,

    /// With --http: show browsers the certificate in this file (PEM), followed by those of its issuers, for https://; it is
    /// read at the start [default: that of this side's key, which no browser knows]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires_all = ["http", "http_cert_key"])]
    http_cert: Option<PathBuf>,

    /// The private key of --http-cert (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "http_cert")]
    http_cert_key: Option<PathBuf>,

    /// With --http: write a line for each answer to stdout
    #[arg(long, value_name = "FORM", value_enum, requires = "http")]
    log: Option<LogForm>,

    /// With --http and --share: let caches use a file for this long without asking again, and for a day if the server cannot be
    /// reached [default: they ask each time]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires_all = ["http", "share"])]
    cache: Option<Duration>,

    /// With --http and --share: serve a web site: folders as their index.html, and pages that may run scripts. Share only what
    /// you trust
    #[arg(long, requires_all = ["http", "share"], conflicts_with = "store")]
    site: bool,

    /// With --http: choose what the ETag of a file is made of
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = ETagSource::Metadata, requires = "http")]
    etag: ETagSource,
}

/// Who may use the web face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HttpAccess {
    /// Other machines need the secret path
    Secret,
    /// Everybody
    Open,
}

impl WebArgs {
    /// The plan of the web face, if it is wanted.
    pub(crate) fn plan(&self) -> Result<Option<WebPlan>, Error> {
        let Some(access) = self.http else { return Ok(None) };
        let is_open = access == HttpAccess::Open;
        if is_open && self.token.is_some() {
            let text = "--http=open lets everybody in, and --token those who have one: type one of them, or --http --token FILE";
            return Err(Error::new(Exit::Usage, text));
        }
        Ok(Some(WebPlan {
            is_open,
            token: self.token.clone(),
            hosts: self.host.clone(),
            identity: self.identity(),
            log: self.log,
            cache: self.cache,
            is_site: self.site,
            etag: self.etag,
        }))
    }

    fn identity(&self) -> Option<IdentityFiles> {
        let (certificate, key) = (self.http_cert.clone()?, self.http_cert_key.clone()?);
        Some(IdentityFiles { certificate, key, options: ["--http-cert", "--http-cert-key"] })
    }
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::parse(text)
        .ok_or_else(|| "type a name as it stands in URLs: files.example, or files.example:8080".into())
}
