//! Transfer clients of a server: one acceptor; the sessions share threads.
//!
//! A session hashes and writes in place, while the bytes are in the cache, and may block on a slow disk: then another thread
//! takes over the others. A client that says nothing has no session.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::arriving::{Arrivals, ArrivingClient, GreetedClient};
use super::budget::MAX_REJECTIONS;
use crate::error::{Error, Exit, lost};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Io, Session, Status, WaitGroup};
use crate::net::session_pool::SessionPool;
use crate::net::signals::Signals;
use crate::net::stream::{Socket, SocketState};
use crate::report::Report;
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::client_session::Within;
use crate::server::descriptors::Descriptors;
use crate::server::permits::{Permit, Rejection};
use crate::server::setup::ClientOptions;
use crate::server::trust::Authorization;
use crate::transfer::{Claim, ClientId, Limits, Offer, Serving, TextReceiving, Wire, WireProtocol};

/// Clients that are read at the same time although their source has no place for them, at most and relative to the
/// client limit.
const MAX_AWAITING_PLACE: usize = 16;
const STANDING_SHARE: usize = 4;
/// How long sessions get to remove their temporary files when the process is asked to stop.
pub(crate) const STOP_LIMIT: Duration = Duration::from_millis(800);

/// The most clients and threads at a time.
pub(crate) struct ClientsLimits {
    /// Clients, with a session or without.
    pub(crate) clients: usize,
    /// Descriptors that all of them share.
    pub(crate) descriptors: Descriptors,
    /// Threads that run sessions, without those that wait for a disk.
    pub(crate) workers: usize,
}

/// Serves the clients of an acceptor.
pub(crate) struct Clients {
    /// Time limits and rate of each session.
    limits: Limits,
    terms: ClientOptions,
    /// The protocol of all clients.
    wire: WireProtocol,
    offer: Arc<Offer>,
    /// Clients that have no session yet.
    arrivals: Rc<Arrivals>,
    /// Clients that have one.
    running: FxHashMap<ClientId, RunningClient>,
    pool: SessionPool,
    max_clients: usize,
    max_awaiting_place: usize,
    next_id: ClientId,
    /// Result of the only session, once it has ended.
    outcome: Option<Result<(), Error>>,
    io: Io,
    report: Report,
}

struct RunningClient {
    /// `None`: the client is rejected, and gets the reason.
    permit: Option<Permit>,
    claim: Claim,
}

impl Clients {
    /// The session of `io` is the acceptor. `group` counts the sessions: the end of the process waits for them.
    pub(crate) fn new(
        (limits, terms, wire): (Limits, ClientOptions, WireProtocol),
        offer: Offer,
        most: ClientsLimits,
        group: WaitGroup,
        (io, report, signals): (Io, Report, Signals),
    ) -> Clients {
        Clients {
            limits,
            terms,
            wire,
            offer: Arc::new(offer),
            arrivals: Arrivals::new(most.descriptors, (io.waker(), &report)),
            running: FxHashMap::default(),
            pool: SessionPool::new(most.workers, group, (io.clone(), signals)),
            max_clients: most.clients,
            max_awaiting_place: match wire {
                WireProtocol::Text => 0,
                WireProtocol::Sendall => (most.clients / STANDING_SHARE).min(MAX_AWAITING_PLACE),
            },
            next_id: 0,
            outcome: None,
            io,
            report,
        }
    }

    /// Removes the sessions that have ended.
    fn reap(&mut self, now: Instant) {
        for (id, result) in self.pool.advance(now) {
            let Some(client) = self.running.remove(&id) else { continue };
            if self.wire == WireProtocol::Sendall {
                self.arrivals.wake_next();
            }
            match (client.permit, result) {
                // It noticed the stop before this thread did: that is reported once.
                (_, Err(error)) if matches!(error.exit(), Exit::Signal(_)) => {}
                (_, result) if client.claim.is_held() => self.outcome = Some(result),
                (Some(permit), Err(error)) => permit.fail(error),
                _ => {}
            }
        }
    }

    fn claim(&mut self) -> Claim {
        self.next_id += 1;
        Claim { only: self.offer.only.clone(), client: self.next_id }
    }

    /// Begins the session of a client that has said what it wants.
    fn begin(&mut self, client: GreetedClient) {
        let GreetedClient { socket, incoming, hello, lease, authorization, permit } = client;
        let claim = self.claim();
        let (name, report) = (permit.peer.clone(), permit.report.clone());
        let terms = ((Arc::clone(&permit.slot), lease), claim.clone(), authorization);
        let (offer, limits, session_limit) =
            (Arc::clone(&self.offer), self.limits, self.terms.session_limits.session);
        self.pool.begin(claim.client, move |io, now| {
            let transport = socket.enroll(&io).map_err(|error| lost(&error))?;
            let greeted = (Wire::resumed(transport, incoming, now), hello);
            let session = Serving::greeted(greeted, now, offer, limits, terms, (io, report, name));
            Ok(Box::new(Within::new(session, session_limit, now)) as Box<dyn Session + Send>)
        });
        self.running.insert(claim.client, RunningClient { permit: Some(permit), claim });
    }

    /// Begins the session of a client of `--wire text`. Without a permit it is told that there are too many.
    fn begin_text(&mut self, socket: Socket, (name, report): (PeerName, Report), permit: Option<Permit>) {
        let Some(folder) = self.offer.store.clone() else { return };
        let claim = self.claim();
        let destination = (folder, self.offer.max_size, self.offer.max_entries);
        let terms = (permit.is_none(), claim.clone());
        let (limits, ClientOptions { session_limits, socket: options, .. }) =
            (self.limits, self.terms.clone());
        self.pool.begin(claim.client, move |io, now| {
            let mut transport = socket.register_with(&options, &io).map_err(|error| lost(&error))?;
            // One that is refused was to be reset. Transfers have a last word.
            transport.reset_on_close(false).map_err(|error| lost(&error))?;
            let context = (io, report, name);
            let session = TextReceiving::new(transport, now, destination, limits, terms, context);
            Ok(Box::new(Within::new(session, session_limits.session, now)) as Box<dyn Session + Send>)
        });
        self.running.insert(claim.client, RunningClient { permit, claim });
    }

    /// Listens to a client or, without a permit, tells it that there are too many. False if it was gone already.
    fn greet(
        &self,
        socket: Socket,
        mut permit: Option<Permit>,
        authorization: Authorization,
        now: Instant,
    ) -> bool {
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let transport = socket.register_with(&self.terms.socket, &io).map_err(|error| lost(&error))?;
            is_there = true;
            let (context, limit) = ((&self.arrivals, io.waker()), self.limits.handshake);
            Ok(ArrivingClient::new(transport, (permit.take(), authorization), limit, context, now))
        });
        if let (Err(error), Some(permit)) = (spawned, permit) {
            // It has not succeeded.
            permit.uses_up(None);
            let error = error.of_health_check();
            permit.count_session(Err(&error));
            permit.report.detail(error);
        }
        is_there
    }

    fn permits(&self) -> impl Iterator<Item = &Permit> {
        self.running.values().filter_map(|client| client.permit.as_ref())
    }
}

impl Handler for Clients {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let IncomingClient { socket, authorization, permit, .. } = incoming;
        match self.wire {
            WireProtocol::Sendall => self.greet(socket, Some(permit), authorization, now),
            WireProtocol::Text => {
                let named = (permit.peer.clone(), permit.report.clone());
                self.begin_text(socket, named, Some(permit));
                true
            }
        }
    }

    fn may_exceed_source_limit(&self) -> bool {
        let inside = self.running.len() + self.arrivals.unidentified();
        // They leave room for clients that have a place.
        if inside + self.max_awaiting_place >= self.max_clients {
            return false;
        }
        let running = self.permits().filter(|permit| !permit.slot.is_acquired()).count();
        running + self.arrivals.unplaced() < self.max_awaiting_place
    }

    fn count_may_decrease(&self) -> bool {
        self.wire != WireProtocol::Text
            && (self.arrivals.unidentified() > 0
                || self.permits().any(|permit| !permit.slot.is_identified() || permit.slot.is_further()))
    }

    fn has_room(&self) -> bool {
        self.arrivals.has_room()
    }

    fn reject(&mut self, socket: Socket, why: Rejection, now: Instant) {
        let text = self.running.values().filter(|client| client.permit.is_none());
        if why == Rejection::Denied || self.arrivals.rejections() + text.count() >= MAX_REJECTIONS {
            return;
        }
        match self.wire {
            // A client that is gone already needs no reason.
            WireProtocol::Sendall => drop(self.greet(socket, None, Authorization::NotAsked, now)),
            WireProtocol::Text => {
                let name = socket.peer_name();
                let report = self.report.about(&name);
                self.begin_text(socket, (name, report), None);
            }
        }
    }

    fn advance(&mut self, now: Instant) -> Result<Status, Error> {
        self.reap(now);
        for client in self.arrivals.take_ready() {
            self.begin(client);
        }
        // Ends the run: the remaining clients need no orderly end.
        self.outcome.take().map_or(Ok(Status::Waiting), |outcome| outcome.map(|()| Status::RunOver))
    }

    fn deadline(&self) -> Option<Instant> {
        self.pool.deadline()
    }
}
