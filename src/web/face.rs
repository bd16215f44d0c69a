//! Clients of two protocols at one port: those whose first byte is a letter speak HTTP.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::client::WebClient;
use super::connection::Connection;
use super::connection::threads::{Home, Threads, Unbound};
use super::site::Site;
use super::worker::Worker;
use crate::error::{Error, Exit, cannot_write, lost};
use crate::net::endpoint::PeerName;
use crate::net::options::SocketOptions;
use crate::net::reactor::{Context, Io, Session, Status, Stop, WaitGroup, Waker};
use crate::net::signals::Signals;
use crate::net::stream::{Socket, Stream as _, Transport};
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::permits::{Permit, Rejection};
use crate::server::tls_gate::is_http;
use crate::server::trust::Authorization;

/// The answer to a client whose source has no place for it.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Length: 47\r\nRetry-After: 1\r\nConnection: close\r\n\r\n503: this address has too many connections here\n";

/// Descriptors of a connection on a thread of its own: its socket, four of its reactor, and the files of a request.
pub(crate) const DESCRIPTORS_PER_THREAD: u64 = 16;

/// Hands clients of HTTP to this thread's reactor, and all others to `native`.
pub(crate) struct Face<H> {
    native: H,
    /// The options of each client's socket.
    socket: SocketOptions,
    state: Rc<FaceState>,
    io: Io,
}

struct FaceState {
    worker: Rc<Worker>,
    threads: Rc<Threads>,
    /// Clients that turned out to speak the native protocol.
    natives: RefCell<Vec<IncomingClient>>,
    acceptor: Waker,
}

impl<H: Handler> Face<H> {
    /// The session of `io` is the acceptor. `group` counts the threads that run.
    pub(crate) fn new(
        (native, socket): (H, SocketOptions),
        site: Site,
        group: WaitGroup,
        (io, signals): (Io, Signals),
    ) -> Face<H> {
        let site = Arc::new(site);
        let state = FaceState {
            worker: Rc::new(Worker::new(Arc::clone(&site))),
            threads: Rc::new(Threads::new(site, group, (io.clone(), signals))),
            natives: RefCell::default(),
            acceptor: io.waker(),
        };
        Face { native, socket, state: Rc::new(state), io }
    }
}

impl<H: Handler> Handler for Face<H> {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let mut incoming = Some(incoming);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let Some(IncomingClient { socket, destination, authorization, permit }) = incoming.take() else {
                return Err(Error::new(Exit::Failed, "no client"));
            };
            let local = destination.map_or_else(|| socket.local_name(), |at| PeerName::from_ip(Some(at)));
            let transport = socket.register_with(&self.socket, &io).map_err(|error| lost(&error))?;
            is_there = true;
            let parts = Box::new(Parts { transport, destination, authorization, permit, local });
            let deadline = now + self.state.worker.site.terms.head_timeout;
            Ok(Arriving { stage: Stage::Waits(parts), deadline, state: Rc::clone(&self.state) })
        });
        if let Err(error) = spawned
            && let Some(client) = incoming
        {
            client.permit.fail(error);
        }
        is_there
    }

    fn may_exceed_source_limit(&self) -> bool {
        self.native.may_exceed_source_limit()
    }

    fn count_may_decrease(&self) -> bool {
        self.native.count_may_decrease()
    }

    fn reject(&mut self, socket: Socket, why: Rejection) {
        self.native.reject(socket, why);
    }

    fn may_close(&self) -> bool {
        self.native.may_close()
    }

    fn has_room(&self) -> bool {
        self.native.has_room()
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
}

enum Stage {
    Waits(Box<Parts>),
    Web(Box<Connection>),
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
        let Parts { mut transport, permit, local, .. } = parts;
        let is_secure = transport.tls().is_some();
        if !permit.slot.is_acquired() && !permit.slot.try_acquire() {
            // A client that waits for its answer must not take the connection for a fault of the network.
            let _ = transport.write(TOO_MANY);
            let _ = transport.finish_writing();
            let text = "too many clients from its address (see --max-per-source)";
            permit.discount(&Error::new(Exit::Refused, text));
            return Stage::Over;
        }
        let (peer, report) = (permit.peer.clone(), permit.report.clone());
        let client = WebClient { peer, local, is_secure, report };
        let FaceState { worker, threads, .. } = &*self.state;
        let session_end = worker.site.terms.session_timeout.map(|limit| now + limit);
        let deadline = now + worker.site.terms.head_timeout;
        let connection = Unbound { client, held: Vec::new(), deadline, session_end };
        let home = Home::Acceptor { threads: Rc::clone(threads), permit };
        Stage::Web(Box::new(Connection::new(transport, worker, connection, home, now)))
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
                Stage::Over => return Ok(Status::Done),
            }
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.stage {
            Stage::Web(connection) => connection.stop(),
            Stage::Waits(_) | Stage::Over => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Waits(_) => Some(self.deadline),
            Stage::Web(connection) => connection.deadline(),
            Stage::Over => None,
        }
    }
}
