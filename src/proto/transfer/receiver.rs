//! The machine of the side that wants the files, after `HELLO` and `ACCEPT`.
//!
//! It holds the entries of one round, or one entry in a stream, and those that wait for the disk. It returns each entry
//! once as [`FinishedEntry`].

mod bodies;
mod offers;
mod result;

use std::collections::{HashMap, VecDeque};

use super::Digest;
use super::entry::{Entry, EntryKind};
use super::frame::{Frame, Phase, Totals};
use super::have::HaveReply;
use super::hello::Capabilities;
use super::outcome::FinishedEntry;
use super::reason::Reason;
use super::skipped::Skipped;
use super::summary::FileFailure;
use super::violation::Violation;
use super::wanted::RequestedNames;

/// Body bytes for each `ACK`, unless the driver asks for one before.
pub const ACK_BYTES: u64 = 4 << 20;
/// Limits of the failures that are kept for `RESULT`, in number and bytes: a peer chooses their paths.
const MAX_FAILURES: usize = 10_000;
const MAX_FAILURE_BYTES: usize = 2 << 20;

/// In a stream, a file of at least this size is refused before `RESULT`, in bytes.
const HINT_BYTES: u64 = 1 << 20;

/// The next action of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiveStep {
    /// Decide on this file and answer with [`Receiver::decided`]. Its path is a [`super::names::CleanPath`], its kind a
    /// file. Repeated until answered.
    Decide {
        /// The file id.
        file: u32,
    },
    /// Write these bytes. They are handed out once.
    Write(Vec<u8>),
    /// The whole file was received. Compare its digest with the written bytes, make it durable and put it in place,
    /// then answer with [`Receiver::committed`], at once or later, in any order. Handed out once for each file.
    Commit {
        /// The file id.
        file: u32,
        /// Its entry.
        entry: Entry,
        /// The digest of the sender's file.
        digest: Digest,
    },
    /// Put a folder or a link in place, after all entries before it, and answer with [`Receiver::committed`].
    Place {
        /// The file id.
        file: u32,
        /// Its entry, with a [`super::names::CleanPath`].
        entry: Entry,
    },
    /// The sender could not send this file to its end: its bytes are incomplete, and no commit follows. Returned once for
    /// each file that was wanted and not given up.
    Abandon {
        /// The file id.
        file: u32,
        /// [`Reason::Unreadable`] or [`Reason::Changed`].
        reason: Reason,
    },
    /// Wait for the peer, or for the answer of a commit.
    Await,
    /// The peer has ended the session with this error. Repeated until the session is dropped.
    PeerError {
        /// Why.
        reason: Reason,
        /// The same for people; escape it before it is shown.
        text: String,
    },
    /// `RESULT` was handed out: end the direction once it is written, and wait for the peer's end.
    Finished,
}

/// The receiver's machine.
#[derive(Debug)]
pub struct Receiver {
    max_entries: u32,
    streaming: bool,
    capabilities: Capabilities,
    skipped_count: u32,
    skipped: Option<Skipped>,
    totals: Option<Totals>,
    /// The first turn was received, or none is due.
    has_begun: bool,
    wanted: Option<RequestedNames>,
    /// The entries of this round, or the current one of a stream; the first of them has the id `base`.
    round: Vec<ReceivingEntry>,
    base: u32,
    entry_bytes: usize,
    state: State,
    out: Vec<u8>,
    steps: VecDeque<ReceiveStep>,
    committing: HashMap<u32, (Vec<u8>, EntryKind, u64)>,
    closed: VecDeque<FinishedEntry>,
    failures: Vec<FileFailure>,
    failure_bytes: usize,
    /// A failure was not kept for `RESULT`.
    cut: bool,
    failed: u32,
    phase: Option<(Phase, u64)>,
    error: Option<(Reason, String)>,
    received_bytes: u64,
    body_bytes: u64,
    acknowledged_bytes: u64,
    whole_files: u64,
}

#[derive(Debug)]
struct ReceivingEntry {
    entry: Entry,
    reply: Option<HaveReply>,
    /// The driver has a part of it, valid or not.
    has_part: bool,
    failure: Option<(Reason, String)>,
}

/// Phases. Indices are those of the round.
#[derive(Debug, Clone, Copy)]
enum State {
    Entries,
    Deciding { next: usize },
    Bodies { file: usize, position: u64, fresh: bool },
    Ended,
    Reporting { next: usize },
    Finished,
}

impl Receiver {
    /// Creates a machine for at most `max_entries` entries, in rounds. With `wanted`, the names of a `GET`, the entries
    /// must be those or below those, in that order. A round may have 16,384 entries, with 4 MiB of paths, texts and
    /// targets.
    pub fn new(max_entries: u32, wanted: Option<Vec<Vec<u8>>>) -> Receiver {
        Receiver {
            max_entries,
            streaming: false,
            capabilities: Capabilities::default(),
            skipped_count: 0,
            skipped: None,
            totals: None,
            has_begun: false,
            wanted: wanted.map(RequestedNames::new),
            round: Vec::new(),
            base: 0,
            entry_bytes: 0,
            state: State::Entries,
            out: Vec::new(),
            steps: VecDeque::new(),
            committing: HashMap::new(),
            closed: VecDeque::new(),
            failures: Vec::new(),
            failure_bytes: 0,
            cut: false,
            failed: 0,
            phase: None,
            error: None,
            received_bytes: 0,
            body_bytes: 0,
            acknowledged_bytes: 0,
            whole_files: 0,
        }
    }

    /// Sets the capabilities that both sides use. Call it before the first entry.
    pub fn agree(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
    }

    /// Returns whether large files are received in blocks.
    pub fn allows_blocks(&self) -> bool {
        self.capabilities.tree
    }

    /// Expects entries in a stream, each file after its entry. Call it before the first entry.
    pub fn expect_stream(&mut self) {
        self.streaming = true;
        self.has_begun = true;
    }

    /// Returns the next action.
    pub fn next_step(&mut self) -> ReceiveStep {
        if let Some((reason, text)) = &self.error {
            return ReceiveStep::PeerError { reason: *reason, text: text.clone() };
        }
        if let State::Deciding { next } = self.state
            && let Some(decide) = self.decide(next)
        {
            return decide;
        }
        if self.received_bytes.saturating_sub(self.acknowledged_bytes) >= ACK_BYTES {
            self.acknowledge(self.received_bytes);
        }
        if !self.out.is_empty() {
            return ReceiveStep::Write(std::mem::take(&mut self.out));
        }
        if let Some(step) = self.steps.pop_front() {
            return step;
        }
        match self.state {
            State::Ended if self.committing.is_empty() => {
                self.failures.sort_by_key(|failure| failure.file);
                self.report(0)
            }
            State::Reporting { next } => self.report(next),
            State::Finished => ReceiveStep::Finished,
            _ => ReceiveStep::Await,
        }
    }

    /// Handles a frame of the peer. Call it only after [`ReceiveStep::Await`]: in a stream, bodies may follow their
    /// entry at once, and cannot be handled before it is decided.
    ///
    /// # Errors
    /// The frame breaks the protocol: the session is over.
    pub fn receive(&mut self, frame: Frame) -> Result<(), Violation> {
        self.body_complete();
        match frame {
            Frame::Ping { phase, done } => self.phase = phase.map(|phase| (phase, done)),
            Frame::Error { reason, text } => self.error = Some((reason, text)),
            Frame::Entry { file, entry } => self.offered(file, entry)?,
            Frame::Turn => self.turn()?,
            Frame::End(end) => self.ended(end)?,
            Frame::Eot { entries, bytes } => self.all_ended(entries, bytes)?,
            Frame::Skipped(skipped) => self.left_out(skipped)?,
            Frame::Totals(totals) => self.totals_reported(totals)?,
            Frame::Block { .. } => return Err(Violation::Contradiction("BLOCK without its block")),
            Frame::Have { .. } | Frame::Ack { .. } | Frame::BlockResult { .. } | Frame::Result(_) => {
                return Err(frame.out_of_turn());
            }
        }
        Ok(())
    }

    /// Returns the entry with this file id while it is decided or received.
    pub fn entry(&self, file: u32) -> Option<&Entry> {
        self.round.get(self.index(file)?).map(|incoming| &incoming.entry)
    }

    /// Returns the number of received entries.
    pub fn entry_count(&self) -> u32 {
        self.base + self.round.len() as u32
    }

    /// Returns whether files are received in a stream.
    pub fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Returns whether every file has ended: [`Receiver::next_step`] returns no new steps after those that are due now.
    pub fn all_files_ended(&self) -> bool {
        matches!(self.state, State::Ended | State::Reporting { .. } | State::Finished)
    }

    /// Returns the peer's phase and the bytes done in it, if its last frame was a `PING`.
    pub fn peer_phase(&self) -> Option<(Phase, u64)> {
        self.phase
    }

    fn id(&self, index: usize) -> u32 {
        self.base + index as u32
    }

    fn index(&self, file: u32) -> Option<usize> {
        file.checked_sub(self.base).map(|index| index as usize)
    }
}
