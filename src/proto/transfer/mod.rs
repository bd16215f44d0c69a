//! The transfer protocol, see `PROTOCOL.md`.

pub mod blocks;
pub mod contention;
pub mod entry;
pub mod foreign;
pub mod frame;
pub mod have;
pub mod hello;
pub mod names;
pub mod outcome;
pub mod reason;
pub mod receiver;
pub mod roster;
pub mod sender;
pub mod skipped;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod text_header;
pub mod time_limits;
pub mod violation;
pub mod wanted;
pub(crate) mod wire;

/// A BLAKE3 digest of a file or of its beginning. Compared here, never computed.
pub type Digest = [u8; 32];
