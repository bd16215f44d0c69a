//! Contention for a name: which of two sessions waits, and for how long.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Receiving;
use super::backoff::Backoff;
use super::body::BodyTarget;
use super::decision::{Decisions, Have};
use crate::error::{Error, Exit};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::reason::Reason;
use crate::transfer::connection::wire::Failure;
use crate::transfer::server::sessions::{OWN_STALE_AFTER, Registration, STALE_AFTER, Version};

/// How long to wait for a session that was asked to make way.
const LIMIT: Duration = Duration::from_secs(2);
/// The same for a session that seems to be alive: its client may have reconnected before the server noticed the loss.
const GRACE: Duration = Duration::from_secs(1);
/// The same for a session that sends the same file from the same address: bytes that its client sent before an
/// interruption may still be on their way.
const OWN_LIMIT: Duration = Duration::from_secs(10);
/// The same for a blocking task of an earlier session that was hashing when it ended: it takes as long as the part is
/// large.
const SUCCESSOR_LIMIT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);

impl Decisions {
    /// Returns whether to wait for another session that writes this name. The wait for a live session is short.
    pub(super) fn waits_for(&mut self, path: &[u8], entry: &Entry, now: Instant) -> bool {
        let Backoff { is_successor, in_vain, is_own, .. } = &self.backoff;
        let want = |registration: &Registration| registration.want(path, version(entry), is_own, now);
        let is_asked = self.registration.as_deref().is_some_and(want);
        let limit = match (*is_successor, is_asked) {
            (true, _) => SUCCESSOR_LIMIT,
            (false, true) => LIMIT,
            (false, false) if *in_vain => Duration::ZERO,
            (false, false) if is_own.load(Ordering::Relaxed) => OWN_LIMIT,
            (false, false) => GRACE,
        };
        let since = *self.backoff.since.get_or_insert(now);
        let waits = now < since + limit;
        self.backoff.next_look = waits.then_some(now + STEP);
        if !waits {
            (self.backoff.in_vain, self.backoff.is_successor) = (true, false);
        }
        waits
    }
}

impl Receiving {
    /// Ends this session if it is stale and another one wants a name that it holds.
    pub(super) fn make_way(&mut self, last_traffic: Instant, now: Instant) -> Result<(), Failure> {
        if let Some(next) = &mut self.decisions.backoff.next_look {
            *next = (*next).max(now + STEP);
        }
        let Some(registration) = &self.decisions.registration else { return Ok(()) };
        let silence = now.saturating_duration_since(last_traffic);
        for wanted in registration.wanted(last_traffic) {
            let Some(entry) = self.holds(&wanted.path).and_then(|file| self.machine.entry(file)) else {
                continue;
            };
            let (limit, who) = match wanted.is_own(version(entry)) {
                true => {
                    (OWN_STALE_AFTER, "its client has reconnected and sends this file in another session")
                }
                false => (STALE_AFTER, "another client sends a file of this name"),
            };
            if silence >= limit {
                let text = format!("nothing came for over {}, and {who}", humantime::format_duration(limit));
                let to_peer = Some((Reason::TimeLimit, text.clone()));
                return Err(Failure { error: Error::new(Exit::TimedOut, text), to_peer });
            }
        }
        Ok(())
    }

    /// Returns the file whose part keeps other sessions from writing this name.
    fn holds(&self, path: &[u8]) -> Option<u32> {
        let is_held =
            |have: &Have| matches!(have, Have::Part(_) | Have::Resumed { .. } | Have::ResumedBlocks { .. });
        let current =
            self.bodies.current.iter().filter(|current| matches!(current.target, BodyTarget::Part { .. }));
        let mut waiting =
            self.decisions.accepted.iter().filter(|(_, accepted_file)| is_held(&accepted_file.have));
        None.or_else(|| current.filter(|current| current.path == path).map(|current| current.file).next())
            .or_else(|| self.assembly.find_by_path(path))
            .or_else(|| waiting.find(|(_, accepted_file)| accepted_file.path == path).map(|(file, _)| *file))
    }
}

fn version(entry: &Entry) -> Version {
    (entry.size, entry.mtime_seconds, entry.mtime_nanoseconds)
}
