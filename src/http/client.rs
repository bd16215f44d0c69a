//! A client of the web server, and its permit, which is given back to the acceptor from any thread that serves the client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::whoami::Ends;
use crate::net::reactor::ThreadWaker;
use crate::server::admission::Permit;

/// A client that is served. Dropping it gives its permit back.
pub(super) struct Client {
    pub(super) ends: Ends,
    _permit: HeldPermit,
}

enum HeldPermit {
    Own { _permit: Permit },
    Lent { _permit: LentPermit },
}

impl Client {
    /// A client that the acceptor's thread serves.
    pub(super) fn of_acceptor(ends: Ends, permit: Permit) -> Client {
        Client { ends, _permit: HeldPermit::Own { _permit: permit } }
    }

    /// A client that another thread serves.
    pub(super) fn of_worker(ends: Ends, permit: LentPermit) -> Client {
        Client { ends, _permit: HeldPermit::Lent { _permit: permit } }
    }
}

/// The permits of clients that other threads serve. They stay on the acceptor's thread.
pub(super) struct LentPermits {
    lent: HashMap<u64, Permit>,
    next_id: u64,
    returned: Arc<Returned>,
}

/// Stands for a permit on another thread. When it is dropped, the acceptor is woken to drop the permit.
pub(super) struct LentPermit {
    id: u64,
    returned: Arc<Returned>,
}

/// The numbers of permits that other threads have given back.
struct Returned {
    ids: Mutex<Vec<u64>>,
    acceptor: ThreadWaker,
}

impl LentPermits {
    /// None yet. `acceptor` is woken when one is given back.
    pub(super) fn new(acceptor: ThreadWaker) -> LentPermits {
        let returned = Arc::new(Returned { ids: Mutex::default(), acceptor });
        LentPermits { lent: HashMap::new(), next_id: 0, returned }
    }

    /// Keeps a permit here until what is returned was dropped.
    pub(super) fn lend(&mut self, permit: Permit) -> LentPermit {
        let id = self.next_id;
        self.next_id += 1;
        self.lent.insert(id, permit);
        LentPermit { id, returned: Arc::clone(&self.returned) }
    }

    /// Drops the permits that were given back.
    pub(super) fn take_back(&mut self) {
        for id in self.returned.ids.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.lent.remove(&id);
        }
    }
}

impl Drop for LentPermit {
    fn drop(&mut self) {
        self.returned.ids.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        self.returned.acceptor.wake();
    }
}
