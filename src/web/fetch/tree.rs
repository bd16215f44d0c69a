//! `?b3tree`: the digest of a file and the chaining values of its blocks, as a server has them.

use crate::proto::http::{ContentRange, ResponseHead, ResponseLength};
use crate::proto::web::proof::{INTRODUCTION, MAX_FIRST_LEN, TreeError, TreeParser, count_of, first_line};
use crate::store::{BlockValue, root_of};

/// The most blocks: of a file of 4 TiB. The values of a larger one are not used.
const MAX_BLOCKS: u64 = 1 << 20;
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
    state: State,
    /// The answer is a part of the whole.
    is_partial: bool,
    /// The length of the answer in bytes, if it says one.
    length: Option<u64>,
}

enum State {
    /// In the first line.
    First(Vec<u8>),
    Values(TreeParser),
    /// It is no tree: what comes is dropped.
    Nothing,
    Broken,
}

impl Default for State {
    fn default() -> State {
        State::First(Vec::new())
    }
}

impl TreeReader {
    /// Takes the head.
    pub(super) fn begin(&mut self, head: &ResponseHead) {
        self.length = match head.length {
            ResponseLength::Counted(length) => Some(length),
            ResponseLength::Chunked | ResponseLength::ToEnd => None,
        };
        let is_partial = match (head.status, head.content_range) {
            _ if head.coding.is_some() => None,
            (200, _) => Some(false),
            (206, Some(ContentRange { range: Some((0, end)), size: Some(size) })) => Some(end < size),
            _ => None,
        };
        self.is_partial = is_partial.unwrap_or(false);
        if is_partial.is_none() {
            self.state = State::Nothing;
        }
    }

    /// Takes bytes of the body. False: the rest is worth no waiting, and the connection can be closed.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        self.state = match std::mem::take(&mut self.state) {
            State::First(line) => begun(line, bytes),
            State::Values(parser) => pushed(parser, bytes),
            state => state,
        };
        !matches!(self.state, State::Nothing) || self.length.is_some_and(|length| length <= FIRST_BYTES)
    }

    /// Takes the end of the body.
    pub(super) fn end(self) -> TreeAnswer {
        let parsed = match self.state {
            State::First(_) | State::Nothing => return TreeAnswer::Nothing,
            State::Broken => return TreeAnswer::Broken,
            State::Values(parser) => parser.finish(),
        };
        match parsed {
            // Nothing of it is trusted before the values and the digest agree.
            Ok(tree) if tree.values.is_empty() || root_of(&tree.values) == Some(tree.root) => {
                TreeAnswer::Tree(Tree { size: tree.size_bytes, hash: tree.root, values: tree.values })
            }
            Err(TreeError::TooShort) if self.is_partial => TreeAnswer::Longer,
            _ => TreeAnswer::Broken,
        }
    }
}

/// Takes bytes of the first line, and what follows it.
fn begun(mut line: Vec<u8>, bytes: &[u8]) -> State {
    let (some, rest) = match memchr::memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], Some(&bytes[end..])),
        None => (bytes, None),
    };
    line.extend_from_slice(&some[..some.len().min(MAX_FIRST_LEN + 1)]);
    let known = line.len().min(INTRODUCTION.len());
    if line[..known] != INTRODUCTION.as_bytes()[..known] || line.len() > MAX_FIRST_LEN {
        return State::Nothing;
    }
    let Some(rest) = rest else { return State::First(line) };
    match first_line(&line) {
        Some((size, _)) if count_of(size) <= MAX_BLOCKS => {
            line.extend_from_slice(rest);
            pushed(TreeParser::new(size), &line)
        }
        _ => State::Nothing,
    }
}

fn pushed(mut parser: TreeParser, bytes: &[u8]) -> State {
    if parser.push(bytes).is_ok() { State::Values(parser) } else { State::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BLOCK_BYTES, BlockHasher};

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
