//! Each machine against a peer that does as it likes.

use proptest::prelude::*;

use super::samples::{self, file};
use crate::proto::entry::{Entry, Kind};
use crate::proto::frame::{self, End, EndState, Frame, ParsedFrame, Phase};
use crate::proto::have::Verdict;
use crate::proto::outcome::FileOutcome;
use crate::proto::reason::Reason;
use crate::proto::receiver::{ACK_BYTES, ReceiveStep, Receiver};
use crate::proto::sender::{Ended, SendStep, Sender};
use crate::proto::summary::{Failure, Summary};
use crate::proto::violation::Violation;

fn end(file: u32, size: u64, state: EndState) -> Frame {
    Frame::End(End { file, size, state, digest: [1; 32] })
}

fn frames_of(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(ParsedFrame::Frame { frame, used }) = frame::parse(rest) else { panic!("{rest:?}") };
        frames.push(frame);
        rest = &rest[used..];
    }
    frames
}

/// A receiver that wants all of these, whole, and has said so.
fn wanting(entries: &[Entry]) -> Receiver {
    let mut receiver = Receiver::new(10, None);
    for (file, entry) in (0..).zip(entries) {
        receiver.receive(Frame::Entry { file, entry: entry.clone() }).unwrap();
    }
    receiver.receive(Frame::Turn).unwrap();
    while let ReceiveStep::Judge { file } = receiver.step() {
        receiver.judged(file, Verdict::WHOLE);
    }
    assert_eq!(receiver.step(), ReceiveStep::Await);
    receiver
}

/// A sender whose peer has given these verdicts.
fn consented(entries: Vec<Entry>, verdicts: Vec<Verdict>) -> Sender {
    let mut sender = Sender::new(entries);
    while let SendStep::Write(_) = sender.step() {}
    for (file, verdict) in (0..).zip(verdicts) {
        sender.receive(Frame::Have { file, verdict }).unwrap();
    }
    sender.receive(Frame::Turn).unwrap();
    sender
}

fn contradiction<T: std::fmt::Debug>(result: Result<T, Violation>) {
    assert!(matches!(result, Err(Violation::Contradiction(_))), "{result:?}");
}

#[test]
fn more_than_was_announced_is_cut_at_the_first_frame() {
    contradiction(wanting(&[file("a", 1024)]).data(0, 0, 1025));
    let mut receiver = wanting(&[file("a", 1024)]);
    assert_eq!(receiver.data(0, 0, 1024), Ok(false));
    contradiction(receiver.data(0, 1024, 1));
    contradiction(wanting(&[file("a", 0)]).data(0, 0, 1));
    contradiction(wanting(&[file("a", u64::MAX)]).data(0, u64::MAX, 1));
}

#[test]
fn gaps_other_files_and_early_ends_are_violations() {
    let two = [file("a", 4), file("b", 4)];
    contradiction(wanting(&two).data(0, 1, 1));
    contradiction(wanting(&two).data(1, 0, 1));
    contradiction(wanting(&two).receive(end(1, 4, EndState::Whole)));
    contradiction(wanting(&two).receive(end(0, 4, EndState::Whole)));
    contradiction(wanting(&two).receive(end(0, 4, EndState::Differs)));
    contradiction(wanting(&two).receive(Frame::Eot { entries: 0, bytes: 0 }));
    let mut receiver = wanting(&two);
    receiver.data(0, 0, 2).unwrap();
    contradiction(receiver.data(0, 0, 2));
    for (entries, bytes) in [(1, 4), (0, 0), (2, 0), (u64::MAX, 0), (1, u64::MAX)] {
        let mut receiver = wanting(&[file("a", 0)]);
        receiver.receive(end(0, 0, EndState::Whole)).unwrap();
        contradiction(receiver.receive(Frame::Eot { entries, bytes }));
    }
    contradiction(wanting(&[]).data(0, 0, 1));
}

#[test]
fn entries_are_counted_ordered_and_matched_with_what_was_wanted() {
    let offer = |receiver: &mut Receiver, id, path: &str| {
        receiver.receive(Frame::Entry { file: id, entry: file(path, 1) })
    };
    let mut receiver = Receiver::new(1, None);
    contradiction(offer(&mut receiver, 1, "a"));
    offer(&mut receiver, 0, "a").unwrap();
    let refused = offer(&mut receiver, 1, "b").unwrap_err();
    assert_eq!((refused, refused.reason()), (Violation::TooManyEntries(1), Reason::TooLarge));
    let wanted = || Receiver::new(9, Some(vec![b"a".to_vec(), b"b".to_vec()]));
    contradiction(offer(&mut wanted(), 0, "b"));
    let mut receiver = wanted();
    offer(&mut receiver, 0, "a").unwrap();
    contradiction(receiver.receive(Frame::Turn));
    offer(&mut receiver, 1, "b").unwrap();
    contradiction(offer(&mut receiver, 2, "c"));
    assert_eq!(receiver.entry_count(), 2);
}

#[test]
fn unsafe_names_other_kinds_and_repeated_names_are_refused_without_asking() {
    let mut receiver = Receiver::new(10, None);
    let pipe = Entry { kind: Kind::Other(2), ..file("pipe", 0) };
    for (id, entry) in (0..).zip([file("a", 1), file("../x", 1), pipe, file("", 1), file("a", 2)]) {
        receiver.receive(Frame::Entry { file: id, entry }).unwrap();
    }
    receiver.receive(Frame::Turn).unwrap();
    for _ in 0..2 {
        assert_eq!(receiver.step(), ReceiveStep::Judge { file: 0 });
    }
    receiver.judged(1, Verdict::WHOLE);
    assert_eq!(receiver.step(), ReceiveStep::Judge { file: 0 });
    receiver.judged(0, Verdict::Want { offset: 2, digest: [1; 32] });
    let ReceiveStep::Write(bytes) = receiver.step() else { panic!("HAVE") };
    let reasons: Vec<_> = frames_of(&bytes)
        .into_iter()
        .map(|frame| match frame {
            Frame::Have { verdict: Verdict::Refused(reason, _), .. } => Some(reason),
            Frame::Have { verdict, .. } => {
                assert_eq!(verdict, Verdict::WHOLE, "a part beyond the size is not offered");
                None
            }
            other => {
                assert_eq!(other, Frame::Turn);
                None
            }
        })
        .collect();
    let unsafe_name = Some(Reason::UnsafeName);
    assert_eq!(reasons, [None, unsafe_name, Some(Reason::NotRegular), unsafe_name, unsafe_name, None]);
    assert_eq!(receiver.data(0, 0, 1), Ok(true), "and dropped");
}

#[test]
fn a_file_that_ends_badly_is_abandoned_unless_it_was_given_up() {
    let mut receiver = wanting(&[file("a", 4), file("b", 4)]);
    receiver.data(0, 0, 2).unwrap();
    receiver.receive(end(0, 4, EndState::Changed)).unwrap();
    assert_eq!(receiver.step(), ReceiveStep::Abandon { file: 0, reason: Reason::Changed });
    receiver.data(1, 0, 4).unwrap();
    assert!(!receiver.discarding());
    receiver.give_up(1, Reason::NoSpace, "full".to_owned());
    assert!(receiver.discarding());
    receiver.receive(end(1, 4, EndState::Whole)).unwrap();
    assert_eq!(receiver.step(), ReceiveStep::Await);
    receiver.receive(Frame::Eot { entries: 1, bytes: 6 }).unwrap();
    let ReceiveStep::Write(result) = receiver.step() else { panic!("RESULT") };
    let Some(Frame::Result(summary)) = frames_of(&result).pop() else { panic!("RESULT") };
    let failures: Vec<_> = summary.failures.iter().map(|failure| (failure.file, failure.reason)).collect();
    assert_eq!(failures, [(0, Reason::Changed), (1, Reason::NoSpace)]);
    assert_eq!(receiver.step(), ReceiveStep::Finished);
}

#[test]
fn acknowledgements_are_coalesced_and_count_whole_bodies() {
    let step = ACK_BYTES as u32;
    let mut receiver = wanting(&[file("a", 100 * ACK_BYTES)]);
    receiver.data(0, 0, 2 * step).unwrap();
    assert_eq!(receiver.step(), ReceiveStep::Await);
    receiver.data(0, 2 * ACK_BYTES, step).unwrap();
    receiver.data(0, 3 * ACK_BYTES, step - 1).unwrap();
    let expected = frame::encode(&Frame::Ack { bytes: 3 * ACK_BYTES });
    assert_eq!(receiver.step(), ReceiveStep::Write(expected));
    receiver.data(0, 4 * ACK_BYTES - 1, 1).unwrap();
    assert_eq!(receiver.step(), ReceiveStep::Await);
}

#[test]
fn verdicts_that_do_not_fit_their_entry_are_violations() {
    let answer = |id, verdict| {
        let mut sender = Sender::new(vec![file("a", 4), file("b", 4)]);
        assert!(matches!(sender.receive(Frame::Turn), Err(Violation::OutOfTurn("TURN"))));
        while let SendStep::Write(_) = sender.step() {}
        contradiction(sender.receive(Frame::Turn));
        sender.receive(Frame::Have { file: id, verdict })
    };
    contradiction(answer(1, Verdict::WHOLE));
    contradiction(answer(0, Verdict::Want { offset: 5, digest: [0; 32] }));
    contradiction(answer(0, Verdict::Want { offset: u64::MAX, digest: [0; 32] }));
    contradiction(answer(0, Verdict::Keep { size: 3, digest: [0; 32] }));
    answer(0, Verdict::Want { offset: 4, digest: [0; 32] }).unwrap();
}

#[test]
fn a_sender_reports_only_what_the_receiver_confirmed() {
    let mut sender = consented(vec![file("a", 2), file("b", 2)], vec![Verdict::WHOLE, Verdict::WHOLE]);
    assert_eq!(sender.step(), SendStep::Body { file: 0, offset: 0, room: 2 });
    sender.data(1);
    assert_eq!(sender.step(), SendStep::Body { file: 0, offset: 1, room: 1 });
    contradiction(sender.receive(Frame::Ack { bytes: 2 }));
    sender.receive(Frame::Ack { bytes: 1 }).unwrap();
    assert_eq!((sender.acknowledged_bytes(), sender.sent_bytes()), (1, 1));
    let ended = sender.end(Ended::Digest([0; 32]));
    assert!(matches!(frames_of(&ended)[..], [Frame::End(End { state: EndState::Changed, .. })]), "too early");
    sender.data(2);
    sender.end(Ended::Digest([0; 32]));
    assert!(sender.end(Ended::Changed).is_empty());
    assert!(!sender.awaiting_result());
    assert_eq!(sender.step(), SendStep::Write(frame::encode(&Frame::Eot { entries: 1, bytes: 3 })));
    assert!(sender.awaiting_result());
    assert_eq!(sender.outcomes()[1], FileOutcome::Unknown);
    sender.receive(Frame::Ping { phase: Some(Phase::Syncing), done: 3 }).unwrap();
    assert_eq!(sender.peer_phase(), Some((Phase::Syncing, 3)));
    let failure = |file| Failure { file, reason: Reason::DigestMismatch, text: "flipped".to_owned() };
    let result = |done, failed, files: &[u32], more| {
        let failures = files.iter().map(|file| failure(*file)).collect();
        Frame::Result(Summary { done, failed, failures, more })
    };
    for wrong in [result(2, 0, &[], false), result(1, 0, &[], false), result(1, 2, &[0], false)] {
        contradiction(sender.receive(wrong));
    }
    contradiction(sender.receive(result(0, 2, &[], true)));
    contradiction(sender.receive(result(0, 2, &[2], false)));
    contradiction(sender.receive(result(0, 2, &[0, 0], false)));
    sender.receive(result(0, 2, &[0], true)).unwrap();
    contradiction(sender.receive(result(0, 2, &[0], true)));
    contradiction(sender.receive(result(1, 1, &[], false)));
    sender.receive(result(0, 2, &[1], false)).unwrap();
    assert_eq!(sender.step(), SendStep::Finished);
    assert!(matches!(
        sender.outcomes()[..],
        [FileOutcome::Failed(Reason::Changed, _), FileOutcome::Failed(Reason::DigestMismatch, _)]
    ));
}

#[test]
fn an_error_of_the_peer_is_the_end_of_both() {
    let error = Frame::Error { reason: Reason::Stopped, text: "bye".to_owned() };
    let mut sender = Sender::new(Vec::new());
    sender.receive(error.clone()).unwrap();
    let mut receiver = Receiver::new(1, None);
    receiver.receive(error).unwrap();
    for _ in 0..2 {
        assert!(matches!(sender.step(), SendStep::PeerError { reason: Reason::Stopped, .. }));
        assert!(matches!(receiver.step(), ReceiveStep::PeerError { reason: Reason::Stopped, .. }));
    }
}

/// Something that happens to a machine.
#[derive(Debug, Clone)]
enum Event {
    Frame(Frame),
    Data(u32, u64, u32),
    Judged(u32, Verdict),
    Committed(u32),
    GiveUp(u32),
    Step(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => samples::frame().prop_map(Event::Frame),
        2 => (0..3u32, 0..4u64, 1..4u32).prop_map(|(file, offset, length)| Event::Data(file, offset, length)),
        3 => (0..3u32, samples::verdict()).prop_map(|(file, verdict)| Event::Judged(file, verdict)),
        2 => any::<u32>().prop_map(|file| Event::Committed(file % 4)),
        1 => (0..4u32).prop_map(Event::GiveUp),
        6 => any::<u32>().prop_map(Event::Step),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_order_of_events_panics(events in prop::collection::vec(event(), 0..60), opened in any::<bool>()) {
        let entries = vec![file("a", 3), samples::not_offered("b"), file("c", 0)];
        let (mut sender, mut receiver) = (Sender::new(entries.clone()), Receiver::new(3, None));
        if opened {
            sender = consented(vec![file("a", 3), file("c", 2)], vec![Verdict::WHOLE; 2]);
            receiver = wanting(&[file("a", 3), file("c", 2)]);
        }
        for event in events {
            match event {
                Event::Frame(frame) => {
                    let _ = sender.receive(frame.clone());
                    let _ = receiver.receive(frame);
                }
                Event::Data(file, offset, length) => drop(receiver.data(file, offset, length)),
                Event::Judged(file, verdict) => receiver.judged(file, verdict),
                Event::Committed(file) => receiver.committed(file, Ok(())),
                Event::GiveUp(file) => receiver.give_up(file, Reason::NoSpace, String::new()),
                Event::Step(choice) => {
                    receiver.step();
                    match sender.step() {
                        SendStep::Body { room: 1.., .. } if choice % 2 == 0 => drop(sender.data(1)),
                        SendStep::Body { .. } => drop(sender.end(Ended::Digest([1; 32]))),
                        SendStep::HashPrefix { .. } => sender.prefix_hashed([(choice % 2) as u8; 32]),
                        _ => {}
                    }
                }
            }
            let _ = (sender.outcomes(), receiver.outcomes(), receiver.discarding());
        }
    }
}
