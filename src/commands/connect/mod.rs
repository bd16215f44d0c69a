//! `connect`: joins stdin and stdout to a server, or tries its ports.

mod early;
mod probe;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};

use self::early::{Early, First, FromFirst};
use self::probe::{Probe, Targets};
use super::opened::Opened;
use super::options::{RelayArgs, duration};
use super::relay::LocalSide;
use super::retry::RetryArgs;
use super::socket_args::LocalArgs;
use crate::error::{Error, Exit, Mend};
use crate::manual;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::local_end::LocalEnd;
use crate::net::ports;
use crate::net::reactor::{Reactor, Session};
use crate::net::signals::Signals;
use crate::net::stdio::Stdio;
use crate::net::stream::Transport;
use crate::report::Report;

/// Join stdin and stdout to a server
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::LINES_AND_MESSAGES, manual::CONNECT, manual::CONNECT_EXAMPLES]
    .join("\n\n"))]
pub struct ConnectArgs {
    /// Where to.
    #[arg(help = manual::WHERE_TO, value_name = "ENDPOINT", required = true, num_args = 1..=2,
        value_hint = ValueHint::Hostname)]
    endpoint: Vec<String>,

    /// Only try whether connections are taken: HOST:PORT, or several ports as in HOST:20-25,80
    #[arg(long, conflicts_with_all = ["retry", "idle_timeout", "limit_rate", "send_only", "recv_only", "end_when",
        "no_half_close", "crlf", "line_delay", "telnet", "frame", "tee_in", "tee_out", "hex_dump"])]
    probe: bool,

    /// Time limit for each address that is tried
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    timeout: Duration,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    relay: RelayArgs,

    #[command(flatten)]
    local: LocalArgs,

    /// Wait for the first bytes of stdin, and send them with the packet that asks for the connection (TCP Fast Open)
    #[arg(long, help_heading = "Socket options", conflicts_with_all = ["probe", "recv_only", "crlf",
        "line_delay", "telnet", "frame"])]
    fastopen: bool,
}

/// What was meant.
pub struct Plan(Task);

enum Task {
    Join(Joining),
    Probe(Targets),
}

/// What is joined, and how.
struct Joining {
    endpoint: Endpoint,
    local: LocalEnd,
    timeout: Duration,
    retry: RetryArgs,
    relay: RelayArgs,
    /// With `--fastopen`.
    first: Option<Rc<RefCell<First>>>,
}

impl ConnectArgs {
    /// Validates everything, before anything is opened.
    pub fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let timeout = self.timeout;
        if self.probe {
            let (endpoint, ports) = ports::parse(&self.endpoint).map_err(usage)?;
            let local = self.local.end_for(&endpoint)?;
            let targets = Targets { endpoint, ports, local, limit: timeout };
            return Ok(Plan(Task::Probe(targets)));
        }
        match Endpoint::parse_list(&self.endpoint, Role::Connect).map_err(usage)?.as_slice() {
            [endpoint] => {
                if self.fastopen && !matches!(endpoint, Endpoint::Tcp { .. }) {
                    return Err(usage("--fastopen is for TCP: leave it out with a Unix socket".into()));
                }
                let (endpoint, local) = (endpoint.clone(), self.local.end_for(endpoint)?);
                let (retry, relay, first) = (self.retry, self.relay.clone(), self.fastopen.then(Rc::default));
                Ok(Plan(Task::Join(Joining { endpoint, local, timeout, retry, relay, first })))
            }
            _ => Err(usage("connect takes one endpoint: type HOST:PORT".into())),
        }
    }
}

impl Plan {
    /// Returns when both directions have ended, or all ports were tried.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match self.0 {
            Task::Join(joining) => {
                let side = Rc::new(LocalSide::new(&joining.relay, report)?);
                joining.retry.run(report, signals, |_| joining.join(&side, report, signals))
            }
            Task::Probe(targets) => {
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                reactor.add(|io| Probe::new(targets, io, report))?;
                reactor.run()
            }
        }
    }
}

impl Joining {
    /// Connects and relays. Only the way to a connection can be tried again: what a stream has taken is gone.
    fn join(&self, side: &Rc<LocalSide>, report: &Report, signals: &Signals) -> Result<(), Error> {
        let has_begun = Rc::new(Cell::new(false));
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let dial = Dial::new(self.endpoint.clone(), self.timeout, io.clone()).from(&self.local);
            let (report, side, has_begun) = (report.clone(), Rc::clone(side), Rc::clone(&has_begun));
            let begin = move |transport: &Transport| {
                has_begun.set(true);
                let (peer, local) = (transport.peer_name(), transport.local_name());
                report.detail(format_args!("connected to {peer} from {local}"));
                report.peer("connected", peer);
                report
            };
            let Some(first) = &self.first else {
                let session = Opened::new(dial, move |transport, now: Instant| {
                    let report = begin(&transport);
                    side.join(transport, &report, &io, now)
                });
                return Ok(Box::new(session) as Box<dyn Session>);
            };
            let stdio = Stdio::open(&io)?;
            let kind = stdio.input_kind();
            let (stdio, first) = (Rc::new(RefCell::new(stdio)), Rc::clone(first));
            Ok(Box::new(Opened::new(Early::new(&stdio, &first, dial), move |transport, now: Instant| {
                let report = begin(&transport);
                let local = (FromFirst::new(&stdio, &first), kind);
                side.join_to(local, transport, &report, now)
            })))
        })?;
        let result = reactor.run();
        result.map_err(|error| if has_begun.get() { error.mended(Mend::Never) } else { error })
    }
}
