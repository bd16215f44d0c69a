//! The entries below a folder, in a stable order.

use super::confine::{is_part_name, open_fault, open_readable};
use super::error::{StoreError, StoreErrorKind};
use super::filter::Filter;
use super::folder::Folder;
use super::listing::{FileKind, Listing};
use super::meta::Meta;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::retry_on_intr;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Memory for the names of the first folder, in bytes. Each folder below gets half of its parent's, but at least
/// [`MIN_LISTING_BYTES`].
const FIRST_LISTING_BYTES: usize = 1 << 20;
const MIN_LISTING_BYTES: usize = 64 << 10;
/// A folder with this many components in its path is not entered.
const MAX_COMPONENTS: usize = 256;

/// Handling of symbolic links in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymlinkPolicy {
    /// They are skipped.
    Skip,
    /// Their targets are sent in their place, wherever those are.
    Follow,
    /// They are sent as links.
    Copy,
}

/// Kind of a skipped entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// A file with one of our own temporary names: a part or a staging folder.
    Unfinished,
}

/// An entry below the folder of a [`Walk`].
#[derive(Debug)]
pub struct WalkEntry {
    /// Its path below that folder, separated by `/`; empty for that folder itself, when it cannot be read.
    pub path: Vec<u8>,
    /// Its kind and metadata.
    pub kind: WalkEntryKind,
}

/// See [`WalkEntry`].
#[derive(Debug)]
pub enum WalkEntryKind {
    /// A regular file.
    File,
    /// A folder, and its metadata.
    Folder(Meta),
    /// A link, with [`SymlinkPolicy::Copy`].
    Link {
        /// Its target.
        target: Vec<u8>,
        /// Its own metadata.
        meta: Meta,
    },
    /// It is skipped for its kind.
    Skipped(SkipReason),
    /// It cannot be read: a folder, or a link to a missing file.
    Failed(StoreError),
}

/// All entries below a folder, depth first: names in byte order, and a folder after everything in it, so that its time
/// can be set last, unless [`Self::folders_first`] was called. Entries that the filter leaves out are not reported.
///
/// The walk holds some names of each folder on the way, and only the descriptor of the last one: a folder with more
/// names is read several times. It opens folders only and, without [`SymlinkPolicy::Follow`], none outside of the root.
/// A folder that a link puts into itself is [`WalkEntryKind::Failed`], and so is one with 256 components in its path.
#[derive(Debug)]
pub struct Walk {
    folder: Folder,
    links: SymlinkPolicy,
    filter: Arc<Filter>,
    levels: Vec<WalkLevel>,
    /// The path of the last level.
    path: Vec<u8>,
    /// The folder of the last level, until another one is visited.
    open_folder: Option<File>,
    has_begun: bool,
    folders_first: bool,
}

#[derive(Debug)]
struct WalkLevel {
    listing: Listing,
    /// Length of the parent's path, in bytes.
    parent_path_len: usize,
    device_inode: (u64, u64),
    meta: Meta,
    /// Reading has failed; the folder is reported as failed after the names that were found.
    fault: Option<StoreError>,
}

impl Walk {
    /// Creates a walk below `folder`; the filter matches paths below it.
    pub fn new(folder: Folder, links: SymlinkPolicy, filter: Arc<Filter>) -> Self {
        Self {
            folder,
            links,
            filter,
            levels: Vec::new(),
            path: Vec::new(),
            open_folder: None,
            has_begun: false,
            folders_first: false,
        }
    }

    /// Reports each folder before everything in it; if it then cannot be read to its end, it is reported once more, as
    /// failed.
    pub fn folders_first(self) -> Self {
        Self { folders_first: true, ..self }
    }

    /// Opens the folder at `self.path` and lists it.
    fn enter(&mut self, parent_path_len: usize) -> Result<(), StoreError> {
        if self.levels.len() >= MAX_COMPONENTS {
            return Err(StoreError::new(StoreErrorKind::Unsafe, "folders are nested too deep"));
        }
        let folder = self.open()?;
        let stat = fstat(&folder).map_err(StoreError::read)?;
        let device_inode = (stat.st_dev as u64, stat.st_ino as u64);
        if self.levels.iter().any(|level| level.device_inode == device_inode) {
            return Err(StoreError::new(StoreErrorKind::Unsafe, "is a link to a folder that it is in"));
        }
        let limit_bytes =
            (FIRST_LISTING_BYTES >> self.levels.len().min(usize::BITS as usize - 1)).max(MIN_LISTING_BYTES);
        let (listing, fault) = Listing::read(&folder, self.links == SymlinkPolicy::Follow, limit_bytes);
        self.levels.push(WalkLevel { listing, parent_path_len, device_inode, meta: Meta::of(&stat), fault });
        self.open_folder = Some(folder);
        Ok(())
    }

    /// Opens the folder at `self.path`.
    fn open(&self) -> Result<File, StoreError> {
        let root = self.folder.file.as_fd();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = match (&self.path[..], self.links) {
            (b"", _) => retry_on_intr(|| openat(root, ".", flags, Mode::empty())),
            (path, SymlinkPolicy::Follow) => retry_on_intr(|| openat(root, path, flags, Mode::empty())),
            (path, _) => open_readable(root, path),
        };
        opened.map(File::from).map_err(open_fault)
    }

    /// Reads the last folder again, for the names after the held ones.
    fn read_more_names(&mut self) {
        let folder = self.open_folder.take().map_or_else(|| self.open(), Ok);
        let Some(level) = self.levels.last_mut() else { return };
        match folder {
            Ok(folder) => {
                level.fault = level.listing.read_next(&folder);
                self.open_folder = Some(folder);
            }
            Err(fault) => level.fault = Some(fault),
        }
    }

    /// Leaves the last folder.
    fn pop_level(&mut self) -> Option<WalkEntry> {
        let level = self.levels.pop()?;
        self.open_folder = None;
        let path = self.path.clone();
        self.path.truncate(level.parent_path_len);
        if let Some(fault) = level.fault {
            return Some(WalkEntry { path, kind: WalkEntryKind::Failed(fault) });
        }
        let is_reported = !self.folders_first && !self.levels.is_empty() && self.filter.includes(&path, true);
        is_reported.then_some(WalkEntry { path, kind: WalkEntryKind::Folder(level.meta) })
    }

    /// Returns the entry of a name in the last folder.
    fn visit(&mut self, name: &[u8], kind: FileKind) -> Option<WalkEntry> {
        let parent_path_len = self.path.len();
        let mut path = self.path.clone();
        if parent_path_len > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        if is_part_name(name) {
            return Some(WalkEntry { path, kind: WalkEntryKind::Skipped(SkipReason::Unfinished) });
        }
        if kind == FileKind::Folder {
            if self.filter.excludes(&path, true) {
                return None;
            }
            self.path.clone_from(&path);
            if let Err(fault) = self.enter(parent_path_len) {
                self.path.truncate(parent_path_len);
                return Some(WalkEntry { path, kind: WalkEntryKind::Failed(fault) });
            }
            let is_reported = self.folders_first && self.filter.includes(&path, true);
            let meta = self.levels.last().filter(|_| is_reported)?.meta;
            return Some(WalkEntry { path, kind: WalkEntryKind::Folder(meta) });
        }
        if !self.filter.includes(&path, false) {
            return None;
        }
        let kind = match kind {
            FileKind::File => WalkEntryKind::File,
            FileKind::Link if self.links == SymlinkPolicy::Copy => {
                self.link(name).unwrap_or_else(WalkEntryKind::Failed)
            }
            FileKind::Link => WalkEntryKind::Skipped(SkipReason::Link),
            FileKind::Fifo => WalkEntryKind::Skipped(SkipReason::Fifo),
            FileKind::Socket => WalkEntryKind::Skipped(SkipReason::Socket),
            FileKind::Device => WalkEntryKind::Skipped(SkipReason::Device),
            FileKind::Gone => return None,
            FileKind::Dangling => WalkEntryKind::Failed(StoreError::new(
                StoreErrorKind::NotFound,
                "is a link that leads nowhere",
            )),
            FileKind::Folder | FileKind::Unknown => {
                WalkEntryKind::Failed(StoreError::new(StoreErrorKind::CannotRead, "cannot be looked at"))
            }
        };
        Some(WalkEntry { path, kind })
    }

    fn link(&mut self, name: &[u8]) -> Result<WalkEntryKind, StoreError> {
        let folder = match self.open_folder.take() {
            Some(folder) => folder,
            None => self.open()?,
        };
        let folder = self.open_folder.insert(folder);
        let target = retry_on_intr(|| readlinkat(&*folder, name, Vec::new())).map_err(StoreError::read)?;
        let stat = statat(&*folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(StoreError::read)?;
        Ok(WalkEntryKind::Link { target: target.into_bytes(), meta: Meta::of(&stat) })
    }
}

impl Iterator for Walk {
    type Item = WalkEntry;

    fn next(&mut self) -> Option<WalkEntry> {
        if !self.has_begun {
            self.has_begun = true;
            if let Err(fault) = self.enter(0) {
                return Some(WalkEntry { path: Vec::new(), kind: WalkEntryKind::Failed(fault) });
            }
        }
        loop {
            if self.levels.last().is_some_and(|level| level.fault.is_none() && level.listing.has_unread()) {
                self.read_more_names();
            }
            let level = self.levels.last_mut()?;
            let found = match level.listing.next() {
                Some((name, kind)) => {
                    let name = name.to_vec();
                    self.visit(&name, kind)
                }
                None => self.pop_level(),
            };
            if found.is_some() {
                return found;
            }
        }
    }
}
