//! The machine of the side that has the files, after `HELLO` and `ACCEPT`.
//!
//! The driver passes entries one by one. In rounds, some thousand of them are offered, answered and sent before the
//! next ones; in a stream each file follows its entry at once. In both modes the machine holds at most one round.

mod answers;
mod bodies;
mod failures;
mod offers;

use std::collections::{HashMap, VecDeque};

use self::failures::Failures;
use super::Digest;
use super::entry::Entry;
use super::frame::{Frame, Phase, Totals, encode};
use super::have::HaveReply;
use super::hello::Capabilities;
use super::outcome::FinishedEntry;
use super::reason::Reason;
use super::violation::Violation;

/// Entries of one round, and the bytes that they may take, approximately.
const ROUND_ENTRIES: usize = 4096;
const ROUND_BYTES: usize = 512 << 10;
/// Bytes of entries in one [`SendStep::Write`], approximately.
const WRITE_BYTES: usize = 64 << 10;

/// The next action of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendStep {
    /// Write these bytes. They are handed out once.
    Write(Vec<u8>),
    /// Call [`Sender::offer`] with the next entry, or [`Sender::all_offered`]. Repeated until then.
    Offer,
    /// Hash the first `length` bytes of the file and answer with [`Sender::prefix_hashed`], or close it with
    /// [`Sender::end`] if it cannot be read or has changed. Repeated until answered.
    HashPrefix {
        /// The file id.
        file: u32,
        /// Number of bytes from its beginning; 0 only for an empty file.
        length: u64,
    },
    /// Write a header from [`Sender::data`] and as many bytes of the file from `offset`. Close the file with
    /// [`Sender::end`] if `max_length` is 0, at the end of a file of unknown size, and if it cannot be read or has
    /// changed. Repeated until closed.
    Body {
        /// The file id.
        file: u32,
        /// Offset of the next byte in the file.
        offset: u64,
        /// Maximum body of the next `DATA` frame, in bytes; 0: the size of the entry is reached.
        max_length: u32,
    },
    /// Send the blocks of this file, on any connection, with headers from [`super::frame::data_header`], and close it
    /// with [`Sender::end`] once each was read. Repeated until closed.
    Blocks {
        /// The file id.
        file: u32,
    },
    /// Wait for the peer.
    Await,
    /// The peer has ended the session with this error. Repeated until the session is dropped.
    PeerError {
        /// Why.
        reason: Reason,
        /// The same for people; escape it before it is shown.
        text: String,
    },
    /// `RESULT` was received: end the direction and close.
    Finished,
}

/// How the driver closes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was read to its end, with this digest of all its bytes.
    Digest(Digest),
    /// It cannot be read to its end.
    Unreadable,
    /// It is not the same as at its start: shorter, longer, or with another modification time.
    Changed,
}

/// The sender's machine.
#[derive(Debug, Clone)]
pub struct Sender {
    state: State,
    streaming: bool,
    capabilities: Capabilities,
    /// The totals to report next, if the receiver wants them.
    totals: Option<Totals>,
    /// Blocks are in flight: `EOT` has to wait.
    held: bool,
    /// Chaining values of the blocks that the receiver has, by index in the round.
    theirs: HashMap<usize, Vec<Digest>>,
    all_offered: bool,
    /// The entries of this round, or the one that is sent in a stream; the first of them has the id `base`.
    round: Vec<Offered>,
    base: u32,
    round_bytes: usize,
    /// [`ROUND_ENTRIES`]; tests use less.
    pub(crate) round_entries: usize,
    out: Vec<u8>,
    closed: VecDeque<FinishedEntry>,
    phase: Option<(Phase, u64)>,
    error: Option<(Reason, String)>,
    sent_bytes: u64,
    acknowledged_bytes: u64,
    whole_files: u64,
    failed: u64,
    failures: Failures,
}

#[derive(Debug, Clone)]
struct Offered {
    entry: Entry,
    reply: Option<HaveReply>,
}

/// Phases. Indices are those of the round.
#[derive(Debug, Clone, Copy)]
enum State {
    Waiting,
    Offering,
    AwaitingHave { next: usize },
    Prefix { file: usize, length: u64 },
    Body { file: usize, offset: u64 },
    Blocks { file: usize },
    Ending,
    Result { counts: Option<(u32, u32)>, next: u32 },
    Finished { unnamed: u64 },
}

impl Sender {
    /// Creates a machine that waits for [`Sender::begin`].
    pub fn new() -> Sender {
        Sender {
            state: State::Waiting,
            streaming: false,
            capabilities: Capabilities::default(),
            totals: None,
            held: false,
            theirs: HashMap::new(),
            all_offered: false,
            round: Vec::new(),
            base: 0,
            round_bytes: 0,
            round_entries: ROUND_ENTRIES,
            out: Vec::new(),
            closed: VecDeque::new(),
            phase: None,
            error: None,
            sent_bytes: 0,
            acknowledged_bytes: 0,
            whole_files: 0,
            failed: 0,
            failures: Failures::default(),
        }
    }

    /// Sets the capabilities that both sides use. Call it before the first file.
    pub fn agree(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
    }

    /// Starts to offer entries: in rounds, or in a stream. Later calls have no effect.
    pub fn begin(&mut self, streaming: bool) {
        if matches!(self.state, State::Waiting) {
            self.streaming = streaming;
            self.state = State::Offering;
        }
    }

    /// Returns the next action.
    pub fn next_step(&mut self) -> SendStep {
        if let Some((reason, text)) = &self.error {
            return SendStep::PeerError { reason: *reason, text: text.clone() };
        }
        let is_at_work = !matches!(
            self.state,
            State::Waiting | State::Ending | State::Result { .. } | State::Finished { .. }
        );
        if let Some(totals) = self.totals.take_if(|_| is_at_work) {
            return SendStep::Write(encode(&Frame::Totals(totals)));
        }
        let collecting = matches!(self.state, State::Offering) && self.out.len() < WRITE_BYTES;
        if !self.out.is_empty() && !collecting {
            return SendStep::Write(std::mem::take(&mut self.out));
        }
        match self.state {
            State::Offering => SendStep::Offer,
            State::Prefix { file, length } => SendStep::HashPrefix { file: self.id(file), length },
            State::Body { file, offset } => {
                SendStep::Body { file: self.id(file), offset, max_length: self.max_length(file, offset) }
            }
            State::Blocks { file } => SendStep::Blocks { file: self.id(file) },
            State::Ending if self.held => SendStep::Await,
            State::Ending => {
                self.state = State::Result { counts: None, next: 0 };
                SendStep::Write(encode(&Frame::Eot { entries: self.whole_files, bytes: self.sent_bytes }))
            }
            State::Waiting | State::AwaitingHave { .. } | State::Result { .. } => SendStep::Await,
            State::Finished { .. } => SendStep::Finished,
        }
    }

    /// Returns the file id of the next entry: they count from 0.
    pub fn next_id(&self) -> u32 {
        self.id(self.round.len())
    }

    /// Handles a frame of the peer.
    ///
    /// # Errors
    /// The frame breaks the protocol: the session is over.
    pub fn receive(&mut self, frame: Frame) -> Result<(), Violation> {
        self.phase = None;
        match frame {
            Frame::Ping { phase, done } => self.phase = phase.map(|phase| (phase, done)),
            Frame::Error { reason, text } => self.error = Some((reason, text)),
            Frame::Block { file, offset, values } => self.has_blocks(file, offset, values)?,
            Frame::Have { file, reply } if self.streaming => self.hinted(file, reply)?,
            Frame::Have { file, reply } => self.answered(file, reply)?,
            Frame::Turn => self.turn()?,
            Frame::Ack { bytes } => self.acknowledged(bytes)?,
            Frame::Result(summary) => self.result(&summary)?,
            Frame::Entry { .. }
            | Frame::End(_)
            | Frame::Eot { .. }
            | Frame::BlockResult { .. }
            | Frame::Skipped(_)
            | Frame::Totals(_) => {
                return Err(frame.out_of_turn());
            }
        }
        Ok(())
    }

    /// Returns the next closed entry. Call it until `None` before the next frame.
    pub fn closed(&mut self) -> Option<FinishedEntry> {
        self.closed.pop_front()
    }

    /// Returns the body bytes that the peer has acknowledged: for progress, not for safety.
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged_bytes
    }

    /// Returns the body bytes of all headers of [`Sender::data`].
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Returns the entry with this file id while it is offered, compared or sent.
    pub fn entry(&self, file: u32) -> Option<&Entry> {
        let index = file.checked_sub(self.base)?;
        self.round.get(index as usize).map(|offered| &offered.entry)
    }

    /// Returns whether `EOT` was handed out and `RESULT` was not received: a loss now leaves the outcome unknown.
    pub fn awaiting_result(&self) -> bool {
        matches!(self.state, State::Result { .. })
    }

    /// Returns the number of failures that `RESULT` counts but does not name: these files were closed as done.
    pub fn unnamed_failures(&self) -> u64 {
        if let State::Finished { unnamed } = self.state { unnamed } else { 0 }
    }

    /// Returns the peer's phase and the bytes done in it, if its last frame was a `PING`.
    pub fn peer_phase(&self) -> Option<(Phase, u64)> {
        self.phase
    }

    fn id(&self, index: usize) -> u32 {
        self.base.saturating_add(index as u32)
    }
}

impl Default for Sender {
    fn default() -> Sender {
        Sender::new()
    }
}
