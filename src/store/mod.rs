//! Files: the one module that names the file system.
//!
//! A [`Folder`] is held open, and everything happens relative to it, so that renaming it or planting links in its
//! place changes nothing. Whatever goes wrong is a [`Fault`].
//!
//! What arrives gets its final name only when it is whole and synced. A [`Part`] is a file under a temporary name
//! beside its final one; it can be left for a later session to go on with. Small files wait on a [`StagingFolder`], all in one
//! private folder. [`StagingFolder::commit`] does what must be done before anything is acknowledged: it brings the content to
//! disk, then gives the names, then brings the folders to disk.
//!
//! What is sent is found by a [`Walk`], opened by a [`Tree`], and read from a [`Source`].

mod commit;
mod confine;
mod fault;
mod filter;
mod folder;
mod hash;
mod leftover;
mod lines;
mod listing;
mod made;
mod meta;
mod named;
mod part;
mod publish;
mod source;
mod stage;
mod temporary;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use self::commit::Arrival;
pub use self::confine::safe_link_target;
pub use self::fault::{Fault, FaultKind};
pub use self::filter::Filter;
pub use self::folder::Folder;
pub use self::hash::{BLOCK_BYTES, BlockHasher, BlockValue, hash_blocks, hash_prefix, root_of};
pub use self::lines::{TextPlace, nameless, record, sink};
pub use self::meta::Meta;
pub use self::part::Part;
pub use self::source::{Change, LARGEST_WHOLE_BYTES, Source, read_whole};
pub use self::stage::{Published, StagedFile, StagingFolder};
pub use self::tree::Tree;
pub use self::walk::{Found, Links, Skip, Walk, What};
