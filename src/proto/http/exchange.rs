//! The requests of one connection, one after the other.

use super::chunked::{Chunked, Piece};
use super::head;
use super::head::{BodyLength, FieldBuffer, RequestHead};
use super::lenient;
use super::lenient::{Reading, RewrittenHead};
use super::{BAD_REQUEST, ErrorStatus, VERSION_NOT_SUPPORTED};

/// The state of the incoming side of a connection. It holds no bytes: the caller passes bytes that [`Exchange::next_event`]
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
    Refused(ErrorStatus),
}

/// The meaning of some bytes.
#[derive(Debug)]
pub enum ParseEvent<'h, 'b> {
    /// Incomplete.
    More,
    /// Bytes without effect; there may be more.
    Skipped,
    /// The head of a request. If the request has a body, that comes next; if not, it is complete and can be answered.
    Head(RequestHead<'h, 'b>),
    /// A request that must be parsed again in another form: these bytes, once. Nothing of the input was taken.
    Rewritten(RewrittenHead),
    /// A part of the body.
    Body(&'b [u8]),
    /// The body is complete: the request can be answered.
    End,
    /// The input is refused for good: answer with the refusal, and close.
    Refused(ErrorStatus),
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
    pub fn next_event<'h, 'b>(
        &mut self,
        input: &'b [u8],
        fields: &'h mut FieldBuffer<'b>,
    ) -> (usize, ParseEvent<'h, 'b>) {
        match self.state {
            State::Head => self.head(input, fields),
            State::Counted(0) => {
                self.state = State::Head;
                (0, ParseEvent::End)
            }
            State::Counted(_) if input.is_empty() => (0, ParseEvent::More),
            State::Counted(rest) => {
                let count = usize::try_from(rest).unwrap_or(usize::MAX).min(input.len());
                self.state = State::Counted(rest - count as u64);
                (count, ParseEvent::Body(&input[..count]))
            }
            State::Chunked(mut chunked, mut left) => match chunked.parse(input, &mut left) {
                Ok((used, piece)) => {
                    self.state = State::Chunked(chunked, left);
                    let event = match piece {
                        Piece::More => ParseEvent::More,
                        Piece::Framing => ParseEvent::Skipped,
                        Piece::Content(content) => ParseEvent::Body(content),
                        Piece::End => {
                            self.state = State::Head;
                            ParseEvent::End
                        }
                    };
                    (used, event)
                }
                Err(refusal) => self.refuse(refusal),
            },
            State::Refused(refusal) => (0, ParseEvent::Refused(refusal)),
        }
    }

    fn head<'h, 'b>(
        &mut self,
        input: &'b [u8],
        fields: &'h mut FieldBuffer<'b>,
    ) -> (usize, ParseEvent<'h, 'b>) {
        match input {
            // RFC 9112, 2.2: empty lines before a request are skipped.
            [b'\r', b'\n', ..] => return (2, ParseEvent::Skipped),
            [] | [b'\r'] => return (0, ParseEvent::More),
            _ => {}
        }
        match head::parse(input, fields, self.max_body_bytes) {
            Ok(None) => (0, ParseEvent::More),
            Ok(Some((used, head, body_length))) => {
                self.state = match body_length {
                    BodyLength::Counted(0) => State::Head,
                    BodyLength::Counted(length) => State::Counted(length),
                    BodyLength::Chunked => State::Chunked(Chunked::Size, self.max_body_bytes),
                };
                (used, ParseEvent::Head(head))
            }
            Err(refusal @ (BAD_REQUEST | VERSION_NOT_SUPPORTED)) => match lenient::read(input) {
                Reading::Refused => self.refuse(refusal),
                Reading::Wrong(refusal) => self.refuse(refusal),
                Reading::More => (0, ParseEvent::More),
                Reading::Rewritten(rewritten) => (0, ParseEvent::Rewritten(rewritten)),
            },
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn refuse<'h, 'b>(&mut self, refusal: ErrorStatus) -> (usize, ParseEvent<'h, 'b>) {
        self.state = State::Refused(refusal);
        (0, ParseEvent::Refused(refusal))
    }
}
