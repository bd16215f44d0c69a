//! A client while its connection lasts, and how the acceptor learns that it has left.

use std::sync::{Arc, Mutex, PoisonError};

use super::whoami::Ends;
use crate::net::reactor::{Io, ThreadWaker};
use crate::server::admission::Permit;

/// A client that counts as connected until this is dropped.
pub(crate) struct Client {
    /// The addresses of both ends.
    pub(crate) ends: Ends,
    _permit: Held,
}

enum Held {
    Here { _permit: Permit },
    Elsewhere { _permit: RemotePermit },
}

impl Client {
    /// A client on the acceptor's own thread.
    pub(super) fn here(ends: Ends, permit: Permit) -> Client {
        Client { ends, _permit: Held::Here { _permit: permit } }
    }

    /// A client on another thread.
    pub(super) fn elsewhere(ends: Ends, permit: RemotePermit) -> Client {
        Client { ends, _permit: Held::Elsewhere { _permit: permit } }
    }
}

/// Stands on another thread for a permit that stays with the acceptor.
pub(super) struct RemotePermit {
    id: u64,
    departures: Arc<Departures>,
}

impl RemotePermit {
    pub(super) fn new(id: u64, departures: &Arc<Departures>) -> RemotePermit {
        RemotePermit { id, departures: Arc::clone(departures) }
    }
}

impl Drop for RemotePermit {
    fn drop(&mut self) {
        self.departures.ids.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        self.departures.acceptor.wake();
    }
}

/// Clients that have left other threads.
pub(super) struct Departures {
    ids: Mutex<Vec<u64>>,
    acceptor: ThreadWaker,
}

impl Departures {
    /// Wakes the session that `io` is of at each departure.
    pub(super) fn new(io: &Io) -> Arc<Departures> {
        Arc::new(Departures { ids: Mutex::default(), acceptor: io.thread_waker() })
    }

    /// The numbers of those who have left since the last call.
    pub(super) fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
