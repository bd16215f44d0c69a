//! One of everything, and strategies for any of it.

use proptest::prelude::*;

use crate::proto::entry::{Entry, Kind};
use crate::proto::frame::{End, EndState, Frame, Phase};
use crate::proto::have::Verdict;
use crate::proto::reason::Reason;
use crate::proto::summary::{Failure, Summary};

pub(super) fn file(path: &str, size: u64) -> Entry {
    Entry {
        kind: Kind::File,
        executable: false,
        size,
        mtime_seconds: -1,
        mtime_nanoseconds: 999_999_999,
        path: path.as_bytes().to_vec(),
        not_offered: None,
    }
}

pub(super) fn not_offered(path: &str) -> Entry {
    Entry { not_offered: Some((Reason::NotFound, "no".to_owned())), ..file(path, 0) }
}

pub(super) fn frames() -> Vec<Frame> {
    let failure = Failure { file: 3, reason: Reason::NoSpace, text: "full".to_owned() };
    let end = |state| Frame::End(End { file: 1, size: 9, state, digest: [7; 32] });
    vec![
        Frame::Entry { file: 0, entry: file("a/b", u64::MAX) },
        Frame::Entry { file: u32::MAX, entry: Entry { executable: true, ..not_offered("x") } },
        Frame::Have { file: 1, verdict: Verdict::WHOLE },
        Frame::Have { file: 1, verdict: Verdict::Want { offset: 1 << 40, digest: [1; 32] } },
        Frame::Have { file: 1, verdict: Verdict::Keep { size: 0, digest: [2; 32] } },
        Frame::Have { file: 1, verdict: Verdict::Refused(Reason::UnsafeName, "é".to_owned()) },
        Frame::Turn,
        end(EndState::Whole),
        end(EndState::Unreadable),
        end(EndState::Changed),
        end(EndState::Differs),
        Frame::Eot { entries: 1, bytes: 2 },
        Frame::Ack { bytes: 3 },
        Frame::Result(Summary { done: 0, failed: 0, failures: Vec::new(), more: false }),
        Frame::Result(Summary { done: 2, failed: 2, failures: vec![failure.clone(), failure], more: true }),
        Frame::Ping { phase: Some(Phase::Verifying), done: 5 },
        Frame::Ping { phase: None, done: 5 },
        Frame::Error { reason: Reason::Stopped, text: "bye".to_owned() },
    ]
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

fn entry() -> impl Strategy<Value = Entry> {
    let times = (any::<i64>(), 0..1_000_000_000u32);
    let path =
        prop_oneof![prop::collection::vec(any::<u8>(), 0..30), Just(b"a".to_vec()), Just(b"b".to_vec())];
    let kind = prop_oneof![9 => Just(Kind::File), 1 => (2u8..).prop_map(Kind::Other)];
    let why = prop::option::weighted(0.1, (reason(), text()));
    (kind, any::<bool>(), number(), times, path, why).prop_map(
        |(kind, executable, size, times, path, why)| {
            let (mtime_seconds, mtime_nanoseconds) = times;
            Entry { kind, executable, size, mtime_seconds, mtime_nanoseconds, path, not_offered: why }
        },
    )
}

pub(super) fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::WHOLE),
        (1..4u64, any::<bool>())
            .prop_map(|(offset, same)| Verdict::Want { offset, digest: [same.into(); 32] }),
        (number(), any::<bool>()).prop_map(|(size, same)| Verdict::Keep { size, digest: [same.into(); 32] }),
        (reason(), text()).prop_map(|(reason, text)| Verdict::Refused(reason, text)),
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
    ]);
    let phase =
        prop::sample::select(vec![None, Some(Phase::Hashing), Some(Phase::Verifying), Some(Phase::Syncing)]);
    let failure = (id(), reason(), text()).prop_map(|(file, reason, text)| Failure { file, reason, text });
    prop_oneof![
        4 => (id(), entry()).prop_map(|(file, entry)| Frame::Entry { file, entry }),
        4 => (id(), verdict()).prop_map(|(file, verdict)| Frame::Have { file, verdict }),
        4 => Just(Frame::Turn),
        4 => (id(), number(), state).prop_map(|(file, size, state)| {
            Frame::End(End { file, size, state, digest: [1; 32] })
        }),
        2 => (number(), number()).prop_map(|(entries, bytes)| Frame::Eot { entries, bytes }),
        1 => number().prop_map(|bytes| Frame::Ack { bytes }),
        2 => (0..4u32, 0..4u32, prop::collection::vec(failure, 0..3), any::<bool>())
            .prop_map(|(done, failed, failures, more)| Frame::Result(Summary { done, failed, failures, more })),
        1 => (phase, number()).prop_map(|(phase, done)| Frame::Ping { phase, done }),
        1 => (reason(), text()).prop_map(|(reason, text)| Frame::Error { reason, text }),
    ]
}
