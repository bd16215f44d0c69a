//! A file with its present content, in 16 bytes.

use rustix::fs::Stat;
use std::fmt;

/// Identifies a file and its content by what the system says of it: device, inode, size, and the times of the last change of
/// content and of status (inode(7), mtime and ctime). Two stamps of one file are equal if it did not change in between, unless it
/// changed twice within one tick of the file system's clock, which has up to 10 ms.
///
/// It is a digest, which tells nothing of the numbers that it is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp([u8; 16]);

impl Stamp {
    /// Computes it. Times are seconds and nanoseconds.
    pub(super) fn of(
        (device, inode): (u64, u64),
        size_bytes: u64,
        mtime: (i64, i64),
        ctime: (i64, i64),
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        for number in [device, inode, size_bytes] {
            hasher.update(&number.to_le_bytes());
        }
        for number in [mtime.0, mtime.1, ctime.0, ctime.1] {
            hasher.update(&number.to_le_bytes());
        }
        Self::from_digest(&hasher)
    }

    /// Computes the stamp of a file from its status.
    // Other systems have other types.
    #[allow(clippy::unnecessary_cast)]
    pub(super) fn of_stat(stat: &Stat) -> Self {
        let identity = (stat.st_dev as u64, stat.st_ino as u64);
        let size_bytes = u64::try_from(stat.st_size).unwrap_or(0);
        let mtime = (stat.st_mtime, stat.st_mtime_nsec as i64);
        Self::of(identity, size_bytes, mtime, (stat.st_ctime, stat.st_ctime_nsec as i64))
    }

    /// Takes the first half of a digest.
    pub(super) fn from_digest(hasher: &blake3::Hasher) -> Self {
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }

    /// Returns its bytes, as for an ETag.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({:032x})", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_makes_another_stamp() {
        let all = [
            Stamp::of((1, 2), 3, (4, 5), (6, 7)),
            Stamp::of((9, 2), 3, (4, 5), (6, 7)),
            Stamp::of((1, 9), 3, (4, 5), (6, 7)),
            Stamp::of((1, 2), 9, (4, 5), (6, 7)),
            Stamp::of((1, 2), 3, (9, 5), (6, 7)),
            Stamp::of((1, 2), 3, (4, 9), (6, 7)),
            Stamp::of((1, 2), 3, (4, 5), (9, 7)),
            Stamp::of((1, 2), 3, (4, 5), (6, 9)),
        ];
        for (index, stamp) in all.iter().enumerate() {
            assert!(!all[..index].contains(stamp));
        }
        // Caches keep ETags of it for years: it stays as it is.
        assert_eq!(format!("{:?}", all[0]), "Stamp(26f6b58749e7d8e18ccc37b16b711d60)");
    }
}
