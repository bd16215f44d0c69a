//! Connections that carry frames as they are, and bodies as what they are of: so that megabytes cost nothing.

use std::collections::VecDeque;

use sendall::proto::Parsed;
use sendall::proto::transfer::Digest;
use sendall::proto::transfer::frame::{Frame, ParsedFrame, encode, parse};
use sendall::proto::transfer::violation::Violation;

use crate::world::Random;

/// A part of a content, which is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) content: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl Run {
    /// What stands for the hash of these bytes.
    pub(crate) fn digest(self) -> Digest {
        let mut digest = [1; 32];
        digest[..8].copy_from_slice(&self.content.to_be_bytes());
        digest[8..16].copy_from_slice(&self.offset.to_be_bytes());
        digest[16..24].copy_from_slice(&self.length.to_be_bytes());
        digest
    }
}

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Body(Run),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Body(run) => run.length,
        }
    }

    /// The first so many bytes of it, which are taken off.
    fn split(&mut self, count: u64) -> Piece {
        match self {
            Piece::Bytes(bytes) => Piece::Bytes(bytes.drain(..count as usize).collect()),
            Piece::Body(run) => {
                let first = Run { length: count, ..*run };
                *run = Run { offset: run.offset + count, length: run.length - count, ..*run };
                Piece::Body(first)
            }
        }
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Way {
    on_its_way: VecDeque<Piece>,
    arrived: VecDeque<Piece>,
    /// In bytes, all that was queued, and all that has left.
    pub(crate) queued: u64,
    pub(crate) left: u64,
}

impl Way {
    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        self.queued += bytes.len() as u64;
        self.on_its_way.push_back(Piece::Bytes(bytes));
    }

    pub(crate) fn say(&mut self, frame: &Frame) {
        self.push(encode(frame));
    }

    pub(crate) fn push_body(&mut self, run: Run) {
        self.queued += run.length;
        self.on_its_way.push_back(Piece::Body(run));
    }

    /// There is little on its way: more may be queued.
    pub(crate) fn has_room(&self) -> bool {
        self.queued - self.left < 6 << 20
    }

    /// Some bytes arrive, cut anywhere. False: there are none.
    pub(crate) fn deliver(&mut self, random: &mut Random, damages: bool) -> bool {
        let most = [1, 30, 5000, 1 << 20, 8 << 20][random.below(5)];
        let mut count = 1 + random.below(most) as u64;
        let has_some = !self.on_its_way.is_empty();
        while let Some(piece) = self.on_its_way.front_mut().filter(|_| count > 0) {
            let length = piece.length().min(count);
            let mut first = piece.split(length);
            if piece.length() == 0 {
                self.on_its_way.pop_front();
            }
            if let Piece::Body(run) = &mut first
                && damages
            {
                run.content ^= 1 << 60;
            }
            count -= length;
            self.left += length;
            match (self.arrived.back_mut(), first) {
                (Some(Piece::Bytes(before)), Piece::Bytes(bytes)) => before.extend(bytes),
                (_, first) => self.arrived.push_back(first),
            }
        }
        has_some
    }

    /// The next frame that is whole, or the header of a body.
    pub(crate) fn frame(&mut self) -> Option<ParsedFrame> {
        let Some(Piece::Bytes(bytes)) = self.arrived.front_mut() else { return None };
        let parsed = parse(bytes).unwrap_or_else(|violation| panic!("{violation:?}"));
        match &parsed {
            ParsedFrame::Incomplete { .. } => return None,
            ParsedFrame::Frame { used, .. } | ParsedFrame::Data { used, .. } => drop(bytes.drain(..used)),
        }
        if bytes.is_empty() {
            self.arrived.pop_front();
        }
        Some(parsed)
    }

    /// The message of the handshake, when it is whole.
    pub(crate) fn message<T>(&mut self, parse: impl Fn(&[u8]) -> Result<Parsed<T>, Violation>) -> Option<T> {
        let Some(Piece::Bytes(bytes)) = self.arrived.front_mut() else { return None };
        let parsed = parse(bytes).unwrap_or_else(|violation| panic!("{violation:?}"));
        let Parsed::Complete { value, used } = parsed else { return None };
        drop(bytes.drain(..used));
        if bytes.is_empty() {
            self.arrived.pop_front();
        }
        Some(value)
    }

    /// Nothing is on its way any more.
    pub(crate) fn is_drained(&self) -> bool {
        self.on_its_way.is_empty()
    }

    /// What is here of a body of which so much is still to come.
    pub(crate) fn body(&mut self, remaining: u64) -> Option<Run> {
        let Some(Piece::Body(run)) = self.arrived.pop_front() else { return None };
        assert!(run.length <= remaining, "a body that is longer than its header says");
        Some(run)
    }
}

/// A connection, from the sender's side.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) there: Way,
    pub(crate) back: Way,
    pub(crate) is_lost: bool,
}
