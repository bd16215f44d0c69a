//! Each machine against events in any order.

use proptest::prelude::*;

use super::samples;
use super::samples::{file, folder};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::frame::Frame;
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::hello::Capabilities;
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::{ReceiveStep, Receiver};
use crate::proto::transfer::sender::{Ended, SendStep, Sender};

#[test]
fn an_error_of_the_peer_is_the_end_of_both() {
    let error = Frame::Error { reason: Reason::Stopped, text: "bye".to_owned() };
    for streaming in [false, true] {
        let mut sender = Sender::new();
        sender.receive(error.clone()).unwrap();
        sender.begin(streaming);
        let mut receiver = samples::receiver(1, None, streaming);
        receiver.receive(error.clone()).unwrap();
        for _ in 0..2 {
            assert!(matches!(sender.next_step(), SendStep::PeerError { reason: Reason::Stopped, .. }));
            assert!(matches!(receiver.next_step(), ReceiveStep::PeerError { reason: Reason::Stopped, .. }));
        }
    }
}

/// Something that happens to a machine.
#[derive(Debug, Clone)]
enum Event {
    Frame(Frame),
    Data(u32, u64, u32),
    Decided(u32, HaveReply),
    Committed(u32, bool),
    GiveUp(u32),
    Acknowledge(u64),
    Begin(bool),
    Offer(Entry),
    AllOffered,
    Hashed(bool),
    End(u8),
    Step(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => samples::frame().prop_map(Event::Frame),
        2 => (0..3u32, 0..4u64, 1..4u32).prop_map(|(file, offset, length)| Event::Data(file, offset, length)),
        3 => (0..3u32, samples::reply()).prop_map(|(file, reply)| Event::Decided(file, reply)),
        2 => (0..4u32, any::<bool>()).prop_map(|(file, is_done)| Event::Committed(file, is_done)),
        1 => (0..4u32).prop_map(Event::GiveUp),
        1 => any::<u64>().prop_map(Event::Acknowledge),
        1 => any::<bool>().prop_map(Event::Begin),
        4 => samples::entry().prop_map(Event::Offer),
        1 => Just(Event::AllOffered),
        1 => any::<bool>().prop_map(Event::Hashed),
        1 => any::<u8>().prop_map(Event::End),
        8 => any::<u32>().prop_map(Event::Step),
    ]
}

fn ended(choice: u8) -> Ended {
    [Ended::Digest([1; 32]), Ended::Unreadable, Ended::Changed][usize::from(choice % 3)]
}

fn send(sender: &mut Sender, event: Event) {
    match event {
        // What a broken session is told afterwards must do no harm either.
        Event::Frame(frame) => drop(sender.receive(frame)),
        Event::Begin(streaming) => sender.begin(streaming),
        Event::Offer(entry) => sender.offer(entry),
        Event::AllOffered => sender.all_offered(),
        Event::Hashed(same) => sender.prefix_hashed([same.into(); 32]),
        Event::End(choice) => sender.end(ended(choice)),
        Event::Step(choice) => match sender.next_step() {
            SendStep::Body { max_length: 1.., .. } if choice % 2 == 0 => assert!(sender.data(1).is_some()),
            SendStep::Body { .. } => sender.end(Ended::Digest([1; 32])),
            SendStep::Offer if choice % 3 == 0 => sender.all_offered(),
            SendStep::Offer => sender.offer(file("a", u64::from(choice % 4))),
            _ => {}
        },
        _ => {}
    }
    let _ = (sender.closed(), sender.entry(1), sender.is_sending(1), sender.next_id());
}

fn receive(receiver: &mut Receiver, event: Event) {
    match event {
        Event::Frame(frame) => drop(receiver.receive(frame)),
        Event::Data(file, offset, length) => drop(receiver.data(file, offset, length)),
        Event::Decided(file, reply) => receiver.decided(file, reply),
        Event::Committed(file, true) => receiver.committed(file, Ok(EntryOutcome::Done)),
        Event::Committed(file, false) => receiver.committed(file, Err((Reason::Failed, String::new()))),
        Event::GiveUp(file) => receiver.give_up(file, Reason::NoSpace, String::new()),
        Event::Acknowledge(bytes) => receiver.acknowledge(bytes),
        Event::Step(choice) => match receiver.next_step() {
            ReceiveStep::Decide { file } if choice % 2 == 0 => receiver.decided(file, HaveReply::WHOLE),
            ReceiveStep::Commit { file, .. } | ReceiveStep::Place { file, .. } if choice % 2 == 0 => {
                receiver.committed(file, Ok(EntryOutcome::Done));
            }
            _ => {}
        },
        _ => {}
    }
    let _ = (receiver.closed(), receiver.entry(1), receiver.discarding(), receiver.entry_count());
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_order_of_events_panics_a_sender(
        events in events(), streaming in prop::option::of(any::<bool>()), offered in 0..4u64, rounds in 1..5usize,
        tree in any::<bool>(),
    ) {
        let mut sender = Sender::new();
        if tree {
            sender.agree(Capabilities::ALL);
        }
        sender.round_entries = rounds;
        if let Some(streaming) = streaming {
            sender.begin(streaming);
        }
        for size in 0..offered {
            sender.offer(file("a", size));
        }
        events.into_iter().for_each(|event| send(&mut sender, event));
    }

    #[test]
    fn no_order_of_events_panics_a_receiver(
        events in events(), streaming in any::<bool>(), offered in 0..4u32, tree in any::<bool>(),
    ) {
        let mut receiver = samples::receiver(6, None, streaming);
        if tree {
            receiver.agree(Capabilities::ALL);
        }
        for id in 0..offered {
            let entry = if id == 2 { folder("c") } else { file(["a", "b", "c", "d"][id as usize], 3) };
            let _ = receiver.receive(Frame::Entry { file: id, entry });
        }
        if offered > 1 {
            let _ = receiver.receive(Frame::Turn);
        }
        events.into_iter().for_each(|event| receive(&mut receiver, event));
    }
}
