//! Folders that were made for received entries: only these get a mode, never existing ones.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

/// Maximum of folders that are remembered until their own entry arrives; further ones keep their first mode.
const MAX_FOLDERS: usize = 16_384;

/// Paths below a destination, with device and inode: another folder may have the name later.
#[derive(Debug, Default)]
pub(super) struct Made(Mutex<HashMap<Vec<u8>, (u64, u64)>>);

impl Made {
    /// Records a folder that was just made.
    pub(super) fn insert(&self, path: &[u8], folder: &File) {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < MAX_FOLDERS
            && let Some(identity) = identity(folder)
        {
            made.insert(path.to_vec(), identity);
        }
    }

    /// Removes a folder. Returns whether it was made here.
    pub(super) fn remove(&self, path: &[u8], folder: &File) -> bool {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        made.is_some() && made == identity(folder)
    }
}

fn identity(folder: &File) -> Option<(u64, u64)> {
    folder.metadata().ok().map(|found| (found.dev(), found.ino()))
}
