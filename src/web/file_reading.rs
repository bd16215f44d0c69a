//! Reading a file in steps.

use std::fmt;

use super::answer::{Answer, changing, failed};
use crate::store::{SourceFile, StoreError};

/// The bytes of a step, and of a call in it.
const STEP_BYTES: u64 = 4 << 20;
const CALL_BYTES: usize = 256 << 10;

/// A file that cannot be read as it was.
#[derive(Debug)]
pub(super) enum ReadFault {
    /// It has changed meanwhile.
    Changed,
    Failed(StoreError),
}

impl ReadFault {
    pub(super) fn answer(&self) -> Answer {
        match self {
            ReadFault::Changed => changing(),
            ReadFault::Failed(fault) => failed(fault),
        }
    }
}

impl From<StoreError> for ReadFault {
    fn from(fault: StoreError) -> ReadFault {
        ReadFault::Failed(fault)
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadFault::Changed => f.write_str("has changed while it was read"),
            ReadFault::Failed(fault) => fault.fmt(f),
        }
    }
}

/// A file that is read from its beginning, in steps.
pub(super) struct FileReading {
    pub(super) source: SourceFile,
    at: u64,
    buffer: Vec<u8>,
}

impl FileReading {
    pub(super) fn new(mut source: SourceFile) -> FileReading {
        source.seek(0);
        FileReading { source, at: 0, buffer: Vec::new() }
    }

    /// Reads on, and passes what it has read. True at the end, if the file has not changed.
    ///
    /// # Errors
    /// It has changed; of reading.
    pub(super) fn step(&mut self, mut take: impl FnMut(&[u8])) -> Result<bool, ReadFault> {
        let size_bytes = self.source.size_bytes();
        let stop = size_bytes.min(self.at + STEP_BYTES);
        while self.at < stop {
            let wanted = usize::try_from(stop - self.at).unwrap_or(CALL_BYTES).min(CALL_BYTES);
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            let count = self.source.read(&mut self.buffer[..wanted])?;
            if count < wanted {
                return Err(ReadFault::Changed);
            }
            take(&self.buffer[..count]);
            self.at += count as u64;
        }
        match stop == size_bytes {
            true if self.source.changed()? => Err(ReadFault::Changed),
            is_end => Ok(is_end),
        }
    }
}
