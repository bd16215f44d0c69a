//! A folder's entries as a page, as lines of JSON, and as text. Programs mirror a folder by the links of its page.

use core::cmp::Ordering;
use core::fmt::Write;

use serde::Serialize;

use super::date::UtcDate;
use super::names::{push_html, push_segment};
use super::page::{PageContext, render, size};
use crate::proto::http::{MediaType, preferred_of};

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder. Its link ends with a slash.
    Folder,
    /// A file.
    File,
    /// Something that is not served, such as a FIFO: it has no link.
    Other,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without slashes.
    pub name: Vec<u8>,
    /// Its kind.
    pub kind: EntryKind,
    /// The size of a file in bytes, if it is known.
    pub size_bytes: Option<u64>,
    /// Its modification time in seconds since 1970, if it is known.
    pub modified: Option<i64>,
}

/// Returns the form of a listing that the values of all `Accept` fields prefer: [`MediaType::Html`] unless another one is
/// named, because programs that mirror accept everything and read pages; [`MediaType::NdJson`] for JSON as well.
pub fn preferred_form<'a>(accept: impl Iterator<Item = &'a [u8]>) -> MediaType {
    let forms = [MediaType::Html, MediaType::NdJson, MediaType::Text, MediaType::Json];
    match preferred_of(forms, accept) {
        MediaType::Json => MediaType::NdJson,
        form => form,
    }
}

/// Returns the value of `Content-Type` of a listing.
pub fn content_type(form: MediaType) -> &'static str {
    match form {
        MediaType::Html => "text/html; charset=utf-8",
        MediaType::NdJson | MediaType::Json => "application/x-ndjson",
        MediaType::Text => "text/plain; charset=utf-8",
    }
}

/// Sorts entries as all forms have them: folders first, then by name, of letters that differ in case only the capital one
/// first.
pub fn sort(entries: &mut [Entry]) {
    entries.sort_unstable_by(|a, b| {
        let is_folder = |entry: &Entry| entry.kind == EntryKind::Folder;
        is_folder(b).cmp(&is_folder(a)).then_with(|| compare_names(&a.name, &b.name))
    });
}

fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase)).then_with(|| a.cmp(b))
}

/// The rows of a group of the page's table. A browser lays out only the groups that are seen.
const ROWS_IN_GROUP: usize = 200;

/// Returns the page of a folder. Its links are relative, without a query, and encoded: rclone, wget and lftp follow them.
pub fn html(context: &PageContext<'_>, entries: &[Entry]) -> Vec<u8> {
    const ROW_BYTES: usize = 160;
    let names_bytes: usize = entries.iter().map(|entry| 3 * entry.name.len()).sum();
    let mut rows = String::with_capacity(entries.len() * ROW_BYTES + names_bytes);
    for group in entries.chunks(ROWS_IN_GROUP) {
        rows.push_str("<tbody>\n");
        group.iter().for_each(|entry| push_row(&mut rows, entry));
    }
    render(context, &summary(entries), entries.is_empty(), &rows)
}

/// Appends a row of the page's table. HTML lets the end tags be left out.
fn push_row(out: &mut String, entry: &Entry) {
    let slash = if entry.kind == EntryKind::Folder { "/" } else { "" };
    out.push_str("<tr><td>");
    if entry.kind != EntryKind::Other {
        out.push_str("<a href=\"");
        push_segment(out, &entry.name);
        out.push_str(slash);
        out.push_str("\">");
    }
    push_html(out, &entry.name);
    out.push_str(slash);
    if entry.kind != EntryKind::Other {
        out.push_str("</a>");
    }
    // Writing to a String cannot fail.
    let _ = match entry.size_bytes.filter(|_| entry.kind == EntryKind::File) {
        Some(bytes) => write!(out, "<td data-v={bytes}>{}", size(bytes)),
        None => write!(out, "<td>"),
    };
    let _ = match entry.modified.and_then(|seconds| Some((seconds, UtcDate::new(seconds)?))) {
        Some((seconds, date)) => writeln!(out, "<td data-v={seconds}>{date}"),
        None => writeln!(out, "<td>"),
    };
}

/// Returns the counts of the entries in words: `2 folders, 1 file, 3.4 MiB`.
fn summary(entries: &[Entry]) -> String {
    let of_kind = |kind| entries.iter().filter(move |entry| entry.kind == kind);
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let (folders, files) = (of_kind(EntryKind::Folder).count(), of_kind(EntryKind::File).count());
    let bytes =
        of_kind(EntryKind::File).fold(0, |sum: u64, file| sum.saturating_add(file.size_bytes.unwrap_or(0)));
    let mut parts = Vec::new();
    if folders > 0 {
        parts.push(count(folders, "folder"));
    }
    if files > 0 {
        parts.extend([count(files, "file"), size(bytes)]);
    }
    parts.join(", ")
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    kind: &'static str,
    size: Option<u64>,
    mtime: Option<String>,
    href: Option<&'a str>,
}

/// Returns a line of JSON for each entry: `name` (bytes that are not UTF-8 become U+FFFD), `kind` (`folder`, `file` or
/// `other`), `size` in bytes of a file, `mtime` in the form of RFC 3339, and `href`, a relative link, which is exact and
/// null for what is not served. `escape` gets each line without its end, and makes it harmless for terminals.
pub fn ndjson(entries: &[Entry], escape: impl Fn(&str) -> String) -> Vec<u8> {
    let mut lines = String::new();
    let mut link = String::new();
    for entry in entries {
        let (kind, slash) = match entry.kind {
            EntryKind::Folder => ("folder", "/"),
            EntryKind::File => ("file", ""),
            EntryKind::Other => ("other", ""),
        };
        link.clear();
        push_segment(&mut link, &entry.name);
        link.push_str(slash);
        let line = Line {
            name: &String::from_utf8_lossy(&entry.name),
            kind,
            size: entry.size_bytes.filter(|_| entry.kind == EntryKind::File),
            mtime: entry.modified.and_then(UtcDate::new).map(|date| format!("{date:#}")),
            href: Some(&*link).filter(|_| entry.kind != EntryKind::Other),
        };
        // No field can fail to be written.
        lines.push_str(&escape(&serde_json::to_string(&line).unwrap_or_default()));
        lines.push('\n');
    }
    lines.into_bytes()
}

/// Returns a line for each entry with size, time and name, as `download --list` prints it. `escape` makes a name harmless
/// for terminals.
pub fn text(entries: &[Entry], escape: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let mut lines = String::new();
    for entry in entries {
        let size = entry.size_bytes.filter(|_| entry.kind == EntryKind::File);
        let size = size.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        let date = entry.modified.and_then(UtcDate::new);
        let date = date.map_or_else(|| "-".to_owned(), |date| format!("{date:#}"));
        let slash = if entry.kind == EntryKind::Folder { "/" } else { "" };
        let _ = writeln!(lines, "{size:>14} {date:>20} {}{slash}", escape(&entry.name));
    }
    lines.into_bytes()
}

#[cfg(test)]
mod tests;
