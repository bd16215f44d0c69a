//! What an archive has in it, in few bytes for each entry.

use std::ops::Range;

/// Mode and time of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Nine permission bits.
    pub mode: u16,
    /// Modification time: seconds since 1970, negative before.
    pub mtime_seconds: i64,
    /// Modification time: nanoseconds, below 1,000,000,000.
    pub mtime_nanoseconds: u32,
}

/// The entries of an archive, in their order. Each takes 40 bytes and its names.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    prefix: Vec<u8>,
    /// Paths, each with the target of its link after it.
    names: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    /// Where its names end in `names`; they begin where those of the record before it end.
    names_end: u64,
    size_bytes: u64,
    mtime_seconds: i64,
    mtime_nanoseconds: u32,
    path_len: u32,
    mode: u16,
    kind: RecordKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordKind {
    File,
    Folder,
    Link,
}

/// One of [`Entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name before all paths, without a `/` at its end; may be empty.
    pub prefix: &'a [u8],
    /// Its path, separated by `/`; empty for the folder that the prefix names.
    pub path: &'a [u8],
    /// Its kind.
    pub kind: EntryKind<'a>,
    /// Mode and time.
    pub attributes: Attributes,
}

/// Kind of an [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A regular file.
    File {
        /// Length of its content.
        size_bytes: u64,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Link {
        /// Its target.
        target: &'a [u8],
    },
}

impl Entries {
    /// Creates an empty list. `prefix` is the name of the folder that everything is in when it is unpacked, or empty.
    pub fn new(prefix: &[u8]) -> Self {
        Self { prefix: prefix.to_vec(), ..Self::default() }
    }

    /// Adds a file.
    pub fn push_file(&mut self, path: &[u8], size_bytes: u64, attributes: Attributes) {
        self.push(path, b"", RecordKind::File, size_bytes, attributes);
    }

    /// Adds a folder. The empty path is the folder that the prefix names; without a prefix it is left out.
    pub fn push_folder(&mut self, path: &[u8], attributes: Attributes) {
        if !(path.is_empty() && self.prefix.is_empty()) {
            self.push(path, b"", RecordKind::Folder, 0, attributes);
        }
    }

    /// Adds a symbolic link.
    pub fn push_link(&mut self, path: &[u8], target: &[u8], attributes: Attributes) {
        self.push(path, target, RecordKind::Link, 0, attributes);
    }

    fn push(
        &mut self,
        path: &[u8],
        target: &[u8],
        kind: RecordKind,
        size_bytes: u64,
        attributes: Attributes,
    ) {
        self.names.extend_from_slice(path);
        self.names.extend_from_slice(target);
        self.records.push(Record {
            names_end: self.names.len() as u64,
            size_bytes,
            mtime_seconds: attributes.mtime_seconds,
            mtime_nanoseconds: attributes.mtime_nanoseconds,
            path_len: u32::try_from(path.len()).unwrap_or(u32::MAX),
            mode: attributes.mode,
            kind,
        });
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns an entry; `None` from [`Self::len`] on.
    pub fn get(&self, index: usize) -> Option<Entry<'_>> {
        let record = self.records.get(index)?;
        let (path, target) =
            self.names.get(self.names_of(index)?)?.split_at_checked(record.path_len as usize)?;
        let kind = match record.kind {
            RecordKind::File => EntryKind::File { size_bytes: record.size_bytes },
            RecordKind::Folder => EntryKind::Folder,
            RecordKind::Link => EntryKind::Link { target },
        };
        let attributes = Attributes {
            mode: record.mode,
            mtime_seconds: record.mtime_seconds,
            mtime_nanoseconds: record.mtime_nanoseconds,
        };
        Some(Entry { prefix: &self.prefix, path, kind, attributes })
    }

    fn names_of(&self, index: usize) -> Option<Range<usize>> {
        let end_of = |index: usize| self.records.get(index).map(|record| record.names_end as usize);
        let start = match index.checked_sub(1) {
            Some(before) => end_of(before)?,
            None => 0,
        };
        Some(start..end_of(index)?)
    }

    /// Returns the memory that they take, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.names.capacity() + self.records.capacity() * size_of::<Record>()
    }

    /// Frees the memory that further entries would have got.
    pub(super) fn shrink(&mut self) {
        self.names.shrink_to_fit();
        self.records.shrink_to_fit();
    }
}

impl Entry<'_> {
    /// Returns the bytes of its content that come from a file.
    pub fn content_bytes(&self) -> u64 {
        match self.kind {
            EntryKind::File { size_bytes } => size_bytes,
            EntryKind::Folder | EntryKind::Link { .. } => 0,
        }
    }

    /// Returns its name in the archive: prefix and path, and a `/` after those of a folder.
    pub(super) fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.prefix.len() + self.path.len() + 2);
        name.extend_from_slice(self.prefix);
        if !self.prefix.is_empty() && !self.path.is_empty() {
            name.push(b'/');
        }
        name.extend_from_slice(self.path);
        if self.kind == EntryKind::Folder {
            name.push(b'/');
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_few_bytes_and_comes_back_as_it_was() {
        assert!(size_of::<Record>() <= 40);
        let attributes = Attributes { mode: 0o640, mtime_seconds: -7, mtime_nanoseconds: 999_999_999 };
        let mut entries = Entries::new(b"top");
        entries.push_folder(b"", attributes);
        entries.push_file(b"a", u64::MAX, attributes);
        entries.push_link(b"l/k", b"../a", attributes);
        entries.push_file(b"", 0, Attributes::default());
        let all: Vec<_> = (0..5).map(|index| entries.get(index)).collect();
        let names: Vec<_> = all.iter().flatten().map(Entry::name).collect();
        assert_eq!(names, [&b"top/"[..], b"top/a", b"top/l/k", b"top"]);
        let kinds: Vec<_> = all.iter().flatten().map(|entry| entry.kind).collect();
        let file = |size_bytes| EntryKind::File { size_bytes };
        assert_eq!(kinds, [EntryKind::Folder, file(u64::MAX), EntryKind::Link { target: b"../a" }, file(0)]);
        assert_eq!(all[2].unwrap().attributes, attributes);
        assert_eq!(all[4], None);
        let mut bare = Entries::new(b"");
        bare.push_folder(b"", attributes);
        assert!(bare.is_empty());
    }
}
