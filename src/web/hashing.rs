//! Digests of files: computed in steps, and kept for as long as a file is what it was.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::file_reading::{FileReading, ReadFault};
use crate::store::{BlockValue, ContentHasher, SourceFile, Stamp};

/// The files whose digests are kept, and the blocks of all of them. Together they take 6 MiB at most.
const MOST_FILES: usize = 8192;
const MOST_BLOCKS: usize = 128 << 10;

/// The digests that are wanted of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) blake3: bool,
    /// The values of its blocks.
    pub(super) values: bool,
    pub(super) sha256: bool,
}

/// The digests of a file's content, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Digests {
    pub(super) blake3: Option<[u8; 32]>,
    pub(super) values: Option<Arc<Vec<BlockValue>>>,
    pub(super) sha256: Option<[u8; 32]>,
}

impl Digests {
    pub(super) fn have(&self, wanted: Wanted) -> bool {
        (self.blake3.is_some() || !wanted.blake3)
            && (self.values.is_some() || !wanted.values)
            && (self.sha256.is_some() || !wanted.sha256)
    }

    /// Those that are wanted.
    pub(super) fn only(mut self, wanted: Wanted) -> Digests {
        self.blake3.take_if(|_| !wanted.blake3);
        self.values.take_if(|_| !wanted.values);
        self.sha256.take_if(|_| !wanted.sha256);
        self
    }

    fn blocks(&self) -> usize {
        self.values.as_ref().map_or(0, |values| values.len())
    }
}

/// The digests of files that are what they were.
#[derive(Default)]
pub(crate) struct DigestCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    digests: HashMap<Stamp, Digests>,
    /// The oldest one first.
    order: VecDeque<Stamp>,
    blocks: usize,
}

impl DigestCache {
    pub(super) fn get(&self, stamp: Stamp) -> Digests {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.digests.get(&stamp).cloned().unwrap_or_default()
    }

    /// Adds what is known of a file to what was known.
    pub(super) fn keep(&self, stamp: Stamp, new: &Digests) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        let known = kept.digests.entry(stamp).or_insert_with(|| {
            kept.order.push_back(stamp);
            Digests::default()
        });
        kept.blocks -= known.blocks();
        known.blake3 = new.blake3.or(known.blake3);
        known.sha256 = new.sha256.or(known.sha256);
        if let Some(values) = new.values.as_ref().filter(|values| values.len() <= MOST_BLOCKS) {
            known.values = Some(Arc::clone(values));
        }
        kept.blocks += known.blocks();
        while kept.order.len() > MOST_FILES || kept.blocks > MOST_BLOCKS {
            let Some(oldest) = kept.order.pop_front() else { return };
            let dropped = kept.digests.remove(&oldest);
            kept.blocks -= dropped.map_or(0, |dropped| dropped.blocks());
        }
    }
}

/// The digests of a file, being computed.
pub(super) struct Hashing {
    reading: FileReading,
    blake3: Option<ContentHasher>,
    sha256: Option<Sha256>,
}

impl Hashing {
    pub(super) fn new(source: SourceFile, wanted: Wanted) -> Hashing {
        let wants_blake3 = wanted.blake3 || wanted.values;
        Hashing {
            blake3: wants_blake3.then(|| ContentHasher::new(source.size_bytes())),
            sha256: wanted.sha256.then(Sha256::new),
            reading: FileReading::new(source),
        }
    }

    pub(super) fn source(&self) -> &SourceFile {
        &self.reading.source
    }

    /// Does a step. `None`: there are more.
    ///
    /// # Errors
    /// As of [`FileReading::step`].
    pub(super) fn step(&mut self) -> Result<Option<Digests>, ReadFault> {
        let (blake3, sha256) = (&mut self.blake3, &mut self.sha256);
        let is_end = self.reading.step(|bytes| {
            if let Some(blake3) = blake3 {
                blake3.update(bytes);
            }
            if let Some(sha256) = sha256 {
                sha256.update(bytes);
            }
        })?;
        if !is_end {
            return Ok(None);
        }
        let found = self.blake3.take().and_then(ContentHasher::finish);
        let (blake3, values) = found.map(|found| (found.root, Arc::new(found.values))).unzip();
        Ok(Some(Digests {
            blake3,
            values,
            sha256: self.sha256.take().map(|hasher| hasher.finalize().into()),
        }))
    }
}

/// Computes the BLAKE3 digest of a whole file at once.
pub(super) fn blake3_of(source: &SourceFile) -> Result<[u8; 32], ReadFault> {
    let mut hashing = Hashing::new(source.try_clone()?, Wanted { blake3: true, ..Wanted::default() });
    loop {
        if let Some(Digests { blake3: Some(digest), .. }) = hashing.step()? {
            return Ok(digest);
        }
    }
}
