//! A hub: many clients and the standard streams, each of which receives what others send.
//!
//! Each subscriber has a queue of its own. Pieces are shared, not copied. A call costs as much as the subscribers that its
//! piece goes to; those that have nothing to do with it are not looked at.

mod queue;
mod subscribers;
mod waiting;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use self::queue::{Full, SubscriberQueue};
use self::waiting::{WaitingForOutput, WaitingSessions};
use crate::net::reactor::Waker;

/// Most bytes of one read, and so of one piece.
pub(crate) const PIECE_BYTES: usize = 32 << 10;

/// Treatment of a client that reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// It misses what does not fit into its queue; the number of bytes is logged at its end
    Drop,
    /// All wait for the slowest
    Wait,
    /// A client that keeps the others waiting and takes nothing for a second is cut
    Cut,
}

/// The next item of a subscriber's queue.
pub(crate) enum QueueItem {
    /// These bytes.
    Piece(Rc<[u8]>),
    /// Nothing yet.
    Wait,
    /// Nothing more will come.
    End,
}

/// A subscriber's identifier, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(usize);

/// The subscribers. A clone is the same hub.
#[derive(Clone)]
pub struct Hub(Rc<RefCell<Subscribers>>);

struct Subscribers {
    slow: Slow,
    clients: BTreeMap<Id, SubscriberQueue>,
    next: usize,
    /// Clients with a full queue: as a rule none.
    full: Full,
    /// The standard streams.
    stdio: Option<Waker>,
    /// Stdout, if it takes part.
    output: Option<(Id, SubscriberQueue)>,
    /// Pieces that were published to stdout, taken for it, and written.
    output_counts: OutputCounts,
    /// Sessions that wait for a client.
    wait_for_clients: WaitingSessions,
    /// Sessions that wait for room in the queues of clients.
    wait_for_room: WaitingSessions,
    /// Sessions that wait for room in the queue of stdout. They are woken one after the other.
    wait_for_output: WaitingSessions,
    /// Sessions that wait until stdout has written.
    wait_for_written: WaitingForOutput,
    /// Stdin has ended.
    has_input_ended: bool,
    /// No more clients are accepted.
    is_closing: bool,
}

#[derive(Clone, Copy, Default)]
struct OutputCounts {
    published: u64,
    taken: u64,
    written: u64,
}

/// The subscribers that a piece goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Stdout.
    Output,
    /// All clients.
    Clients,
    /// All clients but this one.
    Others(Id),
    /// All clients but this one, and stdout.
    All(Id),
}

impl To {
    /// The client that the piece does not go to.
    fn sender(self) -> Option<Id> {
        match self {
            To::Output | To::Clients => None,
            To::Others(sender) | To::All(sender) => Some(sender),
        }
    }

    fn includes_output(self) -> bool {
        matches!(self, To::Output | To::All(_))
    }
}

impl Hub {
    /// A hub without subscribers.
    pub fn new(slow: Slow) -> Hub {
        Hub(Rc::new(RefCell::new(Subscribers {
            slow,
            clients: BTreeMap::new(),
            next: 0,
            full: Full::default(),
            stdio: None,
            output: None,
            output_counts: OutputCounts::default(),
            wait_for_clients: WaitingSessions::default(),
            wait_for_room: WaitingSessions::default(),
            wait_for_output: WaitingSessions::default(),
            wait_for_written: WaitingForOutput::default(),
            has_input_ended: false,
            is_closing: false,
        })))
    }

    /// Adds a subscriber, until the subscription is dropped. `waker` wakes it when there is something for it.
    pub(crate) fn subscribe(&self, waker: Waker, is_output: bool) -> Subscription {
        let mut hub = self.0.borrow_mut();
        let id = Id(hub.next);
        hub.next += 1;
        let queue = SubscriberQueue::new(waker);
        if is_output {
            hub.output = Some((id, queue));
        } else {
            hub.clients.insert(id, queue);
            hub.wait_for_clients.wake_all();
            // Among clients that are all full there is one with room now.
            hub.wake_for_room();
        }
        drop(hub);
        Subscription { hub: self.clone(), id }
    }

    /// Attaches the standard streams: `waker` wakes them when there may be something for them.
    pub(crate) fn attach_stdio(&self, waker: Waker) {
        self.0.borrow_mut().stdio = Some(waker);
    }

    /// Records that stdin has ended: clients receive nothing more of it.
    pub(crate) fn end_input(&self) {
        let mut hub = self.0.borrow_mut();
        hub.has_input_ended = true;
        hub.clients.values().for_each(SubscriberQueue::wake);
    }

    /// True if there are clients. Else `asking` is woken when one joins.
    pub(crate) fn has_clients(&self, asking: &Waker) -> bool {
        let mut hub = self.0.borrow_mut();
        let has_clients = !hub.clients.is_empty();
        if !has_clients {
            hub.wait_for_clients.add(asking);
        }
        has_clients
    }

    /// Number of pieces published to stdout so far; see [`Hub::is_written`].
    pub(crate) fn published_to_output(&self) -> u64 {
        self.0.borrow().output_counts.published
    }

    /// True if stdout has written the first `published` pieces. Else `asking` is woken later.
    pub(crate) fn is_written(&self, published: u64, asking: &Waker) -> bool {
        let mut hub = self.0.borrow_mut();
        let is_written = hub.output_counts.written >= published;
        if !is_written {
            hub.wait_for_written.add(published, asking);
        }
        is_written
    }

    /// Records that no more clients are accepted: the standard streams end with the last one.
    fn close(&self) {
        let mut hub = self.0.borrow_mut();
        hub.is_closing = true;
        hub.wake_stdio();
    }

    /// True if no clients are left, and no more are accepted.
    pub(crate) fn is_finished(&self) -> bool {
        let hub = self.0.borrow();
        hub.is_closing && hub.clients.is_empty()
    }

    /// `Ok` if a piece can be published now. Else `asking` is woken when it is worth asking again; the error is the time
    /// at which a slow client will be cut.
    pub(crate) fn can_publish(&self, to: To, asking: &Waker, now: Instant) -> Result<(), Option<Instant>> {
        let hub = &mut *self.0.borrow_mut();
        let is_output_full =
            to.includes_output() && hub.output.as_ref().is_some_and(|(_, output)| output.is_full());
        if to == To::Output {
            if is_output_full {
                hub.wait_for_output.add(asking);
                return Err(None);
            }
            return Ok(());
        }
        let held_up = hub.held_up_by_clients(to, now);
        if is_output_full || held_up.is_err() {
            hub.wait_for_room.add(asking);
            return Err(held_up.err().flatten());
        }
        Ok(())
    }

    /// Wakes the next session that waits for stdout, if there is room. A session that was woken calls this after its turn: it
    /// may have had nothing to say after all.
    pub(crate) fn pass_on(&self) {
        self.0.borrow_mut().pass_on();
    }

    /// Queues a piece for all subscribers of `to` that are not cut. With `--slow drop`, clients without room miss it. In the
    /// other modes only the last line of a client that leaves finds a queue full, and is added all the same.
    pub(crate) fn publish(&self, to: To, piece: &Rc<[u8]>) {
        let hub = &mut *self.0.borrow_mut();
        if to.includes_output() {
            hub.output_counts.published += 1;
            if let Some((_, output)) = &mut hub.output {
                output.push(piece);
            }
        }
        if to == To::Output {
            return;
        }
        let drops = hub.slow == Slow::Drop;
        for (id, client) in &mut hub.clients {
            if Some(*id) == to.sender() || client.is_cut {
                continue;
            }
            let was_full = client.is_full();
            if was_full && drops {
                client.missed_bytes += piece.len() as u64;
                continue;
            }
            client.push(piece);
            if !was_full && client.is_full() {
                hub.full.add(*id);
            }
        }
    }
}

/// Closes a hub when it is dropped, which happens when the acceptor is: it accepts no more clients then.
pub struct CloseOnDrop(Hub);

impl CloseOnDrop {
    /// A guard for this hub.
    pub fn new(hub: &Hub) -> CloseOnDrop {
        CloseOnDrop(hub.clone())
    }

    /// The hub.
    pub(crate) fn hub(&self) -> &Hub {
        &self.0
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A subscriber's place in the hub, until it is dropped.
pub(crate) struct Subscription {
    hub: Hub,
    id: Id,
}

impl Subscription {
    /// The subscriber.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Takes the next item of the queue.
    pub(crate) fn next(&self) -> QueueItem {
        let hub = &mut *self.hub.0.borrow_mut();
        match &hub.output {
            Some((output, _)) if *output == self.id => hub.next_for_output(),
            _ => hub.next_for_client(self.id),
        }
    }

    /// True if this subscriber kept the others waiting and was cut: it receives nothing more.
    pub(crate) fn is_cut(&self) -> bool {
        self.hub.0.borrow().clients.get(&self.id).is_some_and(|client| client.is_cut)
    }

    /// Number of bytes that this subscriber has missed.
    pub(crate) fn missed_bytes(&self) -> u64 {
        self.hub.0.borrow().clients.get(&self.id).map_or(0, |client| client.missed_bytes)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.0.borrow_mut().leave(self.id);
    }
}

#[cfg(test)]
mod tests;
