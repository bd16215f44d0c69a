//! SKIPPED: an entry that the sender leaves out on purpose.

use super::names::MAX_PATH_BYTES;
use super::violation::Violation;
use super::wire::{FieldReader, length_u16};

pub(crate) const MIN_BYTES: usize = 4;
pub(crate) const MAX_BYTES: usize = MIN_BYTES + MAX_PATH_BYTES;

/// The kind of a skipped entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkippedKind {
    /// A kind that is not known here.
    Other = 0,
    /// A symbolic link.
    Link = 1,
    /// A FIFO.
    Fifo = 2,
    /// A socket.
    Socket = 3,
    /// A device.
    Device = 4,
    /// A file that is not complete yet.
    Unfinished = 5,
}

/// An entry that the sender skips. It is not counted as done or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its kind.
    pub kind: SkippedKind,
    /// Its path in the form of an entry's, not checked. A path over 4096 bytes is sent as the empty one.
    pub path: Vec<u8>,
}

impl SkippedKind {
    /// All kinds.
    pub const ALL: [SkippedKind; 6] = [
        SkippedKind::Other,
        SkippedKind::Link,
        SkippedKind::Fifo,
        SkippedKind::Socket,
        SkippedKind::Device,
        SkippedKind::Unfinished,
    ];
}

impl Skipped {
    pub(crate) fn body(&self) -> Vec<u8> {
        let path = if self.path.len() > MAX_PATH_BYTES { &[] } else { self.path.as_slice() };
        [&[self.kind as u8, 0], length_u16(path).as_slice(), path].concat()
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Skipped, Violation> {
        let mut fields = FieldReader::new(body);
        let code = fields.u8()?;
        fields.u8()?;
        let kind = SkippedKind::ALL.into_iter().find(|kind| *kind as u8 == code);
        let length = fields.u16()?;
        let path = fields.bytes(length.into())?.to_vec();
        fields.finish()?;
        Ok(Skipped { kind: kind.unwrap_or(SkippedKind::Other), path })
    }
}
