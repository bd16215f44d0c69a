//! `--once`: the first transfer that is complete ends the run, whichever protocol it used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::net::reactor::ThreadWaker;

/// The only transfer of a server, which clients of both protocols claim.
pub(crate) struct Once {
    claim: Box<dyn Fn() -> bool + Send + Sync>,
    release: Box<dyn Fn() + Send + Sync>,
    is_over: AtomicBool,
    acceptor: ThreadWaker,
}

impl Once {
    /// `claim` returns false if another client has the only transfer, `release` gives it back.
    pub(crate) fn new(
        claim: impl Fn() -> bool + Send + Sync + 'static,
        release: impl Fn() + Send + Sync + 'static,
        acceptor: ThreadWaker,
    ) -> Once {
        let (claim, release) = (Box::new(claim), Box::new(release));
        Once { claim, release, is_over: AtomicBool::new(false), acceptor }
    }

    /// Returns true once the transfer has succeeded.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Begins the only transfer. `None`: another client has begun it.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Claimed> {
        (self.claim)().then(|| Claimed { once: Arc::clone(self), has_succeeded: false })
    }
}

/// The claim of one request. Another one may follow if it is dropped without success.
pub(super) struct Claimed {
    once: Arc<Once>,
    has_succeeded: bool,
}

impl Claimed {
    /// The client has everything.
    pub(super) fn succeed(mut self) {
        self.has_succeeded = true;
        self.once.is_over.store(true, Ordering::SeqCst);
        self.once.acceptor.wake();
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.has_succeeded {
            (self.once.release)();
        }
    }
}
