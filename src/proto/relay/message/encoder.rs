//! Messages made of a stream.

use super::Framing;

/// What cannot be said as a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is longer than so many bytes: what the length can say, or the limit, whichever is less.
    TooLong(u64),
    /// It holds the byte that ends a message.
    HasEndMark,
    /// It is empty, and the framing has no such messages.
    Empty,
}

/// Where one message ends in a stream that has no framing, and the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// At line feeds, which belong to none. What stands behind the last one is a message, too.
    Lines,
    /// After so many bytes; what is left at the end is a shorter one.
    Blocks(u64),
    /// Nowhere: everything is one, though it be empty.
    All,
}

/// Makes messages.
#[derive(Debug)]
pub struct Encoder {
    framing: Framing,
    split: Split,
    longest: u64,
    held: Vec<u8>,
    number: u64,
}

impl Encoder {
    /// For messages of at most `max_bytes`.
    pub fn new(framing: Framing, split: Split, max_bytes: u64) -> Encoder {
        let longest = max_bytes.min(framing.longest());
        Encoder { framing, split, longest, held: Vec::new(), number: 1 }
    }

    /// Takes what comes up to the end of the first message, and adds that to `output`. Returns how many bytes it took.
    ///
    /// # Errors
    /// The message does not fit. Nothing of it was added.
    pub fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Unfit> {
        let (length, behind) = match self.split {
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
        if behind.is_some() {
            self.complete(output)?;
        }
        Ok(length + behind.unwrap_or(0))
    }

    /// The stream has ended: what is left of it is a message.
    ///
    /// # Errors
    /// As of [`Encoder::take`].
    pub fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Unfit> {
        if self.held.is_empty() && self.split != Split::All {
            return Ok(());
        }
        self.complete(output)
    }

    /// Adds a message that others have found.
    ///
    /// # Errors
    /// As of [`Encoder::take`].
    pub fn message(&mut self, message: &[u8], output: &mut Vec<u8>) -> Result<(), Unfit> {
        self.check(message)?;
        self.held.extend_from_slice(message);
        self.complete(output)
    }

    /// The number of the message that is being taken, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether a message may go on like this.
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
