//! The counts of a server, for the page of `--metrics`. Each is a relaxed atomic, so that counting costs next to nothing.

mod page;

pub use self::page::MEDIA_TYPE;

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::event::{Event, Text};
use super::{Level, Report};
use crate::error::{Error, Exit};

/// A count that any thread may change.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Adds to a count that no other thread changes: without a locked instruction.
    fn add_alone(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sessions end with success, as one of the exit codes says, or because their client left on its own: a health check.
const OUTCOMES: [&str; 13] = [
    "ok",
    "failed",
    "usage",
    "no_connection",
    "timed_out",
    "lost",
    "integrity",
    "refused",
    "untrusted",
    "partial",
    "cannot_write",
    "signal",
    "left",
];

fn outcome(error: &Error) -> usize {
    match error.exit() {
        Exit::Lost if error.is_health_check() => 12,
        Exit::Signal(_) => 11,
        exit => exit.code().into(),
    }
}

/// Why a connection was turned away before its session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// By `--allow` or `--deny`.
    Denied,
    /// Its source has too many clients.
    PerSource,
    /// There are too many clients.
    Full,
    /// All clients that were wanted have come.
    Count,
    /// It had no PROXY header.
    ProxyHeader,
    /// It did not complete the handshake of TLS.
    Tls,
    /// It was not admitted.
    Admission,
}

const REFUSALS: [&str; 7] = ["denied", "per_source", "full", "count", "proxy_header", "tls", "admission"];

/// Where a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// For its PROXY header.
    ProxyHeader,
    /// At the gate: for TLS and its admission, or for a place after it.
    Admission,
    /// For descriptors of its session: it has said what it wants.
    Descriptors,
    /// For a thread of HTTP.
    HttpThread,
}

const QUEUES: [&str; 4] = ["proxy_header", "admission", "descriptors", "http_thread"];

/// The counts of datagrams.
#[derive(Debug, Default)]
pub struct DatagramCounts {
    /// From clients, and written to stdout or forwarded.
    pub received: Count,
    /// To clients.
    pub sent: Count,
    /// Received, and never written.
    pub unwritten: Count,
    /// Cut by the system.
    pub truncated: Count,
    /// Larger than the limit.
    pub too_large: Count,
    /// From addresses that are not accepted.
    pub filtered: Count,
    /// Answers that were not sent.
    pub withheld: Count,
    /// Not taken by a process or a target.
    pub undelivered: Count,
    /// Flows that are open.
    pub flows: Count,
    /// Flows that were opened.
    pub opened_flows: Count,
    /// Those that the system has dropped at each socket.
    drops: Mutex<Vec<KernelDrops>>,
}

/// Reads how many datagrams the system has dropped at a socket. `None`: it is closed.
type ReadDrops = Box<dyn Fn() -> Option<u64> + Send>;

struct KernelDrops {
    read: ReadDrops,
    last: u64,
}

impl std::fmt::Debug for KernelDrops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.last.fmt(f)
    }
}

impl DatagramCounts {
    /// Reads the drops of a socket for each page.
    pub fn watch_drops(&self, read: ReadDrops) {
        lock(&self.drops).push(KernelDrops { read, last: 0 });
    }

    /// The datagrams that the system has dropped.
    fn dropped_by_kernel(&self) -> u64 {
        let mut drops = lock(&self.drops);
        drops.iter_mut().for_each(|drops| drops.last = (drops.read)().unwrap_or(0).max(drops.last));
        drops.iter().map(|drops| drops.last).sum()
    }
}

/// The first status that is counted, and their number.
const FIRST_STATUS: u16 = 100;
const STATUSES: usize = 500;

/// The answers of HTTP: of one thread, or of all.
#[derive(Debug)]
pub struct HttpCounts {
    by_status: [Count; STATUSES],
    sent_bytes: Count,
    received_bytes: Count,
}

impl Default for HttpCounts {
    fn default() -> HttpCounts {
        let by_status = array::from_fn(|_| Count::default());
        HttpCounts { by_status, sent_bytes: Count::default(), received_bytes: Count::default() }
    }
}

impl HttpCounts {
    fn of_status(&self, status: u16) -> Option<&Count> {
        self.by_status.get(usize::from(status.wrapping_sub(FIRST_STATUS)))
    }

    /// Counts an answer and the bytes of its body, where no other thread counts here.
    pub fn answered_alone(&self, status: u16, body_bytes: usize) {
        self.of_status(status).iter().for_each(|count| count.add_alone(1));
        self.sent_bytes.add_alone(body_bytes as u64);
    }

    /// Counts bytes of a request's body, where no other thread counts here.
    pub fn received_alone(&self, bytes: usize) {
        self.received_bytes.add_alone(bytes as u64);
    }
}

/// The parts of the page that a command has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// Connections, sessions and refusals.
    pub clients: bool,
    /// Answers of HTTP.
    pub http: bool,
    /// Datagrams.
    pub datagrams: bool,
    /// Flows of datagrams.
    pub flows: bool,
}

/// The counts of a run.
#[derive(Debug, Default)]
pub struct Metrics {
    /// What the page shows, and the start of the server in seconds since 1970. Unset: there is no page.
    shown: OnceLock<(Shown, u64)>,
    /// Connections that were accepted, before anybody was refused.
    pub connections: Count,
    /// Further connections of clients, which have ended.
    pub further: Count,
    /// Clients that are served now.
    pub connected: Count,
    /// The most clients at a time.
    pub max_clients: Count,
    sessions: [Count; OUTCOMES.len()],
    refusals: [Count; REFUSALS.len()],
    waiting: [Count; QUEUES.len()],
    /// Bytes of content from clients.
    pub received_bytes: Count,
    /// Bytes of content to clients.
    pub sent_bytes: Count,
    http: HttpCounts,
    workers: Mutex<Vec<Arc<HttpCounts>>>,
    /// The counts of datagrams.
    pub datagrams: DatagramCounts,
}

impl Metrics {
    /// Begins the page of a server that starts now, in seconds since 1970.
    pub fn show(&self, shown: Shown, start_seconds: u64) {
        // A second page would be that of the same server.
        let _ = self.shown.set((shown, start_seconds));
    }

    /// True if there is a page.
    pub fn are_shown(&self) -> bool {
        self.shown.get().is_some()
    }

    /// Counts the end of a session.
    pub fn session(&self, result: Result<(), &Error>) {
        self.sessions[result.err().map_or(0, outcome)].add(1);
    }

    /// Counts a refused connection.
    pub fn refused(&self, why: Refusal) {
        self.refusals[why as usize].add(1);
    }

    /// Sets how many clients wait in a queue.
    pub fn waiting(&self, queue: Queue, clients: usize) {
        self.waiting[queue as usize].set(clients as u64);
    }

    /// Counts bytes of content that were sent to a client and received from it.
    pub fn moved(&self, (sent, received): (u64, u64)) {
        if sent > 0 {
            self.sent_bytes.add(sent);
        }
        if received > 0 {
            self.received_bytes.add(received);
        }
    }

    /// Counts an answer of HTTP, on any thread.
    pub fn answered(&self, status: u16) {
        self.http.of_status(status).iter().for_each(|count| count.add(1));
    }

    /// Counts of HTTP for a thread that answers often.
    pub fn http_worker(&self) -> Arc<HttpCounts> {
        let counts = Arc::<HttpCounts>::default();
        lock(&self.workers).push(Arc::clone(&counts));
        counts
    }
}

impl Report {
    /// The counts of the run.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.run.metrics
    }

    /// Reports where the page of these counts is.
    pub fn metrics_at(&self, url: &str) {
        if self.json && self.level >= Level::Normal {
            self.event(Event::Metrics { url: Text::new(url) });
        } else {
            self.info(format_args!("metrics: {url}"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
