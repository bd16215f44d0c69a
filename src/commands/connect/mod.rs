//! `connect`: joins stdin and stdout to a server.

use std::time::{Duration, Instant};

use clap::{Args, ValueHint};

use super::exec::{Exec, ExecArgs};
use super::opened::Opened;
use super::options::{RelayArgs, duration};
use super::relay;
use crate::error::{Error, Exit};
use crate::manual;
use crate::net::child::{Program, keep_descriptors};
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stream::Transport;
use crate::report::Report;

/// Join stdin and stdout to a server
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::PROCESSES, manual::CONNECT_EXAMPLES].join("\n\n"))]
pub struct ConnectArgs {
    /// Where to.
    #[arg(help = manual::WHERE_TO, value_name = "ENDPOINT", required = true, num_args = 1..=2,
        value_hint = ValueHint::Hostname)]
    endpoint: Vec<String>,

    /// Time limit for each address that is tried
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    timeout: Duration,

    #[command(flatten)]
    relay: RelayArgs,

    #[command(flatten)]
    exec: ExecArgs,
}

/// What was meant.
pub struct Plan {
    endpoint: Endpoint,
    timeout: Duration,
    program: Option<Program>,
    relay: RelayArgs,
}

impl ConnectArgs {
    /// Validates everything, before anything is opened.
    pub fn plan(&self) -> Result<Plan, Error> {
        let program = self.exec.plan()?;
        if program.is_some() {
            self.relay.refuse_with("--exec and --sh")?;
        }
        let endpoints = Endpoint::parse_list(&self.endpoint, Role::Connect);
        match endpoints.map_err(|hint| Error::new(Exit::Usage, hint))?.as_slice() {
            [endpoint] => Ok(Plan {
                endpoint: endpoint.clone(),
                timeout: self.timeout,
                program,
                relay: self.relay.clone(),
            }),
            _ => Err(Error::new(Exit::Usage, "connect takes one endpoint: type HOST:PORT")),
        }
    }
}

impl Plan {
    /// Connects, relays, and returns when both directions have ended, and the process if there is one.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        let Plan { endpoint, timeout, relay, .. } = self;
        let connected = |transport: &Transport, report: &Report| {
            let (peer, local) = (transport.peer_name(), transport.local_name());
            report.detail(format_args!("connected to {peer} from {local}"));
            report.peer("connected", &peer);
        };
        let report = report.clone();
        if let Some(program) = self.program {
            keep_descriptors();
            reactor.add(|io| {
                let dial = Dial::new(endpoint, timeout, io.clone());
                Ok(Opened::new(dial, move |transport, now: Instant| {
                    connected(&transport, &report);
                    Exec::dialled(&program, transport, &relay, (&io, &report), now)
                }))
            })?;
            return reactor.run();
        }
        relay::check_streams(&relay)?;
        reactor.add(|io| {
            let dial = Dial::new(endpoint, timeout, io.clone());
            Ok(Opened::new(dial, move |transport, now: Instant| {
                connected(&transport, &report);
                relay::with_stdio(transport, &relay, &report, &io, now)
            }))
        })?;
        reactor.run()
    }
}
