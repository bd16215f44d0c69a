//! Files in blocks: any block on any connection, each compared with its value and answered.

use std::collections::HashMap;

use super::judging::{Consent, Have};
use super::{Receiving, cut};
use crate::commands::transfer::link::{Heard, Link};
use crate::commands::transfer::outcome::{Role, broken, reason_of, told};
use crate::commands::transfer::team::{Advanced, LANE_BUDGET_BYTES};
use crate::commands::transfer::wire::{CHUNK_BYTES, Failure, Filled, Wire};
use crate::error::{Error, Exit};
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::blocks::{BLOCK_BYTES, block_count, block_length};
use crate::proto::entry::Entry;
use crate::proto::frame::{Frame, encode};
use crate::proto::reason::Reason;
use crate::proto::violation::Violation;
use crate::report::Phase;
use crate::store::{BlockHasher, Fault, Part, root_of};

/// Files that have ended and still miss blocks, at most: each holds descriptors.
const MAX_UNFINISHED: usize = 64;

/// A file that comes in blocks.
pub(super) struct Blocked {
    part: Part,
    size: u64,
    /// By number; of blocks that were there before, until others come in their place.
    values: Vec<Option<Digest>>,
    /// `END` has come.
    end: Option<(Entry, Digest)>,
}

impl Blocked {
    /// Leaves what has come for a later session.
    pub(super) fn keep(self) {
        if self.values.iter().any(Option::is_some) {
            self.part.keep();
        }
    }

    /// `END` and all blocks have come, and they fit each other.
    fn is_whole(&self) -> bool {
        let values: Option<Vec<Digest>> = self.values.iter().copied().collect();
        let digest = self.end.as_ref().map(|(_, digest)| *digest);
        digest.is_some() && values.and_then(|values| root_of(&values)) == digest
    }
}

/// The DATA frame that comes over a connection, and the block that it is part of.
#[derive(Default)]
pub(super) struct Inflow {
    /// Of the frame.
    remaining: usize,
    block: Option<Block>,
    /// The frame is about a file that this side does not know yet: its header.
    waiting: Option<(u32, u64, u32)>,
}

struct Block {
    file: u32,
    offset: u64,
    length: u64,
    done: u64,
    hasher: BlockHasher,
    /// Nobody needs it: it is answered and dropped.
    is_useless: bool,
}

impl Inflow {
    /// A frame is coming.
    pub(super) fn is_open(&self) -> bool {
        self.remaining > 0
    }
}

/// The files in blocks, and what is told of them.
#[derive(Default)]
pub(super) struct BlockedFiles {
    open: HashMap<u32, Blocked>,
    /// Bodies of blocks.
    pub(super) received_bytes: u64,
    /// Files whose last block has come since, and those that cannot be written.
    ready: Vec<u32>,
    faults: Vec<(u32, Fault)>,
}

impl BlockedFiles {
    pub(super) fn is_open(&self, file: u32) -> bool {
        self.open.contains_key(&file)
    }

    /// Whether one of them is to have this path.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        self.open.values().any(|blocked| blocked.part.path() == path)
    }

    pub(super) fn forget(&mut self, file: u32) {
        self.open.remove(&file);
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Blocked> {
        self.open.drain().map(|(_, blocked)| blocked)
    }

    /// A DATA frame of a block begins on a connection.
    fn begin(
        &mut self,
        inflow: &mut Inflow,
        (file, offset, length): (u32, u64, u32),
    ) -> Result<(), Violation> {
        let goes_on = inflow
            .block
            .as_ref()
            .is_some_and(|block| block.file == file && block.offset + block.done == offset);
        if !goes_on {
            let size = self.open.get(&file).map(|blocked| blocked.size);
            let whole = match size {
                Some(size) => block_length(offset, size),
                // Of a file that is not written the size does not matter any more.
                None => block_length(offset, u64::MAX),
            };
            let Some(whole) = whole else {
                return Err(Violation::Contradiction("DATA that begins within a block"));
            };
            let hasher = BlockHasher::new(offset);
            let is_useless = size.is_none();
            inflow.block = Some(Block { file, offset, length: whole, done: 0, hasher, is_useless });
        }
        if inflow.block.as_ref().is_some_and(|block| u64::from(length) > block.length - block.done) {
            return Err(Violation::Contradiction("DATA beyond its block"));
        }
        inflow.remaining = length as usize;
        Ok(())
    }

    /// Hashes and writes a piece of the frame that comes.
    fn write(&mut self, inflow: &mut Inflow, bytes: &[u8]) {
        inflow.remaining -= bytes.len();
        let Some(block) = &mut inflow.block else { return };
        if let Some(blocked) = self.open.get_mut(&block.file).filter(|_| !block.is_useless) {
            block.hasher.update(bytes);
            if let Err(fault) = blocked.part.write_at(block.offset + block.done, bytes) {
                self.faults.push((block.file, fault));
                block.is_useless = true;
            }
        } else {
            block.is_useless = true;
        }
        block.done += bytes.len() as u64;
        self.received_bytes += bytes.len() as u64;
    }

    /// The value of the block that has come. Returns the answer, and how many bytes are now verified.
    fn end(
        &mut self,
        inflow: &mut Inflow,
        (file, offset, values): (u32, u64, &[Digest]),
    ) -> Result<(Frame, u64), Violation> {
        let block = inflow.block.take_if(|block| block.file == file && block.offset == offset);
        let (Some(block), [value]) = (block, values) else {
            return Err(Violation::Contradiction("BLOCK without its block"));
        };
        let again = |again| Frame::Verified { file, offset, again };
        if block.is_useless {
            return Ok((again(false), 0));
        }
        if block.done != block.length {
            return Err(Violation::Contradiction("BLOCK before the end of its block"));
        }
        let Some(blocked) = self.open.get_mut(&file) else { return Ok((again(false), 0)) };
        if block.hasher.finish().as_ref() != Some(value) {
            return Ok((again(true), 0));
        }
        if let Some(known) = blocked.values.get_mut((offset / BLOCK_BYTES) as usize) {
            *known = Some(*value);
        }
        if blocked.end.is_some() {
            self.ready.push(file);
        }
        Ok((again(false), block.length))
    }
}

impl Consent {
    /// Opens the file for its blocks.
    fn open_blocks(self, size: u64, destination: &super::Destination) -> Result<Blocked, Fault> {
        let count = usize::try_from(block_count(size)).unwrap_or(usize::MAX);
        let (part, mut values) = match self.have {
            Have::ResumedBlocks { part, values } => (part, values.into_iter().map(Some).collect()),
            Have::Part(part) => (part, Vec::new()),
            _ => (Part::create(&destination.folder, &self.path)?, Vec::new()),
        };
        values.resize(count, None);
        Ok(Blocked { part, size, values, end: None })
    }
}

impl<S: Stream> Receiving<S> {
    /// Whether a DATA frame on the first connection is of a file in blocks.
    pub(super) fn is_of_a_block(&self, file: u32) -> bool {
        self.blocked.is_open(file)
            || self.machine.comes_in_blocks(file) == Some(true)
            || self.ended_blocks.contains(&file)
    }

    /// A DATA frame of a block begins on the first connection.
    pub(super) fn begin_block(&mut self, file: u32, offset: u64, length: u32) -> Result<(), Failure> {
        self.open_blocked(file);
        let mut inflow = std::mem::take(&mut self.inflow);
        let begun = self.blocked.begin(&mut inflow, (file, offset, length));
        self.inflow = inflow;
        begun.map_err(broken)
    }

    /// Takes in a piece of the block on the first connection: its size. None if it is not there.
    pub(super) fn hear_block(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        let mut inflow = std::mem::take(&mut self.inflow);
        let heard = take_in(&mut self.blocked, &mut inflow, &mut link.wire);
        self.inflow = inflow;
        let heard = heard?;
        self.tell_faults()?;
        Ok(heard)
    }

    /// The value of a block on the first connection.
    pub(super) fn end_block(
        &mut self,
        link: &mut Link<S>,
        (file, offset, values): (u32, u64, &[Digest]),
    ) -> Result<(), Failure> {
        let mut inflow = std::mem::take(&mut self.inflow);
        let ended = self.blocked.end(&mut inflow, (file, offset, values));
        self.inflow = inflow;
        let (answer, bytes) = ended.map_err(broken)?;
        link.wire.push(&encode(&answer));
        self.progress.moved(bytes);
        self.complete_blocked()
    }

    /// A file in blocks was consented to, and is opened when it is first needed.
    fn open_blocked(&mut self, file: u32) {
        if self.blocked.is_open(file) {
            return;
        }
        let Some(entry) = self.machine.entry(file) else { return };
        let Some(consent) = self.consents.remove(&file) else { return };
        self.progress.file(&entry.path, entry.size, 0);
        self.progress.phase(Phase::Receiving);
        match consent.open_blocks(entry.size.unwrap_or(0), &self.destination) {
            Ok(blocked) => drop(self.blocked.open.insert(file, blocked)),
            Err(fault) => self.blocked.faults.push((file, fault)),
        }
    }

    /// `END` of a file in blocks has come: some of its blocks may still be on their way.
    pub(super) fn blocks_ended(&mut self, file: u32, entry: Entry, digest: Digest) -> Result<(), Failure> {
        if let Some(consent) = self.consents.remove(&file) {
            match consent.open_blocks(entry.size.unwrap_or(0), &self.destination) {
                Ok(blocked) => drop(self.blocked.open.insert(file, blocked)),
                Err(fault) => {
                    self.machine.committed(file, Err(reason_of(&fault, Role::Receiver)));
                    return Ok(());
                }
            }
        }
        self.ended_blocks.insert(file);
        let Some(blocked) = self.blocked.open.get_mut(&file) else {
            self.machine.committed(file, Err((Reason::Failed, "its part is gone".into())));
            return Ok(());
        };
        blocked.end = Some((entry, digest));
        self.blocked.ready.push(file);
        if self.blocked.open.values().filter(|blocked| blocked.end.is_some()).count() > MAX_UNFINISHED {
            return Err(broken(Violation::Contradiction("too many files that miss blocks")));
        }
        self.complete_blocked()
    }

    /// Files whose last block has come go on to the disk.
    fn complete_blocked(&mut self) -> Result<(), Failure> {
        for file in std::mem::take(&mut self.blocked.ready) {
            if self.blocked.open.get(&file).is_some_and(Blocked::is_whole)
                && let Some(Blocked { part, end: Some((entry, digest)), .. }) =
                    self.blocked.open.remove(&file)
            {
                self.commit_part(file, &entry, digest, part);
            }
        }
        self.tell_faults()
    }

    /// All files have ended, and every block was answered: what is not whole now never will be.
    pub(super) fn fail_unfinished(&mut self) {
        let unfinished: Vec<u32> = self.blocked.open.keys().copied().collect();
        for file in unfinished {
            self.blocked.forget(file);
            self.machine.committed(file, Err((Reason::DigestMismatch, Reason::DigestMismatch.to_string())));
        }
    }

    fn tell_faults(&mut self) -> Result<(), Failure> {
        for (file, fault) in std::mem::take(&mut self.blocked.faults) {
            if self.ended_blocks.contains(&file) {
                self.blocked.forget(file);
                self.machine.committed(file, Err(reason_of(&fault, Role::Receiver)));
            } else {
                self.give_up(file, &fault)?;
            }
        }
        Ok(())
    }

    /// Works on the further connections.
    pub(super) fn advance_lanes(&mut self, link: &Link<S>) -> Result<Advanced, Failure> {
        let now = link.wire.now();
        self.team.welcome(now);
        // A block may be of a file that the first connection has not told of yet: then this one waits.
        let waiting: Vec<u32> =
            self.team.lanes.iter().filter_map(|lane| lane.local.waiting).map(|(file, ..)| file).collect();
        for file in waiting {
            if self.is_of_a_block(file) {
                self.open_blocked(file);
            }
        }
        let mut failure = None;
        let mut to_open = Vec::new();
        let (blocked, machine, progress, ended) =
            (&mut self.blocked, &self.machine, &mut self.progress, &self.ended_blocks);
        let advanced = self.team.advance(now, |_, inflow, lane| {
            let mut budget = LANE_BUDGET_BYTES;
            while failure.is_none() && budget > 0 {
                if inflow.is_open() {
                    match take_in(blocked, inflow, &mut lane.wire) {
                        Ok(Some(count)) => budget = budget.saturating_sub(count),
                        Ok(None) => break,
                        Err(failure) => return Err(failure.error),
                    }
                    continue;
                }
                let header = match inflow.waiting.take() {
                    Some(header) => Some(header),
                    None => match lane.hear().map_err(|failure| failure.error)? {
                        Heard::Data { file, offset, length } => Some((file, offset, length)),
                        Heard::Frame(Frame::Block { file, offset, values }) => {
                            match blocked.end(inflow, (file, offset, &values)) {
                                Ok((answer, bytes)) => {
                                    lane.wire.push(&encode(&answer));
                                    progress.moved(bytes);
                                }
                                Err(violation) => failure = Some(broken(violation)),
                            }
                            None
                        }
                        Heard::Frame(Frame::Ping { .. }) => None,
                        Heard::Frame(Frame::Error { reason, text }) => {
                            return Err(told(reason, &text, Role::Receiver).error);
                        }
                        Heard::Nothing => break,
                        // As it does when all is done.
                        Heard::End => return Err(Error::new(Exit::Done, "ended by the peer")),
                        Heard::Frame(_) => return Err(Error::new(Exit::Integrity, "an unexpected frame")),
                    },
                };
                let Some((file, offset, length)) = header else { continue };
                let is_known = blocked.is_open(file) || ended.contains(&file);
                if !is_known && (machine.is_unknown(file) || machine.comes_in_blocks(file) == Some(true)) {
                    let is_refused = machine.is_refused(file);
                    if !is_refused {
                        inflow.waiting = Some((file, offset, length));
                        to_open.push(file);
                        break;
                    }
                }
                if let Err(violation) = blocked.begin(inflow, (file, offset, length)) {
                    failure = Some(broken(violation));
                }
            }
            lane.wire.flush()?;
            Ok(budget == 0)
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        to_open.retain(|file| self.consents.contains_key(file));
        let is_more = !to_open.is_empty();
        to_open.into_iter().for_each(|file| self.open_blocked(file));
        self.complete_blocked()?;
        if is_more { self.advance_lanes(link) } else { Ok(advanced) }
    }
}

/// Takes in a piece of the frame that comes: its size. None if it is not there.
fn take_in<S: Stream>(
    blocked: &mut BlockedFiles,
    inflow: &mut Inflow,
    wire: &mut Wire<S>,
) -> Result<Option<usize>, Failure> {
    let count = inflow.remaining.min(CHUNK_BYTES);
    match wire.fill(count)? {
        Filled::Enough => {}
        Filled::Blocked => return Ok(None),
        Filled::Ended => return Err(cut()),
    }
    blocked.write(inflow, &wire.incoming()[..count]);
    wire.consume(count);
    Ok(Some(count))
}
