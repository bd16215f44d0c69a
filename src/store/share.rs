//! What a server shares: a folder or a file.

use super::confine::check_regular;
use super::error::StoreError;
use super::folder::Folder;
use super::source::SourceFile;
use super::tree::Tree;
use super::walk::SymlinkPolicy;
use std::path::PathBuf;

/// The argument of `--share`.
#[derive(Clone, Debug)]
pub enum Share {
    /// Everything below a folder, and the handling of links in it.
    Folder(Folder, SymlinkPolicy),
    /// One file, under its base name.
    File {
        /// Its path.
        path: PathBuf,
        /// Its base name.
        name: Vec<u8>,
    },
}

impl Share {
    /// Opens a shared file by the name that clients use.
    ///
    /// # Errors
    /// As [`Folder::source`]. Files beside a single shared one are `NotFound`.
    pub fn source(&self, path: &[u8]) -> Result<SourceFile, StoreError> {
        match self {
            Share::Folder(folder, SymlinkPolicy::Follow) => {
                let mut tree = Tree::new(folder.clone(), true);
                // No walk has just seen it, and even opening a FIFO or a device is felt at its other end.
                check_regular(&tree.stat(path)?)?;
                tree.source(path)
            }
            Share::Folder(folder, _) => folder.source(path),
            Share::File { path: place, name } if *name == path => SourceFile::open(place),
            Share::File { .. } => Err(StoreError::not_found()),
        }
    }

    /// Opens a shared folder; the empty path is the root. `None` for the root of a single shared file.
    ///
    /// # Errors
    /// As [`Folder::below`].
    pub fn folder(&self, path: &[u8]) -> Result<Option<Folder>, StoreError> {
        match self {
            Share::Folder(folder, _) if path.is_empty() => Ok(Some(folder.clone())),
            Share::Folder(folder, SymlinkPolicy::Follow) => folder.followed(path).map(Some),
            Share::Folder(folder, _) => folder.below(path).map(Some),
            Share::File { .. } if path.is_empty() => Ok(None),
            Share::File { .. } => Err(StoreError::not_found()),
        }
    }

    /// Returns the handling of links.
    pub fn links(&self) -> SymlinkPolicy {
        match self {
            Share::Folder(_, links) => *links,
            Share::File { .. } => SymlinkPolicy::Skip,
        }
    }
}
