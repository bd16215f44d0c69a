//! `http-hello`: a small HTTP/1.1 server with fixed answers.

use std::sync::{Arc, mpsc};
use std::time::Duration;

pub use crate::cli::http_hello::HttpHelloArgs;
use crate::error::{Error, Exit};
use crate::http::listener::{Common, Hello};
use crate::http::log::{Log, LogForm};
use crate::http::site::Site;
use crate::http::worker::Stats;
use crate::net::access::Access;
use crate::net::endpoint::Endpoint;
use crate::net::options::{Family, SocketOptions};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::check_stdout;
use crate::report::{Lines, Report};
use crate::server::acceptor::{Acceptor, AccessLists, ClientLimits};
use crate::server::admission::AccessSources;
use crate::server::setup::{listen_on_all, tell_ready};

/// How long other workers may take after the first one has ended. With that one's time, and the log's, it stays below a
/// second.
const END_LIMIT: Duration = Duration::from_millis(80);

/// What was meant.
pub struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) family: Option<Family>,
    pub(crate) limits: ClientLimits,
    pub(crate) access: Access,
    pub(crate) access_args: AccessSources,
    pub(crate) site: Site,
    pub(crate) workers: usize,
    pub(crate) count: Option<u64>,
    pub(crate) log: Option<LogForm>,
}

impl Plan {
    /// Answers until a signal comes, or `--count` is reached.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        if self.log.is_some() {
            check_stdout()?;
        }
        let (alive, all_ended) = mpsc::channel();
        let (mut lines, mut _ready) = (None, None);
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let lists = AccessLists::new(&self.access_args, self.limits.count.is_some(), (&io, signals))?;
            let options = SocketOptions { family: self.family, ..SocketOptions::default() };
            // A proxy stands in between.
            let invitation = if self.limits.header.is_some() { "" } else { "http://ADDR/" };
            let listeners = listen_on_all((&self.endpoints, invitation), &options, &io, report)?;
            if let Some(form) = self.log {
                let acceptor = io.thread_waker();
                let started = Lines::start(report.clone(), move || acceptor.wake());
                let started = started.map_err(|error| Error::new(Exit::Failed, error))?;
                lines = Some(Log { form, lines: started });
            }
            let stats = self.count.map(|count| Stats::new(count, io.thread_waker()));
            let common = Common { site: Arc::new(self.site), log: lines.clone(), stats };
            let host = Hello::new(&io, common, self.workers, signals, &alive)?;
            _ready = tell_ready(report);
            Acceptor::new(listeners, self.limits, (self.access, lists), (&io, report), host)
        })?;
        drop(alive);
        let result = reactor.run();
        if signals.received().is_some() {
            // Nobody sends: it returns when all threads have ended, or when they took too long.
            let _ = all_ended.recv_timeout(END_LIMIT);
        }
        let result = match result {
            // An error ends a reactor's run. Here it is a good end.
            Err(error) if error.exit() == Exit::Done => Ok(()),
            result => result,
        };
        match lines {
            Some(log) => log.finish(result, signals),
            None => result,
        }
    }
}
