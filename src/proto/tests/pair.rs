//! The two machines against each other, in memory, in deliveries of any size.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::samples;
use crate::proto::Digest;
use crate::proto::frame::{self, ParsedFrame};
use crate::proto::have::Verdict;
use crate::proto::outcome::FileOutcome;
use crate::proto::reason::Reason;
use crate::proto::receiver::{ReceiveStep, Receiver};
use crate::proto::sender::{Ended, SendStep, Sender};

#[derive(Debug, Clone, PartialEq)]
enum There {
    Nothing,
    Part(Vec<u8>),
    Whole(Vec<u8>),
    Refuses,
    GivesUp,
    CannotCommit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Fine,
    Changed,
    Unreadable,
    NotOffered,
}

#[derive(Debug, Clone)]
struct Case {
    content: Vec<u8>,
    source: Source,
    there: There,
}

impl Case {
    fn expected(&self) -> FileOutcome {
        let failed = |reason: Reason| FileOutcome::Failed(reason, String::new());
        match (self.source, &self.there) {
            (Source::NotOffered, _) => failed(Reason::NotFound),
            (_, There::Refuses) => failed(Reason::NoSpace),
            (Source::Changed, _) => failed(Reason::Changed),
            (Source::Unreadable, _) => failed(Reason::Unreadable),
            (_, There::GivesUp | There::CannotCommit) => failed(Reason::Unwritable),
            (_, There::Whole(kept)) if *kept == self.content => FileOutcome::AlreadyThere,
            (_, There::Whole(_)) => failed(Reason::Exists),
            _ => FileOutcome::Done,
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&hash.to_be_bytes());
    digest[8] = 1;
    digest
}

/// The driver of the sender: where its bytes go, and what has come.
struct SendSide<'a> {
    cases: &'a [Case],
    machine: Sender,
    input: Vec<u8>,
    output: VecDeque<u8>,
    chunk: u32,
}

impl SendSide<'_> {
    fn advance(&mut self) -> bool {
        while let Some(ParsedFrame::Frame { frame, used }) = complete(&self.input) {
            self.input.drain(..used);
            self.machine.receive(frame).unwrap();
        }
        loop {
            match self.machine.step() {
                SendStep::Write(bytes) => self.output.extend(bytes),
                SendStep::HashPrefix { file, length } => {
                    let case = &self.cases[file as usize];
                    assert_eq!(self.machine.step(), SendStep::HashPrefix { file, length });
                    match case.source {
                        Source::Unreadable => self.output.extend(self.machine.end(Ended::Unreadable)),
                        Source::Changed => self.output.extend(self.machine.end(Ended::Changed)),
                        _ => self.machine.prefix_hashed(digest(&case.content[..length as usize])),
                    }
                }
                SendStep::Body { file, offset, room } => self.body(file, offset as usize, room),
                SendStep::Await => return false,
                SendStep::PeerError { text, .. } => panic!("{text}"),
                SendStep::Finished => return true,
            }
        }
    }

    fn body(&mut self, file: u32, offset: usize, room: u32) {
        let case = &self.cases[file as usize];
        let ended = match case.source {
            Source::Changed if room == 0 => Ended::Changed,
            Source::Unreadable if room == 0 || offset * 2 >= case.content.len() => Ended::Unreadable,
            _ if room == 0 => Ended::Digest(digest(&case.content)),
            _ => {
                let length = room.min(self.chunk);
                self.output.extend(self.machine.data(length));
                self.output.extend(&case.content[offset..offset + length as usize]);
                return;
            }
        };
        self.output.extend(self.machine.end(ended));
    }
}

struct ReceiveSide<'a> {
    cases: &'a [Case],
    machine: Receiver,
    input: Vec<u8>,
    output: VecDeque<u8>,
    disk: Vec<Vec<u8>>,
    body: (u32, usize),
    late: Vec<(u32, Digest)>,
}

impl ReceiveSide<'_> {
    fn advance(&mut self) -> bool {
        self.take_input();
        loop {
            match self.machine.step() {
                ReceiveStep::Write(bytes) => self.output.extend(bytes),
                ReceiveStep::Judge { file } => self.judge(file),
                ReceiveStep::Commit { file, digest } => self.late.push((file, digest)),
                ReceiveStep::Abandon { file, .. } => self.disk[file as usize].clear(),
                ReceiveStep::Await if self.machine.all_files_ended() && !self.late.is_empty() => {
                    self.commit()
                }
                ReceiveStep::Await => return false,
                ReceiveStep::PeerError { text, .. } => panic!("{text}"),
                ReceiveStep::Finished => return true,
            }
        }
    }

    fn take_input(&mut self) {
        loop {
            let (file, left) = self.body;
            let taken = left.min(self.input.len());
            let bytes: Vec<u8> = self.input.drain(..taken).collect();
            if !self.machine.discarding() {
                self.disk[file as usize].extend(bytes);
            }
            self.body.1 -= taken;
            if self.body.1 > 0 {
                return;
            }
            match complete(&self.input) {
                Some(ParsedFrame::Frame { frame, used }) => {
                    self.input.drain(..used);
                    self.machine.receive(frame).unwrap();
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
                _ => return,
            }
        }
    }

    fn judge(&mut self, file: u32) {
        let size = self.machine.entry(file).unwrap().size;
        let verdict = match &self.cases[file as usize].there {
            There::Nothing | There::CannotCommit => Verdict::WHOLE,
            There::GivesUp => {
                if size == 0 {
                    self.machine.give_up(file, Reason::Unwritable, "disk".to_owned());
                }
                Verdict::WHOLE
            }
            There::Part(part) => {
                self.disk[file as usize].clone_from(part);
                Verdict::Want { offset: part.len() as u64, digest: digest(part) }
            }
            There::Whole(whole) => Verdict::Keep { size, digest: digest(whole) },
            There::Refuses => Verdict::Refused(Reason::NoSpace, "full".to_owned()),
        };
        self.machine.judged(file, verdict);
    }

    /// The last first: the order of the answers does not matter.
    fn commit(&mut self) {
        while let Some((file, expected)) = self.late.pop() {
            let case = &self.cases[file as usize];
            let written = &self.disk[file as usize];
            assert_eq!(*written, case.content);
            assert_eq!(digest(written), expected);
            let outcome = match case.there {
                There::CannotCommit => Err((Reason::Unwritable, "sync".to_owned())),
                _ => Ok(()),
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

fn run(cases: &[Case], delivery: usize, chunk: u32) {
    let entries: Vec<_> = (0..)
        .zip(cases)
        .map(|(index, case)| {
            let path = format!("folder/{index}");
            match case.source {
                Source::NotOffered => samples::not_offered(&path),
                _ => samples::file(&path, case.content.len() as u64),
            }
        })
        .collect();
    let wanted = entries.iter().map(|entry| entry.path.clone()).collect();
    let machine = Sender::new(entries);
    let mut sender = SendSide { cases, machine, input: Vec::new(), output: VecDeque::new(), chunk };
    let mut receiver = ReceiveSide {
        cases,
        machine: Receiver::new(cases.len() as u32, Some(wanted)),
        input: Vec::new(),
        output: VecDeque::new(),
        disk: vec![Vec::new(); cases.len()],
        body: (0, 0),
        late: Vec::new(),
    };
    if cases.is_empty() {
        receiver.disk.push(Vec::new());
    }
    loop {
        let finished = (sender.advance(), receiver.advance());
        let out = sender.output.len().min(delivery);
        receiver.input.extend(sender.output.drain(..out));
        let back = receiver.output.len().min(delivery);
        sender.input.extend(receiver.output.drain(..back));
        if out == 0 && back == 0 {
            assert_eq!(finished, (true, true), "both wait: {cases:?}");
            break;
        }
    }
    assert!(!sender.machine.awaiting_result());
    assert_eq!(sender.machine.sent_bytes(), receiver.machine.received_bytes());
    let outcomes = sender.machine.outcomes().into_iter().zip(receiver.machine.outcomes());
    for (case, (there, here)) in cases.iter().zip(outcomes) {
        for outcome in [there, here] {
            match (case.expected(), &outcome) {
                // Where both sides fail each tells its own reason.
                (FileOutcome::Failed(reason, _), FileOutcome::Failed(told, _))
                    if reason == *told || case.there == There::GivesUp => {}
                (expected, _) => assert_eq!(outcome, expected, "{case:?}"),
            }
        }
    }
}

fn all_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0usize, 1, 2, 5, 40] {
        let content: Vec<u8> = (0..size as u8).collect();
        let mut theres = vec![There::Nothing, There::Refuses, There::GivesUp, There::CannotCommit];
        theres.push(There::Whole(content.clone()));
        for part in [1, size / 2, size.saturating_sub(1), size] {
            if part > 0 && part <= size {
                theres.push(There::Part(content[..part].to_vec()));
                theres.push(There::Part(vec![b'?'; part]));
            }
        }
        if size > 0 {
            theres.push(There::Whole(vec![b'?'; size]));
        }
        for there in theres {
            for source in [Source::Fine, Source::Changed, Source::Unreadable, Source::NotOffered] {
                cases.push(Case { content: content.clone(), source, there: there.clone() });
            }
        }
    }
    cases
}

#[test]
fn each_case_alone_in_deliveries_of_any_size() {
    for case in all_cases() {
        for delivery in [1, 2, 3, 25, usize::MAX] {
            run(std::slice::from_ref(&case), delivery, 7);
        }
    }
}

#[test]
fn all_cases_in_one_session_and_no_case_at_all() {
    for delivery in [1, 2, 3, 1000, usize::MAX] {
        run(&all_cases(), delivery, 3);
        run(&[], delivery, 3);
    }
}

#[test]
fn more_failures_than_one_result_holds_all_arrive() {
    let case = Case { content: vec![1], source: Source::Fine, there: There::CannotCommit };
    let fine = Case { there: There::Nothing, ..case.clone() };
    let mut cases = vec![case; 12_000];
    cases.push(fine);
    run(&cases, 1 << 20, 1);
}

#[test]
fn large_bodies_are_acknowledged_and_cut_into_frames() {
    let content = vec![3; (17 << 20) + 1];
    let case = Case { content, source: Source::Fine, there: There::Nothing };
    run(std::slice::from_ref(&case), usize::MAX, u32::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_cases_in_any_order(
        cases in prop::collection::vec(prop::sample::select(all_cases()), 0..12),
        delivery in prop_oneof![1..4usize, 4..200usize, Just(usize::MAX)],
        chunk in 1..50u32,
    ) {
        run(&cases, delivery, chunk);
    }
}
