//! The handler of accepted connections: they are served on the reactor of the acceptor and, with `--workers`, in turn on
//! those of other threads.

use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use super::client::{Client, LentPermit, LentPermits};
use super::connection::Connection;
use super::log::Log;
use super::site::Site;
use super::whoami::Ends;
use super::worker::{AnswerCount, Worker};
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::options::SocketOptions;
use crate::net::reactor::{BlockingTask, Context, Io, Reactor, Session, Status, ThreadWaker};
use crate::net::signals::Signals;
use crate::net::stream::Socket;
use crate::server::acceptor::{AdmittedClient, Handler};
use crate::server::client_session::begin;

/// The data that all workers share.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) site: Arc<Site>,
    pub(crate) log: Option<Log>,
    pub(crate) stats: Option<AnswerCount>,
    /// Of each connection's socket.
    pub(crate) socket: SocketOptions,
}

impl Common {
    fn worker(self) -> Rc<Worker> {
        Rc::new(Worker::new(self.site, self.log, self.stats, self.socket))
    }
}

/// Hands connections out.
pub(crate) struct HelloHandler {
    io: Io,
    common: Common,
    own: Rc<Worker>,
    others: Vec<Other>,
    /// The worker of the next connection; 0 is this thread.
    next: usize,
    permits: LentPermits,
}

/// A worker on a thread of its own.
struct Other {
    arrivals: mpsc::Sender<Arrival>,
    wake: ThreadWaker,
    thread: BlockingTask<Result<(), Error>>,
}

/// A client on its way to a worker.
struct Arrival {
    socket: Socket,
    ends: Ends,
    permit: LentPermit,
}

impl HelloHandler {
    /// `workers` in all: one is the acceptor's own reactor. Each thread keeps a clone of `alive`.
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
    fn accept(&mut self, incoming: AdmittedClient, now: Instant) -> bool {
        let AdmittedClient { socket, destination, permit } = incoming;
        let local =
            destination.map_or_else(|| socket.local_name(), |address| PeerName::from_ip(Some(address)));
        let ends = Ends { peer: permit.peer.to_string(), local: local.to_string() };
        let worker = self.next;
        self.next = (worker + 1) % (self.others.len() + 1);
        let Some(other) = worker.checked_sub(1).and_then(|index| self.others.get(index)) else {
            return serve(&self.io, socket, &self.own, Client::of_acceptor(ends, permit), now);
        };
        let permit = self.permits.lend(permit);
        // A worker that has ended makes itself heard below.
        let is_there = other.arrivals.send(Arrival { socket, ends, permit }).is_ok();
        other.wake.wake();
        is_there
    }

    fn advance(&mut self) -> Result<Status, Error> {
        self.permits.take_back();
        for other in &mut self.others {
            if let Some(result) = other.thread.take() {
                return result.and_then(|result| result).map(|()| Status::Waiting);
            }
        }
        if let Some(error) = self.common.log.as_ref().and_then(|log| log.lines.take_failure()) {
            return Err(cannot_write(&error));
        }
        // When all answers were given, connections that are still open are idle.
        let is_over = self.common.stats.as_ref().is_some_and(AnswerCount::is_over);
        Ok(if is_over { Status::RunOver } else { Status::Waiting })
    }
}

/// Adds a connection to a reactor. False if it was gone already.
fn serve(io: &Io, socket: Socket, worker: &Rc<Worker>, client: Client, now: Instant) -> bool {
    let make = |transport, _| Ok(Connection::new(transport, Rc::clone(worker), client, now));
    begin(io, (socket, &worker.socket), None, make)
}

/// Starts a worker's thread.
fn start(io: &Io, common: Common, signals: Signals, alive: mpsc::Sender<()>) -> Result<Other, Error> {
    let (arrivals, arriving) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let thread = io.spawn_blocking(move || {
        let _alive = alive;
        let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            // Nobody waits for it if the command has failed meanwhile.
            let _ = tell.send(io.thread_waker());
            Ok(Intake { arriving, worker: common.worker(), io })
        })?;
        reactor.run()
    })?;
    let wake = told.recv().map_err(|_| Error::new(Exit::Failed, "a worker could not be started"))?;
    Ok(Other { arrivals, wake, thread })
}

/// Takes in what the acceptor hands to another thread.
struct Intake {
    arriving: mpsc::Receiver<Arrival>,
    worker: Rc<Worker>,
    io: Io,
}

impl Session for Intake {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        loop {
            match self.arriving.try_recv() {
                Ok(Arrival { socket, ends, permit }) => {
                    let client = Client::of_worker(ends, permit);
                    serve(&self.io, socket, &self.worker, client, context.now);
                }
                Err(mpsc::TryRecvError::Empty) => return Ok(Status::Waiting),
                Err(mpsc::TryRecvError::Disconnected) => return Ok(Status::Done),
            }
        }
    }
}
