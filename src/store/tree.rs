//! Opening the files of a tree one after the other.

use super::confine::{check_path, open_fault, open_folder, open_listed, split_last};
use super::fault::Fault;
use super::folder::Folder;
use super::source::Source;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::retry_on_intr;
use std::os::fd::{AsFd, OwnedFd};

/// Opens files that a [`super::Walk`] of the same folder has found, cheaply: the folder of the last one stays open, so
/// that the next one in it costs an open and a look.
///
/// The walk has just seen that they are regular files, so there is no look before the open, as [`Folder::source`]
/// takes: a FIFO that appears meanwhile is felt at its other end, but it does not block, and it is not read.
#[derive(Debug)]
pub struct Tree {
    folder: Folder,
    follow_links: bool,
    parent: Option<(Vec<u8>, OwnedFd)>,
}

impl Tree {
    /// Of the files below `folder`. With `follow_links`, links are followed wherever they lead; without, never.
    pub fn new(folder: Folder, follow_links: bool) -> Self {
        Self { folder, follow_links, parent: None }
    }

    /// Opens a file for sending.
    ///
    /// # Errors
    /// As [`Folder::source`].
    pub fn source(&mut self, path: &[u8]) -> Result<Source, Fault> {
        check_path(path)?;
        let (parents, name) = split_last(path);
        let more = if self.follow_links { OFlags::empty() } else { OFlags::NOFOLLOW };
        let Some(parents) = parents else {
            return Source::from_file(open_listed(self.folder.file.as_fd(), name, more)?);
        };
        let held = match self.parent.take() {
            Some(held) if held.0 == parents => held,
            _ => (parents.to_vec(), self.open(parents)?),
        };
        let (_, parent) = self.parent.insert(held);
        Source::from_file(open_listed(parent.as_fd(), name, more)?)
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, Fault> {
        let root = self.folder.file.as_fd();
        if !self.follow_links {
            return open_folder(root, path).map_err(open_fault);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(root, path, flags, Mode::empty())).map_err(open_fault)
    }
}
