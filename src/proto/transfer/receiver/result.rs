//! The outcome of each entry, and the report to the sender.

use super::{MAX_FAILURE_BYTES, MAX_FAILURES, ReceiveStep, Receiver, State};
use crate::proto::transfer::frame::{Frame, MAX_CONTROL_BYTES, encode};
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::summary;
use crate::proto::transfer::summary::{FileFailure, Summary};

impl Receiver {
    /// Answers [`ReceiveStep::Commit`] or [`ReceiveStep::Place`]; has no effect for another file.
    pub fn committed(&mut self, file: u32, outcome: Result<EntryOutcome, (Reason, String)>) {
        let Some((path, kind, size)) = self.committing.remove(&file) else { return };
        let outcome = outcome.unwrap_or_else(|(reason, text)| EntryOutcome::Failed(reason, text));
        self.close(FinishedEntry { file, path, kind, size, outcome, revokes: false }, true);
    }

    /// Returns the next closed entry.
    pub fn closed(&mut self) -> Option<FinishedEntry> {
        self.closed.pop_front()
    }

    /// Closes an entry. `is_news`: the sender does not know of a failure yet.
    pub(super) fn close(&mut self, closed: FinishedEntry, is_news: bool) {
        if let EntryOutcome::Failed(reason, text) = &closed.outcome {
            self.failed += 1;
            let is_kept = self.failures.len() < MAX_FAILURES && self.failure_bytes < MAX_FAILURE_BYTES;
            if is_news && is_kept {
                self.failure_bytes += closed.path.len() + text.len();
                self.failures.push(FileFailure {
                    file: closed.file,
                    path: closed.path.clone(),
                    reason: *reason,
                    text: text.clone(),
                });
            } else if is_news {
                self.cut = true;
            }
        }
        self.closed.push_back(closed);
    }

    /// Returns one frame of the result: the failures from `first` on, as many as fit.
    pub(super) fn report(&mut self, first: usize) -> ReceiveStep {
        let mut room = MAX_CONTROL_BYTES - summary::MIN_BYTES;
        let fits = |failure: &&FileFailure| match room.checked_sub(Summary::failure_bytes(failure)) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let failures: Vec<FileFailure> = self.failures[first..].iter().take_while(fits).cloned().collect();
        let next = first + failures.len();
        let more = next < self.failures.len();
        self.state = if more { State::Reporting { next } } else { State::Finished };
        let (done, failed) = (self.base - self.failed, self.failed);
        ReceiveStep::Write(encode(&Frame::Result(Summary { done, failed, failures, cut: self.cut, more })))
    }
}
