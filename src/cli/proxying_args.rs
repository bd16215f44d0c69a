//! Options of `serve --forward` and `serve --socks`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::tls_args::TargetTlsArgs;
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::net::options::Family;
use crate::proto::proxy::header::HeaderVersion;
use crate::relay::modes::forward::ForwardTarget;
use crate::relay::targets::TargetSources;
use crate::run::serve::mode::{ForwardPlan, SocksPlan};

/// Options of servers that connect clients to other servers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forwarding")]
pub(crate) struct ProxyingArgs {
    /// Connect each client to this server, over a connection of its own; tls:HOST:PORT with TLS, to a server whose
    /// certificate must come from an authority that this system knows, and name HOST; udp:HOST:PORT and unix-dgram:/path relay
    /// datagrams from udp:PORT
    #[arg(long, value_name = "ENDPOINT", value_hint = ValueHint::Hostname)]
    pub(crate) forward: Option<String>,

    /// With --forward: send the client's address to the server first, in a header of the PROXY protocol
    #[arg(long, value_enum, value_name = "VERSION", requires = "forward")]
    proxy_protocol: Option<HeaderVersion>,

    /// Run a proxy server for SOCKS5, SOCKS4, SOCKS4a and HTTP (CONNECT, and requests for http:// URLs)
    #[arg(long)]
    pub(crate) socks: bool,

    /// With --socks: require a user and password from this file; each line is user:password. SOCKS4 has no passwords, and is
    /// refused
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "socks")]
    socks_users: Option<PathBuf>,

    #[command(flatten)]
    target_tls: TargetTlsArgs,

    #[command(flatten)]
    targets: TargetArgs,
}

/// Targets of a proxy server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TargetArgs {
    /// With --socks: connect only to the networks, addresses and names that are listed; @FILE has one per line
    #[arg(long, value_name = "CIDR|HOST|@FILE", requires = "socks")]
    allow_target: Vec<String>,

    /// With --socks: do not connect to this network, address or name [always denied unless named by --allow-target: this
    /// machine, link-local, cloud metadata, multicast and reserved addresses]
    #[arg(long, value_name = "CIDR|HOST|@FILE", requires = "socks")]
    deny_target: Vec<String>,
}

impl ProxyingArgs {
    /// The target of `--forward`, if it was typed.
    pub(crate) fn destination(
        &self,
        timeout: Duration,
        family: Option<Family>,
    ) -> Result<Option<ForwardPlan>, Error> {
        let Some(word) = &self.forward else { return Ok(None) };
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let (word, has_tls) = word.strip_prefix("tls:").map_or((&word[..], false), |rest| (rest, true));
        let endpoint = Endpoint::parse(word, EndpointUse::Connect);
        let endpoint = endpoint.map_err(|hint| usage(format!("--forward: {hint}")))?;
        if has_tls && !matches!(endpoint, Endpoint::Tcp { .. }) {
            return Err(usage("--forward tls: is for TCP: type tls:HOST:PORT".into()));
        }
        if !has_tls && let Some(option) = self.target_tls.typed() {
            return Err(usage(format!("{option} is for a target with TLS: type --forward tls:{word}")));
        }
        let tls = has_tls.then(|| self.target_tls.plan());
        let target = ForwardTarget { endpoint, timeout, family, header: self.proxy_protocol, tls: None };
        Ok(Some(ForwardPlan { target, tls }))
    }

    /// An option that was typed and has nothing to do with datagrams.
    pub(crate) fn typed_for_streams(&self) -> Option<&'static str> {
        self.proxy_protocol.map(|_| "--proxy-protocol").or(self.target_tls.typed())
    }

    /// Returns the arguments of the proxy server.
    pub(crate) fn socks(&self, timeout: Duration) -> SocksPlan {
        let TargetArgs { allow_target, deny_target } = &self.targets;
        let targets = TargetSources { allowed: allow_target.clone(), denied: deny_target.clone() };
        SocksPlan { users: self.socks_users.clone(), targets, timeout }
    }
}
