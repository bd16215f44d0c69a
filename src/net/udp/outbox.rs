//! Answers that are collected while datagrams are taken, and sent after them with few calls.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::batch::{LARGEST_SEGMENT_BYTES, MAX_BYTES};
use super::{DatagramSocket, Peer, SocketKind, ip};

/// The most that one call of sendmmsg(2) is given.
const MAX_AT_ONCE: usize = 64;

/// Answers, in the order in which they are sent.
#[derive(Default)]
pub struct ReplyBatch {
    answers: Vec<QueuedReply>,
    bytes: Vec<u8>,
}

struct QueuedReply {
    to: Peer,
    /// The address that the answered datagram was sent to.
    local: Option<IpAddr>,
    place: Range<usize>,
}

impl ReplyBatch {
    /// Adds an answer to a datagram that was sent to `local`.
    pub fn push(&mut self, to: &Peer, local: Option<IpAddr>, payload: &[u8]) {
        let place = match self.answers.last().map(|last| last.place.clone()) {
            // A large one is sent alone. Equal ones are kept once: otherwise a long reply to each of many short datagrams
            // would need much memory.
            Some(last) if payload.len() > LARGEST_SEGMENT_BYTES && self.bytes[last.clone()] == *payload => {
                last
            }
            _ => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(payload);
                start..self.bytes.len()
            }
        };
        self.answers.push(QueuedReply { to: to.clone(), local, place });
    }

    /// True if more answers would hardly make fewer calls.
    pub fn is_worth_a_send(&self) -> bool {
        self.answers.len() >= MAX_AT_ONCE || self.bytes.len() >= MAX_BYTES
    }

    /// The number of answers, from `first` on and up to `limit`, that the kernel can cut out of one buffer: they have one
    /// way, and the first one's size, but for the last, which may be smaller.
    fn run(&self, first: usize, limit: usize) -> usize {
        let head = &self.answers[first];
        let (mut count, mut last_bytes) = (1, head.place.len());
        if head.place.is_empty() || head.place.len() > LARGEST_SEGMENT_BYTES {
            return count;
        }
        for answer in self.answers[first + 1..].iter().take(limit.saturating_sub(1)) {
            let is_alike = answer.to == head.to && answer.local == head.local;
            let is_fitting = (1..=head.place.len()).contains(&answer.place.len())
                && last_bytes == head.place.len()
                && answer.place.end - head.place.start <= MAX_BYTES;
            if !(is_alike && is_fitting) {
                break;
            }
            (count, last_bytes) = (count + 1, answer.place.len());
        }
        count
    }
}

impl DatagramSocket {
    /// Sends all answers, with few calls where the system can. Hands to `done` the outcome of each: its size in bytes, or
    /// why it was not sent.
    pub fn send_answers(&self, outbox: &mut ReplyBatch, mut done: impl FnMut(&Peer, io::Result<usize>)) {
        let mut first = 0;
        while let Some(QueuedReply { to, local, place }) = outbox.answers.get(first) {
            let count = self.send_some(outbox, first);
            if count == 0 {
                let result = self.answer(to, *local, &outbox.bytes[place.clone()]);
                done(to, result.map(|()| place.len()));
            }
            for answer in &outbox.answers[first..first + count] {
                done(&answer.to, Ok(answer.place.len()));
            }
            first += count.max(1);
        }
        outbox.answers.clear();
        outbox.bytes.clear();
    }

    /// Sends several answers from `first` on with one call. Returns how many; 0 if that one has to be sent alone, which
    /// shows an error that is its own.
    fn send_some(&self, outbox: &ReplyBatch, first: usize) -> usize {
        let SocketKind::Ip(state) = &self.family else { return 0 };
        let run = outbox.run(first, state.batch_limit());
        if run > 1 {
            return self.send_run(state, outbox, first..first + run);
        }
        let answers = outbox.answers.iter().enumerate().skip(first).take(MAX_AT_ONCE);
        // Those that go from an address of their own cannot be among them, and runs are quicker.
        let is_single = |index: usize| index == first || outbox.run(index, state.batch_limit().min(2)) == 1;
        let singles =
            answers.take_while(|(index, answer)| self.origin(answer.local).is_none() && is_single(*index));
        let datagrams: Vec<(SocketAddr, &[u8])> = singles
            .map_while(|(_, answer)| match answer.to {
                Peer::Ip(to) => Some((to, &outbox.bytes[answer.place.clone()])),
                Peer::Unix(_) => None,
            })
            .collect();
        match datagrams.len() {
            0 | 1 => 0,
            _ => self.writable(|| state.send_many(&self.fd, &datagrams)).unwrap_or(0),
        }
    }

    fn send_run(&self, state: &ip::State, outbox: &ReplyBatch, run: Range<usize>) -> usize {
        let answers = &outbox.answers[run];
        let (Some(head), Some(last)) = (answers.first(), answers.last()) else { return 0 };
        let Peer::Ip(to) = head.to else { return 0 };
        let (bytes, size) = (&outbox.bytes[head.place.start..last.place.end], Some(head.place.len()));
        match self.writable(|| state.send(&self.fd, to, bytes, size, self.origin(head.local))) {
            Ok(()) => answers.len(),
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
    fn equal_sizes_of_one_way_go_together() {
        let mut outbox = ReplyBatch::default();
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
            outbox.push(&peer(port), local, &vec![b'x'; size_bytes]);
        }
        let runs: Vec<usize> = (0..9).map(|first| outbox.run(first, 64)).collect();
        assert_eq!(runs, [3, 2, 2, 1, 1, 1, 1, 1, 1]);
        assert_eq!((outbox.run(0, 2), outbox.run(0, 1)), (2, 1), "the limit");
    }

    #[test]
    fn runs_are_no_larger_than_a_datagram_and_large_answers_are_kept_once() {
        let mut outbox = ReplyBatch::default();
        for _ in 0..100 {
            outbox.push(&peer(1), None, &[0; LARGEST_SEGMENT_BYTES]);
        }
        assert_eq!(outbox.run(0, usize::MAX), MAX_BYTES / LARGEST_SEGMENT_BYTES);
        let before = outbox.bytes.len();
        for port in 0..100 {
            outbox.push(&peer(port), None, &[1; 60_000]);
            assert_eq!(outbox.run(outbox.answers.len() - 1, 64), 1);
        }
        assert_eq!(outbox.bytes.len(), before + 60_000);
    }
}
