//! Values that may stand in a file: `@FILE`, and text with escapes.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Exit};
use crate::report::escape_name;
use crate::store::read_whole;

/// The bytes of `TEXT` with its escapes, or of `@FILE` as they are.
pub(crate) fn text_or_file(value: &str, option: &str) -> Result<Vec<u8>, Error> {
    TextOrFile::parse(value, option)?.read(option)
}

/// A value that is given as `TEXT` or `@FILE`.
#[derive(Clone, Debug)]
pub(crate) enum TextOrFile {
    /// The text's bytes, its escapes replaced.
    Text(Vec<u8>),
    /// A file that holds them as they are.
    File(PathBuf),
}

impl TextOrFile {
    pub(crate) fn parse(value: &str, option: &str) -> Result<TextOrFile, Error> {
        match value.strip_prefix('@') {
            Some(path) => Ok(TextOrFile::File(path.into())),
            None => unescape(value)
                .map(TextOrFile::Text)
                .map_err(|hint| Error::new(Exit::Usage, format!("{option}: {hint}"))),
        }
    }

    /// The bytes. Reads the file.
    pub(crate) fn read(self, option: &str) -> Result<Vec<u8>, Error> {
        match self {
            TextOrFile::Text(bytes) => Ok(bytes),
            TextOrFile::File(path) => bytes_of(&path, option),
        }
    }
}

/// All that is in a file which an option names.
pub(crate) fn bytes_of(path: &Path, option: &str) -> Result<Vec<u8>, Error> {
    read_whole(path).map_err(|fault| {
        let path = escape_name(path.as_os_str().as_bytes());
        Error::new(Exit::Usage, format!("{option} {path}: {fault}"))
    })
}

/// Reads `\n`, `\r`, `\t`, `\0`, `\e`, `\\` and `\xHH`. The error says what to type instead.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    const KNOWN: &str = r"type \n, \r, \t, \0, \e, \xHH, or \\ for a backslash";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('e') => bytes.push(0x1b),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16));
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                    return Err(format!(r"\x without two hexadecimal digits: {KNOWN}"));
                };
                bytes.push((high << 4 | low) as u8);
            }
            Some(c) => return Err(format!(r"\{c} is not an escape: {KNOWN}")),
            None => return Err(format!(r"a lone \ at the end: {KNOWN}")),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_or_explained() {
        assert_eq!(unescape(r"a\r\n\t\0\e\\\x41\xff").unwrap(), b"a\r\n\t\0\x1b\\A\xff");
        assert_eq!(unescape("größe").unwrap(), "größe".as_bytes());
        for wrong in [r"\", r"\q", r"\x4", r"\xg0", r"\x"] {
            assert!(unescape(wrong).is_err_and(|hint| hint.contains(r"\xHH")), "{wrong}");
        }
    }
}
