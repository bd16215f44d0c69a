//! The sessions that a server knows, so that further connections join them and clients that were cut off return.
//!
//! A session is known while it runs; for 10 minutes after it was cut; and no more once it has succeeded or failed for good.
//! Of those that were cut, the 1024 latest are known.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::SessionId;
use super::session::Session;

/// How long a session that was cut is known.
pub const KEPT: Duration = Duration::from_secs(600);
/// How many sessions that were cut are known.
pub const MAX_CUT: usize = 1024;

/// The sessions of a server.
#[derive(Debug, Default)]
pub struct Sessions {
    known: BTreeMap<SessionId, Known>,
    /// Those that were cut, the first one first.
    cut: BTreeMap<(Instant, SessionId), ()>,
}

#[derive(Debug)]
struct Known {
    session: Session,
    cut_at: Option<Instant>,
}

impl Sessions {
    /// Adds a session that runs from now on, under the session id of its `ACCEPT`.
    pub fn begin(&mut self, id: SessionId, session: Session) {
        self.forget(&id);
        self.known.insert(id, Known { session, cut_at: None });
    }

    /// Keeps a session that was cut, until its client returns or the time is over.
    pub fn cut(&mut self, id: &SessionId, now: Instant) {
        if let Some(known) = self.known.get_mut(id).filter(|known| known.cut_at.is_none()) {
            known.cut_at = Some(now);
            self.cut.insert((now, *id), ());
        }
        while let Some((&(cut_at, id), ())) = self.cut.first_key_value() {
            if self.cut.len() <= MAX_CUT && now < cut_at + KEPT {
                break;
            }
            self.forget(&id);
        }
    }

    /// Removes a session that is over.
    pub fn forget(&mut self, id: &SessionId) {
        if let Some(cut_at) = self.known.remove(id).and_then(|known| known.cut_at) {
            self.cut.remove(&(cut_at, *id));
        }
    }

    /// Returns a session that is known.
    pub fn get(&self, id: &SessionId, now: Instant) -> Option<&Session> {
        let known = self.known.get(id)?;
        known.cut_at.is_none_or(|cut_at| now < cut_at + KEPT).then_some(&known.session)
    }
}
