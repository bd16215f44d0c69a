//! What an archive of a folder has in it.

use super::confine::check_regular;
use super::error::{StoreError, StoreErrorKind};
use super::filter::Filter;
use super::folder::Folder;
use super::meta::Meta;
use super::source::SourceFile;
use super::stamp::Stamp;
use super::tree::Tree;
use super::walk::{SkipReason, SymlinkPolicy, Walk, WalkEntry, WalkEntryKind};
use std::sync::Arc;

/// An entry that an [`ArchiveWalk`] has found.
#[derive(Debug)]
pub struct FoundEntry {
    /// Its path below the folder of the walk, separated by `/`; empty for that folder itself.
    pub path: Vec<u8>,
    /// Its kind, and what else the archive says of it.
    pub kind: FoundKind,
}

/// See [`FoundEntry`].
#[derive(Debug)]
pub enum FoundKind {
    /// A regular file that may be read.
    File {
        /// Length of its content.
        size_bytes: u64,
        /// Its mode and time.
        meta: Meta,
        /// For [`Tree::unchanged_source`].
        stamp: Stamp,
    },
    /// A folder.
    Folder(Meta),
    /// A link, with [`SymlinkPolicy::Copy`].
    Link {
        /// Its target.
        target: Vec<u8>,
        /// Its own metadata.
        meta: Meta,
    },
    /// It is left out for its kind.
    Skipped(SkipReason),
    /// It cannot be read, and an archive without it would not be whole.
    Failed(StoreError),
}

/// Everything below a folder, the folder itself first: depth first, names in byte order, a folder before what is in it. The
/// order depends on the names alone. It is confined like a [`Walk`].
///
/// What was found is also gathered into [`Self::seed`].
#[derive(Debug)]
pub struct ArchiveWalk {
    root: Option<Result<Meta, StoreError>>,
    walk: Walk,
    tree: Tree,
    seed: blake3::Hasher,
    newest_change: Option<(i64, u32)>,
}

impl ArchiveWalk {
    /// Creates a walk below `folder`; the filter matches paths below it.
    pub fn new(folder: Folder, links: SymlinkPolicy, filter: Arc<Filter>) -> Self {
        Self {
            root: Some(folder.meta()),
            walk: Walk::new(folder.clone(), links, filter).folders_first(),
            tree: Tree::new(folder, links == SymlinkPolicy::Follow),
            seed: blake3::Hasher::new(),
            newest_change: None,
        }
    }

    /// Returns what identifies everything that was found until now, with its content. After the last entry it is the seed of
    /// an ETag: as long as it is the same, an archive of the folder has the same bytes.
    pub fn seed(&self) -> Stamp {
        Stamp::from_digest(&self.seed)
    }

    /// Returns the time of the last change of one of the files (inode(7), ctime), in seconds since 1970 and nanoseconds.
    /// Stamps do not show a further change within the same tick of the clock. `None` without files.
    pub fn newest_change(&self) -> Option<(i64, u32)> {
        self.newest_change
    }

    /// Looks at a file; `None` if it is gone.
    fn file(&mut self, path: &[u8]) -> Option<FoundKind> {
        let stat = match self.tree.stat(path) {
            Ok(stat) => stat,
            Err(fault) if fault.kind == StoreErrorKind::NotFound => return None,
            Err(fault) => return Some(FoundKind::Failed(fault)),
        };
        if let Err(fault) = check_regular(&stat).and_then(|()| self.tree.check_readable(path)) {
            return Some(FoundKind::Failed(fault));
        }
        let change = (stat.st_ctime, u32::try_from(stat.st_ctime_nsec).unwrap_or(0));
        self.newest_change = self.newest_change.max(Some(change));
        Some(FoundKind::File {
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            meta: Meta::of(&stat),
            stamp: Stamp::of_stat(&stat),
        })
    }

    fn look(&mut self, entry: WalkEntry) -> Option<FoundEntry> {
        let kind = match entry.kind {
            WalkEntryKind::File => self.file(&entry.path)?,
            WalkEntryKind::Folder(meta) => FoundKind::Folder(meta),
            WalkEntryKind::Link { target, meta } => FoundKind::Link { target, meta },
            WalkEntryKind::Skipped(reason) => FoundKind::Skipped(reason),
            WalkEntryKind::Failed(fault) => FoundKind::Failed(fault),
        };
        let found = FoundEntry { path: entry.path, kind };
        found.add_to(&mut self.seed);
        Some(found)
    }
}

impl Iterator for ArchiveWalk {
    type Item = FoundEntry;

    fn next(&mut self) -> Option<FoundEntry> {
        if let Some(root) = self.root.take() {
            let kind = root.map_or_else(WalkEntryKind::Failed, WalkEntryKind::Folder);
            return self.look(WalkEntry { path: Vec::new(), kind });
        }
        loop {
            let entry = self.walk.next()?;
            if let Some(found) = self.look(entry) {
                return Some(found);
            }
        }
    }
}

impl FoundEntry {
    /// Adds everything that shows in an archive, in a form in which no two lists of entries are the same bytes.
    fn add_to(&self, seed: &mut blake3::Hasher) {
        let (kind, meta, text) = match &self.kind {
            FoundKind::File { meta, stamp, .. } => (b'f', meta, &stamp.bytes()[..]),
            FoundKind::Folder(meta) => (b'd', meta, &b""[..]),
            FoundKind::Link { target, meta } => (b'l', meta, &target[..]),
            FoundKind::Skipped(_) | FoundKind::Failed(_) => return,
        };
        seed.update(&[kind]);
        seed.update(&meta.mode.to_le_bytes());
        seed.update(&meta.mtime_seconds.to_le_bytes());
        seed.update(&meta.mtime_nanoseconds.to_le_bytes());
        for bytes in [&self.path[..], text] {
            seed.update(&(bytes.len() as u64).to_le_bytes());
            seed.update(bytes);
        }
    }
}

impl Tree {
    /// Opens a file that an [`ArchiveWalk`] has found, if it is still the same. Whether it stays so while it is read is what
    /// [`SourceFile::changed`] says afterwards.
    ///
    /// # Errors
    /// `CannotRead` for another file or other content, and for one whose content is generated when it is read; else as
    /// [`Folder::source`].
    pub fn unchanged_source(&mut self, path: &[u8], stamp: Stamp) -> Result<SourceFile, StoreError> {
        self.source(path)?.unchanged(stamp)
    }
}
