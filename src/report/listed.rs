//! A line of a listing with `--json`: what is offered, on stdout. The manual describes it (`manual::DOWNLOAD`),
//! `tests/it/listing.rs` holds it.

use serde::Serialize;

use super::event::Text;

/// A file, folder or link that is offered.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its path: any bytes.
    pub path: &'a [u8],
    /// `file`, `folder` or `link`.
    pub kind: &'static str,
    /// Of a file, in bytes, where it is known.
    pub size: Option<u64>,
    /// Its modification time as RFC 3339 has it, where that can be written so.
    pub mtime: Option<&'a str>,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Where a link leads: any bytes.
    pub target: Option<&'a [u8]>,
}

#[derive(Serialize)]
struct Line<'a> {
    path: Text,
    kind: &'static str,
    size: Option<u64>,
    mtime: Option<&'a str>,
    executable: bool,
    target: Option<Text>,
}

impl Listed<'_> {
    /// Its line. None is not reached: no field can fail to be written.
    pub fn line(&self) -> Option<String> {
        let Listed { path, kind, size, mtime, executable, target } = *self;
        let target = target.map(Text::path);
        let line = Line { path: Text::path(path), kind, size, mtime, executable, target };
        serde_json::to_string(&line).ok().map(|line| line + "\n")
    }
}
