//! `nc`: a client or a listener in the dialect of OpenBSD's nc.

use std::rc::Rc;

use super::dialer::ConnectorPlan;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::options::SocketOptions;
use crate::net::reactor::{Reactor, Session};
use crate::net::signals::Signals;
use crate::net::stdio::check_stdout;
use crate::net::udp;
use crate::relay::nc::client::{NcClient, NcTarget};
use crate::relay::nc::datagrams::NcDatagramListener;
use crate::relay::nc::listener::NcListener;
use crate::relay::nc::{NcOptions, Words, reworded};
use crate::report::Report;

/// The validated letters and operands of `nc`.
pub struct Plan {
    pub(crate) task: NcTask,
    pub(crate) options: NcOptions,
    /// `-v`.
    pub(crate) is_verbose: bool,
    /// `-n`.
    pub(crate) is_numeric: bool,
}

pub(crate) enum NcTask {
    Connect(Box<NcConnect>),
    Listen {
        endpoint: Endpoint,
        socket: SocketOptions,
        /// `-k`.
        keeps_listening: bool,
    },
    ListenForDatagrams {
        endpoint: Endpoint,
        socket: udp::Options,
        /// `-k`.
        keeps_listening: bool,
    },
}

/// A host and its ports, or a Unix socket. The fields are those of [`NcTarget`].
pub(crate) struct NcConnect {
    pub(crate) server: ConnectorPlan,
    pub(crate) host: Option<String>,
    pub(crate) ports: Vec<u16>,
    pub(crate) datagrams: Option<udp::Options>,
    pub(crate) is_scan: bool,
    pub(crate) limit: std::time::Duration,
    pub(crate) interval: Option<std::time::Duration>,
}

impl Plan {
    /// Returns when the last port was tried, or the session has ended. Errors are in nc's words.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        self.start(report, signals).map_err(reworded)
    }

    fn start(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let words = Words::new(report.clone(), self.is_verbose, self.is_numeric);
        let options = Rc::new(self.options);
        if options.program.is_none() {
            check_stdout()?;
        }
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        match self.task {
            NcTask::Connect(plan) => {
                let target = NcTarget {
                    connector: plan.server.connector(false, report)?,
                    host: plan.host,
                    ports: plan.ports.into(),
                    datagrams: plan.datagrams,
                    is_scan: plan.is_scan,
                    limit: plan.limit,
                    interval: plan.interval,
                };
                reactor.add(|io| Ok(NcClient::new(target, options, (io, words))))?;
            }
            NcTask::Listen { endpoint, socket, keeps_listening } => {
                reactor
                    .add(|io| NcListener::open((endpoint, socket), options, keeps_listening, (io, words)))?;
            }
            NcTask::ListenForDatagrams { endpoint, socket, keeps_listening } => {
                reactor.add_at_start(|io, now| {
                    let what = (endpoint, socket);
                    NcDatagramListener::open(what, options, keeps_listening, (io, words), now)
                        .map(|session| Box::new(session) as Box<dyn Session>)
                })?;
            }
        }
        reactor.run()
    }
}
