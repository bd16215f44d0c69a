//! What is here already: the file itself, or a part of an earlier session.

use super::blocks::Blocks;
use super::place::Place;
use super::stream::Stream;
use super::tree::Tree;
use super::{FetchTarget, Fetching, Step, Turn};
use crate::error::Error;
use crate::net::reactor::BlockingTask;
use crate::net::stdio::Stdio;
use crate::report::ProgressPhase;
use crate::store::{BLOCK_BYTES, BlockValue, Folder, Origin, Part, StoreError, hash_blocks, hash_prefix};

/// Reads what is here, in a blocking task.
pub(super) struct Hashing {
    task: BlockingTask<Result<Hashed, StoreError>>,
    tree: Option<Tree>,
}

/// What is here.
enum Hashed {
    /// A file of the right size; with true, of the right content, too, and on the disk.
    Existing(bool),
    /// A part of this length from this origin, and the hash of it.
    Prefix(Part, u64, Box<blake3::Hasher>, Origin),
    /// A part, and the values of its blocks.
    Blocks(Part, Vec<BlockValue>),
}

impl Fetching {
    /// Begins with the content, of which `tree` holds if there is one.
    pub(super) fn begin(&mut self, tree: Option<Tree>) -> Result<Turn, Error> {
        let FetchTarget::Folder { folder, .. } = self.options.target.clone() else {
            let stream = Stream::new(Place::Stdout(Box::new(Stdio::open(&self.io)?)), tree);
            return Ok(Turn::Next(Step::Stream(Box::new(stream))));
        };
        let fault = |fault| self.store_error(&fault);
        let existing = folder.existing(&self.options.name).map_err(fault)?;
        match (existing, &tree) {
            (Some((_, found)), Some(Tree { size, hash, .. })) if found == *size => {
                let (name, size, hash) = (self.options.name.clone(), *size, *hash);
                self.show_hashing(size);
                self.hash(tree, move |is_needed| {
                    let is_same = folder.holds(&name, size, &hash, is_needed)?;
                    Ok(Hashed::Existing(is_same == Some(true)))
                })
            }
            (Some(_), Some(_)) if !self.options.replace => Err(self.exists()),
            _ => self.open_part(&folder, tree),
        }
    }

    /// Begins with the part of an earlier session, or with an empty one.
    fn open_part(&mut self, folder: &Folder, tree: Option<Tree>) -> Result<Turn, Error> {
        let name = self.options.name.clone();
        let size = tree.as_ref().map(|tree| tree.size);
        if let Some(size) = size {
            self.check_size(size, 0)?;
        }
        let resumed = Part::resume_with_origin(folder, &name).map_err(|fault| self.store_error(&fault))?;
        let Some((mut part, length, origin)) = resumed else {
            let part = Part::create(folder, &name).map_err(|fault| self.store_error(&fault))?;
            return Ok(Turn::Next(self.with_part(part, tree)));
        };
        let has_blocks = tree.as_ref().is_some_and(|tree| !tree.values.is_empty());
        match (origin, size) {
            _ if length == 0 => {}
            (_, Some(size)) if has_blocks => {
                // The last block may be incomplete, and an incomplete one is of no use.
                let length = if length >= size { size } else { length - length % BLOCK_BYTES };
                part.set_origin(None);
                part.keep_if_dropped(true);
                self.show_hashing(size);
                return self.hash(tree, move |is_needed| {
                    let values = hash_blocks(part.file(), length, is_needed)?;
                    Ok(Hashed::Blocks(part, values))
                });
            }
            (Some(origin), None) if self.is_from_here(&origin) => {
                part.set_len(length).map_err(|fault| self.store_error(&fault))?;
                part.keep_if_dropped(true);
                self.show_hashing(length);
                return self.hash(tree, move |is_needed| {
                    let hasher = hash_prefix(part.file(), length, is_needed)?;
                    Ok(Hashed::Prefix(part, length, Box::new(hasher), origin))
                });
            }
            _ => {}
        }
        part.set_origin(None);
        part.set_len(0).map_err(|fault| self.store_error(&fault))?;
        Ok(Turn::Next(self.with_part(part, tree)))
    }

    /// The step that fills an empty part.
    fn with_part(&self, part: Part, tree: Option<Tree>) -> Step {
        match tree {
            Some(tree) if !tree.values.is_empty() => Step::Blocks(Box::new(Blocks::new(part, tree, &[]))),
            tree => Step::Stream(Box::new(Stream::new(Place::Part(part), tree))),
        }
    }

    /// Returns whether bytes are from the first server: its URL as it was typed names it.
    fn is_from_here(&self, origin: &Origin) -> bool {
        self.first_mirror().is_some_and(|mirror| self.source(mirror) == origin.source)
    }

    /// Names a server.
    pub(super) fn source(&self, mirror: usize) -> [u8; 32] {
        let url = &self.options.mirrors[mirror];
        blake3::hash(format!("{}{}", url.origin(), url.target()).as_bytes()).into()
    }

    fn show_hashing(&self, size: u64) {
        self.progress.file(&self.options.name, Some(size), 0);
        self.progress.phase(ProgressPhase::Hashing);
    }

    fn hash(
        &mut self,
        tree: Option<Tree>,
        work: impl FnOnce(&mut dyn FnMut(u64) -> bool) -> Result<Hashed, StoreError> + Send + 'static,
    ) -> Result<Turn, Error> {
        let task = self.io.spawn_long(move |long| work(&mut |_| long.goes_on()))?;
        Ok(Turn::Wait(Step::Hashing(Box::new(Hashing { task, tree }))))
    }

    pub(super) fn hashing(&mut self, mut hashing: Box<Hashing>) -> Result<Turn, Error> {
        let Some(result) = hashing.task.take() else { return Ok(Turn::Wait(Step::Hashing(hashing))) };
        for (_, lane) in &mut self.lanes {
            lane.restart_idle(self.now);
        }
        let tree = hashing.tree;
        let hashed = result?.map_err(|fault| self.store_error(&fault))?;
        match (hashed, tree) {
            (Hashed::Existing(true), Some(tree)) => self.is_there(tree.hash, tree.size),
            (Hashed::Existing(false), Some(tree)) => {
                let FetchTarget::Folder { folder, .. } = self.options.target.clone() else {
                    return Err(self.exists());
                };
                if self.options.replace { self.open_part(&folder, Some(tree)) } else { Err(self.exists()) }
            }
            (Hashed::Prefix(part, length, hasher, origin), tree) => {
                let stream = Stream::new(Place::Part(part), tree).resumed(length, *hasher, origin);
                Ok(Turn::Next(Step::Stream(Box::new(stream))))
            }
            (Hashed::Blocks(part, values), Some(tree)) => {
                Ok(Turn::Next(Step::Blocks(Box::new(Blocks::new(part, tree, &values)))))
            }
            (Hashed::Existing(_) | Hashed::Blocks(..), None) => Err(self.exists()),
        }
    }
}
