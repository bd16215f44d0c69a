//! Files: the one module that names the file system.
//!
//! A [`Folder`] is held open, and everything happens relative to it, so that renaming it or planting links in its
//! place changes nothing. A [`Part`] is a file that arrives: it gets its final name only when it is whole and
//! synced. A [`Source`] is a file that is sent. Whatever goes wrong is a [`Fault`].
//!
//! What must be on disk before it is acknowledged: [`Part::commit`] (sync, then the name), then [`Folder::sync`].

mod commit;
mod confine;
mod fault;
mod filter;
mod folder;
mod hash;
mod leftover;
mod listing;
mod part;
mod publish;
mod source;
mod stage;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use commit::Arrival;
pub use confine::safe_link_target;
pub use fault::{Fault, FaultKind};
pub use filter::Filter;
pub use folder::Folder;
pub use hash::{BLOCK_BYTES, BlockHasher, BlockValue, hash_blocks, hash_prefix, root_of};
pub use part::{Meta, Part};
pub use source::Source;
pub use stage::{Settled, Stage, Staged};
pub use tree::Tree;
pub use walk::{Found, Links, Skip, Walk, What};
