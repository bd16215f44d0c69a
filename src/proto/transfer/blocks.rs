//! The sender's record of files in blocks: unsent, in flight, or at the receiver.
//!
//! Where both sides have the capability TREE, a file of more than one block is sent in blocks: any block on any
//! connection. A chaining value follows each block, and the receiver answers it. The digest of the file is computed
//! from the values.

use std::collections::{HashMap, VecDeque};

use super::Digest;
use super::violation::Violation;

/// The size of a block, in bytes; the last one of a file may be shorter. BLAKE3 merges the values of aligned blocks of
/// this size into the digest of the file.
pub const BLOCK_BYTES: u64 = 4 << 20;
/// Maximum of attempts to send a block that arrives damaged.
const MAX_TRIES: u32 = 4;

/// Returns whether a file of this size is sent in blocks.
pub fn has_blocks(size: Option<u64>) -> bool {
    size.is_some_and(|size| size > BLOCK_BYTES)
}

/// Returns the number of blocks of a file of this size.
pub fn block_count(size: u64) -> u64 {
    size.div_ceil(BLOCK_BYTES)
}

/// Returns the length of the block that begins at `offset` of a file of `size` bytes; `None` if no block begins there.
pub fn block_length(offset: u64, size: u64) -> Option<u64> {
    (offset.is_multiple_of(BLOCK_BYTES) && offset < size).then(|| BLOCK_BYTES.min(size - offset))
}

/// A block to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockTask {
    /// The file id.
    pub file: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The chaining value of the receiver's block in its place: a block of the same value is not sent.
    pub theirs: Option<Digest>,
}

/// The sender's blocks. Connections are numbers.
#[derive(Debug, Default)]
pub struct BlockScheduler {
    files: HashMap<u32, SendingFile>,
    /// Files with blocks that were never assigned, in the order of their opening.
    fresh: VecDeque<u32>,
    resend: VecDeque<(u32, u64)>,
    /// Blocks in flight, by file and offset.
    in_flight: HashMap<(u32, u64), InFlight>,
    tries: HashMap<(u32, u64), u32>,
}

/// A block in flight.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    connection: usize,
    /// The number of times it was sent before.
    tries: u32,
    /// Where its `BLOCK` ends among the bytes of its connection, once queued.
    end: Option<u64>,
}

#[derive(Debug)]
struct SendingFile {
    size: u64,
    next: u64,
    theirs: Vec<Digest>,
    values: Vec<Option<Digest>>,
    unverified: u64,
}

impl BlockScheduler {
    /// Opens a file, of which the receiver has blocks with these chaining values from its beginning on.
    pub fn open(&mut self, file: u32, size: u64, theirs: Vec<Digest>) {
        let (values, unverified) = (Vec::new(), block_count(size));
        self.files.insert(file, SendingFile { size, next: 0, theirs, values, unverified });
        self.fresh.push_back(file);
    }

    /// Returns whether a connection has blocks in flight.
    pub fn is_on(&self, connection: usize) -> bool {
        self.in_flight.values().any(|block| block.connection == connection)
    }

    /// Returns the bytes of the blocks that were assigned to a connection and not answered yet.
    pub fn unanswered_bytes(&self, connection: usize) -> u64 {
        let on_it = self.in_flight.iter().filter(|(_, block)| block.connection == connection);
        let length = |file: &u32, offset: u64| block_length(offset, self.files.get(file)?.size);
        on_it.filter_map(|((file, offset), _)| length(file, *offset)).sum()
    }

    /// Returns whether the file is being sent.
    pub fn is_open(&self, file: u32) -> bool {
        self.files.contains_key(&file)
    }

    /// Assigns the next block to a connection. Blocks to send again have priority.
    pub fn next_block(&mut self, connection: usize) -> Option<BlockTask> {
        if let Some((file, offset)) = self.resend.pop_front() {
            let length = block_length(offset, self.files.get(&file)?.size)?;
            let tries = self.tries.get(&(file, offset)).copied().unwrap_or(0);
            self.in_flight.insert((file, offset), InFlight { connection, tries, end: None });
            return Some(BlockTask { file, offset, length, theirs: None });
        }
        let file = *self.fresh.front()?;
        let outgoing = self.files.get_mut(&file)?;
        let offset = outgoing.next;
        let length = block_length(offset, outgoing.size)?;
        outgoing.next += length;
        if outgoing.next == outgoing.size {
            self.fresh.pop_front();
        }
        let index = outgoing.values.len();
        outgoing.values.push(None);
        self.in_flight.insert((file, offset), InFlight { connection, tries: 0, end: None });
        Some(BlockTask { file, offset, length, theirs: outgoing.theirs.get(index).copied() })
    }

    /// Records the chaining value of a block that was read. The first value counts: a block that is sent again must
    /// have the same.
    pub fn hashed(&mut self, file: u32, offset: u64, value: Digest) {
        if let Some(outgoing) = self.files.get_mut(&file)
            && let Some(known) = outgoing.values.get_mut((offset / BLOCK_BYTES) as usize)
            && known.is_none()
        {
            *known = Some(value);
        }
    }

    /// Returns all chaining values of a file, once each block was read.
    pub fn values(&self, file: u32) -> Option<Vec<Digest>> {
        let outgoing = self.files.get(&file).filter(|outgoing| outgoing.next == outgoing.size)?;
        outgoing.values.iter().copied().collect()
    }

    /// Records that a block and its `BLOCK` are queued, and where they end among the bytes of their connection.
    pub fn queued(&mut self, file: u32, offset: u64, end: u64) {
        if let Some(block) = self.in_flight.get_mut(&(file, offset)) {
            block.end = Some(end);
        }
    }

    /// Records that the receiver had this block before.
    pub fn same(&mut self, file: u32, offset: u64) {
        if self.in_flight.remove(&(file, offset)).is_some() {
            self.count_answer(file);
        }
    }

    /// Handles the receiver's answer to a block, on a connection that has sent `sent_bytes`. Returns the number of
    /// newly verified bytes.
    ///
    /// # Errors
    /// The block is not in flight, was not sent as a whole, or was damaged too often.
    pub fn verified(
        &mut self,
        (connection, sent_bytes): (usize, u64),
        file: u32,
        offset: u64,
        resend: bool,
    ) -> Result<u64, Violation> {
        match self.in_flight.get(&(file, offset)) {
            Some(block) if block.connection == connection => {
                if block.end.is_none_or(|end| end > sent_bytes) {
                    return Err(Violation::Contradiction("ACK of a block that is not sent yet"));
                }
                let tries = block.tries + 1;
                self.in_flight.remove(&(file, offset));
                if resend {
                    if tries >= MAX_TRIES {
                        return Err(Violation::Damaged(offset));
                    }
                    self.tries.insert((file, offset), tries);
                    self.resend.push_back((file, offset));
                    return Ok(0);
                }
            }
            // The file was given up meanwhile.
            _ if !self.files.contains_key(&file) => return Ok(0),
            _ => return Err(Violation::Contradiction("ACK of a block that is not on its way")),
        }
        let length = self.files.get(&file).and_then(|outgoing| block_length(offset, outgoing.size));
        self.count_answer(file);
        Ok(length.unwrap_or(0))
    }

    fn count_answer(&mut self, file: u32) {
        if let Some(outgoing) = self.files.get_mut(&file) {
            outgoing.unverified = outgoing.unverified.saturating_sub(1);
        }
    }

    /// Records that a connection was lost: its blocks are sent again by another.
    pub fn lost(&mut self, connection: usize) {
        let lost: Vec<_> = self
            .in_flight
            .iter()
            .filter(|(_, block)| block.connection == connection)
            .map(|(key, _)| *key)
            .collect();
        for key in lost {
            self.in_flight.remove(&key);
            self.resend.push_back(key);
        }
    }

    /// Drops a file that will not be sent to its end.
    pub fn give_up(&mut self, file: u32) {
        self.files.remove(&file);
        self.fresh.retain(|fresh| *fresh != file);
        self.resend.retain(|(of, _)| *of != file);
        self.in_flight.retain(|(of, _), _| *of != file);
        self.tries.retain(|(of, _), _| *of != file);
    }

    /// Returns whether a block has to be sent again.
    pub fn has_resends(&self) -> bool {
        !self.resend.is_empty()
    }

    /// Removes and returns the files that have ended and whose blocks the receiver has.
    pub fn finished(&mut self, has_ended: impl Fn(u32) -> bool) -> Vec<u32> {
        let done: Vec<u32> = self
            .files
            .iter()
            .filter(|(file, outgoing)| outgoing.unverified == 0 && has_ended(**file))
            .map(|(file, _)| *file)
            .collect();
        for file in &done {
            self.files.remove(file);
            self.tries.retain(|(of, _), _| of != file);
        }
        done
    }

    /// Returns whether no block waits for the receiver's answer.
    pub fn is_idle(&self) -> bool {
        self.files.is_empty()
    }
}
