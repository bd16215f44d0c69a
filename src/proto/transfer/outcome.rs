//! The outcome of each entry of a session.

use super::entry::EntryKind;
use super::reason::Reason;

/// The outcome of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryOutcome {
    /// At the receiver: compared, synced and in place. At the sender: sent to its end. The receiver may still report it
    /// as failed: then it is closed a second time.
    Done,
    /// It was in place before, with the same content.
    AlreadyThere,
    /// Not in place, with the reason and a text for people. Escape the text before showing it: it may be the peer's.
    Failed(Reason, String),
}

impl EntryOutcome {
    /// Returns whether it is [`EntryOutcome::Failed`].
    pub fn is_failed(&self) -> bool {
        matches!(self, EntryOutcome::Failed(..))
    }

    pub(crate) fn failed(reason: Reason) -> EntryOutcome {
        EntryOutcome::Failed(reason, reason.to_string())
    }
}

/// An entry that a machine has closed and does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedEntry {
    /// Its file id.
    pub file: u32,
    /// Its path as it was sent.
    pub path: Vec<u8>,
    /// Its kind. The sender gets each failure of the result as that of a file.
    pub kind: EntryKind,
    /// A file's size in bytes, as far as it is known.
    pub size: u64,
    /// Its outcome.
    pub outcome: EntryOutcome,
    /// It was closed before as not failed: this replaces that outcome.
    pub revokes: bool,
}
