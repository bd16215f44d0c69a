//! The receiver's machine against a peer that does as it likes.

use super::samples::{
    contradiction, end, failure, file, folder, frames_of, link, offer, result, unknown_size,
};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{EndState, Frame};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::{ACK_BYTES, ReceiveStep, Receiver};
use crate::proto::transfer::summary::{FileFailure, Summary};
use crate::proto::transfer::violation::Violation;

/// A receiver in rounds that wants all of these, whole, and has said so.
fn wanting(entries: &[Entry]) -> Receiver {
    let mut receiver = super::samples::receiver(10, None, false);
    for (file, entry) in (0..).zip(entries) {
        offer(&mut receiver, file, entry.clone()).unwrap();
    }
    receiver.receive(Frame::Turn).unwrap();
    while let ReceiveStep::Decide { file } = receiver.next_step() {
        receiver.decided(file, HaveReply::WHOLE);
    }
    assert_eq!(receiver.next_step(), ReceiveStep::Await);
    receiver
}

/// A receiver in a stream that has said this to the first entry.
fn streamed(entry: Entry, reply: HaveReply) -> Receiver {
    let mut receiver = super::samples::receiver(10, None, true);
    offer(&mut receiver, 0, entry).unwrap();
    assert_eq!(receiver.next_step(), ReceiveStep::Decide { file: 0 });
    receiver.decided(0, reply);
    receiver
}

fn written(receiver: &mut Receiver) -> Vec<Frame> {
    match receiver.next_step() {
        ReceiveStep::Write(bytes) => frames_of(&bytes),
        other => panic!("{other:?}"),
    }
}

fn outcome(receiver: &mut Receiver) -> EntryOutcome {
    receiver.closed().unwrap().outcome
}

#[test]
fn more_than_was_announced_is_cut_at_the_first_frame() {
    contradiction(wanting(&[file("a", 1024)]).data(0, 0, 1025));
    let mut receiver = wanting(&[file("a", 1024)]);
    assert_eq!(receiver.data(0, 0, 1024), Ok(false));
    contradiction(receiver.data(0, 1024, 1));
    contradiction(wanting(&[file("a", 0)]).data(0, 0, 1));
    let largest = u64::MAX - 1;
    contradiction(wanting(&[file("a", largest)]).data(0, largest, 1));
    contradiction(wanting(&[unknown_size("a")]).data(0, 1, 1));
}

#[test]
fn gaps_other_files_and_early_ends_are_violations() {
    let two = [file("a", 4), file("b", 4)];
    contradiction(wanting(&two).data(0, 1, 1));
    contradiction(wanting(&two).data(1, 0, 1));
    contradiction(wanting(&two).receive(end(1, 4, EndState::Whole)));
    contradiction(wanting(&two).receive(end(0, 4, EndState::Whole)));
    contradiction(wanting(&two).receive(end(0, 4, EndState::Differs)));
    contradiction(wanting(&two).receive(end(0, 0, EndState::Stopped)));
    contradiction(wanting(&two).receive(Frame::Eot { entries: 0, bytes: 0 }));
    let mut receiver = wanting(&two);
    receiver.data(0, 0, 2).unwrap();
    contradiction(receiver.data(0, 0, 2));
    for (entries, bytes) in [(1, 4), (0, 0), (2, 0), (u64::MAX, 0), (1, u64::MAX)] {
        let mut receiver = wanting(&[file("a", 0)]);
        receiver.receive(end(0, 0, EndState::Whole)).unwrap();
        contradiction(receiver.receive(Frame::Eot { entries, bytes }));
    }
    assert_eq!(wanting(&[]).data(0, 0, 1), Err(Violation::OutOfTurn("DATA")));
}

#[test]
fn what_has_no_place_in_a_phase_is_out_of_turn() {
    let kinds = [
        ("ENTRY", Frame::Entry { file: 0, entry: file("x", 1) }),
        ("TURN", Frame::Turn),
        ("END", end(0, 4, EndState::Whole)),
        ("EOT", Frame::Eot { entries: 0, bytes: 0 }),
        ("HAVE", Frame::Have { file: 0, reply: HaveReply::WHOLE }),
        ("ACK", Frame::Ack { bytes: 0 }),
        ("RESULT", Frame::Result(result(0, 0, &[]))),
    ];
    let entries = || super::samples::receiver(10, None, false);
    let bodies = || wanting(&[file("a", 4)]);
    let deciding = || {
        let mut receiver = super::samples::receiver(10, None, true);
        offer(&mut receiver, 0, file("a", 4)).unwrap();
        receiver
    };
    let over = || {
        let mut receiver = entries();
        receiver.receive(Frame::Turn).unwrap();
        while receiver.next_step() != ReceiveStep::Await {}
        receiver.receive(Frame::Eot { entries: 0, bytes: 0 }).unwrap();
        assert!(receiver.all_files_ended());
        receiver
    };
    let machines: [(&dyn Fn() -> Receiver, &[&str]); 5] = [
        (&entries, &["ENTRY", "TURN"]),
        (&|| super::samples::receiver(10, None, true), &["ENTRY", "EOT"]),
        (&bodies, &["END", "EOT"]),
        (&deciding, &[]),
        (&over, &[]),
    ];
    for (machine, in_turn) in machines {
        for (name, frame) in &kinds {
            let refused = matches!(machine().receive(frame.clone()), Err(Violation::OutOfTurn(reported)) if reported == *name);
            assert_eq!(refused, !in_turn.contains(name), "{name} in {:?}", machine());
        }
        let has_bodies = in_turn.contains(&"END");
        assert_eq!(
            machine().data(0, 0, 1),
            if has_bodies { Ok(false) } else { Err(Violation::OutOfTurn("DATA")) }
        );
    }
}

#[test]
fn folders_and_links_are_placed_after_earlier_entries_and_unsafe_ones_are_not() {
    let mut receiver = wanting(&[
        file("d/f", 0),
        folder("d"),
        link("l", b"/etc"),
        folder("../x"),
        link("", b"t"),
        folder("d"),
    ]);
    receiver.receive(end(0, 0, EndState::Whole)).unwrap();
    let committed = ReceiveStep::Commit { file: 0, entry: file("d/f", 0), digest: [1; 32] };
    assert_eq!(receiver.next_step(), committed);
    assert_eq!(receiver.next_step(), ReceiveStep::Place { file: 1, entry: folder("d") });
    assert_eq!(receiver.next_step(), ReceiveStep::Place { file: 2, entry: link("l", b"/etc") });
    assert_eq!(receiver.next_step(), ReceiveStep::Await);
    receiver.receive(Frame::Eot { entries: 1, bytes: 0 }).unwrap();
    assert_eq!(receiver.next_step(), ReceiveStep::Await, "nothing is answered");
    receiver.committed(2, Err((Reason::Exists, "there".to_owned())));
    receiver.committed(2, Ok(EntryOutcome::Done));
    receiver.committed(3, Ok(EntryOutcome::Done));
    receiver.committed(0, Ok(EntryOutcome::AlreadyThere));
    assert_eq!(receiver.next_step(), ReceiveStep::Await);
    receiver.committed(1, Ok(EntryOutcome::Done));
    let [Frame::Result(summary)] = &written(&mut receiver)[..] else { panic!("RESULT") };
    assert_eq!((summary.done, summary.failed), (2, 4));
    let failures: Vec<_> = summary.failures.iter().map(|failure| (failure.file, failure.reason)).collect();
    let unsafe_name = Reason::UnsafeName;
    assert_eq!(failures, [(2, Reason::Exists), (3, unsafe_name), (4, unsafe_name), (5, unsafe_name)]);
    let closed: Vec<_> = std::iter::from_fn(|| receiver.closed()).map(|closed| closed.file).collect();
    assert_eq!(closed, [3, 4, 5, 2, 0, 1]);
}

#[test]
fn a_file_that_ends_badly_is_abandoned_unless_it_was_given_up() {
    let mut receiver = wanting(&[file("a", 4), file("b", 4)]);
    receiver.data(0, 0, 2).unwrap();
    receiver.receive(end(0, 4, EndState::Changed)).unwrap();
    assert_eq!(receiver.next_step(), ReceiveStep::Abandon { file: 0, reason: Reason::Changed });
    receiver.data(1, 0, 4).unwrap();
    assert!(!receiver.discarding());
    receiver.give_up(1, Reason::NoSpace, "full".to_owned());
    assert!(receiver.discarding());
    receiver.receive(end(1, 4, EndState::Whole)).unwrap();
    assert_eq!(receiver.next_step(), ReceiveStep::Await);
    receiver.receive(Frame::Eot { entries: 1, bytes: 6 }).unwrap();
    assert_eq!(written(&mut receiver), [Frame::Ack { bytes: 6 }], "so that the sender sees all of it arrive");
    let failure = FileFailure { path: b"b".to_vec(), ..failure(1) };
    let expected = Summary { failures: vec![failure], ..result(0, 2, &[]) };
    assert_eq!(written(&mut receiver), [Frame::Result(expected)], "of the other the sender knows");
    assert_eq!(receiver.next_step(), ReceiveStep::Finished);
}

#[test]
fn in_a_stream_only_a_refusal_is_sent_and_only_of_a_long_file() {
    let refused = || HaveReply::Refused(Reason::NoSpace, "full".to_owned());
    let hint = vec![Frame::Have { file: 0, reply: refused() }];
    for (entry, is_reported) in
        [(file("a", (1 << 20) - 1), false), (file("a", 1 << 20), true), (unknown_size("a"), true)]
    {
        let mut receiver = streamed(entry.clone(), refused());
        if is_reported {
            assert_eq!(written(&mut receiver), hint);
        }
        assert_eq!(receiver.next_step(), ReceiveStep::Await);
        assert_eq!(receiver.data(0, 0, 4), Ok(false));
        assert!(receiver.discarding());
        receiver.receive(end(0, 0, EndState::Stopped)).unwrap();
        assert_eq!(receiver.next_step(), ReceiveStep::Await);
        assert_eq!(outcome(&mut receiver), EntryOutcome::Failed(Reason::NoSpace, "full".to_owned()));
        receiver.receive(Frame::Eot { entries: 0, bytes: 4 }).unwrap();
        assert_eq!(written(&mut receiver), [Frame::Ack { bytes: 4 }]);
        let Some(Frame::Result(summary)) = written(&mut receiver).pop() else { panic!("RESULT") };
        assert_eq!(summary.failures.len(), 1, "told again, if it was");

        for state in [EndState::Unreadable, EndState::Changed] {
            let mut receiver = streamed(entry.clone(), refused());
            receiver.next_step();
            receiver.receive(end(0, 0, state)).unwrap();
            assert_eq!(receiver.next_step(), ReceiveStep::Await, "there is no part to abandon");
        }
    }
    for reply in [HaveReply::WHOLE, HaveReply::Keep { size: 4, digest: [1; 32] }] {
        let mut receiver = streamed(file("a", 4), reply);
        assert_eq!(receiver.next_step(), ReceiveStep::Await);
        contradiction(receiver.receive(end(0, 0, EndState::Stopped)));
    }
}

#[test]
fn in_a_stream_what_is_there_is_compared_with_what_comes() {
    for (there, state, expected) in [
        ([1; 32], EndState::Whole, EntryOutcome::AlreadyThere),
        ([2; 32], EndState::Whole, EntryOutcome::Failed(Reason::Exists, Reason::Exists.to_string())),
        ([1; 32], EndState::Changed, EntryOutcome::Failed(Reason::Changed, Reason::Changed.to_string())),
    ] {
        let mut receiver = streamed(file("a", 4), HaveReply::Keep { size: 4, digest: there });
        assert_eq!(receiver.next_step(), ReceiveStep::Await);
        assert_eq!(receiver.data(0, 0, 4), Ok(false));
        assert!(receiver.discarding());
        receiver.receive(end(0, 4, state)).unwrap();
        assert_eq!(receiver.next_step(), ReceiveStep::Await);
        assert_eq!(outcome(&mut receiver), expected);
    }
    let mut receiver = streamed(file("a", 4), HaveReply::Keep { size: 4, digest: [1; 32] });
    receiver.next_step();
    contradiction(receiver.receive(end(0, 4, EndState::Whole)));
    let mut receiver = streamed(file("a", 4), HaveReply::Want { offset: 2, digest: [1; 32] });
    receiver.next_step();
    assert_eq!(receiver.data(0, 0, 4), Ok(true), "a part is dropped, all of it comes");
}

#[test]
fn the_end_of_a_file_of_unknown_size_has_its_size() {
    for size in [0, 4, 6, u64::MAX] {
        let mut receiver = wanting(&[unknown_size("a")]);
        receiver.data(0, 0, 2).unwrap();
        receiver.data(0, 2, 3).unwrap();
        contradiction(receiver.receive(end(0, size, EndState::Whole)));
    }
    let mut receiver = wanting(&[unknown_size("a")]);
    receiver.data(0, 0, 5).unwrap();
    receiver.receive(end(0, 5, EndState::Whole)).unwrap();
    assert!(matches!(receiver.next_step(), ReceiveStep::Commit { file: 0, .. }));
    receiver.committed(0, Ok(EntryOutcome::Done));
    assert_eq!(receiver.closed().unwrap().size, 5);
}

#[test]
fn failures_beyond_what_is_kept_are_counted() {
    for (count, cut) in [(10_000, false), (10_001, true)] {
        let mut receiver = super::samples::receiver(u32::MAX, None, false);
        for file in 0..count {
            offer(&mut receiver, file, folder("..")).unwrap();
        }
        receiver.receive(Frame::Turn).unwrap();
        assert_eq!(written(&mut receiver), [Frame::Turn]);
        receiver.receive(Frame::Eot { entries: 0, bytes: 0 }).unwrap();
        let (mut named, mut more) = (0, true);
        while more {
            let [Frame::Result(summary)] = &written(&mut receiver)[..] else { panic!("RESULT") };
            assert_eq!((summary.done, summary.failed, summary.cut), (0, count, cut));
            named += summary.failures.len();
            more = summary.more;
        }
        assert_eq!(named, 10_000);
        assert_eq!(receiver.next_step(), ReceiveStep::Finished);
        assert_eq!(std::iter::from_fn(|| receiver.closed()).count(), count as usize);
    }
}

#[test]
fn acknowledgements_are_coalesced_and_count_whole_bodies() {
    let step = ACK_BYTES as u32;
    let mut receiver = wanting(&[file("a", 100 * ACK_BYTES)]);
    receiver.data(0, 0, 2 * step).unwrap();
    assert_eq!(receiver.next_step(), ReceiveStep::Await);
    receiver.data(0, 2 * ACK_BYTES, step).unwrap();
    receiver.data(0, 3 * ACK_BYTES, step - 1).unwrap();
    let expected = frame::encode(&Frame::Ack { bytes: 3 * ACK_BYTES });
    assert_eq!(receiver.next_step(), ReceiveStep::Write(expected));
    receiver.data(0, 4 * ACK_BYTES - 1, 1).unwrap();
    assert_eq!(receiver.next_step(), ReceiveStep::Await);
}
