//! What a client asks for by name, where links are not left out.

use super::confine::{check_path, check_regular, open_fault, open_folder, split_last};
use super::fault::{Fault, FaultKind};
use super::folder::Folder;
use super::part::{Meta, mode_of};
use super::source::Source;
use super::tree::Tree;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::AsFd;
use std::sync::Arc;

/// What a path leads to.
#[derive(Debug)]
pub enum Followed {
    /// A file, open.
    File(Source),
    /// A folder, open.
    Folder(Folder),
}

impl Folder {
    /// What a link in it says, and the link's own time. The path may have several components, none of them but the last
    /// a link.
    ///
    /// # Errors
    /// `NotRegular` for what is no link; else as [`Folder::source`].
    pub fn link(&self, path: &[u8]) -> Result<(Vec<u8>, Meta), Fault> {
        check_path(path)?;
        let (parents, name) = split_last(path);
        let parent = parents.map(|parents| open_folder(self.file.as_fd(), parents)).transpose();
        let parent = parent.map_err(open_fault)?;
        let at = parent.as_ref().map_or(self.file.as_fd(), AsFd::as_fd);
        let target = retry_on_intr(|| readlinkat(at, name, Vec::new())).map_err(|error| match error {
            Errno::INVAL => Fault::new(FaultKind::NotRegular, "is no link"),
            other => open_fault(other),
        })?;
        let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Fault::read)?;
        let meta = Meta {
            mode: mode_of(stat.st_mode),
            mtime_seconds: stat.st_mtime as i64,
            mtime_nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        };
        Ok((target.into_bytes(), meta))
    }

    /// The file or folder that a path in it leads to; links are followed wherever they lead.
    ///
    /// # Errors
    /// `Unsafe` for a path that is not clean; `NotFound`, `NotRegular`, `NotAllowed`, `CannotRead`.
    pub fn followed(&self, path: &[u8]) -> Result<Followed, Fault> {
        check_path(path)?;
        let stat = statat(&*self.file, path, AtFlags::empty()).map_err(open_fault)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            // Looked at first, because even opening a FIFO is felt at its other end.
            check_regular(&stat)?;
            return Tree::new(self.clone(), true).source(path).map(Followed::File);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| openat(&*self.file, path, flags, Mode::empty())).map_err(open_fault)?;
        Ok(Followed::Folder(Folder { file: Arc::new(file.into()), made: Arc::default() }))
    }
}
