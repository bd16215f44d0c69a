//! Contention for a name: what a session that holds it, and one that wants it, do as `proto` decides.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::Receiving;
use super::body::BodyTarget;
use super::decision::{Decisions, Have};
use crate::error::{Error, Exit};
use crate::proto::transfer::contention::{makes_way, version};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::reason::Reason;
use crate::transfer::connection::wire::Failure;

impl Decisions {
    /// Returns whether to wait for another session that writes this name. The wait for a live session is short.
    pub(super) fn waits_for(&mut self, path: &[u8], entry: &Entry, now: Instant) -> bool {
        let registration = self.registration.as_deref();
        let want = |is_own: &Arc<AtomicBool>| {
            registration.is_some_and(|registration| registration.want(path, version(entry), is_own, now))
        };
        self.backoff.waits(want, now)
    }
}

impl Receiving {
    /// Ends this session if it is stale and another one wants a name that it holds.
    pub(super) fn make_way(&mut self, last_traffic: Instant, now: Instant) -> Result<(), Failure> {
        self.decisions.backoff.put_off(now);
        let Some(registration) = &self.decisions.registration else { return Ok(()) };
        let silence = now.saturating_duration_since(last_traffic);
        for wanted in registration.wanted(last_traffic) {
            let Some(entry) = self.holds(&wanted.path).and_then(|file| self.machine.entry(file)) else {
                continue;
            };
            let is_own = wanted.is_own(version(entry));
            if let Some(limit) = makes_way(silence, is_own) {
                let who = match is_own {
                    true => "its client has reconnected and sends this file in another session",
                    false => "another client sends a file of this name",
                };
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
