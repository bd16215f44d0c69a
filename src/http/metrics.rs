//! `--metrics`: a page of counts, on a listener, a reactor and a thread of its own. Whoever reads it delays no client, is none,
//! and keeps no server alive.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::{HttpClient, OpenScraper};
use super::connection::Connection;
use super::site::{Site, Timeouts};
use super::whoami::ConnectionAddresses;
use super::worker::HttpWorker;
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::listen::{Listener, is_one_clients, listen_with};
use crate::net::options::SocketOptions;
use crate::net::reactor::{Context, Io, Reactor, Session, Status, Stop, ThreadWaker};
use crate::net::signals::Signals;
use crate::net::stream::Socket;
use crate::net::wall::unix_seconds_now;
use crate::report::{HttpCounts, Report, Shown};
use crate::server::client_session::begin;

/// Readers at a time; more wait in the system's queue.
const MAX_SCRAPERS: usize = 16;
/// The descriptors of the page: those of its reactor, two listeners, the readers.
pub(crate) const METRICS_DESCRIPTORS: u64 = 8 + MAX_SCRAPERS as u64;
/// A reader's times. Prometheus keeps its connection, and asks once a minute by default.
const TIMEOUTS: Timeouts =
    Timeouts { header: Duration::from_secs(10), idle: Duration::from_secs(90), max_body_bytes: 0 };
/// How long accepting pauses when there are no descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running page. It ends when this is dropped.
pub(crate) struct MetricsServer {
    is_over: Arc<AtomicBool>,
    wake: ThreadWaker,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Starts a page if there is an endpoint for it.
    pub(crate) fn start_if(
        endpoint: Option<&Endpoint>,
        shown: Shown,
        context: (&Report, &Signals),
    ) -> Result<Option<MetricsServer>, Error> {
        endpoint.map(|endpoint| MetricsServer::start(endpoint, shown, context)).transpose()
    }

    /// Binds the endpoint, reports its URL, and starts the thread.
    ///
    /// # Errors
    /// The endpoint cannot be bound.
    fn start(
        endpoint: &Endpoint,
        shown: Shown,
        (report, signals): (&Report, &Signals),
    ) -> Result<MetricsServer, Error> {
        report.metrics().show(shown, unix_seconds_now());
        let (bound, result) = mpsc::channel();
        let is_over = Arc::<AtomicBool>::default();
        let context = (endpoint.clone(), report.clone(), signals.clone(), Arc::clone(&is_over));
        let thread = std::thread::Builder::new().name("metrics".into()).spawn(move || run(context, &bound));
        let thread = thread.map_err(|error| Error::new(Exit::Failed, error))?;
        let ended = |_| Error::new(Exit::Failed, "the thread of --metrics has ended");
        let (wake, names) = result.recv().map_err(ended).and_then(|result| result)?;
        names.iter().for_each(|name| report.metrics_at(&url(name)));
        Ok(MetricsServer { is_over, wake, thread: Some(thread) })
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.wake.wake();
        // It closes its listeners, and removes the file of a Unix socket.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread: reports whether the endpoint is bound, then serves.
fn run(
    (endpoint, report, signals, is_over): (Endpoint, Report, Signals, Arc<AtomicBool>),
    bound: &mpsc::Sender<Result<(ThreadWaker, Vec<PeerName>), Error>>,
) {
    let open = || -> Result<Reactor, Error> {
        let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let listeners = listen_with(&endpoint, &SocketOptions::default(), &io)
                .map_err(|error| error.context("--metrics"))?;
            let names = listeners.iter().map(Listener::name).collect();
            // The receiver waits for it.
            let _ = bound.send(Ok((io.thread_waker(), names)));
            let site = Arc::new(Site::of_metrics(Arc::clone(report.metrics()), TIMEOUTS));
            let counts = Arc::<HttpCounts>::default();
            let worker = Rc::new(HttpWorker::new(site, None, None, counts, SocketOptions::default()));
            let (open, paused_until) = (Rc::default(), None);
            Ok(Scrapers { listeners, worker, open, io, is_over, paused_until })
        })?;
        Ok(reactor)
    };
    match open().map(Reactor::run) {
        Err(error) => drop(bound.send(Err(error))),
        Ok(Err(error)) if !matches!(error.exit(), Exit::Signal(_)) => {
            report.warning(format_args!("no metrics any more: {error}"));
        }
        Ok(_) => {}
    }
}

/// Where a browser and `curl` find the page.
fn url(name: &PeerName) -> String {
    match name.address() {
        Some(address) => format!("http://{address}/metrics"),
        None => name.to_string(),
    }
}

/// The session that accepts readers.
struct Scrapers {
    listeners: Vec<Listener>,
    worker: Rc<HttpWorker>,
    open: Rc<Cell<usize>>,
    io: Io,
    is_over: Arc<AtomicBool>,
    paused_until: Option<Instant>,
}

impl Scrapers {
    fn accept(&mut self, now: Instant) {
        self.paused_until = self.paused_until.filter(|until| now < *until);
        let mut index = 0;
        while self.paused_until.is_none() && self.open.get() < MAX_SCRAPERS && index < self.listeners.len() {
            match self.listeners[index].accept() {
                Ok(Some((socket, _))) => self.begin(socket, now),
                Ok(None) => index += 1,
                Err(error) if is_one_clients(&error) => {}
                Err(_) => self.paused_until = Some(now + ACCEPT_PAUSE),
            }
        }
    }

    fn begin(&self, socket: Socket, now: Instant) {
        // Nobody reads them: there is no log.
        let addresses = ConnectionAddresses { peer: String::new(), local: String::new() };
        let client = HttpClient::scraper(addresses, OpenScraper::new(&self.open, self.io.waker()));
        let make = |transport, _| Ok(Connection::new(transport, Rc::clone(&self.worker), client, now));
        begin(&self.io, (socket, &self.worker.socket), None, make);
    }
}

impl Session for Scrapers {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(Status::RunOver);
        }
        self.accept(context.now);
        Ok(Status::Waiting)
    }

    fn stop(&mut self) -> Stop {
        // A reader is not waited for.
        self.is_over.store(true, Ordering::Relaxed);
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        self.paused_until
    }
}
