//! The names in one folder, held in little room: a million of them must not cost a million allocations.

use super::fault::{Fault, FaultKind};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;
use std::fs::File;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Fifo,
    Socket,
    Device,
    /// A link that is to be followed and leads nowhere.
    Dangling,
    /// It was removed meanwhile.
    Gone,
    /// Nobody says what it is.
    Unknown,
}

/// Names and kinds, in the order of the names' bytes.
#[derive(Debug)]
pub(super) struct Listing {
    /// The names, one behind the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    next: usize,
}

/// Eight bytes for each name beside its own.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    length: u16,
    kind: Kind,
}

impl Listing {
    /// Lists a folder. With `follow`, a link is what it leads to. A fault comes with the names that were read before.
    pub(super) fn read(folder: &File, follow: bool) -> (Self, Option<Fault>) {
        let mut listing = Self { bytes: Vec::new(), entries: Vec::new(), next: 0 };
        let fault = listing.fill(folder, follow).err();
        listing.bytes.shrink_to_fit();
        listing.entries.shrink_to_fit();
        let name = |entry: &Entry| &listing.bytes[entry.range()];
        listing.entries.sort_unstable_by(|one, other| name(one).cmp(name(other)));
        (listing, fault)
    }

    fn fill(&mut self, folder: &File, follow: bool) -> Result<(), Fault> {
        for entry in Dir::read_from(folder).map_err(Fault::read)? {
            let entry = entry.map_err(Fault::read)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let (Ok(start), Ok(length)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) else {
                return Err(Fault::new(FaultKind::CannotRead, "has too many names"));
            };
            let kind = match entry.file_type() {
                FileType::Symlink if follow => looked_at(folder, name, AtFlags::empty()),
                // Not every file system tells it in the listing (readdir(3), `DT_UNKNOWN`).
                FileType::Unknown => match looked_at(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Kind::Link if follow => looked_at(folder, name, AtFlags::empty()),
                    kind => kind,
                },
                kind => of_type(kind),
            };
            self.bytes.extend_from_slice(name);
            self.entries.push(Entry { start, length, kind });
        }
        Ok(())
    }

    /// The next name.
    pub(super) fn next(&mut self) -> Option<(&[u8], Kind)> {
        let entry = self.entries.get(self.next)?;
        self.next += 1;
        Some((&self.bytes[entry.range()], entry.kind))
    }
}

impl Entry {
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.length)
    }
}

fn looked_at(folder: &File, name: &[u8], flags: AtFlags) -> Kind {
    match statat(folder, name, flags) {
        Ok(stat) => of_type(FileType::from_raw_mode(stat.st_mode)),
        Err(Errno::NOENT) if flags.is_empty() => Kind::Dangling,
        Err(Errno::NOENT) => Kind::Gone,
        Err(_) => Kind::Unknown,
    }
}

fn of_type(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
        FileType::Unknown => Kind::Unknown,
    }
}
