//! Selection of files in a tree by patterns as in a `.gitignore` (gitignore(5)).

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Patterns that are matched on the path below the root of a walk.
///
/// Without patterns everything is selected. An exclude pattern leaves out the files and folders that it matches, with
/// everything in them. With include patterns, a file is selected if one matches it or a folder above it; a folder is
/// selected only if one matches it or a folder above it. All folders that are not excluded are searched.
#[derive(Debug, Default)]
pub struct Filter {
    includes: Option<Gitignore>,
    excludes: Option<Gitignore>,
}

impl Filter {
    /// Parses the patterns. Of several that match, the last one counts; `!` at the beginning reverses earlier ones.
    ///
    /// # Errors
    /// One line that names the wrong pattern.
    pub fn new(includes: &[String], excludes: &[String]) -> Result<Self, String> {
        Ok(Self { includes: patterns(includes)?, excludes: patterns(excludes)? })
    }

    /// Returns whether the file or folder is selected.
    pub fn includes(&self, path: &[u8], is_folder: bool) -> bool {
        let included = self.includes.as_ref().is_none_or(|includes| matches(includes, path, is_folder));
        included && !self.excludes(path, is_folder)
    }

    /// Returns whether it matches an exclude pattern, whatever the include patterns are.
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
