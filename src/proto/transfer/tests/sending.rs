//! The sender's machine against a peer that does as it likes.

use super::samples::{
    contradiction, end, failure, file, folder, frames_of, link, not_offered, result, unknown_size,
};
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{EndState, Frame, Phase};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::sender::{Ended, SendStep, Sender};
use crate::proto::transfer::summary::Summary;
use crate::proto::transfer::violation::Violation;

fn begun(streaming: bool) -> Sender {
    let mut sender = Sender::new();
    sender.begin(streaming);
    sender
}

fn written(sender: &mut Sender) -> Vec<Frame> {
    match sender.next_step() {
        SendStep::Write(bytes) => frames_of(&bytes),
        other => panic!("{other:?}"),
    }
}

/// A sender that has offered these in one round, and has written that.
fn offered(entries: Vec<Entry>) -> Sender {
    let mut sender = begun(false);
    let count = entries.len();
    for entry in entries {
        assert_eq!(sender.next_step(), SendStep::Offer);
        sender.offer(entry);
    }
    sender.all_offered();
    let frames = written(&mut sender);
    assert_eq!((frames.len(), frames.last()), (count + 1, Some(&Frame::Turn)));
    assert_eq!(sender.next_step(), SendStep::Await);
    sender
}

/// A sender whose peer has sent these replies.
fn consented(entries: Vec<Entry>, replies: Vec<HaveReply>) -> Sender {
    let mut sender = offered(entries);
    for (file, reply) in (0..).zip(replies) {
        sender.receive(Frame::Have { file, reply }).unwrap();
    }
    sender.receive(Frame::Turn).unwrap();
    sender
}

/// A sender that awaits the result for the files "a" and "b", empty, of which the peer refused the second one.
fn awaiting() -> Sender {
    let refused = HaveReply::Refused(Reason::Exists, String::new());
    let mut sender = consented(vec![file("a", 0), file("b", 0)], vec![HaveReply::WHOLE, refused]);
    sender.end(Ended::Digest([1; 32]));
    assert_eq!(written(&mut sender), [end(0, 0, EndState::Whole)]);
    assert!(!sender.awaiting_result());
    assert_eq!(written(&mut sender), [Frame::Eot { entries: 1, bytes: 0 }]);
    assert!(sender.awaiting_result());
    let closed: Vec<_> = std::iter::from_fn(|| sender.closed()).map(|closed| closed.outcome).collect();
    assert_eq!(closed, [EntryOutcome::Done, EntryOutcome::Failed(Reason::Exists, String::new())]);
    sender
}

#[test]
fn verdicts_that_do_not_fit_their_entry_are_violations() {
    let answer = |id, reply| {
        let mut sender = offered(vec![file("a", 4), file("b", 4)]);
        contradiction(sender.receive(Frame::Turn));
        sender.receive(Frame::Have { file: id, reply })
    };
    contradiction(answer(1, HaveReply::WHOLE));
    contradiction(answer(0, HaveReply::Want { offset: 5, digest: [0; 32] }));
    contradiction(answer(0, HaveReply::Want { offset: u64::MAX, digest: [0; 32] }));
    contradiction(answer(0, HaveReply::Keep { size: 3, digest: [0; 32] }));
    answer(0, HaveReply::Want { offset: 4, digest: [0; 32] }).unwrap();
    let unknown = |reply| offered(vec![unknown_size("a")]).receive(Frame::Have { file: 0, reply });
    contradiction(unknown(HaveReply::Want { offset: 1, digest: [0; 32] }));
    contradiction(unknown(HaveReply::Keep { size: 0, digest: [0; 32] }));
    contradiction(unknown(HaveReply::Keep { size: u64::MAX, digest: [0; 32] }));
    unknown(HaveReply::WHOLE).unwrap();
}

#[test]
fn only_what_has_content_is_asked_for() {
    let entries = vec![folder("d"), not_offered("n"), link("l", b"t"), file("a", 1), folder("e")];
    for wrong in [0, 1, 2, 4, 5] {
        let mut sender = offered(entries.clone());
        contradiction(sender.receive(Frame::Have { file: wrong, reply: HaveReply::WHOLE }));
    }
    let mut sender = offered(entries);
    sender.receive(Frame::Have { file: 3, reply: HaveReply::WHOLE }).unwrap();
    contradiction(sender.receive(Frame::Have { file: 4, reply: HaveReply::WHOLE }));
    sender.receive(Frame::Turn).unwrap();
    assert_eq!(sender.next_step(), SendStep::Body { file: 3, offset: 0, max_length: 1 });
    assert!(sender.is_sending(3) && !sender.is_sending(4));
}

#[test]
fn rounds_end_at_their_number_and_at_their_bytes_and_ids_continue() {
    let mut sender = begun(false);
    sender.round_entries = 2;
    for first in [0, 2, 4] {
        for id in [first, first + 1] {
            assert_eq!((sender.next_step(), sender.next_id()), (SendStep::Offer, id));
            sender.offer(folder("d"));
        }
        let ids: Vec<_> = written(&mut sender)
            .iter()
            .map(|frame| if let Frame::Entry { file, .. } = frame { Some(*file) } else { None })
            .collect();
        assert_eq!(ids, [Some(first), Some(first + 1), None]);
        assert_eq!(sender.next_step(), SendStep::Await);
        sender.offer(folder("not asked for"));
        sender.all_offered();
        sender.receive(Frame::Turn).unwrap();
        assert_eq!(sender.entry(first), None, "nothing is kept of it");
    }
    sender.all_offered();
    assert_eq!(written(&mut sender), [Frame::Eot { entries: 0, bytes: 0 }]);

    let mut sender = begun(false);
    let mut count = 0;
    loop {
        match sender.next_step() {
            SendStep::Offer => sender.offer(link(&"x".repeat(4096), &[b'y'; 4096])),
            SendStep::Write(bytes) => count += frames_of(&bytes).len(),
            SendStep::Await => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(count, 64 + 1, "512 KiB, and TURN");
}

#[test]
fn nothing_is_accepted_before_the_session_has_begun() {
    let frames = [
        Frame::Turn,
        Frame::Have { file: 0, reply: HaveReply::WHOLE },
        Frame::Result(result(0, 0, &[])),
        Frame::Entry { file: 0, entry: file("a", 1) },
        end(0, 0, EndState::Whole),
        Frame::Eot { entries: 0, bytes: 0 },
    ];
    for frame in frames {
        for mut sender in [Sender::new(), begun(false)] {
            let refused = sender.receive(frame.clone());
            assert!(matches!(refused, Err(Violation::OutOfTurn(_))), "{frame:?}: {refused:?}");
        }
    }
    let mut sender = Sender::new();
    sender.offer(file("a", 1));
    sender.all_offered();
    assert_eq!((sender.next_step(), sender.next_id()), (SendStep::Await, 0));
    contradiction(sender.receive(Frame::Ack { bytes: 1 }));
}

#[test]
fn in_a_stream_each_file_follows_its_entry_until_it_is_refused() {
    let mut sender = begun(true);
    for entry in [folder("d"), not_offered("n"), unknown_size("a")] {
        assert_eq!(sender.next_step(), SendStep::Offer);
        sender.offer(entry);
    }
    assert_eq!(written(&mut sender).len(), 3, "in one piece");
    let body = SendStep::Body { file: 2, offset: 0, max_length: frame::MAX_DATA_BYTES };
    assert_eq!(sender.next_step(), body);
    let refused = |file| Frame::Have { file, reply: HaveReply::Refused(Reason::NoSpace, String::new()) };
    contradiction(sender.receive(refused(3)));
    contradiction(sender.receive(Frame::Have { file: 2, reply: HaveReply::WHOLE }));
    contradiction(
        sender.receive(Frame::Have { file: 2, reply: HaveReply::Keep { size: 0, digest: [0; 32] } }),
    );
    assert_eq!(sender.receive(Frame::Turn), Err(Violation::OutOfTurn("TURN")));
    sender.receive(refused(0)).unwrap();
    sender.receive(refused(1)).unwrap();
    assert_eq!(sender.next_step(), body, "those are over");
    sender.data(3).unwrap();
    sender.receive(refused(2)).unwrap();
    sender.receive(refused(2)).unwrap();
    assert_eq!(sender.next_step(), SendStep::Offer);
    sender.offer(file("b", 0));
    let frames = written(&mut sender);
    assert!(matches!(&frames[..], [Frame::End(end), Frame::Entry { .. }] if end.state == EndState::Stopped));
    sender.end(Ended::Digest([1; 32]));
    sender.all_offered();
    assert_eq!(written(&mut sender), [end(3, 0, EndState::Whole)]);
    assert_eq!(written(&mut sender), [Frame::Eot { entries: 1, bytes: 3 }]);
    sender.receive(refused(3)).unwrap();
    let (failed, done) = (|closed: &EntryOutcome| closed.is_failed(), EntryOutcome::Done);
    let closed: Vec<_> = std::iter::from_fn(|| sender.closed()).map(|closed| closed.outcome).collect();
    assert!(failed(&closed[1]) && failed(&closed[2]) && [&closed[0], &closed[3]] == [&done; 2]);
    // Files 0, 2 and 3 were refused, file 1 cannot be offered: each of the three is named, 1 is not.
    let cut = |summary| Summary { cut: true, ..summary };
    for wrong in [
        result(4, 0, &[]),
        result(1, 3, &[2, 3]),
        result(0, 4, &[0, 2]),
        result(0, 4, &[0, 3]),
        result(0, 4, &[0, 1, 2, 3]),
        result(1, 3, &[1, 2, 3]),
        cut(result(1, 3, &[2, 3])),
        cut(result(2, 2, &[])),
    ] {
        contradiction(sender.clone().receive(Frame::Result(wrong)));
    }
    let mut cut_sender = sender.clone();
    cut_sender.receive(Frame::Result(cut(result(0, 4, &[2])))).unwrap();
    assert_eq!((cut_sender.next_step(), cut_sender.unnamed_failures()), (SendStep::Finished, 2));
    sender.receive(Frame::Result(result(0, 4, &[0, 2, 3]))).unwrap();
    assert_eq!(sender.next_step(), SendStep::Finished);
    for id in [0, 3] {
        let closed = sender.closed().unwrap();
        assert_eq!((closed.file, closed.revokes, closed.kind), (id, true, EntryKind::File));
        assert_eq!((closed.path, closed.outcome.is_failed()), (failure(id).path, true));
    }
    assert_eq!(sender.closed(), None, "file 2 was told when it was stopped");
}

#[test]
fn a_digest_before_the_size_is_reached_is_a_change() {
    let mut sender = consented(vec![file("a", 2), file("b", 2)], vec![HaveReply::WHOLE, HaveReply::WHOLE]);
    assert_eq!(sender.next_step(), SendStep::Body { file: 0, offset: 0, max_length: 2 });
    sender.data(1).unwrap();
    assert_eq!(sender.next_step(), SendStep::Body { file: 0, offset: 1, max_length: 1 });
    contradiction(sender.receive(Frame::Ack { bytes: 2 }));
    sender.receive(Frame::Ack { bytes: 1 }).unwrap();
    sender.receive(Frame::Ack { bytes: 0 }).unwrap();
    assert_eq!((sender.acknowledged_bytes(), sender.sent_bytes()), (1, 1));
    sender.end(Ended::Digest([0; 32]));
    assert!(matches!(written(&mut sender)[..], [Frame::End(end)] if end.state == EndState::Changed));
    sender.data(2).unwrap();
    sender.end(Ended::Digest([1; 32]));
    sender.end(Ended::Changed);
    assert_eq!(written(&mut sender), [end(1, 2, EndState::Whole)]);
    assert_eq!(written(&mut sender), [Frame::Eot { entries: 1, bytes: 3 }]);
    sender.receive(Frame::Ping { phase: Some(Phase::Syncing), done: 3 }).unwrap();
    assert_eq!(sender.peer_phase(), Some((Phase::Syncing, 3)));
    sender.receive(Frame::Ack { bytes: 3 }).unwrap();
    assert_eq!(sender.peer_phase(), None);
}

#[test]
fn a_header_of_other_bytes_than_follow_is_never_made() {
    for (length, max_length) in [(0, 2), (3, 2)] {
        let mut sender = consented(vec![file("a", max_length)], vec![HaveReply::WHOLE]);
        assert_eq!(sender.data(length), None, "{length} of {max_length}");
        assert!(sender.data(2).is_some(), "nothing has changed");
    }
    assert_eq!(begun(true).data(1), None);
}

#[test]
fn a_result_adds_up_and_names_its_failures_in_their_order() {
    let more = |summary| Summary { more: true, ..summary };
    let cut = |summary| Summary { cut: true, ..summary };
    let after = |summaries: &[Summary]| {
        let mut sender = awaiting();
        let mut read = Ok(());
        for summary in summaries {
            read = read.and_then(|()| sender.receive(Frame::Result(summary.clone())));
        }
        read.map(|()| sender.next_step() == SendStep::Finished)
    };
    assert_eq!(after(&[result(1, 1, &[])]), Ok(true));
    assert_eq!(after(&[result(0, 2, &[0])]), Ok(true));
    assert_eq!(after(&[more(result(0, 2, &[0]))]), Ok(false));
    assert_eq!(after(&[more(result(0, 2, &[0])), result(0, 2, &[])]), Ok(true));
    assert_eq!(after(&[cut(result(0, 2, &[]))]), Ok(true), "one failed that is not named");
    for wrong in [
        vec![result(2, 0, &[])],
        vec![result(2, 1, &[])],
        vec![result(1, 0, &[])],
        vec![result(u32::MAX, u32::MAX, &[])],
        vec![result(0, 2, &[])],
        vec![result(1, 1, &[0])],
        vec![result(0, 2, &[2])],
        vec![result(0, 2, &[u32::MAX])],
        vec![result(0, 2, &[0, 0])],
        vec![result(0, 2, &[1, 0])],
        vec![cut(result(1, 1, &[0]))],
        vec![more(result(0, 2, &[]))],
        vec![more(result(0, 2, &[0])), result(0, 2, &[0])],
        vec![more(result(0, 2, &[0])), result(1, 1, &[])],
    ] {
        contradiction(after(&wrong));
    }
    let over = after(&[result(1, 1, &[]), result(1, 1, &[])]);
    assert_eq!(over, Err(Violation::OutOfTurn("RESULT")));
}
