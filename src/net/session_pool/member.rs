//! A thread of a pool of sessions.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Job, Queues, Returned, Shared, Thread, Work, lock};
use crate::error::{Error, Exit};
use crate::net::clock::read_clock;
use crate::net::solo::{Host, Pause};

/// How long a thread waits for further work.
const IDLE_LIMIT: Duration = Duration::from_secs(1);

/// A thread of the pool, on that thread.
pub(super) struct Member {
    pub(super) shared: Arc<Shared>,
    pub(super) thread: Arc<Thread>,
}

impl Member {
    /// Waits for work. `None`: this thread is not needed any more.
    pub(super) fn next_job(&self) -> Option<Job> {
        let shared = &self.shared;
        let mut queues = shared.queues();
        loop {
            // It stood in for one that was blocked.
            let is_surplus = !queues.is_closed
                && queues.threads.len() > shared.workers
                && queues.threads.len() - shared.blocked(&queues, read_clock()) > shared.workers;
            if is_surplus {
                if !queues.ready.is_empty() {
                    // The others may have missed what this one was notified of.
                    shared.work.notify_one();
                    shared.owner.wake();
                }
                return self.leaves(&mut queues);
            }
            if let Some(job) = queues.ready.pop_front() {
                shared.waiting.store(queues.ready.len(), Ordering::Relaxed);
                return Some(job);
            }
            if queues.is_closed {
                return self.leaves(&mut queues);
            }
            queues.idle_threads += 1;
            let (guard, waited) =
                shared.work.wait_timeout(queues, IDLE_LIMIT).unwrap_or_else(PoisonError::into_inner);
            queues = guard;
            queues.idle_threads -= 1;
            if waited.timed_out() && queues.ready.is_empty() {
                return self.leaves(&mut queues);
            }
        }
    }

    /// Nobody counts on this thread from now on.
    fn leaves(&self, queues: &mut Queues) -> Option<Job> {
        queues.threads.retain(|thread| !Arc::ptr_eq(thread, &self.thread));
        None
    }

    pub(super) fn run(&self, job: Job) {
        let Job { id, work, running, .. } = job;
        // Also if the session panics.
        let panicked = Err(Error::new(Exit::Failed, "a worker thread failed"));
        let ends = Ends { id, member: self, end: End::With(panicked) };
        self.turn_begins(read_clock());
        let mut session = match work {
            Work::Continue(session) => session,
            Work::End(session, error) => {
                session.end();
                return ends.with(Err(error));
            }
            Work::Begin(make) => match make() {
                Ok(session) => Box::new(session),
                Err(error) => return ends.with(Err(error)),
            },
        };
        let result = session.run(&Hosted { member: self, waker: session.waker() });
        let may_park = matches!(result, Ok(Pause::Idle)) && !session.is_stopping();
        match result {
            Ok(Pause::Idle | Pause::Yielded) => {
                ends.not_yet();
                let deadline = session.deadline();
                let job = Job { id, work: Work::Continue(session), queued_at: read_clock(), running };
                let mut queues = self.shared.queues();
                match (may_park, queues.is_closed) {
                    (true, false) => queues.returned.push(Returned::Idle(job, deadline)),
                    (false, _) => self.shared.push(&mut queues, job),
                    // The run is over, and nobody waits for this session.
                    (true, true) => {
                        drop(queues);
                        drop(job);
                    }
                }
            }
            result => {
                session.end();
                ends.with(result.map(|_| ()));
            }
        }
        if may_park {
            self.shared.owner.wake();
        }
    }

    fn turn_begins(&self, now: Instant) {
        // 0 would say that there is none.
        self.thread.turn_began.store(self.shared.micros(now).max(1), Ordering::Relaxed);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Also if its session has panicked.
        self.leaves(&mut self.shared.queues());
    }
}

/// Reports the end of a session when it is dropped, also if the session has panicked.
struct Ends<'a> {
    id: u64,
    member: &'a Member,
    end: End,
}

enum End {
    NotYet,
    With(Result<(), Error>),
}

impl Ends<'_> {
    fn with(mut self, result: Result<(), Error>) {
        self.end = End::With(result);
    }

    fn not_yet(mut self) {
        self.end = End::NotYet;
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.member.thread.turn_began.store(0, Ordering::Relaxed);
        lock(&self.member.thread.lingering).take();
        if let End::With(result) = std::mem::replace(&mut self.end, End::NotYet) {
            self.member.shared.queues().returned.push(Returned::Ended(self.id, result));
            self.member.shared.owner.wake();
        }
    }
}

/// The thread as its session sees it.
struct Hosted<'a> {
    member: &'a Member,
    waker: Arc<mio::Waker>,
}

impl Host for Hosted<'_> {
    fn turn_begins(&self, now: Instant) {
        self.member.turn_begins(now);
        lock(&self.member.thread.lingering).take();
    }

    fn turn_ends(&self) {
        *lock(&self.member.thread.lingering) = Some(Arc::clone(&self.waker));
        self.member.thread.turn_began.store(0, Ordering::Relaxed);
    }

    fn has_others(&self) -> bool {
        self.member.shared.waiting.load(Ordering::Relaxed) > 0
    }
}
