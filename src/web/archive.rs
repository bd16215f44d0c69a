//! Archives whose bytes can be had from any place on, and those that are kept.

mod sending;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use self::sending::Sending;
use super::body::Pieces;
use super::walking::Files;
use crate::proto::web::archive::Layout;
use crate::proto::web::etag::ETag;
use crate::store::Stamp;

/// The archives that are kept, and the memory of all of them.
const MOST_ARCHIVES: usize = 8;
const MOST_BYTES: usize = 32 << 20;

/// An archive of files as they were found.
pub(super) struct Archive {
    layout: Layout,
    /// Of each entry that is a file.
    stamps: Vec<Option<Stamp>>,
}

impl Archive {
    pub(super) fn new(layout: Layout, stamps: Vec<Option<Stamp>>) -> Archive {
        Archive { layout, stamps }
    }

    /// The length of the whole.
    pub(super) fn size_bytes(&self) -> u64 {
        self.layout.len_bytes()
    }

    /// The bytes of a range of it.
    pub(super) fn pieces(self: &Arc<Self>, files: Files, range: Range<u64>) -> Box<dyn Pieces> {
        Box::new(Sending::new(Arc::clone(self), files, range))
    }

    /// The memory that it takes, about.
    fn memory_bytes(&self) -> usize {
        self.layout.memory_bytes() + self.stamps.len() * size_of::<Option<Stamp>>()
    }
}

/// Archives by their tags, with the CRCs that were computed: who asks for the rest of one does not wait for them.
#[derive(Default)]
pub(crate) struct ArchiveCache(Mutex<VecDeque<(ETag, Arc<Archive>)>>);

impl ArchiveCache {
    /// Returns the archive with this tag, which is the given one if none is kept.
    pub(super) fn kept(&self, etag: &ETag, new: Archive) -> Arc<Archive> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(tag, _)| tag == etag)
            && let Some(found) = kept.remove(at)
        {
            let archive = Arc::clone(&found.1);
            kept.push_back(found);
            return archive;
        }
        let archive = Arc::new(new);
        kept.push_back((etag.clone(), Arc::clone(&archive)));
        let bytes = |kept: &VecDeque<(ETag, Arc<Archive>)>| -> usize {
            kept.iter().map(|(_, archive)| archive.memory_bytes()).sum()
        };
        while kept.len() > MOST_ARCHIVES || bytes(&kept) > MOST_BYTES {
            if kept.pop_front().is_none() {
                break;
            }
        }
        archive
    }
}
