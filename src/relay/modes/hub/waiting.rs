//! Sessions that wait for something of a hub.

use std::collections::BTreeMap;

use crate::net::reactor::Waker;

/// Sessions that wait for the same, each once, by number.
#[derive(Default)]
pub(super) struct WaitingSessions {
    sessions: BTreeMap<usize, Waker>,
    /// The session that was woken last: the next one has its turn after it.
    last: usize,
}

impl WaitingSessions {
    pub(super) fn add(&mut self, session: &Waker) {
        self.sessions.insert(session.session_id(), session.clone());
    }

    pub(super) fn wake_all(&mut self) {
        for waker in std::mem::take(&mut self.sessions).into_values() {
            waker.wake();
        }
    }

    /// Wakes one of them, in turn.
    pub(super) fn wake_next(&mut self) {
        let after = self.sessions.range(self.last + 1..).next().or_else(|| self.sessions.first_key_value());
        if let Some(next) = after.map(|(session, _)| *session) {
            self.last = next;
            self.sessions.remove(&next).iter().for_each(Waker::wake);
        }
    }
}

/// Sessions that wait until stdout has written a number of pieces.
#[derive(Default)]
pub(super) struct WaitingForOutput(BTreeMap<(u64, usize), Waker>);

impl WaitingForOutput {
    pub(super) fn add(&mut self, pieces: u64, session: &Waker) {
        self.0.insert((pieces, session.session_id()), session.clone());
    }

    /// Wakes those that wait for up to this number.
    pub(super) fn wake_until(&mut self, written: u64) {
        while let Some(first) = self.0.first_entry().filter(|first| first.key().0 <= written) {
            first.remove().wake();
        }
    }
}
