//! The sender's offers: entries, skipped entries and totals.

use super::{Offered, ROUND_BYTES, Sender, State};
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::frame::{Frame, Totals, encode};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::skipped::Skipped;

impl Sender {
    /// Answers [`super::SendStep::Offer`]; has no effect otherwise.
    pub fn offer(&mut self, entry: Entry) {
        if !matches!(self.state, State::Offering) {
            return;
        }
        let frame = Frame::Entry { file: self.next_id(), entry };
        let bytes = encode(&frame);
        let Frame::Entry { entry, .. } = frame else { return };
        self.out.extend(&bytes);
        self.round_bytes += bytes.len();
        let reply = Some(HaveReply::WHOLE).filter(|_| self.streaming && entry.has_content());
        self.round.push(Offered { entry, reply });
        if self.streaming {
            self.open(0);
        } else if self.round.len() >= self.round_entries || self.round_bytes >= ROUND_BYTES {
            self.end_turn();
        }
    }

    /// Reports a skipped entry, if both sides use such reports. [`super::SendStep::Offer`] is repeated.
    pub fn skip(&mut self, skipped: Skipped) {
        if self.capabilities.skipped && matches!(self.state, State::Offering) {
            self.out.extend(encode(&Frame::Skipped(skipped)));
        }
    }

    /// Answers [`super::SendStep::Offer`] at the end of all entries.
    pub fn all_offered(&mut self) {
        if !matches!(self.state, State::Offering) {
            return;
        }
        self.all_offered = true;
        if self.streaming || (self.round.is_empty() && self.base > 0) {
            self.state = State::Ending;
        } else {
            self.end_turn();
        }
    }

    /// Records the totals found so far. They are reported soon, unless newer totals or the end of all files come first,
    /// and only if enabled.
    pub fn set_totals(&mut self, totals: Totals) {
        self.totals = Some(totals).filter(|_| self.capabilities.totals);
    }

    fn end_turn(&mut self) {
        self.out.extend(encode(&Frame::Turn));
        self.state = State::AwaitingHave { next: self.next_asked(0) };
    }
}
