//! Where everything is in an archive, and the bytes at any place of it.

use super::entries::{Entries, Entry};
use super::{tar, zip};
use std::sync::OnceLock;
use std::{error, fmt};

/// Literal bytes are collected up to about this many.
const LITERAL_BYTES: usize = 64 << 10;

/// Format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Tar with pax headers.
    Tar,
    /// Zip, stored.
    Zip,
}

impl Format {
    /// Returns the format's name and the version of its bytes, for an ETag.
    pub fn label(self) -> &'static str {
        match self {
            Format::Tar => "tar1",
            Format::Zip => "zip1",
        }
    }
}

/// An archive that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutError {
    /// The name of this entry is longer than the 65,535 bytes that zip allows.
    NameTooLong(usize),
    /// It is longer than a number of 64 bits can say. This entry does not fit.
    TooLong(usize),
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayoutError::NameTooLong(_) => "has too long a name for a zip archive",
            LayoutError::TooLong(_) => "makes the archive longer than can be counted",
        })
    }
}

impl error::Error for LayoutError {}

/// Bytes of an archive from some offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Content of a file.
    File {
        /// The index of its entry.
        entry: usize,
        /// Where in the file.
        offset_bytes: u64,
        /// How much: all that is left of it.
        length_bytes: u64,
    },
    /// What follows has the CRC-32 of a file's whole content in it. Give it to [`Layout::set_crc`], and ask again.
    NeedsCrc {
        /// The index of its entry.
        entry: usize,
    },
}

/// An archive, without the content of files. An entry takes 56 bytes in tar, 64 in zip, and its names. It can be shared:
/// CRCs are the only thing that changes, and each is set once.
#[derive(Debug)]
pub struct Layout {
    format: Format,
    entries: Entries,
    /// Where each slot begins: one for each entry's header and content; in zip one more for each, in the central
    /// directory; one for the end.
    starts: Vec<u64>,
    len_bytes: u64,
    /// Zip: of each entry.
    crcs: Vec<OnceLock<u32>>,
}

/// What a slot has.
#[derive(Debug, Clone, Copy)]
enum Slot<'a> {
    Entry(usize, Entry<'a>),
    Central(usize, Entry<'a>),
    End,
}

/// What [`Layout::append`] has done.
enum Appended {
    /// The rest of the slot is in the buffer.
    Rest,
    /// Everything up to this piece.
    UpTo(Piece),
}

impl Layout {
    /// Lays out an archive of this format.
    ///
    /// # Errors
    /// `TooLong`; in zip also `NameTooLong`.
    pub fn new(format: Format, mut entries: Entries) -> Result<Self, LayoutError> {
        entries.shrink();
        let (count, is_zip) = (entries.len(), format == Format::Zip);
        let slots = if is_zip { 2 * count + 1 } else { count + 1 };
        let crcs = (0..if is_zip { count } else { 0 }).map(|_| OnceLock::new()).collect();
        let mut layout = Self { format, entries, starts: Vec::with_capacity(slots), len_bytes: 0, crcs };
        let mut scratch = Vec::new();
        for index in 0..slots {
            layout.starts.push(layout.len_bytes);
            let entry = if count == 0 { 0 } else { index % count };
            let too_long = LayoutError::TooLong(entry);
            scratch.clear();
            let content_bytes = match layout.slot(index) {
                Slot::Entry(_, entry) if is_zip && entry.name().len() > zip::MAX_NAME_BYTES => {
                    return Err(LayoutError::NameTooLong(index));
                }
                Slot::Entry(_, entry) => {
                    layout.write_before(&entry, &mut scratch);
                    layout.write_after(&entry, 0, &mut scratch);
                    entry.content_bytes()
                }
                Slot::Central(index, entry) => {
                    zip::write_central(&entry, 0, layout.starts[index], &mut scratch);
                    0
                }
                Slot::End => {
                    layout.write_end(&mut scratch);
                    0
                }
            };
            let end = layout.len_bytes.checked_add(scratch.len() as u64);
            layout.len_bytes = end.and_then(|end| end.checked_add(content_bytes)).ok_or(too_long)?;
        }
        Ok(layout)
    }

    /// Returns the format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the entries.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Returns the length of the whole archive, in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Returns the memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let of_slots = self.starts.len() * size_of::<u64>() + self.crcs.len() * size_of::<OnceLock<u32>>();
        self.entries.memory_bytes() + of_slots
    }

    /// Returns the bytes from this offset on: as many as are easily had, but at least one. `None` from the end on.
    pub fn piece_at(&self, offset_bytes: u64) -> Option<Piece> {
        if offset_bytes >= self.len_bytes {
            return None;
        }
        let first = self.slot_at(offset_bytes);
        let mut skip_bytes = offset_bytes - self.starts[first];
        let mut literal = Vec::new();
        for slot in first..self.starts.len() {
            match self.append(slot, skip_bytes, &mut literal) {
                Appended::UpTo(piece) if literal.is_empty() => return Some(piece),
                Appended::Rest if literal.len() < LITERAL_BYTES => {}
                Appended::UpTo(_) | Appended::Rest => break,
            }
            skip_bytes = 0;
        }
        Some(Piece::Bytes(literal))
    }

    /// Keeps the CRC-32 of an entry's whole content. Returns false if another one is known: the content has changed. A tar
    /// archive needs none.
    pub fn set_crc(&self, entry: usize, crc: u32) -> bool {
        self.crcs.get(entry).is_none_or(|known| *known.get_or_init(|| crc) == crc)
    }

    fn slot_at(&self, offset_bytes: u64) -> usize {
        self.starts.partition_point(|start| *start <= offset_bytes).saturating_sub(1)
    }

    fn slot(&self, slot: usize) -> Slot<'_> {
        let count = self.entries.len();
        match (self.entries.get(slot), slot.checked_sub(count)) {
            (Some(entry), _) => Slot::Entry(slot, entry),
            (None, Some(index)) if self.format == Format::Zip => match self.entries.get(index) {
                Some(entry) => Slot::Central(index, entry),
                None => Slot::End,
            },
            (None, _) => Slot::End,
        }
    }

    /// Appends a slot's literal bytes after the first `skip_bytes` of the slot.
    fn append(&self, slot: usize, skip_bytes: u64, out: &mut Vec<u8>) -> Appended {
        let mut scratch = Vec::new();
        let mut skip_bytes = skip_bytes;
        let mut add = |bytes: &[u8], skip_bytes: u64| {
            let skip = usize::try_from(skip_bytes).unwrap_or(usize::MAX).min(bytes.len());
            out.extend_from_slice(&bytes[skip..]);
        };
        match self.slot(slot) {
            Slot::Entry(index, entry) => {
                self.write_before(&entry, &mut scratch);
                add(&scratch, skip_bytes);
                skip_bytes = skip_bytes.saturating_sub(scratch.len() as u64);
                let length_bytes = entry.content_bytes().saturating_sub(skip_bytes);
                if length_bytes > 0 {
                    let piece = Piece::File { entry: index, offset_bytes: skip_bytes, length_bytes };
                    return Appended::UpTo(piece);
                }
                let Some(crc) = self.crc(index, &entry) else {
                    return Appended::UpTo(Piece::NeedsCrc { entry: index });
                };
                scratch.clear();
                self.write_after(&entry, crc, &mut scratch);
                add(&scratch, skip_bytes - entry.content_bytes());
            }
            Slot::Central(index, entry) => {
                let Some(crc) = self.crc(index, &entry) else {
                    return Appended::UpTo(Piece::NeedsCrc { entry: index });
                };
                zip::write_central(&entry, crc, self.starts[index], &mut scratch);
                add(&scratch, skip_bytes);
            }
            Slot::End => {
                self.write_end(&mut scratch);
                add(&scratch, skip_bytes);
            }
        }
        Appended::Rest
    }

    /// Returns the CRC of a file's content, if it is known; 0 where none is needed.
    fn crc(&self, index: usize, entry: &Entry<'_>) -> Option<u32> {
        match self.crcs.get(index) {
            Some(crc) if zip::needs_crc(entry) => crc.get().copied(),
            _ => Some(0),
        }
    }

    /// Appends what is before an entry's content.
    fn write_before(&self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Tar => tar::write_header(entry, out),
            Format::Zip => zip::write_local(entry, out),
        }
    }

    /// Appends what is after an entry's content.
    fn write_after(&self, entry: &Entry<'_>, crc: u32, out: &mut Vec<u8>) {
        match self.format {
            Format::Tar => tar::pad(entry.content_bytes(), out),
            Format::Zip => zip::write_descriptor(entry, crc, out),
        }
    }

    /// Appends the end of the archive.
    fn write_end(&self, out: &mut Vec<u8>) {
        let count = self.entries.len();
        match (self.format, self.starts.get(count), self.starts.get(2 * count)) {
            (Format::Zip, Some(start), Some(end)) => zip::write_end(count as u64, *start, *end, out),
            _ => tar::write_end(out),
        }
    }
}
