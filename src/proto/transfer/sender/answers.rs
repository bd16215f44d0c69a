//! The receiver's frames: answers to offers and bodies, and the result.

use super::{Sender, State};
use crate::proto::transfer::Digest;
use crate::proto::transfer::blocks;
use crate::proto::transfer::blocks::BLOCK_BYTES;
use crate::proto::transfer::entry::EntryKind;
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::summary::Summary;
use crate::proto::transfer::violation::Violation;

impl Sender {
    /// Returns the first index from `from` on that the receiver has to answer.
    pub(super) fn next_asked(&self, from: usize) -> usize {
        let is_asked = |index: &usize| self.round[*index].entry.has_content();
        (from..self.round.len()).find(is_asked).unwrap_or(self.round.len())
    }

    pub(super) fn answered(&mut self, file: u32, reply: HaveReply) -> Result<(), Violation> {
        let State::AwaitingHave { next } = self.state else { return Err(Violation::OutOfTurn("HAVE")) };
        if next == self.round.len() || file != self.id(next) {
            return Err(Violation::Contradiction("the order of HAVE and ENTRY"));
        }
        let size = self.round[next].entry.size;
        match &reply {
            HaveReply::Want { offset, .. } if *offset > size.unwrap_or(0) => {
                return Err(Violation::Contradiction("HAVE has more than the file"));
            }
            HaveReply::Keep { size: kept, .. } if Some(*kept) != size => {
                return Err(Violation::Contradiction("KEEP of another size"));
            }
            _ => {}
        }
        let from_blocks = self.theirs.get(&next).map(|values| values.len() as u64 * BLOCK_BYTES);
        let fits = match (from_blocks, &reply) {
            (Some(bytes), HaveReply::Want { offset, .. }) => {
                Some(*offset) == size.map(|size| size.min(bytes))
            }
            (Some(_), _) => false,
            (None, HaveReply::Want { offset, .. }) if self.in_blocks(next) => {
                *offset == 0 || Some(*offset) == size
            }
            (None, _) => true,
        };
        if !fits {
            return Err(Violation::Contradiction("HAVE and the blocks that are there"));
        }
        self.round[next].reply = Some(reply);
        self.state = State::AwaitingHave { next: self.next_asked(next + 1) };
        Ok(())
    }

    /// Handles the blocks that the receiver has of the file that it answers next.
    pub(super) fn has_blocks(
        &mut self,
        file: u32,
        offset: u64,
        values: Vec<Digest>,
    ) -> Result<(), Violation> {
        let State::AwaitingHave { next } = self.state else { return Err(Violation::OutOfTurn("BLOCK")) };
        let size = self.round.get(next).and_then(|offered| offered.entry.size);
        if !self.capabilities.tree || file != self.id(next) || !blocks::has_blocks(size) {
            return Err(Violation::Contradiction("BLOCK of another file"));
        }
        let known = self.theirs.entry(next).or_default();
        if offset != known.len() as u64 * BLOCK_BYTES
            || (known.len() + values.len()) as u64 > blocks::block_count(size.unwrap_or(0))
        {
            return Err(Violation::Contradiction("BLOCK beyond the file, or out of order"));
        }
        known.extend(values);
        Ok(())
    }

    /// In a stream: handles the refusal of a file that is or was sent. `RESULT` must name it again.
    pub(super) fn hinted(&mut self, file: u32, reply: HaveReply) -> Result<(), Violation> {
        let HaveReply::Refused(reason, text) = reply else {
            return Err(Violation::Contradiction("HAVE in a stream"));
        };
        if file >= self.next_id() {
            return Err(Violation::Contradiction("HAVE in a stream"));
        }
        self.failures.refused(file);
        if let State::Body { file: current, .. } | State::Blocks { file: current } = self.state
            && self.id(current) == file
        {
            self.stop(current, reason, text);
        }
        Ok(())
    }

    pub(super) fn turn(&mut self) -> Result<(), Violation> {
        match self.state {
            State::AwaitingHave { next } if next == self.round.len() => self.open(0),
            State::AwaitingHave { .. } => return Err(Violation::Contradiction("TURN before every HAVE")),
            _ => return Err(Violation::OutOfTurn("TURN")),
        }
        Ok(())
    }

    pub(super) fn acknowledged(&mut self, bytes: u64) -> Result<(), Violation> {
        if bytes > self.sent_bytes {
            return Err(Violation::Contradiction("ACK of more than was sent"));
        }
        self.acknowledged_bytes = self.acknowledged_bytes.max(bytes);
        Ok(())
    }

    pub(super) fn result(&mut self, summary: &Summary) -> Result<(), Violation> {
        let State::Result { counts, mut next } = self.state else {
            return Err(Violation::OutOfTurn("RESULT"));
        };
        let now = (summary.done, summary.failed);
        let total = u64::from(summary.done) + u64::from(summary.failed);
        if total != u64::from(self.base) || counts.is_some_and(|before| before != now) {
            return Err(Violation::Contradiction("the counts of the result"));
        }
        for failure in &summary.failures {
            if failure.file < next || failure.file >= self.base {
                return Err(Violation::Contradiction("the order of the result's failures"));
            }
            next = failure.file.saturating_add(1);
            match self.failures.acknowledge(failure.file) {
                Some(true) => {}
                // It was closed when it was stopped.
                Some(false) => continue,
                None => return Err(Violation::Contradiction("a failure that is known already")),
            }
            self.failed += 1;
            self.closed.push_back(FinishedEntry {
                file: failure.file,
                path: failure.path.clone(),
                kind: EntryKind::File,
                size: 0,
                revokes: true,
                outcome: EntryOutcome::Failed(failure.reason, failure.text.clone()),
            });
        }
        if summary.more {
            if summary.failures.is_empty() {
                return Err(Violation::Contradiction("an empty part of a result"));
            }
            self.state = State::Result { counts: Some(now), next };
            return Ok(());
        }
        if !summary.cut && !self.failures.all_named() {
            return Err(Violation::Contradiction("the result leaves out a file that was refused"));
        }
        let (named, failed) = (self.failed + self.failures.unnamed(), u64::from(summary.failed));
        if named > failed || (!summary.cut && named != failed) {
            return Err(Violation::Contradiction("the failures of the result and their count"));
        }
        self.state = State::Finished { unnamed: failed - self.failed };
        Ok(())
    }
}
