//! Encoding of a stream as messages.

use super::Framing;

/// Reasons for which bytes cannot be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is longer than this many bytes: the maximum of its length field, or the limit, whichever is less.
    TooLong(u64),
    /// It holds the byte that ends a message.
    HasEndMark,
    /// It is empty, and the framing has no empty messages.
    Empty,
}

/// The split of a stream without framing into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// At line feeds, which are not sent. The rest after the last one is a message, too.
    Lines,
    /// After this many bytes; the rest at the end is a shorter one.
    Blocks(u64),
    /// Not at all: everything is one, even if empty.
    All,
}

/// Encodes messages.
#[derive(Debug)]
pub struct Encoder {
    framing: Framing,
    split: Split,
    longest: u64,
    held: Vec<u8>,
    number: u64,
}

impl Encoder {
    /// Creates an encoder for messages of at most `max_bytes`.
    pub fn new(framing: Framing, split: Split, max_bytes: u64) -> Encoder {
        let longest = max_bytes.min(framing.longest());
        Encoder { framing, split, longest, held: Vec::new(), number: 1 }
    }

    /// Takes input up to the end of the first message, and appends that to `output`. Returns how many bytes it took.
    ///
    /// # Errors
    /// The message does not fit. Nothing of it was added.
    pub fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Unfit> {
        let (length, end_mark) = match self.split {
            Split::Lines => match input.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end, Some(1)),
                None => (input.len(), None),
            },
            Split::All => (input.len(), None),
            Split::Blocks(size) => {
                let missing = usize::try_from(size - self.held.len() as u64).unwrap_or(usize::MAX);
                (missing.min(input.len()), (missing <= input.len()).then_some(0))
            }
        };
        self.check(&input[..length])?;
        self.held.extend_from_slice(&input[..length]);
        if end_mark.is_some() {
            self.complete(output)?;
        }
        Ok(length + end_mark.unwrap_or(0))
    }

    /// Encodes the rest at the end of the stream.
    ///
    /// # Errors
    /// As of [`Encoder::take`].
    pub fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Unfit> {
        if self.held.is_empty() && self.split != Split::All {
            return Ok(());
        }
        self.complete(output)
    }

    /// Encodes a message that the caller has delimited.
    ///
    /// # Errors
    /// As of [`Encoder::take`].
    pub fn message(&mut self, message: &[u8], output: &mut Vec<u8>) -> Result<(), Unfit> {
        self.check(message)?;
        self.held.extend_from_slice(message);
        self.complete(output)
    }

    /// Returns the number of the current message, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Checks that a message may continue with these bytes.
    fn check(&self, part: &[u8]) -> Result<(), Unfit> {
        if (self.held.len() + part.len()) as u64 > self.longest {
            return Err(Unfit::TooLong(self.longest));
        }
        match self.framing.end_mark() {
            Some(mark) if part.contains(&mark) => Err(Unfit::HasEndMark),
            _ => Ok(()),
        }
    }

    fn complete(&mut self, output: &mut Vec<u8>) -> Result<(), Unfit> {
        if self.held.is_empty() && self.framing == Framing::OctetCount {
            return Err(Unfit::Empty);
        }
        self.framing.encode(&self.held, output);
        self.held.clear();
        self.number += 1;
        Ok(())
    }
}
