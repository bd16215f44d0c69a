//! Folders as tar and zip.

use std::sync::Arc;

use super::answer::Answer;
use super::archive::Archive;
use super::representation::{Content, Representation};
use super::tags::derived;
use super::terms::Lifetime;
use super::walking::{Files, Found, Scope, Tree, Walking};
use super::work::{Asked, Asking, Work};
use crate::proto::web::archive::{Attributes, Entries, Format, Layout};
use crate::proto::web::file_facts::Timestamp;
use crate::proto::web::names::content_disposition;
use crate::proto::web::validators::Validators;
use crate::store::{FoundKind, Meta, Stamp};

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
        let archive = Archive::new(layout, std::mem::take(&mut self.stamps));
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
                size_bytes: archive.size_bytes(),
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
