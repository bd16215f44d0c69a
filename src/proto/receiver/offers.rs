//! The first two turns: what is offered, and what the receiver says to it.

use super::super::entry::{Entry, Kind};
use super::super::frame::{Frame, encode};
use super::super::have::Verdict;
use super::super::names::CleanPath;
use super::super::outcome::FileOutcome;
use super::super::reason::Reason;
use super::super::violation::Violation;
use super::{Incoming, ReceiveStep, Receiver, State, failed};

/// How many bytes of `HAVE` frames are collected for one write.
const WRITE_BYTES: usize = 32 << 10;

/// Bytes of all paths and texts of a session's entries.
const MAX_ENTRY_BYTES: usize = 16 << 20;

impl Receiver {
    pub(super) fn offered(&mut self, file: u32, entry: Entry) -> Result<(), Violation> {
        if !matches!(self.state, State::Entries) {
            return Err(Violation::OutOfTurn("ENTRY"));
        }
        let next = self.files.len();
        if next >= self.max_entries as usize {
            return Err(Violation::TooManyEntries(self.max_entries));
        }
        if file as usize != next {
            return Err(Violation::Contradiction("the order of the file ids"));
        }
        let text = entry.not_offered.as_ref().map_or(0, |(_, text)| text.len());
        self.entry_bytes += entry.path.len() + text;
        if self.entry_bytes > MAX_ENTRY_BYTES {
            return Err(Violation::TooManyEntries(self.max_entries));
        }
        if let Some(wanted) = &self.wanted
            && wanted.get(next) != Some(&entry.path)
        {
            return Err(Violation::Contradiction("an entry that was not asked for"));
        }
        let outcome = match (&entry.not_offered, entry.kind, CleanPath::parse(&entry.path)) {
            (Some((reason, text)), ..) => FileOutcome::Failed(*reason, text.clone()),
            (None, _, Err(fault)) => FileOutcome::Failed(Reason::UnsafeName, format!("the name {fault}")),
            (None, Kind::Other(_), _) => failed(Reason::NotRegular),
            (None, Kind::File, Ok(_)) => FileOutcome::Unknown,
        };
        self.files.push(Incoming { entry, verdict: None, has_part: false, committing: false, outcome });
        Ok(())
    }

    pub(super) fn turn(&mut self) -> Result<(), Violation> {
        if !matches!(self.state, State::Entries) {
            return Err(Violation::OutOfTurn("TURN"));
        }
        if self.wanted.as_ref().is_some_and(|wanted| wanted.len() != self.files.len()) {
            return Err(Violation::Contradiction("a name was not answered"));
        }
        self.refuse_repeated_names();
        self.state = State::Judging { next: 0 };
        Ok(())
    }

    /// Two files of one name would be written to one part. The first one counts.
    fn refuse_repeated_names(&mut self) {
        let offered = |file: &usize| self.files[*file].outcome == FileOutcome::Unknown;
        let mut by_path: Vec<usize> = (0..self.files.len()).filter(offered).collect();
        by_path.sort_by(|a, b| self.files[*a].entry.path.cmp(&self.files[*b].entry.path));
        let repeated = by_path
            .windows(2)
            .filter(|pair| self.files[pair[0]].entry.path == self.files[pair[1]].entry.path);
        for file in repeated.map(|pair| pair[1]).collect::<Vec<_>>() {
            self.files[file].outcome =
                FileOutcome::Failed(Reason::UnsafeName, "the name comes twice in this session".to_owned());
        }
    }

    /// Answers what needs no driver; then the file to judge, or nothing if there are frames to write first.
    pub(super) fn judge(&mut self, from: usize) -> Option<ReceiveStep> {
        let mut next = from;
        while let Some(incoming) = self.files.get(next) {
            if self.out.len() >= WRITE_BYTES {
                return None;
            }
            match (&incoming.entry.not_offered, &incoming.outcome) {
                (Some(_), _) => self.state = State::Judging { next: next + 1 },
                (None, FileOutcome::Failed(reason, text)) => {
                    self.answer(next, Verdict::Refused(*reason, text.clone()));
                }
                (None, _) => return Some(ReceiveStep::Judge { file: next as u32 }),
            }
            next += 1;
        }
        self.out.extend(encode(&Frame::Turn));
        self.open(0);
        None
    }

    pub(super) fn answer(&mut self, file: usize, verdict: Verdict) {
        let incoming = &mut self.files[file];
        if let Verdict::Refused(reason, text) = &verdict {
            incoming.outcome = FileOutcome::Failed(*reason, text.clone());
        }
        self.out.extend(encode(&Frame::Have { file: file as u32, verdict: verdict.clone() }));
        incoming.verdict = Some(verdict);
        self.state = State::Judging { next: file + 1 };
    }
}
