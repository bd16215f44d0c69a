//! Clients of two protocols at one port: those whose first byte is a letter speak HTTP.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::answer::Answer;
use super::body::Piece;
use super::client::WebClient;
use super::connection::Connection;
use super::connection::threads::{Home, Threads, Unbound};
use super::site::Site;
use super::worker::Worker;
use crate::error::{Error, Exit, cannot_write, lost};
use crate::net::endpoint::PeerName;
use crate::net::goodbye::LingeringClose;
use crate::net::options::SocketOptions;
use crate::net::reactor::{Context, Io, Session, Status, Stop, WaitGroup, Waker};
use crate::net::signals::Signals;
use crate::net::stream::{Socket, Stream as _, Transport};
use crate::proto::http::{Persistence, write_head};
use crate::report::Refusal;
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::permits::{Permit, Permits, Rejection};
use crate::server::tls_gate::is_http;
use crate::server::trust::Authorization;

/// Clients that are listened to at the same time although their source has no place for them: at most, and of
/// `--max-clients`.
const MAX_OVER: usize = 16;
const OVER_SHARE: usize = 4;

/// Descriptors of a connection on a thread of its own: its socket, four of its reactor, and the files of a request.
pub(crate) const DESCRIPTORS_PER_THREAD: u64 = 16;

/// Hands clients of HTTP to this thread's reactor, and all others to `native`.
pub(crate) struct Face<H> {
    native: H,
    /// The options of each client's socket.
    socket: SocketOptions,
    max_clients: usize,
    /// The counts of all clients, once there was one.
    permits: Option<Permits>,
    state: Rc<FaceState>,
    io: Io,
}

struct FaceState {
    worker: Rc<Worker>,
    threads: Rc<Threads>,
    /// Clients that turned out to speak the native protocol.
    natives: RefCell<Vec<IncomingClient>>,
    /// Clients of which it is not known what they speak.
    waiting: Cell<usize>,
    /// Clients here for which their source has no place.
    over: Cell<usize>,
    acceptor: Waker,
}

impl FaceState {
    fn add_waiting(self: &Rc<Self>, permit: &Permit) -> Counted {
        let is_over = !permit.slot.is_acquired();
        self.waiting.set(self.waiting.get() + 1);
        self.over.set(self.over.get() + usize::from(is_over));
        Counted { state: Rc::clone(self), is_waiting: true, is_over }
    }
}

/// A client among those that [`FaceState`] counts, until it is dropped.
struct Counted {
    state: Rc<FaceState>,
    is_waiting: bool,
    is_over: bool,
}

impl Counted {
    /// It is known what the client speaks.
    fn end_waiting(&mut self) {
        let waiting = usize::from(std::mem::replace(&mut self.is_waiting, false));
        self.state.waiting.set(self.state.waiting.get() - waiting);
        // With --count it may have been the last one.
        self.state.acceptor.wake();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.end_waiting();
        self.state.over.set(self.state.over.get() - usize::from(self.is_over));
    }
}

impl<H: Handler> Face<H> {
    /// The session of `io` is the acceptor, which serves `max_clients` at a time. `group` counts the threads that run.
    pub(crate) fn new(
        (native, socket, (max_clients, max_threads)): (H, SocketOptions, (usize, usize)),
        site: Site,
        group: WaitGroup,
        (io, signals): (Io, Signals),
    ) -> Face<H> {
        let site = Arc::new(site);
        let state = FaceState {
            worker: Rc::new(Worker::new(Arc::clone(&site))),
            threads: Rc::new(Threads::new((site, max_threads), group, (io.clone(), signals))),
            natives: RefCell::default(),
            waiting: Cell::default(),
            over: Cell::default(),
            acceptor: io.waker(),
        };
        Face { native, socket, max_clients, permits: None, state: Rc::new(state), io }
    }
}

impl<H: Handler> Handler for Face<H> {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let IncomingClient { socket, destination, authorization, permit } = incoming;
        self.permits.get_or_insert_with(|| permit.permits().clone());
        let mut permit = Some(permit);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let local = destination.map_or_else(|| socket.local_name(), |at| PeerName::from_ip(Some(at)));
            let transport = socket.register_with(&self.socket, &io).map_err(|error| lost(&error))?;
            is_there = true;
            let permit = permit.take().ok_or_else(|| Error::new(Exit::Failed, "no permit"))?;
            let counted = self.state.add_waiting(&permit);
            let parts = Box::new(Parts { transport, destination, authorization, permit, local, counted });
            let deadline = now + self.state.worker.site.terms.head_timeout;
            Ok(Arriving { stage: Stage::Waits(parts), deadline, state: Rc::clone(&self.state) })
        });
        if let (Err(error), Some(permit)) = (spawned, permit) {
            permit.report.detail(error);
        }
        is_there
    }

    fn may_exceed_source_limit(&self) -> bool {
        // They leave room for clients that have a place.
        let most = (self.max_clients / OVER_SHARE).min(MAX_OVER);
        let served = self.permits.as_ref().map_or(0, Permits::served);
        self.state.over.get() < most
            && served + most < self.max_clients
            && self.native.may_exceed_source_limit()
    }

    fn count_may_decrease(&self) -> bool {
        // Each of them may turn out to be a further connection of a client.
        let is_unknown = self.state.waiting.get() > 0 || !self.state.natives.borrow().is_empty();
        is_unknown || self.native.count_may_decrease()
    }

    fn reject(&mut self, socket: Socket, why: Rejection, now: Instant) {
        self.native.reject(socket, why, now);
    }

    fn deadline(&self) -> Option<Instant> {
        self.native.deadline()
    }

    fn may_close(&self) -> bool {
        self.native.may_close()
    }

    fn has_room(&self) -> bool {
        // Clients of HTTP have descriptors of their own.
        true
    }

    fn close(&mut self) {
        self.native.close();
    }

    fn advance(&mut self, now: Instant) -> Result<Status, Error> {
        self.state.threads.reap(&self.state.worker, now);
        let log = self.state.worker.site.log.as_ref();
        if let Some(error) = log.and_then(|log| log.lines.take_failure()) {
            return Err(cannot_write(&error));
        }
        if self.state.worker.site.once.as_ref().is_some_and(|once| once.is_over()) {
            return Ok(Status::RunOver);
        }
        let status = self.native.advance(now)?;
        for client in self.state.natives.take() {
            self.native.accept(client, now);
        }
        Ok(status)
    }
}

/// A client before it is known what it speaks.
struct Parts {
    transport: Transport,
    destination: Option<SocketAddr>,
    authorization: Authorization,
    permit: Permit,
    local: PeerName,
    counted: Counted,
}

/// A client whose source has no place for it: it has the answer, and what it has asked is read.
struct Refused {
    transport: Transport,
    close: LingeringClose,
    _permit: Permit,
    _counted: Counted,
}

enum Stage {
    Waits(Box<Parts>),
    Web(Box<Connection>),
    Refused(Box<Refused>),
    Over,
}

/// Waits for a client's first byte, then is its connection, if it speaks HTTP.
struct Arriving {
    stage: Stage,
    deadline: Instant,
    state: Rc<FaceState>,
}

impl Arriving {
    /// Looks at the first byte. `None`: nothing has come yet.
    fn look(&mut self, parts: Box<Parts>, now: Instant) -> Option<Status> {
        // Inside TLS, clients of the native protocol were admitted, and all others speak HTTP.
        let is_http = match (parts.transport.tls().is_some(), &parts.authorization) {
            (true, authorization) => Ok(Some(matches!(authorization, Authorization::NotAsked))),
            (false, _) => parts.transport.peek().map(|byte| byte.map(is_http)),
        };
        match is_http {
            Ok(None) if now >= self.deadline => {
                let limit = humantime::format_duration(self.state.worker.site.terms.head_timeout);
                let text = format!("it sent nothing within {limit}");
                parts.permit.fail(Error::new(Exit::TimedOut, text).of_health_check());
            }
            Ok(None) => {
                self.stage = Stage::Waits(parts);
                return Some(Status::Waiting);
            }
            Ok(Some(true)) => {
                self.stage = self.begin_web(*parts, now);
                return None;
            }
            Ok(Some(false)) => self.hand_on(*parts),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                parts.permit.fail(Error::new(Exit::Lost, "it left without a word").of_health_check());
            }
            Err(error) => parts.permit.fail(lost(&error).of_health_check()),
        }
        Some(Status::Done)
    }

    fn begin_web(&self, parts: Parts, now: Instant) -> Stage {
        if !parts.permit.slot.is_acquired() && !parts.permit.slot.try_acquire() {
            return self.refuse(parts, now);
        }
        let Parts { transport, permit, local, destination, .. } = parts;
        let is_secure = transport.tls().is_some();
        // A proxy on this machine that names no destination says nothing about where its client is.
        let is_here = match (destination, self.state.worker.site.terms.is_behind_proxy) {
            (None, true) => false,
            _ => local.address().is_none_or(|at| at.ip().to_canonical().is_loopback()),
        };
        let (peer, report) = (permit.peer.clone(), permit.report.clone());
        let client = WebClient { peer, local, is_here, is_secure, report };
        let FaceState { worker, threads, .. } = &*self.state;
        let session_end = worker.site.terms.session_timeout.map(|limit| now + limit);
        let deadline = now + worker.site.terms.head_timeout;
        let connection = Unbound { client, held: Vec::new(), deadline, session_end, failure: None };
        let home = Home::Acceptor { threads: Rc::clone(threads), permit };
        Stage::Web(Box::new(Connection::new(transport, worker, connection, home, now)))
    }

    /// Says that there is no place: a client that waits must not take that for a fault of the network.
    fn refuse(&self, parts: Parts, now: Instant) -> Stage {
        let Parts { mut transport, permit, mut counted, .. } = parts;
        let worker = &self.state.worker;
        let answer = Answer::text(503, "this address has too many connections here").with("Retry-After", "1");
        let mut bytes = Vec::new();
        worker.tick(now);
        worker.with_date(|date| {
            let (status, fields) = ((answer.status, date), &answer.fields);
            write_head(&mut bytes, status, fields, answer.length, Persistence::Closes);
        });
        if let Some(Piece::Bytes(body)) = answer.first {
            bytes.extend_from_slice(&body);
        }
        let text = "too many clients from its address (see --max-per-source)";
        permit.discount(&Error::new(Exit::Refused, text), Refusal::PerSource);
        counted.end_waiting();
        permit.report.metrics().answered(answer.status);
        // The buffer of a new connection takes it whole.
        if transport.write(&bytes).is_err() || transport.finish_writing().is_err() {
            return Stage::Over;
        }
        let close = LingeringClose::within(worker.site.terms.head_timeout, now);
        Stage::Refused(Box::new(Refused { transport, close, _permit: permit, _counted: counted }))
    }

    /// Hands a client of the native protocol to its handler.
    fn hand_on(&self, parts: Parts) {
        let Parts { transport, destination, authorization, permit, .. } = parts;
        match transport.into_socket() {
            Ok(socket) => {
                let client = IncomingClient { socket, destination, authorization, permit };
                self.state.natives.borrow_mut().push(client);
                self.state.acceptor.wake();
            }
            Err(error) => permit.fail(lost(&error)),
        }
    }
}

impl Session for Arriving {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Waits(parts) => {
                    if let Some(status) = self.look(parts, context.now) {
                        return Ok(status);
                    }
                }
                Stage::Web(mut connection) => {
                    let status = connection.advance(context)?;
                    self.stage = Stage::Web(connection);
                    return Ok(status);
                }
                Stage::Refused(mut refused) => {
                    let status = refused.close.drain(&mut refused.transport, context);
                    self.stage = Stage::Refused(refused);
                    // One that is gone has been told.
                    return Ok(status.unwrap_or(Status::Done));
                }
                Stage::Over => return Ok(Status::Done),
            }
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.stage {
            Stage::Web(connection) => connection.stop(),
            Stage::Waits(_) | Stage::Refused(_) | Stage::Over => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Waits(_) => Some(self.deadline),
            Stage::Web(connection) => connection.deadline(),
            Stage::Refused(refused) => Some(refused.close.deadline()),
            Stage::Over => None,
        }
    }
}
