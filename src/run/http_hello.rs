//! `http-hello`: a small HTTP/1.1 server with fixed answers.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::tls::ServerTlsPlan;
use super::workers::Workers;
use crate::error::{Error, Exit};
use crate::http::listener::{Common, HelloHandler};
use crate::http::log::{Log, LogForm};
use crate::http::metrics::{METRICS_DESCRIPTORS, MetricsServer};
use crate::http::site::{AnswerFields, Elsewhere, Site, Timeouts};
use crate::http::worker::AnswerCount;
use crate::net::endpoint::Endpoint;
use crate::net::listen::check_tcp;
use crate::net::options::{Family, SocketOptions};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::check_stdout;
use crate::report::{Lines, Report, Shown};
use crate::server::acceptor::{AccessLists, ClientLimits, DescriptorBudget, ExplicitLimits};
use crate::server::access_sources::AccessSources;
use crate::server::option_files::TextOrFile;
use crate::server::setup::{acceptor, listen_on_all, notify_ready};
use crate::server::tls_gate::GateTerms;

/// The time limit for other workers after the first one has ended. With that one's time and the log's, the end takes
/// less than a second.
const END_LIMIT: Duration = Duration::from_millis(80);
/// The descriptors of each further worker's reactor: two of epoll, its waker, and the socket of signals.
const DESCRIPTORS_PER_WORKER: u64 = 4;

/// The validated arguments of `http-hello`.
pub struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) family: Option<Family>,
    pub(crate) limits: ClientLimits,
    pub(crate) explicit: ExplicitLimits,
    pub(crate) access: AccessSources,
    /// Where the page of counts is.
    pub(crate) metrics: Option<Endpoint>,
    pub(crate) site: SitePlan,
    pub(crate) workers: Workers,
    pub(crate) count: Option<u64>,
    pub(crate) log: Option<LogForm>,
    pub(crate) tls: Option<ServerTlsPlan>,
}

/// The arguments about answers.
pub(crate) struct SitePlan {
    pub(crate) status: u16,
    /// The media type of all bodies.
    pub(crate) kind: String,
    pub(crate) body: TextOrFile,
    pub(crate) paths: Vec<PathPlan>,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) fields: AnswerFields,
    pub(crate) delay: Option<Duration>,
    pub(crate) timeouts: Timeouts,
}

/// A path with its own response.
pub(crate) struct PathPlan {
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) body: Option<TextOrFile>,
}

impl SitePlan {
    /// Prepares the responses. Reads the files of bodies.
    fn open(self) -> Result<Site, Error> {
        let body = self.body.read("--body")?;
        let greeting = (self.status, self.kind.as_str(), &body[..]);
        let mut site = Site::new(greeting, self.elsewhere, self.fields, self.delay, self.timeouts);
        for PathPlan { path, status, body } in self.paths {
            let body = body.map(|body| body.read("--path")).transpose()?;
            site.add_path(&path, status, body.as_deref().map(|body| (self.kind.as_str(), body)));
        }
        Ok(site)
    }
}

impl Plan {
    /// Answers until a signal comes, or `--count` is reached.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let workers = self.workers.count();
        let site = Arc::new(self.site.open()?);
        let access = self.access.load()?;
        if self.tls.is_some() {
            check_tcp(&self.endpoints, "--tls")?;
        }
        let tls = self.tls.as_ref().map(ServerTlsPlan::terms).transpose()?;
        let fixed = (workers as u64 - 1) * DESCRIPTORS_PER_WORKER
            + self.metrics.as_ref().map_or(0, |_| METRICS_DESCRIPTORS);
        let limits = self.limits.within_descriptors(DescriptorBudget { per_client: 1, fixed }, self.explicit);
        if self.log.is_some() {
            check_stdout()?;
        }
        let shown = Shown { clients: true, http: true, ..Shown::default() };
        let _metrics = MetricsServer::start_if(self.metrics.as_ref(), shown, (report, signals))?;
        let (alive, all_ended) = mpsc::channel();
        let (mut lines, mut _ready) = (None, None);
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let lists =
                AccessLists::new(&self.access, tls.as_ref(), limits.total_clients.is_some(), (&io, signals))?;
            let options = SocketOptions { family: self.family, ..SocketOptions::default() };
            // Behind a proxy the address is not the one to type.
            let invitation = match limits.proxy_header_timeout {
                Some(_) => "",
                None if tls.is_some() => "https://ADDR/",
                None => "http://ADDR/",
            };
            let listeners = listen_on_all((&self.endpoints, invitation), &options, &io, report)?;
            if let Some(form) = self.log {
                let acceptor = io.thread_waker();
                let started = Lines::start(report.clone(), move || acceptor.wake());
                let started = started.map_err(|error| Error::new(Exit::Failed, error))?;
                lines = Some(Log { form, lines: started });
            }
            let stats = self.count.map(|count| AnswerCount::new(count, io.thread_waker()));
            let metrics = Arc::clone(report.metrics());
            let common = Common { site, log: lines.clone(), stats, metrics, socket: options };
            let handler = HelloHandler::new(&io, common, workers, signals, &alive)?;
            _ready = notify_ready(report);
            let gate = tls.map(|terms| GateTerms::Tls { terms, is_http: true });
            acceptor((listeners, limits), (access, lists), gate, (&io, report), handler)
        })?;
        drop(alive);
        let result = reactor.run();
        if signals.received().is_some() {
            // Nobody sends: it returns when all threads have ended, or when they took too long.
            let _ = all_ended.recv_timeout(END_LIMIT);
        }
        match lines {
            Some(log) => log.finish(result, signals),
            None => result,
        }
    }
}
