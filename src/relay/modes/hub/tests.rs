//! Which sessions a hub wakes: those that have something to do, however many others there are.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::net::reactor::WakeList;

const CLIENTS: usize = 1000;
/// The number of the standard streams' session; clients follow.
const STDIO: usize = 0;

struct World {
    hub: Hub,
    woken: WakeList,
    output: Subscription,
    clients: Vec<Subscription>,
    now: Instant,
}

impl World {
    fn new(slow: Slow) -> World {
        let (hub, woken) = (Hub::new(slow), WakeList::default());
        hub.attach_stdio(woken.waker(STDIO));
        let output = hub.subscribe(woken.waker(STDIO), true);
        let clients = (1..=CLIENTS).map(|number| hub.subscribe(woken.waker(number), false)).collect();
        woken.take();
        World { hub, woken, output, clients, now: Instant::now() }
    }

    fn publish(&self, to: To) {
        self.hub.publish(to, &Rc::from([b'x'; PIECE_BYTES]));
    }

    fn can_publish(&self, session: usize, to: To) -> bool {
        self.hub.can_publish(to, &self.woken.waker(session), self.now).is_ok()
    }

    /// Fills the queues of these receivers.
    fn fill(&self, to: To) {
        while self.can_publish(CLIENTS + 1, to) {
            self.publish(to);
        }
        self.woken.take();
    }
}

#[test]
fn a_piece_wakes_its_receivers_and_nobody_else() {
    let world = World::new(Slow::Cut);
    world.publish(To::Output);
    assert_eq!(world.woken.take(), [STDIO]);
    let sender = world.clients[6].id();
    world.publish(To::Others(sender));
    assert_eq!(world.woken.take(), (1..=CLIENTS).filter(|client| *client != 7).collect::<Vec<_>>());
    // They have not taken it yet: they were woken for both.
    world.publish(To::Clients);
    assert_eq!(world.woken.take(), [7]);
}

#[test]
fn sessions_that_wait_for_stdout_have_their_turn_one_after_the_other() {
    let mut world = World::new(Slow::Cut);
    world.fill(To::Output);
    for session in 1..=CLIENTS {
        assert!(!world.can_publish(session, To::Output));
    }
    let mut turns = BTreeSet::new();
    while turns.len() < CLIENTS - 2 {
        assert!(matches!(world.output.next(), QueueItem::Piece(_)));
        let woken = world.woken.take();
        assert!(woken.len() == 1, "{woken:?} for one piece");
        assert!(turns.insert(woken[0]) && world.can_publish(woken[0], To::Output));
        world.publish(To::Output);
        world.hub.pass_on();
        assert!(world.woken.take().is_empty(), "there is no room for another one");
        assert!(!world.can_publish(woken[0], To::Output), "it waits again, after the others");
    }
    // One that was woken and has nothing to say passes its turn on, and so does one that leaves.
    world.output.next();
    assert_eq!(world.woken.take(), [CLIENTS - 1]);
    world.hub.pass_on();
    assert_eq!(world.woken.take(), [CLIENTS]);
    drop(world.clients.pop());
    assert_eq!(world.woken.take(), [CLIENTS + 1, STDIO], "the one that filled it was the last to ask");
}

#[test]
fn sessions_are_woken_when_stdout_has_written_their_piece() {
    let world = World::new(Slow::Cut);
    for session in 1..=3 {
        world.publish(To::Output);
        assert!(!world.hub.is_written(world.hub.published_to_output(), &world.woken.waker(session)));
    }
    world.woken.take();
    world.output.next();
    assert!(world.woken.take().is_empty(), "taken, and not written");
    for session in 1..=3 {
        world.output.next();
        assert_eq!(world.woken.take(), [session]);
        assert!(world.hub.is_written(session as u64, &world.woken.waker(session)));
    }
}

#[test]
fn the_last_full_queue_wakes_those_that_wait_for_room() {
    for slow in [Slow::Wait, Slow::Cut] {
        let world = World::new(slow);
        world.fill(To::Clients);
        for client in &world.clients[5..] {
            while matches!(client.next(), QueueItem::Piece(_)) {}
        }
        world.woken.take();
        // Five are full. The first client of these waits for four others, the last of all for five.
        let (first, last) = (world.clients[0].id(), world.clients[CLIENTS - 1].id());
        assert!(!world.can_publish(1, To::Others(first)) && !world.can_publish(CLIENTS, To::Others(last)));
        for client in &world.clients[2..5] {
            client.next();
        }
        assert!(world.woken.take().is_empty(), "two are full");
        world.clients[1].next();
        assert_eq!(world.woken.take(), [1, CLIENTS]);
        assert!(world.can_publish(1, To::Others(first)) && !world.can_publish(CLIENTS, To::Others(last)));
        world.clients[0].next();
        assert_eq!(world.woken.take(), [CLIENTS]);
        assert!(world.can_publish(CLIENTS, To::Others(last)));
    }
}

#[test]
fn a_client_that_takes_nothing_for_a_second_is_cut_and_another_one_is_not() {
    let mut world = World::new(Slow::Cut);
    world.fill(To::Clients);
    for client in &world.clients[2..] {
        while matches!(client.next(), QueueItem::Piece(_)) {}
    }
    let (to, asking) = (To::Others(world.clients[9].id()), world.woken.waker(10));
    let second = Duration::from_secs(1);
    let start = world.now;
    assert_eq!(world.hub.can_publish(to, &asking, start), Err(Some(start + second)));
    // The second one takes a piece, and is full again.
    let piece: Rc<[u8]> = Rc::from([b'x'; PIECE_BYTES]);
    world.clients[1].next();
    world.hub.publish(To::Others(world.clients[0].id()), &piece);
    world.now = start + second;
    assert_eq!(world.hub.can_publish(to, &asking, world.now), Err(Some(world.now + second)));
    assert!(world.clients[0].is_cut() && !world.clients[1].is_cut());
    assert!(matches!(world.clients[1].next(), QueueItem::Piece(_)));
    assert_eq!(world.hub.can_publish(to, &asking, world.now), Ok(()));
}
