//! Archives of folders, as tar or zip: their length is known before the first byte, and any range of them can be made.
//!
//! [`Entries`] say what is in an archive. [`Layout`] says where each of them is, and makes the bytes at any offset:
//! headers itself, content as a range of a file. [`Cursor`] goes through a range of it and computes CRCs on the way.
//!
//! The same entries with the same content always make the same bytes. When the bytes change with a new version of this
//! code, so must [`Format::label`], which belongs into an ETag.

mod cursor;
mod entries;
mod layout;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

pub use self::cursor::{ContentChanged, Cursor};
pub use self::entries::{Attributes, Entries, Entry, EntryKind};
pub use self::layout::{Format, Layout, LayoutError, Piece};
