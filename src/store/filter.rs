//! Which files of a tree are meant: patterns as in a `.gitignore` (gitignore(5)).

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Patterns, matched on the path below the root of a walk.
///
/// Without patterns everything is taken. What an exclude matches is left out, with all that is in it. With includes, a
/// file is taken if one matches it or a folder that it is in; a folder itself is taken only if one matches it or one
/// above it. All folders that are not excluded are looked into.
#[derive(Debug, Default)]
pub struct Filter {
    includes: Option<Gitignore>,
    excludes: Option<Gitignore>,
}

impl Filter {
    /// Reads the patterns. Of several that match, the last one counts; one that begins with `!` takes back what those
    /// before it matched.
    ///
    /// # Errors
    /// One line that says which pattern is wrong.
    pub fn new(includes: &[String], excludes: &[String]) -> Result<Self, String> {
        Ok(Self { includes: patterns(includes)?, excludes: patterns(excludes)? })
    }

    /// Is this file or folder taken?
    pub fn takes(&self, path: &[u8], is_folder: bool) -> bool {
        let included = self.includes.as_ref().is_none_or(|includes| matches(includes, path, is_folder));
        included && !self.excludes(path, is_folder)
    }

    /// Is it left out whatever else is said?
    pub(super) fn excludes(&self, path: &[u8], is_folder: bool) -> bool {
        self.excludes.as_ref().is_some_and(|excludes| matches(excludes, path, is_folder))
    }
}

fn matches(patterns: &Gitignore, path: &[u8], is_folder: bool) -> bool {
    patterns.matched_path_or_any_parents(Path::new(OsStr::from_bytes(path)), is_folder).is_ignore()
}

fn patterns(texts: &[String]) -> Result<Option<Gitignore>, String> {
    if texts.is_empty() {
        return Ok(None);
    }
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    for text in texts {
        if text.trim().is_empty() || text.starts_with('#') {
            return Err(format!(
                "the pattern {text:?} matches nothing: it is empty, or a comment (write \\#)"
            ));
        }
        builder.add_line(None, text).map_err(|error| format!("the pattern {text:?} is wrong: {error}"))?;
    }
    builder.build().map(Some).map_err(|error| format!("the patterns are wrong: {error}"))
}
