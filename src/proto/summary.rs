//! RESULT: what the receiver made of the session.

use super::reason::Reason;
use super::violation::Violation;
use super::wire::{Fields, clipped, length_u16};

pub(super) const MIN_BYTES: usize = 12;
pub(super) const MORE: u8 = 1;
const FAILURE_BYTES: usize = 8;

/// A file that failed at the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its file id.
    pub file: u32,
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub text: String,
}

/// A `RESULT` frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Entries that are in place and synced.
    pub done: u32,
    /// The other entries.
    pub failed: u32,
    /// The files that failed after they had been consented to, or those of them that fit this frame.
    pub failures: Vec<Failure>,
    /// Whether another `RESULT` follows with more of the failures.
    pub more: bool,
}

impl Summary {
    fn status(&self) -> u8 {
        match (self.done, self.failed) {
            (_, 0) => 0,
            (0, _) => 2,
            _ => 1,
        }
    }

    pub(super) fn flags(&self) -> u8 {
        if self.more { MORE } else { 0 }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = vec![self.status(), 0, 0, 0];
        body.extend(self.done.to_be_bytes());
        body.extend(self.failed.to_be_bytes());
        for failure in &self.failures {
            let text = clipped(&failure.text).as_bytes();
            body.extend(failure.file.to_be_bytes());
            body.extend([failure.reason.code(), 0]);
            body.extend(length_u16(text));
            body.extend(text);
        }
        body
    }

    pub(super) fn parse(flags: u8, body: &[u8]) -> Result<Summary, Violation> {
        let mut fields = Fields::new(body);
        let status = fields.u8()?;
        fields.bytes(3)?;
        let (done, failed) = (fields.u32()?, fields.u32()?);
        let mut failures = Vec::new();
        while !fields.is_empty() {
            let file = fields.u32()?;
            let reason = Reason::from_code(fields.u8()?);
            fields.u8()?;
            let text_length = fields.u16()?;
            failures.push(Failure { file, reason, text: fields.text(text_length.into())? });
        }
        let summary = Summary { done, failed, failures, more: flags & MORE != 0 };
        if summary.status() != status {
            return Err(Violation::Contradiction("the status of the result and its counts"));
        }
        Ok(summary)
    }

    /// How many bytes of a body this failure takes.
    pub(super) fn failure_bytes(text: &str) -> usize {
        FAILURE_BYTES + clipped(text).len()
    }
}
