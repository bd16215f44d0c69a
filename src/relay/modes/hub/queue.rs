//! The queue of a hub's subscriber, and which clients have a full one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use super::Id;
use crate::net::reactor::Waker;

/// Limit of one subscriber's queue: a piece more when it is full.
const QUEUE_BYTES: usize = 192 << 10;

/// The pieces for a client, or for stdout.
pub(super) struct SubscriberQueue {
    queue: VecDeque<Rc<[u8]>>,
    queued_bytes: usize,
    /// Time since which others wait for it and it takes nothing.
    pub(super) blocks_since: Option<Instant>,
    pub(super) is_cut: bool,
    pub(super) missed_bytes: u64,
    waker: Waker,
}

impl SubscriberQueue {
    /// An empty queue.
    pub(super) fn new(waker: Waker) -> SubscriberQueue {
        let queue = VecDeque::new();
        SubscriberQueue { queue, queued_bytes: 0, blocks_since: None, is_cut: false, missed_bytes: 0, waker }
    }

    pub(super) fn is_full(&self) -> bool {
        self.queued_bytes >= QUEUE_BYTES && !self.is_cut
    }

    /// Adds a piece. A subscriber that has some already was woken for these, or waits until its stream takes them.
    pub(super) fn push(&mut self, piece: &Rc<[u8]>) {
        if self.queue.is_empty() {
            self.wake();
        }
        self.queue.push_back(Rc::clone(piece));
        self.queued_bytes += piece.len();
    }

    pub(super) fn pop(&mut self) -> Option<Rc<[u8]>> {
        let piece = self.queue.pop_front()?;
        self.queued_bytes -= piece.len();
        Some(piece)
    }

    /// Cuts it: it receives nothing more.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
        self.queue.clear();
        self.queued_bytes = 0;
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }
}

/// The clients with a full queue.
#[derive(Default)]
pub(super) struct Full {
    /// Those that nobody waits for, as far as is known.
    unasked: BTreeSet<Id>,
    /// Those that others wait for, by [`SubscriberQueue::blocks_since`].
    blocking: BTreeSet<(Instant, Id)>,
}

impl Full {
    pub(super) fn count(&self) -> usize {
        self.unasked.len() + self.blocking.len()
    }

    /// As [`Full::count`], without this client.
    pub(super) fn count_without(&self, sender: Option<Id>, clients: &BTreeMap<Id, SubscriberQueue>) -> usize {
        let count = self.count();
        let is_sender_full = || sender.and_then(|id| clients.get(&id)).is_some_and(SubscriberQueue::is_full);
        count - usize::from(count > 0 && is_sender_full())
    }

    /// Adds a client that blocks nobody.
    pub(super) fn add(&mut self, id: Id) {
        self.unasked.insert(id);
    }

    /// Removes a client, if it is there.
    pub(super) fn remove(&mut self, id: Id, client: Option<&SubscriberQueue>) {
        self.unasked.remove(&id);
        if let Some(since) = client.and_then(|client| client.blocks_since) {
            self.blocking.remove(&(since, id));
        }
    }

    /// All but `sender` block it from now on, or did before.
    pub(super) fn block(
        &mut self,
        sender: Option<Id>,
        clients: &mut BTreeMap<Id, SubscriberQueue>,
        now: Instant,
    ) {
        let kept = sender.and_then(|sender| self.unasked.take(&sender));
        for id in std::mem::take(&mut self.unasked) {
            clients.get_mut(&id).into_iter().for_each(|client| client.blocks_since = Some(now));
            self.blocking.insert((now, id));
        }
        self.unasked.extend(kept);
    }

    /// The client that has blocked others for the longest time, other than `sender`.
    pub(super) fn first_blocking(&self, sender: Option<Id>) -> Option<(Instant, Id)> {
        self.blocking.iter().copied().find(|(_, id)| Some(*id) != sender)
    }
}
