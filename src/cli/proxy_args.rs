//! `--proxy`: proxies between a client and its server.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::socket_args::LocalArgs;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::relay::proxies::Route;
use crate::run::dialer::ConnectorPlan;

/// Proxies between a client and its server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ProxyArgs {
    /// The proxies, in the order of the connection.
    #[arg(long = "proxy", help = "Connect through this proxy: socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or \
        http://[USER@]HOST:PORT (CONNECT). It resolves the server's name. Repeat the option to chain proxies", value_name = "URL", value_hint = ValueHint::Url)]
    proxies: Vec<String>,

    /// Read the passwords of proxies with a USER from this file: one per line, in the order of the proxies, or one line
    /// for all of them [default: SENDALL_PROXY_PASSWORD in the environment]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "proxies")]
    proxy_password_file: Option<PathBuf>,
}

impl ProxyArgs {
    /// True if an option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        !self.proxies.is_empty() || self.proxy_password_file.is_some()
    }
}

/// Validates the arguments of connections to `endpoint`.
pub(crate) fn connector(
    endpoint: &Endpoint,
    proxy: &ProxyArgs,
    local: &LocalArgs,
) -> Result<ConnectorPlan, Error> {
    let route = Route::parse(&proxy.proxies, endpoint)?;
    let password_file = proxy.proxy_password_file.clone();
    if password_file.is_some() && !route.as_ref().is_some_and(Route::needs_password) {
        let text = "--proxy-password-file: no proxy has a password: type its USER, as in socks5://USER@HOST:PORT \
            or http://USER@HOST:PORT";
        return Err(Error::new(Exit::Usage, text));
    }
    let local = local.local_end(route.as_ref().and_then(Route::first).unwrap_or(endpoint))?;
    Ok(ConnectorPlan { endpoint: endpoint.clone(), route, password_file, local, tls: None, trust: None })
}
