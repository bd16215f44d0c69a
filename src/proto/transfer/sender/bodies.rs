//! The bodies of the files, one after the other.

use super::{Ended, Sender, State};
use crate::proto::transfer::Digest;
use crate::proto::transfer::blocks::has_blocks;
use crate::proto::transfer::entry::EntryKind;
use crate::proto::transfer::frame::{
    EndState, FileEnd, Frame, HEADER_BYTES, MAX_DATA_BYTES, data_header, encode,
};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::reason::Reason;

impl Sender {
    pub(super) fn max_length(&self, file: usize, offset: u64) -> u32 {
        let left = self.round[file].entry.size.map_or(u64::MAX, |size| size - offset);
        left.min(MAX_DATA_BYTES.into()) as u32
    }

    /// Sets whether `EOT` has to wait: while blocks are in flight.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Returns the chaining values of the blocks that the receiver has of the file of [`super::SendStep::Blocks`], from
    /// its beginning on.
    pub fn theirs(&mut self, file: u32) -> Vec<Digest> {
        let index = file.checked_sub(self.base).map(|index| index as usize);
        index.and_then(|index| self.theirs.remove(&index)).unwrap_or_default()
    }

    /// Returns whether the bodies of this file are sent next.
    pub fn is_sending(&self, file: u32) -> bool {
        matches!(self.state, State::Body { file: index, .. } | State::Blocks { file: index } if self.id(index) == file)
    }

    /// Answers [`super::SendStep::HashPrefix`]; has no effect otherwise.
    pub fn prefix_hashed(&mut self, digest: Digest) {
        let State::Prefix { file, length } = self.state else { return };
        match &self.round[file].reply {
            Some(HaveReply::Keep { digest: kept, .. }) => {
                let state = if *kept == digest { EndState::Whole } else { EndState::Differs };
                self.close(file, state, length, digest);
            }
            Some(HaveReply::Want { digest: kept, .. }) if *kept == digest => {
                self.state = State::Body { file, offset: length };
            }
            _ if self.in_blocks(file) => self.state = State::Blocks { file },
            _ => self.state = State::Body { file, offset: 0 },
        }
    }

    /// Returns the header of a `DATA` frame for `length` bytes from the offset of [`super::SendStep::Body`]. The driver
    /// must write those bytes right after it. Returns `None`, and changes nothing, if the step is another one or
    /// `length` is not within 1 to its `max_length`: such a frame would corrupt the stream.
    pub fn data(&mut self, length: u32) -> Option<[u8; HEADER_BYTES]> {
        let State::Body { file, offset } = self.state else { return None };
        if length == 0 || length > self.max_length(file, offset) {
            return None;
        }
        self.state = State::Body { file, offset: offset + u64::from(length) };
        self.sent_bytes += u64::from(length);
        Some(data_header(self.id(file), offset, length))
    }

    /// Closes the file of [`super::SendStep::Body`] or [`super::SendStep::HashPrefix`]; has no effect otherwise. A
    /// digest before the size of the entry is reached is sent as [`Ended::Changed`].
    pub fn end(&mut self, ended: Ended) {
        let (file, reached, is_whole) = match self.state {
            State::Body { file, offset } => {
                (file, offset, self.round[file].entry.size.is_none_or(|size| size == offset))
            }
            State::Prefix { file, length } => (file, length, false),
            State::Blocks { file } => (file, self.round[file].entry.size.unwrap_or(0), true),
            _ => return,
        };
        match ended {
            Ended::Digest(digest) if is_whole => self.close(file, EndState::Whole, reached, digest),
            Ended::Unreadable => self.close(file, EndState::Unreadable, reached, [0; 32]),
            Ended::Digest(_) | Ended::Changed => self.close(file, EndState::Changed, reached, [0; 32]),
        }
    }

    pub(super) fn in_blocks(&self, file: usize) -> bool {
        self.capabilities.tree && has_blocks(self.round[file].entry.size)
    }

    /// Stops a file that the receiver has refused.
    pub(super) fn stop(&mut self, file: usize, reason: Reason, text: String) {
        self.close_with(file, EndState::Stopped, 0, [0; 32], EntryOutcome::Failed(reason, text));
    }

    fn close(&mut self, file: usize, state: EndState, reached: u64, digest: Digest) {
        let kept = matches!(self.round[file].reply, Some(HaveReply::Keep { .. }));
        let outcome = match state {
            EndState::Unreadable => {
                EntryOutcome::Failed(Reason::Unreadable, "the source cannot be read".to_owned())
            }
            EndState::Changed => EntryOutcome::failed(Reason::Changed),
            EndState::Differs => EntryOutcome::failed(Reason::Exists),
            EndState::Whole if kept => EntryOutcome::AlreadyThere,
            EndState::Stopped => EntryOutcome::failed(Reason::Failed),
            EndState::Whole => EntryOutcome::Done,
        };
        self.close_with(file, state, reached, digest, outcome);
    }

    fn close_with(
        &mut self,
        file: usize,
        state: EndState,
        reached: u64,
        digest: Digest,
        outcome: EntryOutcome,
    ) {
        self.whole_files += u64::from(state == EndState::Whole);
        let end = FileEnd { file: self.id(file), size: reached, state, digest };
        self.out.extend(encode(&Frame::End(end)));
        self.close_entry(file, outcome, reached);
        self.open(file + 1);
    }

    fn close_entry(&mut self, file: usize, outcome: EntryOutcome, size: u64) {
        if outcome.is_failed() {
            self.failed += 1;
            self.failures.insert(self.id(file));
        }
        let entry = &mut self.round[file].entry;
        let (path, kind) =
            (std::mem::take(&mut entry.path), std::mem::replace(&mut entry.kind, EntryKind::File));
        self.closed.push_back(FinishedEntry {
            file: self.id(file),
            path,
            kind,
            size,
            outcome,
            revokes: false,
        });
    }

    /// Moves to the first file from this one on that is sent or compared, to the next round, or to the end.
    pub(super) fn open(&mut self, from: usize) {
        for file in from..self.round.len() {
            let offered = &self.round[file];
            let outcome = match (&offered.entry.not_offered, &offered.reply) {
                (Some((reason, text)), _) => EntryOutcome::Failed(*reason, text.clone()),
                (None, Some(HaveReply::Want { offset, .. }))
                    if self.in_blocks(file) && (*offset == 0 || self.theirs.contains_key(&file)) =>
                {
                    self.state = State::Blocks { file };
                    return;
                }
                (None, Some(HaveReply::Want { offset: 0, .. })) => {
                    self.state = State::Body { file, offset: 0 };
                    return;
                }
                (
                    None,
                    Some(HaveReply::Want { offset: length, .. } | HaveReply::Keep { size: length, .. }),
                ) => {
                    self.state = State::Prefix { file, length: *length };
                    return;
                }
                (None, Some(HaveReply::Refused(reason, text))) => EntryOutcome::Failed(*reason, text.clone()),
                // A folder or a link: `RESULT` reports its failure.
                (None, None) => EntryOutcome::Done,
            };
            self.close_entry(file, outcome, 0);
        }
        self.base = self.id(self.round.len());
        self.round.clear();
        self.theirs.clear();
        self.round_bytes = 0;
        self.state = if self.all_offered { State::Ending } else { State::Offering };
    }
}
