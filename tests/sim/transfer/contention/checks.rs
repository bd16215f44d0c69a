//! What must hold of several clients and their server.

use std::fmt;
use std::time::Duration;

use sendall::proto::transfer::contention::{OWN_LIMIT, OWN_STALE_AFTER, STALE_AFTER, STEP, SUCCESSOR_LIMIT};
use sendall::proto::transfer::roster::TAKE_OVER_LIMIT;

use super::World;
use super::client::State;
use crate::transfer::receiving::Refusal;
use crate::transfer::sending::{Sending, Source};

/// Longer than any world takes, with all tries and pauses of its clients.
const LONGEST_WORLD: Duration = Duration::from_secs(3600);

impl World {
    /// A final name is whole, and one of those that were sent.
    pub(super) fn check_names(&self) {
        let seed = self.seed;
        for (path, node) in self.disk.names.iter().chain(&self.disk.durable) {
            let is_of = |source: &Source| {
                let is_same = source.path == *path && source.size == node.size;
                is_same && (source.size == 0 || node.content.run(0, source.size) == Some(source.whole()))
            };
            let mut sources = self.clients.iter().flat_map(|client| &client.sources);
            assert!(sources.any(is_of), "seed {seed}: {path} is not whole: {node:?}");
        }
        for (path, node) in &self.disk.durable {
            let named = self.disk.names.get(path).map(|node| node.content.digest(0, node.size));
            assert_eq!(named, Some(node.content.digest(0, node.size)), "seed {seed}: {path} was replaced");
        }
    }

    /// Every file of a client that has heard the result has one verdict, and what is done is safe and its own.
    pub(super) fn check_result(&self, index: usize, sending: &Sending) {
        let seed = self.seed;
        let client = &self.clients[index];
        assert_eq!(sending.closed.len(), client.sources.len(), "seed {seed}: a verdict for each file");
        assert_eq!(sending.machine.unnamed_failures(), 0, "seed {seed}: failures without a name");
        for (file, source) in (0..).zip(&client.sources) {
            let outcome = &sending.closed[&file].outcome;
            let safe = self.disk.durable.get(&source.path);
            let is_safe = safe.is_some_and(|node| {
                node.size == source.size && node.content.digest(0, node.size) == source.whole().digest()
            });
            let is_empty = source.size == 0 && safe.is_some_and(|node| node.size == 0);
            assert!(
                outcome.is_failed() || is_safe || is_empty,
                "seed {seed}: {source:?} of {index} is {outcome:?}, and there is {safe:?}"
            );
            // Nothing but another file of that name, or another client that sends one, is a reason.
            let others = self.clients.iter().enumerate().filter(|(other, _)| *other != index);
            let mut others = others.flat_map(|(_, client)| &client.sources);
            let is_contended = client.has_lingered || others.any(|other| other.path == source.path);
            assert!(!outcome.is_failed() || is_contended, "seed {seed}: {source:?} of {index}: {outcome:?}");
        }
    }

    /// A session that was served has no living predecessor, unless that was held up.
    pub(super) fn check_runs(&self, index: usize) {
        let visit = &self.visits[index];
        let Some(running) = visit.running() else { return };
        for other in self.visits.iter().filter(|other| other.client == visit.client) {
            let Some(before) = other.running().filter(|_| !std::ptr::eq(other, visit)) else { continue };
            let has_run = self.clients[visit.client].has_run();
            let is_held_up = (other.was_stuck || visit.was_stuck) && running.shared().is_successor;
            let seed = self.seed;
            assert!(
                !has_run || is_held_up,
                "seed {seed}: session {} begins while {} of its client goes on, after {TAKE_OVER_LIMIT:?}",
                running.shared().number,
                before.shared().number,
            );
        }
    }

    /// Who is told that another session holds a name has waited as long as it should, and the other one is alive.
    pub(super) fn check_refusal(&self, index: usize, refusal: &Refusal) {
        let seed = self.seed;
        let Refusal { path, version, waited, is_first, is_successor } = refusal;
        let longest = SUCCESSOR_LIMIT + STEP + Duration::from_secs(1);
        let visit = &self.visits[index];
        assert!(*waited <= longest || visit.was_stuck, "seed {seed}: {refusal:?}");
        assert!(!is_successor || *waited >= SUCCESSOR_LIMIT, "seed {seed}: {refusal:?}");
        let holder = self.disk.holders.get(path);
        let holder = self
            .visits
            .iter()
            .find(|visit| visit.running().is_some_and(|running| Some(&running.shared().number) == holder));
        // Else the work of a session that is over has the part. Who is held up asks too late.
        let Some(holder) = holder.filter(|holder| !holder.was_stuck && !visit.was_stuck) else { return };
        let Some(running) = holder.running() else { return };
        // What is on its way to the disk is nothing to make way for.
        let Some(held) = running.shared().held.get(path) else { return };
        let silence = self.now - running.last_traffic;
        let slack = STEP + Duration::from_millis(400);
        assert!(
            silence < STALE_AFTER + slack,
            "seed {seed}: {refusal:?}, and the other is silent for {silence:?}"
        );
        let is_own = holder.source == visit.source && held == version;
        if is_own && *is_first {
            assert!(
                silence < OWN_STALE_AFTER + slack,
                "seed {seed}: {refusal:?}, own, silent for {silence:?}"
            );
            // It has asked at each step, and the other one has looked since.
            let asked_by =
                (self.now - *waited).max(running.told.get(path).copied().unwrap_or(self.now)) + 2 * STEP;
            let is_told = running.heard_at.is_some_and(|time| time > asked_by);
            assert!(!is_told || *waited >= OWN_LIMIT, "seed {seed}: {refusal:?}, and it is its own");
        }
    }

    /// Everybody is heard: nothing is held, and no time is waited for.
    pub(super) fn check_end(&mut self) {
        let seed = self.seed;
        self.check_names();
        let time = self.now - self.start;
        assert!(time < LONGEST_WORLD, "seed {seed}: it took {time:?}");
        // Sessions whose clients are gone end as well: by their end, or by their limits.
        for _ in 0..super::MAX_EVENTS {
            if self.visits.iter().all(|visit| visit.is_gone()) {
                break;
            }
            if !self.happen() {
                self.wait();
            }
        }
        assert!(self.visits.iter().all(|visit| visit.is_gone()), "seed {seed}: a session does not end");
        self.now += LONGEST_WORLD;
        self.let_go();
        assert!(self.disk.holders.is_empty(), "seed {seed}: {:?} are held", self.disk.holders);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "after {:?}", self.now - self.start)?;
        for client in &self.clients {
            let state = match &client.state {
                State::Pausing(until) => format!("pauses until {:?}", *until - self.start),
                State::Talking(talk) => {
                    format!("talks on {}: {:?}", talk.visit, self.visits[talk.visit].line)
                }
                State::Over(outcome) => format!("over: {outcome:?}"),
            };
            writeln!(f, "{state}")?;
        }
        for visit in self.visits.iter().filter(|visit| !visit.is_gone()) {
            writeln!(
                f,
                "of {}: deadline {:?}",
                visit.client,
                visit.deadline(self.now).map(|time| time - self.start)
            )?;
        }
        writeln!(f, "held: {:?}", self.disk.holders)
    }
}
