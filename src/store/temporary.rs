//! Temporary names and their locks.
//!
//! A temporary name is removed or renamed only while holding the lock (flock(2)) of its file. A name with a free lock
//! was left by a crash, or by a session that kept its part for a later one.

use super::confine::{PART_PREFIX, PART_SUFFIX, same_file};
use super::error::{StoreError, StoreErrorKind};
use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, flock, fstat, openat, statat, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;

/// The number of attempts to create a temporary file that others keep removing.
pub(super) const TRIES: u32 = 100;

/// The result of asking for a lock.
pub(super) enum Lock {
    Held,
    Elsewhere,
    Unsupported,
}

/// Locks a file without waiting. Some file systems have no locks: there `O_EXCL` alone keeps sessions apart.
pub(super) fn lock(file: &File) -> Lock {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Lock::Held,
        Err(Errno::WOULDBLOCK) => Lock::Elsewhere,
        Err(_) => Lock::Unsupported,
    }
}

/// The temporary name of a file name: stable, so that a later session finds it; short, so that names of 255 bytes have
/// one.
pub(super) fn temporary_name(name: &[u8]) -> String {
    let hex = blake3::hash(name).to_hex();
    format!("{PART_PREFIX}{}{PART_SUFFIX}", &hex[..16])
}

/// Returns whether the temporary name is that of this file.
pub(super) fn is_name_of(folder: &File, temporary: &str, file: &File) -> Result<bool, Errno> {
    match statat(folder, temporary, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(same_file(&named, &fstat(file)?)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes an unused file that has the name of a new temporary file.
pub(super) fn clear(folder: &File, temporary: &str) -> Result<(), StoreError> {
    let stat = match statat(folder, temporary, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        found => found.map_err(StoreError::write)?,
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            return Err(StoreError::new(
                StoreErrorKind::Unsafe,
                "a folder has the name of the temporary file",
            ));
        }
        FileType::RegularFile => {}
        _ => return remove(folder, temporary),
    }
    let file = match open_leftover(folder, temporary) {
        Err(Errno::NOENT | Errno::LOOP | Errno::MLINK) => return Ok(()),
        opened => opened.map_err(|error| {
            StoreError::system(
                error,
                StoreErrorKind::CannotWrite,
                "the temporary file of another session cannot be opened",
            )
        })?,
    };
    match lock(&file) {
        Lock::Held if is_name_of(folder, temporary, &file).map_err(StoreError::write)? => {
            remove(folder, temporary)
        }
        Lock::Held => Ok(()),
        Lock::Elsewhere => Err(busy()),
        Lock::Unsupported => Err(StoreError::new(
            StoreErrorKind::Busy,
            "has a temporary file, and without file locks nobody knows whether it is in use",
        )),
    }
}

/// Opens a leftover, for writing where that is possible, because locks on NFS need it (flock(2)); nothing is written.
pub(super) fn open_leftover(folder: &File, temporary: &str) -> Result<File, Errno> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |access| retry_on_intr(|| openat(folder, temporary, flags | access, Mode::empty()));
    match open(OFlags::RDWR) {
        Err(Errno::ACCESS | Errno::PERM | Errno::TXTBSY) => open(OFlags::RDONLY).map(File::from),
        opened => opened.map(File::from),
    }
}

/// Removes a staging folder, which this process has locked, and the files in it. Failures are ignored: the next
/// receiver that starts here removes what is left.
pub(super) fn remove_staging(folder: &File, name: &str, staging: &File) {
    for entry in Dir::read_from(staging).into_iter().flatten().flatten() {
        // unlinkat(2) fails for `.`, `..` and folders, which we never made.
        let _ = unlinkat(staging, entry.file_name(), AtFlags::empty());
    }
    if is_name_of(folder, name, staging) == Ok(true) {
        let _ = unlinkat(folder, name, AtFlags::REMOVEDIR);
    }
}

/// Opens and locks a staging folder. Returns `None` if it is gone, in use, or not as we make them: owned by this user
/// and private.
pub(super) fn lock_staging(folder: &File, name: &str) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let staging: File = retry_on_intr(|| openat(folder, name, flags, Mode::empty())).ok()?.into();
    let stat = fstat(&staging).ok()?;
    let private = !Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO);
    let ours = private && stat.st_uid == rustix::process::geteuid().as_raw();
    let held = ours && matches!(lock(&staging), Lock::Held) && is_name_of(folder, name, &staging) == Ok(true);
    held.then_some(staging)
}

pub(super) fn busy() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "is being written by another session")
}

fn remove(folder: &File, temporary: &str) -> Result<(), StoreError> {
    match unlinkat(folder, temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(StoreError::write(error)),
    }
}
