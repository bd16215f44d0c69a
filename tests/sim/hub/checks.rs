//! What must hold in a hub's world.

use std::time::Duration;

use sendall::error::Exit;
use sendall::relay::modes::hub::Slow;
use sendall::relay::modes::subscriber::{Audience, Labelling};

use super::{STDIO, World};
use crate::world::Fate;

/// What may be queued for one, and on its way to it: its queue, a piece more, one that is sent; labels make them longer.
const MAX_WAITING_BYTES: usize = (2 * (192 + 2 * 32)) << 10;
/// How long nothing may be taken before a client is cut, and less than what is a piece with its labels.
const PATIENCE: Duration = Duration::from_secs(1);
const PIECE_BYTES: usize = 64 << 10;

impl World {
    /// The bytes of `sender` so far, as others receive them.
    pub(super) fn sent(&self, sender: usize) -> Vec<u8> {
        let party = &self.parties[sender];
        let end = party.stream.see();
        let received = &end.script[..end.read];
        let label = match (self.options.labelling, sender) {
            (Labelling::Raw, _) => return received.to_vec(),
            (_, STDIO) if self.options.audience != Audience::All => return received.to_vec(),
            (Labelling::Labelled, STDIO) => "[server] ".to_owned(),
            (Labelling::Chat, STDIO) => "<server> ".to_owned(),
            (Labelling::Labelled, _) => format!("[c{sender}] "),
            (Labelling::Chat, _) => format!("<c{sender}> "),
        };
        let is_over = party.has_joined && party.session.is_none() || end.end_read;
        let mut sent = Vec::new();
        for line in received.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") || is_over {
                sent.extend_from_slice(label.as_bytes());
                sent.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
                sent.push(b'\n');
            }
        }
        sent
    }

    /// The part of `text` that is from `sender`.
    fn of(&self, sender: usize, text: &[u8]) -> Vec<u8> {
        let is_alone = self.options.audience != Audience::All && self.options.audience != Audience::Others;
        if self.options.labelling == Labelling::Raw {
            return text.iter().copied().filter(|byte| usize::from(byte >> 4) == sender).collect();
        }
        if sender == STDIO && is_alone {
            return if text.starts_with(b"[") || text.starts_with(b"<") { Vec::new() } else { text.to_vec() };
        }
        let name = if sender == STDIO { "server".to_owned() } else { format!("c{sender}") };
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines
            .filter(|line| line.get(1..).is_some_and(|line| line.starts_with(name.as_bytes())))
            .collect::<Vec<_>>()
            .concat()
    }

    /// True if `receiver` gets the bytes of `sender`.
    fn receives(&self, receiver: usize, sender: usize) -> bool {
        let (writes, reads) =
            self.directions.map_or((false, false), |directions| (directions.writes, directions.reads));
        match (receiver, sender) {
            _ if receiver == sender => false,
            (STDIO, _) => writes,
            (_, STDIO) => reads,
            _ => matches!(self.options.audience, Audience::All | Audience::Others),
        }
    }

    pub(super) fn note_progress(&mut self, number: usize) {
        let now = self.now;
        let party = &self.parties[number];
        let (written, half_closes) = (party.stream.see().written.len(), party.stream.see().half_closes);
        if half_closes > 0 && party.ended_at.is_none() {
            let sent = (0..self.parties.len()).map(|sender| self.sent(sender).len()).collect();
            self.parties[number].ended_at = Some(sent);
            self.check_heard(number, true);
        }
        self.parties[number].progress.push((now, written));
        // To compare all of it each time would take its time.
        if self.random.below(10_000) == 0 {
            self.check_heard(number, false);
        }
    }

    /// Checks that it has received the bytes of each sender in their order. `is_all`: nothing may be missing.
    fn check_heard(&self, number: usize, is_all: bool) {
        let seed = self.seed;
        let party = &self.parties[number];
        if !party.has_joined || (number == STDIO && !self.receives(STDIO, 1)) {
            return;
        }
        let written = party.stream.see().written.clone();
        let misses = self.slow == Slow::Drop && number != STDIO;
        let (mut received_bytes, mut sent_bytes) = (0, 0);
        for sender in 0..self.parties.len() {
            let received = self.of(sender, &written);
            received_bytes += received.len();
            if !self.receives(number, sender) {
                assert!(received.is_empty(), "seed {seed}: {number} receives {sender}");
                continue;
            }
            let sent = &self.sent(sender)[party.joined_at[sender].min(self.sent(sender).len())..];
            sent_bytes += sent.len();
            if misses {
                continue;
            }
            // A line that is on its way is not whole.
            let is_prefix = sent.starts_with(&received);
            assert!(is_prefix, "seed {seed}: {number} receives something else from {sender}");
            assert!(
                !is_all || received.len() == sent.len(),
                "seed {seed}: {number} misses bytes of {sender}"
            );
        }
        let in_halves = self.options.labelling != Labelling::Raw && !is_all;
        assert!(
            in_halves || received_bytes == written.len(),
            "seed {seed}: {number} receives bytes of no sender"
        );
        let waiting = sent_bytes.saturating_sub(received_bytes);
        let is_cut = party.result.is_some() || party.session.is_none() || party.ended_at.is_some();
        assert!(
            misses || is_cut || in_halves || waiting <= MAX_WAITING_BYTES,
            "seed {seed}: {waiting} bytes wait"
        );
    }

    /// A session is over.
    pub(super) fn check_result(&self, number: usize) {
        let (seed, party) = (self.seed, &self.parties[number]);
        let end = party.stream.see();
        let fate = end.fate;
        if number == STDIO {
            assert!(matches!(party.result, Some(Ok(()))), "seed {seed}: {:?}", party.result);
            assert!(self.closing.is_none(), "seed {seed}: over while clients may come");
            let all_left = self.parties[1..].iter().all(|party| party.session.is_none());
            assert!(all_left, "seed {seed}: over while clients are there");
            drop(end);
            return self.check_heard(STDIO, true);
        }
        match party.result.as_ref() {
            Some(Ok(())) => {
                assert!(
                    end.acknowledged && end.half_closes == 1 && end.end_read,
                    "seed {seed}: {number}: {end:?}"
                );
                assert!(fate == Fate::Well && !end.resets_on_close, "seed {seed}: success after a reset");
            }
            Some(Err(error)) if error.exit() == Exit::Lost => {
                assert!(fate != Fate::Well, "seed {seed}: {number}: {error}");
            }
            Some(Err(error)) if error.exit() == Exit::TimedOut => {
                assert_eq!(self.slow, Slow::Cut, "seed {seed}: {error}");
                let before = party.progress.iter().rev().find(|(time, _)| *time + PATIENCE <= self.now);
                let taken = end.written.len() - before.map_or(0, |(_, written)| *written);
                let is_late = before.is_some() || party.progress.len() < 2;
                assert!(is_late && taken <= PIECE_BYTES, "seed {seed}: {number} was cut and took {taken}");
            }
            Some(Err(error)) => {
                assert_eq!((error.exit(), self.slow), (Exit::Partial, Slow::Drop), "seed {seed}: {error}");
                assert!(fate == Fate::Well && end.acknowledged, "seed {seed}: {number}: {error}");
            }
            None => panic!("seed {seed}: no result"),
        }
        drop(end);
        self.check_missed(number);
        // However it has ended: the bytes that it sent before are written.
        if self.receives(STDIO, number) {
            let written = self.of(number, &self.parties[STDIO].stream.see().written);
            assert_eq!(
                written.len(),
                self.sent(number).len(),
                "seed {seed}: over before stdout has its words"
            );
        }
    }

    /// Checks that a client's bytes, with those reported as missed, are all that was sent.
    fn check_missed(&self, number: usize) {
        let (seed, party) = (self.seed, &self.parties[number]);
        let Some(ended_at) = &party.ended_at else { return };
        let text = party.result.as_ref().and_then(|result| result.as_ref().err().map(ToString::to_string));
        let missed = text.iter().flat_map(|text| text.split(' ')).find_map(|word| word.parse::<usize>().ok());
        let has = party.stream.see().written.len() + missed.unwrap_or(0);
        let count = |sent: &dyn Fn(usize) -> usize| -> usize {
            let senders = (0..self.parties.len()).filter(|sender| self.receives(number, *sender));
            senders.map(|sender| sent(sender).saturating_sub(party.joined_at[sender])).sum()
        };
        let (least, most) = (count(&|sender| ended_at[sender]), count(&|sender| self.sent(sender).len()));
        let is_told = text.is_none() || missed.is_some();
        assert!(
            !is_told || (least..=most).contains(&has),
            "seed {seed}: {number} has {has} of {least} to {most}"
        );
    }

    /// Checks, when nothing can happen any more, that no party is left.
    pub(super) fn check_end(&self) {
        let seed = self.seed;
        let left: Vec<_> = self.parties.iter().map(|party| party.session.is_some()).collect();
        for (number, party) in self.parties.iter().enumerate().rev() {
            let is_left = party.session.is_some();
            assert!(
                !is_left,
                "seed {seed}: {number} waits for ever: {left:?}, {:?}, {:?} {:?}",
                party.stream.see(),
                self.options,
                self.slow
            );
        }
        if self.directions.is_some() {
            self.check_heard(STDIO, true);
        }
    }
}
