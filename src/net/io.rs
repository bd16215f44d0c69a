//! The handle of a session to its reactor: sources and their readiness, blocking tasks, wakers, new sessions.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use mio::{Interest, Registry, Token, event};
use rustc_hash::FxHashMap;

use super::blocking::{Kind, LongWork, submit};
use super::session::Session;
use super::signals::Signals;
use super::tasks::{BlockingTask, Cancellation, WaitGroup};
use super::wakers::{ThreadWaker, WakeList, WakeOnDrop, Waker};
use crate::error::{Error, Exit};

/// Sticky readiness of one source: set by events, cleared by the session when a call returns `WouldBlock`. Both happen on
/// the thread that the session is on.
pub struct Readiness {
    flags: Arc<Flags>,
    registered: Option<(Arc<Shared>, usize)>,
}

/// The flags of a [`Readiness`]: a set of the bits below.
#[derive(Default)]
struct Flags(AtomicU8);

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// An end, an error or (from then on) urgent data was reported: a short read has not found everything.
const ENDED: u8 = 4;

impl Flags {
    fn has(&self, flags: u8) -> bool {
        self.0.load(Ordering::Relaxed) & flags == flags
    }

    // One thread changes them at a time: no read-modify-write is needed.
    fn set(&self, flags: u8) {
        self.0.store(self.0.load(Ordering::Relaxed) | flags, Ordering::Relaxed);
    }

    fn clear(&self, flags: u8) {
        self.0.store(self.0.load(Ordering::Relaxed) & !flags, Ordering::Relaxed);
    }
}

const FIRST_SOURCE: usize = 2;

impl Readiness {
    /// The readiness of a source that never blocks: a regular file, `/dev/null`, or anything else that epoll refuses.
    pub fn always() -> Readiness {
        let flags = Flags::default();
        flags.set(READABLE | WRITABLE);
        Readiness { flags: Arc::new(flags), registered: None }
    }

    /// True if a read may find something.
    pub fn is_readable(&self) -> bool {
        self.flags.has(READABLE)
    }

    /// True if a write may find room.
    pub fn is_writable(&self) -> bool {
        self.flags.has(WRITABLE)
    }

    /// Deregisters the source, so that another session can register it.
    pub(super) fn release(self, source: &mut impl event::Source) -> io::Result<()> {
        self.registered.as_ref().map_or(Ok(()), |(shared, _)| shared.registry.deregister(source))
    }

    /// Sets it for a new source that surely has room, before the first event.
    pub fn set_writable(&self) {
        self.flags.set(WRITABLE);
    }

    /// Clears it after a read returned `WouldBlock`: the next event sets it again.
    pub fn clear_readable(&self) {
        if self.registered.is_some() {
            self.flags.clear(READABLE);
        }
    }

    /// Clears it after a short read, unless an end was reported. True if it was cleared and the next event sets it
    /// again.
    pub fn clear_drained(&self) -> bool {
        let may_wait = self.registered.is_some() && !self.flags.has(ENDED);
        if may_wait {
            self.clear_readable();
        }
        may_wait
    }

    /// Clears it after a write returned `WouldBlock`: the next event sets it again.
    pub fn clear_writable(&self) {
        if self.registered.is_some() {
            self.flags.clear(WRITABLE);
        }
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        if let Some((shared, token)) = &self.registered {
            shared.sources().remove(token);
        }
    }
}

/// A source's session and its readiness.
type Registered = (usize, Arc<Flags>);

/// The state that a reactor shares with the handles of its sessions.
pub(super) struct Shared {
    registry: Registry,
    signals: Signals,
    /// Sources by token. Tokens are never reused, so a stale event for a closed source is ignored.
    sources: Mutex<FxHashMap<usize, Registered>>,
    next_token: AtomicUsize,
    waker: Arc<mio::Waker>,
    /// Sessions to advance, added by other threads.
    woken: Arc<Mutex<Vec<usize>>>,
    tasks: WaitGroup,
}

impl Shared {
    pub(super) fn new(registry: Registry, signals: Signals, waker: Arc<mio::Waker>) -> Arc<Shared> {
        Arc::new(Shared {
            registry,
            signals,
            sources: Mutex::default(),
            next_token: AtomicUsize::new(FIRST_SOURCE),
            waker,
            woken: Arc::default(),
            tasks: WaitGroup::default(),
        })
    }

    /// Makes the handle of the session with this id.
    pub(super) fn handle(self: &Arc<Shared>, session: usize) -> IoHandle {
        IoHandle { shared: Arc::clone(self), session }
    }

    fn sources(&self) -> MutexGuard<'_, FxHashMap<usize, Registered>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread that polls.
    pub(super) fn waker(&self) -> Arc<mio::Waker> {
        Arc::clone(&self.waker)
    }

    /// The blocking tasks that are running.
    pub(super) fn tasks(&self) -> WaitGroup {
        self.tasks.clone()
    }

    /// Takes the sessions that were woken by other threads.
    pub(super) fn take_woken(&self) -> Vec<usize> {
        std::mem::take(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records an event in its source's readiness. Returns the session; `None` if the source is closed.
    pub(super) fn record_event(&self, event: &event::Event) -> Option<usize> {
        let sources = self.sources();
        let (session, flags) = sources.get(&event.token().0)?;
        let closed = event.is_error() || event.is_read_closed() || event.is_write_closed();
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        flags.set(
            flag(event.is_readable() || event.is_priority() || closed, READABLE)
                | flag(event.is_writable() || closed, WRITABLE)
                | flag(event.is_priority() || closed, ENDED),
        );
        Some(*session)
    }
}

/// What the sessions of one thread's reactor share.
#[derive(Default)]
pub(super) struct Local {
    next_session: Cell<usize>,
    /// Sessions to advance, added by other sessions of this reactor.
    woken_here: WakeList,
    /// New sessions that the reactor has not added yet.
    spawned: RefCell<Vec<(usize, Box<dyn Session>)>>,
}

impl Local {
    /// Makes the handle of a new session.
    pub(super) fn handle(self: &Rc<Local>, shared: &Arc<Shared>) -> Io {
        let session = self.next_session.get();
        self.next_session.set(session + 1);
        Io { handle: shared.handle(session), local: Rc::clone(self) }
    }

    /// Takes the new sessions.
    pub(super) fn take_spawned(&self) -> Vec<(usize, Box<dyn Session>)> {
        self.spawned.take()
    }

    /// Takes the sessions that were woken by other sessions of this reactor.
    pub(super) fn take_woken_here(&self) -> Vec<usize> {
        self.woken_here.take()
    }
}

/// The handle of a session to its reactor: an [`IoHandle`] that also adds sessions, and wakes them from each other. It
/// stays on its thread.
#[derive(Clone)]
pub struct Io {
    handle: IoHandle,
    local: Rc<Local>,
}

impl Deref for Io {
    type Target = IoHandle;

    fn deref(&self) -> &IoHandle {
        &self.handle
    }
}

impl Io {
    /// The handle that may go to another thread, with its session.
    pub fn handle(&self) -> IoHandle {
        self.handle.clone()
    }

    /// Adds a session to this reactor: `make` builds it with its own handle. It is advanced after this turn.
    pub fn spawn<S: Session + 'static>(
        &self,
        make: impl FnOnce(Io) -> Result<S, Error>,
    ) -> Result<(), Error> {
        let io = self.local.handle(&self.handle.shared);
        let session = io.session;
        let new = Box::new(make(io)?);
        self.local.spawned.borrow_mut().push((session, new));
        Ok(())
    }

    /// A waker for this session, for use by other sessions of this reactor.
    pub fn waker(&self) -> Waker {
        self.local.woken_here.waker(self.session)
    }
}

/// The handle of a session to the readiness of its sources: registers them, runs blocking tasks. It may go to another
/// thread, with its session.
#[derive(Clone)]
pub struct IoHandle {
    shared: Arc<Shared>,
    session: usize,
}

impl IoHandle {
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
        let token = self.shared.next_token.fetch_add(1, Ordering::Relaxed);
        self.shared.registry.register(source, Token(token), interest)?;
        let flags = Arc::new(Flags::default());
        self.shared.sources().insert(token, (self.session, Arc::clone(&flags)));
        Ok(Readiness { flags, registered: Some((Arc::clone(&self.shared), token)) })
    }

    /// The id of the session in its reactor.
    pub(super) fn session_id(&self) -> usize {
        self.session
    }

    /// Runs `work`, which may block for a moment, on a thread of the pool. The session is advanced after it has ended.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        self.start(|job| submit(Kind::Short, job), move |_| work())
    }

    /// As [`IoHandle::spawn_blocking`], for work that takes its time: it has to ask whether it goes on.
    pub fn spawn_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LongWork<'_>) -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        let work = |cancellation: &Cancellation| work(&LongWork::begin(cancellation));
        self.start(|job| submit(Kind::Long, job), work)
    }

    /// As [`IoHandle::spawn_blocking`], on a thread of its own.
    pub fn spawn_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        self.start(|job| std::thread::Builder::new().spawn(job).map(drop), move |_| work())
    }

    fn start<T: Send + 'static>(
        &self,
        thread: impl FnOnce(Box<dyn FnOnce() + Send>) -> io::Result<()>,
        work: impl FnOnce(&Cancellation) -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        let (sender, result) = mpsc::channel();
        let wake = WakeOnDrop(self.thread_waker());
        let cancellation = Cancellation::default();
        let (shared, running) = (cancellation.clone(), self.shared.tasks.enter());
        let job = move || {
            // Dropped in reverse order, even if the work panics: the channel is closed before the session is woken.
            let (_running, wake, sender) = (running, wake, sender);
            // The receiver is gone if the session ended first; then the result is dropped.
            let _ = sender.send(work(&shared));
            drop(sender);
            drop(wake);
        };
        thread(Box::new(job))
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
