//! From a synced temporary file to its final name, without replacing anything that must stay.

use super::confine::check_regular;
use super::error::{StoreError, StoreErrorKind};
use super::meta::Meta;
use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_OMIT, linkat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::sync::OnceLock;

/// Renames the temporary file to its final name, if that is free: renameat2(2) with `RENAME_NOREPLACE`.
///
/// File systems that do not know that flag fail with `EINVAL`; there, and off Linux, the file gets the final name as a
/// second one (linkat(2), which never replaces), and then loses the temporary one. A crash between the two leaves both
/// names of one whole file, and the next part of that name removes the temporary one.
pub(super) fn publish_new(
    from: &File,
    temporary: &str,
    folder: &File,
    name: &[u8],
) -> Result<(), StoreError> {
    match rename_new(from, temporary, folder, name) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            publish_by_linkat(from, temporary, folder, name)
        }
        done => done.map_err(|error| new_fault(folder, name, error)),
    }
}

/// The fallback of [`publish_new`].
pub(super) fn publish_by_linkat(
    from: &File,
    temporary: &str,
    folder: &File,
    name: &[u8],
) -> Result<(), StoreError> {
    linkat(from, temporary, folder, name, AtFlags::empty())
        .map_err(|error| new_fault(folder, name, error))?;
    // The file is in place; a name that cannot be removed now is removed like any leftover of a crash.
    let _ = unlinkat(from, temporary, AtFlags::empty());
    Ok(())
}

/// Renames the temporary file to its final name, in place of a regular file that may have it.
///
/// A link, FIFO or device that appears between the look and the rename would be replaced itself, but never followed
/// or written to (renameat(2)); a folder would make the rename fail.
pub(super) fn publish_over(
    from: &File,
    temporary: &str,
    folder: &File,
    name: &[u8],
) -> Result<(), StoreError> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => check_regular(&stat)?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(StoreError::write(error)),
    }
    renameat(from, temporary, folder, name).map_err(rename_fault)
}

/// Renames the temporary link to its final name, in place of a link that has it (renameat(2)).
pub(super) fn publish_over_link(
    from: &File,
    temporary: &str,
    folder: &File,
    name: &[u8],
) -> Result<(), StoreError> {
    renameat(from, temporary, folder, name).map_err(rename_fault)
}

/// Brings a file's bytes, or a folder's names, to disk. Never call it again after a failure: the kernel marks the lost
/// pages as clean, and a second fsync(2) would succeed.
pub(super) fn sync(file: &File) -> io::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    return Ok(rustix::fs::fsync(file)?);
    // There fsync(2) stops at the drive's cache; the standard library asks for F_FULLFSYNC.
    #[cfg(target_vendor = "apple")]
    return file.sync_all();
}

/// Brings a folder's names to disk. Succeeds on file systems that cannot sync folders at all (`EINVAL`).
pub(super) fn sync_names(folder: &File) -> Result<(), StoreError> {
    match sync(folder) {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        Err(error) => {
            Err(StoreError::system(error, StoreErrorKind::CannotWrite, "the folder cannot be synced"))
        }
        Ok(()) => Ok(()),
    }
}

/// Returns the mode of a received file: the sender's nine bits less the umask, without special bits.
pub(super) fn arriving_mode(mode: u16, umask: u32) -> u32 {
    u32::from(mode) & 0o777 & !umask
}

/// Returns the times for futimens(2) and utimensat(2): the modification time is set, the access time stays.
pub(super) fn times(meta: Meta) -> Timestamps {
    // Larger values are special to futimens(2).
    let nanoseconds = meta.mtime_nanoseconds.min(999_999_999);
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: meta.mtime_seconds, tv_nsec: nanoseconds as _ },
    }
}

/// Ignores errors of operations that this file system does not support. The file is ours, so a missing permission means
/// that, too.
pub(super) fn supported(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        other => other,
    }
}

/// Returns this process's umask, read once. umask(2) can only be read by changing it, which other threads would notice;
/// Linux shows it in proc_pid_status(5) since 4.7. Elsewhere 022 is assumed.
pub(super) fn umask() -> u32 {
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        std::fs::read_to_string("/proc/self/status").ok().and_then(|text| parse_umask(&text)).unwrap_or(0o022)
    })
}

/// Parses `Umask:` in the text of `/proc/self/status`.
pub(super) fn parse_umask(status: &str) -> Option<u32> {
    let digits = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(digits.trim(), 8).ok().filter(|mask| *mask <= 0o777)
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn rename_new(from: &File, temporary: &str, folder: &File, name: &[u8]) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, renameat_with};
    renameat_with(from, temporary, folder, name, RenameFlags::NOREPLACE)
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn rename_new(_from: &File, _temporary: &str, _folder: &File, _name: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

fn rename_fault(error: Errno) -> StoreError {
    match error {
        Errno::XDEV => StoreError::new(StoreErrorKind::CannotWrite, "its folder is on another file system"),
        other => StoreError::write(other),
    }
}

/// Returns the fault that names the kind of the existing entry.
fn new_fault(folder: &File, name: &[u8], error: Errno) -> StoreError {
    if error != Errno::EXIST {
        return rename_fault(error);
    }
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| check_regular(&stat)) {
        Ok(Err(fault)) => fault,
        _ => StoreError::new(StoreErrorKind::Exists, "exists already"),
    }
}
