//! Lines about clients: of those with the same text the first are written, and the others counted.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Report;

/// The number of lines of one kind that are written before further ones are counted.
const MAX_LINES: u64 = 5;
/// The number of kinds that are distinguished. A line may quote a client, so there may be any number of kinds.
const MAX_KINDS: usize = 8;
/// The number of lines of all other kinds together: a session may have many files that fail, each with its own line.
const MAX_OTHER_LINES: u64 = 1000;

/// The counts of lines since the last summary.
pub(super) struct Summing {
    kinds: Mutex<Vec<LineKind>>,
    report: Report,
}

/// Lines with the same text, about any client. The last of [`MAX_KINDS`] has no text: it stands for all others.
struct LineKind {
    text: Option<String>,
    lines: u64,
}

impl LineKind {
    fn limit(&self) -> u64 {
        if self.text.is_some() { MAX_LINES } else { MAX_OTHER_LINES }
    }
}

impl Summing {
    /// Counts nothing yet. The sums are written to `report`.
    pub(super) fn new(report: Report) -> Summing {
        Summing { kinds: Mutex::default(), report }
    }

    fn kinds(&self) -> MutexGuard<'_, Vec<LineKind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a line. True if it must be written.
    pub(super) fn admits(&self, text: &str) -> bool {
        let mut kinds = self.kinds();
        let known = kinds.iter().position(|kind| kind.text.as_deref().is_none_or(|known| known == text));
        let index = known.unwrap_or_else(|| {
            let is_last = kinds.len() + 1 == MAX_KINDS;
            kinds.push(LineKind { text: (!is_last).then(|| text.to_owned()), lines: 0 });
            kinds.len() - 1
        });
        let kind = &mut kinds[index];
        kind.lines += 1;
        kind.lines <= kind.limit()
    }

    /// True if there was a line since the last summary.
    pub(super) fn has_counted(&self) -> bool {
        !self.kinds().is_empty()
    }

    /// Writes how many lines were left out, and within which time if that is known. Then all counts are zero. False if
    /// no line was left out.
    pub(super) fn write_sums(&self, within: Option<&dyn Display>) -> bool {
        let within = within.map_or_else(String::new, |time| format!(" within {time}"));
        let mut has_left_out = false;
        for kind in std::mem::take(&mut *self.kinds()) {
            if let Some(more @ 1..) = kind.lines.checked_sub(kind.limit()) {
                has_left_out = true;
                match kind.text {
                    Some(text) => self.report.write_prefixed(format_args!("and {more} more{within}: {text}")),
                    None => {
                        self.report.write_prefixed(format_args!("and {more} more{within}, of other kinds"))
                    }
                }
            }
        }
        has_left_out
    }
}

impl Drop for Summing {
    fn drop(&mut self) {
        self.write_sums(None);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::report::Level;

    #[test]
    fn of_each_kind_the_first_are_written() {
        let summing = Summing::new(Report::new(Level::Quiet, std::time::Instant::now));
        let written = |text: &str| (0..100).filter(|_| summing.admits(text)).count();
        assert_eq!((written("a"), written("b"), written("a")), (5, 5, 0));
        // Any number of kinds takes no more room, and no more lines.
        let others: usize = (0..1000).map(|number| written(&number.to_string())).sum();
        assert_eq!(others, 5 * 5 + 1000);
        assert_eq!(summing.kinds().iter().map(|kind| kind.lines).sum::<u64>(), 300 + 100_000);
        assert!(summing.write_sums(None) && !summing.has_counted() && !summing.write_sums(None));
        assert_eq!(written("a"), 5);
    }
}
