//! `serve`: listens; without a mode it joins the first client to stdin and stdout.

use std::time::{Duration, Instant};

use clap::Args;

use super::opened::{FirstClient, Opened};
use super::options::{RelayArgs, duration};
use super::relay;
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, Role};
use crate::net::listen::{Listener, listen};
use crate::net::reactor::{Io, Reactor};
use crate::net::signals::Signals;
use crate::report::Report;

/// Listen; without a mode, join the first client to stdin and stdout and end with it
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; port 0 picks one
    #[arg(value_name = "ENDPOINT", required = true)]
    endpoints: Vec<String>,

    /// How long to wait for a client [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    relay: RelayArgs,
}

/// What was meant.
pub struct Plan {
    endpoints: Vec<Endpoint>,
    timeout: Option<Duration>,
    relay: RelayArgs,
}

impl ServeArgs {
    /// Validates everything, before anything is opened.
    pub fn plan(&self) -> Result<Plan, Error> {
        let endpoints = Endpoint::parse_list(&self.endpoints, Role::Listen);
        let endpoints = endpoints.map_err(|hint| Error::new(Exit::Usage, hint))?;
        Ok(Plan { endpoints, timeout: self.timeout, relay: self.relay.clone() })
    }
}

impl Plan {
    /// Listens, and returns when the session is over.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        relay::check_streams(&self.relay)?;
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let listeners = listen_on_all(&self.endpoints, &io, report)?;
            let client = FirstClient::new(listeners, self.timeout, io.clone());
            let report = report.clone();
            Ok(Opened::new(client, move |transport, now: Instant| {
                report.detail(format_args!("client {}", transport.peer_name()));
                relay::with_stdio(transport, &self.relay, &report, &io, now)
            }))
        })?;
        reactor.run()
    }
}

/// Binds every endpoint, then reports each listener.
fn listen_on_all(endpoints: &[Endpoint], io: &Io, report: &Report) -> Result<Vec<Listener>, Error> {
    let mut listeners = Vec::new();
    for endpoint in endpoints {
        listeners.extend(listen(endpoint, io)?);
    }
    for listener in &listeners {
        report.listening(listener.name());
    }
    Ok(listeners)
}
