//! Clients before their sessions, on the acceptor's reactor: a client that says nothing costs its socket and no thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Exit, lost};
use crate::net::reactor::{Context, Session, Status, Stop, Waker};
use crate::net::stream::{Socket, SocketState, Transport};
use crate::proto::transfer::hello::{Hello, Operation};
use crate::proto::transfer::reason::Reason;
use crate::report::{Metrics, Queue, Report};
use crate::server::descriptors::{Descriptors, Lease};
use crate::server::permits::Permit;
use crate::server::trust::Authorization;
use crate::transfer::connection::closing::Closing;
use crate::transfer::connection::wire::{Failure, Wire};
use crate::transfer::server::budget::descriptors_of;
use crate::transfer::server::handshake::greeting::Greeting;
use crate::transfer::server::handshake::rejection::{reject_queued, too_many};

/// A client that has said what it wants, for a session on another thread.
pub(super) struct GreetedClient {
    pub(super) socket: Socket,
    /// Received bytes that follow HELLO.
    pub(super) incoming: Vec<u8>,
    pub(super) hello: Hello,
    pub(super) lease: Lease,
    pub(super) authorization: Authorization,
    pub(super) permit: Permit,
}

/// A client in the queue for sessions.
struct Waiting {
    waker: Waker,
    address: Option<IpAddr>,
    /// The descriptors of its session.
    count: u64,
}

/// What the clients share that have no session yet.
pub(super) struct Arrivals {
    /// Those that are to have one now.
    ready: RefCell<Vec<GreetedClient>>,
    /// Those that wait until another session has ended, in the order in which they came.
    queue: RefCell<BTreeMap<u64, Waiting>>,
    next_ticket: Cell<u64>,
    /// Those of all clients and sessions.
    descriptors: Descriptors,
    /// Clients of which it is not known what they want.
    unidentified: Cell<usize>,
    /// Those among them for which their source has no place.
    unplaced: Cell<usize>,
    rejections: Cell<usize>,
    acceptor: Waker,
    metrics: Arc<Metrics>,
}

impl Arrivals {
    /// Clients and sessions share these descriptors. `acceptor` is woken when a client is ready.
    pub(super) fn new(descriptors: Descriptors, (acceptor, report): (Waker, &Report)) -> Rc<Arrivals> {
        Rc::new(Arrivals {
            ready: RefCell::default(),
            queue: RefCell::default(),
            next_ticket: Cell::default(),
            descriptors,
            unidentified: Cell::default(),
            unplaced: Cell::default(),
            rejections: Cell::default(),
            acceptor,
            metrics: Arc::clone(report.metrics()),
        })
    }

    /// Takes the clients whose sessions are to begin.
    pub(super) fn take_ready(&self) -> Vec<GreetedClient> {
        self.ready.take()
    }

    /// A session has ended: the next one may begin.
    pub(super) fn wake_next(&self) {
        let queue = self.queue.borrow();
        if let Some((_, waiting)) = self.next_in(&queue) {
            waiting.waker.wake();
        }
    }

    /// True if one more client may be accepted.
    pub(super) fn has_room(&self) -> bool {
        self.descriptors.has_room()
    }

    /// Clients of which it is not known whether they are further connections of others.
    pub(super) fn unidentified(&self) -> usize {
        self.unidentified.get()
    }

    /// Those among them for which their source has no place.
    pub(super) fn unplaced(&self) -> usize {
        self.unplaced.get()
    }

    /// Clients that are being told why they are rejected.
    pub(super) fn rejections(&self) -> usize {
        self.rejections.get()
    }

    /// The first client that may begin: others wait for other sessions of their own source.
    fn next_in<'a>(&self, queue: &'a BTreeMap<u64, Waiting>) -> Option<(&'a u64, &'a Waiting)> {
        queue.iter().find(|(_, waiting)| self.descriptors.may_begin(waiting.address, waiting.count))
    }

    fn enqueue(&self, waiting: Waiting) -> u64 {
        let ticket = self.next_ticket.get();
        self.next_ticket.set(ticket + 1);
        self.queue.borrow_mut().insert(ticket, waiting);
        self.show_queue();
        ticket
    }

    fn show_queue(&self) {
        self.metrics.waiting(Queue::Descriptors, self.queue.borrow().len());
    }

    /// Gives the client with this ticket its session, if it is the first one and there is room.
    fn try_begin(&self, ticket: u64, operation: &Operation, lease: &mut Lease) -> bool {
        let is_next = self.next_in(&self.queue.borrow()).is_some_and(|(next, _)| *next == ticket);
        let begins = is_next && lease.begin_session(descriptors_of(operation));
        if begins {
            self.leave(ticket);
        }
        begins
    }

    fn leave(&self, ticket: u64) {
        self.queue.borrow_mut().remove(&ticket);
        self.show_queue();
        self.wake_next();
    }
}

/// Counts a client in some of the counts of [`Arrivals`] until it is dropped.
struct Counted {
    arrivals: Rc<Arrivals>,
    is_unidentified: bool,
    is_unplaced: bool,
    is_rejection: bool,
}

impl Counted {
    fn change(&self, by: impl Fn(&Cell<usize>)) {
        let Arrivals { unidentified, unplaced, rejections, .. } = &*self.arrivals;
        let counts = [
            (self.is_unidentified, unidentified),
            (self.is_unplaced, unplaced),
            (self.is_rejection, rejections),
        ];
        counts.into_iter().filter(|(counts, _)| *counts).for_each(|(_, count)| by(count));
    }

    fn new(arrivals: &Rc<Arrivals>, permit: Option<&Permit>) -> Counted {
        let counted = Counted {
            arrivals: Rc::clone(arrivals),
            is_unidentified: permit.is_some(),
            is_unplaced: permit.is_some_and(|permit| !permit.slot.is_acquired()),
            is_rejection: permit.is_none(),
        };
        counted.change(|count| count.set(count.get() + 1));
        counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.change(|count| count.set(count.get() - 1));
        self.arrivals.wake_next();
        // With --count the acceptor may have waited for that.
        self.arrivals.acceptor.wake();
    }
}

/// A client that has no session yet.
pub(super) struct ArrivingClient {
    state: State,
    /// `None`: it was rejected, and only gets the reason.
    permit: Option<Permit>,
    authorization: Option<Authorization>,
    /// Its descriptors. Given back before others are woken.
    lease: Option<Lease>,
    counted: Counted,
    /// The client's own limit, if it has the default: it is told in time that there is no room.
    limit: Duration,
    waker: Waker,
}

enum State {
    Greeting(Greeting<Transport>),
    /// Waits until another session has ended.
    Queued {
        wire: Wire<Transport>,
        hello: Hello,
        ticket: u64,
        until: Instant,
    },
    Closing(Closing<Transport>),
    Over,
}

impl ArrivingClient {
    /// A client with a permit is served, another one is told why not. `limit` is for its HELLO, and for the wait for a session.
    pub(super) fn new(
        mut transport: Transport,
        (permit, authorization): (Option<Permit>, Authorization),
        limit: Duration,
        (arrivals, waker): (&Rc<Arrivals>, Waker),
        now: Instant,
    ) -> ArrivingClient {
        // One that is refused was to be reset. Transfers have a last word. It fails if the client is gone.
        let _ = transport.reset_on_close(false);
        let counted = Counted::new(arrivals, permit.as_ref());
        let state = match &permit {
            Some(permit) => State::Greeting(Greeting::new(transport, Arc::clone(&permit.slot), limit, now)),
            None => State::Closing(rejected(Wire::new(transport, now), too_many())),
        };
        let address = permit.as_ref().and_then(|permit| permit.peer.ip());
        let lease = Some(arrivals.descriptors.count_one(address));
        ArrivingClient { state, permit, authorization: Some(authorization), lease, counted, limit, waker }
    }

    fn step(&mut self, state: State, context: Context) -> Result<(State, Status), Error> {
        Ok(match state {
            State::Greeting(mut greeting) => match greeting.advance(context.now) {
                Ok(None) => (State::Greeting(greeting), Status::Waiting),
                Ok(Some(hello)) => (self.queue(greeting.into_wire(), hello, context.now), Status::Again),
                Err(failure) => (State::Closing(greeting.fail(failure)), Status::Again),
            },
            State::Queued { wire, hello, ticket, until } => match self.try_begin(ticket, &hello.operation) {
                true => (self.begin(wire, hello)?, Status::Done),
                false => self.wait(wire, hello, (ticket, until), context.now),
            },
            State::Closing(mut closing) => {
                let status = closing.advance(context)?;
                (State::Closing(closing), status)
            }
            State::Over => (State::Over, Status::Done),
        })
    }

    fn try_begin(&mut self, ticket: u64, operation: &Operation) -> bool {
        let lease = self.lease.as_mut();
        lease.is_some_and(|lease| self.counted.arrivals.try_begin(ticket, operation, lease))
    }

    fn queue(&mut self, wire: Wire<Transport>, hello: Hello, now: Instant) -> State {
        let address = self.permit.as_ref().and_then(|permit| permit.peer.ip());
        let (waker, count) = (self.waker.clone(), descriptors_of(&hello.operation));
        let ticket = self.counted.arrivals.enqueue(Waiting { waker, address, count });
        State::Queued { wire, hello, ticket, until: now + self.limit * 3 / 4 }
    }

    fn wait(
        &mut self,
        mut wire: Wire<Transport>,
        hello: Hello,
        (ticket, until): (u64, Instant),
        now: Instant,
    ) -> (State, Status) {
        wire.tick(now);
        let failure = match wire.has_ended() {
            Ok(false) if now < until => {
                return (State::Queued { wire, hello, ticket, until }, Status::Waiting);
            }
            Ok(false) => no_room(),
            Ok(true) => Error::new(Exit::Lost, "the client has left while it waited for its turn").into(),
            Err(error) => error.into(),
        };
        self.counted.arrivals.leave(ticket);
        (State::Closing(rejected(wire, failure)), Status::Again)
    }

    /// Hands the client on.
    fn begin(&mut self, wire: Wire<Transport>, hello: Hello) -> Result<State, Error> {
        let arrivals = &self.counted.arrivals;
        let parts = wire.into_parts().map_err(|error| lost(&error));
        let (socket, incoming) = parts?;
        if let (Some(permit), Some(authorization), Some(lease)) =
            (self.permit.take(), self.authorization.take(), self.lease.take())
        {
            let client = GreetedClient { socket, incoming, hello, lease, authorization, permit };
            arrivals.ready.borrow_mut().push(client);
            arrivals.acceptor.wake();
        }
        Ok(State::Over)
    }
}

/// Failure of a client for which no other session has ended in time.
fn no_room() -> Failure {
    let text = "as many transfers run as there is room for: try again later";
    Failure { error: Error::new(Exit::Refused, text), to_peer: Some((Reason::Busy, text.to_owned())) }
}

fn rejected(wire: Wire<Transport>, Failure { error, to_peer }: Failure) -> Closing<Transport> {
    reject_queued(wire, to_peer, Some(error))
}

impl Session for ArrivingClient {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        loop {
            let state = std::mem::replace(&mut self.state, State::Over);
            match self.step(state, context) {
                Ok((state, Status::Again)) if !matches!(state, State::Closing(_)) => self.state = state,
                Ok((state, status)) => {
                    self.state = state;
                    return Ok(status);
                }
                Err(error) => {
                    if let Some(permit) = self.permit.take() {
                        permit.fail(error);
                    }
                    return Ok(Status::Done);
                }
            }
        }
    }

    fn stop(&mut self) -> Stop {
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Greeting(greeting) => Some(greeting.deadline()),
            State::Queued { until, .. } => Some(*until),
            State::Closing(closing) => Some(closing.deadline()),
            State::Over => None,
        }
    }
}

impl Drop for ArrivingClient {
    fn drop(&mut self) {
        if let State::Queued { ticket, .. } = self.state {
            self.counted.arrivals.leave(ticket);
        }
    }
}
