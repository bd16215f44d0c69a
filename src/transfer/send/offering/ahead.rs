//! How much there is to send in all: counted by a walk of its own, which runs ahead of the session's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Offering, Root};
use crate::report::{Progress, Totals};
use crate::store::{Filter, Folder, Links, Source, Tree, Walk, What};

/// Entries that are counted before somebody hears of them.
const STEP_ENTRIES: u64 = 256;

/// The walk that counts. It ends when this is dropped.
pub(crate) struct Ahead(Arc<AtomicBool>);

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Offering {
    /// Counts on a thread what there is, where there are folders, and where somebody looks at the totals. It keeps
    /// nothing but the sums.
    pub(crate) fn count_ahead(&self, progress: &Progress) -> Option<Ahead> {
        let has_folders =
            self.roots.iter().any(|root| matches!(root, Root::Folder { .. } | Root::Below { .. }));
        let totals = progress.totals().filter(|_| has_folders)?;
        let (roots, links, filter) = (self.roots.clone(), self.links, Arc::clone(&self.filter));
        let stop = Arc::<AtomicBool>::default();
        let ahead = Ahead(Arc::clone(&stop));
        let mut count = Count { totals, entries: 0, bytes: 0, stop };
        let work = move || {
            let all = roots.iter().try_for_each(|root| count.root(root, links, &filter));
            count.tell();
            if all.is_some() {
                count.totals.end();
            }
        };
        // Without a thread the totals grow as things are offered.
        std::thread::Builder::new().name("ahead".into()).spawn(work).ok()?;
        Some(ahead)
    }
}

struct Count {
    totals: Totals,
    entries: u64,
    bytes: u64,
    stop: Arc<AtomicBool>,
}

impl Count {
    /// None when it is to stop.
    fn root(&mut self, root: &Root, links: Links, filter: &Arc<Filter>) -> Option<()> {
        match root {
            Root::File { path, .. } => self.add(Source::open(path).map_or(0, |source| source.size_bytes())),
            Root::Below { folder, name } => match (folder.source(name), folder.below(name)) {
                (Ok(source), _) => self.add(source.size_bytes()),
                (_, Ok(folder)) => self.tree(&folder, links, filter).and_then(|()| self.add(0)),
                _ => self.add(0),
            },
            Root::Stdin { .. } | Root::Command { .. } | Root::Missing { .. } => self.add(0),
            Root::Folder { folder, name } => {
                self.tree(folder, links, filter)?;
                if name.is_empty() { Some(()) } else { self.add(0) }
            }
        }
    }

    /// All that is in a folder.
    fn tree(&mut self, folder: &Folder, links: Links, filter: &Arc<Filter>) -> Option<()> {
        let mut tree = Tree::new(folder.clone(), links == Links::Follow);
        for found in Walk::new(folder.clone(), links, Arc::clone(filter)) {
            match found.what {
                What::File => self.add(tree.size_bytes(&found.path).unwrap_or(0))?,
                What::Skipped(_) => {}
                _ => self.add(0)?,
            }
        }
        Some(())
    }

    fn add(&mut self, bytes: u64) -> Option<()> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.entries == STEP_ENTRIES {
            self.tell();
        }
        (!self.stop.load(Ordering::Relaxed)).then_some(())
    }

    fn tell(&mut self) {
        self.totals.add(std::mem::take(&mut self.entries), std::mem::take(&mut self.bytes));
    }
}
