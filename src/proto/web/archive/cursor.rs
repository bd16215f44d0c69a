//! Going through a range of an archive.

use super::layout::{Format, Layout, Piece};
use std::ops::Range;
use std::{error, fmt};

/// The content of a file is not what it was when its CRC was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentChanged {
    /// The index of its entry.
    pub entry: usize,
}

impl fmt::Display for ContentChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("has changed while it was sent")
    }
}

impl error::Error for ContentChanged {}

/// A place in a range of an archive.
#[derive(Debug, Clone)]
pub struct Cursor {
    at_bytes: u64,
    end_bytes: u64,
    /// The file that [`Self::next`] has named last.
    file: Option<OpenFile>,
}

#[derive(Debug, Clone)]
struct OpenFile {
    entry: usize,
    offset_bytes: u64,
    /// What is left of the file, in the range or after it.
    left_bytes: u64,
    /// In zip, where every byte from the file's first on was seen.
    hasher: Option<crc32fast::Hasher>,
}

impl Cursor {
    /// Creates a cursor for the bytes of this range.
    pub fn new(range: Range<u64>) -> Self {
        Self { at_bytes: range.start, end_bytes: range.end, file: None }
    }

    /// Returns the number of bytes that are left.
    pub fn left_bytes(&self) -> u64 {
        self.end_bytes.saturating_sub(self.at_bytes)
    }

    /// Returns what comes next, cut to the range. Literal bytes count as taken with that; content of a file counts when it
    /// was given to [`Self::take`] or [`Self::skip`], and until then comes again. `None` at the end.
    pub fn next(&mut self, layout: &Layout) -> Option<Piece> {
        let range_left_bytes = self.left_bytes();
        if range_left_bytes == 0 {
            return None;
        }
        if let Some(OpenFile { entry, offset_bytes, left_bytes: left_bytes @ 1.., .. }) = self.file {
            return Some(Piece::File { entry, offset_bytes, length_bytes: left_bytes.min(range_left_bytes) });
        }
        match layout.piece_at(self.at_bytes)? {
            Piece::Bytes(mut bytes) => {
                bytes.truncate(usize::try_from(range_left_bytes).unwrap_or(usize::MAX));
                self.at_bytes += bytes.len() as u64;
                Some(Piece::Bytes(bytes))
            }
            Piece::File { entry, offset_bytes, length_bytes } => {
                let is_hashed = layout.format() == Format::Zip && offset_bytes == 0;
                let hasher = is_hashed.then(crc32fast::Hasher::new);
                self.file = Some(OpenFile { entry, offset_bytes, left_bytes: length_bytes, hasher });
                Some(Piece::File { entry, offset_bytes, length_bytes: length_bytes.min(range_left_bytes) })
            }
            needed @ Piece::NeedsCrc { .. } => Some(needed),
        }
    }

    /// Takes the next bytes of the file that [`Self::next`] has named, at most as many as it has named. In zip they go into
    /// the CRC, which the layout gets with the last of them.
    ///
    /// # Errors
    /// The layout knows another CRC.
    pub fn take(&mut self, layout: &Layout, bytes: &[u8]) -> Result<(), ContentChanged> {
        self.advance(bytes.len() as u64);
        let Some(file) = &mut self.file else { return Ok(()) };
        let Some(hasher) = &mut file.hasher else { return Ok(()) };
        hasher.update(bytes);
        if file.left_bytes == 0 && !layout.set_crc(file.entry, hasher.clone().finalize()) {
            return Err(ContentChanged { entry: file.entry });
        }
        Ok(())
    }

    /// As [`Self::take`], for bytes that were sent without being seen. In zip their file's CRC is then asked for later.
    pub fn skip(&mut self, count_bytes: u64) {
        self.advance(count_bytes);
        if let Some(file) = &mut self.file {
            file.hasher = None;
        }
    }

    fn advance(&mut self, count_bytes: u64) {
        self.at_bytes = self.at_bytes.saturating_add(count_bytes);
        if let Some(file) = &mut self.file {
            file.offset_bytes = file.offset_bytes.saturating_add(count_bytes);
            file.left_bytes = file.left_bytes.saturating_sub(count_bytes);
        }
    }
}
