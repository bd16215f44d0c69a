//! The side that has the files, after `HELLO` and `ACCEPT`.

use super::Digest;
use super::entry::Entry;
use super::frame::{End, EndState, Frame, HEADER_BYTES, MAX_DATA_BYTES, Phase, data_header, encode};
use super::have::Verdict;
use super::outcome::FileOutcome;
use super::reason::Reason;
use super::summary::Summary;
use super::violation::Violation;

/// About how many bytes of entries one [`SendStep::Write`] holds.
const WRITE_BYTES: usize = 64 << 10;

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendStep {
    /// Write these bytes. They are handed out once.
    Write(Vec<u8>),
    /// Hash the first `length` bytes of the file and answer with [`Sender::prefix_hashed`], or close it with
    /// [`Sender::end`] if it cannot be read or has changed. Repeated until answered.
    HashPrefix {
        /// The file id: the index of the entry.
        file: u32,
        /// How many bytes from its beginning; 0 only for an empty file.
        length: u64,
    },
    /// Write a header from [`Sender::data`] and as many bytes of the file from `offset`; with `room` 0 close the
    /// file with [`Sender::end`], as also when it cannot be read or has changed. Repeated until closed.
    Body {
        /// The file id: the index of the entry.
        file: u32,
        /// Where the next byte comes from, in bytes.
        offset: u64,
        /// How many bytes the next `DATA` frame may hold at most; 0: the size of the entry is reached.
        room: u32,
    },
    /// Nothing to do until the peer says something.
    Await,
    /// The peer has ended the session with this error. Repeated for ever.
    PeerError {
        /// Why.
        reason: Reason,
        /// The same for people; escape it before it is shown.
        text: String,
    },
    /// `RESULT` is here: see [`Sender::outcomes`], end the direction and close.
    Finished,
}

/// How the driver closes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All of it was read, and this is the digest of all its bytes.
    Digest(Digest),
    /// It cannot be read (on).
    Unreadable,
    /// It is not the same as at its start: shorter, longer, another time of modification.
    Changed,
}

/// The sender's machine.
#[derive(Debug)]
pub struct Sender {
    files: Vec<Outgoing>,
    entries: Vec<Entry>,
    state: State,
    out: Vec<u8>,
    phase: Option<(Phase, u64)>,
    error: Option<(Reason, String)>,
    sent_bytes: u64,
    acknowledged_bytes: u64,
    whole_files: u64,
}

#[derive(Debug)]
struct Outgoing {
    verdict: Option<Verdict>,
    outcome: FileOutcome,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Offering { next: usize },
    Verdicts { next: usize },
    Prefix { file: usize, length: u64 },
    Body { file: usize, offset: u64 },
    Ending,
    Result { counts: Option<(u32, u32)>, next: u32 },
    Finished,
}

impl Sender {
    /// Offers these entries; their indices are the file ids.
    pub fn new(entries: Vec<Entry>) -> Sender {
        let outcome = |entry: &Entry| match &entry.not_offered {
            Some((reason, text)) => FileOutcome::Failed(*reason, text.clone()),
            None => FileOutcome::Unknown,
        };
        Sender {
            files: entries.iter().map(|entry| Outgoing { verdict: None, outcome: outcome(entry) }).collect(),
            entries,
            state: State::Offering { next: 0 },
            out: Vec::new(),
            phase: None,
            error: None,
            sent_bytes: 0,
            acknowledged_bytes: 0,
            whole_files: 0,
        }
    }

    /// What to do now.
    pub fn step(&mut self) -> SendStep {
        if let Some((reason, text)) = &self.error {
            return SendStep::PeerError { reason: *reason, text: text.clone() };
        }
        if !self.out.is_empty() {
            return SendStep::Write(std::mem::take(&mut self.out));
        }
        match self.state {
            State::Offering { next } => self.offer(next),
            State::Prefix { file, length } => SendStep::HashPrefix { file: file as u32, length },
            State::Body { file, offset } => {
                SendStep::Body { file: file as u32, offset, room: self.room(file, offset) }
            }
            State::Ending => {
                self.state = State::Result { counts: None, next: 0 };
                SendStep::Write(encode(&Frame::Eot { entries: self.whole_files, bytes: self.sent_bytes }))
            }
            State::Verdicts { .. } | State::Result { .. } => SendStep::Await,
            State::Finished => SendStep::Finished,
        }
    }

    /// Takes a frame of the peer.
    ///
    /// # Errors
    /// The frame breaks the protocol: the session is over.
    pub fn receive(&mut self, frame: Frame) -> Result<(), Violation> {
        self.phase = None;
        match frame {
            Frame::Ping { phase, done } => self.phase = phase.map(|phase| (phase, done)),
            Frame::Error { reason, text } => self.error = Some((reason, text)),
            Frame::Have { file, verdict } => self.answered(file, verdict)?,
            Frame::Turn => self.turn()?,
            Frame::Ack { bytes } => self.acknowledged(bytes)?,
            Frame::Result(summary) => self.result(&summary)?,
            Frame::Entry { .. } | Frame::End(_) | Frame::Eot { .. } => return Err(frame.out_of_turn()),
        }
        Ok(())
    }

    /// Answers [`SendStep::HashPrefix`]; without one it means nothing.
    pub fn prefix_hashed(&mut self, digest: Digest) {
        let State::Prefix { file, length } = self.state else { return };
        match &self.files[file].verdict {
            Some(Verdict::Keep { digest: kept, .. }) => {
                let state = if *kept == digest { EndState::Whole } else { EndState::Differs };
                self.close(file, state, digest);
            }
            Some(Verdict::Want { digest: kept, .. }) if *kept == digest => {
                self.state = State::Body { file, offset: length };
            }
            _ => self.state = State::Body { file, offset: 0 },
        }
    }

    /// The header of a `DATA` frame, for the `length` bytes from the offset of [`SendStep::Body`] that the driver
    /// writes right behind it, whatever happens: where the source has become shorter, zeros.
    ///
    /// # Panics
    /// `length` is not within 1 to the step's `room`, or the step is another one: a header that promises other
    /// bytes than follow could only corrupt the stream.
    pub fn data(&mut self, length: u32) -> [u8; HEADER_BYTES] {
        let State::Body { file, offset } = self.state else { panic!("DATA out of turn") };
        assert!(length > 0 && length <= self.room(file, offset), "a DATA frame of {length} bytes");
        self.state = State::Body { file, offset: offset + u64::from(length) };
        self.sent_bytes += u64::from(length);
        data_header(file as u32, offset, length)
    }

    /// Closes the file of [`SendStep::Body`] or [`SendStep::HashPrefix`] and moves to the next one. Write what it
    /// returns behind all that was written before; without such a step that is nothing. A digest before the size
    /// of the entry is reached is sent as [`Ended::Changed`].
    pub fn end(&mut self, ended: Ended) -> Vec<u8> {
        let (file, reached) = match self.state {
            State::Body { file, offset } => (file, offset == self.entries[file].size),
            State::Prefix { file, .. } => (file, false),
            _ => return Vec::new(),
        };
        match ended {
            Ended::Digest(digest) if reached => self.close(file, EndState::Whole, digest),
            Ended::Unreadable => self.close(file, EndState::Unreadable, [0; 32]),
            Ended::Digest(_) | Ended::Changed => self.close(file, EndState::Changed, [0; 32]),
        }
        std::mem::take(&mut self.out)
    }

    /// The body bytes that the peer has acknowledged: for progress, not for safety.
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged_bytes
    }

    /// The body bytes of all headers of [`Sender::data`].
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// The entries, by their file ids.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What became of each entry. Before [`SendStep::Finished`] only failures are known.
    pub fn outcomes(&self) -> Vec<FileOutcome> {
        let finished = matches!(self.state, State::Finished);
        let known = |file: &Outgoing| {
            if finished || file.outcome.is_failed() { file.outcome.clone() } else { FileOutcome::Unknown }
        };
        self.files.iter().map(known).collect()
    }

    /// Whether `EOT` was handed out and `RESULT` is not here: a loss now leaves the outcome unknown.
    pub fn awaiting_result(&self) -> bool {
        matches!(self.state, State::Result { .. })
    }

    /// What the peer is busy with, and the bytes done in it, if its last frame was a `PING`.
    pub fn peer_phase(&self) -> Option<(Phase, u64)> {
        self.phase
    }

    fn room(&self, file: usize, offset: u64) -> u32 {
        (self.entries[file].size - offset).min(MAX_DATA_BYTES.into()) as u32
    }

    fn offer(&mut self, first: usize) -> SendStep {
        let mut bytes = Vec::new();
        let mut next = first;
        while let Some(entry) = self.entries.get(next).filter(|_| bytes.len() < WRITE_BYTES) {
            bytes.extend(encode(&Frame::Entry { file: next as u32, entry: entry.clone() }));
            next += 1;
        }
        self.state = State::Offering { next };
        if next == self.entries.len() {
            bytes.extend(encode(&Frame::Turn));
            self.state = State::Verdicts { next: self.next_offered(0) };
        }
        SendStep::Write(bytes)
    }

    fn next_offered(&self, from: usize) -> usize {
        (from..self.entries.len())
            .find(|file| self.entries[*file].not_offered.is_none())
            .unwrap_or(self.entries.len())
    }

    fn answered(&mut self, file: u32, verdict: Verdict) -> Result<(), Violation> {
        let State::Verdicts { next } = self.state else { return Err(Violation::OutOfTurn("HAVE")) };
        if next == self.entries.len() || file as usize != next {
            return Err(Violation::Contradiction("the order of HAVE and ENTRY"));
        }
        let size = self.entries[next].size;
        match &verdict {
            Verdict::Want { offset, .. } if *offset > size => {
                return Err(Violation::Contradiction("HAVE has more than the file"));
            }
            Verdict::Keep { size: kept, .. } if *kept != size => {
                return Err(Violation::Contradiction("KEEP of another size"));
            }
            Verdict::Refused(reason, text) => {
                self.files[next].outcome = FileOutcome::Failed(*reason, text.clone());
            }
            _ => {}
        }
        self.files[next].verdict = Some(verdict);
        self.state = State::Verdicts { next: self.next_offered(next + 1) };
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Violation> {
        match self.state {
            State::Verdicts { next } if next == self.entries.len() => self.open(0),
            State::Verdicts { .. } => return Err(Violation::Contradiction("TURN before every HAVE")),
            _ => return Err(Violation::OutOfTurn("TURN")),
        }
        Ok(())
    }

    /// Turns to the first file from this one on that is sent or compared, or to the end.
    fn open(&mut self, from: usize) {
        for file in from..self.files.len() {
            self.state = match self.files[file].verdict {
                Some(Verdict::Want { offset: 0, .. }) => State::Body { file, offset: 0 },
                Some(Verdict::Want { offset: length, .. } | Verdict::Keep { size: length, .. }) => {
                    State::Prefix { file, length }
                }
                Some(Verdict::Refused(..)) | None => continue,
            };
            return;
        }
        self.state = State::Ending;
    }

    fn close(&mut self, file: usize, state: EndState, digest: Digest) {
        let kept = matches!(self.files[file].verdict, Some(Verdict::Keep { .. }));
        self.files[file].outcome = match state {
            EndState::Unreadable => {
                FileOutcome::Failed(Reason::Unreadable, "the source cannot be read".to_owned())
            }
            EndState::Changed => failed(Reason::Changed),
            EndState::Differs => failed(Reason::Exists),
            EndState::Whole if kept => FileOutcome::AlreadyThere,
            EndState::Whole => FileOutcome::Done,
        };
        self.whole_files += u64::from(state == EndState::Whole);
        let size = self.entries[file].size;
        self.out.extend(encode(&Frame::End(End { file: file as u32, size, state, digest })));
        self.open(file + 1);
    }

    fn acknowledged(&mut self, bytes: u64) -> Result<(), Violation> {
        if matches!(self.state, State::Offering { .. } | State::Verdicts { .. } | State::Finished) {
            return Err(Violation::OutOfTurn("ACK"));
        }
        if bytes > self.sent_bytes {
            return Err(Violation::Contradiction("ACK of more than was sent"));
        }
        self.acknowledged_bytes = self.acknowledged_bytes.max(bytes);
        Ok(())
    }

    fn result(&mut self, summary: &Summary) -> Result<(), Violation> {
        let State::Result { counts, mut next } = self.state else {
            return Err(Violation::OutOfTurn("RESULT"));
        };
        let now = (summary.done, summary.failed);
        let total = u64::from(summary.done) + u64::from(summary.failed);
        if total != self.files.len() as u64 || counts.is_some_and(|before| before != now) {
            return Err(Violation::Contradiction("the counts of the result"));
        }
        for failure in &summary.failures {
            let Some(file) = self.files.get_mut(failure.file as usize).filter(|_| failure.file >= next)
            else {
                return Err(Violation::Contradiction("the order of the result's failures"));
            };
            next = failure.file.saturating_add(1);
            if !file.outcome.is_failed() {
                file.outcome = FileOutcome::Failed(failure.reason, failure.text.clone());
            }
        }
        if summary.more {
            if summary.failures.is_empty() {
                return Err(Violation::Contradiction("an empty part of a result"));
            }
            self.state = State::Result { counts: Some(now), next };
            return Ok(());
        }
        let failed = self.files.iter().filter(|file| file.outcome.is_failed()).count();
        if failed != summary.failed as usize {
            return Err(Violation::Contradiction("the failures of the result and their count"));
        }
        self.state = State::Finished;
        Ok(())
    }
}

fn failed(reason: Reason) -> FileOutcome {
    FileOutcome::Failed(reason, reason.to_string())
}
