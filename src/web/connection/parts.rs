//! What a connection remembers of its request, and how it ends.

use super::{Inner, State};
use crate::error::{Error, Exit};

/// What an answer must know of its request.
#[derive(Clone, Copy)]
pub(super) struct Reply {
    pub(super) is_head: bool,
    pub(super) keeps_alive: bool,
    pub(super) minor: u8,
}

/// A request in the log.
pub(super) struct Logged {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) minor: u8,
}

/// The end of a connection.
pub(super) enum End {
    /// It is lost, or not wanted any more.
    Lost,
    /// What was sent must not look whole.
    Reset(String),
    /// Another request has taken the place of its upload.
    Replaced,
    /// It goes to its other home.
    Moves,
}

impl Inner {
    /// The failure of a client that leaves now, or is let go. `None`: it was served.
    ///
    /// It counts but has no line: half an upload has one already, a download that is stopped is an everyday thing for
    /// browsers, and half a head for scanners.
    pub(super) fn unfinished(&self, exit: Exit) -> Option<Error> {
        let text = match &self.state {
            State::Taking(_) => "its upload is incomplete",
            State::Working(_) | State::Sending(_) => "it has left before the end of its answer",
            State::Reading if !self.held.is_empty() || !self.exchange.is_at_head() => {
                "its request is incomplete"
            }
            State::Reading | State::Closing(_) | State::Settling(_) => return None,
        };
        Some(Error::new(exit, text).of_health_check())
    }

    /// Notes that the answer says that this side has failed. What a client may not do, or does not find, is no failure.
    pub(super) fn note_own_failure(&mut self) {
        if let State::Sending(outgoing) = &self.state
            && matches!(outgoing.status, 500 | 507)
            && self.failure.is_none()
        {
            let text = format!("it was answered with status {}", outgoing.status);
            self.failure = Some(Error::new(Exit::Failed, text).of_health_check());
        }
    }
}
