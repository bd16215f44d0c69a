//! A file that is being sent.

use super::confine::{check_mode, check_regular};
use super::error::{StoreError, StoreErrorKind};
use super::meta::mode_of;
use super::stamp::Stamp;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, open, statat};
use rustix::io::{Errno, retry_on_intr};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// The default read-ahead of Linux, in bytes.
#[cfg(target_os = "linux")]
const READ_AHEAD_BYTES: u64 = 128 * 1024;

/// Largest size of content that is generated when it is read: one page. Such files occupy no blocks.
const MAX_MADE_BYTES: usize = 4096;

/// An open regular file with its metadata at the time of opening.
///
/// It is read, not mapped: reading a file that shrinks ends early, touching a mapping of it is a SIGBUS.
#[derive(Debug)]
pub struct SourceFile {
    file: File,
    opened: FileStamp,
    mode: u16,
    identity: (u64, u64),
    may_be_made: bool,
    position: u64,
}

/// Change of a [`SourceFile`] since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No change.
    None,
    /// It is longer than offered. Only its bytes show whether the offered ones are the same.
    Grown,
    /// It is another file, or has other content.
    Other,
}

/// Metadata that changes whenever a file's bytes change. Times in seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    size_bytes: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl SourceFile {
    /// Opens a file that the user named; links are followed. Never blocks.
    ///
    /// # Errors
    /// `NotFound`, `NotAllowed`, `NotRegular` (saying what it is), `CannotRead`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let fault = |error| match error {
            Errno::NOENT => StoreError::new(StoreErrorKind::NotFound, "does not exist"),
            other => StoreError::read(other),
        };
        // Looked at first, because even opening a FIFO or a device is felt at its other end.
        check_regular(&statat(CWD, path, AtFlags::empty()).map_err(fault)?)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| open(path, flags, Mode::empty())).map_err(fault)?;
        Self::from_file(file.into())
    }

    /// Creates a source from an open file, if that is a regular one.
    pub(super) fn from_file(file: File) -> Result<Self, StoreError> {
        let found = file.metadata().map_err(StoreError::read)?;
        check_mode(found.mode())?;
        // Advice, and nothing depends on it. A small file is read ahead whole without it.
        #[cfg(target_os = "linux")]
        if found.size() > READ_AHEAD_BYTES {
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        }
        let mode = mode_of(found.mode() as _);
        let may_be_made = found.blocks() == 0 && found.size() <= MAX_MADE_BYTES as u64;
        let identity = (found.dev(), found.ino());
        Ok(Self { file, opened: stamp(&found), mode, identity, may_be_made, position: 0 })
    }

    /// Returns the open file, for [`super::hash_prefix`] and sendfile(2). Its own offset is not used here.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns the size in bytes at the time of opening.
    pub fn size_bytes(&self) -> u64 {
        self.opened.size_bytes
    }

    /// Returns the modification time at the time of opening: seconds since 1970, negative before.
    pub fn mtime_seconds(&self) -> i64 {
        self.opened.mtime.0
    }

    /// Returns the modification time at the time of opening: nanoseconds, below 1,000,000,000.
    pub fn mtime_nanoseconds(&self) -> u32 {
        u32::try_from(self.opened.mtime.1).unwrap_or(0)
    }

    /// Returns the time of the last change of content or metadata at the time of opening (inode(7), ctime): seconds since
    /// 1970 and nanoseconds.
    pub fn ctime(&self) -> (i64, u32) {
        (self.opened.ctime.0, u32::try_from(self.opened.ctime.1).unwrap_or(0))
    }

    /// Returns the nine permission bits of its mode.
    pub fn mode(&self) -> u16 {
        self.mode
    }

    /// Reads from the position and fills `buffer` as far as the file goes. Returns the number of bytes; less than the
    /// size of the buffer means the end of the file. Bytes added since the opening are read too.
    ///
    /// # Errors
    /// `CannotRead`; the position is then where it was.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let filled = read_at(&self.file, buffer, self.position)?;
        self.position += filled as u64;
        Ok(filled)
    }

    /// Appends what is between two offsets, `from` and `end`, to `bytes`. Returns true if all of it was there, and the file has
    /// not changed in any way since it was opened. The position does not matter, and stays.
    ///
    /// # Errors
    /// `CannotRead`.
    pub fn append_unchanged(&self, from: u64, end: u64, bytes: &mut Vec<u8>) -> Result<bool, StoreError> {
        let start = bytes.len();
        let wanted = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
        // One byte more: a read that stops before it has found the end, and it need not be looked for.
        bytes.resize(start + wanted + 1, 0);
        let mut filled = 0;
        while filled < wanted {
            match read_some_at(&self.file, &mut bytes[start + filled..], from + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(start + wanted);
        let is_at_end = end == self.opened.size_bytes;
        let has_status = || Ok(stamp(&self.file.metadata().map_err(StoreError::read)?) == self.opened);
        Ok(filled >= wanted && (filled == wanted || !is_at_end) && has_status()?)
    }

    /// Sets the position. Beyond the end nothing is read.
    pub fn seek(&mut self, offset_bytes: u64) {
        self.position = offset_bytes;
    }

    /// Returns the change since the file was opened, of which `offered_bytes` were sent. Call it after the last byte
    /// was read. A rename, a new mode or a new link is a change, too (inode(7), ctime), unless the file has grown.
    ///
    /// # Errors
    /// `CannotRead`.
    pub fn change(&self, offered_bytes: u64) -> Result<Change, StoreError> {
        let now = stamp(&self.file.metadata().map_err(StoreError::read)?);
        // Some files have more bytes than they report.
        let is_longer = || read_at(&self.file, &mut [0], offered_bytes).map(|count| count > 0);
        Ok(match now {
            _ if now.size_bytes > offered_bytes => Change::Grown,
            _ if now != self.opened || is_longer()? => Change::Other,
            _ => Change::None,
        })
    }

    /// Returns whether the file has changed in any way since it was opened.
    ///
    /// # Errors
    /// `CannotRead`.
    pub fn changed(&self) -> Result<bool, StoreError> {
        Ok(self.change(self.opened.size_bytes)? != Change::None)
    }

    /// Duplicates the descriptor.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn try_clone(&self) -> Result<Self, StoreError> {
        let file = self.file.try_clone().map_err(StoreError::read)?;
        Ok(Self { file, ..*self })
    }

    /// Returns device and inode, which identify the file under any name.
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Returns what identifies it with its present content, as it was when it was opened.
    pub fn stamp(&self) -> Stamp {
        let FileStamp { size_bytes, mtime, ctime } = self.opened;
        Stamp::of(self.identity, size_bytes, mtime, ctime)
    }

    /// Returns it if it has this stamp, and says how long it is: other files have content that is generated when it is read.
    ///
    /// # Errors
    /// `CannotRead`.
    pub fn unchanged(self, stamp: Stamp) -> Result<Self, StoreError> {
        let why = match self.stamp() == stamp {
            false => "has changed since it was found",
            true if self.has_no_size() => "does not say how long it is",
            true => return Ok(self),
        };
        Err(StoreError::new(StoreErrorKind::CannotRead, why))
    }

    /// Returns whether its reported size is not its real one, as for files whose content is generated when they are
    /// read: those of /proc report 0, those of /sys a page.
    pub fn has_no_size(&self) -> bool {
        let mut content = [0; MAX_MADE_BYTES + 1];
        self.may_be_made
            && read_at(&self.file, &mut content[..self.opened.size_bytes as usize + 1], 0)
                .is_ok_and(|count| count as u64 != self.opened.size_bytes)
    }
}

pub(super) fn stamp(now: &Metadata) -> FileStamp {
    FileStamp {
        size_bytes: now.size(),
        mtime: (now.mtime(), now.mtime_nsec()),
        ctime: (now.ctime(), now.ctime_nsec()),
    }
}

/// Calls pread(2) until the buffer is full or the file ends; returns the number of bytes.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, StoreError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_some_at(file, &mut buffer[filled..], offset_bytes.saturating_add(filled as u64))? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Calls pread(2) once; returns the number of bytes, 0 at the end.
fn read_some_at(file: &File, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, StoreError> {
    loop {
        match file.read_at(buffer, offset_bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(StoreError::read),
        }
    }
}

/// The largest file that is read whole, in bytes. The fault below names it.
pub const LARGEST_WHOLE_BYTES: u64 = 16 << 20;

/// Reads a whole file that the user named, for options that stand in files.
///
/// # Errors
/// As [`SourceFile::open`], except that a FIFO or a device is read like any other; `Unsafe` over 16 MiB.
pub fn read_whole(path: &Path) -> Result<Vec<u8>, StoreError> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::new(StoreErrorKind::NotFound, "does not exist"),
        _ => StoreError::read(error),
    };
    let mut bytes = Vec::new();
    File::open(path).map_err(fault)?.take(LARGEST_WHOLE_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > LARGEST_WHOLE_BYTES {
        return Err(StoreError::new(
            StoreErrorKind::Unsafe,
            "is larger than the 16 MiB that are read at most",
        ));
    }
    Ok(bytes)
}
