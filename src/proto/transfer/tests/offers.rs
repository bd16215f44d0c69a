//! What the receiver's machine takes for an offer.

use std::slice::from_ref;

use super::samples::{contradiction, end, file, folder, frames_of, link, not_offered, offer};
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame::{EndState, Frame, Totals, encode};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::hello::Capabilities;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::{ReceiveStep, Receiver};
use crate::proto::transfer::sender::{SendStep, Sender};
use crate::proto::transfer::skipped::{Skipped, SkippedKind};
use crate::proto::transfer::violation::Violation;

#[test]
fn entries_are_counted_and_ordered() {
    let mut receiver = super::samples::receiver(1, None, false);
    offer(&mut receiver, 0, folder("a")).unwrap();
    contradiction(offer(&mut receiver, 0, folder("b")));
    let refused = offer(&mut receiver, 1, file("b", 1)).unwrap_err();
    assert_eq!((refused, refused.reason()), (Violation::TooManyEntries(1), Reason::TooLarge));
    let mut stream = super::samples::receiver(10, None, true);
    offer(&mut stream, 0, file("a", 0)).unwrap();
    stream.next_step();
    stream.decided(0, HaveReply::WHOLE);
    assert_eq!(stream.next_step(), ReceiveStep::Await);
    stream.receive(end(0, 0, EndState::Whole)).unwrap();
    contradiction(offer(&mut stream, 0, file("a", 0)));
    contradiction(offer(&mut stream, 2, file("a", 0)));
    offer(&mut stream, 1, file("b", 0)).unwrap();
    assert_eq!(stream.entry_count(), 2);
}

#[test]
fn the_bytes_and_the_number_of_a_rounds_entries_are_bounded() {
    let long = "x".repeat(4096);
    let why = Some((Reason::NotFound, "y".repeat(1024)));
    let sized = [
        (file(&long, 1), 4096),
        (link("", &[b'x'; 4096]), 4096),
        (link(&long, &[b'x'; 4096]), 8192),
        (Entry { not_offered: why, ..file(&long, 0) }, 5120),
    ];
    for (entry, bytes) in sized {
        let mut receiver = super::samples::receiver(u32::MAX, None, false);
        let most = (4 << 20) / bytes;
        for file in 0..most {
            offer(&mut receiver, file, entry.clone()).unwrap();
        }
        assert!(matches!(offer(&mut receiver, most, entry), Err(Violation::RoundTooLarge)));
    }
    let mut receiver = super::samples::receiver(u32::MAX, None, false);
    for file in 0..16_384 {
        offer(&mut receiver, file, folder("")).unwrap();
    }
    assert!(matches!(offer(&mut receiver, 16_384, folder("")), Err(Violation::RoundTooLarge)));
}

#[test]
fn entries_are_matched_with_what_was_wanted() {
    let answers = |wanted: &[&str], entries: &[Entry]| {
        let wanted = wanted.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut receiver = super::samples::receiver(9, Some(wanted), false);
        for (file, entry) in (0..).zip(entries) {
            offer(&mut receiver, file, entry.clone())?;
        }
        receiver.receive(Frame::Turn)?;
        while !matches!(receiver.next_step(), ReceiveStep::Await) {
            if let ReceiveStep::Decide { file } = receiver.next_step() {
                receiver.decided(file, HaveReply::Refused(Reason::NoSpace, String::new()));
            }
        }
        receiver.receive(Frame::Eot { entries: 0, bytes: 0 })
    };
    let (a, b) = (file("a", 1), file("b", 1));
    let below = [file("a/x", 1), not_offered("a/y"), link("a/z", b""), folder("a")];
    assert_eq!(answers(&["a", "b"], &[a.clone(), b.clone()]), Ok(()));
    assert_eq!(answers(&["a", "b"], &[below.as_slice(), &[not_offered("b")]].concat()), Ok(()));
    assert_eq!(answers(&["a"], &below), Ok(()));
    assert_eq!(answers(&[], &[]), Ok(()));
    contradiction(answers(&[], from_ref(&a)));
    contradiction(answers(&["a", "b"], &[b.clone(), a.clone()]));
    contradiction(answers(&["a", "b"], from_ref(&a)));
    contradiction(answers(&["a", "b"], &[]));
    contradiction(answers(&["a", "b", "c"], &[a.clone(), file("c", 1)]));
    contradiction(answers(&["a", "b"], &[a.clone(), b, a.clone()]));
    for other in ["ab", "a.x", "", "/a", "../a", "A"] {
        contradiction(answers(&["a"], &[file(other, 1)]));
        contradiction(answers(&["a"], &[a.clone(), file(other, 1)]));
    }
    assert_eq!(answers(&["a"], &[file("a/../b", 1)]), Ok(()), "an unsafe name is refused, no violation");
}

#[test]
fn unsafe_names_other_kinds_and_repeated_names_are_refused_without_asking() {
    let mut receiver = super::samples::receiver(10, None, false);
    let pipe = Entry { kind: EntryKind::Other(9), ..file("pipe", 0) };
    for (id, entry) in (0..).zip([file("a", 1), file("../x", 1), pipe, file("", 1), file("a", 2)]) {
        receiver.receive(Frame::Entry { file: id, entry }).unwrap();
    }
    receiver.receive(Frame::Turn).unwrap();
    for _ in 0..2 {
        assert_eq!(receiver.next_step(), ReceiveStep::Decide { file: 0 });
    }
    receiver.decided(1, HaveReply::WHOLE);
    assert_eq!(receiver.next_step(), ReceiveStep::Decide { file: 0 });
    receiver.decided(0, HaveReply::Want { offset: 2, digest: [1; 32] });
    let ReceiveStep::Write(bytes) = receiver.next_step() else { panic!("HAVE") };
    let reasons: Vec<_> = frames_of(&bytes)
        .into_iter()
        .map(|frame| match frame {
            Frame::Have { reply: HaveReply::Refused(reason, _), .. } => Some(reason),
            Frame::Have { reply, .. } => {
                assert_eq!(reply, HaveReply::WHOLE, "a part beyond the size is not offered");
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
fn an_unrequested_decision_is_ignored() {
    let mut receiver = super::samples::receiver(9, None, false);
    receiver.decided(0, HaveReply::WHOLE);
    receiver.receive(Frame::Turn).unwrap();
    receiver.decided(0, HaveReply::WHOLE);
    assert!(matches!(receiver.next_step(), ReceiveStep::Write(_)));
    for (id, entry) in (0..).zip([folder("d"), file("a", 1)]) {
        offer(&mut receiver, id, entry).unwrap();
    }
    receiver.receive(Frame::Turn).unwrap();
    receiver.decided(0, HaveReply::WHOLE);
    receiver.decided(9, HaveReply::WHOLE);
    assert_eq!(receiver.next_step(), ReceiveStep::Decide { file: 1 });
}

#[test]
fn what_is_left_out_stands_where_an_entry_may_and_is_no_entry() {
    let skipped = |path: &str| Skipped { kind: SkippedKind::Link, path: path.into() };
    let tell = |receiver: &mut Receiver, path: &str| receiver.receive(Frame::Skipped(skipped(path)));
    let mut unasked = super::samples::receiver(2, None, false);
    assert_eq!(tell(&mut unasked, "l"), Err(Violation::OutOfTurn("SKIPPED")));
    let mut receiver = super::samples::receiver(2, None, false);
    receiver.agree(Capabilities::ALL);
    tell(&mut receiver, "one").unwrap();
    assert_eq!(receiver.skipped(), Some(skipped("one")));
    offer(&mut receiver, 0, file("a", 1)).unwrap();
    tell(&mut receiver, "../two").unwrap();
    assert_eq!((receiver.skipped(), receiver.skipped()), (Some(skipped("../two")), None));
    assert_eq!(receiver.entry_count(), 1);
    assert_eq!(tell(&mut receiver, "three"), Err(Violation::TooManyEntries(2)));
    receiver.receive(Frame::Turn).unwrap();
    assert_eq!(tell(&mut receiver, "late"), Err(Violation::OutOfTurn("SKIPPED")));
}

#[test]
fn a_sender_reports_skipped_entries_to_receivers_that_request_it() {
    for tells in [false, true] {
        let mut sender = Sender::new();
        if tells {
            sender.agree(Capabilities::ALL);
        }
        sender.begin(false);
        let skipped = Skipped { kind: SkippedKind::Fifo, path: b"f".to_vec() };
        sender.skip(skipped.clone());
        sender.all_offered();
        let SendStep::Write(bytes) = sender.next_step() else { panic!("nothing is written") };
        let frames = frames_of(&bytes);
        let due = if tells { vec![Frame::Skipped(skipped), Frame::Turn] } else { vec![Frame::Turn] };
        assert_eq!(frames, due);
    }
}

#[test]
fn totals_are_accepted_where_agreed_and_before_the_end_of_all_files() {
    let totals = Totals { entries: u64::MAX, bytes: u64::MAX, complete: true };
    let mut unasked = super::samples::receiver(2, None, false);
    assert_eq!(unasked.receive(Frame::Totals(totals)), Err(Violation::OutOfTurn("TOTALS")));
    for streaming in [false, true] {
        let mut receiver = super::samples::receiver(2, None, streaming);
        receiver.agree(Capabilities::ALL);
        receiver.receive(Frame::Totals(totals)).unwrap();
        assert_eq!((receiver.totals(), receiver.totals()), (Some(totals), None));
        // It is no entry.
        assert_eq!(receiver.entry_count(), 0);
        offer(&mut receiver, 0, folder("a")).unwrap();
        receiver.receive(Frame::Totals(Totals::default())).unwrap();
        if !streaming {
            receiver.receive(Frame::Turn).unwrap();
            assert!(matches!(receiver.next_step(), ReceiveStep::Write(_)));
        }
        while !matches!(receiver.next_step(), ReceiveStep::Await) {}
        receiver.receive(Frame::Totals(totals)).unwrap();
        receiver.receive(Frame::Eot { entries: 0, bytes: 0 }).unwrap();
        assert_eq!(receiver.receive(Frame::Totals(totals)), Err(Violation::OutOfTurn("TOTALS")));
    }
}

#[test]
fn a_sender_sends_the_last_totals_only_and_to_receivers_that_request_them() {
    let totals = |entries| Totals { entries, bytes: 9, complete: entries == 2 };
    for tells in [false, true] {
        let mut sender = Sender::new();
        if tells {
            sender.agree(Capabilities::ALL);
        }
        sender.begin(false);
        sender.set_totals(totals(1));
        sender.set_totals(totals(2));
        let due = if tells { SendStep::Write(encode(&Frame::Totals(totals(2)))) } else { SendStep::Offer };
        assert_eq!((sender.next_step(), sender.next_step()), (due, SendStep::Offer));
        assert_eq!(sender.receive(Frame::Totals(totals(1))), Err(Violation::OutOfTurn("TOTALS")));
    }
    // Behind EOT it has no place.
    let mut sender = Sender::new();
    sender.agree(Capabilities::ALL);
    sender.begin(true);
    sender.set_totals(totals(1));
    sender.all_offered();
    let eot = SendStep::Write(encode(&Frame::Eot { entries: 0, bytes: 0 }));
    assert_eq!((sender.next_step(), sender.next_step()), (eot, SendStep::Await));
}
