//! The requests of one connection, one after the other.

use super::chunked::{Chunked, Piece};
use super::head;
use super::head::{Fields, Framing, Head};
use super::lenient;
use super::lenient::{Anew, Reading};
use super::{BAD_REQUEST, Refusal, VERSION_NOT_SUPPORTED};

/// The state of the incoming side of a connection. It holds no bytes: the caller passes bytes that [`Exchange::step`]
/// did not take again, followed by more.
#[derive(Debug)]
pub struct Exchange {
    max_body_bytes: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between requests, or in a head.
    Head,
    /// In a body with this many bytes to come.
    Counted(u64),
    /// In a body in chunks, which may have this many bytes more.
    Chunked(Chunked, u64),
    /// Refused: nothing more is read.
    Refused(Refusal),
}

/// The meaning of some bytes.
#[derive(Debug)]
pub enum Step<'h, 'b> {
    /// Incomplete.
    More,
    /// Bytes without effect; there may be more.
    Skipped,
    /// The head of a request. If the request has a body, that comes next; if not, it is complete and can be answered.
    Head(Head<'h, 'b>),
    /// A request that must be parsed again in another form: these bytes, once. Nothing of the input was taken.
    Anew(Anew),
    /// A part of the body.
    Body(&'b [u8]),
    /// The body is complete: the request can be answered.
    End,
    /// The input is refused for good: answer with the refusal, and close.
    Refused(Refusal),
}

impl Exchange {
    /// Starts a connection. Longer bodies are refused.
    pub fn new(max_body_bytes: u64) -> Exchange {
        Exchange { max_body_bytes, state: State::Head }
    }

    /// Returns whether the next bytes belong to the body of a request.
    pub fn is_in_body(&self) -> bool {
        matches!(self.state, State::Counted(_) | State::Chunked(..))
    }

    /// Returns whether the next bytes are a head, or a part of one.
    pub fn is_at_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Parses the beginning of `input` and returns the number of bytes taken. The fields of a head stand in `fields`.
    pub fn step<'h, 'b>(&mut self, input: &'b [u8], fields: &'h mut Fields<'b>) -> (usize, Step<'h, 'b>) {
        match self.state {
            State::Head => self.head(input, fields),
            State::Counted(0) => {
                self.state = State::Head;
                (0, Step::End)
            }
            State::Counted(_) if input.is_empty() => (0, Step::More),
            State::Counted(rest) => {
                let count = usize::try_from(rest).unwrap_or(usize::MAX).min(input.len());
                self.state = State::Counted(rest - count as u64);
                (count, Step::Body(&input[..count]))
            }
            State::Chunked(mut chunked, mut left) => match chunked.step(input, &mut left) {
                Ok((used, piece)) => {
                    self.state = State::Chunked(chunked, left);
                    let step = match piece {
                        Piece::More => Step::More,
                        Piece::Framing => Step::Skipped,
                        Piece::Content(content) => Step::Body(content),
                        Piece::End => {
                            self.state = State::Head;
                            Step::End
                        }
                    };
                    (used, step)
                }
                Err(refusal) => self.refuse(refusal),
            },
            State::Refused(refusal) => (0, Step::Refused(refusal)),
        }
    }

    fn head<'h, 'b>(&mut self, input: &'b [u8], fields: &'h mut Fields<'b>) -> (usize, Step<'h, 'b>) {
        match input {
            // RFC 9112, 2.2: empty lines before a request are skipped.
            [b'\r', b'\n', ..] => return (2, Step::Skipped),
            [] | [b'\r'] => return (0, Step::More),
            _ => {}
        }
        match head::parse(input, fields, self.max_body_bytes) {
            Ok(None) => (0, Step::More),
            Ok(Some((used, head, framing))) => {
                self.state = match framing {
                    Framing::Counted(0) => State::Head,
                    Framing::Counted(length) => State::Counted(length),
                    Framing::Chunked => State::Chunked(Chunked::Size, self.max_body_bytes),
                };
                (used, Step::Head(head))
            }
            Err(refusal @ (BAD_REQUEST | VERSION_NOT_SUPPORTED)) => match lenient::read(input) {
                Reading::Refused => self.refuse(refusal),
                Reading::Wrong(refusal) => self.refuse(refusal),
                Reading::More => (0, Step::More),
                Reading::Anew(anew) => (0, Step::Anew(anew)),
            },
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn refuse<'h, 'b>(&mut self, refusal: Refusal) -> (usize, Step<'h, 'b>) {
        self.state = State::Refused(refusal);
        (0, Step::Refused(refusal))
    }
}
