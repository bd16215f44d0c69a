//! The answer to one request of a client: its head, then its body, in pieces of any size.

use super::chunked::{Chunked, Piece};
use super::response_head::{self, ResponseFault, ResponseHead, ResponseLength};

/// The most answers of status 1xx before the final one.
const MAX_INTERIM: u8 = 8;

/// The state of an answer that is being received. It holds no bytes: the caller passes bytes that
/// [`ResponseReader::next_event`] did not use again, followed by more.
#[derive(Clone, Copy, Debug)]
pub struct ResponseReader(State);

#[derive(Clone, Copy, Debug)]
enum State {
    /// In a head; the number of heads of status 1xx before it.
    Head(u8),
    /// In a body with this many bytes to come.
    Counted(u64),
    Chunked(Chunked),
    ToEnd,
    Over,
    Failed(ResponseFault),
}

/// The meaning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponseEvent<'b> {
    /// More is needed.
    More,
    /// Bytes without effect; there may be more.
    Skipped,
    /// The head.
    Head(Box<ResponseHead>),
    /// A part of the body.
    Body(&'b [u8]),
    /// The answer is complete.
    End,
}

/// Begins before the head.
impl Default for ResponseReader {
    fn default() -> ResponseReader {
        ResponseReader(State::Head(0))
    }
}

impl ResponseReader {
    /// Parses the beginning of `input` and returns the number of bytes used.
    ///
    /// # Errors
    /// It is no answer. The same fault is returned from then on.
    pub fn next_event<'b>(&mut self, input: &'b [u8]) -> Result<(usize, ResponseEvent<'b>), ResponseFault> {
        let result = self.event(input);
        if let Err(fault) = result {
            self.0 = State::Failed(fault);
        }
        result
    }

    fn event<'b>(&mut self, input: &'b [u8]) -> Result<(usize, ResponseEvent<'b>), ResponseFault> {
        match &mut self.0 {
            State::Head(interim) => {
                let interim = *interim;
                let Some((used, head)) = response_head::parse(input)? else {
                    return Ok((0, ResponseEvent::More));
                };
                match head.status {
                    // No other protocol was asked for.
                    101 => return Err(ResponseFault::Malformed),
                    100..=199 if interim == MAX_INTERIM => return Err(ResponseFault::TooLong),
                    100..=199 => {
                        self.0 = State::Head(interim + 1);
                        return Ok((used, ResponseEvent::Skipped));
                    }
                    _ => {}
                }
                self.0 = match head.length {
                    ResponseLength::Counted(length) => State::Counted(length),
                    ResponseLength::Chunked => State::Chunked(Chunked::Size),
                    ResponseLength::ToEnd => State::ToEnd,
                };
                Ok((used, ResponseEvent::Head(Box::new(head))))
            }
            State::Counted(0) | State::Over => {
                self.0 = State::Over;
                Ok((0, ResponseEvent::End))
            }
            State::Counted(_) | State::ToEnd if input.is_empty() => Ok((0, ResponseEvent::More)),
            State::Counted(rest) => {
                let count = usize::try_from(*rest).unwrap_or(usize::MAX).min(input.len());
                *rest -= count as u64;
                Ok((count, ResponseEvent::Body(&input[..count])))
            }
            State::ToEnd => Ok((input.len(), ResponseEvent::Body(input))),
            State::Chunked(chunked) => {
                let (used, piece) =
                    chunked.parse(input, &mut { u64::MAX }).map_err(|_| ResponseFault::Malformed)?;
                let event = match piece {
                    Piece::More => ResponseEvent::More,
                    Piece::Framing => ResponseEvent::Skipped,
                    Piece::Content(content) => ResponseEvent::Body(content),
                    Piece::End => {
                        self.0 = State::Over;
                        ResponseEvent::End
                    }
                };
                Ok((used, event))
            }
            State::Failed(fault) => Err(*fault),
        }
    }

    /// Records the end of the connection, after all its bytes were used.
    ///
    /// # Errors
    /// The answer is not complete.
    pub fn end(&mut self) -> Result<(), ResponseFault> {
        match self.0 {
            State::ToEnd | State::Over | State::Counted(0) => {
                self.0 = State::Over;
                Ok(())
            }
            State::Failed(fault) => Err(fault),
            State::Head(_) | State::Counted(_) | State::Chunked(_) => Err(ResponseFault::Cut),
        }
    }
}
