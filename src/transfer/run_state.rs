//! State of a command that survives a retry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::proto::transfer::hello::{Hello, RunId};

/// The identity of a command's sessions to the server, and the traces they leave. Clones share one state.
#[derive(Clone)]
pub(crate) struct RunState(Arc<State>);

struct State {
    run: Option<RunId>,
    has_begun: AtomicBool,
    has_moved: AtomicBool,
    has_answered: Arc<AtomicBool>,
    noise: Mutex<Option<Vec<u8>>>,
}

impl RunState {
    /// Creates the state. `reconnects`: the command may have several sessions, which the server can recognize.
    pub(crate) fn new(reconnects: bool) -> RunState {
        // An id that is not random could be that of another client.
        let run = reconnects.then(crate::net::random_id).filter(|run| *run != [0; 16]);
        RunState(Arc::new(State {
            run,
            has_begun: AtomicBool::default(),
            has_moved: AtomicBool::default(),
            has_answered: Arc::default(),
            noise: Mutex::default(),
        }))
    }

    /// Returns the encoded HELLO of the next session.
    pub(crate) fn next_hello(&self, hello: Hello) -> Vec<u8> {
        self.0.has_begun.store(true, Ordering::Relaxed);
        match self.0.run {
            Some(run) => hello.of_run(run).encode(),
            None => hello.encode(),
        }
    }

    /// Returns whether there was a session before.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed)
    }

    /// Whether the server of this attempt has answered, for others to look at.
    pub(crate) fn answered(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.has_answered)
    }

    /// Records that the server has answered.
    pub(crate) fn note_answered(&self) {
        self.0.has_answered.store(true, Ordering::Relaxed);
    }

    fn noise(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.0.noise.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the first bytes of a server that does not speak the protocol.
    pub(crate) fn note_noise(&self, bytes: &[u8]) {
        *self.noise() = Some(bytes.to_vec());
    }

    /// Forgets what was seen of the server. Returns whether it has answered, and the bytes of one that does not speak the protocol.
    pub(crate) fn take_contact(&self) -> (bool, Option<Vec<u8>>) {
        (self.0.has_answered.swap(false, Ordering::Relaxed), self.noise().take())
    }

    /// Records that content of files was moved.
    pub(crate) fn note_moved(&self) {
        self.0.has_moved.store(true, Ordering::Relaxed);
    }

    /// Returns whether content was moved since the last call.
    pub(crate) fn take_moved(&self) -> bool {
        self.0.has_moved.swap(false, Ordering::Relaxed)
    }
}
