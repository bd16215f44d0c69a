//! State that the connections of one reactor share: buffers, prepared responses with the current date, counters.

use std::cell::{Cell, Ref, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::log::{Log, LogTime, LoggedAnswer};
use super::site::Site;
use crate::net::options::SocketOptions;
use crate::net::reactor::ThreadWaker;
use crate::net::wall::{WallClock, http_date};
use crate::proto::http::{Method, RequestHead, Response};
use crate::report::HttpCounts;

/// The maximum size of one read, after the bytes that a connection still holds.
const READ_BYTES: usize = 64 << 10;
/// The maximum size of all bodies that a worker holds for echoing.
const MAX_KEPT_BYTES: usize = 256 << 20;

/// The shared state of a thread's connections.
pub(crate) struct HttpWorker {
    pub(crate) site: Arc<Site>,
    pub(crate) buffers: RefCell<IoBuffers>,
    pub(crate) log: Option<Log>,
    pub(crate) stats: Option<AnswerCount>,
    /// What this thread has answered, for `--metrics`.
    pub(crate) counts: Arc<HttpCounts>,
    /// The options of each connection's socket.
    pub(crate) socket: SocketOptions,
    head_cache: RefCell<HeadCache>,
    time: RefCell<Time>,
    kept_bytes: Cell<usize>,
}

/// The last head that had no body, a prepared response, and a connection that stays open.
///
/// The meaning of a head follows from its bytes alone. Clients that repeat a request (health checks, proxies, load
/// generators) send the same bytes, and comparing them costs less than parsing them.
#[derive(Default)]
pub(crate) struct HeadCache {
    bytes: Vec<u8>,
    pub(crate) answer: usize,
    pub(crate) is_head: bool,
    pub(crate) method: String,
    pub(crate) target: String,
}

/// The maximum length of a cached head.
const MAX_CACHED_HEAD_BYTES: usize = 1 << 10;

/// Buffers for the connection that is being advanced: a waiting connection has none.
pub(crate) struct IoBuffers {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

struct Time {
    clock: WallClock,
    date: String,
    log_time: LogTime,
    answers: Vec<Response>,
}

impl HttpWorker {
    pub(crate) fn new(
        site: Arc<Site>,
        log: Option<Log>,
        stats: Option<AnswerCount>,
        counts: Arc<HttpCounts>,
        socket: SocketOptions,
    ) -> HttpWorker {
        let answers = site.answers.clone();
        HttpWorker {
            site,
            buffers: RefCell::new(IoBuffers { input: Vec::new(), output: Vec::new() }),
            log,
            stats,
            counts,
            socket,
            head_cache: RefCell::default(),
            time: RefCell::new(Time {
                clock: WallClock::default(),
                date: String::new(),
                log_time: LogTime::default(),
                answers,
            }),
            kept_bytes: Cell::default(),
        }
    }

    /// Updates the date. Must be called in each turn before a response is written.
    pub(crate) fn tick(&self, now: Instant) {
        let mut time = self.time.borrow_mut();
        let Some(seconds) = time.clock.new_second(now) else { return };
        time.date = http_date(seconds);
        if self.log.is_some() {
            time.log_time = LogTime::new(seconds, &time.date);
        }
        let Time { date, answers, .. } = &mut *time;
        for answer in answers {
            answer.set_date(date);
        }
    }

    /// Returns the cached head and its length, if `input` begins with it.
    pub(crate) fn recall(&self, input: &[u8]) -> Option<(Ref<'_, HeadCache>, usize)> {
        let head_cache = self.head_cache.borrow();
        let length = head_cache.bytes.len();
        (length > 0 && input.starts_with(&head_cache.bytes)).then_some((head_cache, length))
    }

    /// Caches a head.
    pub(crate) fn remember(&self, bytes: &[u8], head: &RequestHead<'_, '_>, answer: usize) {
        if bytes.len() > MAX_CACHED_HEAD_BYTES {
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

    /// Calls `write` with a prepared response.
    pub(crate) fn with_ready<T>(&self, index: usize, write: impl FnOnce(&Response) -> T) -> T {
        write(&self.time.borrow().answers[index])
    }

    /// Sets the date of a response that was made for one request.
    pub(crate) fn date(&self, answer: &mut Response) {
        answer.set_date(&self.time.borrow().date);
    }

    pub(crate) fn log(&self, answered: &LoggedAnswer<'_>) {
        if let Some(log) = &self.log {
            log.write(&self.time.borrow().log_time, answered);
        }
    }

    /// Reserves room for a part of a body. Returns false if there is none.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let kept = self.kept_bytes.get() + bytes;
        let has_room = kept <= MAX_KEPT_BYTES;
        if has_room {
            self.kept_bytes.set(kept);
        }
        has_room
    }

    /// Releases reserved room.
    pub(crate) fn release(&self, bytes: usize) {
        self.kept_bytes.set(self.kept_bytes.get() - bytes);
    }
}

/// Makes room in `input` for `held` bytes and a read.
pub(crate) fn make_room(input: &mut Vec<u8>, held: usize) {
    if input.len() < held + READ_BYTES {
        input.resize(held + READ_BYTES, 0);
    }
}

/// The counters of `--count`: responses that may still begin, and those that have not arrived. All workers share them.
#[derive(Clone)]
pub(crate) struct AnswerCount {
    quota: Arc<RequestQuota>,
    acceptor: ThreadWaker,
}

struct RequestQuota {
    left: AtomicU64,
    missing: AtomicU64,
}

/// The permission to answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// A response.
    One,
    /// The last response.
    Last,
    /// No response: all are used up.
    None,
}

impl AnswerCount {
    /// Creates counters for this many responses. The arrival of the last one wakes `acceptor`.
    pub(crate) fn new(answers: u64, acceptor: ThreadWaker) -> AnswerCount {
        let quota = RequestQuota { left: AtomicU64::new(answers), missing: AtomicU64::new(answers) };
        AnswerCount { quota: Arc::new(quota), acceptor }
    }

    pub(crate) fn take_ticket(&self) -> Ticket {
        let less = |left: u64| left.checked_sub(1);
        match self.quota.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(1) => Ticket::Last,
            Ok(_) => Ticket::One,
            Err(_) => Ticket::None,
        }
    }

    /// Records that this many responses were lost: others replace them.
    pub(crate) fn lost(&self, answers: u64) {
        self.quota.left.fetch_add(answers, Ordering::SeqCst);
    }

    /// Records that this many responses have arrived, as far as can be known.
    pub(crate) fn delivered(&self, answers: u64) {
        self.quota.missing.fetch_sub(answers, Ordering::SeqCst);
        if self.is_over() {
            self.acceptor.wake();
        }
    }

    /// Returns true if all responses have arrived.
    pub(crate) fn is_over(&self) -> bool {
        self.quota.missing.load(Ordering::SeqCst) == 0
    }
}
