//! Removal of what sessions that did not end in order have left in a folder.

use super::confine::is_part_name;
use super::folder::Folder;
use super::staging::PrivateFolder;
use super::temporary::{clear, lock_staging, remove_staging};
use rustix::fs::{AtFlags, Dir, FileType, statat};

/// The age up to which a later session may take over a part.
const KEPT_SECONDS: i64 = 7 * 24 * 60 * 60;
/// The size of a part from which on it is kept: a smaller one is sent again as quickly as it is compared.
const WORTH_KEEPING_BYTES: i64 = 1 << 20;

impl Folder {
    /// Removes what interrupted sessions have left in this folder (not in folders below it): staging folders, and parts
    /// that were last written to more than seven days ago; younger ones may still be resumed. What is in use stays, and
    /// so does what cannot be removed.
    pub fn remove_leftovers(&self) {
        let entries = Dir::read_from(&*self.file).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_owned());
        let names: Vec<_> = names.filter(|name| is_part_name(name.to_bytes())).collect();
        // The age of a part is measured by the file system's own clock: that of a server may differ from ours.
        let mut now = None;
        for name in names.iter().filter_map(|name| name.to_str().ok()) {
            if let Some(staging) = lock_staging(&self.file, name) {
                remove_staging(&self.file, name, &staging);
                continue;
            }
            let Ok(stat) = statat(&*self.file, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                continue;
            }
            if stat.st_size < WORTH_KEEPING_BYTES {
                let _ = clear(&self.file, name);
                continue;
            }
            if now.is_none() {
                now = PrivateFolder::new(&self.file).ok().and_then(|private| private.mtime_seconds());
            }
            if now.is_some_and(|now| now.saturating_sub(KEPT_SECONDS) >= stat.st_mtime) {
                let _ = clear(&self.file, name);
            }
        }
    }
}
