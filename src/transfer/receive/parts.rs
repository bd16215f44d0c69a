//! The number of parts that a session may have open: each holds descriptors, which all sessions of a server share.

use super::Receiving;
use super::block_assembly::MAX_OPEN;

/// Descriptors of a part: its own, and its folder's.
const DESCRIPTORS_PER_PART: u64 = 2;
/// Parts beside resumed and early ones: one that is hashed, and one whose body is received.
const AT_HAND: usize = 2;
/// With at least this many spare parts, four parts are created early.
const MANY_SPARE: usize = 16;
/// Maximum of open parts of earlier sessions that wait for their rest. A session leaves only a few; further files with
/// such parts are sent from the start.
const MAX_RESUMED: usize = 32;

/// The number of parts that a session may have open beside the files in blocks that the protocol promises: resumed,
/// created early, at hand, and on their way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpareParts(usize);

impl SpareParts {
    /// The maximum: with this many, no file waits for descriptors.
    pub(crate) const MAX: SpareParts = SpareParts(60);
    /// The minimum: with this many, every session makes progress.
    pub(crate) const MIN: SpareParts = SpareParts(8);

    /// Returns the descriptors that all parts of a session with this budget need. A file in blocks that exceeds the
    /// limit is found only once it is open, hence one more.
    pub(crate) const fn descriptors(self) -> u64 {
        DESCRIPTORS_PER_PART * (MAX_OPEN + 1 + self.0) as u64
    }

    /// Returns the spare parts that a number of descriptors allows, between `MIN` and `MAX`.
    pub(crate) fn within(descriptors: u64) -> SpareParts {
        let spare = (descriptors / DESCRIPTORS_PER_PART).saturating_sub(MAX_OPEN as u64 + 1);
        SpareParts(usize::try_from(spare).unwrap_or(usize::MAX).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Returns the number of parts that are created before their first byte, so that all but the first of several
    /// sessions with one name detect the conflict early.
    pub(super) fn early(self) -> usize {
        if self.0 >= MANY_SPARE { 4 } else { 2 }
    }

    /// Returns the maximum of open parts of earlier sessions.
    pub(super) fn resumed(self) -> usize {
        (self.0 - self.early() - AT_HAND).min(MAX_RESUMED)
    }

    /// Returns how many files in blocks and parts on their way to the disk may be open together.
    fn open(self) -> usize {
        MAX_OPEN + self.0 - self.early() - self.resumed() - AT_HAND
    }
}

impl Receiving {
    /// Returns whether a new part must wait until others are on the disk. Those that wait need nothing from the peer.
    pub(super) fn is_short_of_parts(&self) -> bool {
        let committing = self.commits.parts();
        committing > 0 && self.assembly.count() + committing >= self.decisions.spare_parts.open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_parts_fit_their_descriptors() {
        for descriptors in 0..400 {
            let spare = SpareParts::within(descriptors);
            assert!(spare == SpareParts::MIN || spare.descriptors() <= descriptors, "{spare:?}");
            assert_eq!(spare.open() + spare.early() + spare.resumed() + AT_HAND, MAX_OPEN + spare.0);
            assert!(spare.open() >= MAX_OPEN && spare.resumed() > 0, "{spare:?}");
        }
        assert_eq!(SpareParts::within(SpareParts::MAX.descriptors()), SpareParts::MAX);
        assert_eq!((SpareParts::MAX.early(), SpareParts::MAX.resumed()), (4, MAX_RESUMED));
    }
}
