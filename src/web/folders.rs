//! A folder as a page, as NDJSON, or as text.

use super::answer::{Answer, failed};
use super::request::Request;
use crate::proto::http::{MediaType, values};
use crate::proto::web::listing::{self, Entry, EntryKind};
use crate::proto::web::page::{self, PageContext, Uploads};
use crate::proto::web::target::{Query, Target};
use crate::report::{escape_json, escape_name};
use crate::store::{Folder, NamedEntry, NamedKind, Share, SourceFile, SymlinkPolicy};

/// Answers with the entries of a folder. `None` for `folder`: the root of a single shared file, or of a server that shares
/// nothing.
pub(super) fn listed(request: &Request<'_>, folder: Option<&Folder>, target: &Target) -> Answer {
    let site = request.site;
    let entries = match (folder, &site.share) {
        (Some(folder), share) => {
            let follows = share.as_ref().is_some_and(|share| share.links() == SymlinkPolicy::Follow);
            folder.names(follows).map(|names| names.into_iter().map(Entry::from).collect())
        }
        (None, Some(Share::File { path, name })) => {
            SourceFile::open(path).map(|source| vec![single(name, &source)])
        }
        (None, _) => Ok(Vec::new()),
    };
    let mut entries: Vec<Entry> = match entries {
        Ok(entries) => entries,
        Err(fault) => return failed(&fault),
    };
    listing::sort(&mut entries);
    let form = match target.query {
        Query::Json => MediaType::NdJson,
        Query::Text => MediaType::Text,
        _ => listing::preferred_form(values(request.fields(), "accept")),
    };
    let is_writable = site.uploads != Uploads::No;
    let body = match form {
        MediaType::Html => {
            let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
            let context = PageContext {
                root: &site.title,
                path,
                uploads: site.uploads,
                is_listed: site.share.is_some(),
                has_archives: folder.is_some(),
            };
            listing::html(&context, &entries)
        }
        MediaType::Text => listing::text(&entries, escape_name),
        MediaType::NdJson | MediaType::Json => listing::ndjson(&entries, escape_json),
    };
    let answer = Answer::bytes(200, listing::content_type(form), body)
        .with("Cache-Control", if request.is_private { "private, no-cache" } else { "no-cache" })
        .with("Vary", "Accept");
    page::fields(is_writable).into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
}

fn single(name: &[u8], source: &SourceFile) -> Entry {
    Entry {
        name: name.to_vec(),
        kind: EntryKind::File,
        size_bytes: Some(source.size_bytes()),
        modified: Some(source.mtime_seconds()),
    }
}

impl From<NamedEntry> for Entry {
    fn from(entry: NamedEntry) -> Entry {
        let (kind, size_bytes) = match entry.kind {
            NamedKind::File { size_bytes } => (EntryKind::File, Some(size_bytes)),
            NamedKind::Folder => (EntryKind::Folder, None),
        };
        Entry { name: entry.name, kind, size_bytes, modified: Some(entry.mtime_seconds) }
    }
}
