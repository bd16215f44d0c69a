//! What became of each file of a session.

use super::reason::Reason;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// Not known: the session has not come to its end.
    Unknown,
    /// Sent, compared, synced and in place.
    Done,
    /// It was in place before, with the same content.
    AlreadyThere,
    /// Not in place, with the reason and a text for people: escape it before it is shown, it may be the peer's.
    Failed(Reason, String),
}

impl FileOutcome {
    /// Whether it is [`FileOutcome::Failed`].
    pub fn is_failed(&self) -> bool {
        matches!(self, FileOutcome::Failed(..))
    }
}
