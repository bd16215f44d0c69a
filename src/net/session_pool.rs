//! Many sessions on few threads: a session has one while it has something to do, and costs none while it waits.
//!
//! A session may block, on a slow disk for instance. Then its thread does not count, and another one takes its place: a
//! session waits for its turn because others compute, and because others wait for no longer than 20 ms.

mod member;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Interest;
use mio::unix::SourceFd;

use self::member::Member;
use super::clock::read_clock;
use super::io::{Io, IoHandle, Readiness};
use super::session::{Context, Session, Status, Stop};
use super::signals::Signals;
use super::solo::SoloSession;
use super::tasks::{Running, WaitGroup};
use super::wakers::ThreadWaker;
use crate::error::{Error, Exit};

/// A turn that takes longer is taken to be blocked.
const BLOCKED_AFTER: Duration = Duration::from_millis(20);
/// Threads that are started at once in place of blocked ones.
const MAX_AT_ONCE: usize = 32;
/// Threads that are started at once when the process is about to stop.
const MAX_AT_END: usize = 256;

/// Sessions that share threads.
pub(crate) struct SessionPool {
    shared: Arc<Shared>,
    io: Io,
    signals: Signals,
    group: WaitGroup,
}

struct Shared {
    queues: Mutex<Queues>,
    /// The length of [`Queues::ready`], to look at without the lock.
    waiting: AtomicUsize,
    /// Threads without work wait for it.
    work: Condvar,
    /// Threads that run at the same time, without those that are blocked.
    workers: usize,
    owner: ThreadWaker,
    /// Times are counted from here.
    start: Instant,
}

#[derive(Default)]
struct Queues {
    /// Sessions that have something to do, the longest waiting first.
    ready: VecDeque<Job>,
    /// Sessions that wait, or have ended, on their way to the pool's own thread.
    returned: Vec<Returned>,
    threads: Vec<Arc<Thread>>,
    idle_threads: usize,
    is_closed: bool,
}

/// What others know of a thread.
#[derive(Default)]
struct Thread {
    /// When its session's turn began, in microseconds from [`Shared::start`]; 0: there is none.
    turn_began: AtomicU64,
    /// Wakes it while its session waits for readiness.
    lingering: Mutex<Option<Arc<mio::Waker>>>,
}

struct Job {
    id: u64,
    work: Work,
    queued_at: Instant,
    /// The end of the process waits for it.
    running: Running,
}

enum Work {
    Begin(Box<dyn FnOnce() -> Result<SoloSession, Error> + Send>),
    Continue(Box<SoloSession>),
    /// It cannot be parked.
    End(Box<SoloSession>, Error),
}

enum Returned {
    Idle(Job, Option<Instant>),
    Ended(u64, Result<(), Error>),
}

impl SessionPool {
    /// A pool with `workers` threads, which are started when they are needed. The session of `io` is woken when it has to call
    /// [`SessionPool::advance`]. `group` counts the sessions.
    pub(crate) fn new(workers: usize, group: WaitGroup, (io, signals): (Io, Signals)) -> SessionPool {
        let shared = Shared {
            queues: Mutex::default(),
            waiting: AtomicUsize::default(),
            work: Condvar::new(),
            workers: workers.max(1),
            owner: io.thread_waker(),
            start: read_clock(),
        };
        SessionPool { shared: Arc::new(shared), io, signals, group }
    }

    /// Begins the session that `make` builds on a thread of the pool. `id` names it when it has ended.
    pub(crate) fn begin(
        &self,
        id: u64,
        make: impl FnOnce(IoHandle, Instant) -> Result<Box<dyn Session + Send>, Error> + Send + 'static,
    ) {
        let signals = self.signals.clone();
        let work = Work::Begin(Box::new(move || SoloSession::new(&signals, make)));
        self.shared.submit(Job { id, work, queued_at: read_clock(), running: self.group.enter() });
    }

    /// Takes back the sessions that wait, starts threads in place of those that are blocked, and returns the sessions that have
    /// ended.
    pub(crate) fn advance(&self, now: Instant) -> Vec<(u64, Result<(), Error>)> {
        let returned = std::mem::take(&mut self.shared.queues().returned);
        let mut ended = Vec::new();
        for returned in returned {
            match returned {
                Returned::Ended(id, result) => ended.push((id, result)),
                Returned::Idle(job, deadline) => self.park(job, deadline),
            }
        }
        self.shared.replace_blocked(now);
        ended
    }

    /// When to call [`SessionPool::advance`] if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.shared.queues().ready.front().map(|job| job.queued_at + BLOCKED_AFTER)
    }

    /// Has a session wait for its readiness or deadline on the pool's own reactor.
    fn park(&self, job: Job, deadline: Option<Instant>) {
        let fd = match &job.work {
            // After a signal it has something to say before the process ends.
            Work::Continue(session) if self.signals.received().is_none() => session.fd(),
            _ => return self.shared.submit(job),
        };
        let mut job = Some(job);
        let spawned = self.io.spawn(|io| {
            let readiness = io.register_for(&mut SourceFd(&fd), Interest::READABLE);
            let readiness = readiness.map_err(|error| Error::new(Exit::Failed, error))?;
            let job = job.take().map(|job| (job, readiness));
            Ok(Parked { job, deadline, shared: Arc::clone(&self.shared) })
        });
        if let (Err(error), Some(job)) = (spawned, job) {
            let work = match job.work {
                Work::Continue(session) => Work::End(session, error),
                work => work,
            };
            self.shared.submit(Job { work, ..job });
        }
    }
}

impl Drop for SessionPool {
    fn drop(&mut self) {
        let mut queues = self.shared.queues();
        queues.is_closed = true;
        for returned in std::mem::take(&mut queues.returned) {
            if let Returned::Idle(job, _) = returned {
                self.shared.push(&mut queues, job);
            }
        }
        // Nobody replaces threads that are blocked any more, and after a signal all sessions have something to say at once.
        for _ in 0..queues.ready.len().min(MAX_AT_END) {
            self.shared.start_thread(&mut queues);
        }
        drop(queues);
        self.shared.work.notify_all();
    }
}

/// A session that waits, on the pool's own reactor.
struct Parked {
    job: Option<(Job, Readiness)>,
    deadline: Option<Instant>,
    shared: Arc<Shared>,
}

impl Parked {
    fn leave(&mut self) {
        let Some((mut job, readiness)) = self.job.take() else { return };
        if let Work::Continue(session) = &job.work {
            // It cannot fail: the descriptor is open, and registered.
            let _ = readiness.release(&mut SourceFd(&session.fd()));
        }
        job.queued_at = read_clock();
        self.shared.submit(job);
    }
}

impl Session for Parked {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let is_due = self.deadline.is_some_and(|deadline| context.now >= deadline);
        match &self.job {
            Some((_, readiness)) if !is_due && !readiness.is_readable() => Ok(Status::Waiting),
            _ => {
                self.leave();
                Ok(Status::Done)
            }
        }
    }

    fn stop(&mut self) -> Stop {
        self.leave();
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        lock(&self.queues)
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_micros() as u64
    }

    fn push(&self, queues: &mut Queues, job: Job) {
        queues.ready.push_back(job);
        self.waiting.store(queues.ready.len(), Ordering::Relaxed);
    }

    /// Queues a session that has something to do, and finds a thread for it.
    fn submit(self: &Arc<Self>, job: Job) {
        let mut queues = self.queues();
        self.push(&mut queues, job);
        // A thread that was notified is idle until it has the lock.
        if queues.ready.len() <= queues.idle_threads {
            self.work.notify_one();
            return;
        }
        let most = if queues.is_closed { MAX_AT_END } else { self.workers };
        if queues.threads.len() < most && self.start_thread(&mut queues) {
            return;
        }
        queues.threads.iter().any(|thread| thread.leave());
        // If all of them are blocked, it needs another one.
        self.owner.wake();
    }

    /// Starts threads in place of those that are blocked, if sessions have waited for too long.
    fn replace_blocked(self: &Arc<Self>, now: Instant) {
        let mut queues = self.queues();
        let is_late = |job: &Job| now.saturating_duration_since(job.queued_at) >= BLOCKED_AFTER;
        let late = queues.ready.iter().take_while(|job| is_late(job)).count();
        if late == 0 {
            return;
        }
        let blocked = self.blocked(&queues, now);
        let running = queues.threads.len() - blocked;
        // One for each of those that have waited, if nobody works on the queue: they may block as well.
        let most = if running == 0 { late } else { late.min(self.workers.saturating_sub(running)) };
        for _ in 0..most.min(MAX_AT_ONCE) {
            self.start_thread(&mut queues);
        }
        if queues.idle_threads > 0 {
            self.work.notify_all();
        }
        // Those that still wait are looked at again.
        queues.ready.iter_mut().take(late).for_each(|job| job.queued_at = now);
    }

    /// Counts the threads whose turn takes too long.
    fn blocked(&self, queues: &Queues, now: Instant) -> usize {
        let now = self.micros(now);
        let is_blocked = |thread: &&Arc<Thread>| match thread.turn_began.load(Ordering::Relaxed) {
            0 => false,
            began => now.saturating_sub(began) >= BLOCKED_AFTER.as_micros() as u64,
        };
        queues.threads.iter().filter(is_blocked).count()
    }

    /// Starts a thread, which takes the first session of the queue. False if the system has none.
    fn start_thread(self: &Arc<Self>, queues: &mut Queues) -> bool {
        let thread = Arc::new(Thread::default());
        queues.threads.push(Arc::clone(&thread));
        let shared = Arc::clone(self);
        let started = std::thread::Builder::new().name("session".into()).spawn(move || {
            let member = Member { shared, thread };
            while let Some(job) = member.next_job() {
                member.run(job);
            }
        });
        // Without a new thread sessions wait for those that run.
        if started.is_err() {
            queues.threads.pop();
        }
        started.is_ok()
    }
}

impl Thread {
    /// Has it give up a session that waits. False if it has none.
    fn leave(&self) -> bool {
        lock(&self.lingering).take().is_some_and(|waker| waker.wake().is_ok())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
