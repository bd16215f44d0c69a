//! Drivers of the two machines, in memory: a source and a disk that behave as their cases say.

use std::collections::{BTreeMap, VecDeque};

use super::samples;
use crate::proto::transfer::Digest;
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{ParsedFrame, Totals};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::hello::Capabilities;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::{ReceiveStep, Receiver};
use crate::proto::transfer::sender::{Ended, SendStep, Sender};

/// What is offered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    File(Vec<u8>),
    /// A file of a size that is not known before its end.
    Unknown(Vec<u8>),
    /// Of a kind that the receiver does not know.
    Other(Vec<u8>),
    Folder,
    Link,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum There {
    Nothing,
    Part(Vec<u8>),
    Whole(Vec<u8>),
    Refuses,
    GivesUp,
    CannotCommit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    Fine,
    Changed,
    Unreadable,
    NotOffered,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) what: What,
    pub(super) source: Source,
    pub(super) there: There,
}

impl Case {
    pub(super) fn content(&self) -> &[u8] {
        match &self.what {
            What::File(content) | What::Unknown(content) | What::Other(content) => content,
            What::Folder | What::Link => &[],
        }
    }

    /// Whether it has bodies and an end.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.what, What::Folder | What::Link)
    }

    pub(super) fn entry(&self, index: usize) -> Entry {
        let path = format!("folder/{index}");
        match &self.what {
            _ if self.source == Source::NotOffered => samples::not_offered(&path),
            What::File(content) => samples::file(&path, content.len() as u64),
            What::Unknown(_) => samples::unknown_size(&path),
            What::Other(content) => {
                Entry { kind: EntryKind::Other(9), ..samples::file(&path, content.len() as u64) }
            }
            What::Folder => samples::folder(&path),
            What::Link => samples::link(&path, b"../elsewhere"),
        }
    }
}

pub(super) fn digest(bytes: &[u8]) -> Digest {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&hash.to_be_bytes());
    digest[8] = 1;
    digest
}

/// The driver of the sender: where its bytes go, and what has come.
pub(super) struct SendSide<'a> {
    cases: &'a [Case],
    pub(super) machine: Sender,
    pub(super) input: Vec<u8>,
    pub(super) output: VecDeque<u8>,
    chunk: u32,
    /// So much may wait in the output.
    window: usize,
    offered: usize,
    reported: Totals,
    pub(super) closed: BTreeMap<u32, FinishedEntry>,
}

impl SendSide<'_> {
    /// In rounds of so many entries, or in a stream.
    pub(super) fn new(cases: &[Case], rounds: Option<usize>, chunk: u32, window: usize) -> SendSide<'_> {
        let mut machine = Sender::new();
        assert_eq!(machine.next_step(), SendStep::Await);
        machine.agree(Capabilities { totals: true, ..Capabilities::default() });
        machine.round_entries = rounds.unwrap_or(machine.round_entries);
        machine.begin(rounds.is_none());
        machine.begin(rounds.is_some());
        let (input, output, closed, reported) =
            (Vec::new(), VecDeque::new(), BTreeMap::new(), Totals::default());
        SendSide { cases, machine, input, output, chunk, window, offered: 0, reported, closed }
    }

    /// Does what it can. True: it has finished.
    pub(super) fn advance(&mut self) -> bool {
        while let Some(ParsedFrame::Frame { frame, used }) = complete(&self.input) {
            self.input.drain(..used);
            self.machine.receive(frame).unwrap();
            self.note_closed();
        }
        while self.output.len() < self.window {
            // At any time: it has its place between any two frames, and none behind the last.
            let (entries, bytes) = (self.offered as u64, self.machine.sent_bytes());
            let totals = Totals { entries, bytes, complete: self.offered == self.cases.len() };
            if self.reported != totals {
                self.machine.set_totals(totals);
                self.reported = totals;
            }
            match self.machine.next_step() {
                SendStep::Write(bytes) => self.output.extend(bytes),
                SendStep::Offer => self.offer(),
                SendStep::HashPrefix { file, length } => {
                    let case = &self.cases[file as usize];
                    assert_eq!(self.machine.next_step(), SendStep::HashPrefix { file, length });
                    match case.source {
                        Source::Unreadable => self.machine.end(Ended::Unreadable),
                        Source::Changed => self.machine.end(Ended::Changed),
                        _ => self.machine.prefix_hashed(digest(&case.content()[..length as usize])),
                    }
                }
                SendStep::Body { file, offset, max_length } => self.body(file, offset as usize, max_length),
                SendStep::Blocks { .. } => panic!("blocks that were not agreed"),
                SendStep::Await => return false,
                SendStep::PeerError { text, .. } => panic!("{text}"),
                SendStep::Finished => return true,
            }
            self.note_closed();
        }
        false
    }

    fn offer(&mut self) {
        let Some(case) = self.cases.get(self.offered) else { return self.machine.all_offered() };
        let file = self.machine.next_id();
        assert_eq!(file as usize, self.offered);
        self.machine.offer(case.entry(self.offered));
        assert!(
            !self.machine.is_sending(file) || self.machine.entry(file) == Some(&case.entry(self.offered))
        );
        self.offered += 1;
    }

    fn body(&mut self, file: u32, offset: usize, max_length: u32) {
        let case = &self.cases[file as usize];
        let content = case.content();
        assert!(self.machine.is_sending(file));
        assert!(case.is_sent() && case.source != Source::NotOffered);
        let at_end = offset == content.len();
        assert_eq!(max_length == 0, at_end && !matches!(case.what, What::Unknown(_)));
        let ended = match case.source {
            Source::Changed if at_end => Ended::Changed,
            Source::Unreadable if offset * 2 >= content.len() => Ended::Unreadable,
            _ if at_end => Ended::Digest(digest(content)),
            _ => {
                let length = max_length.min(self.chunk).min((content.len() - offset) as u32);
                self.output.extend(self.machine.data(length).unwrap());
                self.output.extend(&content[offset..offset + length as usize]);
                return;
            }
        };
        self.machine.end(ended);
    }

    fn note_closed(&mut self) {
        while let Some(closed) = self.machine.closed() {
            let (file, revokes) = (closed.file, closed.revokes);
            if !revokes {
                let entry = self.cases[file as usize].entry(file as usize);
                assert_eq!((&closed.path, &closed.kind), (&entry.path, &entry.kind));
                assert_eq!(file as usize, self.closed.len(), "in their order, each once");
            }
            let path = closed.path.clone();
            let before = self.closed.insert(file, closed);
            assert_eq!(before.is_some(), revokes);
            assert!(before.is_none_or(|before| !before.outcome.is_failed() && before.path == path));
        }
    }
}

/// The driver of the receiver: its disk, and what waits for it.
pub(super) struct ReceiveSide<'a> {
    cases: &'a [Case],
    pub(super) machine: Receiver,
    pub(super) input: Vec<u8>,
    pub(super) output: VecDeque<u8>,
    disk: Vec<Vec<u8>>,
    body: (u32, usize),
    late: Vec<(u32, Option<Digest>)>,
    /// No file from this one on was handed out.
    handed_out: u32,
    /// How much there is, as the sender says.
    pub(super) heard: Totals,
    pub(super) closed: BTreeMap<u32, FinishedEntry>,
}

impl ReceiveSide<'_> {
    pub(super) fn new(cases: &[Case], mut machine: Receiver) -> ReceiveSide<'_> {
        machine.agree(Capabilities { totals: true, ..Capabilities::default() });
        ReceiveSide {
            cases,
            machine,
            input: Vec::new(),
            output: VecDeque::new(),
            disk: vec![Vec::new(); cases.len().max(1)],
            body: (0, 0),
            late: Vec::new(),
            handed_out: 0,
            heard: Totals::default(),
            closed: BTreeMap::new(),
        }
    }

    /// Does what it can. True: it has finished.
    pub(super) fn advance(&mut self) -> bool {
        loop {
            match self.machine.next_step() {
                ReceiveStep::Write(bytes) => self.output.extend(bytes),
                ReceiveStep::Decide { file } => self.decide(file),
                ReceiveStep::Commit { file, entry, digest } => {
                    assert_eq!(entry, self.cases[file as usize].entry(file as usize));
                    self.hand_out(file);
                    self.late.push((file, Some(digest)));
                }
                ReceiveStep::Place { file, entry } => {
                    assert_eq!(entry, self.cases[file as usize].entry(file as usize));
                    assert!(!matches!(entry.kind, EntryKind::File));
                    self.hand_out(file);
                    self.late.push((file, None));
                }
                ReceiveStep::Abandon { file, reason } => {
                    assert!(matches!(reason, Reason::Changed | Reason::Unreadable));
                    let there = &self.cases[file as usize].there;
                    assert!(!matches!(there, There::Refuses | There::Whole(_)), "{there:?}");
                    self.hand_out(file);
                }
                ReceiveStep::Await => {
                    let ended = self.machine.all_files_ended() && !self.late.is_empty();
                    if ended || self.late.len() > 2 {
                        self.commit();
                    } else if !self.take_input() {
                        return false;
                    }
                }
                ReceiveStep::PeerError { text, .. } => panic!("{text}"),
                ReceiveStep::Finished => return true,
            }
            while let Some(closed) = self.machine.closed() {
                assert!(!closed.revokes);
                assert_eq!(self.closed.insert(closed.file, closed), None);
            }
        }
    }

    fn hand_out(&mut self, file: u32) {
        assert!(file >= self.handed_out, "{file} behind what came after it");
        self.handed_out = file + 1;
    }

    /// A piece of a body, or a frame. False: there is none.
    fn take_input(&mut self) -> bool {
        let (file, left) = self.body;
        if left > 0 {
            let taken = left.min(self.input.len());
            let bytes: Vec<u8> = self.input.drain(..taken).collect();
            if !self.machine.discarding() {
                self.disk[file as usize].extend(bytes);
            }
            self.body.1 -= taken;
            return taken > 0;
        }
        match complete(&self.input) {
            Some(ParsedFrame::Frame { frame, used }) => {
                self.input.drain(..used);
                self.machine.receive(frame).unwrap();
                if let Some(totals) = self.machine.totals() {
                    assert!(totals.entries >= self.heard.entries && totals.bytes >= self.heard.bytes);
                    self.heard = totals;
                }
            }
            Some(ParsedFrame::Data { file, offset, length, used }) => {
                self.input.drain(..used);
                if self.machine.data(file, offset, length).unwrap() {
                    self.disk[file as usize].clear();
                }
                self.body = (file, length as usize);
                if self.cases[file as usize].there == There::GivesUp {
                    self.machine.give_up(file, Reason::Unwritable, "disk".to_owned());
                }
            }
            _ => return false,
        }
        true
    }

    fn decide(&mut self, file: u32) {
        let case = &self.cases[file as usize];
        assert_eq!(self.machine.entry(file), Some(&case.entry(file as usize)));
        assert!(matches!(case.what, What::File(_) | What::Unknown(_)));
        let reply = match &case.there {
            There::Nothing | There::CannotCommit => HaveReply::WHOLE,
            There::GivesUp => {
                if case.content().is_empty() {
                    self.machine.give_up(file, Reason::Unwritable, "disk".to_owned());
                }
                HaveReply::WHOLE
            }
            There::Part(part) => {
                self.disk[file as usize].clone_from(part);
                HaveReply::Want { offset: part.len() as u64, digest: digest(part) }
            }
            There::Whole(whole) => HaveReply::Keep { size: whole.len() as u64, digest: digest(whole) },
            There::Refuses => HaveReply::Refused(Reason::NoSpace, "full".to_owned()),
        };
        self.machine.decided(file, reply);
    }

    /// The last first: the order of the answers does not matter.
    fn commit(&mut self) {
        while let Some((file, expected)) = self.late.pop() {
            let case = &self.cases[file as usize];
            if let Some(expected) = expected {
                let written = &self.disk[file as usize];
                assert_eq!(*written, case.content());
                assert_eq!(digest(written), expected);
            }
            let outcome = match case.there {
                There::CannotCommit => Err((Reason::Unwritable, "sync".to_owned())),
                _ => Ok(EntryOutcome::Done),
            };
            self.machine.committed(file, outcome);
        }
    }
}

fn complete(bytes: &[u8]) -> Option<ParsedFrame> {
    match frame::parse(bytes).unwrap() {
        ParsedFrame::Incomplete { .. } => None,
        parsed => Some(parsed),
    }
}
