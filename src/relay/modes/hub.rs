//! A hub: many clients and the standard streams, each of which receives what others send.
//!
//! Each subscriber has a queue of its own. Pieces are shared, not copied.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::net::reactor::Waker;

/// Limit of one subscriber's queue: a piece more when it is full.
const QUEUE_BYTES: usize = 192 << 10;
/// Most bytes of one read, and so of one piece.
pub(crate) const PIECE_BYTES: usize = 32 << 10;
/// Longest time that a client may keep the others waiting, with `--slow cut`.
const SLOW_CLIENT_LIMIT: Duration = Duration::from_secs(1);

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
    subscribers: BTreeMap<Id, SubscriberQueue>,
    next: usize,
    /// Number of full queues: as a rule none, and no queue need be looked at.
    full: usize,
    /// The standard streams.
    stdio: Option<Waker>,
    /// Stdout is one of the subscribers.
    has_output: bool,
    /// Sessions that wait for room, for clients, or for stdout, by number.
    waiting: BTreeMap<usize, Waker>,
    /// Stdin has ended.
    has_input_ended: bool,
    /// No more clients are accepted.
    is_closing: bool,
    /// Pieces that were published to stdout, taken for it, and written.
    output: Output,
}

#[derive(Clone, Copy, Default)]
struct Output {
    published: u64,
    taken: u64,
    written: u64,
}

struct SubscriberQueue {
    queue: VecDeque<Rc<[u8]>>,
    queued_bytes: usize,
    /// Stdout: it is neither cut nor skipped.
    is_output: bool,
    /// Time since which others wait for it and it takes nothing.
    blocks_since: Option<Instant>,
    is_cut: bool,
    missed_bytes: u64,
    waker: Waker,
}

impl SubscriberQueue {
    fn is_full(&self) -> bool {
        self.queued_bytes >= QUEUE_BYTES && !self.is_cut
    }
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
    fn includes(self, id: Id, subscriber: &SubscriberQueue) -> bool {
        match self {
            To::Output => subscriber.is_output,
            To::Clients => !subscriber.is_output,
            To::Others(sender) => !subscriber.is_output && id != sender,
            To::All(sender) => id != sender,
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
            subscribers: BTreeMap::new(),
            next: 0,
            full: 0,
            stdio: None,
            has_output: false,
            waiting: BTreeMap::new(),
            has_input_ended: false,
            is_closing: false,
            output: Output::default(),
        })))
    }

    /// Adds a subscriber, until the subscription is dropped. `waker` wakes it when there is something for it.
    pub(crate) fn subscribe(&self, waker: Waker, is_output: bool) -> Subscription {
        let mut hub = self.0.borrow_mut();
        let id = Id(hub.next);
        hub.next += 1;
        hub.has_output |= is_output;
        let subscriber = SubscriberQueue {
            queue: VecDeque::new(),
            queued_bytes: 0,
            is_output,
            blocks_since: None,
            is_cut: false,
            missed_bytes: 0,
            waker,
        };
        hub.subscribers.insert(id, subscriber);
        // A session that waits for clients has one now.
        hub.wake_waiting();
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
        for subscriber in hub.subscribers.values() {
            subscriber.waker.wake();
        }
    }

    /// True if there are clients. Else `asking` is woken when one joins.
    pub(crate) fn has_clients(&self, asking: &Waker) -> bool {
        let mut hub = self.0.borrow_mut();
        let has_clients = hub.clients() > 0;
        if !has_clients {
            hub.waiting.insert(asking.session_id(), asking.clone());
        }
        has_clients
    }

    /// Number of pieces published to stdout so far; see [`Hub::is_written`].
    pub(crate) fn published_to_output(&self) -> u64 {
        self.0.borrow().output.published
    }

    /// True if stdout has written the first `published` pieces. Else `asking` is woken later.
    pub(crate) fn is_written(&self, published: u64, asking: &Waker) -> bool {
        let mut hub = self.0.borrow_mut();
        let is_written = hub.output.written >= published;
        if !is_written {
            hub.waiting.insert(asking.session_id(), asking.clone());
        }
        is_written
    }

    /// Records that no more clients are accepted: the standard streams end with the last one.
    fn close(&self) {
        let mut hub = self.0.borrow_mut();
        hub.is_closing = true;
        hub.wake_output();
    }

    /// True if no clients are left, and no more are accepted.
    pub(crate) fn is_finished(&self) -> bool {
        let hub = self.0.borrow();
        hub.is_closing && hub.clients() == 0
    }

    /// `Ok` if a piece can be published now. Else `asking` is woken when it is worth asking again; the error is the time
    /// at which a slow client will be cut.
    pub(crate) fn can_publish(&self, to: To, asking: &Waker, now: Instant) -> Result<(), Option<Instant>> {
        let mut hub = self.0.borrow_mut();
        if hub.full == 0 {
            return Ok(());
        }
        let (slow, mut cut) = (hub.slow, 0);
        let mut end: Option<Instant> = None;
        let is_asked = |(id, subscriber): &(&Id, &mut SubscriberQueue)| to.includes(**id, subscriber);
        let all: Vec<_> =
            hub.subscribers.iter_mut().filter(is_asked).map(|(_, subscriber)| subscriber).collect();
        let others_have_room = all.iter().any(|subscriber| !subscriber.is_full());
        let mut must_wait = false;
        for subscriber in all.into_iter().filter(|subscriber| subscriber.is_full()) {
            match slow {
                Slow::Drop if !subscriber.is_output && others_have_room => continue,
                Slow::Cut if !subscriber.is_output && others_have_room => {
                    let since = *subscriber.blocks_since.get_or_insert(now);
                    if now >= since + SLOW_CLIENT_LIMIT {
                        cut += 1;
                        subscriber.is_cut = true;
                        subscriber.queue.clear();
                        subscriber.queued_bytes = 0;
                        subscriber.waker.wake();
                        continue;
                    }
                    end = Some(
                        end.map_or(since + SLOW_CLIENT_LIMIT, |other| other.min(since + SLOW_CLIENT_LIMIT)),
                    );
                }
                _ => {}
            }
            must_wait = true;
        }
        hub.full -= cut;
        if must_wait {
            hub.waiting.insert(asking.session_id(), asking.clone());
            return Err(end);
        }
        Ok(())
    }

    /// Queues a piece for all subscribers of `to` that are not cut. With `--slow drop`, clients without room miss it. In the
    /// other modes only the last line of a client that leaves finds a queue full, and is added all the same.
    pub(crate) fn publish(&self, to: To, piece: &Rc<[u8]>) {
        let mut hub = self.0.borrow_mut();
        let (drops, mut filled) = (hub.slow == Slow::Drop, 0);
        for (id, subscriber) in &mut hub.subscribers {
            if !to.includes(*id, subscriber) || subscriber.is_cut {
                continue;
            }
            let was_full = subscriber.is_full();
            if was_full && drops && !subscriber.is_output {
                subscriber.missed_bytes += piece.len() as u64;
                continue;
            }
            subscriber.queue.push_back(Rc::clone(piece));
            subscriber.queued_bytes += piece.len();
            filled += usize::from(!was_full && subscriber.is_full());
            subscriber.waker.wake();
        }
        hub.full += filled;
        if to.includes_output() {
            hub.output.published += 1;
        }
    }
}

impl Subscribers {
    fn clients(&self) -> usize {
        self.subscribers.len() - usize::from(self.has_output)
    }

    fn wake_waiting(&mut self) {
        for waker in std::mem::take(&mut self.waiting).into_values() {
            waker.wake();
        }
    }

    fn wake_output(&self) {
        self.stdio.iter().for_each(Waker::wake);
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
        let mut hub = self.hub.0.borrow_mut();
        let hub = &mut *hub;
        let Some(subscriber) = hub.subscribers.get_mut(&self.id) else { return QueueItem::End };
        let (was_full, is_output) = (subscriber.is_full(), subscriber.is_output);
        let piece = subscriber.queue.pop_front();
        subscriber.queued_bytes -= piece.as_ref().map_or(0, |piece| piece.len());
        // A subscriber that takes a piece is not stuck.
        subscriber.blocks_since = None;
        let mut is_worth_asking = was_full && !subscriber.is_full();
        hub.full -= usize::from(is_worth_asking);
        if is_output {
            // Stdout asks for the next piece after it has written the last one.
            is_worth_asking |= hub.output.written < hub.output.taken;
            hub.output.written = hub.output.taken;
            hub.output.taken += u64::from(piece.is_some());
        }
        if is_worth_asking {
            hub.wake_waiting();
        }
        match piece {
            Some(piece) => QueueItem::Piece(piece),
            None if hub.has_input_ended && !is_output => QueueItem::End,
            None => QueueItem::Wait,
        }
    }

    /// True if this subscriber kept the others waiting and was cut: it receives nothing more.
    pub(crate) fn is_cut(&self) -> bool {
        self.hub.0.borrow().subscribers.get(&self.id).is_some_and(|subscriber| subscriber.is_cut)
    }

    /// Number of bytes that this subscriber has missed.
    pub(crate) fn missed_bytes(&self) -> u64 {
        self.hub.0.borrow().subscribers.get(&self.id).map_or(0, |subscriber| subscriber.missed_bytes)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut hub = self.hub.0.borrow_mut();
        let was_full = hub.subscribers.remove(&self.id).is_some_and(|subscriber| subscriber.is_full());
        hub.full -= usize::from(was_full);
        hub.wake_waiting();
        hub.wake_output();
    }
}
