//! Files in blocks: which are sent when, and the machines while they are on their way.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::samples::{contradiction, end, file, frames_of, offer, receiver, unknown_size};
use crate::proto::transfer::blocks::{
    BLOCK_BYTES, BlockScheduler, BlockTask, block_count, block_length, has_blocks,
};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{EndState, Frame, MAX_BLOCK_VALUES, MAX_CONTROL_BYTES, ParsedFrame};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::hello::Capabilities;
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::{ReceiveStep, Receiver};
use crate::proto::transfer::sender::{Ended, SendStep, Sender};
use crate::proto::transfer::violation::Violation;

const B: u64 = BLOCK_BYTES;

#[test]
fn a_file_has_blocks_where_one_is_not_enough() {
    for (size, count) in [(0, 0), (1, 1), (B, 1), (B + 1, 2), (2 * B, 2), (u64::MAX, 1 << 42)] {
        assert_eq!((block_count(size), has_blocks(Some(size))), (count, count > 1), "{size}");
    }
    assert!(!has_blocks(None));
    for (offset, length) in [(0, Some(B)), (B, Some(5)), (1, None), (B + 5, None), (2 * B, None)] {
        assert_eq!(block_length(offset, B + 5), length, "{offset}");
    }
}

fn task(file: u32, index: u64, length: u64) -> Option<BlockTask> {
    Some(BlockTask { file, offset: index * B, length, theirs: None })
}

/// The next block for a connection, which it has sent.
fn taken(scheduler: &mut BlockScheduler, connection: usize) -> Option<BlockTask> {
    let task = scheduler.next_block(connection)?;
    scheduler.queued(task.file, task.offset, 0);
    Some(task)
}

/// A scheduler with one file of three blocks, the last of 5 bytes, of which these are there.
fn scheduler(theirs: &[[u8; 32]]) -> BlockScheduler {
    let mut scheduler = BlockScheduler::default();
    scheduler.open(7, 2 * B + 5, theirs.to_vec());
    scheduler
}

#[test]
fn each_block_is_taken_once_and_counts_when_it_is_verified() {
    let mut scheduler = scheduler(&[]);
    assert!(scheduler.is_open(7) && !scheduler.is_idle());
    assert_eq!(taken(&mut scheduler, 0), task(7, 0, B));
    assert_eq!(taken(&mut scheduler, 1), task(7, 1, B));
    assert_eq!(taken(&mut scheduler, 0), task(7, 2, 5));
    assert_eq!((taken(&mut scheduler, 0), taken(&mut scheduler, 1)), (None, None));
    for index in 0..3u8 {
        assert_eq!(scheduler.values(7), None);
        scheduler.hashed(7, u64::from(index) * B, [index; 32]);
    }
    scheduler.hashed(7, B, [9; 32]);
    assert_eq!(scheduler.values(7), Some(vec![[0; 32], [1; 32], [2; 32]]), "the first value stays");
    assert_eq!(scheduler.verified((0, 0), 7, 2 * B, false), Ok(5));
    assert_eq!(scheduler.verified((0, 0), 7, 0, false), Ok(B));
    assert!(scheduler.finished(|_| true).is_empty());
    assert_eq!(scheduler.verified((1, 0), 7, B, false), Ok(B));
    assert!(scheduler.finished(|_| false).is_empty(), "not before its end");
    assert_eq!(scheduler.finished(|_| true), [7]);
    assert!(scheduler.is_idle() && !scheduler.is_open(7));
}

#[test]
fn a_word_on_a_block_that_is_not_on_its_way_there_is_a_contradiction() {
    let mut scheduler = scheduler(&[]);
    contradiction(scheduler.verified((0, 0), 7, 0, false));
    taken(&mut scheduler, 0);
    contradiction(scheduler.verified((1, 0), 7, 0, false));
    contradiction(scheduler.verified((0, 0), 7, 1, false));
    contradiction(scheduler.verified((0, 0), 7, B, true));
    assert_eq!(scheduler.verified((0, 0), 7, 0, false), Ok(B));
    contradiction(scheduler.verified((0, 0), 7, 0, false));
    assert_eq!(scheduler.verified((0, 0), 8, 0, true), Ok(0), "of a file that is over it means nothing");
}

#[test]
fn a_word_on_a_block_that_has_not_left_is_a_contradiction() {
    let mut scheduler = scheduler(&[]);
    scheduler.next_block(0);
    contradiction(scheduler.verified((0, u64::MAX), 7, 0, false));
    scheduler.queued(7, 0, 100);
    contradiction(scheduler.verified((0, 99), 7, 0, false));
    assert_eq!(scheduler.verified((0, 100), 7, 0, false), Ok(B));
}

#[test]
fn a_damaged_block_is_sent_four_times_on_any_connection_and_no_more() {
    let mut scheduler = scheduler(&[]);
    let first = taken(&mut scheduler, 0);
    for connection in 0..3 {
        assert_eq!(scheduler.verified((connection, 0), 7, 0, true), Ok(0));
        assert!(scheduler.has_resends());
        assert_eq!(taken(&mut scheduler, connection + 1), first, "before any that was not sent yet");
        assert!(!scheduler.has_resends());
    }
    // A connection that is lost is no try.
    scheduler.lost(3);
    assert_eq!(taken(&mut scheduler, 0), first);
    assert_eq!(scheduler.verified((0, 0), 7, 0, true), Err(Violation::Damaged(0)));
    assert_eq!(Violation::Damaged(0).reason(), Reason::DigestMismatch);
}

#[test]
fn what_a_lost_connection_carried_goes_by_another_and_is_not_compared_again() {
    let mut scheduler = scheduler(&[[1; 32]]);
    assert_eq!(
        taken(&mut scheduler, 1),
        task(7, 0, B).map(|task| BlockTask { theirs: Some([1; 32]), ..task })
    );
    assert_eq!(taken(&mut scheduler, 1), task(7, 1, B));
    assert_eq!(taken(&mut scheduler, 2), task(7, 2, 5));
    scheduler.lost(1);
    scheduler.lost(1);
    contradiction(scheduler.verified((1, 0), 7, 0, false));
    let mut again = [taken(&mut scheduler, 2), taken(&mut scheduler, 2)];
    again.sort_by_key(|task| task.map(|task| task.offset));
    assert_eq!(again, [task(7, 0, B), task(7, 1, B)]);
    assert_eq!(taken(&mut scheduler, 2), None);
}

#[test]
fn what_is_the_same_needs_no_word_and_a_file_that_is_given_up_is_gone() {
    let mut scheduler = scheduler(&[[1; 32]; 3]);
    for index in 0..3 {
        assert!(taken(&mut scheduler, 0).is_some_and(|task| task.theirs == Some([1; 32])));
        scheduler.same(7, index * B);
        scheduler.same(7, index * B);
        assert_eq!(scheduler.finished(|_| true).is_empty(), index < 2);
    }
    scheduler.open(8, 2 * B, Vec::new());
    scheduler.open(9, 2 * B, Vec::new());
    taken(&mut scheduler, 0);
    taken(&mut scheduler, 1);
    assert_eq!(scheduler.verified((1, 0), 8, B, true), Ok(0));
    scheduler.give_up(8);
    assert!(!scheduler.has_resends() && !scheduler.is_open(8) && scheduler.is_open(9));
    assert_eq!(scheduler.verified((0, 0), 8, 0, true), Ok(0));
    assert_eq!(taken(&mut scheduler, 0), task(9, 0, B));
}

#[derive(Debug, Clone)]
enum Event {
    Open(u32, u64, usize),
    Take(usize),
    Hashed(u32, u64),
    Same(u32, u64),
    Verified(usize, u32, u64, bool),
    /// The word on a block that was taken.
    Word(usize, bool),
    Lost(usize),
    GiveUp(u32),
    Finished(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let offset = || prop_oneof![4 => (0..4u64).prop_map(|index| index * B), 1 => any::<u64>()];
    let file = || 0..3u32;
    prop_oneof![
        2 => (file(), 0..4 * B, 0..5usize).prop_map(|(file, size, theirs)| Event::Open(file, size, theirs)),
        6 => (0..3usize).prop_map(Event::Take),
        2 => (file(), offset()).prop_map(|(file, offset)| Event::Hashed(file, offset)),
        1 => (file(), offset()).prop_map(|(file, offset)| Event::Same(file, offset)),
        1 => (0..3usize, file(), offset(), any::<bool>())
            .prop_map(|(by, file, offset, again)| Event::Verified(by, file, offset, again)),
        4 => (any::<usize>(), prop::bool::weighted(0.3)).prop_map(|(which, again)| Event::Word(which, again)),
        1 => (0..3usize).prop_map(Event::Lost),
        1 => file().prop_map(Event::GiveUp),
        1 => any::<bool>().prop_map(Event::Finished),
    ]
}

proptest! {
    #[test]
    fn no_order_of_events_panics_a_scheduler_or_makes_it_send_a_block_twice_at_a_time(
        events in prop::collection::vec(event(), 0..120),
    ) {
        let mut scheduler = BlockScheduler::default();
        let mut on_the_way: BTreeMap<(u32, u64), usize> = BTreeMap::new();
        for event in events {
            match event {
                Event::Open(file, size, theirs) if !scheduler.is_open(file) && has_blocks(Some(size)) => {
                    scheduler.open(file, size, vec![[1; 32]; theirs]);
                }
                Event::Open(..) => {}
                Event::Take(by) => if let Some(task) = taken(&mut scheduler, by) {
                    let before = on_the_way.insert((task.file, task.offset), by);
                    prop_assert_eq!(before, None);
                    prop_assert!(scheduler.is_open(task.file) && task.length > 0 && task.length <= B);
                },
                Event::Hashed(file, offset) => scheduler.hashed(file, offset, [1; 32]),
                Event::Same(file, offset) => {
                    on_the_way.remove(&(file, offset));
                    scheduler.same(file, offset);
                }
                Event::Verified(by, file, offset, again) => {
                    let is_due = on_the_way.get(&(file, offset)) == Some(&by);
                    let heard = scheduler.verified((by, 0), file, offset, again);
                    prop_assert!(is_due || !matches!(heard, Ok(1..)));
                    // The end of the session.
                    if matches!(heard, Err(Violation::Damaged(_))) { return Ok(()); }
                    on_the_way.retain(|key, of| (*key, *of) != ((file, offset), by));
                }
                Event::Word(which, again) if !on_the_way.is_empty() => {
                    let keys: Vec<_> = on_the_way.iter().map(|(key, by)| (*key, *by)).collect();
                    let ((file, offset), by) = keys[which % keys.len()];
                    let heard = scheduler.verified((by, 0), file, offset, again);
                    prop_assert!(matches!((again, heard), (false, Ok(1..)) | (true, Ok(0) | Err(Violation::Damaged(_)))));
                    if heard.is_err() { return Ok(()); }
                    on_the_way.remove(&(file, offset));
                }
                Event::Word(..) => {}
                Event::Lost(by) => {
                    scheduler.lost(by);
                    on_the_way.retain(|_, of| *of != by);
                }
                Event::GiveUp(file) => {
                    scheduler.give_up(file);
                    on_the_way.retain(|(of, _), _| *of != file);
                }
                Event::Finished(has_ended) => drop(scheduler.finished(|_| has_ended)),
            }
        }
        // Whatever has happened: what is left goes by the last connection.
        (0..3).for_each(|by| scheduler.lost(by));
        while let Some(task) = taken(&mut scheduler, 5) {
            prop_assert_eq!(scheduler.verified((5, 0), task.file, task.offset, false), Ok(task.length));
        }
        scheduler.finished(|_| true);
        prop_assert!(scheduler.is_idle());
    }
}

#[test]
fn the_frames_of_blocks_have_bounds() {
    let of = |count: usize| frame::encode(&Frame::Block { file: 1, offset: B, values: vec![[7; 32]; count] });
    let most = of(MAX_BLOCK_VALUES);
    assert_eq!(most.len(), 24 + MAX_CONTROL_BYTES);
    assert!(matches!(frame::parse(&most), Ok(ParsedFrame::Frame { frame: Frame::Block { values, .. }, .. })
        if values.len() == MAX_BLOCK_VALUES));
    for count in [0, MAX_BLOCK_VALUES + 1] {
        assert!(matches!(frame::parse(&of(count)), Err(Violation::Length { what: "BLOCK", .. })), "{count}");
    }
    let mut cut = of(2);
    cut[23] -= 1;
    assert!(matches!(frame::parse(&cut), Err(Violation::Malformed(_))));
    // The flag for again alone is that of an ACK of all that has come.
    let mut word = frame::encode(&Frame::BlockResult { file: 1, offset: B, resend: true });
    word[1] &= 1;
    let ack = ParsedFrame::Frame { frame: Frame::Ack { bytes: B }, used: 24 };
    assert_eq!(frame::parse(&word), Ok(ack));
}

/// A sender in rounds, with TREE, that has offered these.
fn offered(entries: Vec<Entry>) -> Sender {
    let mut sender = Sender::new();
    sender.agree(Capabilities::ALL);
    sender.begin(false);
    entries.into_iter().for_each(|entry| sender.offer(entry));
    sender.all_offered();
    assert!(matches!(sender.next_step(), SendStep::Write(_)));
    sender
}

fn blocks(file: u32, index: u64, count: usize) -> Frame {
    Frame::Block { file, offset: index * B, values: vec![[1; 32]; count] }
}

const WANT: HaveReply = HaveReply::WHOLE;

#[test]
fn block_ranges_of_a_receiver_are_in_order_and_within_the_file() {
    let two = || offered(vec![file("a", 3 * B), file("b", 3 * B)]);
    contradiction(two().receive(blocks(1, 0, 1)));
    contradiction(two().receive(blocks(0, 1, 1)));
    contradiction(two().receive(blocks(0, 0, 4)));
    let mut sender = two();
    sender.receive(blocks(0, 0, 2)).unwrap();
    contradiction(sender.receive(blocks(0, 0, 1)));
    contradiction(sender.receive(blocks(0, 3, 1)));
    contradiction(sender.receive(blocks(0, 2, 2)));
    sender.receive(blocks(0, 2, 1)).unwrap();
    for entry in [file("a", B), unknown_size("a")] {
        contradiction(offered(vec![entry]).receive(blocks(0, 0, 1)));
    }
    let mut plain = Sender::new();
    plain.begin(false);
    plain.offer(file("a", 3 * B));
    plain.all_offered();
    contradiction(plain.receive(blocks(0, 0, 1)));
    let mut sender = two();
    sender.receive(Frame::Have { file: 0, reply: WANT }).unwrap();
    sender.receive(Frame::Have { file: 1, reply: WANT }).unwrap();
    contradiction(sender.receive(blocks(2, 0, 1)));
    sender.receive(Frame::Turn).unwrap();
    assert_eq!(sender.receive(blocks(0, 0, 1)), Err(Violation::OutOfTurn("BLOCK")));
}

#[test]
fn a_sender_hands_out_blocks_and_holds_eot_back() {
    let mut sender = offered(vec![file("a", 2 * B), file("b", B)]);
    sender.receive(blocks(0, 0, 1)).unwrap();
    let have = HaveReply::Want { offset: B, digest: [0; 32] };
    sender.receive(Frame::Have { file: 0, reply: have }).unwrap();
    sender.receive(Frame::Have { file: 1, reply: WANT }).unwrap();
    sender.receive(Frame::Turn).unwrap();
    assert_eq!(
        (sender.next_step(), sender.next_step()),
        (SendStep::Blocks { file: 0 }, SendStep::Blocks { file: 0 })
    );
    assert!(sender.is_sending(0));
    assert_eq!((sender.theirs(0), sender.theirs(0)), (vec![[1; 32]], Vec::new()));
    sender.end(Ended::Digest([1; 32]));
    assert!(
        matches!(sender.next_step(), SendStep::Write(bytes) if frames_of(&bytes) == [end(0, 2 * B, EndState::Whole)])
    );
    assert_eq!(
        sender.next_step(),
        SendStep::Body { file: 1, offset: 0, max_length: B as u32 },
        "one block is none"
    );
    sender.data(B as u32).unwrap();
    sender.end(Ended::Digest([1; 32]));
    assert!(matches!(sender.next_step(), SendStep::Write(_)));
    sender.hold(true);
    assert_eq!((sender.next_step(), sender.awaiting_result()), (SendStep::Await, false));
    sender.hold(false);
    let eot = Frame::Eot { entries: 2, bytes: B };
    assert!(matches!(sender.next_step(), SendStep::Write(bytes) if frames_of(&bytes) == [eot.clone()]));
}

/// A receiver in rounds, with TREE, that has had these offered.
fn asked(entries: &[Entry]) -> Receiver {
    let mut receiver = receiver(10, None, false);
    receiver.agree(Capabilities::ALL);
    for (id, entry) in (0..).zip(entries) {
        offer(&mut receiver, id, entry.clone()).unwrap();
    }
    receiver.receive(Frame::Turn).unwrap();
    receiver
}

#[test]
fn a_receiver_reports_its_blocks_in_frames_of_their_size() {
    let count = MAX_BLOCK_VALUES + 1;
    let mut receiver = asked(&[file("a", 3000 * B)]);
    assert_eq!(receiver.comes_in_blocks(0), None);
    assert_eq!(receiver.next_step(), ReceiveStep::Decide { file: 0 });
    receiver.decided_in_blocks(0, &vec![[1; 32]; count]);
    let want = HaveReply::Want { offset: count as u64 * B, digest: [0; 32] };
    let said = [
        blocks(0, 0, MAX_BLOCK_VALUES),
        blocks(0, MAX_BLOCK_VALUES as u64, 1),
        Frame::Have { file: 0, reply: want },
        Frame::Turn,
    ];
    assert!(matches!(receiver.next_step(), ReceiveStep::Write(bytes) if frames_of(&bytes) == said));
    assert_eq!((receiver.comes_in_blocks(0), receiver.comes_in_blocks(1)), (Some(true), None));
    let mut sender = offered(vec![file("a", 3000 * B)]);
    said.into_iter().for_each(|frame| sender.receive(frame).unwrap());
    assert_eq!(sender.theirs(0).len(), count);
}

#[test]
fn the_end_of_a_file_in_blocks_needs_no_bodies() {
    let mut receiver = asked(&[file("a", B + 1), file("b", B)]);
    while let ReceiveStep::Decide { file } = receiver.next_step() {
        receiver.decided(file, WANT);
    }
    assert!(receiver.is_unknown(2) && !receiver.is_unknown(0));
    assert_eq!((receiver.comes_in_blocks(0), receiver.comes_in_blocks(1)), (Some(true), Some(false)));
    contradiction(receiver.receive(blocks(0, 0, 1)));
    contradiction(receiver.receive(end(0, B, EndState::Whole)));
    receiver.receive(end(0, B + 1, EndState::Whole)).unwrap();
    assert!(matches!(receiver.next_step(), ReceiveStep::Commit { file: 0, .. }));
    contradiction(receiver.receive(end(1, B, EndState::Whole)));
    receiver.give_up(1, Reason::NoSpace, String::new());
    assert!(receiver.is_refused(1));
    contradiction(receiver.receive(Frame::Eot { entries: 1, bytes: 0 }));
    receiver.data(1, 0, B as u32).unwrap();
    receiver.receive(end(1, B, EndState::Whole)).unwrap();
    receiver.receive(Frame::Eot { entries: 2, bytes: B }).unwrap();
    receiver.committed(0, Ok(EntryOutcome::Done));
    while !matches!(receiver.next_step(), ReceiveStep::Finished) {}
}
