//! Files in blocks: any block on any connection, each followed by its chaining value and answered.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Sending;
use crate::error::{Error, Exit};
use crate::net::reactor::Status;
use crate::net::stream::Stream;
use crate::proto::transfer::blocks::{BlockScheduler, BlockTask};
use crate::proto::transfer::frame::{Frame, HEADER_BYTES, data_header, encode};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::sender::Ended;
use crate::proto::transfer::violation::Violation;
use crate::report::ProgressPhase;
use crate::store::{BlockHasher, Change, SourceFile, root_of};
use crate::transfer::connection::link::{Link, Received, out_of_place};
use crate::transfer::connection::pool::{Advanced, CONNECTION_BUDGET_BYTES};
use crate::transfer::connection::wire::{CHUNK_BYTES, FRAME_COST_BYTES, Failure, Wire};
use crate::transfer::failure::{Role, local_failure, protocol_error};

/// Maximum of files that wait for the receiver's answers: each holds a descriptor on both sides. A receiver accepts
/// twice as many.
pub(crate) const MAX_FILES: usize = 32;

/// Interval at which the progress of the blocks is checked.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The number of the first connection.
const FIRST: usize = 0;

/// State of the files that are sent in blocks.
#[derive(Default)]
pub(super) struct Blocks {
    scheduler: BlockScheduler,
    /// Files with blocks that may have to be read again.
    files: HashMap<u32, File>,
    /// The block on the first connection.
    first: Option<Block>,
    /// Sent bytes of all blocks.
    pub(super) sent_bytes: u64,
    /// Bytes that the receiver has verified.
    verified_bytes: u64,
    /// Verified bytes that the progress has shown.
    shown_bytes: u64,
    /// Bytes that the receiver was found to have since the last query.
    resumed_bytes: u64,
}

struct File {
    source: SourceFile,
    size: u64,
    /// `END` was sent.
    has_ended: bool,
}

/// A block that is being read.
pub(super) struct Block {
    task: BlockTask,
    hasher: BlockHasher,
    done: u64,
    /// The receiver has a block in its place: it is sent only if the chaining values differ.
    compares: bool,
}

/// Result of a step for a connection.
enum BlockProgress {
    /// This many bytes were read.
    Read(usize),
    /// There is no block to send.
    Nothing,
    /// A file cannot be read any further.
    Failed(u32, Ended),
}

impl Block {
    fn new(task: BlockTask) -> Block {
        let hasher = BlockHasher::new(task.offset);
        Block { compares: task.theirs.is_some(), task, hasher, done: 0 }
    }
}

impl Blocks {
    /// Returns whether no block waits for the receiver's answer.
    pub(super) fn is_idle(&self) -> bool {
        self.scheduler.is_idle()
    }

    /// Returns whether the first connection has a block that must not wait for the others.
    pub(super) fn has_more(&self) -> bool {
        self.first.is_some() || self.scheduler.has_resends()
    }

    /// Records that a connection was lost.
    pub(super) fn lost(&mut self, connection: usize) {
        self.scheduler.lost(connection);
    }

    /// Drops a file that the machine has closed: no more of its blocks are sent.
    pub(super) fn closed(&mut self, file: u32) {
        if self.files.get(&file).is_some_and(|file| !file.has_ended) {
            self.give_up(file);
        }
    }

    fn give_up(&mut self, file: u32) {
        self.scheduler.give_up(file);
        self.files.remove(&file);
        self.first.take_if(|block| block.task.file == file);
    }

    /// Handles the receiver's answer to a block. Returns how many bytes of it are verified.
    fn verified(
        &mut self,
        connection: (usize, u64),
        (file, offset, resend): (u32, u64, bool),
    ) -> Result<u64, Violation> {
        let verified = self.scheduler.verified(connection, file, offset, resend)?;
        self.close_finished();
        self.verified_bytes += verified;
        Ok(verified)
    }

    /// Closes the files that have ended and whose blocks are all verified.
    fn close_finished(&mut self) {
        let files = &self.files;
        let finished = self.scheduler.finished(|file| files.get(&file).is_some_and(|file| file.has_ended));
        finished.iter().for_each(|file| drop(self.files.remove(file)));
    }

    /// Returns how many bytes of the blocks on a connection have arrived at the peer's system.
    fn arrived_bytes<S: Stream>(&self, id: usize, block: Option<&Block>, wire: &Wire<S>) -> u64 {
        let Some(unacknowledged) = wire.unacknowledged_bytes() else { return 0 };
        let unread = |block: &Block| block.task.length - if block.compares { 0 } else { block.done };
        let queued = self.scheduler.unanswered_bytes(id).saturating_sub(block.map_or(0, unread));
        queued.saturating_sub(unacknowledged)
    }

    /// Reads the next piece of the connection's block, and queues it unless the receiver has it.
    fn step<S: Stream>(
        &mut self,
        connection: usize,
        block: &mut Option<Block>,
        wire: &mut Wire<S>,
    ) -> BlockProgress {
        block.take_if(|block| !self.files.contains_key(&block.task.file));
        if block.is_none() {
            *block = self.scheduler.next_block(connection).map(Block::new);
        }
        let Some(current) = block else { return BlockProgress::Nothing };
        let BlockTask { file, offset, length, theirs } = current.task;
        let Some(File { source, .. }) = self.files.get_mut(&file) else { return BlockProgress::Nothing };
        let count = CHUNK_BYTES.min((length - current.done) as usize);
        source.seek(offset + current.done);
        let (header, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
        match source.read(body) {
            Ok(read) if read == count => {}
            Ok(_) => return BlockProgress::Failed(file, Ended::Changed),
            Err(_) => return BlockProgress::Failed(file, Ended::Unreadable),
        }
        current.hasher.update(body);
        if !current.compares {
            header.copy_from_slice(&data_header(file, offset + current.done, count as u32));
            wire.outgoing().filled(HEADER_BYTES + count);
            self.sent_bytes += count as u64;
        }
        current.done += count as u64;
        if current.done == length {
            let is_compared = current.compares;
            let task = current.task;
            let finished = block.take().and_then(|block| block.hasher.finish());
            let Some(value) = finished else { return BlockProgress::Failed(file, Ended::Unreadable) };
            if is_compared && theirs != Some(value) {
                *block = Some(Block::new(BlockTask { theirs: None, ..task }));
                return BlockProgress::Read(count);
            }
            self.scheduler.hashed(file, offset, value);
            if is_compared {
                self.resumed_bytes += length;
                self.scheduler.same(file, offset);
            } else {
                wire.push(&encode(&Frame::Block { file, offset, values: vec![value] }));
                self.scheduler.queued(file, offset, wire.positions().1);
            }
        }
        BlockProgress::Read(count)
    }
}

impl Sending {
    /// Continues the file of `SendStep::Blocks` on the first connection. Returns the number of bytes read; `None` while
    /// other connections still work on it.
    pub(super) fn send_blocks<S: Stream>(
        &mut self,
        link: &mut Link<S>,
        file: u32,
    ) -> Result<Option<usize>, Failure> {
        if !self.blocks.files.contains_key(&file) {
            if self.blocks.files.len() >= MAX_FILES {
                return self.send_block(link);
            }
            if let Err(ended) = self.open_blocks(file) {
                self.machine.end(ended);
                return Ok(Some(FRAME_COST_BYTES));
            }
            self.pool.grow(self.session, link.round_trip());
        }
        if let Some(count) = self.send_block(link)? {
            return Ok(Some(count));
        }
        let Some(values) = self.blocks.scheduler.values(file) else { return Ok(None) };
        let Some(open) = self.blocks.files.get_mut(&file) else { return Ok(None) };
        let ended = if self.rereading.is_some() {
            let Some(ended) = self.was_read_again()? else { return Ok(None) };
            ended
        } else {
            match (open.source.change(open.size), root_of(&values)) {
                (Ok(Change::None), Some(digest)) => Ended::Digest(digest),
                (Ok(Change::Grown), Some(digest)) => {
                    let (source, size) = (open.source.try_clone(), open.size);
                    let source = source
                        .map_err(|fault| local_failure(Role::Sender, "a file that has grown", &fault))?;
                    self.read_again(file, &source, size, digest)?;
                    return Ok(None);
                }
                (Err(_), _) => Ended::Unreadable,
                _ => Ended::Changed,
            }
        };
        if let Some(open) = self.blocks.files.get_mut(&file) {
            open.has_ended = true;
        }
        match ended {
            Ended::Digest(digest) => self.digest = Some(digest),
            _ => self.blocks.give_up(file),
        }
        self.machine.end(ended);
        self.blocks.close_finished();
        Ok(Some(FRAME_COST_BYTES))
    }

    /// Sends a piece of a block on the first connection; `None` if there is none for it.
    pub(super) fn send_block<S: Stream>(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        link.wire.reserve_chunk()?;
        let mut first = self.blocks.first.take();
        let step = self.blocks.step(FIRST, &mut first, &mut link.wire);
        self.blocks.first = first;
        match step {
            BlockProgress::Read(count) => Ok(Some(count)),
            BlockProgress::Nothing => Ok(None),
            BlockProgress::Failed(file, ended) => self.block_failed(file, ended).map(Some),
        }
    }

    /// Handles a file that cannot be read any further. After its `END` nothing can be taken back.
    fn block_failed(&mut self, file: u32, ended: Ended) -> Result<usize, Failure> {
        if self.blocks.files.get(&file).is_some_and(|file| file.has_ended) {
            let text = "a block that must be sent again can no longer be read";
            let tell = Some((Reason::Changed, text.to_owned()));
            return Err(Failure { error: Error::new(Exit::Integrity, text), to_peer: tell });
        }
        self.blocks.give_up(file);
        self.machine.end(ended);
        Ok(FRAME_COST_BYTES)
    }

    fn open_blocks(&mut self, file: u32) -> Result<(), Ended> {
        let current = match self.current.take_if(|current| current.file == file) {
            Some(current) => current,
            None => self.open(file)?,
        };
        let Some(source) = current.into_source() else { return Err(Ended::Unreadable) };
        let Some(entry) = self.machine.entry(file) else { return Err(Ended::Unreadable) };
        let size = entry.size.unwrap_or(0);
        self.progress.file(&entry.path, entry.size, 0);
        self.progress.phase(ProgressPhase::Sending);
        let theirs = self.machine.theirs(file);
        self.blocks.files.insert(file, File { source, size, has_ended: false });
        self.blocks.scheduler.open(file, size, theirs);
        Ok(())
    }

    /// Handles the receiver's answer to a block on the first connection, which `left_bytes` bytes have left.
    pub(super) fn block_verified(
        &mut self,
        left_bytes: u64,
        word: (u32, u64, bool),
    ) -> Result<(), Violation> {
        self.blocks.verified((FIRST, left_bytes), word).map(drop)
    }

    /// Returns whether the progress of blocks is shown: it changes while nothing happens on this side.
    pub(super) fn shows_blocks(&self) -> bool {
        self.progress.is_shown() && !self.blocks.is_idle()
    }

    /// Counts the arrived bytes, also within blocks.
    pub(super) fn show_blocks<S: Stream>(&mut self, link: &Link<S>, now: Instant) {
        let resumed = std::mem::take(&mut self.blocks.resumed_bytes);
        if resumed > 0 {
            self.resumed(resumed);
        }
        let blocks = &self.blocks;
        let mut arrived = blocks.verified_bytes;
        if self.shows_blocks() {
            if now < self.next_look {
                return;
            }
            self.next_look = now + LOOK_INTERVAL;
            let compares = blocks.first.as_ref().is_some_and(|block| block.compares);
            self.progress.phase(if compares { ProgressPhase::Hashing } else { ProgressPhase::Sending });
            let connections = self.pool.open();
            arrived += blocks.arrived_bytes(FIRST, blocks.first.as_ref(), &link.wire);
            arrived += connections
                .map(|(connection, link)| {
                    blocks.arrived_bytes(connection.id, connection.local.as_ref(), &link.wire)
                })
                .sum::<u64>();
        }
        // A block that was damaged is counted once.
        self.progress.moved(arrived.saturating_sub(self.blocks.shown_bytes));
        self.blocks.shown_bytes = self.blocks.shown_bytes.max(arrived);
    }

    /// Records bytes of the current file that the receiver has from an earlier session.
    pub(super) fn resumed(&mut self, bytes: u64) {
        self.progress.there(bytes);
        self.stats.resumed(bytes);
    }

    /// Advances the further connections.
    pub(super) fn advance_pool<S: Stream>(&mut self, link: &mut Link<S>) -> Result<Advanced, Failure> {
        self.pool.accept(link.wire.now());
        self.pool.share(&mut link.wire);
        let (mut pool_failure, mut failed) = (None, None);
        let continues = link.wire.last_traffic() == link.wire.now() || self.busy().is_some();
        let blocks = &mut self.blocks;
        let mut advanced = self.pool.advance(link.wire.now(), |id, block, connection| {
            let mut budget = CONNECTION_BUDGET_BYTES;
            while budget > 0 {
                budget = budget.saturating_sub(FRAME_COST_BYTES);
                match connection.receive_further(Role::Sender)? {
                    Received::Frame(Frame::BlockResult { file, offset, resend }) => {
                        match blocks.verified((id, connection.wire.positions().0), (file, offset, resend)) {
                            Ok(_) => {}
                            Err(violation @ Violation::Damaged(_)) => {
                                pool_failure = Some(protocol_error(violation));
                                return Ok(Status::Waiting);
                            }
                            // Only this connection breaks the protocol: its blocks go by another one.
                            Err(violation) => return Err(protocol_error(violation).error),
                        }
                    }
                    Received::Frame(Frame::Ping { .. }) => {}
                    Received::Nothing => break,
                    // As it does when all is done.
                    Received::End => return Ok(Status::Done),
                    Received::Frame(_) | Received::Data { .. } => return Err(out_of_place()),
                }
            }
            while connection.is_accepted() && failed.is_none() && budget > 0 {
                if connection.wire.is_full() && !connection.wire.flush()? {
                    return Ok(Status::Waiting);
                }
                connection.wire.reserve_chunk()?;
                match blocks.step(id, block, &mut connection.wire) {
                    BlockProgress::Read(count) => budget = budget.saturating_sub(count),
                    BlockProgress::Nothing => break,
                    BlockProgress::Failed(file, ended) => failed = Some((file, ended)),
                }
            }
            connection.wire.flush()?;
            if continues && !blocks.scheduler.is_on(id) {
                connection.restart_idle();
            }
            Ok(if budget == 0 { Status::Again } else { Status::Waiting })
        });
        // Its unanswered blocks are sent again by the others, now.
        advanced.has_more |= !advanced.lost.is_empty();
        std::mem::take(&mut advanced.lost).into_iter().for_each(|id| self.blocks.lost(id));
        if let Some(failure) = pool_failure {
            return Err(failure);
        }
        if let Some((file, ended)) = failed {
            self.block_failed(file, ended)?;
        }
        Ok(advanced)
    }
}
