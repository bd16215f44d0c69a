//! Distributes accepted connections, round robin, among the acceptor's reactor and those of other workers (`--workers`).

use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use super::client::{HttpClient, LentPermit, LentPermits};
use super::connection::Connection;
use super::log::Log;
use super::site::Site;
use super::whoami::ConnectionAddresses;
use super::worker::{AnswerCount, HttpWorker};
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::options::SocketOptions;
use crate::net::reactor::{BlockingTask, Context, Io, Reactor, Session, Status, ThreadWaker};
use crate::net::signals::Signals;
use crate::net::stream::Socket;
use crate::report::Metrics;
use crate::server::acceptor::{CLIENTS_PER_TURN, Handler, IncomingClient};
use crate::server::client_session::begin;

/// The data that all workers share.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) site: Arc<Site>,
    pub(crate) log: Option<Log>,
    pub(crate) stats: Option<AnswerCount>,
    pub(crate) metrics: Arc<Metrics>,
    /// The options of each connection's socket.
    pub(crate) socket: SocketOptions,
}

impl Common {
    fn worker(self) -> Rc<HttpWorker> {
        Rc::new(HttpWorker::new(self.site, self.log, self.stats, self.metrics.http_worker(), self.socket))
    }
}

/// The handler of accepted connections.
pub(crate) struct HelloHandler {
    io: Io,
    common: Common,
    own: Rc<HttpWorker>,
    others: Vec<Other>,
    /// The index of the next connection's worker; 0 is this thread.
    next: usize,
    permits: LentPermits,
}

/// A worker on another thread.
struct Other {
    handover: mpsc::Sender<AcceptedClient>,
    wake: ThreadWaker,
    thread: BlockingTask<Result<(), Error>>,
}

/// A client that is handed to another worker.
struct AcceptedClient {
    socket: Socket,
    addresses: ConnectionAddresses,
    permit: LentPermit,
}

impl HelloHandler {
    /// Starts the workers: `workers` in all, of which one is the acceptor's reactor. Each thread keeps a clone of `alive`.
    pub(crate) fn new(
        io: &Io,
        common: Common,
        workers: usize,
        signals: &Signals,
        alive: &mpsc::Sender<()>,
    ) -> Result<HelloHandler, Error> {
        let mut others = Vec::new();
        for _ in 1..workers {
            others.push(start(io, common.clone(), signals.clone(), alive.clone())?);
        }
        Ok(HelloHandler {
            io: io.clone(),
            own: common.clone().worker(),
            common,
            others,
            next: 0,
            permits: LentPermits::new(io.thread_waker()),
        })
    }
}

impl Handler for HelloHandler {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let IncomingClient { socket, destination, permit, .. } = incoming;
        let local =
            destination.map_or_else(|| socket.local_name(), |address| PeerName::from_ip(Some(address)));
        let addresses = ConnectionAddresses { peer: permit.peer.to_string(), local: local.to_string() };
        let worker = self.next;
        self.next = (worker + 1) % (self.others.len() + 1);
        let Some(other) = worker.checked_sub(1).and_then(|index| self.others.get(index)) else {
            return serve(&self.io, socket, &self.own, HttpClient::of_acceptor(addresses, permit), now);
        };
        let permit = self.permits.lend(permit);
        // `advance` reports a worker that has ended.
        let is_there = other.handover.send(AcceptedClient { socket, addresses, permit }).is_ok();
        other.wake.wake();
        is_there
    }

    fn advance(&mut self, _now: Instant) -> Result<Status, Error> {
        self.permits.take_back();
        for other in &mut self.others {
            if let Some(result) = other.thread.take() {
                return result.and_then(|result| result).map(|()| Status::Waiting);
            }
        }
        if let Some(error) = self.common.log.as_ref().and_then(|log| log.lines.take_failure()) {
            return Err(cannot_write(&error));
        }
        // When all responses have arrived, open connections are idle.
        let is_over = self.common.stats.as_ref().is_some_and(AnswerCount::is_over);
        Ok(if is_over { Status::RunOver } else { Status::Waiting })
    }
}

/// Adds a connection to a reactor. Returns false if it is gone already.
fn serve(io: &Io, socket: Socket, worker: &Rc<HttpWorker>, client: HttpClient, now: Instant) -> bool {
    let make = |transport, _| Ok(Connection::new(transport, Rc::clone(worker), client, now));
    begin(io, (socket, &worker.socket), None, make)
}

/// Starts a worker's thread.
fn start(io: &Io, common: Common, signals: Signals, alive: mpsc::Sender<()>) -> Result<Other, Error> {
    let (handover, receiver) = mpsc::channel();
    let (waker_sender, waker_receiver) = mpsc::channel();
    let thread = io.spawn_thread(move || {
        let _alive = alive;
        let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            // Fails if the command has failed meanwhile.
            let _ = waker_sender.send(io.thread_waker());
            Ok(HandoverReceiver { receiver, worker: common.worker(), io })
        })?;
        reactor.run()
    })?;
    let wake =
        waker_receiver.recv().map_err(|_| Error::new(Exit::Failed, "a worker could not be started"))?;
    Ok(Other { handover, wake, thread })
}

/// Receives connections from the acceptor's thread.
struct HandoverReceiver {
    receiver: mpsc::Receiver<AcceptedClient>,
    worker: Rc<HttpWorker>,
    io: Io,
}

impl Session for HandoverReceiver {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        // The acceptor may send as fast as clients are taken in here: those that are here come first.
        for _ in 0..CLIENTS_PER_TURN {
            match self.receiver.try_recv() {
                Ok(AcceptedClient { socket, addresses, permit }) => {
                    let client = HttpClient::of_worker(addresses, permit);
                    serve(&self.io, socket, &self.worker, client, context.now);
                }
                Err(mpsc::TryRecvError::Empty) => return Ok(Status::Waiting),
                Err(mpsc::TryRecvError::Disconnected) => return Ok(Status::Done),
            }
        }
        Ok(Status::Again)
    }
}
