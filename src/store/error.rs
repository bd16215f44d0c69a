//! Errors of file operations, in the few kinds that matter to a peer or an exit code.

use rustix::io::Errno;
use std::{error, fmt, io};

/// The kinds of [`StoreError`]. They correspond to the protocol's reasons (PROTOCOL.md, "Reasons").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// A file of that name exists.
    Exists,
    /// Another session is writing a file of that name just now.
    Busy,
    /// There is no such file or folder.
    NotFound,
    /// The name is not a clean one, or a link or something else is in its way.
    Unsafe,
    /// The disk, a quota or a file size limit is full (`ENOSPC`, `EDQUOT`, `EFBIG`).
    NoSpace,
    /// It is not a regular file: a folder, FIFO, socket or device.
    NotRegular,
    /// Permissions or a read-only file system forbid it (`EACCES`, `EPERM`, `EROFS`).
    NotAllowed,
    /// Reading fails for another reason.
    CannotRead,
    /// Writing fails for another reason.
    CannotWrite,
}

/// A failed file operation: a kind for programs, short words for people.
///
/// It does not name the file: the caller that reports it knows the name and escapes it.
#[derive(Debug)]
pub struct StoreError {
    /// The kind.
    pub kind: StoreErrorKind,
    text: &'static str,
    source: Option<io::Error>,
}

impl StoreError {
    /// Creates a fault that this program has detected.
    pub(super) fn new(kind: StoreErrorKind, text: &'static str) -> Self {
        Self { kind, text, source: None }
    }

    /// Creates a fault from a system error; `otherwise` is the kind of errors that have none of their own.
    pub(super) fn system(error: impl Into<io::Error>, otherwise: StoreErrorKind, text: &'static str) -> Self {
        let source = error.into();
        let kind = match Errno::from_io_error(&source) {
            Some(Errno::NOENT) => StoreErrorKind::NotFound,
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => StoreErrorKind::NoSpace,
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => StoreErrorKind::NotAllowed,
            _ => otherwise,
        };
        Self { kind, text, source: Some(source) }
    }

    /// Creates the fault of a name that does not exist.
    pub(super) fn not_found() -> Self {
        Self::new(StoreErrorKind::NotFound, "does not exist")
    }

    /// The fault of a name that is taken by other content.
    pub fn exists() -> Self {
        Self::new(StoreErrorKind::Exists, "exists already")
    }

    /// Creates a fault of reading.
    pub(super) fn read(error: impl Into<io::Error>) -> Self {
        Self::system(error, StoreErrorKind::CannotRead, "cannot be read")
    }

    /// Creates a fault of writing.
    pub(super) fn write(error: impl Into<io::Error>) -> Self {
        Self::system(error, StoreErrorKind::CannotWrite, "cannot be written")
    }

    /// Converts the same system error into another kind of fault.
    pub(super) fn seen_as(self, kind: StoreErrorKind, text: &'static str) -> Self {
        Self { kind, text, ..self }
    }
}

/// For a failure of several files at once.
impl Clone for StoreError {
    fn clone(&self) -> Self {
        let copy = |error: &io::Error| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => error.kind().into(),
        };
        Self { kind: self.kind, text: self.text, source: self.source.as_ref().map(copy) }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => {
                // Without the number that std appends to the system's words.
                let words = source.to_string();
                let end = words.rfind(" (os error ").unwrap_or(words.len());
                write!(f, "{}: {}", self.text, &words[..end])
            }
            None => f.write_str(self.text),
        }
    }
}

/// The system's error is part of the text, so `source()` stays empty: a chain would print it twice.
impl error::Error for StoreError {}
