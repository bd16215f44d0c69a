//! The names in one folder, in bounded memory: a million names must not cost a million allocations, and many clients at
//! once must not hold the bytes of all.

use super::error::{StoreError, StoreErrorKind};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    File,
    Folder,
    Link,
    Fifo,
    Socket,
    Device,
    /// A followed link to a missing file.
    Dangling,
    /// Removed meanwhile.
    Gone,
    /// The system does not report the kind.
    Unknown,
}

/// Bytes that all listings of the process may share beyond their own limits.
static SPARE_BYTES: AtomicUsize = AtomicUsize::new(32 << 20);
const LENT_STEP_BYTES: usize = 1 << 20;

/// A listing's share of [`SPARE_BYTES`].
#[derive(Debug)]
struct Lent {
    bytes: usize,
    from: &'static AtomicUsize,
}

impl Lent {
    /// Borrows another step. Returns false if none is left.
    fn grow(&mut self) -> bool {
        let take = |spare: usize| spare.checked_sub(LENT_STEP_BYTES);
        let taken = self.from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        self.bytes += if taken { LENT_STEP_BYTES } else { 0 };
        taken
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.from.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// Names and kinds, in byte order of the names. Of a folder with more names than fit, it holds the first ones; the
/// folder is read again for those after them, and so on.
#[derive(Debug)]
pub(super) struct Listing {
    /// The names, one after the other.
    bytes: Vec<u8>,
    entries: Vec<NameEntry>,
    next: usize,
    follow: bool,
    limit_bytes: usize,
    lent: Lent,
    /// Names up to this one were held before.
    after: Option<Vec<u8>>,
    /// There are further names after the held ones.
    is_cut: bool,
}

/// Eight bytes for each name beside its own.
#[derive(Debug, Clone, Copy)]
struct NameEntry {
    start: u32,
    length: u16,
    kind: FileKind,
}

impl Listing {
    /// Lists a folder. With `follow`, a link has the kind of its target. Names and kinds take `limit_bytes`, and more
    /// while the process has some to spare. A fault comes with the names that were read before it.
    pub(super) fn read(folder: &File, follow: bool, limit_bytes: usize) -> (Self, Option<StoreError>) {
        Self::read_with(folder, follow, limit_bytes, &SPARE_BYTES)
    }

    fn read_with(
        folder: &File,
        follow: bool,
        limit_bytes: usize,
        spare: &'static AtomicUsize,
    ) -> (Self, Option<StoreError>) {
        let mut listing = Self {
            bytes: Vec::new(),
            entries: Vec::new(),
            next: 0,
            follow,
            limit_bytes,
            lent: Lent { bytes: 0, from: spare },
            after: None,
            is_cut: false,
        };
        let fault = listing.fill(folder).err();
        (listing, fault)
    }

    /// Returns whether all held names were handed out, and there are more.
    pub(super) fn has_unread(&self) -> bool {
        self.is_cut && self.next == self.entries.len()
    }

    /// Reads the next names of the same folder. A fault comes with the names that were read before it.
    pub(super) fn read_next(&mut self, folder: &File) -> Option<StoreError> {
        self.after = self.last().or(self.after.take());
        self.bytes.clear();
        self.entries.clear();
        (self.next, self.is_cut) = (0, false);
        self.fill(folder).err()
    }

    fn fill(&mut self, folder: &File) -> Result<(), StoreError> {
        let filled = self.read_names(folder);
        self.sort();
        self.bytes.shrink_to_fit();
        self.entries.shrink_to_fit();
        filled
    }

    fn read_names(&mut self, folder: &File) -> Result<(), StoreError> {
        let mut up_to: Option<Vec<u8>> = None;
        for entry in Dir::read_from(folder).map_err(StoreError::read)? {
            let entry = entry.map_err(StoreError::read)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..")
                || self.after.as_deref().is_some_and(|after| name <= after)
                || up_to.as_deref().is_some_and(|last| name > last)
            {
                continue;
            }
            let (Ok(start), Ok(length)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) else {
                return Err(StoreError::new(StoreErrorKind::CannotRead, "has too many names"));
            };
            let kind = match entry.file_type() {
                FileType::Symlink if self.follow => looked_at(folder, name, AtFlags::empty()),
                // Not every file system reports it in the listing (readdir(3), `DT_UNKNOWN`).
                FileType::Unknown => match looked_at(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    FileKind::Link if self.follow => looked_at(folder, name, AtFlags::empty()),
                    kind => kind,
                },
                kind => of_type(kind),
            };
            self.bytes.extend_from_slice(name);
            self.entries.push(NameEntry { start, length, kind });
            if self.held_bytes() > self.limit_bytes + self.lent.bytes && !self.lent.grow() {
                up_to = self.keep_first_names();
            }
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<NameEntry>()
    }

    fn sort(&mut self) {
        let name = |entry: &NameEntry| &self.bytes[entry.range()];
        self.entries.sort_unstable_by(|one, other| name(one).cmp(name(other)));
    }

    fn last(&self) -> Option<Vec<u8>> {
        self.entries.last().map(|entry| self.bytes[entry.range()].to_vec())
    }

    /// Drops the last names until the held ones fill half of the limit, and returns the last one held.
    fn keep_first_names(&mut self) -> Option<Vec<u8>> {
        self.sort();
        self.is_cut = true;
        let limit_bytes = (self.limit_bytes + self.lent.bytes) / 2;
        let mut held_bytes = 0;
        let fits = |entry: &&NameEntry| {
            held_bytes += entry.range().len() + size_of::<NameEntry>();
            held_bytes <= limit_bytes
        };
        let count = self.entries.iter().take_while(fits).count().max(1);
        self.entries.truncate(count);
        let last = self.last();
        self.close_up();
        last
    }

    /// Drops the bytes of names that are not held any more, in place. The entries are then in the order of their bytes.
    fn close_up(&mut self) {
        self.entries.sort_unstable_by_key(|entry| entry.start);
        let mut end = 0;
        for entry in &mut self.entries {
            self.bytes.copy_within(entry.range(), end);
            entry.start = end as u32;
            end += usize::from(entry.length);
        }
        self.bytes.truncate(end);
    }

    /// Returns the next name.
    pub(super) fn next(&mut self) -> Option<(&[u8], FileKind)> {
        let entry = self.entries.get(self.next)?;
        self.next += 1;
        Some((&self.bytes[entry.range()], entry.kind))
    }
}

impl NameEntry {
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.length)
    }
}

fn looked_at(folder: &File, name: &[u8], flags: AtFlags) -> FileKind {
    match statat(folder, name, flags) {
        Ok(stat) => of_type(FileType::from_raw_mode(stat.st_mode)),
        Err(Errno::NOENT) if flags.is_empty() => FileKind::Dangling,
        Err(Errno::NOENT) => FileKind::Gone,
        Err(_) => FileKind::Unknown,
    }
}

fn of_type(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice => FileKind::Device,
        FileType::Unknown => FileKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_more_names_than_there_is_room_for_is_read_several_times() {
        let place = tempfile::tempdir().unwrap();
        let mut expected: Vec<String> =
            (0..500).map(|number| format!("{}-{number}", number * 7 % 11)).collect();
        expected.iter().for_each(|name| drop(File::create(place.path().join(name)).unwrap()));
        expected.sort();
        let folder = File::open(place.path()).unwrap();
        static NOTHING: AtomicUsize = AtomicUsize::new(0);
        static SOME: AtomicUsize = AtomicUsize::new(LENT_STEP_BYTES);
        for (limit_bytes, spare, passes) in
            [(1, &NOTHING, 500..502), (400, &NOTHING, 20..60), (1 << 20, &NOTHING, 1..2), (1, &SOME, 1..2)]
        {
            let before = spare.load(Ordering::Relaxed);
            let mut listing = Listing::read_with(&folder, false, limit_bytes, spare).0;
            let (mut names, mut count) = (Vec::new(), 1);
            loop {
                while let Some((name, kind)) = listing.next() {
                    assert_eq!(kind, FileKind::File);
                    names.push(String::from_utf8(name.to_vec()).unwrap());
                }
                if !listing.has_unread() {
                    break;
                }
                assert!(listing.read_next(&folder).is_none());
                assert!(listing.held_bytes() <= limit_bytes + 16, "{} bytes", listing.held_bytes());
                count += 1;
            }
            assert!(passes.contains(&count), "{limit_bytes} bytes: {count} times");
            assert_eq!(names, expected);
            drop(listing);
            assert_eq!(spare.load(Ordering::Relaxed), before);
        }
    }
}
