//! Failures that the sender knows before `RESULT` names them.

use std::collections::BTreeSet;
use std::ops::Range;

/// File ids of failures. Neighbours share one range.
#[derive(Debug, Default, Clone)]
pub(super) struct Failures {
    /// In ascending order, merged.
    known: Vec<Range<u32>>,
    /// Files of a stream that the receiver has refused: `RESULT` must name them.
    owed: BTreeSet<u32>,
}

impl Failures {
    /// Records a failed file. Call it in ascending order of the ids.
    pub(super) fn insert(&mut self, file: u32) {
        match self.known.last_mut() {
            Some(last) if last.end == file => last.end += 1,
            _ => self.known.push(file..file.saturating_add(1)),
        }
    }

    /// Records that the receiver has refused this file in a stream. One that has failed before is not named again.
    pub(super) fn refused(&mut self, file: u32) {
        if !self.is_known(file) {
            self.owed.insert(file);
        }
    }

    /// Handles a file that `RESULT` names: returns whether the failure is new, or `None` if it must not be named.
    pub(super) fn acknowledge(&mut self, file: u32) -> Option<bool> {
        let (is_owed, is_known) = (self.owed.remove(&file), self.is_known(file));
        (is_owed || !is_known).then_some(!is_known)
    }

    /// Returns whether every refused file was named.
    pub(super) fn all_named(&self) -> bool {
        self.owed.is_empty()
    }

    /// Returns the number of refused files that were closed as done and were not named.
    pub(super) fn unnamed(&self) -> u64 {
        self.owed.iter().filter(|file| !self.is_known(**file)).count() as u64
    }

    fn is_known(&self, file: u32) -> bool {
        let after = self.known.partition_point(|range| range.start <= file);
        after.checked_sub(1).is_some_and(|index| self.known[index].contains(&file))
    }
}
