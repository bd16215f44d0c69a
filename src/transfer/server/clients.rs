//! Transfer clients of a server: one acceptor; the sessions share threads.
//!
//! A session hashes and writes in place, while the bytes are in the cache, and may block on a slow disk: then another thread
//! takes over the others. A client that says nothing has no session.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::arriving::{Arrivals, ArrivingClient, GreetedClient};
use crate::error::{Error, Exit, lost};
use crate::net::endpoint::PeerName;
use crate::net::raised_descriptor_limit;
use crate::net::reactor::{Io, Session, Status, WaitGroup};
use crate::net::session_pool::SessionPool;
use crate::net::signals::Signals;
use crate::net::stream::{Socket, SocketState};
use crate::proto::transfer::hello::Operation;
use crate::proto::transfer::roster::MAX_CONNECTIONS;
use crate::report::Report;
use crate::server::acceptor::{DESCRIPTORS_RESERVED, DescriptorBudget, Handler, IncomingClient};
use crate::server::client_session::Within;
use crate::server::descriptors::Descriptors;
use crate::server::permits::{Permit, Rejection};
use crate::server::setup::ClientOptions;
use crate::server::trust::Authorization;
use crate::transfer::{
    Claim, ClientId, Limits, MAX_SENT_FILES, Offer, Serving, SpareParts, TextReceiving, Wire, WireProtocol,
};

/// Rejected clients that get the reason at the same time; more are dropped silently.
const MAX_REJECTIONS: usize = 16;
/// Clients that are read at the same time although their source has no place for them, at most and relative to the
/// client limit.
const MAX_AWAITING_PLACE: usize = 16;
const STANDING_SHARE: usize = 4;
/// Descriptors of such a client: its socket and its reactor's.
const DESCRIPTORS_PER_REJECTION: u64 = 5;
/// Descriptors of a session without its files and further connections: its socket, those of its poll, the staging folder,
/// the file being looked at, and what a commit opens.
const DESCRIPTORS_PER_SESSION: u64 = 16;
/// How long sessions get to remove their temporary files when the process is asked to stop.
pub(crate) const STOP_LIMIT: Duration = Duration::from_millis(800);

/// Returns the descriptors that clients need at least, for uploads or only for downloads. A session never waits for a
/// descriptor that another session holds.
pub(crate) fn descriptors_for(takes_uploads: bool, wire: WireProtocol) -> DescriptorBudget {
    let files = match wire {
        WireProtocol::Text => 0,
        _ if takes_uploads => SpareParts::MIN.descriptors(),
        _ => MAX_SENT_FILES as u64,
    };
    let fixed = MAX_REJECTIONS as u64 * DESCRIPTORS_PER_REJECTION;
    DescriptorBudget { per_client: DESCRIPTORS_PER_SESSION + files + MAX_CONNECTIONS as u64 - 1, fixed }
}

/// Returns the spare parts that each of this many `sessions` may have open. Raises the descriptor limit of the process as far
/// as needed.
pub(crate) fn spare_parts(budget: DescriptorBudget, sessions: usize) -> SpareParts {
    let reserved = budget.fixed + DESCRIPTORS_RESERVED;
    let others = DESCRIPTORS_PER_SESSION + MAX_CONNECTIONS as u64 - 1;
    let wanted = SpareParts::MAX.descriptors() + others;
    let limit = raised_descriptor_limit((sessions as u64).saturating_mul(wanted).saturating_add(reserved));
    limit.map_or(SpareParts::MAX, |limit| {
        let each = limit.saturating_sub(reserved) / sessions.max(1) as u64;
        SpareParts::within(each.saturating_sub(others))
    })
}

/// Returns the descriptors that clients and sessions share: all that the process may have, or those of this many `sessions`.
pub(crate) fn shared_descriptors(
    budget: DescriptorBudget,
    sessions: Option<usize>,
    spare_parts: SpareParts,
) -> Descriptors {
    let all = || raised_descriptor_limit(0).unwrap_or(u64::from(u32::MAX));
    let total = match sessions {
        Some(sessions) => budget.per_client * sessions as u64,
        None => all().saturating_sub(budget.fixed + DESCRIPTORS_RESERVED),
    };
    Descriptors::new(total, spare_parts.descriptors())
}

/// Returns the descriptors that a session needs to begin, its client's apart.
pub(super) fn descriptors_of(operation: &Operation) -> u64 {
    match operation {
        Operation::Join(_) => 0,
        Operation::Put { .. } | Operation::List => DESCRIPTORS_PER_SESSION - 1,
        Operation::Get { .. } => DESCRIPTORS_PER_SESSION - 1 + MAX_SENT_FILES as u64,
    }
}

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
            arrivals: Arrivals::new(most.descriptors, io.waker()),
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
