//! The counts of a transfer and its phase: the data that progress is drawn from.

/// The phase of the current file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressPhase {
    /// Waiting for the peer's reply or result.
    #[default]
    Waiting,
    /// Reading a whole file for its digest.
    Hashing,
    /// Sending bytes to the peer.
    Sending,
    /// Receiving bytes from the peer.
    Receiving,
    /// Comparing digests.
    Verifying,
    /// Waiting for the disk.
    Syncing,
}

impl ProgressPhase {
    pub(super) fn word(self) -> &'static str {
        match self {
            ProgressPhase::Waiting => "waiting",
            ProgressPhase::Hashing => "hashing",
            ProgressPhase::Sending => "sending",
            ProgressPhase::Receiving => "receiving",
            ProgressPhase::Verifying => "verifying",
            ProgressPhase::Syncing => "syncing",
        }
    }
}

/// The counts of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// The path of the current file; `None` before the first.
    pub(super) name: Option<Vec<u8>>,
    /// The size of the current file; `None` if unknown.
    pub(super) file_size_bytes: Option<u64>,
    pub(super) file_done_bytes: u64,
    pub(super) phase: ProgressPhase,
    pub(super) done_bytes: u64,
    /// The part of `done_bytes` that was moved in this session.
    pub(super) moved_bytes: u64,
    pub(super) total_bytes: u64,
    /// True after a file of unknown size: there is no total.
    pub(super) is_open_ended: bool,
    pub(super) entries_done: u64,
    pub(super) entries: u64,
    pub(super) all_known: bool,
    /// The totals counted ahead of the session; final once `is_counted`.
    pub(super) ahead_entries: u64,
    pub(super) ahead_bytes: u64,
    pub(super) is_counted: bool,
    pub(super) has_ended: bool,
}

impl Counts {
    /// The bytes expected in all, as far as known.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        let ahead_bytes = if self.all_known { 0 } else { self.ahead_bytes };
        (!self.is_open_ended).then_some(self.total_bytes.max(ahead_bytes))
    }

    /// The files, folders and links expected in all, as far as known.
    pub(super) fn entries(&self) -> u64 {
        self.entries.max(if self.all_known { 0 } else { self.ahead_entries })
    }

    /// True if these totals will not grow any more, as far as known.
    pub(super) fn is_final(&self) -> bool {
        let grows = self.entries > self.ahead_entries || self.total_bytes > self.ahead_bytes;
        self.all_known || (self.is_counted && !grows)
    }
}
