//! The sessions of a server, by id: a further connection joins one, and a client that returns takes over from its own.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::ThreadWaker;
use crate::net::stream::Socket;
use crate::proto::transfer::hello::RunId;
use crate::proto::transfer::reason::Reason;
use crate::server::places::Further;
use crate::transfer::connection::wire::Failure;

/// Most connections of one session.
pub(crate) const MAX_CONNECTIONS: usize = 16;

/// A session without traffic for this long makes way for another that wants the same name.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(10);
/// The same if the other session is from the same address and sends the same file: its client has returned.
pub(crate) const OWN_STALE_AFTER: Duration = Duration::from_secs(1);
/// Names that may be requested from a session at a time; each request is repeated until it is met.
const MAX_WANTED: usize = 64;

/// The id of a session: random, known to its client and its server.
pub(crate) type SessionId = [u8; 16];

/// Ended sessions that are remembered, because a connection for them may still come.
const MAX_ENDED: usize = 256;

/// All sessions of a server.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    running: Arc<Mutex<HashMap<SessionId, Arc<SharedState>>>>,
    ended: Arc<Mutex<VecDeque<SessionId>>>,
}

/// The side of a session that other threads reach.
struct SharedState {
    run: Option<RunId>,
    /// The client's address; `None`: a client on this machine, through a Unix socket.
    source: Option<IpAddr>,
    inbox: Mutex<Inbox>,
    wake: ThreadWaker,
}

#[derive(Default)]
struct Inbox {
    joined: Vec<(Socket, Further)>,
    /// The number of further connections that have joined and are not lost.
    connections: usize,
    is_taken_over: bool,
    last_traffic: Option<Instant>,
    wanted: Vec<Contender>,
}

/// Another session that wants a name.
#[derive(Clone)]
pub(crate) struct Contender {
    /// The name, below the destination.
    pub(crate) path: Vec<u8>,
    /// Size and time of its file.
    pub(crate) version: Version,
    /// Both sessions are from the same address.
    is_neighbour: bool,
    is_own: Arc<AtomicBool>,
}

/// Size in bytes and modification time (seconds, nanoseconds): distinguishes two files of one name before they are
/// read.
pub(crate) type Version = (Option<u64>, i64, u32);

impl Contender {
    /// Returns whether the session that holds the name sends the same file from the same address: its client has
    /// returned, or was started twice. The contender learns of it.
    pub(crate) fn is_own(&self, version: Version) -> bool {
        let is_own = self.is_neighbour && self.version == version;
        if is_own {
            self.is_own.store(true, Ordering::Relaxed);
        }
        is_own
    }
}

impl SharedState {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<SharedState>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> MutexGuard<'_, VecDeque<SessionId>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether this is one of the sessions that ended last.
    pub(crate) fn has_ended(&self, id: &SessionId) -> bool {
        self.ended().contains(id)
    }

    /// Registers a session, which others find until its entry is dropped.
    pub(crate) fn register(
        &self,
        id: SessionId,
        run: Option<RunId>,
        peer: &PeerName,
        wake: ThreadWaker,
    ) -> Registration {
        let shared = Arc::new(SharedState { run, source: peer.ip(), inbox: Mutex::default(), wake });
        self.all().insert(id, Arc::clone(&shared));
        Registration { sessions: self.clone(), id, shared }
    }

    /// Passes a connection to a session. Returns false if the id is unknown or the session has enough.
    pub(crate) fn join(&self, id: &SessionId, socket: Socket, further: Further) -> bool {
        let Some(shared) = self.all().get(id).cloned() else { return false };
        let mut inbox = shared.inbox();
        if inbox.connections + 1 >= MAX_CONNECTIONS {
            return false;
        }
        inbox.connections += 1;
        inbox.joined.push((socket, further));
        shared.wake.wake();
        true
    }

    /// Asks the other sessions of a run to make way. Returns true while one of them remains.
    pub(crate) fn take_over(&self, run: RunId) -> bool {
        let all = self.all();
        let mut found = false;
        for shared in all.values().filter(|shared| shared.run == Some(run)) {
            shared.inbox().is_taken_over = true;
            shared.wake.wake();
            found = true;
        }
        found
    }
}

/// The session of a server that serves only one.
#[derive(Default)]
pub(crate) struct OnlySession(Mutex<Option<(ClientId, Option<RunId>)>>);

/// Identifies a client of a server.
pub(crate) type ClientId = u64;

/// One client's access to the only session.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) only: Option<Arc<OnlySession>>,
    pub(crate) client: ClientId,
}

impl Claim {
    /// Starts this client's session. Returns false if another client has started one before; one of the same run may
    /// follow.
    pub(crate) fn begin(&self, run: Option<RunId>) -> bool {
        let Some(only) = &self.only else { return true };
        let mut holder = only.0.lock().unwrap_or_else(PoisonError::into_inner);
        if holder.is_some_and(|(client, other)| client != self.client && (run.is_none() || run != other)) {
            return false;
        }
        *holder = Some((self.client, run));
        true
    }

    /// Returns whether the only session is this client's.
    pub(crate) fn is_held(&self) -> bool {
        self.only.as_ref().is_some_and(|only| {
            let holder = only.0.lock().unwrap_or_else(PoisonError::into_inner);
            holder.is_some_and(|(client, _)| client == self.client)
        })
    }

    /// Returns the failure of a session that may not start.
    pub(crate) fn taken() -> Failure {
        let text = "this server serves one session, which has begun (--once)";
        Failure { error: Error::new(Exit::Refused, text), to_peer: Some((Reason::Busy, text.to_owned())) }
    }
}

/// A session's own side of its entry.
pub(crate) struct Registration {
    sessions: Sessions,
    id: SessionId,
    shared: Arc<SharedState>,
}

impl Registration {
    /// Returns the session's id.
    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// Takes the connections that have joined since the last call.
    pub(crate) fn take_joined(&self) -> Vec<(Socket, Further)> {
        std::mem::take(&mut self.shared.inbox().joined)
    }

    /// Records that a joined connection was lost, so that another may join.
    pub(crate) fn connection_lost(&self) {
        let mut inbox = self.shared.inbox();
        inbox.connections = inbox.connections.saturating_sub(1);
    }

    /// Returns whether the client has returned in another session.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.shared.inbox().is_taken_over
    }

    /// Publishes the time of the last traffic, and takes the names that other sessions have requested since.
    pub(crate) fn wanted(&self, last_traffic: Instant) -> Vec<Contender> {
        let mut inbox = self.shared.inbox();
        inbox.last_traffic = Some(last_traffic);
        std::mem::take(&mut inbox.wanted)
    }

    /// Asks every other session that is stale or from the same address to make way if it holds this name. Returns
    /// whether one of them is stale; `is_own` becomes true if one sends the same file.
    pub(crate) fn want(&self, path: &[u8], version: Version, is_own: &Arc<AtomicBool>, now: Instant) -> bool {
        let all = self.sessions.all();
        let mut found = false;
        for shared in all.values().filter(|shared| !Arc::ptr_eq(shared, &self.shared)) {
            let is_neighbour = shared.source == self.shared.source;
            let mut inbox = shared.inbox();
            let is_stale = inbox.last_traffic.is_some_and(|last| now >= last + STALE_AFTER);
            if is_stale || is_neighbour {
                if inbox.wanted.len() < MAX_WANTED {
                    let (path, is_own) = (path.to_vec(), Arc::clone(is_own));
                    inbox.wanted.push(Contender { path, version, is_neighbour, is_own });
                }
                shared.wake.wake();
                found |= is_stale;
            }
        }
        found
    }

    /// Removes the session: it holds nothing more that others could want.
    pub(crate) fn unregister(&self) {
        if self.sessions.all().remove(&self.id).is_some() {
            let mut ended = self.sessions.ended();
            ended.push_back(self.id);
            if ended.len() > MAX_ENDED {
                ended.pop_front();
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.unregister();
    }
}
