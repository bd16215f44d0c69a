//! A folder that is held open.

use super::confine::{check_name, check_regular, is_part_name, open_regular};
use super::fault::{Fault, FaultKind};
use super::part::clear;
use super::publish::sync;
use super::source::Source;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstatvfs, open, statat};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// An open folder. Everything in it is reached relative to its descriptor, and no link in it is followed.
/// A clone shares the descriptor.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Opened for reading, not with `O_PATH`: fsync(2) needs it.
    pub(super) file: Arc<File>,
}

impl Folder {
    /// Opens a folder that the user named; links on the way to it are followed.
    ///
    /// # Errors
    /// `NotFound`, `NotAllowed`, and `CannotRead` for what is not a folder.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| open(path, flags, Mode::empty())).map_err(|error| match error {
            Errno::NOENT => Fault::new(FaultKind::NotFound, "does not exist"),
            Errno::NOTDIR => Fault::new(FaultKind::CannotRead, "is not a folder"),
            other => Fault::system(other, FaultKind::CannotRead, "cannot be opened"),
        })?;
        Ok(Self { file: Arc::new(file.into()) })
    }

    /// The names of the regular files in it, sorted by their bytes. Folders, links, everything else and our own
    /// unfinished files are left out.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn files(&self) -> Result<Vec<Vec<u8>>, Fault> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&*self.file).map_err(Fault::read)? {
            let entry = entry.map_err(Fault::read)?;
            let name = entry.file_name().to_bytes();
            if !is_part_name(name) && self.is_regular(entry.file_type(), name)? {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes the unfinished files that sessions left here which did not end in order. Live ones stay, and so does
    /// what cannot be removed: it is in nobody's way.
    pub fn remove_leftovers(&self) {
        let entries = Dir::read_from(&*self.file).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_owned());
        let parts: Vec<_> = names.filter(|name| is_part_name(name.to_bytes())).collect();
        for name in parts.iter().filter_map(|name| name.to_str().ok()) {
            let _ = clear(&self.file, name);
        }
    }

    /// Not every file system tells the type of a name in the listing (readdir(3), `DT_UNKNOWN`).
    fn is_regular(&self, listed: FileType, name: &[u8]) -> Result<bool, Fault> {
        if listed != FileType::Unknown {
            return Ok(listed == FileType::RegularFile);
        }
        match statat(&*self.file, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(Fault::read(error)),
        }
    }

    /// Opens a regular file in it for sending. The path may have several components, separated by `/`.
    ///
    /// # Errors
    /// `NotFound`; `Unsafe` for a path that is not clean or has a link in it; `NotRegular`; `NotAllowed`;
    /// `CannotRead`.
    pub fn source(&self, path: &[u8]) -> Result<Source, Fault> {
        Source::from_file(open_regular(&self.file, path)?)
    }

    /// A file of that name (one component) in it, open for reading, and its size in bytes; `None` where there is
    /// nothing of that name.
    ///
    /// # Errors
    /// `Exists` for a regular file that cannot be read; `Unsafe` and `NotRegular`, saying what it is, where
    /// something else has the name.
    pub fn existing(&self, name: &[u8]) -> Result<Option<(File, u64)>, Fault> {
        check_name(name)?;
        match open_regular(&self.file, name) {
            Ok(file) => {
                let size_bytes = file.metadata().map_err(Fault::read)?.len();
                Ok(Some((file, size_bytes)))
            }
            Err(fault) => match fault.kind {
                FaultKind::NotFound => Ok(None),
                FaultKind::NotAllowed if self.has_regular(name) => {
                    Err(fault.seen_as(FaultKind::Exists, "exists and cannot be read"))
                }
                _ => Err(fault),
            },
        }
    }

    fn has_regular(&self, name: &[u8]) -> bool {
        statat(&*self.file, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| check_regular(&stat).is_ok())
    }

    /// How many bytes the file system has left for this user (statvfs(3), `f_bavail`).
    ///
    /// # Errors
    /// Where the file system does not say.
    pub fn free_bytes(&self) -> Result<u64, Fault> {
        let stat = fstatvfs(&*self.file).map_err(Fault::read)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Brings the folder's names to disk (fsync(2)); after [`super::Part::commit`] and before anything is
    /// acknowledged. Blocks. A file system that cannot sync folders at all (`EINVAL`) does not fail it.
    ///
    /// # Errors
    /// Any; what was renamed since the last success may be lost with the power, and trying again proves nothing.
    pub fn sync(&self) -> Result<(), Fault> {
        match sync(&self.file) {
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
            Err(error) => Err(Fault::system(error, FaultKind::CannotWrite, "the folder cannot be synced")),
            Ok(()) => Ok(()),
        }
    }
}
