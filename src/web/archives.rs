//! Folders as tar and zip.

mod sending;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use self::sending::Sending;
use super::answer::Answer;
use super::body::Pieces;
use super::representation::{Content, Lifetime, Representation};
use super::tags::derived;
use super::walking::{Files, Found, Scope, Tree, Walking};
use super::work::{Asked, Asking, Work};
use crate::proto::web::archive::{Attributes, Entries, Format, Layout};
use crate::proto::web::etag::ETag;
use crate::proto::web::file_facts::Timestamp;
use crate::proto::web::names::content_disposition;
use crate::proto::web::validators::Validators;
use crate::store::{FoundKind, Meta, Stamp};

/// The archives that are kept, and the memory of all of them.
const MOST_ARCHIVES: usize = 8;
const MOST_BYTES: usize = 32 << 20;

/// An archive of files as they were found.
pub(super) struct Archive {
    layout: Layout,
    /// Of each entry that is a file.
    stamps: Vec<Option<Stamp>>,
}

impl Archive {
    /// The bytes of a range of it.
    pub(super) fn pieces(self: &Arc<Self>, files: Files, range: Range<u64>) -> Box<dyn Pieces> {
        Box::new(Sending::new(Arc::clone(self), files, range))
    }

    /// The memory that it takes, about.
    fn memory_bytes(&self) -> usize {
        self.layout.memory_bytes() + self.stamps.len() * size_of::<Option<Stamp>>()
    }
}

/// Archives by their tags, with the CRCs that were computed: who asks for the rest of one does not wait for them.
#[derive(Default)]
pub(crate) struct ArchiveCache(Mutex<VecDeque<(ETag, Arc<Archive>)>>);

impl ArchiveCache {
    /// Returns the archive with this tag, which is the given one if none is kept.
    fn kept(&self, etag: &ETag, new: Archive) -> Arc<Archive> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(tag, _)| tag == etag)
            && let Some(found) = kept.remove(at)
        {
            let archive = Arc::clone(&found.1);
            kept.push_back(found);
            return archive;
        }
        let archive = Arc::new(new);
        kept.push_back((etag.clone(), Arc::clone(&archive)));
        let bytes = |kept: &VecDeque<(ETag, Arc<Archive>)>| -> usize {
            kept.iter().map(|(_, archive)| archive.memory_bytes()).sum()
        };
        while kept.len() > MOST_ARCHIVES || bytes(&kept) > MOST_BYTES {
            if kept.pop_front().is_none() {
                break;
            }
        }
        archive
    }
}

/// Finds everything that is in an archive, and answers with it.
pub(super) struct Archiving {
    asked: Asked,
    scope: Scope,
    walking: Walking,
    format: Format,
    /// `None` once it is laid out.
    entries: Option<Entries>,
    stamps: Vec<Option<Stamp>>,
}

impl Archiving {
    pub(super) fn new(asking: &Asking<'_>, scope: Scope, format: Format) -> Archiving {
        let prefix = match &scope.tree {
            Tree::Folder(..) => &scope.name[..],
            Tree::File(_) => b"",
        };
        Archiving {
            asked: Asked::of(asking),
            walking: Walking::new(&scope),
            entries: Some(Entries::new(prefix)),
            stamps: Vec::new(),
            scope,
            format,
        }
    }

    fn add(entries: &mut Entries, stamps: &mut Vec<Option<Stamp>>, path: &[u8], kind: FoundKind) {
        let of = |Meta { mode, mtime_seconds, mtime_nanoseconds }| Attributes {
            mode,
            mtime_seconds,
            mtime_nanoseconds,
        };
        let stamp = match kind {
            FoundKind::File { size_bytes, meta, stamp } => {
                entries.push_file(path, size_bytes, of(meta));
                Some(stamp)
            }
            FoundKind::Folder(meta) => {
                entries.push_folder(path, of(meta));
                None
            }
            FoundKind::Link { target, meta } => {
                entries.push_link(path, &target, of(meta));
                None
            }
            FoundKind::Skipped(_) | FoundKind::Failed(_) => return,
        };
        stamps.push(stamp);
    }

    fn answer(&mut self, seed: Stamp, newest_change: Option<Timestamp>) -> Answer {
        let entries = self.entries.take().unwrap_or_default();
        let layout = match Layout::new(self.format, entries) {
            Ok(layout) => layout,
            Err(fault) => return Answer::text(500, &format!("an entry {fault}")),
        };
        let etag = derived(self.format.label(), &[&self.scope.name, &seed.bytes()]);
        let archive = Archive { layout, stamps: std::mem::take(&mut self.stamps) };
        let files = Files::new(self.scope.tree.clone());
        self.asked.answer(|asking| {
            let validators = Validators::of_several(etag.clone(), newest_change, asking.now);
            let archive = match &validators.etag {
                Some(etag) => asking.site.archives.kept(etag, archive),
                None => Arc::new(archive),
            };
            let (ending, media_type) = match self.format {
                Format::Tar => (".tar", "application/x-tar"),
                Format::Zip => (".zip", "application/zip"),
            };
            let name = [&self.scope.name[..], ending.as_bytes()].concat();
            let representation = Representation {
                validators,
                size_bytes: archive.layout.len_bytes(),
                media_type,
                disposition: Some(content_disposition(false, &name)),
                digest: None,
                lifetime: Lifetime::Usual,
                content: Content::Archive(archive, files),
            };
            representation.answer(asking)
        })
    }
}

impl Work for Archiving {
    fn step(&mut self) -> Option<Answer> {
        let (entries, stamps) = (self.entries.as_mut()?, &mut self.stamps);
        match self.walking.step(|path, kind| Archiving::add(entries, stamps, path, kind))? {
            Found::All { seed, newest_change } => Some(self.answer(seed, newest_change)),
            Found::Unreadable(text) => Some(Answer::text(500, &text)),
        }
    }
}
