//! The metadata of a file that is transferred: its mode and its time of modification.

use rustix::fs::Stat;

/// The metadata that a received file takes over from its source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// Who may read, write and execute it: nine bits. The umask takes some of them away; of a link they mean nothing.
    pub mode: u16,
    /// Modification time: seconds since 1970, negative before.
    pub mtime_seconds: i64,
    /// Modification time: nanoseconds, below 1,000,000,000.
    pub mtime_nanoseconds: u32,
}

impl Meta {
    /// The metadata in a file's status.
    pub(super) fn of(stat: &Stat) -> Meta {
        Meta {
            mode: mode_of(stat.st_mode),
            mtime_seconds: stat.st_mtime,
            mtime_nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        }
    }
}

/// Returns the nine permission bits of a mode.
pub(super) fn mode_of(mode: rustix::fs::RawMode) -> u16 {
    (mode & 0o777) as u16
}
