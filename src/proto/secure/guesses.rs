//! How often a code may be guessed, and used. Time is an argument.
//!
//! A guess is a wrong proof. What ends before a proof tells nothing about the code, and counts for nothing.
//! - 100 wrong proofs in all withdraw the code: with 33 bits, a chance of 1.2e-8.
//! - A wrong proof is answered after 1 s, and its source may not begin another run before. From the third wrong one of a
//!   source on this is 5 s, and twice as long each time, up to 10 minutes. The answer comes after 5 s at the latest.
//! - At most 4 runs at a time. Then the oldest run of the source that has most makes way for another source; if each has
//!   one only, the oldest that has had 2 s does. A source that itself has most replaces its own. So one source never keeps
//!   another one out.
//!
//! A code is used up by success. A right proof reserves one of its uses; success uses it up, anything else gives it back.
//! While all are reserved, further clients are told to wait; the same client (by its certificate's key) takes its own
//! reservation over, because the server may not have noticed yet that it was cut off.
//!
//! Memory is bounded: no more sources are known than there were wrong proofs, no more runs than 4.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::pin::Pin;
use super::refusal::Reason;
use crate::proto::source_of;

/// Wrong proofs that withdraw a code.
pub const MAX_WRONG_PROOFS: u32 = 100;
/// Runs at a time.
pub const MAX_RUNS: usize = 4;
/// Delay of the answer to the first two wrong proofs of a source.
pub const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The same of its third one; it doubles with each further one.
pub const THIRD_DELAY: Duration = Duration::from_secs(5);
/// The longest delay.
pub const MAX_DELAY: Duration = Duration::from_secs(600);
/// The longest time for which an answer is held back; the rest of a delay is kept by refusing new runs.
pub const MAX_ANSWER_DELAY: Duration = Duration::from_secs(5);
/// A run that is younger does not make way for one of another source.
pub const GRACE: Duration = Duration::from_secs(2);

/// How many sessions may succeed with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// This many.
    Times(NonZeroU32),
    /// Any number.
    Many,
}

/// Why a run cannot begin or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// [`Reason::CodeWithdrawn`], [`Reason::CodeUsed`] or [`Reason::Wait`].
    pub reason: Reason,
    /// How long to wait, in whole seconds; 0 if that does not help.
    pub seconds: u16,
}

/// What follows from a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement<Use> {
    /// It is right: a use is reserved.
    Right(Use),
    /// It is wrong, and was counted. It is answered at this time.
    Wrong(Instant),
    /// It was not looked at.
    NotNow(NotNow),
}

#[derive(Debug)]
struct Run {
    number: u64,
    source: IpAddr,
    since: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    wrong_proofs: u32,
    blocked_until: Instant,
}

/// The account of one code.
#[derive(Debug)]
pub struct Guesses {
    /// `None`: any number.
    uses_left: Option<u32>,
    wrong_proofs: u32,
    next_number: u64,
    runs: Vec<Run>,
    reserved: Vec<(u64, Option<Pin>)>,
    sources: BTreeMap<IpAddr, Source>,
}

impl Guesses {
    /// The account of a new code.
    pub fn new(uses: Uses) -> Guesses {
        let uses_left = match uses {
            Uses::Times(times) => Some(times.get()),
            Uses::Many => None,
        };
        Guesses {
            uses_left,
            wrong_proofs: 0,
            next_number: 0,
            runs: Vec::with_capacity(MAX_RUNS),
            reserved: Vec::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Returns the number of wrong proofs.
    pub fn wrong_proofs(&self) -> u32 {
        self.wrong_proofs
    }

    /// Returns whether there were too many wrong proofs.
    pub fn is_withdrawn(&self) -> bool {
        self.wrong_proofs >= MAX_WRONG_PROOFS
    }

    /// Returns whether all uses have succeeded.
    pub fn is_used_up(&self) -> bool {
        self.uses_left == Some(0)
    }

    fn is_over(&self) -> Option<NotNow> {
        let over = |reason| Some(NotNow { reason, seconds: 0 });
        if self.is_withdrawn() {
            return over(Reason::CodeWithdrawn);
        }
        if self.is_used_up() { over(Reason::CodeUsed) } else { None }
    }

    /// Begins a run of a client, and returns its number.
    ///
    /// # Errors
    /// The code is over, or the client has to wait.
    pub fn begin(&mut self, client: IpAddr, now: Instant) -> Result<u64, NotNow> {
        if let Some(over) = self.is_over() {
            return Err(over);
        }
        let source = source_of(client);
        if let Some(known) = self.sources.get(&source).filter(|known| now < known.blocked_until) {
            return Err(wait(known.blocked_until - now));
        }
        if self.runs.len() >= MAX_RUNS {
            let leaves = self.makes_way(source, now).ok_or(wait(GRACE))?;
            self.runs.remove(leaves);
        }
        let number = self.number();
        self.runs.push(Run { number, source, since: now });
        Ok(number)
    }

    /// Returns the place of the run that makes way for one of `source`. Runs stand in the order of their beginnings.
    fn makes_way(&self, source: IpAddr, now: Instant) -> Option<usize> {
        let count = |source: IpAddr| self.runs.iter().filter(|run| run.source == source).count();
        let most = self.runs.iter().map(|run| count(run.source)).max()?;
        self.runs.iter().position(|run| match count(source) == most {
            true => run.source == source,
            false if most > 1 => count(run.source) == most,
            false => now >= run.since + GRACE,
        })
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Ends a run without a proof.
    pub fn end(&mut self, run: u64) {
        self.runs.retain(|known| known.number != run);
    }

    /// Ends a run with a proof of the client that has presented `key`. A use is a number.
    pub fn prove(&mut self, run: u64, is_right: bool, key: Option<Pin>, now: Instant) -> Judgement<u64> {
        let Some(place) = self.runs.iter().position(|known| known.number == run) else {
            return Judgement::NotNow(wait(GRACE));
        };
        let source = self.runs.remove(place).source;
        if let Some(over) = self.is_over() {
            return Judgement::NotNow(over);
        }
        if !is_right {
            return Judgement::Wrong(self.wrong_proof(source, now));
        }
        self.sources.remove(&source);
        let Some(left) = self.uses_left else {
            return Judgement::Right(self.number());
        };
        if self.reserved.len() >= left as usize {
            let is_own = |(_, other): &(u64, Option<Pin>)| key.is_some() && *other == key;
            let Some(place) = self.reserved.iter().position(is_own) else {
                return Judgement::NotNow(wait(THIRD_DELAY));
            };
            self.reserved.remove(place);
        }
        let number = self.number();
        self.reserved.push((number, key));
        Judgement::Right(number)
    }

    fn wrong_proof(&mut self, source: IpAddr, now: Instant) -> Instant {
        self.wrong_proofs += 1;
        let known = self.sources.entry(source).or_insert(Source { wrong_proofs: 0, blocked_until: now });
        known.wrong_proofs += 1;
        let delay = delay(known.wrong_proofs);
        known.blocked_until = known.blocked_until.max(now + delay);
        now + delay.min(MAX_ANSWER_DELAY)
    }

    /// Uses up a reserved use: its session has succeeded. One that was taken over counts as well.
    pub fn succeed(&mut self, number: u64) {
        self.give_back(number);
        self.uses_left = self.uses_left.map(|left| left.saturating_sub(1));
    }

    /// Gives a reserved use back: its session has failed or was cut.
    pub fn give_back(&mut self, number: u64) {
        self.reserved.retain(|(reserved, _)| *reserved != number);
    }
}

/// The delay of the answer to the `count`th wrong proof of a source.
fn delay(count: u32) -> Duration {
    match count.checked_sub(3) {
        None => FIRST_DELAY,
        Some(doublings) => THIRD_DELAY.saturating_mul(1 << doublings.min(16)).min(MAX_DELAY),
    }
}

fn wait(time: Duration) -> NotNow {
    let seconds = time.as_millis().div_ceil(1000).clamp(1, u128::from(u16::MAX));
    NotNow { reason: Reason::Wait, seconds: seconds as u16 }
}
