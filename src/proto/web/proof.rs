//! Digests that a server gives of its files: lines for `b3sum --check -`, and the values of a file's blocks.
//!
//! A tree is a text of lines, each with its line end: first `b3tree 1 4194304 SIZE HASH`, where SIZE is the length of the content
//! in bytes, in decimal, and HASH its BLAKE3 digest in 64 lower-case hexadecimal digits. Then, for content of more than one block
//! of 4 MiB, one line for each block in order: its chaining value as in PROTOCOL.md, "Blocks", in 64 digits.
//!
//! Digests are opaque here. Before a client trusts one value, it must compute HASH from all of them (`store::root_of`).

use std::{error, fmt};

use super::hex;

/// A BLAKE3 digest or chaining value.
pub type Digest = [u8; 32];

/// Bytes of a block.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// Beginning of the first line: name, version, bytes of a block.
pub const INTRODUCTION: &str = "b3tree 1 4194304 ";
/// What a line with a backslash at its beginning escapes.
const ESCAPED: [char; 2] = ['\\', '\n'];
/// Bytes of a digest's digits.
const HEX_LEN: usize = 64;
/// Longest first line, without its end.
pub const MAX_FIRST_LEN: usize = INTRODUCTION.len() + 20 + 1 + HEX_LEN;

/// Appends the line of a file as `b3sum` prints it: the digest, two spaces, the name.
///
/// Backslashes and line ends in names are escaped, which a backslash at the beginning says. b3sum can express no name that is
/// not UTF-8: what is wrong becomes U+FFFD, and `--check` fails for such a line
/// (b3sum/what_does_check_do.md in BLAKE3's repository, "Formal Rules").
pub fn push_sum_line(digest: &Digest, name: &[u8], out: &mut String) {
    let name = String::from_utf8_lossy(name);
    if name.contains(ESCAPED) {
        out.push('\\');
        hex::push(digest, out);
        out.push_str("  ");
        out.push_str(&name.replace('\\', "\\\\").replace('\n', "\\n"));
    } else {
        hex::push(digest, out);
        out.push_str("  ");
        out.push_str(&name);
    }
    out.push('\n');
}

/// Returns the length of the line that [`push_sum_line`] appends, in bytes.
pub fn sum_line_len(name: &[u8]) -> u64 {
    let name = String::from_utf8_lossy(name);
    let escapes = match name.matches(ESCAPED).count() {
        0 => 0,
        count => count + 1,
    };
    (HEX_LEN + "  \n".len() + name.len() + escapes) as u64
}

/// Writes the tree of a file. `values` are those of its blocks, and none for a file of at most one.
pub fn tree_text(size_bytes: u64, root: &Digest, values: &[Digest]) -> String {
    let mut out = format!("{INTRODUCTION}{size_bytes} ");
    out.reserve((values.len() + 1) * (HEX_LEN + 1));
    hex::push(root, &mut out);
    out.push('\n');
    for value in values {
        hex::push(value, &mut out);
        out.push('\n');
    }
    out
}

/// Returns the length of the tree of a file of this size, in bytes.
pub fn tree_text_len(size_bytes: u64) -> u64 {
    let line_len = HEX_LEN as u64 + 1;
    let first_len = (INTRODUCTION.len() + size_bytes.to_string().len() + 1) as u64 + line_len;
    first_len + count_of(size_bytes).saturating_mul(line_len)
}

/// A tree as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestTree {
    /// Length of the content.
    pub size_bytes: u64,
    /// Its digest, as the server says.
    pub root: Digest,
    /// The values of its blocks, as many as there are; none for content of at most one block.
    pub values: Vec<Digest>,
}

/// A text that is not the tree of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeError {
    /// The first line is none of this format.
    NotATree,
    /// It is of content of another length.
    OtherSize {
        /// The length that it says.
        size_bytes: u64,
    },
    /// A line is not a value, or is one too many.
    WrongLine,
    /// It ended before the last value.
    TooShort,
    /// There is not enough memory for its values.
    NoMemory,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::NotATree => f.write_str("is not a list of block digests"),
            TreeError::OtherSize { size_bytes } => write!(f, "has digests of {size_bytes} bytes"),
            TreeError::WrongLine => f.write_str("has a line that is not a block's digest"),
            TreeError::TooShort => f.write_str("ends before the last block's digest"),
            TreeError::NoMemory => f.write_str("has more digests than there is memory for"),
        }
    }
}

impl error::Error for TreeError {}

/// Parses the tree of a file whose length is known, in pieces of any size. Its memory is bounded by that length: 32 bytes for each
/// block.
#[derive(Debug, Clone)]
pub struct TreeParser {
    size_bytes: u64,
    /// The beginning of a line whose end was not there.
    line: Vec<u8>,
    root: Option<Digest>,
    values: Vec<Digest>,
}

impl TreeParser {
    /// Creates a parser for the tree of content of this length.
    pub fn new(size_bytes: u64) -> Self {
        Self { size_bytes, line: Vec::new(), root: None, values: Vec::new() }
    }

    /// Parses the next bytes.
    ///
    /// # Errors
    /// As soon as the text can be no tree of such content. Further bytes must not follow.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), TreeError> {
        while let Some((first, rest)) = bytes.split_first() {
            bytes = rest;
            match (*first, self.root) {
                (b'\n', None) => self.root = Some(self.first_line()?),
                (b'\n', Some(_)) => {
                    let value = hex::decode_lower(&self.line).ok_or(TreeError::WrongLine)?;
                    self.values.try_reserve(1).map_err(|_| TreeError::NoMemory)?;
                    self.values.push(value);
                }
                (_, None) if self.line.len() >= MAX_FIRST_LEN => return Err(TreeError::NotATree),
                (_, Some(_)) if self.line.len() >= HEX_LEN || self.is_whole() => {
                    return Err(TreeError::WrongLine);
                }
                (byte, _) => {
                    self.line.push(byte);
                    continue;
                }
            }
            self.line.clear();
        }
        Ok(())
    }

    /// Returns the tree, at the end of the text.
    ///
    /// # Errors
    /// `TooShort`.
    pub fn finish(self) -> Result<DigestTree, TreeError> {
        match self.root {
            Some(root) if self.is_whole() && self.line.is_empty() => {
                Ok(DigestTree { size_bytes: self.size_bytes, root, values: self.values })
            }
            _ => Err(TreeError::TooShort),
        }
    }

    fn is_whole(&self) -> bool {
        self.values.len() as u64 == count_of(self.size_bytes)
    }

    fn first_line(&self) -> Result<Digest, TreeError> {
        let (size_bytes, root) = first_line(&self.line).ok_or(TreeError::NotATree)?;
        if size_bytes != self.size_bytes {
            return Err(TreeError::OtherSize { size_bytes });
        }
        Ok(root)
    }
}

/// Parses the first line of a tree, without its end: the length of the content in bytes, and its digest.
pub fn first_line(line: &[u8]) -> Option<(u64, Digest)> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix(INTRODUCTION)?;
    let (size, root) = line.split_once(' ')?;
    let size_bytes: u64 = size.parse().ok().filter(|number: &u64| number.to_string() == size)?;
    Some((size_bytes, hex::decode_lower(root.as_bytes())?))
}

/// Returns the number of values that a tree of such content has.
pub fn count_of(size_bytes: u64) -> u64 {
    if size_bytes <= BLOCK_BYTES { 0 } else { size_bytes.div_ceil(BLOCK_BYTES) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &[u8], size_bytes: u64, step: usize) -> Result<DigestTree, TreeError> {
        let mut parser = TreeParser::new(size_bytes);
        text.chunks(step).try_for_each(|piece| parser.push(piece))?;
        parser.finish()
    }

    proptest! {
        #[test]
        fn a_tree_comes_back_from_pieces_of_any_size(blocks in 0..5_u64, more in 1..=BLOCK_BYTES, root: Digest, step in 1..200_usize) {
            let size_bytes = blocks * BLOCK_BYTES + more;
            let values: Vec<Digest> = (0..count_of(size_bytes)).map(|index| [index as u8 ^ root[0]; 32]).collect();
            let text = tree_text(size_bytes, &root, &values);
            let text = text.as_bytes();
            prop_assert_eq!(text.len() as u64, tree_text_len(size_bytes));
            prop_assert_eq!(parsed(text, size_bytes, step), Ok(DigestTree { size_bytes, root, values }));
            prop_assert_eq!(parsed(&text[..text.len() - 1], size_bytes, step), Err(TreeError::TooShort));
            prop_assert_eq!(parsed(text, size_bytes + 1, step), Err(TreeError::OtherSize { size_bytes }));
            for extra in [&b"\n"[..], b"0", &[b'0'; 65]] {
                prop_assert_eq!(parsed(&[text, extra].concat(), size_bytes, step), Err(TreeError::WrongLine));
            }
        }

        #[test]
        fn no_text_makes_the_parser_hold_more_than_a_tree_would(text: Vec<u8>, step in 1..50_usize) {
            let mut parser = TreeParser::new(3 * BLOCK_BYTES);
            let _ = parser.push(b"b3tree 1 4194304 12582912 ");
            let _ = text.chunks(step).try_for_each(|piece| parser.push(piece));
            prop_assert!(parser.line.len() <= MAX_FIRST_LEN && parser.values.len() <= 3);
        }
    }

    #[test]
    fn the_text_is_the_documented_one() {
        let text = tree_text(BLOCK_BYTES + 1, &[0xab; 32], &[[1; 32], [0xf0; 32]]);
        let expected = format!(
            "b3tree 1 4194304 4194305 {}\n{}\n{}\n",
            "ab".repeat(32),
            "01".repeat(32),
            "f0".repeat(32)
        );
        assert_eq!(text, expected);
        let of_nothing = tree_text(0, &[0; 32], &[]);
        assert_eq!(of_nothing.len(), INTRODUCTION.len() + 1 + 1 + 64 + 1);
        assert_eq!(parsed(of_nothing.as_bytes(), 0, 7).unwrap().values, [[0; 32]; 0]);
    }

    #[test]
    fn other_texts_are_refused() {
        let hash = "0".repeat(64);
        for (text, error) in [
            (String::new(), TreeError::TooShort),
            ("\n".into(), TreeError::NotATree),
            ("<!DOCTYPE html>\n".into(), TreeError::NotATree),
            ("x".repeat(1000), TreeError::NotATree),
            (format!("b3tree 2 4194304 5 {hash}\n"), TreeError::NotATree),
            (format!("b3tree 1 1048576 5 {hash}\n"), TreeError::NotATree),
            (format!("b3tree 1 4194304 05 {hash}\n"), TreeError::NotATree),
            (format!("b3tree 1 4194304 +5 {hash}\n"), TreeError::NotATree),
            (format!("b3tree 1 4194304 99999999999999999999 {hash}\n"), TreeError::NotATree),
            (format!("b3tree 1 4194304 5 {hash}\r\n"), TreeError::NotATree),
            (format!("b3tree 1 4194304 5 {}A\n", &hash[1..]), TreeError::NotATree),
            (format!("b3tree 1 4194304 5 {hash}\n{hash}\n"), TreeError::WrongLine),
        ] {
            assert_eq!(parsed(text.as_bytes(), 5, 9), Err(error), "{text:?}");
        }
    }

    #[test]
    fn names_are_escaped_as_b3sum_has_it() {
        for (name, begin, end) in [
            (&b"a b"[..], "00", "  a b\n"),
            (b"a\\n\nb", "\\00", "  a\\\\n\\nb\n"),
            (b"\xff", "00", "  \u{fffd}\n"),
            (b"\r", "00", "  \r\n"),
        ] {
            let mut line = String::new();
            push_sum_line(&[0; 32], name, &mut line);
            assert_eq!(line.len() as u64, sum_line_len(name));
            assert!(line.starts_with(begin) && line.ends_with(end), "{line:?}");
        }
    }
}
