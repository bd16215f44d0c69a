//! What `serve --forward` and `serve --socks` can be told.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, Role};
use crate::net::options::Family;
use crate::proto::proxy::header::HeaderVersion;
use crate::relay::modes::forward::Destination;
use crate::relay::targets::TargetSources;
use crate::run::serve::SocksPlan;

/// The way from clients to somebody else.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forwarding")]
pub(crate) struct ProxyingArgs {
    /// Join each client to a connection of its own to this server
    #[arg(long, value_name = "ENDPOINT", value_hint = ValueHint::Hostname)]
    pub(crate) forward: Option<String>,

    /// With --forward: tell the server whose connection it is, in a header of the PROXY protocol before the stream
    #[arg(long, value_enum, value_name = "VERSION", requires = "forward")]
    proxy_protocol: Option<HeaderVersion>,

    /// Be a proxy server: clients say in SOCKS5 or in HTTP (CONNECT, or a request for an http:// URL) where they want to be connected to
    #[arg(long)]
    pub(crate) socks: bool,

    /// With --socks: serve only those who give a user and a password of this file; a line is user:password
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "socks")]
    socks_users: Option<PathBuf>,

    #[command(flatten)]
    targets: TargetArgs,
}

/// Targets of a proxy server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TargetArgs {
    /// With --socks: connect to this network, address or name, and to nothing that is not listed; @FILE has one a line
    #[arg(long, value_name = "CIDR|HOST|@FILE", requires = "socks")]
    allow_target: Vec<String>,

    /// With --socks: do not connect to this network, address or name [always: this machine's own, link-local, clouds'
    /// metadata, multicast and reserved, unless --allow-target names it]
    #[arg(long, value_name = "CIDR|HOST|@FILE", requires = "socks")]
    deny_target: Vec<String>,
}

impl ProxyingArgs {
    pub(crate) fn destination(
        &self,
        word: &str,
        timeout: Duration,
        family: Option<Family>,
    ) -> Result<Destination, Error> {
        let endpoint = Endpoint::parse(word, Role::Connect);
        let endpoint = endpoint.map_err(|hint| Error::new(Exit::Usage, format!("--forward: {hint}")))?;
        Ok(Destination { endpoint, timeout, family, header: self.proxy_protocol })
    }

    /// What clients of the proxy are asked, and where it leads.
    pub(crate) fn socks(&self, timeout: Duration) -> SocksPlan {
        let TargetArgs { allow_target, deny_target } = &self.targets;
        let targets = TargetSources { allowed: allow_target.clone(), denied: deny_target.clone() };
        SocksPlan { users: self.socks_users.clone(), targets, timeout }
    }
}
