//! Lists of keys that people keep in files: text in lines, with comments. [`super::known`] and [`super::clients`] are two.

use std::fmt;

use super::pin::BadPin;

/// The longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 4096;

/// A line that cannot be used: the list is not used at all. The text continues a sentence that begins with the file's
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// The reason.
    pub fault: LineFault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It has more than [`MAX_LINE_BYTES`].
    TooLong,
    /// It is not text: a zero byte, another control character, or no UTF-8.
    NotText,
    /// It has no key.
    NoPin,
    /// Its key is invalid.
    Pin(BadPin),
    /// It does not begin with a host and a port.
    Host,
    /// It has words after its last one.
    Surplus,
    /// It has a word that means nothing here.
    Word,
    /// It has a word twice.
    Twice,
    /// Its quotation marks are not a pair around a value.
    Quotes,
    /// Its rights are not among those that exist.
    Rights,
    /// Its folder is not an absolute path.
    Folder,
    /// Its size is invalid.
    Size,
    /// It is beyond the 4,294,967,295 that are counted.
    TooMany,
    /// It is the last one and has no end: it may still be written, and may mean less when it is complete.
    Unfinished,
    /// An earlier line, of this number, says something else about the same host or key.
    Contradiction(usize),
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match self.fault {
            LineFault::TooLong => write!(f, "longer than {MAX_LINE_BYTES} bytes"),
            LineFault::NotText => f.write_str("not text: remove what is not a printable character"),
            LineFault::NoPin => f.write_str("a key is missing: type sha256: and 43 characters"),
            LineFault::Pin(fault) => fault.fmt(f),
            LineFault::Host => f.write_str("type HOST:PORT, as in example.org:7255 or [2001:db8::1]:7255"),
            LineFault::Surplus => f.write_str(
                "HOST:PORT KEY TIME HOW has four words: begin a comment with # on a line of its own",
            ),
            LineFault::Word => {
                f.write_str("an unknown word: type rights=, store= or max-size=, and # before a comment")
            }
            LineFault::Twice => f.write_str("a word is there twice: remove one"),
            LineFault::Quotes => {
                f.write_str("quotation marks stand around a whole value, as in store=\"/srv/my files\"")
            }
            LineFault::Rights => f.write_str("rights are store and share, with a comma between them"),
            LineFault::Folder => f.write_str("store= takes an absolute path, as in store=/srv/inbox"),
            LineFault::Size => f.write_str("max-size= takes a number and a unit, as in 4096, 64KiB or 10MB"),
            LineFault::TooMany => f.write_str("too many lines"),
            LineFault::Unfinished => f.write_str("ends without a newline: add one, if nothing is missing"),
            LineFault::Contradiction(line) => write!(f, "contradicts line {line}: remove one of them"),
        }
    }
}

impl std::error::Error for BadLine {}

/// The lines of a list that say something, each with its number from 1. An end of a line is LF or CRLF. Empty lines and
/// those that begin with `#` are skipped.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, &str), BadLine>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut rest, mut number) = (bytes, 0);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            number += 1;
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match text(line).map(|text| text.trim_matches(SPACES)) {
                Ok(text) if text.is_empty() || text.starts_with('#') => {}
                Ok(text) => return Some(Ok((number, text))),
                Err(fault) => return Some(Err(BadLine { line: number, fault })),
            }
        }
        None
    })
}

/// What stands between words.
pub(super) const SPACES: [char; 2] = [' ', '\t'];

fn text(line: &[u8]) -> Result<&str, LineFault> {
    if line.len() > MAX_LINE_BYTES {
        return Err(LineFault::TooLong);
    }
    let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
    match line.iter().any(is_control) {
        true => Err(LineFault::NotText),
        false => std::str::from_utf8(line).map_err(|_| LineFault::NotText),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_editors_end_them() {
        let said = |bytes: &[u8]| {
            lines(bytes)
                .map(|line| line.map(|(number, text)| (number, text.to_owned())))
                .collect::<Result<Vec<_>, _>>()
        };
        let two = Ok(vec![(1, "a".to_owned()), (4, "b\tc".to_owned())]);
        assert_eq!(said(b"a\n# x\n\n b\tc \n"), two);
        assert_eq!(said(b"\xef\xbb\xbfa\r\n#\r\n\r\nb\tc"), two);
        assert_eq!(said(b""), Ok(vec![]));
        assert_eq!(said(b"\n\n"), Ok(vec![]));
        let bad = |line, fault| Err(BadLine { line, fault });
        for wrong in [&b"a\0"[..], b"a\rb", b"a\r\r\n", b"\xff", b"a\x1b[2J", b"a\x7f", b"# \0"] {
            assert_eq!(said(&[b"\n", wrong].concat()), bad(2, LineFault::NotText), "{wrong:?}");
        }
        let long = [b'a'; MAX_LINE_BYTES + 1];
        assert_eq!(said(&long), bad(1, LineFault::TooLong));
        assert!(said(&long[1..]).is_ok());
    }
}
