//! Files in blocks: any block on any connection, each checked against its chaining value and answered.

use super::block_assembly::{BlockAssembly, FilesInBlocks, IncomingFrame};
use super::decision::{AcceptedFile, Have};
use super::space::Space;
use super::{Receiving, cut};
use crate::error::Error;
use crate::net::reactor::Status;
use crate::net::stream::Stream;
use crate::proto::transfer::Digest;
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::frame::{Frame, encode};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::report::ProgressPhase;
use crate::store::{Folder, Part, StoreError};
use crate::transfer::connection::link::{Link, Received, out_of_place};
use crate::transfer::connection::pool::{Advanced, CONNECTION_BUDGET_BYTES};
use crate::transfer::connection::wire::{CHUNK_BYTES, FRAME_COST_BYTES, Failure, Filled, Wire};
use crate::transfer::failure::{Role, protocol_error, reason_of};

impl AcceptedFile {
    /// Opens the file for its blocks.
    fn open_blocks(self, size: u64, folder: &Folder) -> Result<BlockAssembly, StoreError> {
        let (part, values) = match self.have {
            Have::ResumedBlocks { mut part, values } => {
                // From here on the session decides whether to keep it.
                part.keep_if_dropped(false);
                (part, values)
            }
            Have::Part(part) => (part, Vec::new()),
            _ => (Part::create(folder, &self.path)?, Vec::new()),
        };
        Ok(BlockAssembly::new(self.path, part, size, values))
    }
}

impl Receiving {
    /// Returns whether a DATA frame on the first connection belongs to a file in blocks.
    pub(super) fn is_of_a_block(&self, file: u32) -> bool {
        self.assembly.is_open(file)
            || self.machine.comes_in_blocks(file) == Some(true)
            || self.assembly.closed.contains(file)
    }

    /// Begins a DATA frame of a block on the first connection.
    pub(super) fn begin_block(&mut self, file: u32, offset: u64, length: u32) -> Result<(), Failure> {
        self.open_for_blocks(file);
        let size = self.machine.entry(file).and_then(|entry| entry.size);
        self.assembly.begin_frame(&mut self.incoming, (file, offset, length), size).map_err(protocol_error)
    }

    /// Receives a piece of the block on the first connection and returns its size; `None` if nothing is buffered.
    pub(super) fn receive_block<S: Stream>(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        let received = receive_chunk(&mut self.assembly, &mut self.incoming, &mut link.wire)?;
        self.report_faults()?;
        Ok(received)
    }

    /// Handles the chaining value of a block on the first connection.
    pub(super) fn end_block<S: Stream>(
        &mut self,
        link: &mut Link<S>,
        (file, offset, values): (u32, u64, &[Digest]),
    ) -> Result<(), Failure> {
        let ended = self.assembly.finish_block(&mut self.incoming, (file, offset, values));
        let (answer, bytes) = ended.map_err(protocol_error)?;
        link.wire.push(&encode(&answer));
        self.decisions.space.written(file, bytes);
        self.commit_complete()
    }

    /// Opens an accepted file in blocks when it is first needed.
    fn open_for_blocks(&mut self, file: u32) {
        if self.assembly.is_open(file) || self.assembly.exceeds_open_limit() {
            return;
        }
        let Some(entry) = self.machine.entry(file) else { return };
        let Some(accepted_file) = self.decisions.accepted.remove(&file) else { return };
        self.progress.file(&entry.path, entry.size, 0);
        self.progress.phase(ProgressPhase::Receiving);
        match accepted_file.open_blocks(entry.size.unwrap_or(0), &self.decisions.folder) {
            Ok(assembly) => self.assembly.insert(file, assembly),
            Err(fault) => self.assembly.faults.push((file, fault)),
        }
    }

    /// Handles `END` of a file in blocks. Some of its blocks may still be in flight.
    pub(super) fn blocks_ended(&mut self, file: u32, entry: Entry, digest: Digest) -> Result<(), Failure> {
        if let Some(accepted_file) = self.decisions.accepted.remove(&file) {
            match accepted_file.open_blocks(entry.size.unwrap_or(0), &self.decisions.folder) {
                Ok(assembly) => self.assembly.insert(file, assembly),
                Err(fault) => {
                    self.machine.committed(file, Err(reason_of(&fault, Role::Receiver)));
                    return Ok(());
                }
            }
        }
        self.assembly.closed.insert(file, entry.size);
        if !self.assembly.end_file(file, entry, digest) {
            self.machine.committed(file, Err((Reason::Failed, "its part is gone".into())));
            return Ok(());
        }
        self.commit_complete()
    }

    /// Commits the files whose last block was received.
    fn commit_complete(&mut self) -> Result<(), Failure> {
        for file in std::mem::take(&mut self.assembly.ready) {
            if let Some((part, entry, digest)) = self.assembly.take_complete(file) {
                self.commit_part(file, &entry, digest, part);
            }
        }
        self.report_faults()
    }

    /// Fails all incomplete files, after every file has ended and every block was answered. Returns whether there was
    /// one.
    pub(super) fn fail_unfinished(&mut self) -> bool {
        let files = self.assembly.open_ids();
        for file in &files {
            self.assembly.remove(*file);
            self.machine.committed(*file, Err((Reason::DigestMismatch, Reason::DigestMismatch.to_string())));
        }
        !files.is_empty()
    }

    fn report_faults(&mut self) -> Result<(), Failure> {
        if self.assembly.exceeds_open_limit() {
            return Err(protocol_error(Violation::Contradiction("blocks of too many files at once")));
        }
        for (file, fault) in std::mem::take(&mut self.assembly.faults) {
            if self.assembly.closed.contains(file) {
                self.assembly.remove(file);
                self.machine.committed(file, Err(reason_of(&fault, Role::Receiver)));
            } else {
                self.give_up(file, &fault)?;
            }
        }
        Ok(())
    }

    /// Advances the further connections.
    pub(super) fn advance_pool<S: Stream>(&mut self, link: &mut Link<S>) -> Result<Advanced, Failure> {
        let now = link.wire.now();
        self.pool.accept(now);
        self.pool.share(&mut link.wire);
        // A connection waits if its block is of a file that the first connection has not announced yet.
        let waiting: Vec<u32> = self
            .pool
            .connections
            .iter()
            .filter_map(|connection| connection.local.pending_header)
            .map(|(file, ..)| file)
            .collect();
        for file in waiting {
            if self.is_of_a_block(file) && !self.is_short_of_parts() {
                self.open_for_blocks(file);
            }
        }
        let mut to_open = Vec::new();
        let continues = link.wire.last_traffic() == now || self.busy().is_some();
        let (assembly, space) = (&mut self.assembly, &mut self.decisions.space);
        let accepted = &self.decisions.accepted;
        let machine = &self.machine;
        let mut advanced = self.pool.advance(now, |_, incoming, connection| {
            let mut budget = CONNECTION_BUDGET_BYTES;
            while budget > 0 {
                budget = budget.saturating_sub(FRAME_COST_BYTES);
                // Read nothing without room for an answer: the queue is bounded.
                if connection.wire.is_full() && !connection.wire.flush()? {
                    return Ok(Status::Waiting);
                }
                if incoming.is_open() {
                    match receive_chunk(assembly, incoming, &mut connection.wire) {
                        Ok(Some(count)) => budget = budget.saturating_sub(count),
                        Ok(None) => break,
                        Err(failure) => return Err(failure.error),
                    }
                    continue;
                }
                let next = match incoming.pending_header.take() {
                    Some(header) => BlockInput::Data(header),
                    None => receive_frame(connection, incoming, (assembly, space))?,
                };
                let (file, offset, length) = match next {
                    BlockInput::Data(header) => header,
                    BlockInput::More => continue,
                    BlockInput::Nothing => break,
                    BlockInput::Ended => return Ok(Status::Done),
                };
                let is_known = assembly.is_open(file) || assembly.closed.contains(file);
                // The machine may have closed an accepted file whose last step was not returned yet.
                let is_left = accepted.contains_key(&file);
                let will_be_known =
                    machine.is_unknown(file) || machine.comes_in_blocks(file).unwrap_or(is_left);
                if !is_known && will_be_known {
                    let is_refused = machine.is_refused(file);
                    if !is_refused {
                        incoming.pending_header = Some((file, offset, length));
                        to_open.push(file);
                        break;
                    }
                }
                let size = machine.entry(file).and_then(|entry| entry.size);
                assembly
                    .begin_frame(incoming, (file, offset, length), size)
                    .map_err(|violation| protocol_error(violation).error)?;
            }
            connection.wire.flush()?;
            if continues && incoming.is_between_blocks() {
                connection.restart_idle();
            }
            Ok(if budget == 0 { Status::Again } else { Status::Waiting })
        });
        for file in to_open {
            if self.decisions.accepted.contains_key(&file) && !self.is_short_of_parts() {
                self.open_for_blocks(file);
                // Connections that wait for it continue in the next call.
                advanced.has_more |= !self.decisions.accepted.contains_key(&file);
            }
        }
        self.commit_complete()?;
        Ok(advanced)
    }
}

/// The next input of a further connection.
enum BlockInput {
    /// A `DATA` header: file, offset and length.
    Data((u32, u64, u32)),
    /// A frame that was handled.
    More,
    Nothing,
    /// The peer has ended this connection: all its blocks are done.
    Ended,
}

/// Reads a frame on a further connection, and answers the chaining value of a block.
fn receive_frame<S: Stream>(
    connection: &mut Link<S>,
    incoming: &mut IncomingFrame,
    (assembly, space): (&mut FilesInBlocks, &mut Space),
) -> Result<BlockInput, Error> {
    match connection.receive_further(Role::Receiver)? {
        Received::Data { file, offset, length } => return Ok(BlockInput::Data((file, offset, length))),
        Received::Frame(Frame::Block { file, offset, values }) => {
            // Only this connection fails: its blocks are sent again on another one.
            let ended = assembly.finish_block(incoming, (file, offset, &values));
            let (answer, bytes) = ended.map_err(|violation| protocol_error(violation).error)?;
            connection.wire.push(&encode(&answer));
            space.written(file, bytes);
        }
        Received::Frame(Frame::Ping { .. }) => {}
        Received::Nothing => return Ok(BlockInput::Nothing),
        Received::End => return Ok(BlockInput::Ended),
        Received::Frame(_) => return Err(out_of_place()),
    }
    Ok(BlockInput::More)
}

/// Receives a piece of the current frame and returns its size; `None` if nothing is buffered.
fn receive_chunk<S: Stream>(
    assembly: &mut FilesInBlocks,
    incoming: &mut IncomingFrame,
    wire: &mut Wire<S>,
) -> Result<Option<usize>, Failure> {
    let count = incoming.remaining().min(CHUNK_BYTES);
    match wire.fill(count)? {
        Filled::Enough => {}
        Filled::Blocked => return Ok(None),
        Filled::Ended => return Err(cut()),
    }
    assembly.receive(incoming, &wire.incoming()[..count]);
    wire.consume(count);
    Ok(Some(count))
}
