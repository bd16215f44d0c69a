//! Opening the files of a tree one after the other.

use super::confine::{check_path, open_fault, open_folder, open_listed, split_last};
use super::error::StoreError;
use super::folder::Folder;
use super::source::SourceFile;
use rustix::fs::{Access, AtFlags, Mode, OFlags, Stat, accessat, openat, statat};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Opens files that a [`super::Walk`] of the same folder has found. The folder of the last file stays open, so that the
/// next file in it costs only an open and a stat.
///
/// The walk has just seen that they are regular files, so they are not checked before the open, as [`Folder::source`]
/// does: a FIFO that appears meanwhile is noticed at its other end, but it does not block, and it is not read.
#[derive(Debug)]
pub struct Tree {
    folder: Folder,
    follow_links: bool,
    parent: Option<(Vec<u8>, OwnedFd)>,
}

impl Tree {
    /// Creates a tree for the files below `folder`. With `follow_links`, links are followed wherever they lead;
    /// without, never.
    pub fn new(folder: Folder, follow_links: bool) -> Self {
        Self { folder, follow_links, parent: None }
    }

    /// Opens a file for sending.
    ///
    /// # Errors
    /// As [`Folder::source`].
    pub fn source(&mut self, path: &[u8]) -> Result<SourceFile, StoreError> {
        let more = if self.follow_links { OFlags::empty() } else { OFlags::NOFOLLOW };
        let (parent, name) = self.parent_of(path)?;
        SourceFile::from_file(open_listed(parent, name, more)?)
    }

    /// Returns a file's size in bytes without opening it; `None` if it cannot be determined.
    pub fn size_bytes(&mut self, path: &[u8]) -> Option<u64> {
        u64::try_from(self.stat(path).ok()?.st_size).ok()
    }

    /// Returns a file's status without opening it.
    pub(super) fn stat(&mut self, path: &[u8]) -> Result<Stat, StoreError> {
        let flags = if self.follow_links { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let (parent, name) = self.parent_of(path)?;
        statat(parent, name, flags).map_err(open_fault)
    }

    /// Fails for a file that this process may not read, without opening it. Where the system does not tell, it succeeds.
    pub(super) fn check_readable(&mut self, path: &[u8]) -> Result<(), StoreError> {
        let (parent, name) = self.parent_of(path)?;
        match accessat(parent, name, Access::READ_OK, AtFlags::EACCESS) {
            Err(error @ (Errno::ACCESS | Errno::PERM)) => Err(open_fault(error)),
            _ => Ok(()),
        }
    }

    /// Returns the folder of a path, held open until the next one, and the last component.
    fn parent_of<'p>(&mut self, path: &'p [u8]) -> Result<(BorrowedFd<'_>, &'p [u8]), StoreError> {
        check_path(path)?;
        let (parents, name) = split_last(path);
        let Some(parents) = parents else { return Ok((self.folder.file.as_fd(), name)) };
        let held = match self.parent.take() {
            Some(held) if held.0 == parents => held,
            _ => (parents.to_vec(), self.open(parents)?),
        };
        let (_, parent) = &*self.parent.insert(held);
        Ok((OwnedFd::as_fd(parent), name))
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, StoreError> {
        let root = self.folder.file.as_fd();
        if !self.follow_links {
            return open_folder(root, path).map_err(open_fault);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(root, path, flags, Mode::empty())).map_err(open_fault)
    }
}
