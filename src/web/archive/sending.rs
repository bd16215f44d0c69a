//! The bytes of an archive.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Archive;
use crate::proto::web::archive::{self, Cursor, Format};
use crate::store::SourceFile;
use crate::web::body::{Broken, HELD_BACK_BYTES, Piece, Pieces};
use crate::web::file_reading::FileReading;
use crate::web::walking::Files;

/// About this much is sent at once, of what passes through memory.
const GATHERED_BYTES: usize = 256 << 10;
/// The small files that are read for their CRCs in a step.
const STEP_FILES: usize = 16;

/// A range of an archive, on its way.
pub(super) struct Sending {
    archive: Arc<Archive>,
    files: Files,
    cursor: Cursor,
    /// The file that is read, by its entry.
    open: Option<(usize, SourceFile)>,
    /// The file that is read for its CRC.
    summing: Option<Summing>,
    gathered: Vec<u8>,
}

struct Summing {
    entry: usize,
    reading: FileReading,
    hasher: crc32fast::Hasher,
}

fn broken(why: impl fmt::Display) -> Broken {
    Broken(format!("a file of the archive {why}"))
}

impl Sending {
    pub(super) fn new(archive: Arc<Archive>, files: Files, range: Range<u64>) -> Sending {
        let cursor = Cursor::new(range);
        Sending { archive, files, cursor, open: None, summing: None, gathered: Vec::new() }
    }

    /// Returns what was gathered, if there is anything.
    fn gathered(&mut self) -> Option<Piece> {
        (!self.gathered.is_empty()).then(|| Piece::Bytes(std::mem::take(&mut self.gathered)))
    }

    /// Opens a file, if it is what it was when it was found.
    fn open(&mut self, entry: usize) -> Result<SourceFile, Broken> {
        let found = self.archive.layout.entries().get(entry);
        let stamp = self.archive.stamps.get(entry).copied().flatten();
        let (Some(found), Some(stamp)) = (found, stamp) else { return Err(broken("is not a file")) };
        self.files.open(found.path, stamp).map_err(broken)
    }

    /// Gathers some content of a file, and looks at the end of it whether the file has changed.
    fn read(&mut self, entry: usize, offset_bytes: u64, length_bytes: u64) -> Result<(), Broken> {
        let mut source = match self.open.take() {
            Some((open, source)) if open == entry => source,
            _ => self.open(entry)?,
        };
        let changed = || broken("has changed while it was sent");
        let count = usize::try_from(length_bytes).unwrap_or(GATHERED_BYTES).min(GATHERED_BYTES);
        let start = self.gathered.len();
        self.gathered.resize(start + count, 0);
        let content = &mut self.gathered[start..];
        source.seek(offset_bytes);
        if source.read(content).map_err(broken)? < count {
            return Err(changed());
        }
        if count as u64 == length_bytes && source.changed().map_err(broken)? {
            return Err(changed());
        }
        self.cursor.take(&self.archive.layout, content).map_err(|_| changed())?;
        self.open = Some((entry, source));
        Ok(())
    }

    /// Reads a step of a file for its CRC. True at its end.
    fn sum(&mut self, entry: usize) -> Result<bool, Broken> {
        let mut summing = match self.summing.take() {
            Some(summing) if summing.entry == entry => summing,
            _ => {
                let reading = FileReading::new(self.open(entry)?);
                Summing { entry, reading, hasher: crc32fast::Hasher::new() }
            }
        };
        let hasher = &mut summing.hasher;
        if !summing.reading.step(|bytes| hasher.update(bytes)).map_err(broken)? {
            self.summing = Some(summing);
            return Ok(false);
        }
        match self.archive.layout.set_crc(entry, summing.hasher.finalize()) {
            true => Ok(true),
            false => Err(broken("has changed since its CRC was computed")),
        }
    }
}

impl Pieces for Sending {
    fn next(&mut self) -> Result<Option<Piece>, Broken> {
        let mut sums = 0;
        while self.gathered.len() < GATHERED_BYTES {
            match self.cursor.next(&self.archive.layout) {
                None => break,
                Some(archive::Piece::Bytes(bytes)) => self.gathered.extend(bytes),
                Some(archive::Piece::NeedsCrc { entry }) => {
                    sums += 1;
                    if !self.sum(entry)? || sums == STEP_FILES {
                        return Ok(Some(self.gathered().unwrap_or(Piece::Later)));
                    }
                }
                Some(archive::Piece::File { entry, offset_bytes, length_bytes }) => {
                    // CRCs are computed on the way.
                    let is_zip = self.archive.layout.format() == Format::Zip;
                    if is_zip || length_bytes <= HELD_BACK_BYTES {
                        self.read(entry, offset_bytes, length_bytes)?;
                        continue;
                    }
                    if let Some(piece) = self.gathered() {
                        return Ok(Some(piece));
                    }
                    let source = self.open(entry)?;
                    self.cursor.skip(length_bytes);
                    let end = offset_bytes + length_bytes;
                    return Ok(Some(Piece::File { source: Box::new(source), at: offset_bytes, end }));
                }
            }
        }
        Ok(self.gathered())
    }
}
