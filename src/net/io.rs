//! The handle by which a session reaches its reactor: sources and their readiness, blocking work, other sessions.

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

/// Sticky readiness of one source: set by events, cleared by the session that met `WouldBlock`.
pub struct Readiness {
    flags: Rc<Cell<Flags>>,
    registered: Option<(Rc<Shared>, usize)>,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    readable: bool,
    writable: bool,
    /// There is an end, an error, or (for ever) urgent data: a read that comes short has not found all there is.
    ended: bool,
}

const FIRST_SOURCE: usize = 2;

impl Readiness {
    /// For what never blocks: regular files, `/dev/null` and all else that epoll refuses.
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

    /// The source leaves its reactor, to be registered for another session.
    pub(super) fn release(self, source: &mut impl event::Source) -> io::Result<()> {
        self.registered.as_ref().map_or(Ok(()), |(shared, _)| shared.registry.deregister(source))
    }

    /// A read met `WouldBlock`: wait for the next event.
    pub fn clear_readable(&self) {
        if self.registered.is_some() {
            self.flags.set(Flags { readable: false, ..self.flags.get() });
        }
    }

    /// A read came short: wait for the next event, unless the end was seen coming. True if there will be one.
    pub fn clear_drained(&self) -> bool {
        let may_wait = self.registered.is_some() && !self.flags.get().ended;
        if may_wait {
            self.clear_readable();
        }
        may_wait
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

/// The state that a reactor shares with the handles of its sessions.
pub(super) struct Shared {
    registry: Registry,
    signals: Signals,
    /// Sources by token. Tokens are never reused, so a stale event for a closed source is ignored.
    sources: RefCell<FxHashMap<usize, Registered>>,
    next_token: Cell<usize>,
    next_session: Cell<usize>,
    waker: Arc<mio::Waker>,
    /// Sessions whose blocking work has ended.
    woken: Arc<Mutex<Vec<usize>>>,
    /// Sessions that others of this reactor want to have advanced.
    woken_here: WakeList,
    /// Sessions that others have added, until the reactor takes them in.
    born: RefCell<Vec<(usize, Box<dyn Session>)>>,
    work: Work,
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
            born: RefCell::default(),
            work: Work::default(),
        })
    }

    /// A handle for a new session.
    pub(super) fn handle(self: &Rc<Shared>) -> Io {
        let session = self.next_session.get();
        self.next_session.set(session + 1);
        Io { shared: Rc::clone(self), session }
    }

    /// The blocking work.
    pub(super) fn work(&self) -> Work {
        self.work.clone()
    }

    /// Those that were added since it was asked last.
    pub(super) fn take_born(&self) -> Vec<(usize, Box<dyn Session>)> {
        self.born.take()
    }

    /// Those that were woken since it was asked last.
    pub(super) fn take_woken_here(&self) -> Vec<usize> {
        self.woken_here.take()
    }

    /// Those that were woken by other threads since it was asked last.
    pub(super) fn take_woken(&self) -> Vec<usize> {
        std::mem::take(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes an event sticky. Returns its session; none if its source is closed.
    pub(super) fn note(&self, event: &event::Event) -> Option<usize> {
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

/// The handle by which a session reaches its reactor: registers its sources, runs blocking work, adds other sessions.
#[derive(Clone)]
pub struct Io {
    shared: Rc<Shared>,
    session: usize,
}

impl Io {
    /// Registers a source for both directions, once for its life, edge-triggered.
    pub fn register(&self, source: &mut impl event::Source) -> io::Result<Readiness> {
        let both = Interest::READABLE | Interest::WRITABLE;
        // Urgent data makes reads come short.
        #[cfg(target_os = "linux")]
        let both = both | Interest::PRIORITY;
        self.register_for(source, both)
    }

    /// Registers a source for some directions.
    pub fn register_for(&self, source: &mut impl event::Source, interest: Interest) -> io::Result<Readiness> {
        // What is open from here on must be closed in order.
        self.shared.signals.attend();
        let token = self.shared.next_token.get();
        self.shared.registry.register(source, Token(token), interest)?;
        self.shared.next_token.set(token + 1);
        let flags = Rc::new(Cell::new(Flags::default()));
        self.shared.sources.borrow_mut().insert(token, (self.session, Rc::clone(&flags)));
        Ok(Readiness { flags, registered: Some((Rc::clone(&self.shared), token)) })
    }

    /// The number of the session in its reactor.
    pub(super) fn session(&self) -> usize {
        self.session
    }

    /// Adds a session to this reactor: `make` builds it on its own handle. It is advanced soon after this turn.
    pub fn spawn<S: Session + 'static>(
        &self,
        make: impl FnOnce(Io) -> Result<S, Error>,
    ) -> Result<(), Error> {
        let handle = self.shared.handle();
        let session = handle.session;
        let made = Box::new(make(handle)?);
        self.shared.born.borrow_mut().push((session, made));
        Ok(())
    }

    /// A waker by which another session of this reactor has this one advanced.
    pub fn waker(&self) -> Waker {
        self.shared.woken_here.waker(self.session)
    }

    /// Runs `work`, which may block, on a thread of its own. The session is advanced when it has ended.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        self.spawn_blocking_while_wanted(|_| work())
    }

    /// As [`Io::spawn_blocking`], for work that asks now and then whether its result is still wanted.
    pub fn spawn_blocking_while_wanted<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancellation) -> T + Send + 'static,
    ) -> Result<BlockingTask<T>, Error> {
        let (sender, result) = mpsc::channel();
        let notice = Notice(self.thread_waker());
        let wanted = Cancellation(Arc::new(AtomicBool::new(true)));
        let (asked, running) = (wanted.clone(), self.shared.work.begin());
        std::thread::Builder::new()
            .spawn(move || {
                // Dropped in the reverse order, also when the work panics: first the result's end, then the notice.
                let (_running, notice, sender) = (running, notice, sender);
                // The receiver is gone if the session ended first; then the result is dropped.
                let _ = sender.send(work(&asked));
                drop(sender);
                drop(notice);
            })
            .map_err(|error| Error::new(Exit::Failed, format!("cannot start a thread: {error}")))?;
        Ok(BlockingTask { result, wanted })
    }

    /// A waker by which another thread has this session advanced.
    pub fn thread_waker(&self) -> ThreadWaker {
        ThreadWaker {
            session: self.session,
            waker: Arc::clone(&self.shared.waker),
            woken: Arc::clone(&self.shared.woken),
        }
    }
}

/// Sessions that others of their reactor want to have advanced. Clones are the same list.
#[derive(Clone, Default)]
pub struct WakeList(Rc<RefCell<Vec<usize>>>);

impl WakeList {
    /// What puts the session with this number on the list.
    pub fn waker(&self, session: usize) -> Waker {
        Waker { woken: self.clone(), session }
    }

    /// Those that were put on it since it was asked last.
    pub fn take(&self) -> Vec<usize> {
        self.0.take()
    }
}

/// Has a session advanced, from another session of its reactor.
#[derive(Clone)]
pub struct Waker {
    woken: WakeList,
    session: usize,
}

impl Waker {
    /// The number of the session that it is for.
    pub fn session(&self) -> usize {
        self.session
    }

    /// Does it, in the next turn.
    pub fn wake(&self) {
        self.woken.0.borrow_mut().push(self.session);
    }
}

/// Has a session advanced, from any thread.
#[derive(Clone)]
pub struct ThreadWaker {
    session: usize,
    waker: Arc<mio::Waker>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl ThreadWaker {
    /// Does it, soon.
    pub fn wake(&self) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
        // Fails only when the reactor is gone.
        let _ = self.waker.wake();
    }
}

/// Wakes the session when dropped: also when the work panicked.
struct Notice(ThreadWaker);

impl Drop for Notice {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Work that runs on other threads; see [`Io::spawn_blocking`].
pub struct BlockingTask<T> {
    result: mpsc::Receiver<T>,
    wanted: Cancellation,
}

/// Whether the result of blocking work is still wanted: until its [`BlockingTask`] is dropped.
#[derive(Clone)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Asks.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> Drop for BlockingTask<T> {
    fn drop(&mut self) {
        self.wanted.0.store(false, Ordering::Relaxed);
    }
}

/// Work on other threads: how much of it is running. Clones are the same.
#[derive(Clone, Default)]
pub struct Work(Arc<(Mutex<usize>, Condvar)>);

/// Work that is running, until this is dropped.
pub struct OneRunning(Work);

impl Work {
    /// Some begins.
    pub fn begin(&self) -> OneRunning {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        OneRunning(self.clone())
    }

    /// Blocks until none is running, also of sessions that have ended.
    pub fn await_end(&self) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(count, |count| *count > 0));
    }

    /// As [`Work::await_end`], for at most `limit`.
    pub fn await_end_within(&self, limit: Duration) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it ran out of time or not: the caller has no more of it.
        let _ = self.0.1.wait_timeout_while(count, limit, |count| *count > 0);
    }
}

impl Drop for OneRunning {
    fn drop(&mut self) {
        *self.0.0.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.1.notify_all();
    }
}

impl<T> BlockingTask<T> {
    /// The result, once: `None` while the work continues.
    pub fn take(&mut self) -> Option<Result<T, Error>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => {
                Some(Err(Error::new(Exit::Failed, "a worker thread failed")))
            }
        }
    }

    /// Blocks until the work has ended, or for at most `limit`; its result is thrown away. For work that must not be cut
    /// short by the end of the process.
    pub fn await_end(self, limit: Duration) {
        // Ended, failed or still at it: no session is left to act on it.
        let _ = self.result.recv_timeout(limit);
    }
}
