//! The bodies of the files, one after the other.

use super::{ReceiveStep, Receiver, State};
use crate::proto::transfer::blocks::has_blocks;
use crate::proto::transfer::entry::EntryKind;
use crate::proto::transfer::frame::{EndState, FileEnd, Frame, encode};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;

impl Receiver {
    /// Handles the header of a `DATA` frame. Its body belongs at `offset` of the file, unless [`Receiver::discarding`].
    /// Returns true if the file starts at 0 although the receiver has a part of it, which must be dropped first.
    ///
    /// # Errors
    /// The frame breaks the protocol: the session is over, and nothing of its body may be used.
    pub fn data(&mut self, file: u32, offset: u64, length: u32) -> Result<bool, Violation> {
        self.body_complete();
        let State::Bodies { file: current, position, fresh } = self.state else {
            return Err(Violation::OutOfTurn("DATA"));
        };
        if self.id(current) != file {
            return Err(Violation::Contradiction("the order of the files"));
        }
        let incoming = &self.round[current];
        if !self.streaming && !matches!(incoming.reply, Some(HaveReply::Want { .. })) {
            return Err(Violation::Contradiction("DATA of a file that is kept"));
        }
        let from_start = fresh && offset == 0;
        if !from_start && offset != position {
            return Err(Violation::Contradiction("DATA has a gap"));
        }
        let room = incoming.entry.size.unwrap_or(u64::MAX) - offset;
        if u64::from(length) > room {
            return Err(Violation::Contradiction("DATA beyond the size of the file"));
        }
        let drop_part = from_start && incoming.has_part;
        self.state = State::Bodies { file: current, position: offset + u64::from(length), fresh: false };
        self.body_bytes = length.into();
        Ok(drop_part)
    }

    /// Counts the body of the last `DATA` frame: another frame follows it.
    pub(super) fn body_complete(&mut self) {
        self.phase = None;
        self.received_bytes += std::mem::take(&mut self.body_bytes);
    }

    /// Returns whether the bodies of the current file are useless: read and discard them.
    pub fn discarding(&self) -> bool {
        matches!(self.state, State::Bodies { file, .. } if self.round.get(file).is_some_and(|incoming| {
            incoming.failure.is_some() || matches!(incoming.reply, Some(HaveReply::Keep { .. }))
        }))
    }

    /// Returns the bytes of all complete bodies: those that were followed by another frame.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Sends an `ACK` for `bytes` body bytes, those of an incomplete frame included.
    pub fn acknowledge(&mut self, bytes: u64) {
        if bytes > self.acknowledged_bytes && bytes <= self.received_bytes + self.body_bytes {
            self.acknowledged_bytes = bytes;
            self.out.extend(encode(&Frame::Ack { bytes }));
        }
    }

    pub(super) fn ended(&mut self, end: FileEnd) -> Result<(), Violation> {
        let State::Bodies { file, position, .. } = self.state else {
            return Err(Violation::OutOfTurn("END"));
        };
        if self.id(file) != end.file {
            return Err(Violation::Contradiction("the order of the files"));
        }
        let incoming = &mut self.round[file];
        let kept = match incoming.reply {
            Some(HaveReply::Keep { digest, .. }) => Some(digest),
            _ => None,
        };
        let in_blocks = self.capabilities.tree && has_blocks(incoming.entry.size);
        let is_sent = (kept.is_none() || self.streaming) && !in_blocks;
        let size = incoming.entry.size.unwrap_or(position);
        let complete = matches!(end.state, EndState::Whole | EndState::Differs);
        if complete && (end.size != size || (is_sent && position != size)) {
            return Err(Violation::Contradiction("END before the size of the file"));
        }
        self.whole_files += u64::from(end.state == EndState::Whole);
        let given_up = incoming.failure.take();
        let has_part = kept.is_none() && given_up.is_none();
        let outcome_of = |reason| Some((EntryOutcome::failed(reason), false));
        let reply = match (end.state, kept, given_up) {
            (EndState::Unreadable, ..) => outcome_of(Reason::Unreadable),
            (EndState::Changed, ..) => outcome_of(Reason::Changed),
            (EndState::Differs, Some(_), _) => outcome_of(Reason::Exists),
            (EndState::Differs, None, _) => return Err(Violation::Contradiction("DIFFERS without KEEP")),
            // In a round the sender does not know of it.
            (EndState::Stopped, _, given_up) if !self.streaming || given_up.is_none() => {
                return Err(Violation::Contradiction("STOPPED without a refusal"));
            }
            (_, _, Some((reason, text))) => Some((EntryOutcome::Failed(reason, text), true)),
            (EndState::Whole, Some(kept), None) if kept == end.digest => {
                Some((EntryOutcome::AlreadyThere, false))
            }
            (EndState::Whole | EndState::Stopped, Some(_), None) => {
                Some((EntryOutcome::failed(Reason::Exists), true))
            }
            (EndState::Whole | EndState::Stopped, None, None) => None,
        };
        let entry = std::mem::replace(&mut self.round[file].entry, nothing());
        match reply {
            None => {
                self.committing.insert(end.file, (entry.path.clone(), EntryKind::File, size));
                self.steps.push_back(ReceiveStep::Commit { file: end.file, entry, digest: end.digest });
            }
            Some((outcome, is_news)) => {
                if let (EntryOutcome::Failed(reason, _), false, true) = (&outcome, is_news, has_part) {
                    self.steps.push_back(ReceiveStep::Abandon { file: end.file, reason: *reason });
                }
                let closed = FinishedEntry {
                    file: end.file,
                    path: entry.path,
                    kind: entry.kind,
                    size,
                    outcome,
                    revokes: false,
                };
                self.close(closed, is_news);
            }
        }
        self.open(file + 1);
        Ok(())
    }

    pub(super) fn all_ended(&mut self, entries: u64, bytes: u64) -> Result<(), Violation> {
        match self.state {
            State::Entries if self.round.is_empty() && self.has_begun => {}
            State::Bodies { .. } => return Err(Violation::Contradiction("EOT before every END")),
            _ => return Err(Violation::OutOfTurn("EOT")),
        }
        if entries != self.whole_files || bytes != self.received_bytes {
            return Err(Violation::Contradiction("the counts of EOT"));
        }
        if let Some(wanted) = &self.wanted {
            wanted.finish()?;
        }
        self.acknowledge(self.received_bytes);
        self.state = State::Ended;
        Ok(())
    }

    /// Moves to the first file from this one on that is sent, or to the next entries.
    pub(super) fn open(&mut self, from: usize) {
        for index in from..self.round.len() {
            let incoming = &mut self.round[index];
            let is_refused = matches!(incoming.reply, Some(HaveReply::Refused(..)));
            let is_offered = incoming.entry.not_offered.is_none();
            if incoming.entry.has_content() && (self.streaming || !is_refused) {
                let position = match incoming.reply {
                    Some(HaveReply::Want { offset, .. }) => offset,
                    _ => 0,
                };
                self.state = State::Bodies { file: index, position, fresh: true };
                return;
            }
            let (file, failure) = (self.id(index), self.round[index].failure.take());
            let entry = std::mem::replace(&mut self.round[index].entry, nothing());
            match failure {
                Some((reason, text)) => {
                    let outcome = EntryOutcome::Failed(reason, text);
                    let closed = FinishedEntry {
                        file,
                        path: entry.path,
                        kind: entry.kind,
                        size: 0,
                        outcome,
                        revokes: false,
                    };
                    self.close(closed, is_offered && !is_refused);
                }
                None => {
                    self.committing.insert(file, (entry.path.clone(), entry.kind.clone(), 0));
                    self.steps.push_back(ReceiveStep::Place { file, entry });
                }
            }
        }
        self.base += self.round.len() as u32;
        self.round.clear();
        self.entry_bytes = 0;
        self.state = State::Entries;
    }
}

/// Returns an empty entry, in the place of one that was handed out.
fn nothing() -> super::Entry {
    super::Entry {
        kind: EntryKind::File,
        mode: 0,
        size: None,
        mtime_seconds: 0,
        mtime_nanoseconds: 0,
        path: Vec::new(),
        not_offered: None,
    }
}
