//! The entries of a session: files, folders and links. They are found one by one while the session runs.

mod ahead;

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::ahead::{Ahead, OfferingCounter};
use crate::net::child::Program;
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::skipped::{Skipped, SkippedKind};
use crate::store::{
    Filter, Folder, Meta, SkipReason, SourceFile, StoreError, SymlinkPolicy, Tree, Walk, WalkEntry,
    WalkEntryKind,
};
use crate::transfer::failure::{Role, reason_of};

/// A root that is sent, and its path at the receiver.
#[derive(Clone)]
pub(crate) enum Root {
    /// A file by a path that the user named: links are followed.
    File { path: PathBuf, name: Vec<u8> },
    /// Everything below an open folder. With an empty `name` the folder itself is not an entry.
    Folder { folder: Folder, name: Vec<u8> },
    /// A file or a folder below an open folder, opened when it is offered: links are not followed.
    Below { folder: Folder, name: Vec<u8> },
    /// The content of stdin.
    Stdin { name: Vec<u8> },
    /// The output of a command.
    Command { name: Vec<u8>, program: Program },
    /// A requested name that cannot be sent.
    Missing { name: Vec<u8>, reason: Reason, text: String },
}

/// Key to reopen a file that was offered.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    root: usize,
    /// Path below the root, if that is a folder.
    path: Vec<u8>,
    /// Device and inode of a file, once offered.
    identity: Option<(u64, u64)>,
}

/// The bytes of an offered file.
pub(crate) enum Content {
    File(SourceFile),
    /// A file whose size is not known before its end.
    Unsized(SourceFile),
    Stdin,
    Command(Program),
}

/// An entry, with the key and the bytes of a file.
pub(crate) struct Offered {
    pub(crate) entry: Entry,
    pub(crate) file: Option<(Key, Content)>,
}

/// The next item of an offering.
#[expect(clippy::large_enum_variant, reason = "most are large, and each is handed on at once")]
pub(crate) enum OfferingItem {
    /// An entry to offer.
    Entry(Offered),
    /// An entry that is skipped for its kind.
    Skipped(Skipped),
}

/// Everything that a session sends.
pub(crate) struct Offering {
    roots: Arc<[Root]>,
    next: usize,
    walk: Option<(Folder, Walk)>,
    /// The tree of the file that was opened last, and the index of its root.
    tree: Option<(usize, Tree)>,
    links: SymlinkPolicy,
    filter: Arc<Filter>,
}

impl Offering {
    pub(crate) fn new(roots: Vec<Root>, links: SymlinkPolicy, filter: Arc<Filter>) -> Offering {
        Offering { roots: roots.into(), next: 0, walk: None, tree: None, links, filter }
    }

    /// Opens a file that was offered before.
    pub(crate) fn open(&mut self, key: &Key) -> Result<Content, StoreError> {
        match &self.roots[key.root] {
            Root::File { path, .. } => SourceFile::open(path).map(Content::File),
            Root::Below { folder, name } if key.path.is_empty() => {
                source_below(folder, name, self.links).map(Content::File)
            }
            Root::Folder { folder, .. } | Root::Below { folder, .. } => {
                let tree = match &mut self.tree {
                    Some((root, tree)) if *root == key.root => tree,
                    other => {
                        let folder = match &self.roots[key.root] {
                            Root::Below { name, .. } => folder_below(folder, name, self.links)?,
                            _ => folder.clone(),
                        };
                        let tree = Tree::new(folder, self.links == SymlinkPolicy::Follow);
                        &mut other.insert((key.root, tree)).1
                    }
                };
                tree.source(&key.path).map(Content::File)
            }
            Root::Command { program, .. } => Ok(Content::Command(program.clone())),
            Root::Stdin { .. } | Root::Missing { .. } => Ok(Content::Stdin),
        }
    }

    /// Returns the entry for a file, with its bytes.
    fn file(&mut self, mut key: Key, path: Vec<u8>) -> Offered {
        let content = match self.open(&key) {
            Ok(Content::File(source)) if source.has_no_size() => Content::Unsized(source),
            Ok(content) => content,
            Err(fault) => return missing(path, &fault),
        };
        let entry = match &content {
            Content::File(source) => {
                key.identity = Some(source.identity());
                entry_of(source, path)
            }
            Content::Unsized(_) | Content::Stdin | Content::Command(_) => {
                let meta = Meta { mode: 0o666, ..Meta::default() };
                Entry { size: None, ..entry(EntryKind::File, path, meta) }
            }
        };
        Offered { entry, file: Some((key, content)) }
    }

    /// Starts with a name below a shared folder. Returns `None` if it is a folder.
    fn below(&mut self, key: Key, folder: &Folder, name: Vec<u8>) -> Option<Offered> {
        let fault = match self.open(&key) {
            Ok(_) => return Some(self.file(key, name)),
            Err(fault) => fault,
        };
        if let Ok(folder) = folder_below(folder, &name, self.links) {
            self.begin_walk(folder);
            return None;
        }
        let refused = match folder.link(&name) {
            Ok((target, meta)) if self.links == SymlinkPolicy::Copy => {
                return Some(Offered { entry: entry(EntryKind::Link(target), name, meta), file: None });
            }
            Ok(_) if self.links == SymlinkPolicy::Skip => {
                let text = "is a link, and this server was started without --links";
                (Reason::NotAllowed, text.to_owned())
            }
            _ => reason_of(&fault, Role::Sender),
        };
        Some(refused_entry(name, refused))
    }

    fn begin_walk(&mut self, folder: Folder) {
        let walk = Walk::new(folder.clone(), self.links, Arc::clone(&self.filter));
        self.walk = Some((folder, walk));
    }

    /// Returns the entry of a folder that was named, after everything in it.
    fn root_folder(&self, root: usize, folder: &Folder) -> Option<Offered> {
        let (Root::Folder { name, .. } | Root::Below { name, .. }) = &self.roots[root] else { return None };
        if name.is_empty() {
            return None;
        }
        Some(match folder.meta() {
            Ok(meta) => Offered { entry: entry(EntryKind::Folder, name.clone(), meta), file: None },
            Err(fault) => missing(name.clone(), &fault),
        })
    }

    fn item_of(&mut self, root: usize, found: WalkEntry) -> Option<OfferingItem> {
        let (Root::Folder { name, .. } | Root::Below { name, .. }) = &self.roots[root] else { return None };
        let path = below(name, &found.path);
        Some(OfferingItem::Entry(match found.kind {
            WalkEntryKind::File => self.file(Key { root, path: found.path, identity: None }, path),
            WalkEntryKind::Folder(meta) => {
                Offered { entry: entry(EntryKind::Folder, path, meta), file: None }
            }
            WalkEntryKind::Link { target, meta } => {
                Offered { entry: entry(EntryKind::Link(target), path, meta), file: None }
            }
            WalkEntryKind::Skipped(skip) => {
                return Some(OfferingItem::Skipped(Skipped { kind: kind_of(skip), path }));
            }
            WalkEntryKind::Failed(fault) => missing(path, &fault),
        }))
    }
}

impl Iterator for Offering {
    type Item = OfferingItem;

    fn next(&mut self) -> Option<OfferingItem> {
        loop {
            if let Some((_, walk)) = &mut self.walk {
                match walk.next() {
                    Some(found) => match self.item_of(self.next - 1, found) {
                        Some(next) => return Some(next),
                        None => continue,
                    },
                    None => {
                        let walked = self.walk.take();
                        if let Some(offered) =
                            walked.and_then(|(folder, _)| self.root_folder(self.next - 1, &folder))
                        {
                            return Some(OfferingItem::Entry(offered));
                        }
                    }
                }
            }
            let root = self.next;
            self.next += 1;
            let key = Key { root, path: Vec::new(), identity: None };
            match self.roots.get(root)? {
                Root::Folder { folder, .. } => {
                    let folder = folder.clone();
                    self.begin_walk(folder);
                }
                Root::Below { folder, name } => {
                    let (folder, name) = (folder.clone(), name.clone());
                    if let Some(offered) = self.below(key, &folder, name) {
                        return Some(OfferingItem::Entry(offered));
                    }
                }
                Root::File { name, .. } | Root::Stdin { name } | Root::Command { name, .. } => {
                    let name = name.clone();
                    return Some(OfferingItem::Entry(self.file(key, name)));
                }
                Root::Missing { name, reason, text } => {
                    return Some(OfferingItem::Entry(refused_entry(name.clone(), (*reason, text.clone()))));
                }
            }
        }
    }
}

fn kind_of(skip: SkipReason) -> SkippedKind {
    match skip {
        SkipReason::Link => SkippedKind::Link,
        SkipReason::Fifo => SkippedKind::Fifo,
        SkipReason::Socket => SkippedKind::Socket,
        SkipReason::Device => SkippedKind::Device,
        SkipReason::Unfinished => SkippedKind::Unfinished,
    }
}

fn below(folder: &[u8], path: &[u8]) -> Vec<u8> {
    match (folder, path) {
        (b"", path) => path.to_vec(),
        (folder, b"") => folder.to_vec(),
        (folder, path) => [folder, b"/", path].concat(),
    }
}

fn entry(kind: EntryKind, path: Vec<u8>, meta: Meta) -> Entry {
    Entry {
        kind,
        mode: meta.mode,
        size: Some(0),
        mtime_seconds: meta.mtime_seconds,
        mtime_nanoseconds: meta.mtime_nanoseconds,
        path,
        not_offered: None,
    }
}

/// Returns the entry that offers a file under a path.
pub(crate) fn entry_of(source: &SourceFile, path: Vec<u8>) -> Entry {
    let meta = Meta {
        mode: source.mode(),
        mtime_seconds: source.mtime_seconds(),
        mtime_nanoseconds: source.mtime_nanoseconds(),
    };
    Entry { size: Some(source.size_bytes()), ..entry(EntryKind::File, path, meta) }
}

/// Returns whether a file is still as offered, or has only grown: then its offered bytes are sent.
pub(crate) fn is_as_offered(source: &SourceFile, entry: &Entry, key: &Key) -> bool {
    let has_grown = || {
        let time = (source.mtime_seconds(), source.mtime_nanoseconds());
        key.identity == Some(source.identity())
            && entry.size.is_some_and(|size| source.size_bytes() > size)
            && time >= (entry.mtime_seconds, entry.mtime_nanoseconds)
    };
    entry_of(source, entry.path.clone()) == *entry || has_grown()
}

fn missing(path: Vec<u8>, fault: &StoreError) -> Offered {
    refused_entry(path, reason_of(fault, Role::Sender))
}

fn refused_entry(path: Vec<u8>, why: (Reason, String)) -> Offered {
    let entry = Entry { not_offered: Some(why), ..entry(EntryKind::File, path, Meta::default()) };
    Offered { entry, file: None }
}

/// Opens a file below a folder. Follows links if the policy is to follow them.
fn source_below(folder: &Folder, name: &[u8], links: SymlinkPolicy) -> Result<SourceFile, StoreError> {
    match links {
        SymlinkPolicy::Follow => Tree::new(folder.clone(), true).source(name),
        _ => folder.source(name),
    }
}

/// Opens a folder below a folder. Follows links if the policy is to follow them.
fn folder_below(folder: &Folder, name: &[u8], links: SymlinkPolicy) -> Result<Folder, StoreError> {
    match links {
        SymlinkPolicy::Follow => folder.followed(name),
        _ => folder.below(name),
    }
}
