//! The flows of a datagram relay: one for each peer, in a bounded number, each until it is silent for too long. Source
//! addresses can be forged, so there may be any number of peers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The limits on flows.
#[derive(Clone, Copy, Debug)]
pub struct FlowLimits {
    /// Flows at the same time; at least 1.
    pub max_flows: usize,
    /// A flow that is silent for this long ends.
    pub idle: Duration,
    /// True if the flow that is silent for longest makes way for a new one; false if the new one is refused.
    pub evicts: bool,
}

/// Every flow, by the number of each and by its key.
pub struct FlowTable<K, F> {
    limits: FlowLimits,
    numbers: HashMap<K, u64>,
    flows: HashMap<u64, Entry<K, F>>,
    /// A time for each flow, no later than its last datagram: brought up to date when it comes to the top.
    silences: BinaryHeap<Reverse<(Instant, u64)>>,
    next_number: u64,
}

struct Entry<K, F> {
    key: K,
    flow: F,
    last_active: Instant,
}

impl<K: Hash + Eq + Clone, F> FlowTable<K, F> {
    /// Creates a table without flows.
    pub fn new(limits: FlowLimits) -> FlowTable<K, F> {
        FlowTable {
            limits,
            numbers: HashMap::new(),
            flows: HashMap::new(),
            silences: BinaryHeap::new(),
            next_number: 0,
        }
    }

    /// The number of flows.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// The flow of a key, to which a datagram has come now.
    pub fn touch_key(&mut self, key: &K, now: Instant) -> Option<&F> {
        let number = *self.numbers.get(key)?;
        self.touch(number, now);
        self.flows.get(&number).map(|entry| &entry.flow)
    }

    /// Records a datagram of a flow, in either direction. Ignored if the flow has ended.
    pub fn touch(&mut self, number: u64, now: Instant) {
        if let Some(entry) = self.flows.get_mut(&number) {
            entry.last_active = entry.last_active.max(now);
        }
    }

    /// Makes room for a flow. Returns the flow that has made way, if one had to.
    ///
    /// # Errors
    /// All are taken, and none makes way.
    pub fn make_room(&mut self) -> Result<Option<F>, NoRoom> {
        if self.flows.len() < self.limits.max_flows {
            return Ok(None);
        }
        if !self.limits.evicts {
            return Err(NoRoom);
        }
        let longest = self.longest_silent().map(|(_, number)| number);
        Ok(longest.and_then(|number| self.remove(number)))
    }

    /// The number of the next flow that is added.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Adds a flow. One of the same key must have been removed.
    pub fn insert(&mut self, key: K, now: Instant, flow: F) {
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(key.clone(), number);
        self.flows.insert(number, Entry { key, flow, last_active: now });
        self.silences.push(Reverse((now, number)));
    }

    /// Removes a flow, unless that has been done.
    pub fn remove(&mut self, number: u64) -> Option<F> {
        let Entry { key, flow, .. } = self.flows.remove(&number)?;
        self.numbers.remove(&key);
        Some(flow)
    }

    /// Removes the flows whose keys are not wanted any more.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&K) -> bool) -> Vec<F> {
        let unwanted: Vec<u64> = self
            .flows
            .iter()
            .filter(|(_, entry)| !is_wanted(&entry.key))
            .map(|(number, _)| *number)
            .collect();
        unwanted.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// Removes the flows that have been silent for too long.
    pub fn expire(&mut self, now: Instant) -> Vec<F> {
        let mut expired = Vec::new();
        while let Some((since, number)) = self.longest_silent().filter(|_| self.deadline() <= Some(now)) {
            debug_assert!(since + self.limits.idle <= now);
            expired.extend(self.remove(number));
        }
        expired
    }

    /// When [`FlowTable::expire`] may have something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.silences.peek().map(|Reverse((since, _))| *since + self.limits.idle)
    }

    /// The flow that is silent for longest, and since when. It is at the top of the heap then.
    fn longest_silent(&mut self) -> Option<(Instant, u64)> {
        loop {
            let Reverse((since, number)) = *self.silences.peek()?;
            let last_active = self.flows.get(&number).map(|entry| entry.last_active);
            if last_active == Some(since) {
                return Some((since, number));
            }
            self.silences.pop();
            self.silences.extend(last_active.map(|last_active| Reverse((last_active, number))));
        }
    }
}

/// The number of flows is at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(10);

    fn table(max_flows: usize, evicts: bool) -> FlowTable<u32, u32> {
        FlowTable::new(FlowLimits { max_flows, idle: IDLE, evicts })
    }

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_flow_lasts_while_something_moves_either_way() {
        let (mut table, start) = (table(10, true), Instant::now());
        (0..3).for_each(|key| table.insert(key, start, key));
        assert_eq!((table.len(), table.deadline()), (3, Some(at(start, 10))));
        assert_eq!(table.touch_key(&1, at(start, 9)), Some(&1), "from the peer");
        table.touch(2, at(start, 5));
        assert!(table.expire(at(start, 9)).is_empty());
        assert_eq!(table.expire(at(start, 10)), [0]);
        assert_eq!(table.expire(at(start, 15)), [2]);
        assert_eq!(table.deadline(), Some(at(start, 19)));
        table.touch(0, at(start, 16));
        assert_eq!(table.touch_key(&0, at(start, 16)), None, "it has ended");
        assert_eq!(table.expire(at(start, 19)), [1]);
        assert_eq!((table.is_empty(), table.deadline()), (true, None));
    }

    #[test]
    fn the_longest_silent_one_makes_way_or_the_new_one_is_refused() {
        let (mut evicting, start) = (table(3, true), Instant::now());
        for key in 0..3 {
            assert_eq!(evicting.make_room(), Ok(None));
            evicting.insert(key, at(start, key.into()), key);
        }
        evicting.touch_key(&0, at(start, 5));
        assert_eq!(evicting.make_room(), Ok(Some(1)));
        evicting.insert(3, at(start, 6), 3);
        assert_eq!(evicting.make_room(), Ok(Some(2)));
        let mut refusing = table(1, false);
        assert_eq!(refusing.make_room(), Ok(None));
        refusing.insert(7, start, 7);
        assert_eq!(refusing.make_room(), Err(NoRoom));
        assert_eq!(refusing.retain(|key| *key != 7), [7]);
        assert_eq!(refusing.make_room(), Ok(None));
    }

    /// Against a plain list, in simulated time: hundreds of thousands of datagrams of thousands of peers.
    #[test]
    fn thousands_of_peers_are_as_a_list_would_have_them() {
        let (mut table, start) = (table(64, true), Instant::now());
        let mut list: Vec<(u32, Instant)> = Vec::new();
        let mut seed = 1_u64;
        for step in 0..50_000_u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let now = start + Duration::from_millis(step * 40 + (seed >> 60));
            // Few that are busy, and many others.
            let key = if seed >> 63 == 0 { (seed >> 32) as u32 % 40 } else { (seed >> 32) as u32 % 5000 };
            let mut expired = table.expire(now);
            let mut due: Vec<u32> =
                list.extract_if(.., |(_, last)| *last + IDLE <= now).map(|(key, _)| key).collect();
            expired.sort_unstable();
            due.sort_unstable();
            assert_eq!(expired, due, "step {step}");
            let known = list.iter_mut().find(|(other, _)| *other == key);
            assert_eq!(table.touch_key(&key, now).copied(), known.as_ref().map(|(key, _)| *key));
            if let Some((_, last)) = known {
                *last = now;
                continue;
            }
            let evicted = table.make_room().expect("room");
            if list.len() == 64 {
                let oldest = list.iter().enumerate().min_by_key(|(_, (_, last))| *last).expect("some").0;
                assert_eq!(evicted, Some(list.remove(oldest).0), "step {step}");
            }
            list.push((key, now));
            table.insert(key, now, key);
            assert!(table.len() <= 64 && table.silences.len() <= 2 * 64);
        }
    }
}
