//! Assembly of files from blocks: the state of each block, and the connection that writes it.

use std::collections::{HashMap, VecDeque};

use crate::proto::transfer::Digest;
use crate::proto::transfer::blocks::{BLOCK_BYTES, block_count, block_length, has_blocks};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::frame::Frame;
use crate::proto::transfer::violation::Violation;
use crate::store::{BlockHasher, Part, StoreError, root_of};

/// Maximum of open files in blocks: each holds descriptors.
pub(super) const MAX_OPEN: usize = 64;
/// Maximum distance of a new block from the earlier ones, in blocks: the memory for a file grows with received bytes,
/// not with the size that its sender announces.
const MAX_AHEAD: usize = 1024;

/// Maximum of remembered closed files, whose blocks may still arrive: twice the files that may wait for answers.
const MAX_CLOSED: usize = 2 * MAX_OPEN;

/// The last files in blocks that were closed, with their sizes in bytes.
#[derive(Default)]
pub(super) struct ClosedFiles(VecDeque<(u32, u64)>);

impl ClosedFiles {
    pub(super) fn insert(&mut self, file: u32, size: Option<u64>) {
        if !self.contains(file) {
            self.0.push_back((file, size.unwrap_or(0)));
        }
        if self.0.len() > MAX_CLOSED {
            self.0.pop_front();
        }
    }

    pub(super) fn contains(&self, file: u32) -> bool {
        self.size(file).is_some()
    }

    fn size(&self, file: u32) -> Option<u64> {
        self.0.iter().find(|(ended, _)| *ended == file).map(|(_, size)| *size)
    }
}

/// A file that arrives in blocks.
pub(super) struct BlockAssembly {
    /// Path below the destination.
    path: Vec<u8>,
    part: Part,
    size: u64,
    /// Blocks by number, up to the last that has begun.
    slots: Vec<Slot>,
    /// The content of `END`, once received.
    end: Option<(Entry, Digest)>,
}

/// State of a block in its file.
#[derive(Clone, Copy)]
enum Slot {
    Missing,
    /// Left by an earlier session, with this chaining value.
    Resumed(Digest),
    /// Being written by the block with this number. The sender may send a block again while the first copy is still
    /// arriving on a connection that it has given up: then the copy that began last is written.
    Receiving(u64),
    /// Complete and verified: it is not written any more.
    Verified(Digest),
}

impl BlockAssembly {
    /// Creates a file of `size` bytes whose first blocks have these chaining values.
    pub(super) fn new(path: Vec<u8>, part: Part, size: u64, values: Vec<Digest>) -> BlockAssembly {
        let slots = values.into_iter().map(Slot::Resumed).collect();
        BlockAssembly { path, part, size, slots, end: None }
    }

    fn slot(&mut self, offset: u64) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(offset / BLOCK_BYTES).ok()?)
    }

    /// Returns the slot of a block that begins; `None` if it is too far ahead.
    fn slot_to_begin(&mut self, offset: u64) -> Option<&mut Slot> {
        let index = usize::try_from(offset / BLOCK_BYTES).ok()?;
        if index >= self.slots.len() + MAX_AHEAD {
            return None;
        }
        self.slots.resize(self.slots.len().max(index + 1), Slot::Missing);
        self.slots.get_mut(index)
    }

    fn values(&self) -> impl Iterator<Item = Option<Digest>> {
        self.slots.iter().map(|slot| match slot {
            Slot::Resumed(value) | Slot::Verified(value) => Some(*value),
            Slot::Missing | Slot::Receiving(_) => None,
        })
    }

    /// Returns the bytes of earlier sessions that were not received again.
    fn resumable_bytes(&self) -> u64 {
        let is_resumed = |slot: &Slot| matches!(slot, Slot::Resumed(_));
        let offsets = (0..).step_by(BLOCK_BYTES as usize).zip(&self.slots);
        let lengths = offsets.filter(|(_, slot)| is_resumed(slot)).map(|(at, _)| block_length(at, self.size));
        lengths.map(|length| length.unwrap_or(0)).sum()
    }

    /// Keeps the verified blocks for a later session.
    pub(super) fn keep(self) {
        if self.values().any(|value| value.is_some()) {
            self.part.keep();
        }
    }

    /// Returns whether `END` and all blocks were received, and the digest matches.
    fn is_complete(&self) -> bool {
        if self.slots.len() as u64 != block_count(self.size) {
            return false;
        }
        let values: Option<Vec<Digest>> = self.values().collect();
        let digest = self.end.as_ref().map(|(_, digest)| *digest);
        digest.is_some() && values.and_then(|values| root_of(&values)) == digest
    }
}

/// The incoming DATA frame of a connection, and the block that it belongs to.
#[derive(Default)]
pub(super) struct IncomingFrame {
    /// Bytes of the frame that were not received yet.
    remaining: usize,
    block: Option<Block>,
    /// File id, offset and length of a frame whose file is not known yet.
    pub(super) pending_header: Option<(u32, u64, u32)>,
}

struct Block {
    file: u32,
    offset: u64,
    length: u64,
    /// The size of the file is known. If not, `length` is only an upper bound.
    is_length_exact: bool,
    received: u64,
    hasher: BlockHasher,
    /// Unique within the session.
    number: u64,
    /// The block is not needed: it is answered and discarded.
    discard: bool,
}

impl IncomingFrame {
    /// Returns whether a frame is being received.
    pub(super) fn is_open(&self) -> bool {
        self.remaining > 0
    }

    /// Returns whether no block is being received.
    pub(super) fn is_between_blocks(&self) -> bool {
        self.block.is_none()
    }

    /// Returns the received bytes of a needed block, `buffered` bytes in the buffer included.
    pub(super) fn received_bytes_with(&self, buffered: usize) -> u64 {
        let block = self.block.as_ref().filter(|block| !block.discard);
        block.map_or(0, |block| block.received + buffered.min(self.remaining) as u64)
    }

    /// Returns the bytes of the frame that were not received yet.
    pub(super) fn remaining(&self) -> usize {
        self.remaining
    }
}

/// The open files in blocks, and the counts of their bytes.
#[derive(Default)]
pub(super) struct FilesInBlocks {
    open: HashMap<u32, BlockAssembly>,
    /// Closed files whose blocks may still arrive.
    pub(super) closed: ClosedFiles,
    begun: u64,
    /// Received bytes of all blocks.
    pub(super) received_bytes: u64,
    /// Received bytes that match their chaining values.
    pub(super) verified_bytes: u64,
    /// Bytes that earlier sessions left of the files opened since the last report.
    pub(super) resumable_bytes: u64,
    /// Bytes of earlier sessions that are received again, since the last report.
    pub(super) replaced_bytes: u64,
    /// Bytes of earlier sessions in files that are complete.
    pub(super) resumed_bytes: u64,
    /// Files whose last block was verified, or whose `END` was received.
    pub(super) ready: Vec<u32>,
    /// Files that cannot be written.
    pub(super) faults: Vec<(u32, StoreError)>,
}

impl FilesInBlocks {
    pub(super) fn is_open(&self, file: u32) -> bool {
        self.open.contains_key(&file)
    }

    /// Returns the id of the open file with this path.
    pub(super) fn find_by_path(&self, path: &[u8]) -> Option<u32> {
        self.open.iter().find(|(_, assembly)| assembly.path == path).map(|(file, _)| *file)
    }

    /// Returns the number of open files.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Returns whether more files are open than allowed.
    pub(super) fn exceeds_open_limit(&self) -> bool {
        self.open.len() > MAX_OPEN
    }

    pub(super) fn insert(&mut self, file: u32, assembly: BlockAssembly) {
        self.resumable_bytes += assembly.resumable_bytes();
        self.open.insert(file, assembly);
    }

    pub(super) fn remove(&mut self, file: u32) {
        self.open.remove(&file);
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = BlockAssembly> {
        self.open.drain().map(|(_, assembly)| assembly)
    }

    pub(super) fn open_ids(&self) -> Vec<u32> {
        self.open.keys().copied().collect()
    }

    /// Records `END`. Returns false if the file is no longer open.
    pub(super) fn end_file(&mut self, file: u32, entry: Entry, digest: Digest) -> bool {
        let Some(assembly) = self.open.get_mut(&file) else { return false };
        assembly.end = Some((entry, digest));
        self.ready.push(file);
        true
    }

    /// Removes and returns the file if it is complete.
    pub(super) fn take_complete(&mut self, file: u32) -> Option<(Part, Entry, Digest)> {
        if !self.open.get(&file)?.is_complete() {
            return None;
        }
        let complete = self.open.remove(&file)?;
        self.resumed_bytes += complete.resumable_bytes();
        let BlockAssembly { part, end, .. } = complete;
        end.map(|(entry, digest)| (part, entry, digest))
    }

    /// Begins a DATA frame of a block on a connection. `size` is the size of the entry, if known.
    pub(super) fn begin_frame(
        &mut self,
        incoming: &mut IncomingFrame,
        (file, offset, length): (u32, u64, u32),
        size: Option<u64>,
    ) -> Result<(), Violation> {
        let continues = incoming
            .block
            .as_ref()
            .is_some_and(|block| block.file == file && block.offset + block.received == offset);
        if !continues {
            incoming.block = Some(self.new_block(file, offset, size)?);
        }
        if incoming.block.as_ref().is_some_and(|block| u64::from(length) > block.length - block.received) {
            return Err(Violation::Contradiction("DATA beyond its block"));
        }
        incoming.remaining = length as usize;
        Ok(())
    }

    fn new_block(&mut self, file: u32, offset: u64, size: Option<u64>) -> Result<Block, Violation> {
        let assembly = self.open.get_mut(&file);
        let size = self.closed.size(file).or(size).filter(|size| has_blocks(Some(*size)));
        let size = assembly.as_ref().map(|assembly| assembly.size).or(size);
        let Some(length) = block_length(offset, size.unwrap_or(u64::MAX)) else {
            return Err(Violation::Contradiction("DATA that begins within a block"));
        };
        self.begun += 1;
        let discard = match assembly.map(|assembly| assembly.slot_to_begin(offset)) {
            None | Some(Some(Slot::Verified(_))) => true,
            Some(None) => return Err(Violation::Contradiction("a block far ahead of the others")),
            Some(Some(slot)) => {
                if matches!(slot, Slot::Resumed(_)) {
                    self.replaced_bytes += length;
                }
                *slot = Slot::Receiving(self.begun);
                false
            }
        };
        let hasher = BlockHasher::new(offset);
        let (is_length_exact, number) = (size.is_some(), self.begun);
        Ok(Block { file, offset, length, is_length_exact, received: 0, hasher, number, discard })
    }

    /// Hashes and writes a piece of the current frame.
    pub(super) fn receive(&mut self, incoming: &mut IncomingFrame, bytes: &[u8]) {
        incoming.remaining -= bytes.len();
        let Some(block) = &mut incoming.block else { return };
        if let Some(assembly) = self.open.get_mut(&block.file).filter(|_| !block.discard) {
            let slot = assembly.slot(block.offset);
            let is_current_writer = matches!(slot, Some(Slot::Receiving(number)) if *number == block.number);
            if is_current_writer {
                block.hasher.update(bytes);
                if let Err(fault) = assembly.part.write_at(block.offset + block.received, bytes) {
                    self.faults.push((block.file, fault));
                    block.discard = true;
                }
            }
        } else {
            block.discard = true;
        }
        block.received += bytes.len() as u64;
        self.received_bytes += bytes.len() as u64;
    }

    /// Checks a block against its chaining value. Returns the answer, and the number of newly verified bytes.
    pub(super) fn finish_block(
        &mut self,
        incoming: &mut IncomingFrame,
        (file, offset, values): (u32, u64, &[Digest]),
    ) -> Result<(Frame, u64), Violation> {
        let block = incoming.block.take_if(|block| block.file == file && block.offset == offset);
        let (Some(block), [value]) = (block, values) else {
            return Err(Violation::Contradiction("BLOCK without its block"));
        };
        let answer = |resend| Frame::BlockResult { file, offset, resend };
        if block.is_length_exact && block.received != block.length {
            return Err(Violation::Contradiction("BLOCK before the end of its block"));
        }
        if block.discard {
            return Ok((answer(false), 0));
        }
        let Some(assembly) = self.open.get_mut(&file) else { return Ok((answer(false), 0)) };
        let has_ended = assembly.end.is_some();
        let Some(slot) = assembly.slot(offset) else { return Ok((answer(false), 0)) };
        match *slot {
            Slot::Verified(_) => return Ok((answer(false), 0)),
            Slot::Receiving(number) if number == block.number => {}
            // Another connection has begun to write it since.
            _ => return Ok((answer(true), 0)),
        }
        if block.hasher.finish().as_ref() != Some(value) {
            *slot = Slot::Missing;
            return Ok((answer(true), 0));
        }
        *slot = Slot::Verified(*value);
        self.verified_bytes += block.length;
        if has_ended {
            self.ready.push(file);
        }
        Ok((answer(false), block.length))
    }
}
