//! Transfer clients of a server: one acceptor; each session has its own thread and reactor.
//!
//! A session hashes and writes in place, while the bytes are in the cache, and may block on a slow disk, so it must not
//! share a thread with others. The number of clients bounds the number of threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::raised_descriptor_limit;
use crate::net::reactor::{BlockingTask, Io, Reactor, Session, Status, WaitGroup};
use crate::net::signals::Signals;
use crate::net::stream::{Socket, SocketState};
use crate::proto::transfer::roster::MAX_CONNECTIONS;
use crate::report::{Queue, Report};
use crate::server::acceptor::{DESCRIPTORS_RESERVED, DescriptorBudget, Handler, IncomingClient};
use crate::server::client_session::Within;
use crate::server::permits::{Permit, Rejection};
use crate::server::places::SourceSlot;
use crate::server::setup::ClientOptions;
use crate::server::trust::Authorization;
use crate::transfer::{
    Claim, ClientId, Limits, MAX_SENT_FILES, Offer, Serving, SpareParts, TextReceiving, WireProtocol,
};

/// Rejected clients that get the reason at the same time; more are dropped silently.
const MAX_REJECTIONS: usize = 16;
/// Clients that are read at the same time although their source has no place for them, at most and relative to the
/// client limit.
const MAX_AWAITING_PLACE: usize = 16;
const STANDING_SHARE: usize = 4;
/// Descriptors of such a client: its socket and its reactor's.
const DESCRIPTORS_PER_REJECTION: u64 = 5;
/// Descriptors of a session without its files: its socket, four of its reactor, the staging folder, the file being
/// looked at, and its further connections.
const DESCRIPTORS_PER_SESSION: u64 = 16 + MAX_CONNECTIONS as u64 - 1;
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
    DescriptorBudget { per_client: DESCRIPTORS_PER_SESSION + files, fixed }
}

/// Returns the spare parts that each of `clients` sessions may have open. Raises the descriptor limit of the process as
/// far as needed.
pub(crate) fn spare_parts(budget: DescriptorBudget, clients: usize) -> SpareParts {
    let reserved = budget.fixed + DESCRIPTORS_RESERVED;
    let wanted = SpareParts::MAX.descriptors() + DESCRIPTORS_PER_SESSION;
    let limit = raised_descriptor_limit((clients as u64).saturating_mul(wanted).saturating_add(reserved));
    limit.map_or(SpareParts::MAX, |limit| {
        let each = limit.saturating_sub(reserved) / clients.max(1) as u64;
        SpareParts::within(each.saturating_sub(DESCRIPTORS_PER_SESSION))
    })
}

/// Serves each client on a thread of its own.
pub(crate) struct Clients {
    /// Time limits and rate of each session.
    limits: Limits,
    terms: ClientOptions,
    /// The protocol of all clients.
    wire: WireProtocol,
    offer: Arc<Offer>,
    clients: Vec<RunningClient>,
    /// Clients for which there is no thread yet: a server of HTTP accepts more than it has threads for.
    waiting: VecDeque<IncomingClient>,
    max_clients: usize,
    max_awaiting_place: usize,
    /// Running threads: the end of the process waits for them.
    running: WaitGroup,
    next_id: ClientId,
    /// Result of the only session, once it has ended.
    outcome: Option<Result<(), Error>>,
    io: Io,
    report: Report,
    signals: Signals,
}

struct RunningClient {
    /// `None`: the client is rejected, and gets the reason.
    permit: Option<Permit>,
    claim: Claim,
    session: BlockingTask<Result<(), Error>>,
}

impl Clients {
    pub(crate) fn new(
        (limits, terms, wire): (Limits, ClientOptions, WireProtocol),
        offer: Offer,
        max_clients: usize,
        running: WaitGroup,
        (io, report, signals): (Io, Report, Signals),
    ) -> Clients {
        Clients {
            limits,
            terms,
            wire,
            offer: Arc::new(offer),
            clients: Vec::new(),
            waiting: VecDeque::new(),
            max_clients,
            max_awaiting_place: match wire {
                WireProtocol::Text => 0,
                _ => (max_clients / STANDING_SHARE).min(MAX_AWAITING_PLACE),
            },
            running,
            next_id: 0,
            outcome: None,
            io,
            report,
            signals,
        }
    }

    /// Removes the sessions that have ended.
    fn reap(&mut self) {
        let mut index = 0;
        while index < self.clients.len() {
            let Some(result) = self.clients[index].session.take() else {
                index += 1;
                continue;
            };
            let client = self.clients.swap_remove(index);
            match (client.permit, result.and_then(|outcome| outcome)) {
                // It noticed the stop before this thread did: that is reported once.
                (_, Err(error)) if matches!(error.exit(), Exit::Signal(_)) => {}
                (_, result) if client.claim.is_held() => self.outcome = Some(result),
                (Some(permit), Err(error)) => permit.fail(error),
                _ => {}
            }
        }
    }

    /// Begins the sessions of clients that wait, as far as there are threads for them.
    fn serve_waiting(&mut self) {
        while self.clients.iter().filter(|client| client.permit.is_some()).count() < self.max_clients
            && let Some(incoming) = self.waiting.pop_front()
        {
            self.begin(incoming);
        }
        self.report.metrics().waiting(Queue::Thread, self.waiting.len());
    }

    fn begin(&mut self, incoming: IncomingClient) {
        let named = (incoming.permit.peer.clone(), incoming.permit.report.clone());
        let claim = self.claim();
        let place = Arc::clone(&incoming.permit.slot);
        match self.serve((incoming.socket, incoming.authorization), named, (Some(place), claim.clone())) {
            Ok(session) => {
                self.clients.push(RunningClient { permit: Some(incoming.permit), claim, session });
            }
            // Without a thread this client is lost, and the next one may be served.
            Err(error) => incoming.permit.fail(error),
        }
    }

    fn claim(&mut self) -> Claim {
        self.next_id += 1;
        Claim { only: self.offer.only.clone(), client: self.next_id }
    }

    fn serve(
        &self,
        (socket, authorization): (Socket, Authorization),
        (name, report): (PeerName, Report),
        (place, claim): (Option<Arc<SourceSlot>>, Claim),
    ) -> Result<BlockingTask<Result<(), Error>>, Error> {
        let (offer, limits) = (Arc::clone(&self.offer), self.limits);
        let (signals, running) = (self.signals.clone(), self.running.enter());
        let ClientOptions { session_limits, socket: options, .. } = self.terms.clone();
        let text = offer.store.clone().filter(|_| self.wire == WireProtocol::Text);
        self.io.spawn_blocking(move || {
            let _running = running;
            let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
            reactor.add_at_start(|io, now| {
                let mut transport =
                    socket.register_with(&options, &io).map_err(|error| Error::new(Exit::Lost, error))?;
                // One that is refused was to be reset. Transfers have a last word.
                transport.reset_on_close(false).map_err(|error| lost(&error))?;
                let context = (io, report, name);
                let session = match text {
                    Some(folder) => {
                        let destination = (folder, offer.max_size, offer.max_entries);
                        let terms = (place.is_none(), claim);
                        Box::new(TextReceiving::new(transport, now, destination, limits, terms, context))
                            as Box<dyn Session>
                    }
                    None => {
                        let terms = (place, claim, authorization);
                        Box::new(Serving::new(transport, now, offer, limits, terms, context))
                    }
                };
                Ok(Within::new(session, session_limits.session, now))
            })?;
            let tasks = reactor.tasks();
            let outcome = reactor.run();
            // Its place is taken until its work is over.
            tasks.wait();
            outcome
        })
    }
}

impl Handler for Clients {
    fn accept(&mut self, incoming: IncomingClient, _now: Instant) -> bool {
        self.waiting.push_back(incoming);
        self.serve_waiting();
        true
    }

    fn may_exceed_source_limit(&self) -> bool {
        let inside = || self.clients.iter().filter_map(|client| client.permit.as_ref());
        let awaiting_place = inside().filter(|permit| !permit.slot.is_acquired()).count();
        // They leave room for clients that have a place.
        awaiting_place < self.max_awaiting_place
            && inside().count() + self.max_awaiting_place < self.max_clients
    }

    fn count_may_decrease(&self) -> bool {
        let waiting = self.waiting.iter().map(|client| &client.permit);
        let mut inside = self.clients.iter().filter_map(|client| client.permit.as_ref()).chain(waiting);
        self.wire != WireProtocol::Text
            && inside.any(|permit| !permit.slot.is_identified() || permit.slot.is_further())
    }

    fn reject(&mut self, socket: Socket, why: Rejection) {
        let refused = self.clients.iter().filter(|client| client.permit.is_none()).count();
        if why != Rejection::Denied && refused < MAX_REJECTIONS {
            // A failure is ignored: the client then only sees the connection close.
            let name = socket.peer_name();
            let report = self.report.about(&name);
            let claim = self.claim();
            let client = (socket, Authorization::NotAsked);
            let session = self.serve(client, (name, report), (None, claim.clone())).ok();
            self.clients.extend(session.map(|session| RunningClient { permit: None, claim, session }));
        }
    }

    fn advance(&mut self, _now: Instant) -> Result<Status, Error> {
        self.reap();
        self.serve_waiting();
        // Ends the run: the remaining clients need no orderly end.
        self.outcome.take().map_or(Ok(Status::Waiting), |outcome| outcome.map(|()| Status::RunOver))
    }
}
