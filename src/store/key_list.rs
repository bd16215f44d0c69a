//! The files of lists of keys: read whole, and appended to.

use super::confine::same_file;
use super::error::StoreError;
use super::private::{Ownership, PrivateError, check_open, open_private, private_place};
use super::publish::{sync, sync_names};
use super::source::{FileStamp, stamp};
use super::temporary::{Lock, TRIES, busy, lock};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, ftruncate, openat, statat};
use rustix::io::retry_on_intr;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// The largest list that is read, in bytes: over a million lines.
const MAX_LIST_BYTES: u64 = 256 << 20;
/// How long others may hold the lock of a list. They hold it for one write.
const LOCK_LIMIT: Duration = Duration::from_secs(2);

/// A list of keys as it was read.
pub struct KeyList {
    /// Its text.
    pub bytes: Vec<u8>,
    /// The state of its file, taken before it was read.
    pub stamp: ListStamp,
}

/// The state of a list's file: another one after each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListStamp {
    identity: (u64, u64),
    stamp: FileStamp,
}

impl ListStamp {
    /// The state of the file now. `None`: it cannot be looked at.
    pub fn now(path: &Path) -> Option<ListStamp> {
        std::fs::metadata(path).ok().as_ref().map(ListStamp::of)
    }

    fn of(found: &Metadata) -> ListStamp {
        ListStamp { identity: (found.dev(), found.ino()), stamp: stamp(found) }
    }
}

/// Reads a list of keys that nobody else may change. `None`: there is no such file.
///
/// # Errors
/// [`PrivateError`], other than `Readable` and `Empty`.
pub fn read_list(path: &Path) -> Result<Option<KeyList>, PrivateError> {
    let Some(file) = open_private(path, Ownership::check_list)? else { return Ok(None) };
    let found = file.metadata().map_err(StoreError::read)?;
    let mut bytes = Vec::new();
    file.take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes).map_err(StoreError::read)?;
    match bytes.len() as u64 {
        ..=MAX_LIST_BYTES => Ok(Some(KeyList { bytes, stamp: ListStamp::of(&found) })),
        _ => Err(PrivateError::TooLarge(MAX_LIST_BYTES)),
    }
}

/// Appends a line, which ends with a newline, to a list of keys. The file is made where it is missing, for this user alone,
/// and so is its folder. The line is on the disk when this returns.
///
/// Lines of processes that append at once stand one after the other. A last line without a newline gets one first.
///
/// # Errors
/// [`PrivateError`], other than `Readable`, `Empty` and `TooLarge`. The list is then as it was.
pub fn append_line(path: &Path, line: &[u8]) -> Result<(), PrivateError> {
    let (folder, name) = private_place(path)?;
    for _ in 0..TRIES {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| openat(&*folder.file, name, flags, Mode::RUSR | Mode::WUSR));
        let file = File::from(file.map_err(StoreError::write)?);
        check_open(&file, Ownership::check_list)?;
        let is_locked = lock_in_time(&file);
        let stat = check_open(&file, Ownership::check_list)?;
        // An editor may have put another file in its place meanwhile.
        match statat(&*folder.file, name, AtFlags::empty()) {
            Ok(named) if same_file(&named, &stat) => return append(file, line, is_locked, &folder.file),
            _ => {}
        }
    }
    Err(busy().into())
}

fn append(mut file: File, line: &[u8], is_locked: bool, folder: &File) -> Result<(), PrivateError> {
    let size = file.metadata().map_err(StoreError::read)?.len();
    let mut last = [b'\n'];
    if let Some(at) = size.checked_sub(1) {
        file.read_exact_at(&mut last, at).map_err(StoreError::read)?;
    }
    let end: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
    // One write, so that it cannot be cut into by a process that has no lock.
    if let Err(error) = file.write_all(&[end, line].concat()) {
        if is_locked {
            let _ = ftruncate(&file, size);
        }
        return Err(StoreError::write(error).into());
    }
    sync(&file).map_err(StoreError::write)?;
    if size == 0 {
        sync_names(folder)?;
    }
    Ok(())
}

/// Waits for the lock. False: it is not to be had here, or another process holds it for long.
fn lock_in_time(file: &File) -> bool {
    match (lock(file), file.try_clone()) {
        (Lock::Held, _) => true,
        (Lock::Elsewhere, Ok(copy)) => {
            let (sender, receiver) = mpsc::channel();
            let wait = move || {
                let _ = sender.send(retry_on_intr(|| flock(&copy, FlockOperation::LockExclusive)).is_ok());
            };
            let waiting = std::thread::Builder::new().spawn(wait);
            waiting.is_ok() && receiver.recv_timeout(LOCK_LIMIT).unwrap_or(false)
        }
        _ => false,
    }
}
