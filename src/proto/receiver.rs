//! The side that wants the files, after `HELLO` and `ACCEPT`.

mod offers;

use std::collections::VecDeque;

use super::Digest;
use super::entry::Entry;
use super::frame::{End, EndState, Frame, MAX_CONTROL_BYTES, Phase, encode};
use super::have::Verdict;
use super::outcome::FileOutcome;
use super::reason::Reason;
use super::summary::{self, Failure, Summary};
use super::violation::Violation;

/// How many body bytes one `ACK` stands for.
pub const ACK_BYTES: u64 = 4 << 20;

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiveStep {
    /// Decide about this file and answer with [`Receiver::judged`]. Its path is a [`super::names::CleanPath`], its kind a file.
    /// Repeated until answered.
    Judge {
        /// The file id.
        file: u32,
    },
    /// Write these bytes. They are handed out once.
    Write(Vec<u8>),
    /// The whole file has come. Compare its digest with what was written, make it durable and put it in place,
    /// then answer with [`Receiver::committed`], at once or later, in any order. Handed out once for each file.
    Commit {
        /// The file id.
        file: u32,
        /// The digest of the sender's file.
        digest: Digest,
    },
    /// The sender could not send this file to its end: no commit will come, what was written of it is a part.
    /// Handed out once, for files that were wanted and not given up.
    Abandon {
        /// The file id.
        file: u32,
        /// [`Reason::Unreadable`] or [`Reason::Changed`].
        reason: Reason,
    },
    /// Nothing to do until the peer says something, or until a commit is answered.
    Await,
    /// The peer has ended the session with this error. Repeated for ever.
    PeerError {
        /// Why.
        reason: Reason,
        /// The same for people; escape it before it is shown.
        text: String,
    },
    /// `RESULT` was handed out: end the direction once it is written, and wait for the peer's end.
    Finished,
}

/// The receiver's machine.
#[derive(Debug)]
pub struct Receiver {
    max_entries: u32,
    wanted: Option<Vec<Vec<u8>>>,
    files: Vec<Incoming>,
    entry_bytes: usize,
    state: State,
    out: Vec<u8>,
    endings: VecDeque<ReceiveStep>,
    open_commits: usize,
    phase: Option<(Phase, u64)>,
    error: Option<(Reason, String)>,
    received_bytes: u64,
    body_bytes: u64,
    acknowledged_bytes: u64,
    whole_files: u64,
}

#[derive(Debug)]
struct Incoming {
    entry: Entry,
    verdict: Option<Verdict>,
    /// The driver has a part of it, good or not.
    has_part: bool,
    committing: bool,
    outcome: FileOutcome,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Entries,
    Judging { next: usize },
    Bodies { file: usize, position: u64, fresh: bool },
    Ended,
    Reporting { next: usize },
    Finished,
}

impl Receiver {
    /// Takes at most `max_entries` entries. With `wanted`, the names of a `GET`, the entries must be those, in
    /// that order. Paths and texts of all entries may have 16 MiB together.
    pub fn new(max_entries: u32, wanted: Option<Vec<Vec<u8>>>) -> Receiver {
        Receiver {
            max_entries,
            wanted,
            files: Vec::new(),
            entry_bytes: 0,
            state: State::Entries,
            out: Vec::new(),
            endings: VecDeque::new(),
            open_commits: 0,
            phase: None,
            error: None,
            received_bytes: 0,
            body_bytes: 0,
            acknowledged_bytes: 0,
            whole_files: 0,
        }
    }

    /// What to do now.
    pub fn step(&mut self) -> ReceiveStep {
        if let Some((reason, text)) = &self.error {
            return ReceiveStep::PeerError { reason: *reason, text: text.clone() };
        }
        if let State::Judging { next } = self.state
            && let Some(judge) = self.judge(next)
        {
            return judge;
        }
        if self.received_bytes - self.acknowledged_bytes >= ACK_BYTES {
            self.acknowledged_bytes = self.received_bytes;
            self.out.extend(encode(&Frame::Ack { bytes: self.received_bytes }));
        }
        if !self.out.is_empty() {
            return ReceiveStep::Write(std::mem::take(&mut self.out));
        }
        if let Some(ending) = self.endings.pop_front() {
            return ending;
        }
        match self.state {
            State::Ended if self.open_commits == 0 => self.report(0),
            State::Reporting { next } => self.report(next),
            State::Finished => ReceiveStep::Finished,
            _ => ReceiveStep::Await,
        }
    }

    /// Takes a frame of the peer.
    ///
    /// # Errors
    /// The frame breaks the protocol: the session is over.
    pub fn receive(&mut self, frame: Frame) -> Result<(), Violation> {
        self.body_complete();
        match frame {
            Frame::Ping { phase, done } => self.phase = phase.map(|phase| (phase, done)),
            Frame::Error { reason, text } => self.error = Some((reason, text)),
            Frame::Entry { file, entry } => self.offered(file, entry)?,
            Frame::Turn => self.turn()?,
            Frame::End(end) => self.ended(end)?,
            Frame::Eot { entries, bytes } => self.all_ended(entries, bytes)?,
            Frame::Have { .. } | Frame::Ack { .. } | Frame::Result(_) => return Err(frame.out_of_turn()),
        }
        Ok(())
    }

    /// Takes the header of a `DATA` frame; its body belongs at `offset` of the file, or nowhere if
    /// [`Receiver::discarding`]. True: the file starts at 0 though the receiver has a part of it, which is to be
    /// dropped first.
    ///
    /// # Errors
    /// The frame breaks the protocol: the session is over, and nothing of its body may be used.
    pub fn data(&mut self, file: u32, offset: u64, length: u32) -> Result<bool, Violation> {
        self.body_complete();
        let State::Bodies { file: current, position, fresh } = self.state else {
            return Err(Violation::OutOfTurn("DATA"));
        };
        let Some(incoming) = self.files.get(current).filter(|_| current == file as usize) else {
            return Err(Violation::Contradiction("the order of the files"));
        };
        if !matches!(incoming.verdict, Some(Verdict::Want { .. })) {
            return Err(Violation::Contradiction("DATA of a file that is kept"));
        }
        let from_start = fresh && offset == 0;
        if !from_start && offset != position {
            return Err(Violation::Contradiction("DATA has a gap"));
        }
        if u64::from(length) > incoming.entry.size - offset {
            return Err(Violation::Contradiction("DATA beyond the size of the file"));
        }
        let drop_part = from_start && incoming.has_part;
        self.state = State::Bodies { file: current, position: offset + u64::from(length), fresh: false };
        self.body_bytes = length.into();
        Ok(drop_part)
    }

    /// Answers [`ReceiveStep::Judge`]; for another file it means nothing. An offset beyond the size of the entry
    /// is sent as 0 and the part dropped at the first `DATA`; a KEEP of another size refuses the file.
    pub fn judged(&mut self, file: u32, verdict: Verdict) {
        if let State::Judging { next } = self.state
            && next == file as usize
            && let Some(incoming) = self.files.get_mut(next)
        {
            let size = incoming.entry.size;
            let verdict = match verdict {
                Verdict::Want { offset, .. } => {
                    incoming.has_part = offset > 0;
                    if offset > size { Verdict::WHOLE } else { verdict }
                }
                Verdict::Keep { size: kept, .. } if kept != size => refused(Reason::Exists),
                verdict => verdict,
            };
            self.answer(next, verdict);
        }
    }

    /// Answers [`ReceiveStep::Commit`]; for another file it means nothing.
    pub fn committed(&mut self, file: u32, outcome: Result<(), (Reason, String)>) {
        if let Some(incoming) = self.files.get_mut(file as usize).filter(|incoming| incoming.committing) {
            incoming.committing = false;
            self.open_commits -= 1;
            incoming.outcome = match outcome {
                Ok(()) => FileOutcome::Done,
                Err((reason, text)) => FileOutcome::Failed(reason, text),
            };
        }
    }

    /// The file fails here, in the middle of its bodies or before: the rest of them is to be discarded.
    pub fn give_up(&mut self, file: u32, reason: Reason, text: String) {
        let Some(incoming) = self.files.get_mut(file as usize) else { return };
        if incoming.outcome == FileOutcome::Unknown {
            incoming.outcome = FileOutcome::Failed(reason, text);
            if std::mem::take(&mut incoming.committing) {
                self.open_commits -= 1;
                self.endings
                    .retain(|step| !matches!(step, ReceiveStep::Commit { file: of, .. } if *of == file));
            }
        }
    }

    /// The entry with this file id.
    pub fn entry(&self, file: u32) -> Option<&Entry> {
        self.files.get(file as usize).map(|incoming| &incoming.entry)
    }

    /// How many entries have come.
    pub fn entry_count(&self) -> usize {
        self.files.len()
    }

    /// Whether the bodies that come now belong to a file that was given up: read them and drop them.
    pub fn discarding(&self) -> bool {
        matches!(self.state, State::Bodies { file, .. }
            if self.files.get(file).is_some_and(|incoming| incoming.outcome.is_failed()))
    }

    /// Whether every file has ended: no further commit comes than those that [`Receiver::step`] hands out now.
    pub fn all_files_ended(&self) -> bool {
        matches!(self.state, State::Ended | State::Reporting { .. } | State::Finished)
    }

    /// The bytes of the bodies that were followed by another frame, so of all that came whole.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// What became of each entry, by file id. All is known at [`ReceiveStep::Finished`].
    pub fn outcomes(&self) -> Vec<FileOutcome> {
        self.files.iter().map(|incoming| incoming.outcome.clone()).collect()
    }

    /// What the peer is busy with, and the bytes done in it, if its last frame was a `PING`.
    pub fn peer_phase(&self) -> Option<(Phase, u64)> {
        self.phase
    }

    fn body_complete(&mut self) {
        self.phase = None;
        self.received_bytes += std::mem::take(&mut self.body_bytes);
    }

    /// Turns to the first file from this one on that was consented to.
    fn open(&mut self, from: usize) {
        let consented = |file: &usize| self.files[*file].consented();
        let file = (from..self.files.len()).find(consented).unwrap_or(self.files.len());
        let position = match self.files.get(file).and_then(|incoming| incoming.verdict.as_ref()) {
            Some(Verdict::Want { offset, .. }) => *offset,
            _ => 0,
        };
        self.state = State::Bodies { file, position, fresh: true };
    }

    fn ended(&mut self, end: End) -> Result<(), Violation> {
        let State::Bodies { file, position, .. } = self.state else {
            return Err(Violation::OutOfTurn("END"));
        };
        let Some(incoming) = self.files.get_mut(file).filter(|_| file == end.file as usize) else {
            return Err(Violation::Contradiction("the order of the files"));
        };
        let kept = match incoming.verdict {
            Some(Verdict::Keep { digest, .. }) => Some(digest),
            _ => None,
        };
        let size = incoming.entry.size;
        let complete = matches!(end.state, EndState::Whole | EndState::Differs);
        if complete && (end.size != size || (kept.is_none() && position != size)) {
            return Err(Violation::Contradiction("END before the size of the file"));
        }
        let given_up = incoming.outcome.is_failed();
        let outcome = match (end.state, kept) {
            (EndState::Unreadable, _) => failed(Reason::Unreadable),
            (EndState::Changed, _) => failed(Reason::Changed),
            (EndState::Differs, Some(_)) => failed(Reason::Exists),
            (EndState::Differs, None) => return Err(Violation::Contradiction("DIFFERS without KEEP")),
            (EndState::Whole, Some(kept)) if kept == end.digest => FileOutcome::AlreadyThere,
            (EndState::Whole, Some(_)) => failed(Reason::Exists),
            (EndState::Whole, None) => FileOutcome::Unknown,
        };
        self.whole_files += u64::from(end.state == EndState::Whole);
        if !given_up {
            if outcome == FileOutcome::Unknown {
                incoming.committing = true;
                self.open_commits += 1;
                self.endings.push_back(ReceiveStep::Commit { file: end.file, digest: end.digest });
            } else if let (FileOutcome::Failed(reason, _), None) = (&outcome, kept) {
                self.endings.push_back(ReceiveStep::Abandon { file: end.file, reason: *reason });
            }
            incoming.outcome = outcome;
        }
        self.open(file + 1);
        Ok(())
    }

    fn all_ended(&mut self, entries: u64, bytes: u64) -> Result<(), Violation> {
        match self.state {
            State::Bodies { file, .. } if file == self.files.len() => {}
            State::Bodies { .. } => return Err(Violation::Contradiction("EOT before every END")),
            _ => return Err(Violation::OutOfTurn("EOT")),
        }
        if entries != self.whole_files || bytes != self.received_bytes {
            return Err(Violation::Contradiction("the counts of EOT"));
        }
        self.state = State::Ended;
        Ok(())
    }

    /// One frame of the result: the failures from this file on, as many as fit.
    fn report(&mut self, first: usize) -> ReceiveStep {
        let failed = self.files.iter().filter(|incoming| incoming.outcome.is_failed()).count() as u32;
        let mut summary =
            Summary { done: self.files.len() as u32 - failed, failed, failures: Vec::new(), more: false };
        let mut room = MAX_CONTROL_BYTES - summary::MIN_BYTES;
        self.state = State::Finished;
        for (file, incoming) in self.files.iter().enumerate().skip(first) {
            if let (true, FileOutcome::Failed(reason, text)) = (incoming.consented(), &incoming.outcome) {
                let Some(left) = room.checked_sub(Summary::failure_bytes(text)) else {
                    summary.more = true;
                    self.state = State::Reporting { next: file };
                    break;
                };
                room = left;
                summary.failures.push(Failure { file: file as u32, reason: *reason, text: text.clone() });
            }
        }
        ReceiveStep::Write(encode(&Frame::Result(summary)))
    }
}

impl Incoming {
    fn consented(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Want { .. } | Verdict::Keep { .. }))
    }
}

fn failed(reason: Reason) -> FileOutcome {
    FileOutcome::Failed(reason, reason.to_string())
}

fn refused(reason: Reason) -> Verdict {
    Verdict::Refused(reason, reason.to_string())
}
