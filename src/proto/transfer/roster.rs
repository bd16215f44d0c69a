//! The sessions of a server, by id: a further connection joins one, and a client that returns takes over from its own.
//!
//! Each session runs on a thread of its own; what one wants of another is left in its inbox, and it is woken.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::contention::{STALE_AFTER, Version};
use super::hello::RunId;
use crate::proto::SessionId;

/// Most connections of one session.
pub const MAX_CONNECTIONS: usize = 16;
/// How long an earlier session of the same client may take to end.
pub const TAKE_OVER_LIMIT: Duration = Duration::from_secs(2);
/// Interval at which a successor looks whether it has ended.
pub const LOOK_STEP: Duration = Duration::from_millis(20);

/// Names that may be requested from a session at a time; each request is repeated until it is met.
const MAX_WANTED: usize = 64;
/// Ended sessions that are remembered, because a connection for them may still come.
const MAX_ENDED: usize = 256;

/// Makes the thread of a session look at its inbox.
type Wake = Box<dyn Fn() + Send + Sync>;

/// All sessions of a server. `J` is a connection that joins one. Clones are the same list.
pub struct Roster<J> {
    running: Arc<Mutex<HashMap<SessionId, Arc<SharedState<J>>>>>,
    ended: Arc<Mutex<VecDeque<SessionId>>>,
}

impl<J> Default for Roster<J> {
    fn default() -> Roster<J> {
        Roster { running: Arc::default(), ended: Arc::default() }
    }
}

impl<J> Clone for Roster<J> {
    fn clone(&self) -> Roster<J> {
        Roster { running: Arc::clone(&self.running), ended: Arc::clone(&self.ended) }
    }
}

impl<J> std::fmt::Debug for Roster<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all().keys()).finish()
    }
}

/// The side of a session that other threads reach.
struct SharedState<J> {
    run: Option<RunId>,
    /// The number of its connection, in the order in which they came.
    number: u64,
    /// The client's address; `None`: a client on this machine, through a Unix socket.
    source: Option<IpAddr>,
    inbox: Mutex<Inbox<J>>,
    wake: Wake,
}

struct Inbox<J> {
    joined: Vec<J>,
    /// The number of further connections that have joined and are not lost.
    connections: usize,
    is_taken_over: bool,
    last_traffic: Option<Instant>,
    wanted: Vec<Contender>,
}

impl<J> Default for Inbox<J> {
    fn default() -> Inbox<J> {
        Inbox {
            joined: Vec::new(),
            connections: 0,
            is_taken_over: false,
            last_traffic: None,
            wanted: Vec::new(),
        }
    }
}

/// Another session that wants a name.
#[derive(Clone, Debug)]
pub struct Contender {
    /// The name, below the destination.
    pub path: Vec<u8>,
    /// Size and time of its file.
    pub version: Version,
    /// Both sessions are from the same address.
    is_neighbour: bool,
    is_own: Arc<AtomicBool>,
}

impl Contender {
    /// Returns whether the session that holds the name sends the same file from the same address: its client has
    /// returned, or was started twice. The contender learns of it.
    pub fn is_own(&self, version: Version) -> bool {
        let is_own = self.is_neighbour && self.version == version;
        if is_own {
            self.is_own.store(true, Ordering::Relaxed);
        }
        is_own
    }
}

impl<J> SharedState<J> {
    fn inbox(&self) -> MutexGuard<'_, Inbox<J>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Roster<J> {
    fn all(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<SharedState<J>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> MutexGuard<'_, VecDeque<SessionId>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether this is one of the sessions that ended last.
    pub fn has_ended(&self, id: &SessionId) -> bool {
        self.ended().contains(id)
    }

    /// Registers a session, which others find until its entry is dropped. Asks earlier sessions of its run to end, which
    /// [`Roster::succeed`] may have missed. `number` is that of its connection, in the order in which they came; `source`
    /// is its client's address, `None` for a client on this machine, through a Unix socket. `wake` is called under the
    /// locks of the roster, and must not call it.
    ///
    /// # Errors
    /// A later connection of the client has its session: this one is of the past.
    pub fn register(
        &self,
        id: SessionId,
        (run, number): (Option<RunId>, u64),
        source: Option<IpAddr>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Registration<J>, Superseded> {
        let mut all = self.all();
        if let Some(run) = run {
            take_over(&all, run, number)?;
        }
        let wake = Box::new(wake);
        let shared = Arc::new(SharedState { run, number, source, inbox: Mutex::default(), wake });
        all.insert(id, Arc::clone(&shared));
        Ok(Registration { roster: self.clone(), id, shared })
    }

    /// Passes a connection to a session. Returns false if the id is unknown, the session has enough, or `take` returns
    /// none: it is asked only if the session accepts one.
    pub fn join(&self, id: &SessionId, take: impl FnOnce() -> Option<J>) -> bool {
        let Some(shared) = self.all().get(id).cloned() else { return false };
        let mut inbox = shared.inbox();
        if inbox.connections + 1 >= MAX_CONNECTIONS {
            return false;
        }
        let Some(connection) = take() else { return false };
        inbox.connections += 1;
        inbox.joined.push(connection);
        (shared.wake)();
        true
    }

    /// Asks the earlier sessions of a client's run to end, for the connection of this number. Returns how its session waits
    /// for them; `None` when it may begin: none is left, or one has not ended in time. `succession` is what the call before
    /// has returned.
    ///
    /// # Errors
    /// A later connection of the client has its session: this one is of the past.
    pub fn succeed(
        &self,
        (run, number): (RunId, u64),
        succession: Option<Succession>,
        now: Instant,
    ) -> Result<Option<Succession>, Superseded> {
        let until = succession.map_or(now + TAKE_OVER_LIMIT, |succession| succession.until);
        let waits = take_over(&self.all(), run, number)? && now < until;
        Ok(waits.then_some(Succession { next_look: now + LOOK_STEP, until }))
    }
}

/// Asks the sessions of a run that came before this connection to end. Returns whether there is one.
fn take_over<J>(
    all: &HashMap<SessionId, Arc<SharedState<J>>>,
    run: RunId,
    number: u64,
) -> Result<bool, Superseded> {
    let mut is_found = false;
    for shared in all.values().filter(|shared| shared.run == Some(run)) {
        if shared.number > number {
            return Err(Superseded);
        }
        shared.inbox().is_taken_over = true;
        (shared.wake)();
        is_found = true;
    }
    Ok(is_found)
}

/// A client's later connection has its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded;

/// How a session waits for the end of earlier ones of the same client.
#[derive(Clone, Copy, Debug)]
pub struct Succession {
    /// When to call [`Roster::succeed`] again.
    pub next_look: Instant,
    until: Instant,
}

/// A session's own side of its entry.
pub struct Registration<J> {
    roster: Roster<J>,
    id: SessionId,
    shared: Arc<SharedState<J>>,
}

impl<J> std::fmt::Debug for Registration<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registration").field(&self.id).finish()
    }
}

impl<J> Registration<J> {
    /// Returns the session's id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Takes the connections that have joined since the last call.
    pub fn take_joined(&self) -> Vec<J> {
        std::mem::take(&mut self.shared.inbox().joined)
    }

    /// Records that a joined connection was lost, so that another may join.
    pub fn connection_lost(&self) {
        let mut inbox = self.shared.inbox();
        inbox.connections = inbox.connections.saturating_sub(1);
    }

    /// Returns whether the client has returned in another session.
    pub fn is_taken_over(&self) -> bool {
        self.shared.inbox().is_taken_over
    }

    /// Publishes the time of the last traffic, and takes the names that other sessions have requested since.
    pub fn wanted(&self, last_traffic: Instant) -> Vec<Contender> {
        let mut inbox = self.shared.inbox();
        inbox.last_traffic = Some(last_traffic);
        std::mem::take(&mut inbox.wanted)
    }

    /// Asks every other session that is stale or from the same address to make way if it holds this name. Returns
    /// whether one of them is stale; `is_own` becomes true if one sends the same file.
    pub fn want(&self, path: &[u8], version: Version, is_own: &Arc<AtomicBool>, now: Instant) -> bool {
        let all = self.roster.all();
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
                (shared.wake)();
                found |= is_stale;
            }
        }
        found
    }

    /// Removes the session: it holds nothing more that others could want.
    pub fn unregister(&self) {
        if self.roster.all().remove(&self.id).is_some() {
            let mut ended = self.roster.ended();
            ended.push_back(self.id);
            if ended.len() > MAX_ENDED {
                ended.pop_front();
            }
        }
    }
}

impl<J> Drop for Registration<J> {
    fn drop(&mut self) {
        self.unregister();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = [7; 16];

    fn register(roster: &Roster<()>, number: u64) -> Result<Registration<()>, Superseded> {
        roster.register([number as u8; 16], (Some(RUN), number), None, || {})
    }

    #[test]
    fn sessions_of_a_run_are_in_the_order_of_their_connections_whoever_registers_first() {
        let roster = Roster::default();
        let second = register(&roster, 2).unwrap();
        assert_eq!(register(&roster, 1).unwrap_err(), Superseded);
        assert!(!second.is_taken_over());
        let _third = register(&roster, 3).unwrap();
        assert!(second.is_taken_over());
        let other = roster.register([9; 16], (None, 1), None, || {}).unwrap();
        assert!(!other.is_taken_over());
    }
}
