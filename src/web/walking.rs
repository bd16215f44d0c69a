//! Everything below a folder, found in steps.

use std::sync::Arc;

use super::tags::facts;
use crate::proto::web::file_facts::Timestamp;
use crate::report::escape_name;
use crate::store;
use crate::store::{
    ArchiveWalk, Filter, Folder, FoundKind, Meta, Share, SourceFile, Stamp, StoreError, SymlinkPolicy,
};

/// The entries of a step.
const STEP_ENTRIES: usize = 128;

/// The files that a request is about.
pub(super) struct Scope {
    pub(super) tree: Tree,
    /// The name of the folder, or of the single file.
    pub(super) name: Vec<u8>,
}

/// Where the files are.
#[derive(Clone)]
pub(super) enum Tree {
    /// Below a folder.
    Folder(Folder, SymlinkPolicy),
    /// One file, by its path in what is shared.
    File(Share),
}

/// Opens files of a [`Tree`].
pub(super) struct Files {
    tree: Tree,
    open: Option<store::Tree>,
}

impl Files {
    pub(super) fn new(tree: Tree) -> Files {
        Files { tree, open: None }
    }

    /// Opens a file, if it is what it was when it was found.
    ///
    /// # Errors
    /// As [`store::Tree::unchanged_source`].
    pub(super) fn open(&mut self, path: &[u8], stamp: Stamp) -> Result<SourceFile, StoreError> {
        match &self.tree {
            Tree::File(share) => share.source(path)?.unchanged(stamp),
            Tree::Folder(folder, links) => {
                let follows = *links == SymlinkPolicy::Follow;
                let tree = self.open.get_or_insert_with(|| store::Tree::new(folder.clone(), follows));
                tree.unchanged_source(path, stamp)
            }
        }
    }
}

impl Clone for Files {
    fn clone(&self) -> Files {
        Files::new(self.tree.clone())
    }
}

impl Scope {
    /// The folder at a path. The empty path names all that is shared, which has the name `all`.
    ///
    /// # Errors
    /// As [`Share::folder`].
    pub(super) fn of(all: &[u8], share: &Share, path: &[u8]) -> Result<Scope, StoreError> {
        Ok(match (share.folder(path)?, share) {
            (None, Share::File { name, .. }) => Scope { tree: Tree::File(share.clone()), name: name.clone() },
            (None, Share::Folder(folder, links)) => {
                Scope { tree: Tree::Folder(folder.clone(), *links), name: all.to_vec() }
            }
            (Some(folder), _) => {
                let name = path.rsplit(|byte| *byte == b'/').next().filter(|name| !name.is_empty());
                let name = name.map_or_else(|| all.to_vec(), <[u8]>::to_vec);
                Scope { tree: Tree::Folder(folder, share.links()), name }
            }
        })
    }
}

/// A walk in steps.
pub(super) enum Walking {
    Folder(Box<ArchiveWalk>),
    Single { share: Share, name: Vec<u8> },
}

/// What a walk has come to.
pub(super) enum Found {
    /// Everything was found. `seed` is that of its tag.
    All { seed: Stamp, newest_change: Option<Timestamp> },
    /// Something cannot be read: what, and why.
    Unreadable(String),
}

impl Walking {
    pub(super) fn new(scope: &Scope) -> Walking {
        match &scope.tree {
            Tree::Folder(folder, links) => {
                let walk = ArchiveWalk::new(folder.clone(), *links, Arc::new(Filter::default()));
                Walking::Folder(Box::new(walk))
            }
            Tree::File(share) => Walking::Single { share: share.clone(), name: scope.name.clone() },
        }
    }

    /// Does a step, and passes what it has found. `None`: there is more.
    pub(super) fn step(&mut self, mut take: impl FnMut(&[u8], FoundKind)) -> Option<Found> {
        let walk = match self {
            Walking::Folder(walk) => walk,
            Walking::Single { share, name } => {
                return Some(match share.source(name) {
                    Ok(source) => single(name, &source, take),
                    Err(fault) => unreadable(name, &fault),
                });
            }
        };
        for _ in 0..STEP_ENTRIES {
            let Some(found) = walk.next() else {
                let newest_change = walk.newest_change();
                let newest_change =
                    newest_change.map(|(seconds, nanoseconds)| Timestamp { seconds, nanoseconds });
                return Some(Found::All { seed: walk.seed(), newest_change });
            };
            match found.kind {
                FoundKind::Failed(fault) => return Some(unreadable(&found.path, &fault)),
                kind => take(&found.path, kind),
            }
        }
        None
    }
}

fn single(name: &[u8], source: &SourceFile, mut take: impl FnMut(&[u8], FoundKind)) -> Found {
    let meta = Meta {
        mode: source.mode(),
        mtime_seconds: source.mtime_seconds(),
        mtime_nanoseconds: source.mtime_nanoseconds(),
    };
    let stamp = source.stamp();
    take(name, FoundKind::File { size_bytes: source.size_bytes(), meta, stamp });
    Found::All { seed: stamp, newest_change: Some(facts(source).changed) }
}

fn unreadable(path: &[u8], fault: &StoreError) -> Found {
    let name = if path.is_empty() { "the folder".into() } else { escape_name(path) };
    Found::Unreadable(format!("{name} {fault}, and without it this would not be whole"))
}
