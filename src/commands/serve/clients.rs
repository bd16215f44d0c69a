//! Many transfer clients at once: one accepts, each session has a thread and a reactor of its own.
//!
//! A session hashes and writes in place, while the bytes are in the cache, and may block on a slow disk; so it must
//! not share a thread with others. The number of threads is bounded by the number of clients.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::commands::opened::is_one_clients;
use crate::commands::options::WireChoice;
use crate::commands::transfer::{Limits, Offer, Serving, TextReceiving};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::listen::Listener;
use crate::net::reactor::{Aside, Io, Reactor, Session, Status, Turn};
use crate::net::signals::Signals;
use crate::net::stream::Socket;
use crate::report::Report;

/// How long accepting pauses when the process is out of descriptors or memory, and how often that is said.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// Clients that are being told that they are too many, at a time; more are dropped without a word.
const MAX_REFUSALS: usize = 16;
/// Descriptors of one session at most: its socket, its reactor's four, the parts created early, the one that is being
/// written, those on their way to the disk, and a file that is hashed.
const DESCRIPTORS_PER_CLIENT: u64 = 16;
const DESCRIPTORS_RESERVED: u64 = 16;
/// How long sessions get to remove what they have not finished when the process is asked to stop.
const STOP_LIMIT: Duration = Duration::from_millis(800);

/// How many clients are served, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientLimits {
    /// In all.
    pub(super) clients: usize,
    /// From one IP address.
    pub(super) per_source: usize,
    /// Of each session.
    pub(super) session: Limits,
    /// Only the first client is served, and its outcome is the command's.
    pub(super) once: bool,
    /// What they speak.
    pub(super) wire: WireChoice,
}

impl ClientLimits {
    /// Never more clients than there are descriptors for.
    pub(super) fn within_descriptors(mut self) -> ClientLimits {
        if let Some(limit) = crate::net::descriptor_limit() {
            let fitting = limit.saturating_sub(DESCRIPTORS_RESERVED) / DESCRIPTORS_PER_CLIENT;
            let fitting = usize::try_from(fitting.max(1)).unwrap_or(usize::MAX);
            if fitting < self.clients {
                self.clients = fitting;
                // One source must not be able to take them all.
                self.per_source = self.per_source.min((fitting / 2).max(1));
            }
        }
        self
    }
}

/// Accepts clients and serves each on a thread of its own.
pub(super) struct Clients {
    listeners: Vec<Listener>,
    limits: ClientLimits,
    offer: Arc<Offer>,
    clients: Vec<Client>,
    running: Running,
    paused_until: Option<Instant>,
    complained: Option<Instant>,
    served_one: bool,
    io: Io,
    report: Report,
    signals: Signals,
}

struct Client {
    name: PeerName,
    refused: bool,
    session: Aside<Result<(), Error>>,
}

/// How many sessions run: for the end of the process, which waits for them.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<(Mutex<usize>, Condvar)>);

struct OneRunning(Running);

impl Running {
    fn enter(&self) -> OneRunning {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        OneRunning(self.clone())
    }

    /// Waits until the sessions have cleaned up, for a bounded time.
    pub(super) fn wait(&self) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it ran out of time or not, the process ends now.
        let _ = self.0.1.wait_timeout_while(count, STOP_LIMIT, |count| *count > 0);
    }
}

impl Drop for OneRunning {
    fn drop(&mut self) {
        *self.0.0.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.1.notify_all();
    }
}

impl Clients {
    pub(super) fn new(
        listeners: Vec<Listener>,
        limits: ClientLimits,
        offer: Offer,
        running: Running,
        (io, report, signals): (Io, Report, Signals),
    ) -> Clients {
        Clients {
            listeners,
            limits,
            offer: Arc::new(offer),
            clients: Vec::new(),
            running,
            paused_until: None,
            complained: None,
            served_one: false,
            io,
            report,
            signals,
        }
    }

    /// Takes out the sessions that have ended. With `once`, the result of the one.
    fn reap(&mut self) -> Result<(), Error> {
        let mut index = 0;
        while index < self.clients.len() {
            let Some(result) = self.clients[index].session.take() else {
                index += 1;
                continue;
            };
            let client = self.clients.swap_remove(index);
            match result.and_then(|outcome| outcome) {
                Err(error) if self.limits.once => return Err(error),
                Err(error) => self.report.about(&client.name).error(&error),
                Ok(()) => {}
            }
            self.report.peer("ended", client.name);
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        let mut index = 0;
        while index < self.listeners.len() && self.served() < self.limits.clients {
            match self.listeners[index].accept() {
                Ok(Some(socket)) => self.serve(socket),
                Ok(None) => index += 1,
                Err(error) if is_one_clients(&error) => {}
                Err(error) => {
                    self.paused_until = Some(now + ACCEPT_PAUSE);
                    if self.complained.is_none_or(|last| now >= last + COMPLAINT_INTERVAL) {
                        self.complained = Some(now);
                        self.report.warning(format_args!("cannot accept clients for now: {error}"));
                    }
                    return;
                }
            }
            if self.limits.once && self.served_one {
                self.listeners.clear();
            }
        }
    }

    fn serve(&mut self, socket: Socket) {
        let name = socket.peer_name();
        let refused = name.ip().is_some_and(|source| self.count_from(source) >= self.limits.per_source);
        if refused && self.clients.iter().filter(|client| client.refused).count() >= MAX_REFUSALS {
            return;
        }
        self.report.detail(format_args!("client {name}"));
        self.report.peer("connected", &name);
        let (offer, limits, report) =
            (Arc::clone(&self.offer), self.limits.session, self.report.about(&name));
        let (signals, running, peer) = (self.signals.clone(), self.running.enter(), name.clone());
        let text = offer.store.clone().filter(|_| self.limits.wire == WireChoice::Text);
        let session = self.io.aside(move || {
            let _running = running;
            let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
            reactor.add_at_start(|io, now| {
                let transport = socket.register(&io).map_err(|error| Error::new(Exit::Lost, error))?;
                let context = (io, report, peer);
                Ok(match text {
                    Some(folder) => {
                        let shelf = (folder, offer.max_size);
                        Box::new(TextReceiving::new(transport, now, shelf, limits, refused, context))
                            as Box<dyn Session>
                    }
                    None => Box::new(Serving::new(transport, now, offer, limits, refused, context)),
                })
            })?;
            reactor.run()
        });
        match session {
            Ok(session) => {
                self.clients.push(Client { name, refused, session });
                self.served_one = true;
            }
            // Without a thread this client is lost, and the next one may be served.
            Err(error) => self.report.about(name).error(&error),
        }
    }

    fn served(&self) -> usize {
        self.clients.iter().filter(|client| !client.refused).count()
    }

    fn count_from(&self, source: IpAddr) -> usize {
        self.clients.iter().filter(|client| !client.refused && client.name.ip() == Some(source)).count()
    }
}

impl Session for Clients {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.reap()?;
        if self.limits.once && self.served_one && self.clients.is_empty() {
            return Ok(Status::Done);
        }
        self.accept(turn.now);
        Ok(Status::Waiting)
    }

    fn deadline(&self) -> Option<Instant> {
        self.paused_until
    }
}
