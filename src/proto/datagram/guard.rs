//! Permission to answer a datagram. Source addresses can be forged: a server that answers all datagrams can be made to
//! flood others, or to exchange answers with another server without end (CVE-2024-2169).

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

/// The maximum number of known peers; beyond it, the least recently active ones are dropped.
const MAX_PEERS: usize = 8192;
/// The maximum credit of a peer, in bytes of answers.
const MAX_CREDIT_BYTES: usize = 64 << 10;
/// A datagram this soon after an answer may be caused by it.
const SOON: Duration = Duration::from_secs(1);
/// The number of equal datagrams in a row, each soon after an answer, that make a loop.
const LOOP_LENGTH: u32 = 64;

/// The reason why an answer is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithholdReason {
    /// It is larger than what was received.
    Amplifies,
    /// The peer has had its answers for this second.
    TooMany,
    /// The peer seems to answer answers.
    Loops,
}

/// The limits on answers to every peer.
#[derive(Clone, Copy, Debug)]
pub struct ReplyLimits {
    /// True if an answer may be larger than the datagram it answers.
    pub amplify: bool,
    /// The answers per second to one peer, and the size of a burst.
    pub per_second: u32,
}

/// The recently active peers, with their credit.
pub struct Guard<K> {
    limits: ReplyLimits,
    hasher: RandomState,
    /// The recently active peers. When there are too many, they become the old ones, and the old ones are dropped.
    recent: HashMap<K, PeerState>,
    old: HashMap<K, PeerState>,
}

#[derive(Clone, Copy)]
struct PeerState {
    credit_bytes: usize,
    /// A token bucket, as the time at which it is full again.
    full_at: Instant,
    last_hash: u64,
    last_received: Instant,
    last_answer: Option<Instant>,
    repeats: u32,
}

impl<K: Hash + Eq + Clone> Guard<K> {
    /// Creates a guard without peers.
    pub fn new(limits: ReplyLimits) -> Guard<K> {
        Guard { limits, hasher: RandomState::new(), recent: HashMap::new(), old: HashMap::new() }
    }

    /// Records a datagram: it adds its size to the peer's credit.
    pub fn on_datagram(&mut self, peer: &K, payload: &[u8], now: Instant) {
        let hash = self.hasher.hash_one(payload);
        let fresh = PeerState {
            credit_bytes: 0,
            full_at: now,
            last_hash: !hash,
            last_received: now,
            last_answer: None,
            repeats: 0,
        };
        let state = self.state(peer).unwrap_or(fresh);
        // A detected loop ends only after a silence of this length.
        let since = state.last_answer.map(|last_answer| last_answer.max(state.last_received));
        let is_repeat = state.last_hash == hash && since.is_some_and(|time| now < time + SOON);
        let state = PeerState {
            credit_bytes: (state.credit_bytes + payload.len()).min(MAX_CREDIT_BYTES),
            last_hash: hash,
            last_received: now,
            repeats: if is_repeat { state.repeats.saturating_add(1) } else { 0 },
            ..state
        };
        if self.recent.len() >= MAX_PEERS / 2 && !self.recent.contains_key(peer) {
            self.old = std::mem::take(&mut self.recent);
        }
        self.recent.insert(peer.clone(), state);
    }

    /// Allows or denies an answer of this size to a peer. An allowed answer counts as sent.
    ///
    /// # Errors
    /// The reason why it must not be sent.
    pub fn allow_answer(&mut self, peer: &K, size_bytes: usize, now: Instant) -> Result<(), WithholdReason> {
        let ReplyLimits { amplify, per_second } = self.limits;
        let Some(state) = self.recent.get_mut(peer).or(self.old.get_mut(peer)) else {
            return Err(WithholdReason::Amplifies);
        };
        if state.repeats >= LOOP_LENGTH {
            return Err(WithholdReason::Loops);
        }
        if !amplify && size_bytes > state.credit_bytes {
            return Err(WithholdReason::Amplifies);
        }
        let full_at = state.full_at.max(now) + Duration::from_secs(1) / per_second.max(1);
        if full_at > now + Duration::from_secs(1) {
            return Err(WithholdReason::TooMany);
        }
        state.full_at = full_at;
        state.credit_bytes = state.credit_bytes.saturating_sub(size_bytes);
        state.last_answer = Some(now);
        Ok(())
    }

    /// Drops the rest of a peer's credit, for modes with one answer to each datagram.
    pub fn drop_credit(&mut self, peer: &K) {
        if let Some(state) = self.recent.get_mut(peer).or(self.old.get_mut(peer)) {
            state.credit_bytes = 0;
        }
    }

    fn state(&self, peer: &K) -> Option<PeerState> {
        self.recent.get(peer).or(self.old.get(peer)).copied()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const RULES: ReplyLimits = ReplyLimits { amplify: false, per_second: 1000 };

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn never_more_bytes_than_came_in() {
        let (mut guard, now) = (Guard::new(RULES), Instant::now());
        assert_eq!(guard.allow_answer(&1, 0, now), Err(WithholdReason::Amplifies), "never heard");
        guard.on_datagram(&1, b"four", now);
        assert_eq!(guard.allow_answer(&1, 5, now), Err(WithholdReason::Amplifies));
        assert_eq!(guard.allow_answer(&1, 3, now), Ok(()));
        assert_eq!(guard.allow_answer(&1, 2, now), Err(WithholdReason::Amplifies));
        assert_eq!(guard.allow_answer(&2, 0, now), Err(WithholdReason::Amplifies), "another peer's credit");
        guard.on_datagram(&1, b"more", now);
        guard.drop_credit(&1);
        assert_eq!(guard.allow_answer(&1, 1, now), Err(WithholdReason::Amplifies), "settled");
        guard.on_datagram(&1, b"", now);
        assert_eq!(guard.allow_answer(&1, 0, now), Ok(()), "an empty one for an empty one");
        let mut guard = Guard::new(ReplyLimits { amplify: true, ..RULES });
        guard.on_datagram(&1, b"", now);
        assert_eq!(guard.allow_answer(&1, 65_507, now), Ok(()));
    }

    #[test]
    fn one_peer_gets_so_many_a_second() {
        let (mut guard, start) = (Guard::new(ReplyLimits { amplify: true, per_second: 10 }), Instant::now());
        for peer in [1, 2] {
            let mut sent = 0;
            for time in 0..10_000_u64 {
                let now = at(start, time);
                guard.on_datagram(&peer, &time.to_le_bytes(), now);
                sent += u32::from(guard.allow_answer(&peer, 8, now).is_ok());
            }
            assert!((100..=111).contains(&sent), "{sent} in ten seconds");
        }
    }

    #[test]
    fn two_echoing_ends_stop() {
        let (mut one, mut other) = (Guard::new(RULES), Guard::new(RULES));
        let mut now = Instant::now();
        let mut rounds = 0;
        loop {
            one.on_datagram(&'o', b"echo", now);
            if one.allow_answer(&'o', 4, now).is_err() {
                break;
            }
            other.on_datagram(&'p', b"echo", now);
            if other.allow_answer(&'p', 4, now).is_err() {
                break;
            }
            rounds += 1;
            assert!(rounds < 1000, "a loop");
            now = at(now, 1);
        }
        // It lasts while the datagrams continue, and ends after a silence.
        one.on_datagram(&'o', b"echo", at(now, 900));
        assert_eq!(one.allow_answer(&'o', 4, at(now, 900)), Err(WithholdReason::Loops));
        one.on_datagram(&'o', b"echo", at(now, 2000));
        assert_eq!(one.allow_answer(&'o', 4, at(now, 2000)), Ok(()));
    }

    #[test]
    fn a_client_that_sends_other_datagrams_or_pauses_is_no_loop() {
        let (mut guard, start) = (Guard::new(RULES), Instant::now());
        for round in 0..1000_u64 {
            let now = at(start, 2 * round);
            guard.on_datagram(&1, &round.to_le_bytes(), now);
            assert_eq!(guard.allow_answer(&1, 8, now), Ok(()));
            let now = at(start, 1000 * round);
            guard.on_datagram(&2, b"ping", now);
            assert_eq!(guard.allow_answer(&2, 4, now), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded_and_the_latest_are_known() {
        let (mut guard, now) = (Guard::new(RULES), Instant::now());
        for peer in 0..100_000 {
            guard.on_datagram(&peer, b"x", now);
        }
        assert!(guard.recent.len() + guard.old.len() <= MAX_PEERS);
        assert_eq!(guard.allow_answer(&99_999, 1, now), Ok(()));
        assert_eq!(guard.allow_answer(&0, 1, now), Err(WithholdReason::Amplifies));
    }
}
