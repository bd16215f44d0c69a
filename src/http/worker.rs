//! What the connections of one reactor share: buffers, answers with the date of this second, and what is counted.

use std::cell::{Cell, Ref, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::log::{Answered, Log, Stamp};
use super::site::Site;
use crate::net::options::SocketOptions;
use crate::net::reactor::ThreadWaker;
use crate::net::wall::{WallClock, http_date};
use crate::proto::http::{Answer, Head, Method};

/// Bytes that one read may bring, after those that a connection still holds.
const READ_BYTES: usize = 64 << 10;
/// Bodies that all connections of a worker hold together, to send them back.
const MAX_KEPT_BYTES: usize = 256 << 20;

/// One per thread.
pub(crate) struct Worker {
    pub(crate) site: Arc<Site>,
    pub(crate) buffers: RefCell<Buffers>,
    pub(crate) log: Option<Log>,
    pub(crate) stats: Option<AnswerCount>,
    /// Of each connection's socket.
    pub(crate) socket: SocketOptions,
    head_cache: RefCell<HeadCache>,
    time: RefCell<Time>,
    kept_bytes: Cell<usize>,
}

/// The last head that was answered with a prepared answer and nothing else: without a body, on a connection that stays.
///
/// What a head means follows from its bytes alone. Clients that repeat a request (health checks, proxies, load
/// generators) send the same bytes, and comparing them costs less than reading them.
#[derive(Default)]
pub(crate) struct HeadCache {
    bytes: Vec<u8>,
    pub(crate) answer: usize,
    pub(crate) is_head: bool,
    pub(crate) method: String,
    pub(crate) target: String,
}

/// Longer heads are not remembered.
const MAX_FAMILIAR_BYTES: usize = 1 << 10;

/// Used by one connection at a time: so one that waits has none.
pub(crate) struct Buffers {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

struct Time {
    clock: WallClock,
    date: String,
    stamp: Stamp,
    answers: Vec<Answer>,
}

impl Worker {
    pub(crate) fn new(
        site: Arc<Site>,
        log: Option<Log>,
        stats: Option<AnswerCount>,
        socket: SocketOptions,
    ) -> Worker {
        let answers = site.answers.clone();
        Worker {
            site,
            buffers: RefCell::new(Buffers { input: Vec::new(), output: Vec::new() }),
            log,
            stats,
            socket,
            head_cache: RefCell::default(),
            time: RefCell::new(Time {
                clock: WallClock::default(),
                date: String::new(),
                stamp: Stamp::default(),
                answers,
            }),
            kept_bytes: Cell::default(),
        }
    }

    /// Brings the date up to date. To be called in each turn before an answer is written.
    pub(crate) fn tick(&self, now: Instant) {
        let mut time = self.time.borrow_mut();
        let Some(seconds) = time.clock.new_second(now) else { return };
        time.date = http_date(seconds);
        if self.log.is_some() {
            time.stamp = Stamp::new(seconds, &time.date);
        }
        let Time { date, answers, .. } = &mut *time;
        for answer in answers {
            answer.set_date(date);
        }
    }

    /// If `input` begins with the last head: what it was, and how many bytes it takes.
    pub(crate) fn recall(&self, input: &[u8]) -> Option<(Ref<'_, HeadCache>, usize)> {
        let head_cache = self.head_cache.borrow();
        let length = head_cache.bytes.len();
        (length > 0 && input.starts_with(&head_cache.bytes)).then_some((head_cache, length))
    }

    /// Remembers a head with its bytes.
    pub(crate) fn remember(&self, bytes: &[u8], head: &Head<'_, '_>, answer: usize) {
        if bytes.len() > MAX_FAMILIAR_BYTES {
            return;
        }
        let mut head_cache = self.head_cache.borrow_mut();
        let HeadCache { bytes: known, method, target, .. } = &mut *head_cache;
        known.clear();
        known.extend_from_slice(bytes);
        for (text, new) in [(method, head.method_text), (target, head.target)] {
            text.clear();
            text.push_str(new);
        }
        head_cache.answer = answer;
        head_cache.is_head = head.method == Method::Head;
    }

    /// Has `write` append a prepared answer.
    pub(crate) fn with_ready<T>(&self, index: usize, write: impl FnOnce(&Answer) -> T) -> T {
        write(&self.time.borrow().answers[index])
    }

    /// Gives an answer that was made for a request its date.
    pub(crate) fn date(&self, answer: &mut Answer) {
        answer.set_date(&self.time.borrow().date);
    }

    pub(crate) fn log(&self, answered: &Answered<'_>) {
        if let Some(log) = &self.log {
            log.write(&self.time.borrow().stamp, answered);
        }
    }

    /// Asks for room to keep a part of a body. False if there is none.
    pub(crate) fn keep(&self, bytes: usize) -> bool {
        let kept = self.kept_bytes.get() + bytes;
        let has_room = kept <= MAX_KEPT_BYTES;
        if has_room {
            self.kept_bytes.set(kept);
        }
        has_room
    }

    /// Gives room back.
    pub(crate) fn let_go(&self, bytes: usize) {
        self.kept_bytes.set(self.kept_bytes.get() - bytes);
    }
}

/// Room in `input` for `held` bytes and a read.
pub(crate) fn make_room(input: &mut Vec<u8>, held: usize) {
    if input.len() < held + READ_BYTES {
        input.resize(held + READ_BYTES, 0);
    }
}

/// `--count`: how many answers may still be begun, and how many have not arrived. All workers share it.
#[derive(Clone)]
pub(crate) struct AnswerCount {
    count: Arc<Count>,
    acceptor: ThreadWaker,
}

struct Count {
    left: AtomicU64,
    missing: AtomicU64,
}

/// The ticket that a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// An answer.
    One,
    /// The last answer.
    Last,
    /// None: they are used up.
    None,
}

impl AnswerCount {
    /// `acceptor` is woken when the last answer has arrived.
    pub(crate) fn new(answers: u64, acceptor: ThreadWaker) -> AnswerCount {
        let count = Count { left: AtomicU64::new(answers), missing: AtomicU64::new(answers) };
        AnswerCount { count: Arc::new(count), acceptor }
    }

    pub(crate) fn take(&self) -> Ticket {
        let less = |left: u64| left.checked_sub(1);
        match self.count.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(1) => Ticket::Last,
            Ok(_) => Ticket::One,
            Err(_) => Ticket::None,
        }
    }

    /// So many answers were lost: others are given instead of them.
    pub(crate) fn lost(&self, answers: u64) {
        self.count.left.fetch_add(answers, Ordering::SeqCst);
    }

    /// So many answers have arrived, as far as can be known.
    pub(crate) fn given(&self, answers: u64) {
        self.count.missing.fetch_sub(answers, Ordering::SeqCst);
        if self.is_over() {
            self.acceptor.wake();
        }
    }

    /// All answers were given.
    pub(crate) fn is_over(&self) -> bool {
        self.count.missing.load(Ordering::SeqCst) == 0
    }
}
