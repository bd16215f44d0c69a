//! What a transfer has counted, and what it is doing: the numbers that progress is shown from.

/// What is being done to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the peer's consent or result.
    #[default]
    Waiting,
    /// Reading a whole file for its digest.
    Hashing,
    /// Bytes go to the peer.
    Sending,
    /// Bytes come from the peer.
    Receiving,
    /// Comparing digests.
    Verifying,
    /// Waiting for the disk.
    Syncing,
}

impl Phase {
    pub(super) fn word(self) -> &'static str {
        match self {
            Phase::Waiting => "waiting",
            Phase::Hashing => "hashing",
            Phase::Sending => "sending",
            Phase::Receiving => "receiving",
            Phase::Verifying => "verifying",
            Phase::Syncing => "syncing",
        }
    }
}

/// What the session has counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// The current file's path; None before the first.
    pub(super) name: Option<Vec<u8>>,
    /// Of the current file; None where it is not known.
    pub(super) file_size_bytes: Option<u64>,
    pub(super) file_done_bytes: u64,
    pub(super) phase: Phase,
    pub(super) done_bytes: u64,
    /// Of `done_bytes`, those that were moved in this session.
    pub(super) moved_bytes: u64,
    pub(super) total_bytes: u64,
    /// A file of unknown size has come: no total holds.
    pub(super) is_open_ended: bool,
    pub(super) entries_done: u64,
    pub(super) entries: u64,
    pub(super) all_known: bool,
    /// What was counted ahead of the session, and whether that is all.
    pub(super) ahead_entries: u64,
    pub(super) ahead_bytes: u64,
    pub(super) is_counted: bool,
    pub(super) has_ended: bool,
}

impl Counts {
    /// What is expected in all, as far as it is known by now.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        let ahead_bytes = if self.all_known { 0 } else { self.ahead_bytes };
        (!self.is_open_ended).then_some(self.total_bytes.max(ahead_bytes))
    }

    /// The same of files, folders and links.
    pub(super) fn entries(&self) -> u64 {
        self.entries.max(if self.all_known { 0 } else { self.ahead_entries })
    }

    /// Whether these will not grow any more, by what is known now.
    pub(super) fn is_final(&self) -> bool {
        let grows = self.entries > self.ahead_entries || self.total_bytes > self.ahead_bytes;
        self.all_known || (self.is_counted && !grows)
    }
}
