//! `connect`: relays between a server and stdin and stdout or a process, or probes ports.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::dialer::ConnectorPlan;
use super::retry::RetryLimits;
use crate::error::{Error, Exit, Retry};
use crate::net::child::{Program, keep_descriptors};
use crate::net::connecting::Connecting;
use crate::net::reactor::{Reactor, Session};
use crate::net::signals::Signals;
use crate::net::stdio::Stdio;
use crate::net::stream::Transport;
use crate::relay::connector::Connector;
use crate::relay::exec::{Exec, ExecRules};
use crate::relay::fast_open::{Early, First, FromFirst};
use crate::relay::options::RelayOptions;
use crate::relay::probe::target::ProbeTarget;
use crate::relay::probe::{Probe, ProbePlan};
use crate::relay::session::LocalSide;
use crate::relay::tools::Tools;
use crate::report::Report;

/// The validated arguments of `connect`.
pub struct Plan(pub(crate) ConnectTask);

pub(crate) enum ConnectTask {
    Relay(Box<RelayPlan>),
    Probe {
        targets: Vec<ProbeEndpoint>,
        /// The rest, without targets.
        options: ProbePlan,
    },
}

/// An endpoint that is probed.
pub(crate) struct ProbeEndpoint {
    pub(crate) server: ConnectorPlan,
    pub(crate) ports: Vec<u16>,
    /// What is sent, if these are ports of datagrams.
    pub(crate) datagram: Option<Rc<[u8]>>,
}

/// The arguments of `connect` without `--probe`.
pub(crate) struct RelayPlan {
    pub(crate) server: ConnectorPlan,
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryLimits,
    pub(crate) program: Option<(Rc<Program>, ExecRules)>,
    pub(crate) relay: RelayOptions,
    /// With `--fastopen`.
    pub(crate) first: Option<Rc<RefCell<First>>>,
}

impl Plan {
    /// Returns when both directions have ended, and the process, if any; with `--probe`, when all ports were probed.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match self.0 {
            ConnectTask::Relay(plan) => {
                let connector = plan.server.connector(false, report)?;
                let partner = plan.partner(report)?;
                plan.retry.run(report, signals, |_| plan.relay_once(&connector, &partner, report, signals))
            }
            ConnectTask::Probe { targets, options: mut plan } => {
                for ProbeEndpoint { server, ports, datagram } in targets {
                    plan.targets.push(ProbeTarget::new(server.connector(false, report)?, ports, datagram));
                }
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                reactor.add_at_start(|io, now| Probe::new(plan, io, report, now))?;
                reactor.run()
            }
        }
    }
}

/// The local side of a connection.
#[derive(Clone)]
enum Partner {
    Stdio(Rc<LocalSide>),
    Program(Rc<Program>, ExecRules, Tools),
}

impl RelayPlan {
    fn partner(&self, report: &Report) -> Result<Partner, Error> {
        Ok(match &self.program {
            Some((program, rules)) => {
                let tools = Tools::new(&self.relay.records, report)?;
                keep_descriptors();
                Partner::Program(Rc::clone(program), *rules, tools)
            }
            None => Partner::Stdio(Rc::new(LocalSide::new(&self.relay, report)?)),
        })
    }

    /// Connects and relays once. Only a failed connection attempt may be retried: what was read from a stream is gone.
    fn relay_once(
        &self,
        connector: &Connector,
        partner: &Partner,
        report: &Report,
        signals: &Signals,
    ) -> Result<(), Error> {
        let has_begun = Rc::new(Cell::new(false));
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let (report, partner, has_begun) = (report.clone(), partner.clone(), Rc::clone(&has_begun));
            let through = match connector.is_direct() {
                true => String::new(),
                false => format!("{} through ", connector.endpoint()),
            };
            let begin = move |transport: &Transport| {
                has_begun.set(true);
                let (peer, local) = (transport.peer_name(), transport.local_name());
                report.detail(format_args!("connected to {through}{peer} from {local}"));
                report.peer("connected", peer);
                report
            };
            let (Some(first), Partner::Stdio(side)) = (&self.first, &partner) else {
                let opening = connector.connecting(self.timeout, &io)?;
                let relay = self.relay.clone();
                let session = Connecting::new(opening, move |transport, now: Instant| {
                    let report = begin(&transport);
                    Ok(match &partner {
                        Partner::Stdio(side) => {
                            Box::new(side.relay_to(transport, &report, &io, now)?) as Box<dyn Session>
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
            let dial = connector.dial(self.timeout, &io);
            let stdio = Stdio::open(&io)?;
            let kind = stdio.input_kind();
            let (stdio, first) = (Rc::new(RefCell::new(stdio)), Rc::clone(first));
            Ok(Box::new(Connecting::new(Early::new(&stdio, &first, dial), move |transport, now: Instant| {
                let report = begin(&transport);
                let local = (FromFirst::new(&stdio, &first), kind);
                side.relay_between(local, transport, &report, now)
            })))
        })?;
        let result = reactor.run();
        result.map_err(|error| if has_begun.get() { error.with_retry(Retry::Never) } else { error })
    }
}
