//! The total amount to send: counted by a separate walk that runs ahead of the session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Offering, Root, folder_below, source_below};
use crate::proto::transfer::frame::Totals;
use crate::report::Progress;
use crate::store::{Filter, Folder, SourceFile, SymlinkPolicy, Tree, Walk, WalkEntryKind};

/// Names that are counted between two reports.
const STEP_NAMES: u64 = 256;

/// The counting thread. It ends when this is dropped.
pub(crate) struct Ahead(Arc<AtomicBool>);

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Offering {
    /// Returns a count of the offering, if it has folders.
    pub(crate) fn count(&self) -> Option<OfferingCounter> {
        let has_folders =
            self.roots.iter().any(|root| matches!(root, Root::Folder { .. } | Root::Below { .. }));
        has_folders.then(|| OfferingCounter {
            roots: Arc::clone(&self.roots),
            next: 0,
            walk: None,
            links: self.links,
            filter: Arc::clone(&self.filter),
            looked_at: 0,
            found: Totals::default(),
        })
    }

    /// Counts on a thread, if the totals are shown.
    pub(crate) fn count_ahead(&self, progress: &Progress) -> Option<Ahead> {
        let totals = progress.totals()?;
        let mut count = self.count()?;
        let stop = Arc::<AtomicBool>::default();
        let ahead = Ahead(Arc::clone(&stop));
        let work = move || {
            while !stop.load(Ordering::Relaxed) {
                let continues = count.look_at(STEP_NAMES);
                let Totals { entries, bytes, complete } = count.found;
                totals.found(entries, bytes, complete);
                if !continues {
                    break;
                }
            }
        };
        // Without a thread the totals grow with the offers.
        std::thread::Builder::new().name("ahead".into()).spawn(work).ok()?;
        Some(ahead)
    }
}

/// Counts an offering while walking through it. It keeps only the sums, and holds at most two descriptors.
pub(crate) struct OfferingCounter {
    roots: Arc<[Root]>,
    next: usize,
    /// The folder that is being walked, and whether it is an entry itself.
    walk: Option<(Tree, Walk, bool)>,
    links: SymlinkPolicy,
    filter: Arc<Filter>,
    looked_at: u64,
    found: Totals,
}

impl OfferingCounter {
    /// Counts up to `names` further names. Returns false if there are no more.
    pub(crate) fn look_at(&mut self, names: u64) -> bool {
        for _ in 0..names {
            if !self.advance() {
                self.found.complete = true;
                return false;
            }
        }
        true
    }

    /// Returns the sums so far.
    pub(crate) fn totals(&self) -> Totals {
        self.found
    }

    /// Returns the number of counted names, skipped ones included.
    pub(crate) fn looked_at(&self) -> u64 {
        self.looked_at
    }

    /// Counts the next name. Returns false if there is none.
    fn advance(&mut self) -> bool {
        if let Some((tree, walk, is_entry)) = &mut self.walk {
            match walk.next().map(|found| (found.kind, found.path)) {
                Some((WalkEntryKind::File, path)) => {
                    let size_bytes = tree.size_bytes(&path).unwrap_or(0);
                    self.add(size_bytes);
                }
                Some((WalkEntryKind::Skipped(_), _)) => {}
                Some(_) => self.add(0),
                None => {
                    let is_entry = *is_entry;
                    self.walk = None;
                    if is_entry {
                        self.add(0);
                    }
                }
            }
        } else {
            let roots = Arc::clone(&self.roots);
            let Some(root) = roots.get(self.next) else { return false };
            self.next += 1;
            self.begin(root);
        }
        self.looked_at += 1;
        true
    }

    fn begin(&mut self, root: &Root) {
        match root {
            Root::File { path, .. } => {
                self.add(SourceFile::open(path).map_or(0, |source| source.size_bytes()))
            }
            Root::Below { folder, name } => match source_below(folder, name, self.links) {
                Ok(source) => self.add(source.size_bytes()),
                Err(_) => match folder_below(folder, name, self.links) {
                    Ok(folder) => self.enter(folder, true),
                    Err(_) => self.add(0),
                },
            },
            Root::Stdin { .. } | Root::Command { .. } | Root::Missing { .. } => self.add(0),
            Root::Folder { folder, name } => self.enter(folder.clone(), !name.is_empty()),
        }
    }

    fn enter(&mut self, folder: Folder, is_entry: bool) {
        let tree = Tree::new(folder.clone(), self.links == SymlinkPolicy::Follow);
        self.walk = Some((tree, Walk::new(folder, self.links, Arc::clone(&self.filter)), is_entry));
    }

    fn add(&mut self, bytes: u64) {
        self.found.entries += 1;
        self.found.bytes = self.found.bytes.saturating_add(bytes);
    }
}
