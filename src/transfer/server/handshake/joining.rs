//! A further connection, which joins a session.

use super::rejection::{reject, reject_queued};
use super::{Serving, State};
use crate::error::{Error, Exit};
use crate::net::stream::Handover;
use crate::proto::SessionId;
use crate::proto::transfer::reason::Reason;
use crate::transfer::connection::wire::{Failure, Wire};

impl<S: Handover + Send + 'static> Serving<S> {
    /// Passes the connection to its session, which answers it.
    pub(super) fn join_session(&mut self, wire: Wire<S>, session: &SessionId) -> State<S> {
        // Bytes after HELLO would be lost: a client must wait for ACCEPT.
        let is_clean = wire.incoming().is_empty();
        let further = self.place.convert_to_further(self.lease.take());
        let Some(further) = further else {
            // Its session continues without it: nothing has failed.
            let text = "there are too many further connections from this address";
            return State::Closing(reject_queued(wire, Some((Reason::Busy, text.to_owned())), None));
        };
        let mut wire = Some(wire);
        let take = || Some((wire.take()?.into_socket().ok()?, further));
        if is_clean && self.offer.sessions.join(session, take) {
            return State::Joined;
        }
        // Without a wire it was lost on the way to its session.
        let Some(wire) = wire else { return State::Joined };
        let text = "no such session accepts another connection";
        let to_peer = Some((Reason::NotFound, text.to_owned()));
        if self.offer.sessions.has_ended(session) {
            // The connection is late: its session has ended without it.
            return State::Closing(reject_queued(wire, to_peer, None));
        }
        reject(wire, Failure { error: Error::new(Exit::Refused, text), to_peer })
    }
}
