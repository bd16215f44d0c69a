//! `?b3tree`: the digest of a file and the chaining values of its blocks, as a server has them.

use crate::proto::http::{ContentRange, ResponseHead, ResponseLength};
use crate::store::{BLOCK_BYTES, BlockValue, root_of};

/// What an answer to `?b3tree` begins with.
const BEGIN: &[u8] = b"b3tree 1 ";
/// The longest first line, in bytes.
const MAX_FIRST_LINE_BYTES: usize = 128;
/// The most blocks: of a file of 4 TiB. The values of a larger one are not used.
const MAX_BLOCKS: u64 = 1 << 20;
/// The bytes of a line with a value.
const LINE_BYTES: u64 = 65;
/// How much of an answer is asked for at first. A server that does not know `?b3tree` may answer with the file.
pub(super) const FIRST_BYTES: u64 = 64 << 10;

/// The digest of a file, and the values of its blocks, which fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// The size of the file in bytes.
    pub(super) size: u64,
    /// The BLAKE3 digest of its content.
    pub(super) hash: [u8; 32],
    /// The values of its blocks of 4 MiB; empty for a file of one block or none.
    pub(super) values: Vec<BlockValue>,
}

/// The size of a file in bytes, and its digest.
type SizeAndHash = (u64, [u8; 32]);

/// The end of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TreeAnswer {
    Tree(Tree),
    /// It begins as one does, and the rest is asked for.
    Longer,
    /// It is none.
    Nothing,
    /// It begins as one does, and is not valid.
    Broken,
}

/// An answer that is being received.
#[derive(Default)]
pub(super) struct TreeReader {
    bytes: Vec<u8>,
    /// The bytes of the whole, once its first line is there.
    whole_bytes: Option<usize>,
    /// The answer is a part of the whole.
    is_partial: bool,
    /// It is no tree: what comes is dropped.
    is_nothing: bool,
    /// What comes at most.
    length: Option<u64>,
}

impl TreeReader {
    /// Takes the head.
    pub(super) fn begin(&mut self, head: &ResponseHead) {
        self.length = match head.length {
            ResponseLength::Counted(length) => Some(length),
            ResponseLength::Chunked | ResponseLength::ToEnd => None,
        };
        self.is_partial = match (head.status, head.content_range) {
            (200, _) => false,
            (206, Some(ContentRange { range: Some((0, end)), size: Some(size) })) => end < size,
            _ => {
                self.is_nothing = true;
                false
            }
        };
        self.is_nothing |= head.coding.is_some();
    }

    /// Takes bytes of the body. False: the rest is worth no waiting, and the connection can be closed.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        // The room grows once the first line is there.
        while !self.is_nothing && !rest.is_empty() && self.room() > 0 {
            let (some, more) = rest.split_at(rest.len().min(self.room()));
            self.bytes.extend_from_slice(some);
            self.look();
            rest = more;
        }
        if self.is_nothing {
            self.bytes = Vec::new();
        }
        !self.is_nothing || self.length.is_some_and(|length| length <= FIRST_BYTES)
    }

    /// How many more bytes are of use: one more than there should be shows that it is not valid.
    fn room(&self) -> usize {
        (self.whole_bytes.unwrap_or(MAX_FIRST_LINE_BYTES) + 1).saturating_sub(self.bytes.len())
    }

    /// Looks for the first line.
    fn look(&mut self) {
        let known = self.bytes.len().min(BEGIN.len());
        self.is_nothing |= self.bytes[..known] != BEGIN[..known];
        if self.is_nothing || self.whole_bytes.is_some() {
            return;
        }
        match self.first_line() {
            Some((line_bytes, Some((size, _)))) if block_lines(size) <= MAX_BLOCKS => {
                self.whole_bytes =
                    usize::try_from(block_lines(size) * LINE_BYTES).ok().map(|rest| line_bytes + rest);
            }
            Some(_) => self.is_nothing = true,
            None => self.is_nothing |= self.bytes.len() > MAX_FIRST_LINE_BYTES,
        }
    }

    /// The length of the first line with its end, and the size and the digest in it.
    fn first_line(&self) -> Option<(usize, Option<SizeAndHash>)> {
        let end = memchr::memchr(b'\n', &self.bytes)?;
        let words = || {
            let line = std::str::from_utf8(self.bytes.get(..end)?).ok()?;
            let mut words = line.split(' ').skip(2);
            let (block, size, hash, None) = (words.next()?, words.next()?, words.next()?, words.next())
            else {
                return None;
            };
            let is_number =
                block == BLOCK_BYTES.to_string() && size.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then_some((size.parse().ok()?, value(hash.as_bytes())?))
        };
        Some((end + 1, words()))
    }

    /// Takes the end of the body.
    pub(super) fn end(self) -> TreeAnswer {
        let (Some(whole_bytes), false) = (self.whole_bytes, self.is_nothing) else {
            return TreeAnswer::Nothing;
        };
        if self.bytes.len() < whole_bytes && self.is_partial {
            return TreeAnswer::Longer;
        }
        self.tree().map_or(TreeAnswer::Broken, TreeAnswer::Tree)
    }

    fn tree(&self) -> Option<Tree> {
        let (at, words) = self.first_line()?;
        let (size, hash) = words?;
        if Some(self.bytes.len()) != self.whole_bytes {
            return None;
        }
        let lines = self.bytes.get(at..)?.chunks(LINE_BYTES as usize);
        let values: Option<Vec<BlockValue>> =
            lines.map(|line| line.strip_suffix(b"\n").and_then(value)).collect();
        let values = values?;
        // Nothing of it is trusted before the values and the digest agree.
        let fits = values.is_empty() || root_of(&values) == Some(hash);
        fits.then_some(Tree { size, hash, values })
    }
}

/// The number of lines after the first one.
fn block_lines(size: u64) -> u64 {
    if size > BLOCK_BYTES { size.div_ceil(BLOCK_BYTES) } else { 0 }
}

fn value(hex: &[u8]) -> Option<BlockValue> {
    let is_lower = hex.iter().all(|byte| !byte.is_ascii_uppercase());
    blake3::Hash::from_hex(hex).ok().filter(|_| is_lower).map(BlockValue::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::BlockHasher;

    fn head(status: u16, range: Option<(u64, u64, u64)>) -> ResponseHead {
        ResponseHead {
            status,
            length: ResponseLength::Counted(1000),
            keeps_alive: true,
            strong_etag: None,
            content_range: range
                .map(|(first, end, size)| ContentRange { range: Some((first, end)), size: Some(size) }),
            location: None,
            coding: None,
            last_modified: None,
        }
    }

    fn read(text: &[u8], head: &ResponseHead, piece: usize) -> TreeAnswer {
        let mut reader = TreeReader::default();
        reader.begin(head);
        for piece in text.chunks(piece) {
            reader.take(piece);
        }
        reader.end()
    }

    fn of(content: &[u8]) -> (String, Tree) {
        let hash = *blake3::hash(content).as_bytes();
        let mut text = format!("b3tree 1 4194304 {} {}\n", content.len(), blake3::Hash::from(hash));
        let mut values = Vec::new();
        if content.len() as u64 > BLOCK_BYTES {
            for (index, block) in content.chunks(BLOCK_BYTES as usize).enumerate() {
                let mut hasher = BlockHasher::new(index as u64 * BLOCK_BYTES);
                hasher.update(block);
                values.push(hasher.finish().unwrap());
            }
        }
        text.extend(values.iter().map(|value| format!("{}\n", blake3::Hash::from(*value))));
        (text, Tree { size: content.len() as u64, hash, values })
    }

    #[test]
    fn values_are_taken_only_if_they_fit_the_digest() {
        for size in [0, 1, 4 << 20, (4 << 20) + 1, 9 << 20] {
            let (text, tree) = of(&vec![7; size]);
            for piece in [1, 64, 100_000] {
                let answer = read(text.as_bytes(), &head(200, None), piece);
                assert_eq!(answer, TreeAnswer::Tree(tree.clone()), "{size}");
            }
            let more = format!("{text}\n");
            assert_eq!(read(more.as_bytes(), &head(200, None), 9), TreeAnswer::Broken, "{size}");
            let less = &text.as_bytes()[..text.len() - 1];
            let answer = if size > 4 << 20 { TreeAnswer::Broken } else { TreeAnswer::Nothing };
            assert_eq!(read(less, &head(200, None), 9), answer, "{size}");
        }
        let (text, _) = of(&vec![7; 9 << 20]);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(1, 2);
        let swapped = lines.join("\n") + "\n";
        assert_eq!(read(swapped.as_bytes(), &head(200, None), 50), TreeAnswer::Broken);
    }

    #[test]
    fn a_part_leads_to_the_whole_and_anything_else_to_nothing() {
        let (text, _) = of(&vec![7; 9 << 20]);
        let part = &text.as_bytes()[..150];
        assert_eq!(read(part, &head(206, Some((0, 150, 400))), 9), TreeAnswer::Longer);
        assert_eq!(read(part, &head(206, Some((9, 150, 400))), 9), TreeAnswer::Nothing);
        assert_eq!(read(text.as_bytes(), &head(404, None), 9), TreeAnswer::Nothing);
        let hash = "0".repeat(64);
        for other in [
            "b3tree 2 4194304 0 ".to_owned() + &hash + "\n",
            "b3tree 1 4194305 0 ".to_owned() + &hash + "\n",
            "b3tree 1 4194304 -1 ".to_owned() + &hash + "\n",
            "b3tree 1 4194304 18446744073709551615 ".to_owned() + &hash + "\n",
            "b3tree 1 4194304 0 ".to_owned() + &hash + " x\n",
            "b3tree 1 ".to_owned() + &"1".repeat(500),
            "<html>".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(other.as_bytes(), &head(200, None), 9), TreeAnswer::Nothing, "{other}");
        }
    }

    #[test]
    fn the_file_itself_is_not_waited_for() {
        let mut reader = TreeReader::default();
        reader.begin(&ResponseHead { length: ResponseLength::Counted(1 << 40), ..head(200, None) });
        assert!(!reader.take(b"PK"));
        let mut reader = TreeReader::default();
        reader.begin(&head(200, None));
        assert!(reader.take(&[0; 1000]), "1000 bytes are read for the sake of the connection");
    }
}
