//! What the sessions of one command have in common, where it tries again.

use std::cell::Cell;
use std::rc::Rc;

use crate::proto::transfer::hello::{Hello, RunId};

/// Who they are to the server, and what they leave behind. A clone is the same.
#[derive(Clone)]
pub(crate) struct RunState(Rc<State>);

struct State {
    run: Option<RunId>,
    has_greeted: Cell<bool>,
    has_moved: Cell<bool>,
}

impl RunState {
    /// For the sessions of a command; with `comes_back`, it may have several, and the server is to know them as one's.
    pub(crate) fn new(comes_back: bool) -> RunState {
        // Without randomness it would take over from strangers.
        let run = comes_back.then(crate::net::random_id).filter(|run| *run != [0; 16]);
        RunState(Rc::new(State { run, has_greeted: Cell::default(), has_moved: Cell::default() }))
    }

    /// The greeting of its next session.
    pub(crate) fn greeting(&self, hello: Hello) -> Vec<u8> {
        self.0.has_greeted.set(true);
        match self.0.run {
            Some(run) => hello.of_run(run).encode(),
            None => hello.encode(),
        }
    }

    /// Whether there was a session before.
    pub(crate) fn has_greeted(&self) -> bool {
        self.0.has_greeted.get()
    }

    /// Content of files went over a connection.
    pub(super) fn note_moved(&self) {
        self.0.has_moved.set(true);
    }

    /// Whether any did since this was last asked.
    pub(crate) fn take_moved(&self) -> bool {
        self.0.has_moved.replace(false)
    }
}
