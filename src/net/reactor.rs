//! The run loop: readiness in, sessions advanced, finished ones removed after the batch.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use rustc_hash::FxHashMap;

pub use super::blocking::LongWork;
use super::clock::read_clock;
pub use super::io::{Io, IoHandle, Readiness};
use super::io::{Local, Shared};
pub use super::session::{Context, Session, Status, Stop};
use super::signals::Signals;
pub use super::tasks::{BlockingTask, WaitGroup};
use super::timers::Timers;
pub use super::wakers::{ThreadWaker, WakeList, Waker};
use crate::error::{Error, Exit};

/// Bytes that one session may move in each direction before the others get their turn.
pub const TURN_BUDGET_BYTES: usize = 4 << 20;

const WAKER: Token = Token(0);
const SIGNAL: Token = Token(1);
const EVENTS_PER_POLL: usize = 256;
/// Time for sessions that finish something after a signal.
pub(super) const STOP_LIMIT: Duration = Duration::from_millis(800);

/// Runs sessions until none is left, one fails, or a signal comes.
pub struct Reactor {
    poll: Poll,
    shared: Arc<Shared>,
    local: Rc<Local>,
    sessions: FxHashMap<usize, Box<dyn Session>>,
    timers: Timers,
    signals: Signals,
}

impl Reactor {
    /// A reactor without sessions, which stops when one of `signals` comes.
    pub fn new(signals: &Signals) -> io::Result<Reactor> {
        let (poll, shared) = new_poll(signals)?;
        signals.register(poll.registry(), SIGNAL)?;
        Ok(Reactor {
            poll,
            shared,
            local: Rc::default(),
            sessions: FxHashMap::default(),
            timers: Timers::default(),
            signals: signals.clone(),
        })
    }

    /// Adds the session that `make` builds on its handle to this reactor.
    pub fn add<S: Session + 'static>(
        &mut self,
        make: impl FnOnce(Io) -> Result<S, Error>,
    ) -> Result<(), Error> {
        let io = self.local.handle(&self.shared);
        let session = io.session_id();
        self.sessions.insert(session, Box::new(make(io)?));
        Ok(())
    }

    /// As [`Reactor::add`], for a session that must know when it begins.
    pub fn add_at_start<S: Session + 'static>(
        &mut self,
        make: impl FnOnce(Io, Instant) -> Result<S, Error>,
    ) -> Result<(), Error> {
        self.add(|io| make(io, read_clock()))
    }

    /// The blocking tasks of its sessions, which may outlive them.
    pub fn tasks(&self) -> WaitGroup {
        self.shared.tasks()
    }

    /// Runs until no session is left. A session's failure, or a signal, ends all of them.
    pub fn run(mut self) -> Result<(), Error> {
        self.signals.attend();
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        let mut ready: Vec<usize> = self.sessions.keys().copied().collect();
        let mut stop: Option<(Error, Instant)> = None;
        loop {
            let now = read_clock();
            while let Some(session) = self.timers.pop_expired(now) {
                ready.push(session);
            }
            let Some(again) = self.advance(&mut ready, now)? else { return Ok(()) };
            match stop.take() {
                Some((error, limit)) if self.sessions.is_empty() || now >= limit => return Err(error),
                None if self.sessions.is_empty() => return Ok(()),
                stopping => stop = stopping,
            }
            let timeout = if again.is_empty() {
                let deadline = [self.timers.next_check(), stop.as_ref().map(|(_, limit)| *limit)];
                let deadline = deadline.into_iter().flatten().min();
                deadline.map(|deadline| deadline.saturating_duration_since(read_clock()))
            } else {
                Some(Duration::ZERO)
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(Error::new(Exit::Failed, format!("epoll: {error}")));
                }
                _ => {}
            }
            if stop.is_none() {
                stop = self.stop().map(|error| (error, read_clock() + STOP_LIMIT));
                if stop.is_some() {
                    ready.extend(self.sessions.keys());
                }
            }
            ready.extend(again);
            self.collect(&events, &mut ready);
        }
    }

    /// After a signal: stops the sessions, and keeps those that have something to finish.
    fn stop(&mut self) -> Option<Error> {
        let number = self.signals.received()?;
        self.sessions.retain(|_, session| session.stop() == Stop::Soon);
        Some(stopped_by(number))
    }

    /// Advances each session of the batch, then removes those that are done, and takes in those that were added.
    /// Returns those that want another turn; `None` if the run is over.
    fn advance(&mut self, batch: &mut Vec<usize>, now: Instant) -> Result<Option<Vec<usize>>, Error> {
        // Each once, and the oldest first.
        batch.sort_unstable();
        batch.dedup();
        let (mut again, mut done) = (Vec::new(), Vec::new());
        for id in batch.drain(..) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            match session.advance(Context { now, budget_bytes: TURN_BUDGET_BYTES })? {
                Status::Waiting => {}
                Status::Again => again.push(id),
                Status::Done => done.push(id),
                Status::RunOver => return Ok(None),
            }
            self.timers.set(id, session.deadline());
        }
        for id in done {
            self.sessions.remove(&id);
            self.timers.set(id, None);
        }
        for (id, session) in self.local.take_spawned() {
            self.sessions.insert(id, session);
            again.push(id);
        }
        // Asked last: a session may have woken others when it was dropped.
        again.extend(self.local.take_woken_here());
        Ok(Some(again))
    }

    fn collect(&self, events: &Events, ready: &mut Vec<usize>) {
        for event in events {
            match event.token() {
                SIGNAL => {}
                WAKER => ready.extend(self.shared.take_woken()),
                _ => ready.extend(self.shared.record_event(event)),
            }
        }
    }
}

/// A poll that is woken by the handles of its sessions.
pub(super) fn new_poll(signals: &Signals) -> io::Result<(Poll, Arc<Shared>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
    // A clone is a descriptor of its own.
    let shared = Shared::new(poll.registry().try_clone()?, signals.clone(), waker);
    Ok((poll, shared))
}

/// The error of a run that a signal has ended.
pub(super) fn stopped_by(number: i32) -> Error {
    Error::new(Exit::Signal(number), format!("stopped by {}", super::signals::name(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    type Log = Rc<RefCell<Vec<&'static str>>>;

    /// Adds a child, and ends when that has woken it.
    struct Parent {
        io: Io,
        log: Log,
        has_child: bool,
    }

    struct Child {
        parent: Waker,
        log: Log,
    }

    impl Session for Parent {
        fn advance(&mut self, _turn: Context) -> Result<Status, Error> {
            self.log.borrow_mut().push("parent");
            if self.has_child {
                return Ok(Status::Done);
            }
            self.has_child = true;
            let (parent, log) = (self.io.waker(), Rc::clone(&self.log));
            self.io.spawn(|_| Ok(Child { parent, log }))?;
            Ok(Status::Waiting)
        }
    }

    impl Session for Child {
        fn advance(&mut self, _turn: Context) -> Result<Status, Error> {
            self.log.borrow_mut().push("child");
            self.parent.wake();
            Ok(Status::Done)
        }
    }

    #[test]
    fn a_session_adds_another_which_nudges_it() {
        let mut reactor = Reactor::new(&Signals::install(|_, _| {}).unwrap()).unwrap();
        let log = Log::default();
        reactor.add(|io| Ok(Parent { io, log: Rc::clone(&log), has_child: false })).unwrap();
        reactor.run().unwrap();
        assert_eq!(*log.borrow(), ["parent", "child", "parent"]);
    }
}
