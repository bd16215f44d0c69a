//! A client of the web server, and its permit, which any thread can return to the acceptor.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::whoami::ConnectionAddresses;
use crate::net::reactor::{ThreadWaker, Waker};
use crate::server::permits::Permit;

/// A client that is served. Dropping it returns its permit.
pub(super) struct HttpClient {
    pub(super) addresses: ConnectionAddresses,
    _permit: HeldPermit,
}

enum HeldPermit {
    Own { _permit: Permit },
    Lent { _permit: LentPermit },
    Scraper { _open: OpenScraper },
}

impl HttpClient {
    /// Creates a client that the acceptor's thread serves.
    pub(super) fn of_acceptor(addresses: ConnectionAddresses, permit: Permit) -> HttpClient {
        HttpClient { addresses, _permit: HeldPermit::Own { _permit: permit } }
    }

    /// Creates a client that another thread serves.
    pub(super) fn of_worker(addresses: ConnectionAddresses, permit: LentPermit) -> HttpClient {
        HttpClient { addresses, _permit: HeldPermit::Lent { _permit: permit } }
    }
}

impl HttpClient {
    /// Creates a reader of the metrics, which is no client of the server.
    pub(super) fn scraper(addresses: ConnectionAddresses, open: OpenScraper) -> HttpClient {
        HttpClient { addresses, _permit: HeldPermit::Scraper { _open: open } }
    }
}

/// Counts a reader of the metrics until it is dropped. Then the session that accepts them is woken.
pub(super) struct OpenScraper(Rc<Cell<usize>>, Waker);

impl OpenScraper {
    pub(super) fn new(open: &Rc<Cell<usize>>, waker: Waker) -> OpenScraper {
        open.set(open.get() + 1);
        OpenScraper(Rc::clone(open), waker)
    }
}

impl Drop for OpenScraper {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
        self.1.wake();
    }
}

/// The permits of clients that other threads serve. They stay on the acceptor's thread.
pub(super) struct LentPermits {
    held: HashMap<u64, Permit>,
    next_id: u64,
    returned: Arc<Returned>,
}

/// A permit's stand-in on another thread. Dropping it wakes the acceptor, which drops the permit.
pub(super) struct LentPermit {
    id: u64,
    returned: Arc<Returned>,
}

/// The ids of permits that other threads have returned.
struct Returned {
    ids: Mutex<Vec<u64>>,
    acceptor: ThreadWaker,
}

impl LentPermits {
    /// Creates an empty set. Each returned permit wakes `acceptor`.
    pub(super) fn new(acceptor: ThreadWaker) -> LentPermits {
        let returned = Arc::new(Returned { ids: Mutex::default(), acceptor });
        LentPermits { held: HashMap::new(), next_id: 0, returned }
    }

    /// Keeps a permit until its stand-in is dropped.
    pub(super) fn lend(&mut self, permit: Permit) -> LentPermit {
        let id = self.next_id;
        self.next_id += 1;
        self.held.insert(id, permit);
        LentPermit { id, returned: Arc::clone(&self.returned) }
    }

    /// Drops the permits that were returned.
    pub(super) fn take_back(&mut self) {
        for id in self.returned.ids.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.held.remove(&id);
        }
    }
}

impl Drop for LentPermit {
    fn drop(&mut self) {
        self.returned.ids.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        self.returned.acceptor.wake();
    }
}
