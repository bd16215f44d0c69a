//! The metadata of a file that its validators are made of.

/// A time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// What is added to them, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Returns whether it is less than `seconds` before `now`, or after it.
    pub(super) fn is_within(self, seconds: i64, now: Timestamp) -> bool {
        Timestamp { seconds: self.seconds.saturating_add(seconds), ..self } > now
    }
}

/// The metadata of a file, as stat(2) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// What changes with any change of the file, and tells nothing of it: a digest of all that stat(2) says.
    pub stamp: [u8; 16],
    /// `st_mtim`, which anybody may set who may write.
    pub modified: Timestamp,
    /// `st_ctim`, which only the system sets.
    pub changed: Timestamp,
}
