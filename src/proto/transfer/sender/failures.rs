//! What the sender knows to have failed before `RESULT` says so.

use std::collections::BTreeSet;
use std::ops::Range;

/// File ids of failures. Neighbours take one place together.
#[derive(Debug, Default, Clone)]
pub(super) struct Failures {
    /// In ascending order, without gaps between what belongs together.
    known: Vec<Range<u32>>,
    /// Files of a stream that the receiver has refused: `RESULT` must name them.
    owed: BTreeSet<u32>,
}

impl Failures {
    /// This file has failed: ids come in ascending order.
    pub(super) fn note(&mut self, file: u32) {
        match self.known.last_mut() {
            Some(last) if last.end == file => last.end += 1,
            _ => self.known.push(file..file.saturating_add(1)),
        }
    }

    /// The receiver has refused this file in a stream. One that has failed by then is not named again.
    pub(super) fn refused(&mut self, file: u32) {
        if !self.is_known(file) {
            self.owed.insert(file);
        }
    }

    /// `RESULT` names this file: whether it is news. None if it must not be named.
    pub(super) fn named(&mut self, file: u32) -> Option<bool> {
        let (is_owed, is_known) = (self.owed.remove(&file), self.is_known(file));
        (is_owed || !is_known).then_some(!is_known)
    }

    /// Whether every refused file was named.
    pub(super) fn all_named(&self) -> bool {
        self.owed.is_empty()
    }

    /// Refused files that were told as done and were not named.
    pub(super) fn unnamed(&self) -> u64 {
        self.owed.iter().filter(|file| !self.is_known(**file)).count() as u64
    }

    fn is_known(&self, file: u32) -> bool {
        let after = self.known.partition_point(|range| range.start <= file);
        after.checked_sub(1).is_some_and(|index| self.known[index].contains(&file))
    }
}
