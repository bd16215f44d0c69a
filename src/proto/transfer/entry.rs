//! ENTRY: an entry of the sender.

use super::names::MAX_PATH_BYTES;
use super::reason::Reason;
use super::violation::Violation;
use super::wire::{FieldReader, clipped, length_u16};

pub(crate) const NOT_OFFERED: u8 = 1;
pub(crate) const MIN_BYTES: usize = 26;
/// The longest target of a link, in bytes: Linux' PATH_MAX.
pub const MAX_TARGET_BYTES: usize = 4096;
const UNKNOWN_SIZE: u64 = u64::MAX;
const REASON_EXTENSION: u16 = 0x0001;
const TARGET_EXTENSION: u16 = 0x8001;
const MUST_BE_UNDERSTOOD: u16 = 0x8000;
/// The permission bits of a mode, which are the ones on the wire.
const MODE_BITS: u16 = 0o777;

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder. It is sent after everything in it.
    Folder,
    /// A symbolic link with its target: at most [`MAX_TARGET_BYTES`], not checked.
    Link(Vec<u8>),
    /// Anything else, by its code. The receiver's machine refuses it as [`Reason::NotRegular`].
    Other(u8),
}

/// An entry that the sender has, or cannot send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its kind.
    pub kind: EntryKind,
    /// The nine permission bits of its mode. Without meaning for a link.
    pub mode: u16,
    /// A file's size in bytes; `None`: not known before its end. 0 for other kinds.
    pub size: Option<u64>,
    /// Seconds of its modification time, Unix time.
    pub mtime_seconds: i64,
    /// Nanoseconds of its modification time, below 1,000,000,000.
    pub mtime_nanoseconds: u32,
    /// Its path, not checked: see [`super::names::CleanPath`]. At most 4096 bytes; a longer one is sent as the empty
    /// path, which every receiver refuses, and never cut to the name of another file.
    pub path: Vec<u8>,
    /// The reason why it cannot be sent although it was asked for.
    pub not_offered: Option<(Reason, String)>,
}

impl Entry {
    /// Returns whether `HAVE` and `END` follow for it: for every kind but the two without content.
    pub(crate) fn has_content(&self) -> bool {
        self.not_offered.is_none() && !matches!(self.kind, EntryKind::Folder | EntryKind::Link(_))
    }

    pub(crate) fn flags(&self) -> u8 {
        if self.not_offered.is_some() { NOT_OFFERED } else { 0 }
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let path = if self.path.len() > MAX_PATH_BYTES { &[] } else { self.path.as_slice() };
        let kind = match &self.kind {
            EntryKind::File => 1,
            EntryKind::Folder => 2,
            EntryKind::Link(_) => 3,
            EntryKind::Other(code) => *code,
        };
        let mut body = vec![kind, 0];
        body.extend((self.mode & MODE_BITS).to_be_bytes());
        body.extend(self.size.unwrap_or(UNKNOWN_SIZE).to_be_bytes());
        body.extend(self.mtime_seconds.to_be_bytes());
        body.extend(self.mtime_nanoseconds.to_be_bytes());
        body.extend(length_u16(path));
        body.extend(path);
        if let EntryKind::Link(target) = &self.kind {
            let target = if target.len() > MAX_TARGET_BYTES { &[] } else { target.as_slice() };
            body.extend(TARGET_EXTENSION.to_be_bytes());
            body.extend(length_u16(target));
            body.extend(target);
        }
        if let Some((reason, text)) = &self.not_offered {
            let value = [&[reason.code()], clipped(text).as_bytes()].concat();
            body.extend(REASON_EXTENSION.to_be_bytes());
            body.extend(length_u16(&value));
            body.extend(value);
        }
        body
    }

    pub(crate) fn parse(flags: u8, body: &[u8]) -> Result<Entry, Violation> {
        let mut fields = FieldReader::new(body);
        let kind = fields.u8()?;
        fields.u8()?;
        let mode = fields.u16()? & MODE_BITS;
        let size = Some(fields.u64()?).filter(|size| *size != UNKNOWN_SIZE);
        let mtime_seconds = i64::from_be_bytes(fields.array()?);
        let mtime_nanoseconds = fields.u32()?;
        if mtime_nanoseconds >= 1_000_000_000 {
            return Err(Violation::Malformed("nanoseconds of a second or more"));
        }
        let path_length = usize::from(fields.u16()?);
        if path_length > MAX_PATH_BYTES {
            return Err(Violation::Length { what: "a path", length: path_length as u64 });
        }
        let path = fields.bytes(path_length)?.to_vec();
        let (mut reason, mut target) = (None, None);
        while let Some((code, value)) = fields.extension()? {
            match code {
                REASON_EXTENSION => reason = Some(parse_reason(value)?),
                TARGET_EXTENSION if value.len() > MAX_TARGET_BYTES => {
                    return Err(Violation::Length { what: "a link's target", length: value.len() as u64 });
                }
                TARGET_EXTENSION => target = Some(value.to_vec()),
                code if code & MUST_BE_UNDERSTOOD != 0 => return Err(Violation::Extension(code)),
                _ => {}
            }
        }
        let not_offered = match (flags & NOT_OFFERED != 0, reason) {
            (true, None) => return Err(Violation::Malformed("an entry not offered for no reason")),
            (true, reason) => reason,
            (false, _) => None,
        };
        let kind = match (kind, target) {
            (1, None) => EntryKind::File,
            (2, None) => EntryKind::Folder,
            (3, Some(target)) => EntryKind::Link(target),
            (1..=3, _) => {
                return Err(Violation::Malformed("a link without a target, or a target without a link"));
            }
            (code, _) => EntryKind::Other(code),
        };
        if !matches!(kind, EntryKind::File | EntryKind::Other(_)) && size != Some(0) {
            return Err(Violation::Malformed("a folder or link with a size"));
        }
        Ok(Entry { kind, mode, size, mtime_seconds, mtime_nanoseconds, path, not_offered })
    }
}

fn parse_reason(value: &[u8]) -> Result<(Reason, String), Violation> {
    let mut fields = FieldReader::new(value);
    let reason = Reason::from_code(fields.u8()?);
    Ok((reason, fields.text(value.len() - 1)?))
}
