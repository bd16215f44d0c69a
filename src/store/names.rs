//! The entries of one folder with their metadata, for people and programs that look into it.

use super::confine::is_part_name;
use super::error::StoreError;
use super::folder::Folder;
use rustix::fs::{AtFlags, Dir, FileType, statat};

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEntry {
    /// Its name: any bytes but `/` and NUL.
    pub name: Vec<u8>,
    /// Its kind.
    pub kind: NamedKind,
    /// Its modification time: seconds since 1970, negative before.
    pub mtime_seconds: i64,
}

/// The kind of a [`NamedEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// A regular file of this many bytes.
    File {
        /// Its size.
        size_bytes: u64,
    },
    /// A folder.
    Folder,
}

impl Folder {
    /// Lists the files and folders in it, in no order. Links are what they lead to with `follow_links`, and left out without.
    /// FIFOs, sockets, devices and our own temporary files are left out. Blocks.
    ///
    /// # Errors
    /// `NotAllowed`, `CannotRead`.
    pub fn names(&self, follow_links: bool) -> Result<Vec<NamedEntry>, StoreError> {
        let flags = if follow_links { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let mut found = Vec::new();
        for entry in Dir::read_from(&*self.file).map_err(StoreError::read)? {
            let entry = entry.map_err(StoreError::read)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || is_part_name(name) {
                continue;
            }
            // One that is gone, or a link that leads nowhere.
            let Ok(stat) = statat(&*self.file, name, flags) else { continue };
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {
                    NamedKind::File { size_bytes: u64::try_from(stat.st_size).unwrap_or(0) }
                }
                FileType::Directory => NamedKind::Folder,
                _ => continue,
            };
            found.push(NamedEntry { name: name.to_vec(), kind, mtime_seconds: stat.st_mtime });
        }
        Ok(found)
    }
}
