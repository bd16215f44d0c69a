//! Work that may block, on threads beside the reactors: its result, its cancellation, and the wait for its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use crate::error::{Error, Exit};

/// Work on another thread, which is cancelled when this is dropped; see [`IoHandle::spawn_blocking`](super::io::IoHandle::spawn_blocking).
pub struct BlockingTask<T> {
    pub(super) result: mpsc::Receiver<T>,
    pub(super) cancellation: Cancellation,
}

/// The flag by which blocking work learns that its [`BlockingTask`] was dropped.
#[derive(Clone, Default)]
pub(super) struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// True if the result is not needed any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> Drop for BlockingTask<T> {
    fn drop(&mut self) {
        self.cancellation.0.store(true, Ordering::Relaxed);
    }
}

/// Counts threads that are running, and waits for their end. Clones share the count.
#[derive(Clone, Default)]
pub struct WaitGroup(Arc<(Mutex<usize>, Condvar)>);

/// A running thread of a [`WaitGroup`], until this is dropped.
pub struct Running(WaitGroup);

impl WaitGroup {
    /// Adds a running thread.
    pub fn enter(&self) -> Running {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Running(self.clone())
    }

    /// Blocks until no thread is running.
    pub fn wait(&self) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(count, |count| *count > 0));
    }

    /// As [`WaitGroup::wait`], for at most `limit`.
    pub fn wait_within(&self, limit: Duration) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Timed out or not: the caller waits no longer.
        let _ = self.0.1.wait_timeout_while(count, limit, |count| *count > 0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.0.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.1.notify_all();
    }
}

impl<T> BlockingTask<T> {
    /// Takes the result; `None` while the work is running.
    pub fn take(&mut self) -> Option<Result<T, Error>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => {
                Some(Err(Error::new(Exit::Failed, "a worker thread failed")))
            }
        }
    }

    /// Blocks until the work has ended, for at most `limit`, and discards its result. For work that the end of the
    /// process must not interrupt.
    pub fn wait(self, limit: Duration) {
        // Ended, failed or still running: no session is left to act on it.
        let _ = self.result.recv_timeout(limit);
    }
}
