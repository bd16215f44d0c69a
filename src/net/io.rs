//! The handle of a session to its reactor: sources and their readiness, blocking tasks, wakers, new sessions.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use mio::{Interest, Registry, Token, event};
use rustc_hash::FxHashMap;

use super::session::Session;
use super::signals::Signals;
use crate::error::{Error, Exit};

/// Sticky readiness of one source: set by events, cleared by the session when a call returns `WouldBlock`.
pub struct Readiness {
    flags: Rc<Cell<Flags>>,
    registered: Option<(Rc<Shared>, usize)>,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    readable: bool,
    writable: bool,
    /// An end, an error or (from then on) urgent data was reported: a short read has not found everything.
    ended: bool,
}

const FIRST_SOURCE: usize = 2;

impl Readiness {
    /// The readiness of a source that never blocks: a regular file, `/dev/null`, or anything else that epoll refuses.
    pub fn always() -> Readiness {
        let flags = Flags { readable: true, writable: true, ended: false };
        Readiness { flags: Rc::new(Cell::new(flags)), registered: None }
    }

    /// True if a read may find something.
    pub fn is_readable(&self) -> bool {
        self.flags.get().readable
    }

    /// True if a write may find room.
    pub fn is_writable(&self) -> bool {
        self.flags.get().writable
    }

    /// Deregisters the source, so that another session can register it.
    pub(super) fn release(self, source: &mut impl event::Source) -> io::Result<()> {
        self.registered.as_ref().map_or(Ok(()), |(shared, _)| shared.registry.deregister(source))
    }

    /// Sets it for a new source that surely has room, before the first event.
    pub fn set_writable(&self) {
        self.flags.set(Flags { writable: true, ..self.flags.get() });
    }

    /// Clears it after a read returned `WouldBlock`: the next event sets it again.
    pub fn clear_readable(&self) {
        if self.registered.is_some() {
            self.flags.set(Flags { readable: false, ..self.flags.get() });
        }
    }

    /// Clears it after a short read, unless an end was reported. True if it was cleared and the next event sets it
    /// again.
    pub fn clear_drained(&self) -> bool {
        let may_wait = self.registered.is_some() && !self.flags.get().ended;
        if may_wait {
            self.clear_readable();
        }
        may_wait
    }

    /// Clears it after a write returned `WouldBlock`: the next event sets it again.
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

/// The state that a reactor shares with the handles of its sessions.
pub(super) struct Shared {
    registry: Registry,
    signals: Signals,
    /// Sources by token. Tokens are never reused, so a stale event for a closed source is ignored.
    sources: RefCell<FxHashMap<usize, Registered>>,
    next_token: Cell<usize>,
    next_session: Cell<usize>,
    waker: Arc<mio::Waker>,
    /// Sessions to advance, added by other threads.
    woken: Arc<Mutex<Vec<usize>>>,
    /// Sessions to advance, added by other sessions of this reactor.
    woken_here: WakeList,
    /// New sessions that the reactor has not added yet.
    spawned: RefCell<Vec<(usize, Box<dyn Session>)>>,
    tasks: WaitGroup,
}

impl Shared {
    pub(super) fn new(registry: Registry, signals: Signals, waker: Arc<mio::Waker>) -> Rc<Shared> {
        Rc::new(Shared {
            registry,
            signals,
            sources: RefCell::default(),
            next_token: Cell::new(FIRST_SOURCE),
            next_session: Cell::default(),
            waker,
            woken: Arc::default(),
            woken_here: WakeList::default(),
            spawned: RefCell::default(),
            tasks: WaitGroup::default(),
        })
    }

    /// Makes the handle of a new session.
    pub(super) fn handle(self: &Rc<Shared>) -> Io {
        let session = self.next_session.get();
        self.next_session.set(session + 1);
        Io { shared: Rc::clone(self), session }
    }

    /// The blocking tasks that are running.
    pub(super) fn tasks(&self) -> WaitGroup {
        self.tasks.clone()
    }

    /// Takes the new sessions.
    pub(super) fn take_spawned(&self) -> Vec<(usize, Box<dyn Session>)> {
        self.spawned.take()
    }

    /// Takes the sessions that were woken by other sessions of this reactor.
    pub(super) fn take_woken_here(&self) -> Vec<usize> {
        self.woken_here.take()
    }

    /// Takes the sessions that were woken by other threads.
    pub(super) fn take_woken(&self) -> Vec<usize> {
        std::mem::take(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records an event in its source's readiness. Returns the session; `None` if the source is closed.
    pub(super) fn record_event(&self, event: &event::Event) -> Option<usize> {
        let sources = self.sources.borrow();
        let (session, flags) = sources.get(&event.token().0)?;
        let closed = event.is_error() || event.is_read_closed() || event.is_write_closed();
        let old = flags.get();
        flags.set(Flags {
            readable: old.readable || event.is_readable() || event.is_priority() || closed,
            writable: old.writable || event.is_writable() || closed,
            ended: old.ended || closed || event.is_priority(),
        });
        Some(*session)
    }
}

/// The handle of a session to its reactor: registers sources, runs blocking tasks, adds sessions.
#[derive(Clone)]
pub struct Io {
    shared: Rc<Shared>,
    session: usize,
}

impl Io {
    /// Registers a source for reading and writing, edge-triggered, until it is closed.
    pub fn register(&self, source: &mut impl event::Source) -> io::Result<Readiness> {
        let both = Interest::READABLE | Interest::WRITABLE;
        // Urgent data makes reads short.
        #[cfg(target_os = "linux")]
        let both = both | Interest::PRIORITY;
        self.register_for(source, both)
    }

    /// Registers a source for reading, writing or both.
    pub fn register_for(&self, source: &mut impl event::Source, interest: Interest) -> io::Result<Readiness> {
        // From here on a signal must let sessions close their sources in order.
        self.shared.signals.attend();
        let token = self.shared.next_token.get();
        self.shared.registry.register(source, Token(token), interest)?;
        self.shared.next_token.set(token + 1);
        let flags = Rc::new(Cell::new(Flags::default()));
        self.shared.sources.borrow_mut().insert(token, (self.session, Rc::clone(&flags)));
        Ok(Readiness { flags, registered: Some((Rc::clone(&self.shared), token)) })
    }

    /// The id of the session in its reactor.
    pub(super) fn session_id(&self) -> usize {
        self.session
    }

    /// Adds a session to this reactor: `make` builds it with its own handle. It is advanced after this turn.
    pub fn spawn<S: Session + 'static>(
        &self,
        make: impl FnOnce(Io) -> Result<S, Error>,
    ) -> Result<(), Error> {
        let handle = self.shared.handle();
        let session = handle.session;
        let new = Box::new(make(handle)?);
        self.shared.spawned.borrow_mut().push((session, new));
        Ok(())
    }

    /// A waker for this session, for use by other sessions of this reactor.
    pub fn waker(&self) -> Waker {
        self.shared.woken_here.waker(self.session)
    }

    /// Runs `work`, which may block, on a thread of its own. The session is advanced after it has ended.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        self.spawn_cancellable(|_| work())
    }

    /// As [`Io::spawn_blocking`], for work that checks for its cancellation.
    pub fn spawn_cancellable<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancellation) -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        let (sender, result) = mpsc::channel();
        let wake = WakeOnDrop(self.thread_waker());
        let cancellation = Cancellation::default();
        let (shared, running) = (cancellation.clone(), self.shared.tasks.enter());
        std::thread::Builder::new()
            .spawn(move || {
                // Dropped in reverse order, even if the work panics: the channel is closed before the session is woken.
                let (_running, wake, sender) = (running, wake, sender);
                // The receiver is gone if the session ended first; then the result is dropped.
                let _ = sender.send(work(&shared));
                drop(sender);
                drop(wake);
            })
            .map_err(|error| Error::new(Exit::Failed, format!("cannot start a thread: {error}")))?;
        Ok(BlockingTask { result, cancellation })
    }

    /// A waker for this session, for use by other threads.
    pub fn thread_waker(&self) -> ThreadWaker {
        ThreadWaker {
            session: self.session,
            waker: Arc::clone(&self.shared.waker),
            woken: Arc::clone(&self.shared.woken),
        }
    }
}

/// A list of sessions to advance in the next turn of their reactor. Clones share it.
#[derive(Clone, Default)]
pub struct WakeList(Rc<RefCell<Vec<usize>>>);

impl WakeList {
    /// A waker that adds the session with this id to the list.
    pub fn waker(&self, session: usize) -> Waker {
        Waker { woken: self.clone(), session }
    }

    /// Empties the list and returns its sessions.
    pub fn take(&self) -> Vec<usize> {
        self.0.take()
    }
}

/// Wakes a session from another session of its reactor.
#[derive(Clone)]
pub struct Waker {
    woken: WakeList,
    session: usize,
}

impl Waker {
    /// The id of the session.
    pub fn session_id(&self) -> usize {
        self.session
    }

    /// Has the session advanced in the next turn.
    pub fn wake(&self) {
        self.woken.0.borrow_mut().push(self.session);
    }
}

/// Wakes a session from any thread.
#[derive(Clone)]
pub struct ThreadWaker {
    session: usize,
    waker: Arc<mio::Waker>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl ThreadWaker {
    /// Has the session advanced soon.
    pub fn wake(&self) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
        // It fails only if the reactor is gone.
        let _ = self.waker.wake();
    }
}

/// Wakes the session when dropped, even if the work panics.
struct WakeOnDrop(ThreadWaker);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Work on another thread, which is cancelled when this is dropped; see [`Io::spawn_blocking`].
pub struct BlockingTask<T> {
    result: mpsc::Receiver<T>,
    cancellation: Cancellation,
}

/// The flag by which blocking work learns that its [`BlockingTask`] was dropped.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// True if the result is not needed any more.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> Drop for BlockingTask<T> {
    fn drop(&mut self) {
        self.cancellation.0.store(true, Ordering::Relaxed);
    }
}

/// Counts threads that are running, and waits for their end. Clones share the count.
#[derive(Clone, Default)]
pub struct WaitGroup(Arc<(Mutex<usize>, Condvar)>);

/// A running thread of a [`WaitGroup`], until this is dropped.
pub struct Running(WaitGroup);

impl WaitGroup {
    /// Adds a running thread.
    pub fn enter(&self) -> Running {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Running(self.clone())
    }

    /// Blocks until no thread is running.
    pub fn wait(&self) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(count, |count| *count > 0));
    }

    /// As [`WaitGroup::wait`], for at most `limit`.
    pub fn wait_within(&self, limit: Duration) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Timed out or not: the caller waits no longer.
        let _ = self.0.1.wait_timeout_while(count, limit, |count| *count > 0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.0.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.1.notify_all();
    }
}

impl<T> BlockingTask<T> {
    /// Takes the result; `None` while the work is running.
    pub fn take(&mut self) -> Option<Result<T, Error>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => {
                Some(Err(Error::new(Exit::Failed, "a worker thread failed")))
            }
        }
    }

    /// Blocks until the work has ended, for at most `limit`, and discards its result. For work that the end of the
    /// process must not interrupt.
    pub fn wait(self, limit: Duration) {
        // Ended, failed or still running: no session is left to act on it.
        let _ = self.result.recv_timeout(limit);
    }
}
