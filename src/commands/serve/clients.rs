//! Many transfer clients at once: one accepts, each session has a thread and a reactor of its own.
//!
//! A session hashes and writes in place, while the bytes are in the cache, and may block on a slow disk; so it must
//! not share a thread with others. The number of threads is bounded by the number of clients.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::entrance::Terms;
use crate::commands::admission::{Pass, Refusal};
use crate::commands::attended::Within;
use crate::commands::door::{Guest, Host};
use crate::commands::lost;
use crate::commands::options::WireChoice;
use crate::commands::transfer::{Limits, Offer, Serving, TextReceiving};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Aside, Io, Reactor, Session};
use crate::net::signals::Signals;
use crate::net::stream::{Socket, Stream};
use crate::report::Report;

/// Clients that are being told that they are too many, at a time; more are dropped without a word.
const MAX_REFUSALS: usize = 16;
/// Descriptors that a session needs to be served: its socket, its reactor's four, the stage, and a few parts.
pub(super) const DESCRIPTORS_PER_CLIENT: u64 = 16;
/// Descriptors of one session at most, two for each part: further connections, 64 files in blocks, 32 parts of earlier
/// sessions, 4 that were created early, 24 on their way to the disk. The process asks the system for so many.
pub(super) const MOST_DESCRIPTORS_PER_CLIENT: u64 = DESCRIPTORS_PER_CLIENT + 15 + 2 * (64 + 32 + 4 + 24);
/// How long sessions get to remove what they have not finished when the process is asked to stop.
const STOP_LIMIT: Duration = Duration::from_millis(800);

/// Serves each client on a thread of its own.
pub(super) struct Clients {
    /// Of each session.
    limits: Limits,
    terms: Terms,
    /// What they speak.
    wire: WireChoice,
    offer: Arc<Offer>,
    clients: Vec<Client>,
    running: Running,
    io: Io,
    report: Report,
    signals: Signals,
}

struct Client {
    /// `None`: it was refused, and is being told so.
    pass: Option<Pass>,
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
        (limits, terms, wire): (Limits, Terms, WireChoice),
        offer: Offer,
        running: Running,
        (io, report, signals): (Io, Report, Signals),
    ) -> Clients {
        Clients {
            limits,
            terms,
            wire,
            offer: Arc::new(offer),
            clients: Vec::new(),
            running,
            io,
            report,
            signals,
        }
    }

    /// Takes out the sessions that have ended.
    fn reap(&mut self) {
        let mut index = 0;
        while index < self.clients.len() {
            let Some(result) = self.clients[index].session.take() else {
                index += 1;
                continue;
            };
            let client = self.clients.swap_remove(index);
            match (client.pass, result.and_then(|outcome| outcome)) {
                // It has seen before this thread that the process is to stop: that is said once.
                (_, Err(error)) if matches!(error.exit(), Exit::Signal(_)) => {}
                (Some(pass), Err(error)) => pass.fail(error),
                _ => {}
            }
        }
    }

    fn serve(
        &self,
        socket: Socket,
        name: PeerName,
        refused: bool,
    ) -> Result<Aside<Result<(), Error>>, Error> {
        let (offer, limits, report) = (Arc::clone(&self.offer), self.limits, self.report.about(&name));
        let (signals, running) = (self.signals.clone(), self.running.enter());
        let Terms { stay, socket: options, .. } = self.terms.clone();
        let text = offer.store.clone().filter(|_| self.wire == WireChoice::Text);
        self.io.aside(move || {
            let _running = running;
            let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
            reactor.add_at_start(|io, now| {
                let mut transport =
                    socket.register_with(&options, &io).map_err(|error| Error::new(Exit::Lost, error))?;
                // One that has waited for its header was to be reset. Transfers have a last word.
                transport.reset_on_close(false).map_err(|error| lost(&error))?;
                let context = (io, report, name);
                let session = match text {
                    Some(folder) => {
                        let shelf = (folder, offer.max_size);
                        Box::new(TextReceiving::new(transport, now, shelf, limits, refused, context))
                            as Box<dyn Session>
                    }
                    None => Box::new(Serving::new(transport, now, offer, limits, refused, context)),
                };
                Ok(Within::new(session, stay.session, now))
            })?;
            let work = reactor.work();
            let outcome = reactor.run();
            // Its place is taken until what it has begun is over.
            work.await_end();
            outcome
        })
    }
}

impl Host for Clients {
    fn welcome(&mut self, guest: Guest, _now: Instant) -> bool {
        match self.serve(guest.socket, guest.pass.peer.clone(), false) {
            Ok(session) => self.clients.push(Client { pass: Some(guest.pass), session }),
            // Without a thread this client is lost, and the next one may be served.
            Err(error) => guest.pass.fail(error),
        }
        true
    }

    fn turn_away(&mut self, socket: Socket, why: Refusal) {
        let refused = self.clients.iter().filter(|client| client.pass.is_none()).count();
        if why == Refusal::TooMany && refused < MAX_REFUSALS {
            // A client that cannot be told why finds out by itself.
            let name = socket.peer_name();
            let session = self.serve(socket, name, true).ok();
            self.clients.extend(session.map(|session| Client { pass: None, session }));
        }
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.reap();
        Ok(())
    }
}
