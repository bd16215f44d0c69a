//! The blocks of a file that comes from several connections: what is there, what is missing, and who brings it.

use crate::store::{BLOCK_BYTES, BlockHasher, BlockValue};

/// The most blocks that one request asks for.
const MAX_RUN: usize = 16;

/// The state of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Missing,
    /// Asked for on this connection. `is_begun`: its bytes have begun to come. `is_second`: it was taken from another
    /// connection, which is slower.
    Asked {
        lane: usize,
        is_begun: bool,
        is_second: bool,
    },
    /// It is there, and matches its value.
    Verified,
}

/// A part of a file that a connection brings.
#[derive(Debug)]
pub(super) struct Run {
    lane: usize,
    /// The offset of its next byte.
    at: u64,
    end: u64,
    hasher: BlockHasher,
    /// The bytes of the current block are written and hashed.
    is_used: bool,
}

/// What to do with bytes of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// How many bytes.
    pub(super) count: usize,
    /// Where they are written; `None`: they are dropped.
    pub(super) write_at: Option<u64>,
}

/// The end of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BlockEnd {
    /// It goes on, or was not needed.
    Nothing,
    /// A block of so many bytes is there.
    Verified(u64),
    /// The block at this offset is not what its value says.
    Wrong(u64),
}

/// The blocks of a file.
#[derive(Debug)]
pub(super) struct BlockQueue {
    size: u64,
    values: Vec<BlockValue>,
    slots: Vec<Slot>,
    /// The number of blocks that are not there.
    left: usize,
    /// No block before this one is missing.
    first_missing: usize,
}

impl Run {
    /// The offset of its next byte, and of its end.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.at, self.end)
    }
}

impl BlockQueue {
    /// The blocks of a file of `size` bytes, more than one block. `have` are the values of those that are there.
    pub(super) fn new(size: u64, values: Vec<BlockValue>, have: &[BlockValue]) -> BlockQueue {
        let slot =
            |(index, value)| if have.get(index) == Some(value) { Slot::Verified } else { Slot::Missing };
        let slots: Vec<Slot> = values.iter().enumerate().map(slot).collect();
        let left = slots.iter().filter(|slot| **slot == Slot::Missing).count();
        BlockQueue { size, values, slots, left, first_missing: 0 }
    }

    /// Returns whether all is there.
    pub(super) fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// The bytes of the blocks that are there.
    pub(super) fn verified_bytes(&self) -> u64 {
        let verified = self.slots.iter().enumerate().filter(|(_, slot)| **slot == Slot::Verified);
        verified.map(|(index, _)| self.block_bytes(index)).sum()
    }

    fn start(index: usize) -> u64 {
        index as u64 * BLOCK_BYTES
    }

    fn block_bytes(&self, index: usize) -> u64 {
        BLOCK_BYTES.min(self.size.saturating_sub(BlockQueue::start(index)))
    }

    /// Takes blocks for a connection, of `lanes` in all: missing ones that follow each other; if there are none, one that a
    /// slower connection has not brought yet. With one connection everything that is missing up to the next block that is
    /// there.
    pub(super) fn take(&mut self, lane: usize, lanes: usize) -> Option<Run> {
        let is_missing = |slot: &Slot| *slot == Slot::Missing;
        let from = self.first_missing;
        let next = self.slots[from..].iter().position(is_missing).map(|index| from + index);
        self.first_missing = next.unwrap_or(self.slots.len());
        let (first, is_second) = match next {
            Some(first) => (first, false),
            None => (self.slowest(lane)?, true),
        };
        let most = match lanes {
            _ if is_second => 1,
            0 | 1 => usize::MAX,
            lanes => (self.left / (2 * lanes)).clamp(1, MAX_RUN),
        };
        let follows = self.slots[first..].iter().take_while(|slot| is_missing(slot)).count().clamp(1, most);
        let run = first..first + follows;
        self.slots[run.clone()].fill(Slot::Asked { lane, is_begun: false, is_second });
        let end = BlockQueue::start(run.end).min(self.size);
        Some(self.run(lane, BlockQueue::start(first), end))
    }

    /// The whole file, from a server that has no ranges.
    pub(super) fn take_all(&mut self, lane: usize) -> Run {
        for slot in self.slots.iter_mut().filter(|slot| **slot == Slot::Missing) {
            *slot = Slot::Asked { lane, is_begun: false, is_second: false };
        }
        self.run(lane, 0, self.size)
    }

    fn run(&self, lane: usize, at: u64, end: u64) -> Run {
        Run { lane, at, end, hasher: BlockHasher::new(at), is_used: false }
    }

    /// The last block that another connection was asked for: first one that has not begun. A block is taken from another
    /// connection once.
    fn slowest(&self, lane: usize) -> Option<usize> {
        let at = |begun: bool| {
            self.slots.iter().rposition(|slot| {
                matches!(slot, Slot::Asked { lane: other, is_begun, is_second: false } if *other != lane && *is_begun == begun)
            })
        };
        at(false).or_else(|| at(true))
    }

    /// A connection brings nothing more of its blocks.
    pub(super) fn give_back(&mut self, lane: usize) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if matches!(slot, Slot::Asked { lane: other, .. } if *other == lane) {
                *slot = Slot::Missing;
                self.first_missing = self.first_missing.min(index);
            }
        }
    }

    /// Says what to do with the next bytes of a run, up to the end of their block. `available`: how many there are.
    pub(super) fn next_piece(&mut self, run: &mut Run, available: usize) -> Piece {
        let index = usize::try_from(run.at / BLOCK_BYTES).unwrap_or(usize::MAX);
        let Some(slot) = self.slots.get_mut(index).filter(|_| run.at < run.end) else {
            return Piece { count: 0, write_at: None };
        };
        if run.at.is_multiple_of(BLOCK_BYTES) {
            run.hasher = BlockHasher::new(run.at);
            // A block that another connection has brought is not touched any more.
            run.is_used = match slot {
                Slot::Asked { lane, is_begun, .. } if *lane == run.lane => {
                    *is_begun = true;
                    true
                }
                _ => false,
            };
        } else {
            run.is_used &= matches!(slot, Slot::Asked { lane, .. } if *lane == run.lane);
        }
        let block_end = BlockQueue::start(index + 1).min(self.size).min(run.end);
        let count = usize::try_from(block_end - run.at).unwrap_or(usize::MAX).min(available);
        Piece { count, write_at: run.is_used.then_some(run.at) }
    }

    /// Takes the bytes of a piece, which were written.
    pub(super) fn taken(&mut self, run: &mut Run, bytes: &[u8]) -> BlockEnd {
        if run.is_used {
            run.hasher.update(bytes);
        }
        run.at += bytes.len() as u64;
        let is_end = run.at.is_multiple_of(BLOCK_BYTES) || run.at == self.size;
        if !is_end || !run.is_used {
            return BlockEnd::Nothing;
        }
        let start = (run.at - 1) / BLOCK_BYTES * BLOCK_BYTES;
        let index = usize::try_from(start / BLOCK_BYTES).unwrap_or(usize::MAX);
        let (Some(slot), Some(value)) = (self.slots.get_mut(index), self.values.get(index)) else {
            return BlockEnd::Nothing;
        };
        if run.hasher.clone().finish().as_ref() == Some(value) {
            *slot = Slot::Verified;
            self.left -= 1;
            return BlockEnd::Verified(run.at - start);
        }
        *slot = Slot::Missing;
        self.first_missing = self.first_missing.min(index);
        BlockEnd::Wrong(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: usize = BLOCK_BYTES as usize;

    fn values(content: &[u8]) -> Vec<BlockValue> {
        let value = |(index, block): (usize, &[u8])| {
            let mut hasher = BlockHasher::new((index * BLOCK) as u64);
            hasher.update(block);
            hasher.finish().unwrap()
        };
        content.chunks(BLOCK).enumerate().map(value).collect()
    }

    /// Brings a run from `source`, and writes it to `target`.
    fn bring(queue: &mut BlockQueue, mut run: Run, source: &[u8], target: &mut [u8]) -> Vec<BlockEnd> {
        let mut ends = Vec::new();
        while run.at < run.end {
            let at = usize::try_from(run.at).unwrap();
            let piece = queue.next_piece(&mut run, 1_500_000);
            let bytes = &source[at..at + piece.count];
            if let Some(at) = piece.write_at {
                let at = usize::try_from(at).unwrap();
                target[at..at + piece.count].copy_from_slice(bytes);
            }
            match queue.taken(&mut run, bytes) {
                BlockEnd::Nothing => {}
                end => ends.push(end),
            }
        }
        ends
    }

    #[test]
    fn a_wrong_block_is_missing_again_and_a_right_one_stays() {
        let content: Vec<u8> = (0..2 * BLOCK + 9).map(|at| (at % 251) as u8).collect();
        let mut queue = BlockQueue::new(content.len() as u64, values(&content), &[]);
        let (mut target, mut lie) = (vec![0; content.len()], content.clone());
        lie[BLOCK + 5] ^= 1;
        let run = queue.take(0, 1).unwrap();
        assert_eq!(run.range(), (0, content.len() as u64));
        let ends = bring(&mut queue, run, &lie, &mut target);
        let right = |bytes: usize| BlockEnd::Verified(bytes as u64);
        assert_eq!(ends, [right(BLOCK), BlockEnd::Wrong(BLOCK as u64), right(9)]);
        queue.give_back(0);
        let run = queue.take(1, 1).unwrap();
        assert_eq!(run.range(), (BLOCK as u64, 2 * BLOCK as u64));
        assert_eq!(bring(&mut queue, run, &content, &mut target), [right(BLOCK)]);
        assert!(queue.is_complete() && target == content && queue.take(0, 1).is_none());
    }

    #[test]
    fn what_a_slow_connection_has_not_brought_is_taken_from_it_once() {
        let content: Vec<u8> = (0..2 * BLOCK).map(|at| (at % 241) as u8).collect();
        let mut queue = BlockQueue::new(content.len() as u64, values(&content), &[]);
        let mut target = vec![0; content.len()];
        let mut slow = queue.take(0, 2).unwrap();
        let first = queue.take(1, 2).unwrap();
        assert_eq!(queue.next_piece(&mut slow, 10), Piece { count: 10, write_at: Some(0) });
        queue.taken(&mut slow, &[9; 10]);
        bring(&mut queue, first, &content, &mut target);
        let second = queue.take(1, 2).unwrap();
        assert_eq!(second.range(), (0, BLOCK as u64));
        assert!(queue.take(0, 2).is_none() && queue.take(2, 3).is_none());
        // The slow one writes nothing more.
        assert_eq!(queue.next_piece(&mut slow, 10).write_at, None);
        bring(&mut queue, second, &content, &mut target);
        assert_eq!(queue.next_piece(&mut slow, 10).write_at, None);
        assert!(queue.is_complete() && target == content);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn any_order_of_connections_ends_with_the_content(
            extra in 1_usize..3 * BLOCK,
            steps in proptest::collection::vec((0_usize..4, any::<bool>(), any::<bool>()), 0..30),
        ) {
            let content: Vec<u8> = (0..BLOCK + extra).map(|at| (at % 239) as u8).collect();
            let all = values(&content);
            let mut queue = BlockQueue::new(content.len() as u64, all.clone(), &[]);
            let mut target = vec![0; content.len()];
            let mut runs: Vec<Option<Run>> = (0..4).map(|_| None).collect();
            for (lane, fails, lies) in steps {
                match runs[lane].take() {
                    None => runs[lane] = queue.take(lane, 4),
                    Some(_) if fails => queue.give_back(lane),
                    Some(run) => {
                        let source = if lies { vec![1; content.len()] } else { content.clone() };
                        bring(&mut queue, run, &source, &mut target);
                        queue.give_back(lane);
                    }
                }
            }
            (0..4).for_each(|lane| queue.give_back(lane));
            while let Some(run) = queue.take(9, 1) {
                bring(&mut queue, run, &content, &mut target);
            }
            prop_assert!(queue.is_complete() && target == content);
            prop_assert_eq!(queue.verified_bytes(), content.len() as u64);
        }
    }
}
