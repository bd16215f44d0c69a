//! `--proxy`: the way to a server.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::socket_args::LocalArgs;
use crate::error::Error;
use crate::net::endpoint::Endpoint;
use crate::relay::connector::Connector;
use crate::relay::proxies::Route;

/// The way to a server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ProxyArgs {
    /// The way, in its order.
    #[arg(long = "proxy", help = "Connect through this proxy: socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or \
        http://[USER@]HOST:PORT (CONNECT). It resolves the server's name. Repeat the option to chain proxies", value_name = "URL", value_hint = ValueHint::Url)]
    proxies: Vec<String>,

    /// Read the passwords of proxies with a USER from this file: one per line, in the order of the proxies, or one line
    /// for all of them [default: SENDALL_PROXY_PASSWORD in the environment]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "proxies")]
    proxy_password_file: Option<PathBuf>,
}

/// The way to `endpoint`. Reads the file of passwords.
pub(crate) fn connector(
    endpoint: &Endpoint,
    proxy: &ProxyArgs,
    local: &LocalArgs,
) -> Result<Connector, Error> {
    let route = Route::new(&proxy.proxies, proxy.proxy_password_file.as_deref(), endpoint)?;
    let dialled = route.as_ref().and_then(Route::first).unwrap_or(endpoint);
    let local = local.end_for(dialled)?;
    Ok(Connector::new(endpoint.clone(), route, local))
}
