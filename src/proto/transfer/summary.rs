//! RESULT: the receiver's result of the session.

use super::names::MAX_PATH_BYTES;
use super::reason::Reason;
use super::violation::Violation;
use super::wire::{FieldReader, clipped, length_u16};

pub(crate) const MIN_BYTES: usize = 12;
pub(crate) const MORE: u8 = 1;
const FAILURE_BYTES: usize = 10;
const CUT: u8 = 2;

/// A file that failed at the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFailure {
    /// Its file id.
    pub file: u32,
    /// The path of its entry: at most 4096 bytes.
    pub path: Vec<u8>,
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
    /// Failures that the sender does not know yet, as many as fit this frame.
    pub failures: Vec<FileFailure>,
    /// More entries failed than all frames of this result name.
    pub cut: bool,
    /// Another `RESULT` follows with more of the failures.
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

    pub(crate) fn flags(&self) -> u8 {
        (u8::from(self.more) * MORE) | (u8::from(self.cut) * CUT)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = vec![self.status(), 0, 0, 0];
        body.extend(self.done.to_be_bytes());
        body.extend(self.failed.to_be_bytes());
        for failure in &self.failures {
            let text = clipped(&failure.text).as_bytes();
            body.extend(failure.file.to_be_bytes());
            body.extend([failure.reason.code(), 0]);
            body.extend(length_u16(&failure.path));
            body.extend(length_u16(text));
            body.extend(&failure.path);
            body.extend(text);
        }
        body
    }

    pub(crate) fn parse(flags: u8, body: &[u8]) -> Result<Summary, Violation> {
        let mut fields = FieldReader::new(body);
        let status = fields.u8()?;
        fields.bytes(3)?;
        let (done, failed) = (fields.u32()?, fields.u32()?);
        let mut failures = Vec::new();
        while !fields.is_empty() {
            let file = fields.u32()?;
            let reason = Reason::from_code(fields.u8()?);
            fields.u8()?;
            let path_length = usize::from(fields.u16()?);
            let text_length = fields.u16()?;
            if path_length > MAX_PATH_BYTES {
                return Err(Violation::Length { what: "a path", length: path_length as u64 });
            }
            let path = fields.bytes(path_length)?.to_vec();
            failures.push(FileFailure { file, path, reason, text: fields.text(text_length.into())? });
        }
        let summary = Summary { done, failed, failures, more: flags & MORE != 0, cut: flags & CUT != 0 };
        if summary.status() != status {
            return Err(Violation::Contradiction("the status of the result and its counts"));
        }
        Ok(summary)
    }

    /// Returns how many bytes of a body this failure takes.
    pub(crate) fn failure_bytes(failure: &FileFailure) -> usize {
        FAILURE_BYTES + failure.path.len() + clipped(&failure.text).len()
    }
}
