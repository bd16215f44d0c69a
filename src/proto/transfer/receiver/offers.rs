//! The sender's offers and the receiver's answers.

use super::{HINT_BYTES, ReceiveStep, Receiver, ReceivingEntry, State};
use crate::proto::transfer::Digest;
use crate::proto::transfer::blocks::{BLOCK_BYTES, has_blocks};
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame::{Frame, MAX_BLOCK_VALUES, Totals, encode};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::names::CleanPath;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::skipped::Skipped;
use crate::proto::transfer::violation::Violation;

/// Bytes of `HAVE` frames that are collected for one write.
const WRITE_BYTES: usize = 32 << 10;
/// Limit on the paths, texts and targets of a round, in bytes: it bounds the memory that a peer can use. While a round
/// is committed there are several copies of them.
const MAX_ENTRY_BYTES: usize = 4 << 20;
const MAX_ROUND_ENTRIES: usize = 16_384;

impl Receiver {
    pub(super) fn offered(&mut self, file: u32, entry: Entry) -> Result<(), Violation> {
        if !matches!(self.state, State::Entries) {
            return Err(Violation::OutOfTurn("ENTRY"));
        }
        if file >= self.max_entries {
            return Err(Violation::TooManyEntries(self.max_entries));
        }
        if file != self.entry_count() {
            return Err(Violation::Contradiction("the order of the file ids"));
        }
        let text = entry.not_offered.as_ref().map_or(0, |(_, text)| text.len());
        let target = if let EntryKind::Link(target) = &entry.kind { target.len() } else { 0 };
        self.entry_bytes += entry.path.len() + text + target;
        if self.entry_bytes > MAX_ENTRY_BYTES || self.round.len() >= MAX_ROUND_ENTRIES {
            return Err(Violation::RoundTooLarge);
        }
        if let Some(wanted) = &mut self.wanted {
            wanted.check(&entry)?;
        }
        let failure = match (&entry.not_offered, &entry.kind, CleanPath::parse(&entry.path)) {
            (Some((reason, text)), ..) => Some((*reason, text.clone())),
            (None, _, Err(fault)) => Some((Reason::UnsafeName, format!("the name {fault}"))),
            (None, EntryKind::Other(_), _) => Some((Reason::NotRegular, Reason::NotRegular.to_string())),
            (None, _, Ok(_)) => None,
        };
        self.round.push(ReceivingEntry { entry, reply: None, has_part: false, failure });
        if self.streaming {
            self.state = State::Deciding { next: 0 };
        }
        Ok(())
    }

    /// Handles a skipped entry, which may stand where an entry may.
    pub(super) fn left_out(&mut self, skipped: Skipped) -> Result<(), Violation> {
        if !self.capabilities.skipped || !matches!(self.state, State::Entries) {
            return Err(Violation::OutOfTurn("SKIPPED"));
        }
        if self.skipped_count >= self.max_entries {
            return Err(Violation::TooManyEntries(self.max_entries));
        }
        self.skipped_count += 1;
        self.skipped = Some(skipped);
        Ok(())
    }

    /// Returns the skipped entry of the last frame: call it after each frame.
    pub fn skipped(&mut self) -> Option<Skipped> {
        self.skipped.take()
    }

    /// Returns the totals of the last frame, once: call it after each frame. They are a claim, for progress only.
    pub fn totals(&mut self) -> Option<Totals> {
        self.totals.take()
    }

    pub(super) fn totals_reported(&mut self, totals: Totals) -> Result<(), Violation> {
        if !self.capabilities.totals || self.all_files_ended() {
            return Err(Violation::OutOfTurn("TOTALS"));
        }
        self.totals = Some(totals);
        Ok(())
    }

    pub(super) fn turn(&mut self) -> Result<(), Violation> {
        if self.streaming || !matches!(self.state, State::Entries) {
            return Err(Violation::OutOfTurn("TURN"));
        }
        self.has_begun = true;
        self.refuse_repeated_names();
        self.state = State::Deciding { next: 0 };
        Ok(())
    }

    /// Refuses repeated names: two files of one name would be written to one part. The first one counts.
    fn refuse_repeated_names(&mut self) {
        let offered = |file: &usize| self.round[*file].failure.is_none();
        let mut by_path: Vec<usize> = (0..self.round.len()).filter(offered).collect();
        by_path.sort_by(|a, b| self.round[*a].entry.path.cmp(&self.round[*b].entry.path));
        let repeated = by_path
            .windows(2)
            .filter(|pair| self.round[pair[0]].entry.path == self.round[pair[1]].entry.path);
        for file in repeated.map(|pair| pair[1]).collect::<Vec<_>>() {
            self.round[file].failure =
                Some((Reason::UnsafeName, "the name comes twice in this session".to_owned()));
        }
    }

    /// Answers the entries that need no driver. Returns the next file to decide on, or `None` if frames must be written
    /// first.
    pub(super) fn decide(&mut self, from: usize) -> Option<ReceiveStep> {
        for next in from..self.round.len() {
            if self.out.len() >= WRITE_BYTES {
                self.state = State::Deciding { next };
                return None;
            }
            let incoming = &self.round[next];
            match &incoming.failure {
                _ if !incoming.entry.has_content() => {}
                Some((reason, text)) => {
                    let reply = HaveReply::Refused(*reason, text.clone());
                    self.answer(next, reply);
                }
                None => {
                    self.state = State::Deciding { next };
                    return Some(ReceiveStep::Decide { file: self.id(next) });
                }
            }
        }
        if !self.streaming {
            self.out.extend(encode(&Frame::Turn));
        }
        self.open(0);
        None
    }

    /// Answers [`ReceiveStep::Decide`]; has no effect for another file. An offset beyond the size of the entry is sent
    /// as 0, and the part is dropped at the first `DATA`, which an empty file does not have; a KEEP of another size
    /// refuses the file. In a stream, where all of it comes anyway, KEEP means to compare and discard it, and an offset
    /// is useless.
    pub fn decided(&mut self, file: u32, reply: HaveReply) {
        if let State::Deciding { next } = self.state
            && self.index(file) == Some(next)
            && self.entry(file).is_some_and(Entry::has_content)
        {
            self.answer_with(next, reply);
        }
    }

    /// Answers as [`Receiver::decided`], for a file in blocks, of which the receiver has those with these chaining
    /// values, from its beginning on.
    pub fn decided_in_blocks(&mut self, file: u32, values: &[Digest]) {
        for (index, values) in values.chunks(MAX_BLOCK_VALUES).enumerate() {
            let offset = (index * MAX_BLOCK_VALUES) as u64 * BLOCK_BYTES;
            self.out.extend(encode(&Frame::Block { file, offset, values: values.to_vec() }));
        }
        let size = self.entry(file).and_then(|entry| entry.size).unwrap_or(0);
        let offset = size.min(values.len() as u64 * BLOCK_BYTES);
        self.decided(file, HaveReply::Want { offset, digest: [0; 32] });
    }

    /// Returns whether a file is received in blocks. `None` before it is decided, or after it was closed.
    pub fn comes_in_blocks(&self, file: u32) -> Option<bool> {
        let incoming = self.round.get(self.index(file)?)?;
        incoming.reply.as_ref()?;
        Some(self.capabilities.tree && has_blocks(incoming.entry.size))
    }

    /// Returns whether this file is refused.
    pub fn is_refused(&self, file: u32) -> bool {
        let incoming = self.index(file).and_then(|index| self.round.get(index));
        incoming.is_some_and(|incoming| incoming.failure.is_some())
    }

    /// Returns whether the entry with this id was not received or not decided yet.
    pub fn is_unknown(&self, file: u32) -> bool {
        self.index(file).is_some_and(|index| {
            self.round
                .get(index)
                .is_none_or(|incoming| incoming.reply.is_none() && incoming.failure.is_none())
        })
    }

    /// Fails a file here, before or within its bodies: the rest of them must be discarded.
    pub fn give_up(&mut self, file: u32, reason: Reason, text: String) {
        let Some(incoming) = self.index(file).and_then(|index| self.round.get_mut(index)) else { return };
        if incoming.failure.is_none() {
            incoming.failure = Some((reason, text.clone()));
            // In a stream the sender can be asked to stop.
            if self.streaming && incoming.entry.size.is_none_or(|size| size >= HINT_BYTES) {
                let reply = HaveReply::Refused(reason, text);
                self.out.extend(encode(&Frame::Have { file, reply }));
            }
        }
    }

    fn answer_with(&mut self, index: usize, reply: HaveReply) {
        let incoming = &mut self.round[index];
        let size = incoming.entry.size;
        let reply = match reply {
            HaveReply::Want { offset, .. } => {
                incoming.has_part = offset > 0;
                if self.streaming || offset > size.unwrap_or(0) { HaveReply::WHOLE } else { reply }
            }
            HaveReply::Keep { size: kept, .. } if Some(kept) != size => {
                HaveReply::Refused(Reason::Exists, Reason::Exists.to_string())
            }
            reply => reply,
        };
        self.answer(index, reply);
    }

    fn answer(&mut self, index: usize, reply: HaveReply) {
        let file = self.id(index);
        let incoming = &mut self.round[index];
        let is_reported = match &reply {
            HaveReply::Refused(reason, text) => {
                incoming.failure = Some((*reason, text.clone()));
                !self.streaming || incoming.entry.size.is_none_or(|size| size >= HINT_BYTES)
            }
            _ => !self.streaming,
        };
        if is_reported {
            self.out.extend(encode(&Frame::Have { file, reply: reply.clone() }));
        }
        incoming.reply = Some(reply);
        self.state = State::Deciding { next: index + 1 };
    }
}
