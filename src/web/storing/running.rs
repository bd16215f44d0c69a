//! The uploads that are under way: one for each name. A later request for the same file ends the one before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::announced::Announced;
use super::refusal::{BUSY, Refusal, STOPPING};
use crate::net::reactor::ThreadWaker;
use crate::net::signals::Signals;

/// How long a request waits until the one before it has let go.
pub(super) const HANDOVER_LIMIT: Duration = Duration::from_secs(5);

/// The uploads of a server that are under way.
#[derive(Default)]
pub(crate) struct RunningUploads {
    /// By path.
    runs: Mutex<HashMap<Vec<u8>, Arc<Run>>>,
    ended: Condvar,
    /// Whether the server is to stop.
    signals: Option<Signals>,
}

/// An upload under way.
pub(super) struct Run {
    announced: Announced,
    /// `None`: it is between two requests.
    waker: Option<ThreadWaker>,
    is_stale: AtomicBool,
    /// Another upload takes the name.
    is_replaced: AtomicBool,
    offset: AtomicU64,
}

impl Run {
    /// Ends it: its connection is reset.
    pub(super) fn end(&self) {
        self.is_stale.store(true, Ordering::SeqCst);
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

impl RunningUploads {
    /// `signals` end uploads that are being prepared.
    pub(crate) fn new(signals: Signals) -> RunningUploads {
        RunningUploads { signals: Some(signals), ..RunningUploads::default() }
    }

    fn is_stopping(&self) -> bool {
        self.signals.as_ref().is_some_and(|signals| signals.received().is_some())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Arc<Run>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what an upload under way was announced as, and how many bytes are there.
    pub(super) fn find(&self, path: &[u8]) -> Option<(Announced, u64)> {
        let runs = self.lock();
        let run = runs.get(path)?;
        Some((run.announced, run.offset.load(Ordering::SeqCst)))
    }
}

/// Keeps a name for one upload.
pub(super) struct Registration {
    running: Weak<RunningUploads>,
    path: Vec<u8>,
    run: Arc<Run>,
}

impl Registration {
    /// Takes a name. An upload of the same file that is under way ends first: this waits until it has.
    ///
    /// # Errors
    /// Another file is under way, or the upload does not end.
    pub(super) fn begin(
        running: &Arc<RunningUploads>,
        path: &[u8],
        announced: Announced,
        waker: Option<ThreadWaker>,
    ) -> Result<Registration, Refusal> {
        let mut runs = running.lock();
        if let Some(before) = runs.get(path).map(Arc::clone) {
            if !before.announced.may_be(&announced) {
                return Err(BUSY);
            }
            before.is_replaced.store(true, Ordering::SeqCst);
            before.end();
            let is_there = |runs: &mut HashMap<Vec<u8>, Arc<Run>>| {
                runs.get(path).is_some_and(|run| Arc::ptr_eq(run, &before))
            };
            let waited = running.ended.wait_timeout_while(runs, HANDOVER_LIMIT, is_there);
            runs = waited.unwrap_or_else(PoisonError::into_inner).0;
            if runs.contains_key(path) {
                return Err(BUSY);
            }
        }
        let run = Arc::new(Run::new(announced, waker, 0));
        runs.insert(path.to_vec(), Arc::clone(&run));
        Ok(Registration { running: Arc::downgrade(running), path: path.to_vec(), run })
    }

    /// Hands the upload to another connection.
    pub(super) fn renew(&mut self, waker: Option<ThreadWaker>) -> Arc<Run> {
        let offset = self.run.offset.load(Ordering::SeqCst);
        let run = Arc::new(Run::new(self.run.announced, waker, offset));
        if let Some(running) = self.running.upgrade() {
            running.lock().insert(self.path.clone(), Arc::clone(&run));
        }
        self.run = Arc::clone(&run);
        run
    }

    /// Returns the handle by which others end the upload.
    pub(super) fn run(&self) -> Arc<Run> {
        Arc::clone(&self.run)
    }

    /// Returns whether another upload takes the name.
    pub(super) fn is_replaced(&self) -> bool {
        self.run.is_replaced.load(Ordering::SeqCst)
    }

    /// Returns whether another request wants the name, or the upload.
    pub(super) fn is_stale(&self) -> bool {
        self.run.is_stale.load(Ordering::SeqCst)
    }

    /// Returns why work for the upload must end at once, if it must.
    pub(super) fn end(&self) -> Option<Refusal> {
        match self.running.upgrade() {
            _ if self.is_stale() => Some(BUSY),
            Some(running) if !running.is_stopping() => None,
            _ => Some(STOPPING),
        }
    }

    /// Tells others how many bytes are there.
    pub(super) fn set_offset(&self, offset: u64) {
        self.run.offset.store(offset, Ordering::SeqCst);
    }
}

impl Run {
    fn new(announced: Announced, waker: Option<ThreadWaker>, offset: u64) -> Run {
        let (is_stale, is_replaced) = (AtomicBool::new(false), AtomicBool::new(false));
        Run { announced, waker, is_stale, is_replaced, offset: AtomicU64::new(offset) }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(running) = self.running.upgrade() else { return };
        let mut runs = running.lock();
        if runs.get(&self.path).is_some_and(|run| Arc::ptr_eq(run, &self.run)) {
            runs.remove(&self.path);
        }
        drop(runs);
        running.ended.notify_all();
    }
}
