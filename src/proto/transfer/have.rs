//! HAVE: the receiver's answer to an entry.

use super::Digest;
use super::reason::Reason;
use super::violation::Violation;
use super::wire::{FieldReader, MAX_TEXT_BYTES, clipped, length_u16};

pub(crate) const MIN_BYTES: usize = 36;
pub(crate) const MAX_BYTES: usize = MIN_BYTES + MAX_TEXT_BYTES;

const WANT: u8 = 1;
const KEEP: u8 = 2;
const REFUSED: u8 = 3;

/// The receiver's answer to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaveReply {
    /// The receiver wants it and has its first `offset` bytes, with this digest.
    Want {
        /// How many bytes it has; at most the size of the entry.
        offset: u64,
        /// Their digest; zeros where `offset` is 0.
        digest: Digest,
    },
    /// The receiver has a whole file of this name and size, and will not replace it.
    Keep {
        /// The size of the entry, in bytes.
        size: u64,
        /// The digest of what the receiver has.
        digest: Digest,
    },
    /// The receiver does not accept it: the reason, and a text for people.
    Refused(Reason, String),
}

impl HaveReply {
    /// Everything is wanted from the start.
    pub const WHOLE: HaveReply = HaveReply::Want { offset: 0, digest: [0; 32] };

    pub(crate) fn offset(&self) -> u64 {
        match self {
            HaveReply::Want { offset, .. } => *offset,
            HaveReply::Keep { size, .. } => *size,
            HaveReply::Refused(..) => 0,
        }
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let none = [0; 32];
        let (code, reason, digest, text) = match self {
            HaveReply::Want { offset: 0, .. } => (WANT, 0, &none, ""),
            HaveReply::Want { digest, .. } => (WANT, 0, digest, ""),
            HaveReply::Keep { digest, .. } => (KEEP, 0, digest, ""),
            HaveReply::Refused(reason, text) => (REFUSED, reason.code(), &none, clipped(text)),
        };
        let mut body = vec![code, reason];
        body.extend(length_u16(text.as_bytes()));
        body.extend(digest);
        body.extend(text.as_bytes());
        body
    }

    pub(crate) fn parse(offset: u64, body: &[u8]) -> Result<HaveReply, Violation> {
        let mut fields = FieldReader::new(body);
        let code = fields.u8()?;
        let reason = Reason::from_code(fields.u8()?);
        let text_length = usize::from(fields.u16()?);
        let digest: Digest = fields.array()?;
        let text = fields.text(text_length)?;
        fields.finish()?;
        match code {
            WANT if offset == 0 => Ok(HaveReply::WHOLE),
            WANT => Ok(HaveReply::Want { offset, digest }),
            KEEP => Ok(HaveReply::Keep { size: offset, digest }),
            REFUSED if offset != 0 => Err(Violation::Contradiction("REFUSED with an offset")),
            REFUSED => Ok(HaveReply::Refused(reason, text)),
            _ => Err(Violation::Malformed("an unknown verdict")),
        }
    }
}
