//! `connect`: joins stdin and stdout to a server, or tries its ports.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args, ValueHint};

use super::retry::RetryLimits;
use crate::cli::manual;
use crate::cli::options::{RelayArgs, duration};
use crate::cli::retry_args::RetryArgs;
use crate::cli::socket_args::LocalArgs;
use crate::error::{Error, Exit, Retry};
use crate::net::child::{Program, keep_descriptors};
use crate::net::connecting::Connecting;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::ports;
use crate::net::reactor::{Reactor, Session};
use crate::net::signals::Signals;
use crate::net::stdio::Stdio;
use crate::net::stream::Transport;
use crate::relay::connector::Connector;
use crate::relay::exec::{Exec, ExecRules, StreamExecArgs};
use crate::relay::fast_open::{Early, First, FromFirst};
use crate::relay::probe::Probe;
use crate::relay::probe::target::Target;
use crate::relay::proxies::ProxyArgs;
use crate::relay::session::LocalSide;
use crate::relay::tools::Tools;
use crate::report::Report;

/// Join stdin and stdout to a server
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::LINES_AND_MESSAGES, manual::CONNECT, manual::PROCESSES,
    manual::CONNECT_EXAMPLES]
    .join("\n\n"))]
#[command(group = ArgGroup::new("trying").multiple(true))]
pub struct ConnectArgs {
    /// Where to.
    #[arg(help = manual::WHERE_TO, value_name = "ENDPOINT", required = true, num_args = 1..,
        value_hint = ValueHint::Hostname)]
    endpoint: Vec<String>,

    /// Only try whether connections are taken: HOST:PORT..., or several ports as in HOST:20-25,80
    #[arg(long, conflicts_with_all = ["idle_timeout", "limit_rate", "send_only", "recv_only", "end_when",
        "no_half_close", "linger", "wait_greeting", "crlf", "line_delay", "telnet", "frame", "each",
        "frame_out", "max_message", "tee_in", "tee_out", "hex_dump", "tee_append", "exec", "sh", "exec_socket"])]
    probe: bool,

    /// With --probe: try again until all are open, for so long at most
    #[arg(long, value_name = "DURATION", value_parser = duration, group = "trying")]
    within: Option<Duration>,

    /// Time limit for each address that is tried; with --proxy, until the server is reached
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    timeout: Duration,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    relay: RelayArgs,

    #[command(flatten)]
    local: LocalArgs,

    /// Wait for the first bytes of stdin, and send them with the packet that asks for the connection (TCP Fast Open)
    #[arg(long, help_heading = "Socket options", conflicts_with_all = ["probe", "proxies",
        "proxy_password_file", "recv_only", "wait_greeting", "crlf", "line_delay", "telnet", "frame", "each", "frame_out",
        "max_message", "exec", "sh", "exec_socket"])]
    fastopen: bool,

    #[command(flatten)]
    exec: StreamExecArgs,
}

/// What was meant.
pub struct Plan(Task);

enum Task {
    Join(Box<Joining>),
    Probe(crate::relay::probe::Plan),
}

/// What is joined, and how.
struct Joining {
    connector: Connector,
    timeout: Duration,
    retry: RetryLimits,
    program: Option<(Rc<Program>, ExecRules)>,
    relay: RelayArgs,
    /// With `--fastopen`.
    first: Option<Rc<RefCell<First>>>,
}

impl ConnectArgs {
    /// Validates everything, before anything is opened.
    pub fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        // First: a command in the wrong place is taken for an endpoint.
        let program = self.exec.plan()?.map(Rc::new);
        let rules = program.as_ref().map(|program| ExecRules::plan(&self.relay, program)).transpose()?;
        let timeout = self.timeout;
        // Here, because the parser does not ask for an option that conflicts with another one that is there.
        if self.within.is_some() && !self.probe {
            return Err(usage("--within goes with --probe: type --timeout to limit connecting".into()));
        }
        if self.probe {
            let mut targets = Vec::new();
            for (endpoint, ports) in ports::parse_all(&self.endpoint).map_err(usage)? {
                targets.push(Target::new(Connector::new(&endpoint, &self.proxy, &self.local)?, ports));
            }
            let within = self.within;
            // The time is the limit.
            let retries = if within.is_some() && self.retry.retry == 0 { u32::MAX } else { self.retry.retry };
            let pause = self.retry.retry_delay;
            return Ok(Plan(Task::Probe(crate::relay::probe::Plan {
                targets,
                limit: timeout,
                retries,
                pause,
                within,
            })));
        }
        match Endpoint::parse_list(&self.endpoint, Role::Connect).map_err(usage)?.as_slice() {
            [endpoint] => {
                if self.fastopen && !matches!(endpoint, Endpoint::Tcp { .. }) {
                    return Err(usage("--fastopen is for TCP: leave it out with a Unix socket".into()));
                }
                let connector = Connector::new(endpoint, &self.proxy, &self.local)?;
                let (retry, relay, first) =
                    (self.retry.limits(), self.relay.clone(), self.fastopen.then(Rc::default));
                let program = program.zip(rules);
                Ok(Plan(Task::Join(Box::new(Joining { connector, timeout, retry, program, relay, first }))))
            }
            _ => Err(usage("connect takes one endpoint: type HOST:PORT".into())),
        }
    }
}

impl Plan {
    /// Returns when both directions have ended, and the process if there is one; or when all ports were tried.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match self.0 {
            Task::Join(joining) => {
                let partner = joining.partner(report)?;
                joining.retry.run(report, signals, |_| joining.join(&partner, report, signals))
            }
            Task::Probe(plan) => {
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                reactor.add_at_start(|io, now| Probe::new(plan, io, report, now))?;
                reactor.run()
            }
        }
    }
}

/// What a connection is joined to.
#[derive(Clone)]
enum Partner {
    Stdio(Rc<LocalSide>),
    Program(Rc<Program>, ExecRules, Tools),
}

impl Joining {
    fn partner(&self, report: &Report) -> Result<Partner, Error> {
        Ok(match &self.program {
            Some((program, rules)) => {
                let tools = Tools::new(&self.relay.tools, report)?;
                keep_descriptors();
                Partner::Program(Rc::clone(program), *rules, tools)
            }
            None => Partner::Stdio(Rc::new(LocalSide::new(&self.relay, report)?)),
        })
    }

    /// Connects and relays. Only the way to a connection can be tried again: what a stream has taken is gone.
    fn join(&self, partner: &Partner, report: &Report, signals: &Signals) -> Result<(), Error> {
        let has_begun = Rc::new(Cell::new(false));
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let (report, partner, has_begun) = (report.clone(), partner.clone(), Rc::clone(&has_begun));
            let through = match self.connector.is_direct() {
                true => String::new(),
                false => format!("{} through ", self.connector.endpoint()),
            };
            let begin = move |transport: &Transport| {
                has_begun.set(true);
                let (peer, local) = (transport.peer_name(), transport.local_name());
                report.detail(format_args!("connected to {through}{peer} from {local}"));
                report.peer("connected", peer);
                report
            };
            let (Some(first), Partner::Stdio(side)) = (&self.first, &partner) else {
                let opening = self.connector.connecting(self.timeout, &io)?;
                let relay = self.relay.clone();
                let session = Connecting::new(opening, move |transport, now: Instant| {
                    let report = begin(&transport);
                    Ok(match &partner {
                        Partner::Stdio(side) => {
                            Box::new(side.join(transport, &report, &io, now)?) as Box<dyn Session>
                        }
                        Partner::Program(program, rules, tools) => {
                            let what = (&**program, *rules, tools);
                            Box::new(Exec::dialled(what, transport, &relay, (&io, &report), now)?)
                        }
                    })
                });
                return Ok(Box::new(session) as Box<dyn Session>);
            };
            let side = Rc::clone(side);
            let dial = self.connector.dial(self.timeout, &io);
            let stdio = Stdio::open(&io)?;
            let kind = stdio.input_kind();
            let (stdio, first) = (Rc::new(RefCell::new(stdio)), Rc::clone(first));
            Ok(Box::new(Connecting::new(Early::new(&stdio, &first, dial), move |transport, now: Instant| {
                let report = begin(&transport);
                let local = (FromFirst::new(&stdio, &first), kind);
                side.join_to(local, transport, &report, now)
            })))
        })?;
        let result = reactor.run();
        result.map_err(|error| if has_begun.get() { error.mended(Retry::Never) } else { error })
    }
}
