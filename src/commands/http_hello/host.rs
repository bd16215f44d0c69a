//! Behind the door: connections on its own reactor, and with `--workers` in turn on those of other threads.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use super::connection::Connection;
use super::log::Log;
use super::site::Site;
use super::whoami::Ends;
use super::worker::{Tally, Worker};
use crate::commands::admission::Pass;
use crate::commands::cannot_write;
use crate::commands::door::{Guest, Host};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Aside, Io, Reactor, Session, Status, Turn, Wake};
use crate::net::signals::Signals;
use crate::net::stream::Socket;

/// What all workers have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) site: Arc<Site>,
    pub(super) log: Option<Log>,
    pub(super) tally: Option<Tally>,
}

impl Common {
    fn worker(self) -> Rc<Worker> {
        Rc::new(Worker::new(self.site, self.log, self.tally))
    }
}

/// Hands connections out.
pub(super) struct Hello {
    io: Io,
    common: Common,
    own: Rc<Worker>,
    others: Vec<Other>,
    /// Whose turn it is.
    next: usize,
    /// Of clients that other threads serve.
    passes: HashMap<u64, Pass>,
    next_id: u64,
    gone: Arc<Gone>,
}

/// A worker on a thread of its own.
struct Other {
    arrivals: mpsc::Sender<Arrival>,
    wake: Wake,
    thread: Aside<Result<(), Error>>,
}

/// A client on its way to a worker.
struct Arrival {
    socket: Socket,
    ends: Ends,
    place: Place,
}

/// Clients that other threads have served.
struct Gone {
    ids: Mutex<Vec<u64>>,
    door: Wake,
}

/// A client's place, until it is dropped.
pub(super) struct Stay {
    pub(super) ends: Ends,
    _leave: Leave,
}

/// How the door hears that a client is gone.
enum Leave {
    Pass { _pass: Pass },
    Place { _place: Place },
}

/// The pass of a client that another thread serves stays at the door.
struct Place {
    id: u64,
    gone: Arc<Gone>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gone.ids.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        self.gone.door.wake();
    }
}

impl Hello {
    /// `workers` in all: one is the door's own reactor. Each thread keeps a clone of `alive`.
    pub(super) fn new(
        io: &Io,
        common: Common,
        workers: usize,
        signals: &Signals,
        alive: &mpsc::Sender<()>,
    ) -> Result<Hello, Error> {
        let mut others = Vec::new();
        for _ in 1..workers {
            others.push(start(io, common.clone(), signals.clone(), alive.clone())?);
        }
        Ok(Hello {
            io: io.clone(),
            own: common.clone().worker(),
            common,
            others,
            next: 0,
            passes: HashMap::new(),
            next_id: 0,
            gone: Arc::new(Gone { ids: Mutex::default(), door: io.wake() }),
        })
    }
}

impl Host for Hello {
    fn welcome(&mut self, guest: Guest, now: Instant) -> bool {
        let Guest { socket, destination, pass } = guest;
        let local =
            destination.map_or_else(|| socket.local_name(), |address| PeerName::from_ip(Some(address)));
        let ends = Ends { peer: pass.peer.to_string(), local: local.to_string() };
        let worker = self.next;
        self.next = (worker + 1) % (self.others.len() + 1);
        let Some(other) = worker.checked_sub(1).and_then(|index| self.others.get(index)) else {
            let stay = Stay { ends, _leave: Leave::Pass { _pass: pass } };
            return serve(&self.io, socket, &self.own, stay, now);
        };
        let id = self.next_id;
        self.next_id += 1;
        self.passes.insert(id, pass);
        let place = Place { id, gone: Arc::clone(&self.gone) };
        // A worker that has ended makes itself heard below.
        let is_there = other.arrivals.send(Arrival { socket, ends, place }).is_ok();
        other.wake.wake();
        is_there
    }

    fn advance(&mut self) -> Result<(), Error> {
        for id in self.gone.ids.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.passes.remove(&id);
        }
        for other in &mut self.others {
            if let Some(result) = other.thread.take() {
                return result.and_then(|result| result);
            }
        }
        if let Some(error) = self.common.log.as_ref().and_then(|log| log.lines.take_failure()) {
            return Err(cannot_write(&error));
        }
        match &self.common.tally {
            // Ends the run: what is still open is idle.
            Some(tally) if tally.is_over() => Err(Error::new(Exit::Done, "all answers were given")),
            _ => Ok(()),
        }
    }
}

/// Adds a connection to a reactor. False if it was gone already.
fn serve(io: &Io, socket: Socket, worker: &Rc<Worker>, stay: Stay, now: Instant) -> bool {
    let spawned = io.spawn(|io| {
        let transport = socket.register(&io).map_err(|error| Error::new(Exit::Lost, error))?;
        Ok(Connection::new(transport, Rc::clone(worker), stay, now))
    });
    spawned.is_ok()
}

/// Starts a worker's thread.
fn start(io: &Io, common: Common, signals: Signals, alive: mpsc::Sender<()>) -> Result<Other, Error> {
    let (arrivals, arriving) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let thread = io.aside(move || {
        let _alive = alive;
        let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            // Nobody waits for it if the command has failed meanwhile.
            let _ = tell.send(io.wake());
            Ok(Intake { arriving, worker: common.worker(), io })
        })?;
        reactor.run()
    })?;
    let wake = told.recv().map_err(|_| Error::new(Exit::Failed, "a worker could not be started"))?;
    Ok(Other { arrivals, wake, thread })
}

/// Takes in what the door hands to another thread.
struct Intake {
    arriving: mpsc::Receiver<Arrival>,
    worker: Rc<Worker>,
    io: Io,
}

impl Session for Intake {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        loop {
            match self.arriving.try_recv() {
                Ok(Arrival { socket, ends, place }) => {
                    let stay = Stay { ends, _leave: Leave::Place { _place: place } };
                    serve(&self.io, socket, &self.worker, stay, turn.now);
                }
                Err(mpsc::TryRecvError::Empty) => return Ok(Status::Waiting),
                Err(mpsc::TryRecvError::Disconnected) => return Ok(Status::Done),
            }
        }
    }
}
