//! The run loop: readiness in, sessions advanced, finished ones removed after the batch.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token, Waker, event};

use super::signals::Signals;
use super::timers::Timers;
use crate::error::{Error, Exit};

/// Bytes that one session may move in each direction before the others get their turn.
pub const TURN_BUDGET_BYTES: usize = 4 << 20;

const WAKER: Token = Token(0);
const SIGNAL: Token = Token(1);
const FIRST_SOURCE: usize = 2;
const EVENTS_PER_POLL: usize = 256;

/// What a session is given for one call of [`Session::advance`].
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The clock, read once for the turn.
    pub now: Instant,
    /// How many bytes may be moved in each direction.
    pub budget_bytes: usize,
}

/// What a session says after it did all that it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing more until readiness, a finished [`Aside`] or the deadline.
    Waiting,
    /// The budget was used up: call again, after the others.
    Again,
    /// Over, and successful. The reactor drops the session.
    Done,
}

/// One protocol machine joined to its streams.
pub trait Session {
    /// Does all it can now. Called at the start, on readiness and at the deadline; a spurious call costs nothing.
    /// An error ends the whole run: a session whose failure is its own affair reports it and is `Done`.
    fn advance(&mut self, turn: Turn) -> Result<Status, Error>;

    /// A signal ends the run: the last chance to tell the peer, without waiting.
    fn stop(&mut self) {}

    /// When to call again even if nothing happens. Must move on (or vanish) once it was reached.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl Session for Box<dyn Session> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        (**self).advance(turn)
    }

    fn stop(&mut self) {
        (**self).stop();
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// Sticky readiness of one source: set by events, cleared by whoever met `WouldBlock`.
pub struct Readiness {
    flags: Rc<Cell<Flags>>,
    registered: Option<(Rc<Shared>, usize)>,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    readable: bool,
    writable: bool,
}

impl Readiness {
    /// For what never blocks: regular files, `/dev/null` and all else that epoll refuses.
    pub fn always() -> Readiness {
        Readiness { flags: Rc::new(Cell::new(Flags { readable: true, writable: true })), registered: None }
    }

    /// True if a read may find something.
    pub fn is_readable(&self) -> bool {
        self.flags.get().readable
    }

    /// True if a write may find room.
    pub fn is_writable(&self) -> bool {
        self.flags.get().writable
    }

    /// A read met `WouldBlock`: wait for the next event.
    pub fn clear_readable(&self) {
        if self.registered.is_some() {
            self.flags.set(Flags { readable: false, ..self.flags.get() });
        }
    }

    /// A write met `WouldBlock`: wait for the next event.
    pub fn clear_writable(&self) {
        if self.registered.is_some() {
            self.flags.set(Flags { writable: false, ..self.flags.get() });
        }
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        if let Some((shared, token)) = &self.registered {
            shared.sources.borrow_mut().remove(token);
        }
    }
}

/// A source's session and its readiness.
type Registered = (usize, Rc<Cell<Flags>>);

struct Shared {
    registry: Registry,
    /// By token, which is never used twice: a late event of a source that is gone finds nobody.
    sources: RefCell<HashMap<usize, Registered>>,
    next_token: Cell<usize>,
    waker: Arc<Waker>,
    /// Sessions whose work aside has ended.
    woken: Arc<Mutex<Vec<usize>>>,
}

/// A session's way to its reactor: registers its sources, runs blocking work aside.
#[derive(Clone)]
pub struct Io {
    shared: Rc<Shared>,
    session: usize,
}

impl Io {
    /// Registers a source for both directions, once for its life, edge-triggered.
    pub fn register(&self, source: &mut impl event::Source) -> io::Result<Readiness> {
        self.register_for(source, Interest::READABLE | Interest::WRITABLE)
    }

    /// Registers a source for some directions.
    pub fn register_for(&self, source: &mut impl event::Source, interest: Interest) -> io::Result<Readiness> {
        let token = self.shared.next_token.get();
        self.shared.registry.register(source, Token(token), interest)?;
        self.shared.next_token.set(token + 1);
        let flags = Rc::new(Cell::new(Flags::default()));
        self.shared.sources.borrow_mut().insert(token, (self.session, Rc::clone(&flags)));
        Ok(Readiness { flags, registered: Some((Rc::clone(&self.shared), token)) })
    }

    /// Runs `work`, which may block, on a thread of its own. The session is advanced when it has ended.
    pub fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Aside<T>, Error> {
        let (sender, result) = mpsc::channel();
        let notice = Notice(self.wake());
        std::thread::Builder::new()
            .spawn(move || {
                // Dropped in the reverse order, also when the work panics: first the result's end, then the notice.
                let (notice, sender) = (notice, sender);
                // The receiver is gone if the session ended first; then nobody wants the result.
                let _ = sender.send(work());
                drop(sender);
                drop(notice);
            })
            .map_err(|error| Error::new(Exit::Failed, format!("cannot start a thread: {error}")))?;
        Ok(Aside { result })
    }

    /// What another thread needs to have this session advanced.
    pub fn wake(&self) -> Wake {
        Wake {
            session: self.session,
            waker: Arc::clone(&self.shared.waker),
            woken: Arc::clone(&self.shared.woken),
        }
    }
}

/// Has a session advanced, from any thread.
#[derive(Clone)]
pub struct Wake {
    session: usize,
    waker: Arc<Waker>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake {
    /// Does it, soon.
    pub fn wake(&self) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
        // Fails only when the reactor is gone.
        let _ = self.waker.wake();
    }
}

/// Wakes the session when dropped: also when the work panicked.
struct Notice(Wake);

impl Drop for Notice {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Work that runs aside; see [`Io::aside`].
pub struct Aside<T> {
    result: mpsc::Receiver<T>,
}

impl<T> Aside<T> {
    /// The result, once: `None` while the work goes on.
    pub fn take(&mut self) -> Option<Result<T, Error>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => {
                Some(Err(Error::new(Exit::Failed, "a worker thread failed")))
            }
        }
    }

    /// Blocks until the work has ended, at most so long; its result is thrown away. For work that must not be cut
    /// short by the end of the process.
    pub fn await_end(self, limit: Duration) {
        // Ended, failed or still at it: nobody is left to act on it.
        let _ = self.result.recv_timeout(limit);
    }
}

/// Runs sessions until none is left, one fails, or a signal comes.
pub struct Reactor {
    poll: Poll,
    shared: Rc<Shared>,
    sessions: BTreeMap<usize, Box<dyn Session>>,
    next_session: usize,
    timers: Timers,
    signals: Signals,
    _signal_source: mio::net::UnixStream,
}

impl Reactor {
    /// A reactor without sessions, which stops when one of `signals` comes.
    pub fn new(signals: &Signals) -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let mut signal_source = signals.wake_source()?;
        poll.registry().register(&mut signal_source, SIGNAL, Interest::READABLE)?;
        let shared = Rc::new(Shared {
            registry: poll.registry().try_clone()?,
            sources: RefCell::default(),
            next_token: Cell::new(FIRST_SOURCE),
            waker,
            woken: Arc::default(),
        });
        Ok(Reactor {
            poll,
            shared,
            sessions: BTreeMap::new(),
            next_session: 0,
            timers: Timers::default(),
            signals: signals.clone(),
            _signal_source: signal_source,
        })
    }

    /// Adds the session that `make` builds on its handle to this reactor.
    pub fn add<S: Session + 'static>(
        &mut self,
        make: impl FnOnce(Io) -> Result<S, Error>,
    ) -> Result<(), Error> {
        let session = self.next_session;
        self.next_session += 1;
        let made = make(Io { shared: Rc::clone(&self.shared), session })?;
        self.sessions.insert(session, Box::new(made));
        Ok(())
    }

    /// As [`Reactor::add`], for a session that must know when it begins.
    pub fn add_at_start<S: Session + 'static>(
        &mut self,
        make: impl FnOnce(Io, Instant) -> Result<S, Error>,
    ) -> Result<(), Error> {
        self.add(|io| make(io, read_clock()))
    }

    /// Runs until no session is left. A session's failure, or a signal, ends all of them.
    pub fn run(mut self) -> Result<(), Error> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        let mut ready: BTreeSet<usize> = self.sessions.keys().copied().collect();
        loop {
            let now = read_clock();
            while let Some(session) = self.timers.expired(now) {
                ready.insert(session);
            }
            let again = self.advance(std::mem::take(&mut ready), now)?;
            if self.sessions.is_empty() {
                return Ok(());
            }
            let timeout = if again.is_empty() {
                self.timers.next().map(|deadline| deadline.saturating_duration_since(read_clock()))
            } else {
                Some(Duration::ZERO)
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(Error::new(Exit::Failed, format!("epoll: {error}")));
                }
                _ => {}
            }
            if let Some(number) = self.signals.received() {
                for session in self.sessions.values_mut() {
                    session.stop();
                }
                let name = super::signals::name(number);
                return Err(Error::new(Exit::Signal(number), format!("stopped by {name}")));
            }
            ready.extend(again);
            self.collect(&events, &mut ready);
        }
    }

    /// Advances each session of the batch, then removes those that are done. Returns those that want another turn.
    fn advance(&mut self, batch: BTreeSet<usize>, now: Instant) -> Result<Vec<usize>, Error> {
        let (mut again, mut done) = (Vec::new(), Vec::new());
        for id in batch {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            match session.advance(Turn { now, budget_bytes: TURN_BUDGET_BYTES })? {
                Status::Waiting => {}
                Status::Again => again.push(id),
                Status::Done => done.push(id),
            }
            self.timers.set(id, session.deadline());
        }
        for id in done {
            self.sessions.remove(&id);
            self.timers.set(id, None);
        }
        Ok(again)
    }

    fn collect(&self, events: &Events, ready: &mut BTreeSet<usize>) {
        for event in events {
            match event.token() {
                SIGNAL => {}
                WAKER => {
                    let mut woken = self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner);
                    ready.extend(woken.drain(..));
                }
                Token(token) => {
                    if let Some((session, flags)) = self.shared.sources.borrow().get(&token) {
                        let closed = event.is_error() || event.is_read_closed() || event.is_write_closed();
                        let old = flags.get();
                        flags.set(Flags {
                            readable: old.readable || event.is_readable() || closed,
                            writable: old.writable || event.is_writable() || closed,
                        });
                        ready.insert(*session);
                    }
                }
            }
        }
    }
}

/// The one place that reads the clock: once a turn, and once before the wait.
#[allow(clippy::disallowed_methods)]
fn read_clock() -> Instant {
    Instant::now()
}
