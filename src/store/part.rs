//! A file that is being received, under a temporary name beside its final one.
//!
//! Whoever removes or renames a temporary name holds the lock (flock(2)) of the file it leads to. A name whose lock
//! is free is what a crash left behind.

use super::confine::{PART_PREFIX, PART_SUFFIX, check_name, same_file};
use super::fault::{Fault, FaultKind};
use super::folder::Folder;
use super::publish::{arriving_mode, publish_new, publish_over, sync, umask};
use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, flock, fstat,
    futimens, openat, statat, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// How often a temporary name that others take away is tried again.
const TRIES: u32 = 100;

/// What a received file keeps of its source beside the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// The owner may execute it.
    pub executable: bool,
    /// Modification time: seconds since 1970, negative before.
    pub mtime_seconds: i64,
    /// Modification time: nanoseconds, below 1,000,000,000.
    pub mtime_nanoseconds: u32,
}

/// A file that is being received. Dropped before [`Part::commit`] has succeeded, it is removed.
#[derive(Debug)]
pub struct Part {
    folder: Arc<File>,
    name: Vec<u8>,
    temporary: String,
    file: File,
}

enum Lock {
    Held,
    Elsewhere,
    Unsupported,
}

impl Part {
    /// Creates the temporary file for `name`, one component, in `folder`, and locks it.
    ///
    /// The temporary name follows from `name`, so that a second session for the same name notices the first, and a
    /// leftover is found again. What has that name already is never written to: it is removed, unless it is a live
    /// part or a folder.
    ///
    /// # Errors
    /// `Busy` while another session writes that name; `Unsafe` for a name that is not clean or a folder in the way;
    /// `NoSpace`, `NotAllowed`, `CannotWrite`.
    pub fn create(folder: &Folder, name: &[u8]) -> Result<Self, Fault> {
        check_name(name)?;
        let temporary = temporary_name(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for _ in 0..TRIES {
            let file = match openat(&*folder.file, &*temporary, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => File::from(file),
                Err(Errno::INTR) => continue,
                Err(Errno::EXIST) => {
                    clear(&folder.file, &temporary)?;
                    continue;
                }
                Err(error) => return Err(Fault::write(error)),
            };
            if matches!(lock(&file), Lock::Elsewhere) {
                // Between creation and lock another session took it for a leftover, and removes it.
                continue;
            }
            let part = Self {
                folder: Arc::clone(&folder.file),
                name: name.to_vec(),
                temporary: temporary.clone(),
                file,
            };
            if part.holds_name().map_err(Fault::write)? {
                return Ok(part);
            }
        }
        Err(busy())
    }

    /// Writes all of `bytes` behind what was written before.
    ///
    /// # Errors
    /// `NoSpace`, `CannotWrite`; how much was written is then unknown.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes).map_err(Fault::write)
    }

    /// What a file keeps whose sender tells nothing but its bytes: the time when the last of them was written.
    ///
    /// # Errors
    /// `CannotWrite`.
    pub fn meta_as_written(&self) -> Result<Meta, Fault> {
        let stat = fstat(&self.file).map_err(Fault::write)?;
        let mtime_nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Ok(Meta { executable: false, mtime_seconds: stat.st_mtime as i64, mtime_nanoseconds })
    }

    /// Sets mode and modification time, brings the file to disk and gives it its final name; with `replace` in the
    /// place of a regular file that has it. Blocks while the disk works. The name is safe against a loss of power
    /// only after [`Folder::sync`].
    ///
    /// Mode and time are left as they are on file systems that do not have them.
    ///
    /// # Errors
    /// `Exists`; `Unsafe` and `NotRegular` where something else than a regular file has the name, even with
    /// `replace`; `NoSpace`, `NotAllowed`, `CannotWrite`. The temporary file is removed, and nothing is tried again.
    pub fn commit(self, meta: Meta, replace: bool) -> Result<(), Fault> {
        self.set_meta(meta).map_err(Fault::write)?;
        sync(&self.file)
            .map_err(|error| Fault::system(error, FaultKind::CannotWrite, "the file cannot be synced"))?;
        if !self.holds_name().map_err(Fault::write)? {
            return Err(Fault::new(FaultKind::CannotWrite, "its temporary file was taken away"));
        }
        let publish = if replace { publish_over } else { publish_new };
        publish(&self.folder, &self.temporary, &self.name)
    }

    fn set_meta(&self, meta: Meta) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(arriving_mode(meta.executable, umask()) as _);
        supported(fchmod(&self.file, mode))?;
        // Larger values are special to futimens(2).
        let nanoseconds = meta.mtime_nanoseconds.min(999_999_999);
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
            last_modification: Timespec { tv_sec: meta.mtime_seconds, tv_nsec: nanoseconds as _ },
        };
        supported(futimens(&self.file, &times))
    }

    /// Does the temporary name lead to this file?
    fn holds_name(&self) -> Result<bool, Errno> {
        leads_to(&self.folder, &self.temporary, &self.file)
    }
}

/// Removes the temporary name if it is still there and still ours. After a successful rename it is not.
impl Drop for Part {
    fn drop(&mut self) {
        if self.holds_name() == Ok(true) {
            // Nobody is left to tell; the next part of that name removes it.
            let _ = unlinkat(&*self.folder, &*self.temporary, AtFlags::empty());
        }
    }
}

/// Stable, so that it can be found again; short, so that names of 255 bytes have one.
pub(super) fn temporary_name(name: &[u8]) -> String {
    let hex = blake3::hash(name).to_hex();
    format!("{PART_PREFIX}{}{PART_SUFFIX}", &hex[..16])
}

/// Removes what is in the way of a new temporary file, if nobody is using it.
pub(super) fn clear(folder: &File, temporary: &str) -> Result<(), Fault> {
    let stat = match statat(folder, temporary, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        found => found.map_err(Fault::write)?,
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            return Err(Fault::new(FaultKind::Unsafe, "a folder has the name of the temporary file"));
        }
        FileType::RegularFile => {}
        _ => return remove(folder, temporary),
    }
    let file = match open_leftover(folder, temporary) {
        Err(Errno::NOENT | Errno::LOOP | Errno::MLINK) => return Ok(()),
        opened => opened.map_err(|error| {
            Fault::system(
                error,
                FaultKind::CannotWrite,
                "the temporary file of another session cannot be opened",
            )
        })?,
    };
    match lock(&file) {
        Lock::Held if leads_to(folder, temporary, &file).map_err(Fault::write)? => remove(folder, temporary),
        Lock::Held => Ok(()),
        Lock::Elsewhere => Err(busy()),
        Lock::Unsupported => Err(Fault::new(
            FaultKind::Busy,
            "has a temporary file, and without file locks nobody knows whether it is in use",
        )),
    }
}

/// For writing where that is possible, because locks on NFS need it (flock(2)); nothing is written.
fn open_leftover(folder: &File, temporary: &str) -> Result<File, Errno> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |access| retry_on_intr(|| openat(folder, temporary, flags | access, Mode::empty()));
    match open(OFlags::RDWR) {
        Err(Errno::ACCESS | Errno::PERM | Errno::TXTBSY) => open(OFlags::RDONLY).map(File::from),
        opened => opened.map(File::from),
    }
}

fn remove(folder: &File, temporary: &str) -> Result<(), Fault> {
    match unlinkat(folder, temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Fault::write(error)),
    }
}

fn leads_to(folder: &File, temporary: &str, file: &File) -> Result<bool, Errno> {
    match statat(folder, temporary, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(same_file(&named, &fstat(file)?)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Some file systems have no locks; `O_EXCL` alone then keeps sessions apart.
fn lock(file: &File) -> Lock {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Lock::Held,
        Err(Errno::WOULDBLOCK) => Lock::Elsewhere,
        Err(_) => Lock::Unsupported,
    }
}

/// The file is ours, so a refusal means that the file system has no such thing.
fn supported(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        other => other,
    }
}

fn busy() -> Fault {
    Fault::new(FaultKind::Busy, "is being written by another session")
}
