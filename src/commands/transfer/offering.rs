//! What a session has to send: files, folders and links, found one after the other while the session goes on.

mod ahead;

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::ahead::Ahead;
use super::outcome::{Role, reason_of};
use crate::proto::entry::{Entry, Kind};
use crate::proto::reason::Reason;
use crate::store::{Fault, FaultKind, Filter, Folder, Found, Links, Meta, Source, Tree, Walk, What};

/// Something that was named to be sent, and the path that it gets there.
#[derive(Clone)]
pub(crate) enum Root {
    /// A file, by a path that the user named: links are followed.
    File { path: PathBuf, name: Vec<u8> },
    /// All that is below an open folder. Where `name` is empty, the folder itself is no entry.
    Folder { folder: Folder, name: Vec<u8> },
    /// A file below an open folder, or all of a folder there, opened when it is due: no link is followed.
    Below { folder: Folder, name: Vec<u8> },
    /// What comes from stdin.
    Stdin { name: Vec<u8> },
    /// A name that was asked for and cannot be sent.
    Missing { name: Vec<u8>, reason: Reason, text: String },
}

/// Where a file that was offered is found again.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    root: usize,
    /// Below the root, where that is a folder.
    path: Vec<u8>,
}

/// The bytes of a file that is offered.
pub(crate) enum Content {
    File(Source),
    Stdin,
}

/// An entry; of a file, where it is found and its bytes.
pub(crate) struct Offered {
    pub(crate) entry: Entry,
    pub(crate) file: Option<(Key, Content)>,
}

/// Everything that a session has to send.
pub(crate) struct Offering {
    roots: Vec<Root>,
    next: usize,
    walk: Option<(Folder, Walk)>,
    /// The tree in which a file was opened last, and the index of its root.
    tree: Option<(usize, Tree)>,
    links: Links,
    filter: Arc<Filter>,
    skipped: u64,
}

impl Offering {
    pub(crate) fn new(roots: Vec<Root>, links: Links, filter: Arc<Filter>) -> Offering {
        Offering { roots, next: 0, walk: None, tree: None, links, filter, skipped: 0 }
    }

    /// How many links, FIFOs, sockets and devices were left out so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Opens a file that was offered before.
    pub(crate) fn open(&mut self, key: &Key) -> Result<Content, Fault> {
        match &self.roots[key.root] {
            Root::File { path, .. } => Source::open(path).map(Content::File),
            Root::Below { folder, name } if key.path.is_empty() => folder.source(name).map(Content::File),
            Root::Folder { folder, .. } | Root::Below { folder, .. } => {
                let tree = match &mut self.tree {
                    Some((root, tree)) if *root == key.root => tree,
                    other => {
                        let folder = match &self.roots[key.root] {
                            Root::Below { name, .. } => folder.below(name)?,
                            _ => folder.clone(),
                        };
                        let tree = Tree::new(folder, self.links == Links::Follow);
                        &mut other.insert((key.root, tree)).1
                    }
                };
                tree.source(&key.path).map(Content::File)
            }
            Root::Stdin { .. } | Root::Missing { .. } => Ok(Content::Stdin),
        }
    }

    /// An entry for a file, with its bytes.
    fn file(&mut self, key: Key, path: Vec<u8>) -> Offered {
        match self.open(&key) {
            Ok(Content::File(source)) => {
                Offered { entry: entry_of(&source, path), file: Some((key, Content::File(source))) }
            }
            Ok(Content::Stdin) => {
                let entry = Entry { size: None, ..entry(Kind::File, path, Meta::default()) };
                Offered { entry, file: Some((key, Content::Stdin)) }
            }
            Err(fault) => missing(path, &fault),
        }
    }

    /// A name below a folder that was asked for, which has to be a file or a folder: begins with it. None if it is a
    /// folder.
    fn below(&mut self, key: Key, (folder, name): (&Folder, Vec<u8>)) -> Option<Offered> {
        let fault = match folder.source(&name) {
            Ok(source) => {
                let entry = entry_of(&source, name);
                return Some(Offered { entry, file: Some((key, Content::File(source))) });
            }
            Err(fault) => fault,
        };
        match folder.below(&name) {
            Ok(folder) if fault.kind == FaultKind::NotRegular => {
                self.begin_walk(folder);
                None
            }
            _ => Some(missing(name, &fault)),
        }
    }

    fn begin_walk(&mut self, folder: Folder) {
        let walk = Walk::new(folder.clone(), self.links, Arc::clone(&self.filter));
        self.walk = Some((folder, walk));
    }

    /// The entry of a folder that was named, behind all that is in it.
    fn root_folder(&self, root: usize, folder: &Folder) -> Option<Offered> {
        let (Root::Folder { name, .. } | Root::Below { name, .. }) = &self.roots[root] else { return None };
        if name.is_empty() {
            return None;
        }
        Some(match folder.meta() {
            Ok(meta) => Offered { entry: entry(Kind::Folder, name.clone(), meta), file: None },
            Err(fault) => missing(name.clone(), &fault),
        })
    }

    fn found(&mut self, root: usize, found: Found) -> Option<Offered> {
        let (Root::Folder { name, .. } | Root::Below { name, .. }) = &self.roots[root] else { return None };
        let path = below(name, &found.path);
        Some(match found.what {
            What::File => self.file(Key { root, path: found.path }, path),
            What::Folder(meta) => Offered { entry: entry(Kind::Folder, path, meta), file: None },
            What::Link { target, meta } => {
                Offered { entry: entry(Kind::Link(target), path, meta), file: None }
            }
            What::Skipped(_) => {
                self.skipped += 1;
                return None;
            }
            What::Failed(fault) => missing(path, &fault),
        })
    }
}

impl Iterator for Offering {
    type Item = Offered;

    fn next(&mut self) -> Option<Offered> {
        loop {
            if let Some((_, walk)) = &mut self.walk {
                match walk.next() {
                    Some(found) => match self.found(self.next - 1, found) {
                        Some(offered) => return Some(offered),
                        None => continue,
                    },
                    None => {
                        let walked = self.walk.take();
                        if let Some(offered) =
                            walked.and_then(|(folder, _)| self.root_folder(self.next - 1, &folder))
                        {
                            return Some(offered);
                        }
                    }
                }
            }
            let root = self.next;
            self.next += 1;
            let key = Key { root, path: Vec::new() };
            match self.roots.get(root)? {
                Root::Folder { folder, .. } => {
                    let folder = folder.clone();
                    self.begin_walk(folder);
                }
                Root::Below { folder, name } => {
                    let (folder, name) = (folder.clone(), name.clone());
                    if let Some(offered) = self.below(key, (&folder, name)) {
                        return Some(offered);
                    }
                }
                Root::File { name, .. } | Root::Stdin { name } => {
                    let name = name.clone();
                    return Some(self.file(key, name));
                }
                Root::Missing { name, reason, text } => {
                    let entry = Entry {
                        not_offered: Some((*reason, text.clone())),
                        ..entry(Kind::File, name.clone(), Meta::default())
                    };
                    return Some(Offered { entry, file: None });
                }
            }
        }
    }
}

fn below(folder: &[u8], path: &[u8]) -> Vec<u8> {
    match (folder, path) {
        (b"", path) => path.to_vec(),
        (folder, b"") => folder.to_vec(),
        (folder, path) => [folder, b"/", path].concat(),
    }
}

fn entry(kind: Kind, path: Vec<u8>, meta: Meta) -> Entry {
    Entry {
        kind,
        executable: meta.executable,
        size: Some(0),
        mtime_seconds: meta.mtime_seconds,
        mtime_nanoseconds: meta.mtime_nanoseconds,
        path,
        not_offered: None,
    }
}

/// The entry that offers a file under a path.
pub(crate) fn entry_of(source: &Source, path: Vec<u8>) -> Entry {
    let meta = Meta {
        executable: source.executable(),
        mtime_seconds: source.mtime_seconds(),
        mtime_nanoseconds: source.mtime_nanoseconds(),
    };
    Entry { size: Some(source.size_bytes()), ..entry(Kind::File, path, meta) }
}

fn missing(path: Vec<u8>, fault: &Fault) -> Offered {
    let entry = Entry {
        not_offered: Some(reason_of(fault, Role::Sender)),
        ..entry(Kind::File, path, Meta::default())
    };
    Offered { entry, file: None }
}
