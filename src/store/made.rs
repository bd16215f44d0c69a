//! Folders that were made for what arrives: only these get a mode, never one that was there before.

use rustix::fs::fstat;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Mutex, PoisonError};

/// How many are remembered until their own entry comes; more keep the mode that they were made with.
const MOST: usize = 16_384;

/// Paths below a destination, with device and inode: what has the name later may be another folder.
#[derive(Debug, Default)]
pub(super) struct Made(Mutex<HashMap<Vec<u8>, (u64, u64)>>);

impl Made {
    /// A folder has just been made.
    pub(super) fn note(&self, path: &[u8], folder: &File) {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < MOST
            && let Ok(stat) = fstat(folder)
        {
            made.insert(path.to_vec(), (stat.st_dev as u64, stat.st_ino as u64));
        }
    }

    /// Whether this is a folder that was made here. Forgets it.
    pub(super) fn take(&self, path: &[u8], folder: &File) -> bool {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        let found = fstat(folder).map(|stat| (stat.st_dev as u64, stat.st_ino as u64));
        made.is_some_and(|made| found == Ok(made))
    }
}
