//! From a synced temporary file to its final name, never over something that must stay.

use super::confine::check_regular;
use super::fault::{Fault, FaultKind};
use rustix::fs::{AtFlags, linkat, renameat, statat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::sync::OnceLock;

/// Gives the temporary file its final name, where nothing has it yet: renameat2(2) with `RENAME_NOREPLACE`.
///
/// File systems that do not know that flag say `EINVAL`; there, and off Linux, the file gets the final name as a
/// second one (linkat(2), which never replaces). The caller removes a temporary name that is still there. A crash
/// between the two leaves both names of one whole file, and the next part of that name removes the temporary one.
pub(super) fn publish_new(folder: &File, temporary: &str, name: &[u8]) -> Result<(), Fault> {
    match rename_new(folder, temporary, name) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => publish_link(folder, temporary, name),
        done => done.map_err(|error| new_fault(folder, name, error)),
    }
}

/// The second way of [`publish_new`].
pub(super) fn publish_link(folder: &File, temporary: &str, name: &[u8]) -> Result<(), Fault> {
    linkat(folder, temporary, folder, name, AtFlags::empty()).map_err(|error| new_fault(folder, name, error))
}

/// Gives the temporary file its final name, in the place of a regular file that may have it.
///
/// A link, FIFO or device that appears between the look and the rename would be replaced itself, but never followed
/// or written to (renameat(2)); a folder would make the rename fail.
pub(super) fn publish_over(folder: &File, temporary: &str, name: &[u8]) -> Result<(), Fault> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => check_regular(&stat)?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(Fault::write(error)),
    }
    renameat(folder, temporary, folder, name).map_err(Fault::write)
}

/// Brings a file's bytes, or a folder's names, to disk. One call: after a failed fsync(2) the kernel calls the lost
/// pages clean, and a second one would succeed.
pub(super) fn sync(file: &File) -> io::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    return Ok(rustix::fs::fsync(file)?);
    // There fsync(2) stops at the drive's cache; the standard library asks for F_FULLFSYNC.
    #[cfg(target_vendor = "apple")]
    return file.sync_all();
}

/// The mode of a file that arrives: `0666 & ~umask`, and the owner's execute bit where the sender's file had it.
pub(super) fn arriving_mode(executable: bool, umask: u32) -> u32 {
    (0o666 & !umask) | if executable { 0o100 } else { 0 }
}

/// This process's umask, read once. umask(2) can only be read by changing it, which other threads would notice;
/// Linux shows it in proc_pid_status(5) since 4.7. Elsewhere 022 is assumed.
pub(super) fn umask() -> u32 {
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        std::fs::read_to_string("/proc/self/status").ok().and_then(|text| parse_umask(&text)).unwrap_or(0o022)
    })
}

/// Finds `Umask:` in the text of `/proc/self/status`.
pub(super) fn parse_umask(status: &str) -> Option<u32> {
    let digits = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(digits.trim(), 8).ok().filter(|mask| *mask <= 0o777)
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn rename_new(folder: &File, temporary: &str, name: &[u8]) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, renameat_with};
    renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE)
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn rename_new(_folder: &File, _temporary: &str, _name: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// Says what it is that has the name.
fn new_fault(folder: &File, name: &[u8], error: Errno) -> Fault {
    if error != Errno::EXIST {
        return Fault::write(error);
    }
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| check_regular(&stat)) {
        Ok(Err(fault)) => fault,
        _ => Fault::new(FaultKind::Exists, "exists already"),
    }
}
