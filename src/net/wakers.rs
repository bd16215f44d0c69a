//! What wakes a session: from another one of its reactor, or from another thread.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

/// A list of sessions to advance in the next turn of their reactor. Clones share it.
#[derive(Clone, Default)]
pub struct WakeList(Rc<RefCell<Vec<usize>>>);

impl WakeList {
    /// A waker that adds the session with this id to the list.
    pub fn waker(&self, session: usize) -> Waker {
        Waker { woken: self.clone(), session }
    }

    /// Empties the list and returns its sessions.
    pub fn take(&self) -> Vec<usize> {
        self.0.take()
    }
}

/// Wakes a session from another session of its reactor.
#[derive(Clone)]
pub struct Waker {
    woken: WakeList,
    session: usize,
}

impl Waker {
    /// The id of the session.
    pub fn session_id(&self) -> usize {
        self.session
    }

    /// Has the session advanced in the next turn.
    pub fn wake(&self) {
        self.woken.0.borrow_mut().push(self.session);
    }
}

/// Wakes a session from any thread.
#[derive(Clone)]
pub struct ThreadWaker {
    pub(super) session: usize,
    pub(super) waker: Arc<mio::Waker>,
    pub(super) woken: Arc<Mutex<Vec<usize>>>,
}

impl ThreadWaker {
    /// Has the session advanced soon.
    pub fn wake(&self) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
        // It fails only if the reactor is gone.
        let _ = self.waker.wake();
    }
}

/// Wakes the session when dropped, even if the work panics.
pub(super) struct WakeOnDrop(pub(super) ThreadWaker);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
}
