//! Threads for work that blocks, a bounded number for the whole process: short work, as a commit, and long work, as hashing.
//!
//! Long work takes turns of a fraction of a second at the processors. So that of many clients does not slow down those who
//! transfer, and each gets its share. Work that is blocked loses its turn, and waits for another one.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::read_clock;
use super::tasks::Cancellation;

/// Threads at a time. More work waits, whose session waits without one.
const MAX_THREADS: usize = 64;
/// Threads among them for long work.
const MAX_LONG: usize = 32;
/// How long a thread waits for further work.
const IDLE_LIMIT: Duration = Duration::from_secs(1);
/// How long a turn of long work takes if others wait.
const TURN: Duration = Duration::from_millis(50);
/// After that long it is taken to be blocked.
const BLOCKED_AFTER: Duration = Duration::from_millis(100);

/// How long work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Short,
    Long,
}

type Job = Box<dyn FnOnce() + Send>;

struct Queues {
    short: VecDeque<Job>,
    long: VecDeque<Job>,
    threads: usize,
    idle: usize,
    running_long: usize,
}

static QUEUES: Mutex<Queues> = Mutex::new(Queues {
    short: VecDeque::new(),
    long: VecDeque::new(),
    threads: 0,
    idle: 0,
    running_long: 0,
});
static WORK: Condvar = Condvar::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `job` on a thread of the pool, now or when one is free: of each kind the first one first.
///
/// # Errors
/// There is no thread, and none can be started.
pub(super) fn submit(kind: Kind, job: Job) -> io::Result<()> {
    let mut queues = lock(&QUEUES);
    let queue = match kind {
        Kind::Short => &mut queues.short,
        Kind::Long => &mut queues.long,
    };
    queue.push_back(job);
    // A thread that was notified is idle until it has the lock.
    if queues.may_run() <= queues.idle {
        WORK.notify_one();
    } else if queues.threads < MAX_THREADS {
        // It counts from now on. It takes the lock before it does anything.
        queues.threads += 1;
        if let Err(error) = std::thread::Builder::new().name("blocking".into()).spawn(run) {
            queues.threads -= 1;
            if queues.threads == 0 {
                let lost = (std::mem::take(&mut queues.short), std::mem::take(&mut queues.long));
                // Not while others wait for the lock.
                drop(queues);
                drop(lost);
                return Err(error);
            }
        }
    }
    Ok(())
}

impl Queues {
    /// How many jobs threads could begin now.
    fn may_run(&self) -> usize {
        self.short.len() + self.long.len().min(MAX_LONG - self.running_long)
    }

    fn next(&mut self) -> Option<(Kind, Job)> {
        if let Some(job) = self.short.pop_front() {
            return Some((Kind::Short, job));
        }
        if self.running_long == MAX_LONG {
            return None;
        }
        let job = self.long.pop_front()?;
        self.running_long += 1;
        Some((Kind::Long, job))
    }
}

/// The work of a thread of the pool.
fn run() {
    let mut queues = lock(&QUEUES);
    loop {
        if let Some((kind, job)) = queues.next() {
            drop(queues);
            // A panic was printed, and its session finds no result.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            queues = lock(&QUEUES);
            queues.running_long -= usize::from(kind == Kind::Long);
            continue;
        }
        queues.idle += 1;
        let (guard, waited) = WORK.wait_timeout(queues, IDLE_LIMIT).unwrap_or_else(PoisonError::into_inner);
        queues = guard;
        queues.idle -= 1;
        if waited.timed_out() && queues.may_run() == 0 {
            queues.threads -= 1;
            return;
        }
    }
}

/// Who has a turn at the processors: as many as there are.
struct Turns {
    /// Those who have one, and since when.
    holders: Vec<(u64, Instant)>,
    waiting: VecDeque<u64>,
    next_id: u64,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { holders: Vec::new(), waiting: VecDeque::new(), next_id: 0 });
static TURN_ENDED: Condvar = Condvar::new();
static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));

/// Long work on its thread.
pub struct LongWork<'a> {
    cancellation: &'a Cancellation,
    id: u64,
    began: Cell<Instant>,
}

impl<'a> LongWork<'a> {
    /// Waits for the first turn.
    pub(super) fn begin(cancellation: &'a Cancellation) -> LongWork<'a> {
        let mut turns = lock(&TURNS);
        let id = turns.next_id;
        turns.next_id += 1;
        drop(turns);
        let work = LongWork { cancellation, id, began: Cell::new(read_clock()) };
        work.wait_for_turn();
        work
    }

    /// False if the result is not needed any more. To be asked before each piece of a few megabytes: others may have their turn
    /// first.
    pub fn goes_on(&self) -> bool {
        if self.cancellation.is_cancelled() {
            return false;
        }
        let now = read_clock();
        if now.saturating_duration_since(self.began.get()) >= TURN {
            let has_others = {
                let mut turns = lock(&TURNS);
                let has_others = !turns.waiting.is_empty();
                match turns.holders.iter_mut().find(|(id, _)| *id == self.id) {
                    Some(holder) if !has_others => holder.1 = now,
                    Some(_) => turns.end(self.id),
                    // It was blocked for so long that another one has taken its turn.
                    None => {}
                }
                has_others || !turns.holders.iter().any(|(id, _)| *id == self.id)
            };
            self.began.set(now);
            if has_others {
                self.wait_for_turn();
            }
        }
        !self.cancellation.is_cancelled()
    }

    fn wait_for_turn(&self) {
        let mut turns = lock(&TURNS);
        turns.waiting.push_back(self.id);
        loop {
            let now = read_clock();
            if self.cancellation.is_cancelled() {
                turns.waiting.retain(|id| *id != self.id);
                TURN_ENDED.notify_all();
                return;
            }
            if turns.waiting.front() == Some(&self.id) {
                let blocked =
                    |holder: &(u64, Instant)| now.saturating_duration_since(holder.1) >= BLOCKED_AFTER;
                if turns.holders.len() >= *PROCESSORS {
                    turns.holders.retain(|holder| !blocked(holder));
                }
                if turns.holders.len() < *PROCESSORS {
                    turns.waiting.pop_front();
                    turns.holders.push((self.id, now));
                    // The next one may begin, too.
                    TURN_ENDED.notify_all();
                    break;
                }
            }
            turns = TURN_ENDED.wait_timeout(turns, BLOCKED_AFTER).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(turns);
        self.began.set(read_clock());
    }
}

impl Turns {
    fn end(&mut self, id: u64) {
        self.holders.retain(|(holder, _)| *holder != id);
        TURN_ENDED.notify_all();
    }
}

impl Drop for LongWork<'_> {
    fn drop(&mut self) {
        lock(&TURNS).end(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    /// All of a process' pool: one test, so that no other one uses it.
    #[test]
    fn threads_are_bounded_and_blocked_work_holds_nobody_up() {
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let begun = Arc::new(AtomicUsize::new(0));
        // More long work than there are threads, and all of it blocked, turns and all.
        for _ in 0..2 * MAX_THREADS {
            let (blocked, begun) = (Arc::clone(&blocked), Arc::clone(&begun));
            let job = move || {
                let cancellation = Cancellation::default();
                let work = LongWork::begin(&cancellation);
                begun.fetch_add(1, Ordering::SeqCst);
                let _ = lock(&blocked).recv();
                assert!(work.goes_on());
            };
            submit(Kind::Long, Box::new(job)).unwrap();
        }
        let (done, result) = mpsc::channel();
        submit(Kind::Short, Box::new(move || done.send(()).unwrap())).unwrap();
        result.recv_timeout(Duration::from_secs(20)).expect("short work has threads of its own");
        assert!(lock(&QUEUES).threads <= MAX_THREADS && lock(&QUEUES).running_long <= MAX_LONG);
        // Those who are blocked lose their turns.
        while begun.load(Ordering::SeqCst) <= *PROCESSORS {
            std::thread::yield_now();
        }
        drop(release);
        while begun.load(Ordering::SeqCst) < 2 * MAX_THREADS {
            std::thread::yield_now();
        }
    }
}
