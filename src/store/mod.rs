//! Files: the only module that names the file system.
//!
//! A [`Folder`] is held open, and everything happens relative to it, so that renaming it or planting links in its place
//! changes nothing. Every failure is a [`StoreError`].
//!
//! A received file gets its final name only when it is whole and synced. A [`Part`] is a file under a temporary name
//! beside its final one; a later session can continue it. Small files wait in a [`StagingFolder`], all in one private
//! folder. [`StagingFolder::commit`] does everything that must precede an acknowledgement: it syncs the content, gives
//! the names, then syncs the folders.
//!
//! Keys and lists of keys are files of this user alone: [`read_or_create`], [`read_list`], [`append_line`]. [`StatePlaces`]
//! knows where they are.
//!
//! Files to send are found by a [`Walk`], opened by a [`Tree`], and read from a [`SourceFile`]. An [`ArchiveWalk`] finds what
//! is to be in an archive, with a [`Stamp`] for each file by which a change is noticed.

mod archive;
mod commit;
mod confine;
mod error;
mod filter;
mod folder;
mod hash;
mod key_list;
mod leftover;
mod lines;
mod listing;
mod made;
mod meta;
mod named;
mod names;
mod origin;
mod part;
mod private;
mod publish;
mod secret;
mod share;
mod source;
mod staging;
mod stamp;
mod state;
mod temporary;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use self::archive::{ArchiveWalk, FoundEntry, FoundKind};
pub use self::commit::StagedEntry;
pub use self::confine::safe_link_target;
pub use self::error::{StoreError, StoreErrorKind};
pub use self::filter::Filter;
pub use self::folder::Folder;
pub use self::hash::{
    BLOCK_BYTES, BlockHasher, BlockValue, ContentHasher, FileDigests, hash_blocks, hash_prefix, read_prefix,
    root_of,
};
pub use self::key_list::{KeyList, ListStamp, append_line, read_list};
pub use self::lines::{TextPlace, empty, nameless, record, sink};
pub use self::meta::Meta;
pub use self::names::{NamedEntry, NamedKind};
pub use self::origin::Origin;
pub use self::part::Part;
pub use self::private::PrivateError;
pub use self::secret::{Kept, Secret, read_or_create};
pub use self::share::Share;
pub use self::source::{Change, LARGEST_WHOLE_BYTES, SourceFile, read_whole};
pub use self::staging::{Published, StagedFile, StagingFolder};
pub use self::stamp::Stamp;
pub use self::state::{KeyPlace, StatePlaces};
pub use self::tree::Tree;
pub use self::walk::{SkipReason, SymlinkPolicy, Walk, WalkEntry, WalkEntryKind};
