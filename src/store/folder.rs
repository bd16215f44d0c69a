//! An open folder.

use super::confine::{
    check_path, check_regular, open_fault, open_folder, open_readable, open_regular, split_last,
};
use super::error::{StoreError, StoreErrorKind};
use super::hash::hash_prefix;
use super::made::Made;
use super::meta::Meta;
use super::publish::{sync, sync_names};
use super::source::SourceFile;
use super::temporary::{clear, temporary_name};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat, fstat, fstatvfs, open, statat};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

/// An open folder. Everything in it is reached relative to its descriptor, and no link in it is followed.
/// A clone shares the descriptor.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Opened for reading, not with `O_PATH`: fsync(2) needs it.
    pub(super) file: Arc<File>,
    /// Folders that were made below it.
    pub(super) made: Arc<Made>,
}

impl Folder {
    /// Opens a folder that the user named; links on the way to it are followed.
    ///
    /// # Errors
    /// `NotFound`, `NotAllowed`, and `CannotRead` for what is not a folder.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| open(path, flags, Mode::empty())).map_err(|error| match error {
            Errno::NOENT => StoreError::new(StoreErrorKind::NotFound, "does not exist"),
            Errno::NOTDIR => StoreError::new(StoreErrorKind::CannotRead, "is not a folder"),
            other => StoreError::system(other, StoreErrorKind::CannotRead, "cannot be opened"),
        })?;
        Ok(Self { file: Arc::new(file.into()), made: Arc::default() })
    }

    /// Opens a regular file in it for sending. The path may have several components, separated by `/`.
    ///
    /// # Errors
    /// `NotFound`; `Unsafe` for a path that is not clean or has a link in it; `NotRegular`; `NotAllowed`;
    /// `CannotRead`.
    pub fn source(&self, path: &[u8]) -> Result<SourceFile, StoreError> {
        SourceFile::from_file(open_regular(&self.file, path)?)
    }

    /// Opens the file of that name for reading, and returns it with its size in bytes; `None` where the name is free.
    /// The path may have several components.
    ///
    /// # Errors
    /// `Exists` for a regular file that cannot be read; `Unsafe` and `NotRegular`, saying what it is, where
    /// something else has the name.
    pub fn existing(&self, path: &[u8]) -> Result<Option<(File, u64)>, StoreError> {
        match open_regular(&self.file, path) {
            Ok(file) => {
                let found = fstat(&file).map_err(StoreError::read)?;
                check_regular(&found)?;
                Ok(Some((file, u64::try_from(found.st_size).unwrap_or(0))))
            }
            Err(fault) => match fault.kind {
                StoreErrorKind::NotFound => Ok(None),
                StoreErrorKind::NotAllowed
                    if self.look(path).ok().flatten().is_some_and(|stat| check_regular(&stat).is_ok()) =>
                {
                    Err(fault.seen_as(StoreErrorKind::Exists, "exists and cannot be read"))
                }
                _ => Err(fault),
            },
        }
    }

    /// Returns whether the file of that name has this content, which is then on the disk under its name; `None` where the
    /// name is free. `is_needed` is as for [`hash_prefix`]. Blocks.
    ///
    /// # Errors
    /// As [`Self::existing`] and [`hash_prefix`]; `CannotWrite` if it cannot be synced.
    pub fn holds(
        &self,
        path: &[u8],
        size_bytes: u64,
        digest: &[u8; 32],
        is_needed: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<bool>, StoreError> {
        let Some((content, found_bytes)) = self.existing(path)? else { return Ok(None) };
        if found_bytes != size_bytes || hash_prefix(&content, size_bytes, is_needed)?.finalize() != *digest {
            return Ok(Some(false));
        }
        let fault =
            |error| StoreError::system(error, StoreErrorKind::CannotWrite, "the file cannot be synced");
        sync(&content).map_err(fault)?;
        match split_last(path).0 {
            None => self.sync()?,
            Some(parents) => self.below(parents)?.sync()?,
        }
        Ok(Some(true))
    }

    /// Returns whether anything has that name, of any kind. The path may have several components.
    ///
    /// # Errors
    /// `Unsafe` for a path that is not clean or has a link in it; `NotAllowed`, `CannotRead`.
    pub fn has(&self, path: &[u8]) -> Result<bool, StoreError> {
        Ok(self.look(path)?.is_some())
    }

    fn look(&self, path: &[u8]) -> Result<Option<Stat>, StoreError> {
        check_path(path)?;
        let (parents, name) = split_last(path);
        let found = match parents {
            None => statat(&*self.file, name, AtFlags::SYMLINK_NOFOLLOW),
            Some(parents) => open_folder(self.file.as_fd(), parents)
                .and_then(|parent| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)),
        };
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(open_fault(error)),
        }
    }

    /// Returns whether the folder is empty.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        for entry in Dir::read_from(&*self.file).map_err(StoreError::read)? {
            if !matches!(entry.map_err(StoreError::read)?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether an earlier session has left a part for this path, see [`super::Part::resume`].
    pub fn has_part(&self, path: &[u8]) -> bool {
        self.with_temporary(path, |parent, temporary| {
            statat(parent, temporary, AtFlags::SYMLINK_NOFOLLOW).is_ok()
        })
    }

    /// Removes the part that an earlier session has left for this path. A part in use stays, and so does one that
    /// cannot be removed.
    pub fn remove_part(&self, path: &[u8]) {
        self.with_temporary(path, |parent, temporary| clear(parent, temporary).is_ok());
    }

    /// Calls `work` with the folder of a path and the name of its part there. Returns false if there is no such folder.
    fn with_temporary(&self, path: &[u8], work: impl FnOnce(&File, &str) -> bool) -> bool {
        let (parents, name) = split_last(path);
        let temporary = temporary_name(name);
        match parents {
            _ if check_path(path).is_err() => false,
            None => work(&self.file, &temporary),
            Some(parents) => open_readable(self.file.as_fd(), parents)
                .is_ok_and(|parent| work(&File::from(parent), &temporary)),
        }
    }

    /// Opens a folder below this one.
    ///
    /// # Errors
    /// `NotFound`; `Unsafe` for a path that is not clean or has a link or a file in it; `NotAllowed`, `CannotRead`.
    pub fn below(&self, path: &[u8]) -> Result<Self, StoreError> {
        check_path(path)?;
        let file = open_readable(self.file.as_fd(), path).map_err(open_fault)?;
        Ok(Self { file: Arc::new(file.into()), made: Arc::default() })
    }

    /// Returns its mode and modification time.
    ///
    /// # Errors
    /// `CannotRead`.
    pub fn meta(&self) -> Result<Meta, StoreError> {
        Ok(Meta::of(&fstat(&*self.file).map_err(StoreError::read)?))
    }

    /// Returns the bytes that the file system has free for a file of this path (statvfs(3)); the reserve of root counts
    /// for root. `None` if they are not reported, as on ramfs, or if the path is on another file system.
    pub fn free_bytes(&self, path: &[u8]) -> Option<u64> {
        let stat = fstatvfs(&*self.file).ok().filter(|stat| stat.f_blocks > 0)?;
        if let (Some(parents), _) = split_last(path)
            && let Ok(parent) = open_folder(self.file.as_fd(), parents)
            && fstat(&parent).ok()?.st_dev != fstat(&*self.file).ok()?.st_dev
        {
            return None;
        }
        let is_root = rustix::process::geteuid().is_root();
        let blocks = if is_root { stat.f_bfree } else { stat.f_bavail };
        Some(blocks.saturating_mul(stat.f_frsize))
    }

    /// Brings the folder's names to disk (fsync(2)). Call it after [`super::Part::commit`] and before anything is
    /// acknowledged. Blocks. Succeeds on file systems that cannot sync folders at all (`EINVAL`).
    ///
    /// # Errors
    /// Any; what was renamed since the last success may be lost with the power, and trying again proves nothing.
    pub fn sync(&self) -> Result<(), StoreError> {
        sync_names(&self.file)
    }
}
