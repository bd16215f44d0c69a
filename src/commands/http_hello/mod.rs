//! `http-hello`: a small HTTP/1.1 server with fixed answers.

mod args;
mod connection;
mod host;
mod log;
mod site;
mod unsent;
mod whoami;
mod worker;

use std::sync::{Arc, mpsc};
use std::time::Duration;

pub use self::args::HttpHelloArgs;
use self::host::{Common, Hello};
use self::log::{Log, LogForm};
use self::site::Site;
use self::worker::Tally;
use super::admission::AccessArgs;
use super::door::{Door, DoorLimits, Lists};
use super::serve::{listen_on_all, tell_ready};
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::endpoint::Endpoint;
use crate::net::options::{Family, SocketOptions};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::check_stdout;
use crate::report::{Lines, Report};

/// How long other workers may take after the first one has ended. With that one's time, and the log's, it stays below a
/// second.
const END_LIMIT: Duration = Duration::from_millis(80);

/// What was meant.
pub struct Plan {
    endpoints: Vec<Endpoint>,
    family: Option<Family>,
    limits: DoorLimits,
    access: Access,
    access_args: AccessArgs,
    site: Site,
    workers: usize,
    count: Option<u64>,
    log: Option<LogForm>,
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
            let lists = Lists::new(&self.access_args, self.limits.count.is_some(), (&io, signals))?;
            let options = SocketOptions { family: self.family, ..SocketOptions::default() };
            // A proxy stands in between.
            let invitation = if self.limits.header.is_some() { "" } else { "http://ADDR/" };
            let listeners = listen_on_all((&self.endpoints, invitation), &options, &io, report)?;
            if let Some(form) = self.log {
                let door = io.wake();
                let started = Lines::start(report.clone(), move || door.wake());
                let started = started.map_err(|error| Error::new(Exit::Failed, error))?;
                lines = Some(Log { form, lines: started });
            }
            let tally = self.count.map(|count| Tally::new(count, io.wake()));
            let common = Common { site: Arc::new(self.site), log: lines.clone(), tally };
            let host = Hello::new(&io, common, self.workers, signals, &alive)?;
            _ready = tell_ready(report);
            Door::new(listeners, self.limits, (self.access, lists), (&io, report), host)
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
