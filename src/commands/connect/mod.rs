//! `connect`: joins stdin and stdout to a server.

use std::time::{Duration, Instant};

use clap::{Args, ValueHint};

use super::opened::{Opened, Opening};
use super::options::{RelayArgs, duration};
use super::proxies::{ProxyArgs, Route, Via};
use super::relay::LocalSide;
use crate::error::{Error, Exit};
use crate::manual;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::report::Report;

/// Join stdin and stdout to a server
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::LINES_AND_MESSAGES, manual::CONNECT_EXAMPLES].join("\n\n"))]
pub struct ConnectArgs {
    /// Where to.
    #[arg(help = manual::WHERE_TO, value_name = "ENDPOINT", required = true, num_args = 1..=2,
        value_hint = ValueHint::Hostname)]
    endpoint: Vec<String>,

    /// Time limit for each address that is tried; with --proxy, until the server is reached
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    timeout: Duration,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    relay: RelayArgs,
}

/// What was meant.
pub struct Plan {
    endpoint: Endpoint,
    route: Option<Route>,
    timeout: Duration,
    relay: RelayArgs,
}

impl ConnectArgs {
    /// Validates everything, before anything is opened.
    pub fn plan(&self) -> Result<Plan, Error> {
        let endpoints = Endpoint::parse_list(&self.endpoint, Role::Connect);
        match endpoints.map_err(|hint| Error::new(Exit::Usage, hint))?.as_slice() {
            [endpoint] => Ok(Plan {
                endpoint: endpoint.clone(),
                route: self.proxy.route(endpoint)?,
                timeout: self.timeout,
                relay: self.relay.clone(),
            }),
            _ => Err(Error::new(Exit::Usage, "connect takes one endpoint: type HOST:PORT")),
        }
    }
}

impl Plan {
    /// Connects, relays, and returns when both directions have ended.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let local = LocalSide::new(&self.relay, report)?;
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let through =
                if self.route.is_some() { format!("{} through ", self.endpoint) } else { String::new() };
            let opening: Box<dyn Opening> = match self.route {
                Some(route) => Box::new(Via::new(route, self.timeout, io.clone())?),
                None => Box::new(Dial::new(self.endpoint, self.timeout, io.clone())),
            };
            let report = report.clone();
            Ok(Opened::new(opening, move |transport, now: Instant| {
                let (peer, here) = (transport.peer_name(), transport.local_name());
                report.detail(format_args!("connected to {through}{peer} from {here}"));
                report.peer("connected", peer);
                local.join(transport, &report, &io, now)
            }))
        })?;
        reactor.run()
    }
}
