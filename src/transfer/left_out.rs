//! Skipped entries, counted by kind and reported at both ends.

use super::failure::Role;
use crate::proto::transfer::skipped::{Skipped, SkippedKind};
use crate::report::{FileEvent, Report};

/// The number of skipped entries of each kind.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    counts: [u64; SkippedKind::ALL.len()],
}

impl LeftOut {
    /// Counts a skipped entry and reports it: as an event, or as a line with `--verbose`.
    pub(super) fn record(&mut self, skipped: &Skipped, report: &Report) {
        self.counts[skipped.kind as usize] += 1;
        report.file(&FileEvent {
            path: &skipped.path,
            kind: word(skipped.kind),
            state: "skipped",
            size: None,
            digest: None,
            reason: None,
            text: None,
        });
    }

    /// Returns the number of skipped entries.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Reports the counts in one line, as a warning: a reader of the success must see it.
    pub(super) fn report_counts(&self, role: Role, report: &Report) {
        let kinds = SkippedKind::ALL.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        let listed: Vec<String> = kinds.map(|(kind, count)| counted(*kind, count)).collect();
        let Some((last, others)) = listed.split_last() else { return };
        let all = match others {
            [] => last.clone(),
            _ => format!("{} and {last}", others.join(", ")),
        };
        match role {
            Role::Receiver => report.warning(format_args!("the sender left out {all}")),
            Role::Sender if self.counts[SkippedKind::Link as usize] > 0 => report.warning(format_args!(
                "left out {all}: --links copy sends links as they are, --links follow sends their targets"
            )),
            Role::Sender => report.warning(format_args!("left out {all}")),
        }
    }
}

/// Returns the word for a kind in an event.
fn word(kind: SkippedKind) -> &'static str {
    match kind {
        SkippedKind::Other => "other",
        SkippedKind::Link => "link",
        SkippedKind::Fifo => "fifo",
        SkippedKind::Socket => "socket",
        SkippedKind::Device => "device",
        SkippedKind::Unfinished => "unfinished",
    }
}

fn counted(kind: SkippedKind, count: u64) -> String {
    let (one, several) = match kind {
        SkippedKind::Other => ("special file", "special files"),
        SkippedKind::Link => ("symbolic link", "symbolic links"),
        SkippedKind::Fifo => ("FIFO", "FIFOs"),
        SkippedKind::Socket => ("socket", "sockets"),
        SkippedKind::Device => ("device", "devices"),
        SkippedKind::Unfinished => ("unfinished file", "unfinished files"),
    };
    format!("{count} {}", if count == 1 { one } else { several })
}
