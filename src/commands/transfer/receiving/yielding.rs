//! A name that another session is writing: who waits for whom.

use std::time::{Duration, Instant};

use super::Receiving;
use super::arriving::Target;
use super::judging::Have;
use crate::commands::transfer::sessions::STALE_AFTER;
use crate::commands::transfer::wire::Failure;
use crate::error::{Error, Exit};
use crate::net::stream::Stream;
use crate::proto::reason::Reason;

/// How long to wait for a session that is to make way, and how often to look.
const LIMIT: Duration = Duration::from_secs(2);
/// The same for a session that seems to be alive: its client may be gone and back before the server has noticed.
const GRACE: Duration = Duration::from_secs(1);
/// The same for what a session before this one was hashing aside when it ended: that takes as long as the part is large.
const SUCCESSOR_LIMIT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);

/// What a session that waits for a name knows.
#[derive(Default)]
pub(super) struct Patience {
    /// An earlier session of the same client has ended: what it was busy with may take a moment more.
    pub(super) is_successor: bool,
    /// One that goes on was waited for in vain: others are not.
    in_vain: bool,
    until: Option<Instant>,
    pub(super) next_look: Option<Instant>,
}

impl Patience {
    /// The name is free, or given up.
    pub(super) fn end(&mut self) {
        (self.until, self.next_look) = (None, None);
    }
}

impl<S: Stream> Receiving<S> {
    /// Another session writes this name: whether to look again later. Where that session goes on, not for long.
    pub(super) fn waits_for(&mut self, path: &[u8], now: Instant) -> bool {
        let is_asked = self.listed.as_ref().is_some_and(|listed| listed.want(path, now));
        let Patience { is_successor, until, in_vain, .. } = &mut self.patience;
        let limit = match (*is_successor, is_asked) {
            (true, _) => SUCCESSOR_LIMIT,
            (false, true) => LIMIT,
            (false, false) if *in_vain => Duration::ZERO,
            (false, false) => GRACE,
        };
        let until = *until.get_or_insert(now + limit);
        self.patience.next_look = (now < until).then_some(now + STEP);
        if self.patience.next_look.is_none() {
            self.patience = Patience { in_vain: true, ..Patience::default() };
        }
        self.patience.next_look.is_some()
    }

    /// Ends this session if nothing comes any more and another one wants what it holds.
    pub(super) fn make_way(&mut self, last_traffic: Instant, now: Instant) -> Result<(), Failure> {
        if let Some(next) = &mut self.patience.next_look {
            *next = (*next).max(now + STEP);
        }
        let Some(listed) = &self.listed else { return Ok(()) };
        let wanted = listed.wanted(last_traffic);
        if now < last_traffic + STALE_AFTER || !wanted.iter().any(|path| self.holds(path)) {
            return Ok(());
        }
        let limit = humantime::format_duration(STALE_AFTER);
        let text = format!("nothing came for over {limit}, and another client sends a file of this name");
        let tell = Some((Reason::TimeLimit, text.clone()));
        Err(Failure { error: Error::new(Exit::TimedOut, text), tell })
    }

    /// Whether others cannot write this name because of a part that this session has.
    fn holds(&self, path: &[u8]) -> bool {
        let is_held =
            |have: &Have| matches!(have, Have::Part(_) | Have::Resumed { .. } | Have::ResumedBlocks { .. });
        let is_current = |target: &Target| matches!(target, Target::Part { .. });
        self.current.as_ref().is_some_and(|current| current.path == path && is_current(&current.target))
            || self.blocked.holds(path)
            || self.consents.values().any(|consent| consent.path == path && is_held(&consent.have))
            || self.blocked.holds(path)
    }
}
