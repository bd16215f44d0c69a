//! One of everything, and strategies for any of it.

use proptest::prelude::*;

use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{EndState, FileEnd, Frame, ParsedFrame, Phase, Totals};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::Receiver;
use crate::proto::transfer::skipped::{Skipped, SkippedKind};
use crate::proto::transfer::summary::{FileFailure, Summary};
use crate::proto::transfer::violation::Violation;

pub(super) fn file(path: &str, size: u64) -> Entry {
    Entry {
        kind: EntryKind::File,
        mode: 0o644,
        size: Some(size),
        mtime_seconds: -1,
        mtime_nanoseconds: 999_999_999,
        path: path.as_bytes().to_vec(),
        not_offered: None,
    }
}

pub(super) fn not_offered(path: &str) -> Entry {
    Entry { not_offered: Some((Reason::NotFound, "no".to_owned())), ..file(path, 0) }
}

pub(super) fn unknown_size(path: &str) -> Entry {
    Entry { size: None, ..file(path, 0) }
}

pub(super) fn folder(path: &str) -> Entry {
    Entry { kind: EntryKind::Folder, ..file(path, 0) }
}

pub(super) fn link(path: &str, target: &[u8]) -> Entry {
    Entry { kind: EntryKind::Link(target.to_vec()), ..file(path, 0) }
}

pub(super) fn failure(file: u32) -> FileFailure {
    FileFailure { file, path: b"a/\xff".to_vec(), reason: Reason::NoSpace, text: "full".to_owned() }
}

/// The last frames of a session.
pub(super) fn result(done: u32, failed: u32, files: &[u32]) -> Summary {
    Summary {
        done,
        failed,
        failures: files.iter().map(|file| failure(*file)).collect(),
        cut: false,
        more: false,
    }
}

/// An `END` whose digest is of ones.
pub(super) fn end(file: u32, size: u64, state: EndState) -> Frame {
    Frame::End(FileEnd { file, size, state, digest: [1; 32] })
}

pub(super) fn frames() -> Vec<Frame> {
    let end = |state| Frame::End(FileEnd { file: 1, size: 9, state, digest: [7; 32] });
    vec![
        Frame::Entry { file: 0, entry: file("a/b", u64::MAX - 1) },
        Frame::Entry { file: 0, entry: unknown_size("-") },
        Frame::Entry { file: 1, entry: folder("a") },
        Frame::Entry { file: 2, entry: link("l", b"../\xff") },
        Frame::Entry { file: 2, entry: link("l", b"") },
        Frame::Entry { file: u32::MAX, entry: Entry { mode: 0o1, ..not_offered("x") } },
        Frame::Have { file: 1, reply: HaveReply::WHOLE },
        Frame::Have { file: 1, reply: HaveReply::Want { offset: 1 << 40, digest: [1; 32] } },
        Frame::Have { file: 1, reply: HaveReply::Keep { size: 0, digest: [2; 32] } },
        Frame::Have { file: 1, reply: HaveReply::Refused(Reason::UnsafeName, "é".to_owned()) },
        Frame::Turn,
        end(EndState::Whole),
        end(EndState::Unreadable),
        end(EndState::Changed),
        end(EndState::Differs),
        end(EndState::Stopped),
        Frame::Eot { entries: 1, bytes: 2 },
        Frame::Ack { bytes: 3 },
        Frame::BlockResult { file: 1, offset: 1 << 40, resend: false },
        Frame::BlockResult { file: u32::MAX, offset: 0, resend: true },
        Frame::Block { file: 1, offset: 4 << 20, values: vec![[1; 32]] },
        Frame::Skipped(Skipped { kind: SkippedKind::Fifo, path: b"a/\xff".to_vec() }),
        Frame::Skipped(Skipped { kind: SkippedKind::Other, path: Vec::new() }),
        Frame::Totals(Totals { entries: 1, bytes: 2, complete: false }),
        Frame::Totals(Totals { entries: u64::MAX, bytes: u64::MAX, complete: true }),
        Frame::Result(result(0, 0, &[])),
        Frame::Result(Summary { more: true, ..result(2, 2, &[3, 4]) }),
        Frame::Result(Summary { cut: true, ..result(0, 2, &[3]) }),
        Frame::Ping { phase: Some(Phase::Verifying), done: 5 },
        Frame::Ping { phase: Some(Phase::Reading), done: 0 },
        Frame::Ping { phase: None, done: 5 },
        Frame::Error { reason: Reason::Stopped, text: "bye".to_owned() },
    ]
}

/// The whole frames of what a machine has written.
pub(super) fn frames_of(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(ParsedFrame::Frame { frame, used }) = frame::parse(rest) else { panic!("{rest:?}") };
        frames.push(frame);
        rest = &rest[used..];
    }
    frames
}

/// This is refused as a contradiction.
pub(super) fn contradiction<T: std::fmt::Debug>(result: Result<T, Violation>) {
    assert!(matches!(result, Err(Violation::Contradiction(_))), "{result:?}");
}

pub(super) fn offer(receiver: &mut Receiver, file: u32, entry: Entry) -> Result<(), Violation> {
    receiver.receive(Frame::Entry { file, entry })
}

fn reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(Reason::ALL.to_vec())
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

/// Small numbers meet, large ones are the limits.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..4u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

/// Few of them, that they meet.
fn path() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..30), Just(b"a".to_vec()), Just(b"b".to_vec())]
}

pub(super) fn entry() -> impl Strategy<Value = Entry> {
    let times = (any::<i64>(), 0..1_000_000_000u32);
    let kind = prop_oneof![
        6 => Just(EntryKind::File),
        2 => Just(EntryKind::Folder),
        2 => prop::collection::vec(any::<u8>(), 0..9).prop_map(EntryKind::Link),
        1 => (4u8..).prop_map(EntryKind::Other),
    ];
    let why = prop::option::weighted(0.1, (reason(), text()));
    (kind, 0..0o1000u16, number(), times, path(), why).prop_map(|(kind, mode, size, times, path, why)| {
        let (mtime_seconds, mtime_nanoseconds) = times;
        let size = match kind {
            EntryKind::Folder | EntryKind::Link(_) => Some(0),
            EntryKind::File | EntryKind::Other(_) => Some(size).filter(|size| *size < u64::MAX),
        };
        Entry { kind, mode, size, mtime_seconds, mtime_nanoseconds, path, not_offered: why }
    })
}

pub(super) fn reply() -> impl Strategy<Value = HaveReply> {
    prop_oneof![
        Just(HaveReply::WHOLE),
        (1..4u64, any::<bool>())
            .prop_map(|(offset, same)| HaveReply::Want { offset, digest: [same.into(); 32] }),
        (number(), any::<bool>())
            .prop_map(|(size, same)| HaveReply::Keep { size, digest: [same.into(); 32] }),
        (reason(), text()).prop_map(|(reason, text)| HaveReply::Refused(reason, text)),
    ]
}

pub(super) fn frame() -> impl Strategy<Value = Frame> {
    let id = || prop_oneof![9 => 0..4u32, 1 => any::<u32>()];
    let state = prop::sample::select(vec![
        EndState::Whole,
        EndState::Whole,
        EndState::Unreadable,
        EndState::Changed,
        EndState::Differs,
        EndState::Stopped,
    ]);
    let phases = [Phase::Hashing, Phase::Verifying, Phase::Syncing, Phase::Reading];
    let phase = prop::option::of(prop::sample::select(phases.to_vec()));
    let failure = (id(), path(), reason(), text()).prop_map(|(file, path, reason, text)| FileFailure {
        file,
        path,
        reason,
        text,
    });
    let result = (0..4u32, 0..4u32, prop::collection::vec(failure, 0..3), any::<(bool, bool)>());
    prop_oneof![
        4 => (id(), entry()).prop_map(|(file, entry)| Frame::Entry { file, entry }),
        4 => (id(), reply()).prop_map(|(file, reply)| Frame::Have { file, reply }),
        4 => Just(Frame::Turn),
        4 => (id(), number(), state).prop_map(|(file, size, state)| {
            Frame::End(FileEnd { file, size, state, digest: [1; 32] })
        }),
        2 => (number(), number()).prop_map(|(entries, bytes)| Frame::Eot { entries, bytes }),
        1 => number().prop_map(|bytes| Frame::Ack { bytes }),
        1 => (id(), number(), any::<bool>()).prop_map(|(file, offset, resend)| {
            Frame::BlockResult { file, offset, resend }
        }),
        1 => (id(), number(), 1..4usize).prop_map(|(file, offset, count)| {
            Frame::Block { file, offset, values: vec![[2; 32]; count] }
        }),
        1 => (prop::sample::select(SkippedKind::ALL.to_vec()), path()).prop_map(|(kind, path)| {
            Frame::Skipped(Skipped { kind, path })
        }),
        1 => (number(), number(), any::<bool>()).prop_map(|(entries, bytes, complete)| {
            Frame::Totals(Totals { entries, bytes, complete })
        }),
        2 => result.prop_map(|(done, failed, failures, (cut, more))| {
            Frame::Result(Summary { done, failed, failures, cut, more })
        }),
        1 => (phase, number()).prop_map(|(phase, done)| Frame::Ping { phase, done }),
        1 => (reason(), text()).prop_map(|(reason, text)| Frame::Error { reason, text }),
    ]
}

/// A receiver, of a stream or of rounds.
pub(super) fn receiver(max_entries: u32, wanted: Option<Vec<Vec<u8>>>, streaming: bool) -> Receiver {
    let mut receiver = Receiver::new(max_entries, wanted);
    if streaming {
        receiver.expect_stream();
    }
    receiver
}
