//! What is told of the files: to the driver at once, to the sender in the result.

use super::super::frame::{Frame, MAX_CONTROL_BYTES, encode};
use super::super::outcome::{Closed, FileOutcome};
use super::super::summary::{self, Failure, Summary};
use super::{ReceiveStep, Receiver, State};

/// Failures that are kept for `RESULT`, and about how many bytes of them: a peer chooses their paths.
const MAX_FAILURES: usize = 10_000;
const MAX_FAILURE_BYTES: usize = 2 << 20;

impl Receiver {
    /// With `is_news`, a failure is one that the sender does not know of.
    pub(super) fn close(&mut self, closed: Closed, is_news: bool) {
        if let FileOutcome::Failed(reason, text) = &closed.outcome {
            self.failed += 1;
            let is_kept = self.failures.len() < MAX_FAILURES && self.failure_bytes < MAX_FAILURE_BYTES;
            if is_news && is_kept {
                self.failure_bytes += closed.path.len() + text.len();
                self.failures.push(Failure {
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

    /// One frame of the result: the failures from this one on, as many as fit.
    pub(super) fn report(&mut self, first: usize) -> ReceiveStep {
        let mut room = MAX_CONTROL_BYTES - summary::MIN_BYTES;
        let fits = |failure: &&Failure| match room.checked_sub(Summary::failure_bytes(failure)) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let failures: Vec<Failure> = self.failures[first..].iter().take_while(fits).cloned().collect();
        let next = first + failures.len();
        let more = next < self.failures.len();
        self.state = if more { State::Reporting { next } } else { State::Finished };
        let (done, failed) = (self.base - self.failed, self.failed);
        ReceiveStep::Write(encode(&Frame::Result(Summary { done, failed, failures, cut: self.cut, more })))
    }
}
