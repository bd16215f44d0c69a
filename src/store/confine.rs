//! Opening files below a folder without ever leaving it.
//!
//! The folder of a file is opened with `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)` (openat2(2), Linux 5.6);
//! where that is missing, component by component with `O_NOFOLLOW`. The last component is looked at before it is
//! opened: opening a FIFO for an instant would break the program that waits to write to it, and opening a device
//! may do anything. Folders are made one component after the other, each in the one that was opened before.

use super::error::{StoreError, StoreErrorKind};
use super::made::Made;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, mkdirat, openat, statat};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Temporary names are this prefix, 16 hex digits and [`PART_SUFFIX`].
pub(super) const PART_PREFIX: &str = ".sendall-";
/// See [`PART_PREFIX`].
pub(super) const PART_SUFFIX: &str = ".part";

/// Follows a path's components below a folder and opens the last one, a folder.
type Opener = fn(BorrowedFd<'_>, &[u8]) -> Result<OwnedFd, Errno>;

/// Returns whether this is one of our own temporary names.
pub(super) fn is_part_name(name: &[u8]) -> bool {
    name.strip_prefix(PART_PREFIX.as_bytes())
        .and_then(|rest| rest.strip_suffix(PART_SUFFIX.as_bytes()))
        .is_some_and(|hex| hex.len() == 16 && hex.iter().all(u8::is_ascii_hexdigit))
}

/// Rejects paths that are not relative and clean, and our own temporary names.
pub(super) fn check_path(path: &[u8]) -> Result<(), StoreError> {
    let clean = |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
    let mut components = path.split(|byte| *byte == b'/');
    if !components.clone().all(clean) {
        return Err(StoreError::new(StoreErrorKind::Unsafe, "the name is not safe"));
    }
    if components.any(is_part_name) {
        return Err(StoreError::new(StoreErrorKind::Unsafe, "the name is reserved for unfinished files"));
    }
    Ok(())
}

/// Returns whether a link at `path` with this target stays inside the destination: relative, with `..` at the beginning
/// only, and not above the destination. `..` after a name is rejected, because that name may be a link as well: of two
/// links that are harmless alone, `x` to `../..` and `y` to `x/../..`, the second would lead out.
pub fn safe_link_target(path: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target[0] == b'/' || target.contains(&0) {
        return false;
    }
    let depth = path.split(|byte| *byte == b'/').count() - 1;
    let components = || target.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let up = components().take_while(|part| *part == b"..").count();
    up <= depth && components().skip(up).all(|part| part != b"..")
}

/// Opens a file below a folder that is regular when it is looked at. Never follows a link, never blocks; the caller checks it
/// again, because another may have taken its name before it was opened.
pub(super) fn open_regular(folder: &File, path: &[u8]) -> Result<File, StoreError> {
    open_regular_by(open_folder, folder, path)
}

/// As [`open_regular`], with the opener of the file's folder as an argument, so that each can be tested.
pub(super) fn open_regular_by(opener: Opener, folder: &File, path: &[u8]) -> Result<File, StoreError> {
    check_path(path)?;
    let (parents, name) = split_last(path);
    let parent = match parents {
        Some(parents) => Some(opener(folder.as_fd(), parents).map_err(open_fault)?),
        None => None,
    };
    let at = parent.as_ref().map_or(folder.as_fd(), AsFd::as_fd);
    check_regular(&statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(open_fault)?)?;
    open_listed(at, name, OFlags::NOFOLLOW)
}

/// Opens a file that a listing has shown to be regular for reading, without blocking; the caller checks it again.
pub(super) fn open_listed(at: BorrowedFd<'_>, name: &[u8], more: OFlags) -> Result<File, StoreError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    retry_on_intr(|| openat(at, name, flags, Mode::empty())).map(File::from).map_err(open_fault)
}

/// Makes a folder below a folder with all missing ones on the way (`0777 & ~umask`), and opens it for reading. Returns
/// true if it is new. The empty path is the folder itself. New folders are noted in `made`.
pub(super) fn make_folders(folder: &File, path: &[u8], made: &Made) -> Result<(File, bool), StoreError> {
    if path.is_empty() {
        return Ok((folder.try_clone().map_err(StoreError::write)?, false));
    }
    match open_readable(folder.as_fd(), path) {
        Err(Errno::NOENT) => {}
        opened => {
            return opened
                .map(|file| (file.into(), false))
                .map_err(|error| parent_fault(folder, path, error));
        }
    }
    let mut reached: Option<File> = None;
    let (mut new, mut length) = (false, 0);
    for component in path.split(|byte| *byte == b'/') {
        length += component.len() + usize::from(length > 0);
        let at = reached.as_ref().map_or(folder.as_fd(), AsFd::as_fd);
        new = match mkdirat(at, component, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(StoreError::write(error)),
        };
        let next = walk(at, component).map_err(|error| parent_fault(folder, path, error))?;
        let next = reached.insert(next.into());
        if new {
            made.insert(&path[..length], next);
        }
    }
    reached.map(|file| (file, new)).ok_or_else(|| StoreError::write(Errno::NOENT))
}

/// Returns the fault for what is in the way of a folder, if that is the cause.
fn parent_fault(folder: &File, path: &[u8], error: Errno) -> StoreError {
    let (parents, name) = split_last(path);
    let parent = parents.map(|parents| open_folder(folder.as_fd(), parents)).transpose();
    let found = parent.and_then(|parent| {
        let at = parent.as_ref().map_or(folder.as_fd(), AsFd::as_fd);
        statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
    });
    match found.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Directory) | Err(Errno::NOENT) => StoreError::write(error),
        Ok(FileType::RegularFile) => {
            StoreError::new(StoreErrorKind::NotRegular, "a file has the folder's name")
        }
        Ok(FileType::Symlink) => StoreError::new(StoreErrorKind::Unsafe, "a link has the folder's name"),
        Ok(_) => {
            StoreError::new(StoreErrorKind::NotRegular, "a FIFO, socket or device has the folder's name")
        }
        Err(_) => open_fault(error),
    }
}

/// Fails for anything but a regular file, with its kind.
pub(super) fn check_regular(stat: &Stat) -> Result<(), StoreError> {
    check_mode(stat.st_mode as _)
}

/// As [`check_regular`], for `st_mode` in the form of the standard library.
pub(super) fn check_mode(mode: u32) -> Result<(), StoreError> {
    let (kind, text) = match FileType::from_raw_mode(mode as _) {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => (StoreErrorKind::Unsafe, "is a link"),
        FileType::Directory => (StoreErrorKind::NotRegular, "is a folder"),
        FileType::Fifo => (StoreErrorKind::NotRegular, "is a FIFO"),
        FileType::Socket => (StoreErrorKind::NotRegular, "is a socket"),
        FileType::CharacterDevice | FileType::BlockDevice => (StoreErrorKind::NotRegular, "is a device"),
        FileType::Unknown => (StoreErrorKind::NotRegular, "is not a regular file"),
    };
    Err(StoreError::new(kind, text))
}

/// Returns whether both describe the same file.
pub(super) fn same_file(one: &Stat, other: &Stat) -> bool {
    one.st_dev == other.st_dev && one.st_ino == other.st_ino
}

/// Splits a path into the path of the folders, if there are any, and the last component.
pub(super) fn split_last(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (Some(&path[..at]), &path[at + 1..]),
        None => (None, path),
    }
}

pub(super) fn open_fault(error: Errno) -> StoreError {
    match error {
        Errno::NOENT => StoreError::new(StoreErrorKind::NotFound, "does not exist"),
        // O_NOFOLLOW fails with ELOOP, on some BSDs EMLINK, with O_DIRECTORY ENOTDIR; RESOLVE_BENEATH with EXDEV.
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR | Errno::XDEV => {
            StoreError::new(StoreErrorKind::Unsafe, "a link or a file is in the way")
        }
        Errno::NXIO | Errno::OPNOTSUPP => {
            StoreError::new(StoreErrorKind::NotRegular, "is not a regular file")
        }
        other => StoreError::read(other),
    }
}

/// Opens a folder below a folder, as a starting point for names in it: it need not be readable.
pub(super) fn open_folder(folder: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    return beneath(folder, path, OFlags::PATH);
    #[cfg(not(target_os = "linux"))]
    return beneath(folder, path, OFlags::RDONLY);
}

/// As [`open_folder`], for listing or syncing.
pub(super) fn open_readable(folder: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    beneath(folder, path, OFlags::RDONLY)
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn beneath(folder: BorrowedFd<'_>, path: &[u8], access: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    /// openat2(2) fails with EAGAIN when a rename somewhere in the system makes the result uncertain.
    const TRIES: u32 = 32;
    let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    for _ in 0..TRIES {
        match openat2(folder, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Old kernels do not have it; old container filters forbid what they do not know.
            Err(Errno::NOSYS | Errno::PERM) => return walk(folder, path),
            done => return done,
        }
    }
    walk(folder, path)
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn beneath(folder: BorrowedFd<'_>, path: &[u8], _access: OFlags) -> Result<OwnedFd, Errno> {
    walk(folder, path)
}

/// Opens a folder below a folder, one component after the other, none of them a link or `..`.
pub(super) fn walk(folder: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut reached: Option<OwnedFd> = None;
    for component in path.split(|byte| *byte == b'/') {
        if component == b".." {
            return Err(Errno::XDEV);
        }
        let at = reached.as_ref().map_or(folder, AsFd::as_fd);
        reached = Some(retry_on_intr(|| openat(at, component, flags, Mode::empty()))?);
    }
    reached.ok_or(Errno::NOENT)
}
