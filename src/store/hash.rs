//! Digests and checksums of files.

use super::error::{StoreError, StoreErrorKind};
use super::source::read_at;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use std::fs::File;
use std::ops::Range;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 512 * 1024;

/// Hashes the first `length_bytes` bytes of a file with BLAKE3, to compare them or to continue from there. The file's
/// own offset is neither used nor moved. Blocks; `is_needed` gets the number of bytes done after each chunk, and
/// returns whether the result is still needed.
///
/// # Errors
/// `CannotRead`, also for a shorter file, and after `is_needed` has returned false.
pub fn hash_prefix(
    file: &File,
    length_bytes: u64,
    is_needed: &mut dyn FnMut(u64) -> bool,
) -> Result<blake3::Hasher, StoreError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = chunk_for(length_bytes)?;
    each_chunk(file, 0..length_bytes, &mut buffer, &mut |chunk, done_bytes| {
        hasher.update(chunk);
        is_needed(done_bytes)
    })?;
    Ok(hasher)
}

/// Passes the first `length_bytes` bytes of a file to `take`, in order, which returns whether more are needed. The file's own
/// offset is neither used nor moved. Blocks.
///
/// # Errors
/// As [`hash_prefix`].
pub fn read_prefix(
    file: &File,
    length_bytes: u64,
    take: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), StoreError> {
    let mut buffer = chunk_for(length_bytes)?;
    each_chunk(file, 0..length_bytes, &mut buffer, &mut |chunk, _| take(chunk))
}

/// Size of the aligned blocks in which a file is verified. A power of two, so that each is a subtree of BLAKE3's tree.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// BLAKE3's chaining value of a block in a longer file.
pub type BlockValue = [u8; 32];

/// Hashes one block, given in pieces.
#[derive(Debug, Clone)]
pub struct BlockHasher {
    hasher: blake3::Hasher,
    taken_bytes: u64,
}

impl BlockHasher {
    /// Creates a hasher for the block at this offset of its file, a multiple of [`BLOCK_BYTES`]. Any other offset is
    /// rounded down to one.
    pub fn new(offset_bytes: u64) -> Self {
        Self::aligned(offset_bytes - offset_bytes % BLOCK_BYTES)
    }

    fn aligned(offset_bytes: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset_bytes);
        Self { hasher, taken_bytes: 0 }
    }

    /// Hashes the next bytes of the block.
    pub fn update(&mut self, bytes: &[u8]) {
        self.taken_bytes = self.taken_bytes.saturating_add(bytes.len() as u64);
        if self.taken_bytes <= BLOCK_BYTES {
            self.hasher.update(bytes);
        }
    }

    /// Returns the chaining value, for a block of a file that has more than one. `None` after no bytes, or more than
    /// a block has: blake3 would panic.
    pub fn finish(self) -> Option<BlockValue> {
        (1..=BLOCK_BYTES).contains(&self.taken_bytes).then(|| self.hasher.finalize_non_root())
    }
}

/// Computes the digest of a file, as `b3sum` prints it, from the chaining values of all its blocks. `None` for fewer
/// than two: the digest of a file of one block does not follow from the block's value.
pub fn root_of(values: &[BlockValue]) -> Option<[u8; 32]> {
    let (left, right) = halves(values)?;
    Some(merge_subtrees_root(&subtree(left)?, &subtree(right)?, Mode::Hash).into())
}

fn subtree(values: &[BlockValue]) -> Option<BlockValue> {
    match halves(values) {
        None => values.first().copied(),
        Some((left, right)) => Some(merge_subtrees_non_root(&subtree(left)?, &subtree(right)?, Mode::Hash)),
    }
}

/// Splits the values: the left half is the largest power of two that leaves something to the right one (BLAKE3 paper,
/// section 2.1).
fn halves(values: &[BlockValue]) -> Option<(&[BlockValue], &[BlockValue])> {
    (values.len() > 1).then(|| values.split_at(values.len().next_power_of_two() / 2))
}

/// Computes the chaining values of the blocks of a file's first `length_bytes` bytes; the last block may be incomplete.
/// Blocks; `is_needed` is as for [`hash_prefix`]. The file's own offset is neither used nor moved.
///
/// # Errors
/// As of [`hash_prefix`].
pub fn hash_blocks(
    file: &File,
    length_bytes: u64,
    is_needed: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<BlockValue>, StoreError> {
    let mut values = Vec::new();
    let mut buffer = chunk_for(length_bytes)?;
    let mut done_bytes = 0;
    while done_bytes < length_bytes {
        let end_bytes = length_bytes.min(done_bytes.saturating_add(BLOCK_BYTES));
        let mut hasher = BlockHasher::new(done_bytes);
        each_chunk(file, done_bytes..end_bytes, &mut buffer, &mut |chunk, done_bytes| {
            hasher.update(chunk);
            is_needed(done_bytes)
        })?;
        values.extend(hasher.finish());
        done_bytes = end_bytes;
    }
    Ok(values)
}

/// The digest of a file, and the values of its blocks from which it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigests {
    /// The digest of the whole content, as `b3sum` prints it.
    pub root: [u8; 32],
    /// The chaining values of its blocks; none for a file of one block or less.
    pub values: Vec<BlockValue>,
}

/// Computes the [`FileDigests`] of content that comes in pieces.
#[derive(Debug)]
pub struct ContentHasher(Hashing);

#[derive(Debug)]
enum Hashing {
    /// Content of at most one block.
    Whole(Box<blake3::Hasher>),
    Blocks {
        block: Box<BlockHasher>,
        values: Vec<BlockValue>,
    },
}

impl ContentHasher {
    /// Creates a hasher for content of this length.
    pub fn new(length_bytes: u64) -> Self {
        Self(match length_bytes {
            0..=BLOCK_BYTES => Hashing::Whole(Box::default()),
            _ => Hashing::Blocks { block: Box::new(BlockHasher::new(0)), values: Vec::new() },
        })
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        match &mut self.0 {
            Hashing::Whole(hasher) => drop(hasher.update(bytes)),
            Hashing::Blocks { block, values } => {
                while !bytes.is_empty() {
                    let room = usize::try_from(BLOCK_BYTES - block.taken_bytes).unwrap_or(bytes.len());
                    let (now, later) = bytes.split_at(room.min(bytes.len()));
                    block.update(now);
                    bytes = later;
                    if block.taken_bytes == BLOCK_BYTES {
                        let next = BlockHasher::new((values.len() as u64 + 1) * BLOCK_BYTES);
                        values.extend(std::mem::replace(&mut **block, next).finish());
                    }
                }
            }
        }
    }

    /// Returns the digests. `None`: the content was not as long as was said.
    pub fn finish(self) -> Option<FileDigests> {
        match self.0 {
            Hashing::Whole(hasher) => {
                Some(FileDigests { root: hasher.finalize().into(), values: Vec::new() })
            }
            Hashing::Blocks { block, mut values } => {
                values.extend(block.finish());
                Some(FileDigests { root: root_of(&values)?, values })
            }
        }
    }
}

/// Allocates a buffer for chunks of `length_bytes` bytes at most. A lack of memory fails this file, not the whole
/// process.
fn chunk_for(length_bytes: u64) -> Result<Vec<u8>, StoreError> {
    let count = usize::try_from(length_bytes).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
    let mut chunk = Vec::new();
    let no_memory =
        |_| StoreError::new(StoreErrorKind::CannotRead, "cannot be read: there is not enough memory");
    chunk.try_reserve_exact(count).map_err(no_memory)?;
    chunk.resize(count, 0);
    Ok(chunk)
}

/// Reads a range piece by piece and passes each with its end offset to `take`. Stops when `take` returns false.
fn each_chunk(
    file: &File,
    range: Range<u64>,
    buffer: &mut [u8],
    take: &mut dyn FnMut(&[u8], u64) -> bool,
) -> Result<(), StoreError> {
    let mut at = range.start;
    while at < range.end {
        let rest = usize::try_from(range.end - at).unwrap_or(buffer.len()).min(buffer.len());
        let chunk = &mut buffer[..rest];
        if read_at(file, chunk, at)? < chunk.len() {
            return Err(StoreError::new(StoreErrorKind::CannotRead, "is shorter than it was"));
        }
        at += chunk.len() as u64;
        if !take(chunk, at) {
            return Err(StoreError::new(StoreErrorKind::CannotRead, "was not read to its end"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As files with blocks of 2 KiB would be: the arithmetic is the same.
    const SMALL_BYTES: usize = 2048;

    fn small_values(content: &[u8]) -> Vec<BlockValue> {
        let block = |(index, bytes): (usize, &[u8])| {
            let mut hasher = BlockHasher::aligned((index * SMALL_BYTES) as u64);
            bytes.chunks(700).for_each(|piece| hasher.update(piece));
            hasher.finish().unwrap()
        };
        content.chunks(SMALL_BYTES).enumerate().map(block).collect()
    }

    fn digests(content: &[u8]) -> Option<FileDigests> {
        let mut hasher = ContentHasher::new(content.len() as u64);
        content.chunks(300_000).for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    proptest! {
        #[test]
        fn the_root_follows_from_the_blocks(size in SMALL_BYTES + 1..9 * SMALL_BYTES + 100, seed: u8) {
            let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8 ^ seed).collect();
            prop_assert_eq!(root_of(&small_values(&content)), Some(*blake3::hash(&content).as_bytes()));
        }
    }

    #[test]
    fn a_file_is_hashed_block_by_block() {
        let full = usize::try_from(BLOCK_BYTES).unwrap();
        let content: Vec<u8> = (0..2 * full + 12_345).map(|at| (at % 253) as u8).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &content).unwrap();
        for size in [full + 1, 2 * full, content.len()] {
            let mut reported = Vec::new();
            let values = hash_blocks(file.as_file(), size as u64, &mut |done| {
                reported.push(done);
                true
            })
            .unwrap();
            let root = *blake3::hash(&content[..size]).as_bytes();
            assert_eq!(root_of(&values), Some(root));
            assert_eq!(digests(&content[..size]), Some(FileDigests { root, values: values.clone() }));
            assert_eq!(reported.last(), Some(&(size as u64)));
            assert!(reported.is_sorted());
            let mut second = BlockHasher::new(BLOCK_BYTES);
            second.update(&content[full..size.min(2 * full)]);
            assert_eq!(second.clone().finish(), Some(values[1]));
            second.update(&content[..full]);
            assert_eq!(second.finish(), None);
        }
        for size in [0, 1, full] {
            let root = *blake3::hash(&content[..size]).as_bytes();
            assert_eq!(digests(&content[..size]), Some(FileDigests { root, values: Vec::new() }));
        }
        let mut shorter = ContentHasher::new(BLOCK_BYTES + 1);
        shorter.update(&content[..full]);
        assert_eq!(shorter.finish(), None);
        let longer = content.len() as u64 + 1;
        assert_eq!(
            hash_blocks(file.as_file(), longer, &mut |_| true).unwrap_err().kind,
            StoreErrorKind::CannotRead
        );
        assert!(hash_blocks(file.as_file(), 0, &mut |_| true).unwrap().is_empty());
        assert_eq!(BlockHasher::new(BLOCK_BYTES).finish(), None);
        assert_eq!(root_of(&[]), None);
        assert_eq!(root_of(&[[0; 32]]), None);
    }
}
