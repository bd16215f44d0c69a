//! Replies that are collected while datagrams are received, and then sent with few calls.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::batch::{MAX_BYTES, MAX_SEGMENT_BYTES};
use super::{DatagramSocket, Peer, SocketKind, ip};

/// The most datagrams of one sendmmsg(2) call.
const MAX_PER_CALL: usize = 64;

/// Replies, in the order in which they are sent.
#[derive(Default)]
pub struct ReplyBatch {
    replies: Vec<QueuedReply>,
    /// The payloads of the replies.
    bytes: Vec<u8>,
}

struct QueuedReply {
    to: Peer,
    /// The address that the datagram was sent to.
    local: Option<IpAddr>,
    /// Its payload in [`ReplyBatch::bytes`].
    range: Range<usize>,
}

impl ReplyBatch {
    /// Adds a reply to a datagram that was sent to `local`.
    pub fn push(&mut self, to: &Peer, local: Option<IpAddr>, payload: &[u8]) {
        let range = match self.replies.last().map(|last| last.range.clone()) {
            // A large reply is sent alone. Equal ones are stored once: otherwise a long reply to each of many short
            // datagrams would need much memory.
            Some(last) if payload.len() > MAX_SEGMENT_BYTES && self.bytes[last.clone()] == *payload => last,
            _ => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(payload);
                start..self.bytes.len()
            }
        };
        self.replies.push(QueuedReply { to: to.clone(), local, range });
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// The number of replies.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// True if a larger batch would hardly save calls.
    pub fn is_large(&self) -> bool {
        self.replies.len() >= MAX_PER_CALL || self.bytes.len() >= MAX_BYTES
    }

    /// The number of replies, from `first` on and up to `limit`, that the kernel can cut out of one buffer: they have
    /// the same addresses, and the size of the first, but for the last, which may be smaller.
    fn run_length(&self, first: usize, limit: usize) -> usize {
        let head = &self.replies[first];
        let (mut count, mut last_bytes) = (1, head.range.len());
        if head.range.is_empty() || head.range.len() > MAX_SEGMENT_BYTES {
            return count;
        }
        for reply in self.replies[first + 1..].iter().take(limit.saturating_sub(1)) {
            let has_same_addresses = reply.to == head.to && reply.local == head.local;
            let fits = (1..=head.range.len()).contains(&reply.range.len())
                && last_bytes == head.range.len()
                && reply.range.end - head.range.start <= MAX_BYTES;
            if !(has_same_addresses && fits) {
                break;
            }
            (count, last_bytes) = (count + 1, reply.range.len());
        }
        count
    }
}

impl DatagramSocket {
    /// Sends all replies, with few calls where the system can. Calls `done` with the outcome of each: its size in
    /// bytes, or the error.
    pub fn send_replies(&self, batch: &mut ReplyBatch, done: impl FnMut(&Peer, io::Result<usize>)) {
        self.send_replies_with_room(batch, false, done);
    }

    /// The same; with `waits_for_room`, keeps the rest where the system has no room. Returns whether all were sent.
    pub fn send_replies_with_room(
        &self,
        batch: &mut ReplyBatch,
        waits_for_room: bool,
        mut done: impl FnMut(&Peer, io::Result<usize>),
    ) -> bool {
        let mut first = 0;
        while let Some(QueuedReply { to, local, range }) = batch.replies.get(first) {
            let count = self.send_some(batch, first);
            if count == 0 {
                let result = self.reply(to, *local, &batch.bytes[range.clone()]);
                if waits_for_room && super::would_block(&result) {
                    batch.replies.drain(..first);
                    return false;
                }
                done(to, result.map(|()| range.len()));
            }
            for reply in &batch.replies[first..first + count] {
                done(&reply.to, Ok(reply.range.len()));
            }
            first += count.max(1);
        }
        batch.replies.clear();
        batch.bytes.clear();
        true
    }

    /// Sends several replies from `first` on with one call. Returns their number; 0 if the first must be sent alone,
    /// which shows its own error.
    fn send_some(&self, batch: &ReplyBatch, first: usize) -> usize {
        let SocketKind::Ip(state) = &self.kind else { return 0 };
        let length = batch.run_length(first, state.batch_limit());
        if length > 1 {
            return self.send_run(state, batch, first..first + length);
        }
        let replies = batch.replies.iter().enumerate().skip(first).take(MAX_PER_CALL);
        // Replies with a source address of their own cannot be among them, and runs are quicker.
        let is_single =
            |index: usize| index == first || batch.run_length(index, state.batch_limit().min(2)) == 1;
        let singles = replies
            .take_while(|(index, reply)| self.reply_source(reply.local).is_none() && is_single(*index));
        let datagrams: Vec<(SocketAddr, &[u8])> = singles
            .map_while(|(_, reply)| match reply.to {
                Peer::Ip(to) => Some((to, &batch.bytes[reply.range.clone()])),
                Peer::Unix(_) => None,
            })
            .collect();
        match datagrams.len() {
            0 | 1 => 0,
            _ => self.writable(|| state.send_many(&self.fd, &datagrams)).unwrap_or(0),
        }
    }

    /// Sends the replies of a run with one call. Returns their number; 0 if it failed.
    fn send_run(&self, state: &ip::UdpState, batch: &ReplyBatch, run: Range<usize>) -> usize {
        let replies = &batch.replies[run];
        let (Some(head), Some(last)) = (replies.first(), replies.last()) else { return 0 };
        let Peer::Ip(to) = head.to else { return 0 };
        let (bytes, size) = (&batch.bytes[head.range.start..last.range.end], Some(head.range.len()));
        match self.writable(|| state.send(&self.fd, to, bytes, size, self.reply_source(head.local))) {
            Ok(()) => replies.len(),
            Err(error) => {
                if ip::is_batch_refused(&error) {
                    state.stop_batching();
                }
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> Peer {
        Peer::Ip(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn equal_sizes_with_the_same_addresses_go_together() {
        let mut batch = ReplyBatch::default();
        let here = Some(IpAddr::from([127, 0, 0, 1]));
        for (port, local, size_bytes) in [
            (1, None, 3),
            (1, None, 3),
            (1, None, 2),
            (1, None, 2),
            (2, None, 2),
            (2, here, 2),
            (2, here, 0),
            (2, here, 2),
            (2, here, 3),
        ] {
            batch.push(&peer(port), local, &vec![b'x'; size_bytes]);
        }
        let runs: Vec<usize> = (0..9).map(|first| batch.run_length(first, 64)).collect();
        assert_eq!(runs, [3, 2, 2, 1, 1, 1, 1, 1, 1]);
        assert_eq!((batch.run_length(0, 2), batch.run_length(0, 1)), (2, 1), "the limit");
    }

    #[test]
    fn runs_are_no_larger_than_a_datagram_and_large_replies_are_stored_once() {
        let mut batch = ReplyBatch::default();
        for _ in 0..100 {
            batch.push(&peer(1), None, &[0; MAX_SEGMENT_BYTES]);
        }
        assert_eq!(batch.run_length(0, usize::MAX), MAX_BYTES / MAX_SEGMENT_BYTES);
        let before = batch.bytes.len();
        for port in 0..100 {
            batch.push(&peer(port), None, &[1; 60_000]);
            assert_eq!(batch.run_length(batch.replies.len() - 1, 64), 1);
        }
        assert_eq!(batch.bytes.len(), before + 60_000);
    }
}
