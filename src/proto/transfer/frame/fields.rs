//! The parts of `END`, `PING` and `TOTALS`.

use crate::proto::transfer::Digest;

/// The sender's totals: for progress only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files, folders and links.
    pub entries: u64,
    /// The sum of the files' sizes.
    pub bytes: u64,
    /// The totals are final, as far as the sender knows.
    pub complete: bool,
}

/// The end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileEnd {
    /// Its file id.
    pub file: u32,
    /// Its size, in bytes.
    pub size: u64,
    /// The state in which it ended.
    pub state: EndState,
    /// The digest of the sender's file; it means nothing where the file is unreadable or changed.
    pub digest: Digest,
}

/// The flags of an `END`; of several the first named here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndState {
    /// The source could not be read to its end.
    Unreadable,
    /// The source was not the same at its end as at its start.
    Changed,
    /// After KEEP: the content is not the same.
    Differs,
    /// The receiver had refused the file while it was sent.
    Stopped,
    /// No flag: the digest is that of the whole file.
    Whole,
}

/// A phase that can be silent for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Existing bytes are hashed.
    Hashing = 1,
    /// Received bytes are verified.
    Verifying = 2,
    /// Received files are synced.
    Syncing = 3,
    /// The source, a pipe, has nothing to read yet.
    Reading = 4,
}

impl EndState {
    pub(super) fn flags(self) -> u8 {
        match self {
            EndState::Unreadable => 1,
            EndState::Changed => 2,
            EndState::Differs => 4,
            EndState::Stopped => 8,
            EndState::Whole => 0,
        }
    }

    pub(super) fn parse(flags: u8) -> EndState {
        [EndState::Unreadable, EndState::Changed, EndState::Differs, EndState::Stopped]
            .into_iter()
            .find(|state| flags & state.flags() != 0)
            .unwrap_or(EndState::Whole)
    }
}

impl Phase {
    pub(super) fn parse(code: u8) -> Option<Phase> {
        [Phase::Hashing, Phase::Verifying, Phase::Syncing, Phase::Reading]
            .into_iter()
            .find(|phase| *phase as u8 == code)
    }
}
