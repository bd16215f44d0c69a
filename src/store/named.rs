//! Files and links that a client asks for by name.

use super::confine::{check_path, open_fault, open_folder, split_last};
use super::error::{StoreError, StoreErrorKind};
use super::folder::Folder;
use super::meta::Meta;
use rustix::fs::{AtFlags, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::AsFd;
use std::sync::Arc;

impl Folder {
    /// Returns the target of a link, and the link's own metadata. The path may have several components; only the last
    /// one may be a link.
    ///
    /// # Errors
    /// `NotRegular` for what is no link; else as [`Folder::source`].
    pub fn link(&self, path: &[u8]) -> Result<(Vec<u8>, Meta), StoreError> {
        check_path(path)?;
        let (parents, name) = split_last(path);
        let parent = parents.map(|parents| open_folder(self.file.as_fd(), parents)).transpose();
        let parent = parent.map_err(open_fault)?;
        let at = parent.as_ref().map_or(self.file.as_fd(), AsFd::as_fd);
        let target = retry_on_intr(|| readlinkat(at, name, Vec::new())).map_err(|error| match error {
            Errno::INVAL => StoreError::new(StoreErrorKind::NotRegular, "is no link"),
            other => open_fault(other),
        })?;
        let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(StoreError::read)?;
        Ok((target.into_bytes(), Meta::of(&stat)))
    }

    /// Opens the folder of a path. Links are followed wherever their targets are.
    ///
    /// # Errors
    /// `Unsafe` for a path that is not clean or leads to something else; `NotFound`, `NotAllowed`, `CannotRead`.
    pub fn followed(&self, path: &[u8]) -> Result<Folder, StoreError> {
        check_path(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| openat(&*self.file, path, flags, Mode::empty())).map_err(open_fault)?;
        Ok(Folder { file: Arc::new(file.into()), made: Arc::default() })
    }
}
