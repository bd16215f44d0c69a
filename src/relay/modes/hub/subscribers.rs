//! What a hub decides: who holds up a piece, and which sessions have something to do now.

use std::time::{Duration, Instant};

use super::queue::SubscriberQueue;
use super::{Id, QueueItem, Slow, Subscribers, To};
use crate::net::reactor::Waker;

/// Longest time that a client may keep the others waiting, with `--slow cut`.
const SLOW_CLIENT_LIMIT: Duration = Duration::from_secs(1);

impl Subscribers {
    /// `Ok` if the clients among the receivers of a piece hold it up no longer. Clients that do for too long are cut.
    pub(super) fn held_up_by_clients(&mut self, to: To, now: Instant) -> Result<(), Option<Instant>> {
        let full = self.full.count_without(to.sender(), &self.clients);
        if full == 0 {
            return Ok(());
        }
        let is_sender_here = to.sender().is_some_and(|sender| self.clients.contains_key(&sender));
        let has_output_room =
            to.includes_output() && self.output.as_ref().is_some_and(|(_, it)| !it.is_full());
        let others_have_room = has_output_room || full + usize::from(is_sender_here) < self.clients.len();
        match self.slow {
            Slow::Drop if others_have_room => Ok(()),
            Slow::Cut if others_have_room => {
                self.full.block(to.sender(), &mut self.clients, now);
                let is_over = |since: Instant| now >= since + SLOW_CLIENT_LIMIT;
                while let Some((since, id)) = self.full.first_blocking(to.sender()) {
                    if !is_over(since) {
                        return Err(Some(since + SLOW_CLIENT_LIMIT));
                    }
                    self.full.remove(id, self.clients.get(&id));
                    self.clients.get_mut(&id).into_iter().for_each(SubscriberQueue::cut);
                }
                Ok(())
            }
            _ => Err(None),
        }
    }

    /// Wakes the sessions that wait for room in the queues of clients, if there may be enough now: one of them is its own
    /// client, and not its own receiver. All may be full where those that are full do not count.
    pub(super) fn wake_for_room(&mut self) {
        let full = self.full.count();
        if full <= 1 || self.clients.len() <= full + 2 {
            self.wait_for_room.wake_all();
        }
    }

    pub(super) fn pass_on(&mut self) {
        if self.output.as_ref().is_none_or(|(_, output)| !output.is_full()) {
            self.wait_for_output.wake_next();
        }
    }

    pub(super) fn wake_stdio(&self) {
        self.stdio.iter().for_each(Waker::wake);
    }

    /// The next piece for stdout, which asks for it after it has written the last one.
    pub(super) fn next_for_output(&mut self) -> QueueItem {
        let Some((_, output)) = &mut self.output else { return QueueItem::End };
        let was_full = output.is_full();
        let piece = output.pop();
        let has_room_again = was_full && !output.is_full();
        let counts = &mut self.output_counts;
        counts.written = counts.taken;
        counts.taken += u64::from(piece.is_some());
        self.wait_for_written.wake_until(counts.written);
        if has_room_again {
            self.wait_for_room.wake_all();
        }
        self.pass_on();
        piece.map_or(QueueItem::Wait, QueueItem::Piece)
    }

    pub(super) fn next_for_client(&mut self, id: Id) -> QueueItem {
        let Some(client) = self.clients.get_mut(&id) else { return QueueItem::End };
        let was_full = client.is_full();
        let piece = client.pop();
        if was_full {
            let is_full = client.is_full();
            // A client that takes a piece is not stuck.
            self.full.remove(id, Some(client));
            client.blocks_since = None;
            match is_full {
                true => self.full.add(id),
                false => self.wake_for_room(),
            }
        }
        match piece {
            Some(piece) => QueueItem::Piece(piece),
            None if self.has_input_ended => QueueItem::End,
            None => QueueItem::Wait,
        }
    }

    pub(super) fn leave(&mut self, id: Id) {
        if self.output.as_ref().is_some_and(|(output, _)| *output == id) {
            self.output = None;
            self.wait_for_output.wake_all();
            self.wait_for_room.wake_all();
        } else if let Some(client) = self.clients.remove(&id) {
            self.full.remove(id, Some(&client));
            self.wake_for_room();
            // It may have been the one that was woken for stdout.
            self.pass_on();
        }
        self.wake_stdio();
    }
}
