//! The sessions of a server: those that run, and the only one of a server that serves one.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Exit};
use crate::net::stream::Socket;
use crate::proto::transfer::hello::RunId;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::roster;
use crate::server::places::Further;
use crate::transfer::connection::wire::Failure;

/// All sessions of a server.
pub(crate) type Sessions = roster::Roster<(Socket, Further)>;
/// A session's own side of its entry.
pub(crate) type Registration = roster::Registration<(Socket, Further)>;

/// The session of a server that serves only one.
#[derive(Default)]
pub(crate) struct OnlySession(Mutex<Option<(ClientId, Option<RunId>)>>);

impl OnlySession {
    /// A client of another protocol begins the session. Returns false if somebody has begun it before.
    pub(crate) fn begin_elsewhere(&self) -> bool {
        let mut holder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = holder.is_none();
        if is_free {
            *holder = Some((ELSEWHERE, None));
        }
        is_free
    }

    /// The client of another protocol has not succeeded: the next one may begin.
    pub(crate) fn release_elsewhere(&self) {
        let mut holder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*holder, Some((ELSEWHERE, _))) {
            *holder = None;
        }
    }
}

/// Stands for a client of another protocol: no client has this number.
const ELSEWHERE: ClientId = ClientId::MAX;

/// Identifies a client of a server: its number, in the order in which they came.
pub(crate) type ClientId = u64;

/// One client's access to the only session.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) only: Option<Arc<OnlySession>>,
    pub(crate) client: ClientId,
}

impl Claim {
    /// Starts this client's session. Returns false if another client has started one before; a later one of the same run
    /// may follow.
    pub(crate) fn begin(&self, run: Option<RunId>) -> bool {
        let Some(only) = &self.only else { return true };
        let mut holder = only.0.lock().unwrap_or_else(PoisonError::into_inner);
        let follows =
            |client, other| client == self.client || client < self.client && run.is_some() && run == other;
        if holder.is_some_and(|(client, other)| !follows(client, other)) {
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
