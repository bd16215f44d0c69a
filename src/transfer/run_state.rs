//! State of a command that survives a retry.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::proto::transfer::hello::{Hello, RunId};

/// The identity of a command's sessions to the server, and the traces they leave. Clones share one state.
#[derive(Clone)]
pub(crate) struct RunState(Rc<State>);

struct State {
    run: Option<RunId>,
    has_begun: Cell<bool>,
    has_moved: Cell<bool>,
    has_answered: Rc<Cell<bool>>,
    noise: RefCell<Option<Vec<u8>>>,
}

impl RunState {
    /// Creates the state. `reconnects`: the command may have several sessions, which the server can recognize.
    pub(crate) fn new(reconnects: bool) -> RunState {
        // An id that is not random could be that of another client.
        let run = reconnects.then(crate::net::random_id).filter(|run| *run != [0; 16]);
        RunState(Rc::new(State {
            run,
            has_begun: Cell::default(),
            has_moved: Cell::default(),
            has_answered: Rc::default(),
            noise: RefCell::default(),
        }))
    }

    /// Returns the encoded HELLO of the next session.
    pub(crate) fn next_hello(&self, hello: Hello) -> Vec<u8> {
        self.0.has_begun.set(true);
        match self.0.run {
            Some(run) => hello.of_run(run).encode(),
            None => hello.encode(),
        }
    }

    /// Returns whether there was a session before.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.has_begun.get()
    }

    /// Whether the server of this attempt has answered, for others to look at.
    pub(crate) fn answered(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.0.has_answered)
    }

    /// Records that the server has answered.
    pub(crate) fn note_answered(&self) {
        self.0.has_answered.set(true);
    }

    /// Records the first bytes of a server that does not speak the protocol.
    pub(crate) fn note_noise(&self, bytes: &[u8]) {
        *self.0.noise.borrow_mut() = Some(bytes.to_vec());
    }

    /// Forgets what was seen of the server. Returns whether it has answered, and the bytes of one that does not speak the protocol.
    pub(crate) fn take_contact(&self) -> (bool, Option<Vec<u8>>) {
        (self.0.has_answered.replace(false), self.0.noise.borrow_mut().take())
    }

    /// Records that content of files was moved.
    pub(crate) fn note_moved(&self) {
        self.0.has_moved.set(true);
    }

    /// Returns whether content was moved since the last call.
    pub(crate) fn take_moved(&self) -> bool {
        self.0.has_moved.replace(false)
    }
}
