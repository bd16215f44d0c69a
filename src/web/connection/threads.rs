//! Connections whose requests may wait for a disk: a thread with a reactor for each.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Connection;
use crate::error::{Error, Exit, lost};
use crate::net::reactor::{BlockingTask, Io, Reactor, Status, ThreadWaker, WaitGroup};
use crate::net::signals::Signals;
use crate::net::stream::Socket;
use crate::report::Queue;
use crate::server::permits::Permit;
use crate::web::client::WebClient;
use crate::web::site::Site;
use crate::web::terms::WebTerms;
use crate::web::worker::Worker;

/// How long a connection keeps its thread between two requests. Then it goes back to the acceptor's reactor.
const THREAD_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The threads of a server.
pub(in crate::web) struct Threads {
    site: Arc<Site>,
    running: RefCell<Vec<Running>>,
    /// Connections for which there is no thread yet.
    waiting: RefCell<VecDeque<(Socket, Unbound, Permit)>>,
    /// The most threads.
    max: usize,
    /// The end of the process waits for them.
    group: WaitGroup,
    io: Io,
    signals: Signals,
}

struct Running {
    permit: Permit,
    task: BlockingTask<Result<Option<(Socket, Unbound)>, Error>>,
}

/// A connection without its socket, on its way to another reactor.
pub(in crate::web) struct Unbound {
    pub(in crate::web) client: WebClient,
    /// Received bytes, from the head of the next request on.
    pub(in crate::web) held: Vec<u8>,
    /// When the next request must be there.
    pub(in crate::web) deadline: Instant,
    /// When the session must be over.
    pub(in crate::web) session_end: Option<Instant>,
    /// How the session has failed so far.
    pub(in crate::web) failure: Option<Error>,
}

/// The reactor that a connection is on.
pub(in crate::web) enum Home {
    /// The acceptor's, on which nothing may wait for a disk.
    Acceptor {
        threads: Rc<Threads>,
        /// Counts the client. It stays on this thread.
        permit: Permit,
    },
    /// That of a thread of its own. What goes back is left there.
    Thread {
        place: Rc<RefCell<Option<(Socket, Unbound)>>>,
        /// Wakes the connection from another thread.
        waker: ThreadWaker,
    },
}

impl Home {
    /// True on a thread that may wait for a disk.
    pub(super) fn is_thread(&self) -> bool {
        matches!(self, Home::Thread { .. })
    }

    /// What wakes a connection on a thread of its own.
    pub(super) fn waker(&self) -> Option<&ThreadWaker> {
        match self {
            Home::Acceptor { .. } => None,
            Home::Thread { waker, .. } => Some(waker),
        }
    }

    /// The time that a connection may stay here between two requests.
    pub(super) fn idle_timeout(&self, terms: &WebTerms) -> Duration {
        match self {
            Home::Acceptor { .. } => terms.idle_timeout,
            Home::Thread { .. } => THREAD_IDLE_TIMEOUT.min(terms.idle_timeout),
        }
    }

    /// Notes that the client's session has failed.
    ///
    /// # Errors
    /// That failure, on a thread: it ends the thread, whose result it is.
    pub(super) fn fail(&self, error: Error) -> Result<Status, Error> {
        match self {
            Home::Acceptor { permit, .. } => permit.fail(error),
            Home::Thread { .. } => return Err(error),
        }
        Ok(Status::Done)
    }

    /// Sends a connection to its other home.
    pub(super) fn leave(self, socket: Socket, connection: Unbound) {
        match self {
            Home::Acceptor { threads, permit } => threads.start(socket, connection, permit),
            Home::Thread { place, .. } => *place.borrow_mut() = Some((socket, connection)),
        }
    }
}

impl Threads {
    /// At most `max` threads. The session of `io` is woken when one has ended.
    pub(in crate::web) fn new(
        (site, max): (Arc<Site>, usize),
        group: WaitGroup,
        (io, signals): (Io, Signals),
    ) -> Threads {
        let (running, waiting) = (RefCell::default(), RefCell::default());
        Threads { site, running, waiting, max, group, io, signals }
    }

    /// Starts a thread for a connection, now or when another one has ended.
    fn start(&self, socket: Socket, connection: Unbound, permit: Permit) {
        let metrics = Arc::clone(permit.report.metrics());
        self.waiting.borrow_mut().push_back((socket, connection, permit));
        self.start_waiting();
        metrics.waiting(Queue::HttpThread, self.waiting.borrow().len());
    }

    fn start_waiting(&self) {
        while self.running.borrow().len() < self.max {
            let Some((socket, connection, permit)) = self.waiting.borrow_mut().pop_front() else { return };
            self.start_now(socket, connection, permit);
        }
    }

    fn start_now(&self, socket: Socket, connection: Unbound, permit: Permit) {
        let (site, signals, running) = (Arc::clone(&self.site), self.signals.clone(), self.group.enter());
        let task = self.io.spawn_thread(move || {
            let _running = running;
            let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
            let place = Rc::default();
            reactor.add_at_start(|io, now| {
                let transport = socket.enroll(&io).map_err(|error| lost(&error))?;
                let home = Home::Thread { place: Rc::clone(&place), waker: io.thread_waker() };
                Ok(Connection::new(transport, &Rc::new(Worker::new(site)), connection, home, now))
            })?;
            reactor.run()?;
            Ok(place.take())
        });
        match task {
            Ok(task) => self.running.borrow_mut().push(Running { permit, task }),
            // Without a thread this client is lost, and the next one may be served.
            Err(error) => permit.fail(error),
        }
    }

    /// Takes back the connections whose threads have ended, and the permits of those that are over.
    pub(in crate::web) fn reap(self: &Rc<Self>, worker: &Rc<Worker>, now: Instant) {
        let mut ended = Vec::new();
        let mut running = self.running.borrow_mut();
        let mut index = 0;
        while index < running.len() {
            match running[index].task.take() {
                Some(result) => {
                    ended.push((running.swap_remove(index).permit, result.and_then(|result| result)))
                }
                None => index += 1,
            }
        }
        drop(running);
        self.start_waiting();
        if let Some((permit, _)) = ended.first() {
            permit.report.metrics().waiting(Queue::HttpThread, self.waiting.borrow().len());
        }
        for (permit, result) in ended {
            match result {
                Ok(Some((socket, connection))) => self.take_back(socket, connection, permit, (worker, now)),
                Err(error) if !matches!(error.exit(), Exit::Signal(_)) => permit.fail(error),
                Ok(None) | Err(_) => {}
            }
        }
    }

    fn take_back(
        self: &Rc<Self>,
        socket: Socket,
        connection: Unbound,
        permit: Permit,
        (worker, now): (&Rc<Worker>, Instant),
    ) {
        let mut permit = Some(permit);
        let spawned = self.io.spawn(|io| {
            let transport = socket.enroll(&io).map_err(|error| lost(&error))?;
            let permit = permit.take().ok_or_else(|| Error::new(Exit::Failed, "no permit"))?;
            let home = Home::Acceptor { threads: Rc::clone(self), permit };
            Ok(Connection::new(transport, worker, connection, home, now))
        });
        if let (Err(error), Some(permit)) = (spawned, permit) {
            permit.fail(error);
        }
    }
}
