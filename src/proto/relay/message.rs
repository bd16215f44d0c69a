//! Messages on a stream: each after its length, or before an end mark.
//!
//! TCP keeps bytes and not the borders between messages. A framing marks them. [`Encoder`] makes messages of a stream
//! that is split at its lines, or otherwise; [`Decoder`] finds the messages in a stream. Both hold at most one message,
//! and no more of it than has come: an announced length costs nothing, and one over the limit is rejected when it is
//! read.

mod encoder;

use std::fmt;

pub use self::encoder::{Encoder, Split, Unfit};

/// The delimiters of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A length of one byte, then the message.
    U8,
    /// A length of two bytes, the most significant first.
    U16Be,
    /// A length of two bytes, the least significant first.
    U16Le,
    /// A length of four bytes, the most significant first.
    U32Be,
    /// A length of four bytes, the least significant first.
    U32Le,
    /// A length of eight bytes, the most significant first.
    U64Be,
    /// The length in decimal digits and a colon, the message, a comma: <https://cr.yp.to/proto/netstrings.txt>.
    Netstring,
    /// The length in decimal digits and a blank, the message: octet counting, RFC 6587, 3.4.1. None is empty.
    OctetCount,
    /// The message, then a line feed.
    Line,
    /// The message, then a NUL byte.
    Nul,
}

/// The most decimal digits of a `u64`.
const MAX_DIGITS: usize = 20;

impl Framing {
    /// Returns the size of a length in bytes.
    fn length_bytes(self) -> usize {
        match self {
            Framing::U8 => 1,
            Framing::U16Be | Framing::U16Le => 2,
            Framing::U32Be | Framing::U32Le => 4,
            Framing::U64Be => 8,
            Framing::Netstring | Framing::OctetCount | Framing::Line | Framing::Nul => 0,
        }
    }

    /// Returns the size of the longest message, in bytes.
    pub fn longest(self) -> u64 {
        match self.length_bytes() {
            bytes @ 1..8 => (1 << (8 * bytes)) - 1,
            _ => u64::MAX,
        }
    }

    /// Returns the byte after each message, which no message contains.
    fn end_mark(self) -> Option<u8> {
        match self {
            Framing::Line => Some(b'\n'),
            Framing::Nul => Some(0),
            _ => None,
        }
    }

    /// Returns whether the length consists of digits.
    fn has_digits(self) -> bool {
        matches!(self, Framing::Netstring | Framing::OctetCount)
    }

    /// Appends a message to `output`. The caller has checked it: see [`Unfit`].
    fn encode(self, message: &[u8], output: &mut Vec<u8>) {
        let length = message.len() as u64;
        let field = length.to_be_bytes();
        match self {
            Framing::U8 | Framing::U16Be | Framing::U32Be | Framing::U64Be => {
                output.extend_from_slice(&field[8 - self.length_bytes()..]);
            }
            Framing::U16Le | Framing::U32Le => {
                output.extend_from_slice(&length.to_le_bytes()[..self.length_bytes()]);
            }
            Framing::Netstring => output.extend_from_slice(format!("{length}:").as_bytes()),
            Framing::OctetCount => output.extend_from_slice(format!("{length} ").as_bytes()),
            Framing::Line | Framing::Nul => {}
        }
        output.extend_from_slice(message);
        match self {
            Framing::Netstring => output.push(b','),
            _ => output.extend(self.end_mark()),
        }
    }
}

/// Reasons to reject input that should be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The announced length is over the limit.
    TooLong(u64),
    /// The same, at least: the digits have not ended.
    TooLongYet(u64),
    /// More bytes than the limit have come without an end mark.
    Endless,
    /// Its length is not one of digits, or the byte after it is missing: a description of the fault.
    Malformed(&'static str),
}

/// The stream has ended within a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncated {
    /// In a message: the bytes that came, and the announced length.
    InMessage(u64, u64),
    /// In a length: the bytes that came.
    InLength(u64),
    /// In a message without its end mark: the bytes that came.
    BeforeMark(u64),
    /// The same, where the bytes are a message in octet counting.
    OctetCounted(u64),
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Truncated::InMessage(came, of) if came == of => {
                write!(f, "{came} bytes of it came, but not its end")
            }
            Truncated::InMessage(came, of) => write!(f, "{came} of its {of} bytes came"),
            Truncated::InLength(came) => write!(f, "{came} bytes of its length came"),
            Truncated::BeforeMark(came) | Truncated::OctetCounted(came) => {
                write!(f, "{came} bytes of it came, but not its end")
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before or in a length: its bytes so far.
    Length { field: [u8; MAX_DIGITS], filled: usize },
    /// In a message of known length.
    Body { length: u64 },
    /// Before or in a message that ends with its mark.
    Marked,
}

/// Returns whether the bytes are a message like `5 hello`, perhaps followed by the length of another one.
fn is_octet_counted(bytes: &[u8]) -> bool {
    let Some(blank) = bytes.iter().take(MAX_DIGITS).position(|byte| *byte == b' ') else { return false };
    let digits = std::str::from_utf8(&bytes[..blank]).ok().filter(|digits| !digits.starts_with('+'));
    let length = digits.and_then(|digits| digits.parse::<usize>().ok());
    let is_digit_or_end = |rest: &[u8]| rest.first().is_none_or(u8::is_ascii_digit);
    length.is_some_and(|length| length > 0 && bytes[blank + 1..].get(length..).is_some_and(is_digit_or_end))
}

/// Finds the messages in a stream.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    max_bytes: u64,
    state: State,
    message: Vec<u8>,
    is_complete: bool,
}

impl Decoder {
    /// Creates a decoder for messages of at most `max_bytes`.
    pub fn new(framing: Framing, max_bytes: u64) -> Decoder {
        Decoder {
            framing,
            max_bytes,
            state: Decoder::first(framing),
            message: Vec::new(),
            is_complete: false,
        }
    }

    fn first(framing: Framing) -> State {
        match framing.end_mark() {
            Some(_) => State::Marked,
            None => State::Length { field: [0; MAX_DIGITS], filled: 0 },
        }
    }

    /// Takes input up to the end of the first message. Returns how many bytes it took, at least one, and whether there
    /// is a [`Decoder::message`] now.
    ///
    /// # Errors
    /// From then on the stream cannot be understood.
    pub fn take(&mut self, input: &[u8]) -> Result<(usize, bool), Breach> {
        if std::mem::take(&mut self.is_complete) {
            self.message.clear();
            self.state = Decoder::first(self.framing);
        }
        let mut used = 0;
        while used < input.len() && !self.is_complete {
            used += match self.state {
                State::Length { field, filled } => self.take_length(input[used], field, filled)?,
                State::Body { length } => self.take_body(&input[used..], length)?,
                State::Marked => self.take_marked(&input[used..])?,
            };
        }
        Ok((used, self.is_complete))
    }

    /// Returns the message that has just been completed.
    pub fn message(&self) -> &[u8] {
        if self.is_complete { &self.message } else { &[] }
    }

    /// Checks the end of the stream.
    ///
    /// # Errors
    /// It did so within a message.
    pub fn end(&self) -> Result<(), Truncated> {
        let came = self.message.len() as u64;
        match self.state {
            _ if self.is_complete => Ok(()),
            State::Length { filled: 0, .. } => Ok(()),
            State::Length { filled, .. } => Err(Truncated::InLength(filled as u64)),
            State::Body { length } => Err(Truncated::InMessage(came, length)),
            State::Marked if came == 0 => Ok(()),
            State::Marked if is_octet_counted(&self.message) => Err(Truncated::OctetCounted(came)),
            State::Marked => Err(Truncated::BeforeMark(came)),
        }
    }

    fn take_length(&mut self, byte: u8, mut field: [u8; MAX_DIGITS], filled: usize) -> Result<usize, Breach> {
        field[filled] = byte;
        let filled = filled + 1;
        self.state = State::Length { field, filled };
        if self.framing.has_digits() {
            return self.take_digit(byte, &field[..filled]);
        }
        let size = self.framing.length_bytes();
        if filled == size {
            let mut bytes = [0; 8];
            bytes[8 - size..].copy_from_slice(&field[..size]);
            if matches!(self.framing, Framing::U16Le | Framing::U32Le) {
                bytes[8 - size..].reverse();
            }
            self.begin(u64::from_be_bytes(bytes))?;
        }
        Ok(1)
    }

    fn take_digit(&mut self, byte: u8, field: &[u8]) -> Result<usize, Breach> {
        let before = &field[..field.len() - 1];
        // Each digit was compared with the limit: there are never more than a u64 has.
        let value = |digits: &[u8]| {
            digits
                .iter()
                .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        };
        let is_netstring = self.framing == Framing::Netstring;
        match byte {
            b':' | b' ' if (byte == b':') == is_netstring => match before {
                b"" => Err(Breach::Malformed("its length is missing")),
                b"0" if !is_netstring => Err(Breach::Malformed("its length is 0")),
                digits => self.begin(value(digits).unwrap_or(u64::MAX)).map(|()| 1),
            },
            b'0'..=b'9' if before == b"0" => Err(Breach::Malformed("its length begins with 0")),
            b'0'..=b'9' => match value(field) {
                Some(length) if length <= self.max_bytes && field.len() < MAX_DIGITS => Ok(1),
                length => Err(Breach::TooLongYet(length.unwrap_or(u64::MAX))),
            },
            _ => Err(Breach::Malformed("its length is not a number")),
        }
    }

    fn begin(&mut self, length: u64) -> Result<(), Breach> {
        if length > self.max_bytes {
            return Err(Breach::TooLong(length));
        }
        self.state = State::Body { length };
        self.is_complete = length == 0 && self.framing != Framing::Netstring;
        Ok(())
    }

    fn take_body(&mut self, input: &[u8], length: u64) -> Result<usize, Breach> {
        let missing = length - self.message.len() as u64;
        if missing == 0 {
            // Behind a netstring.
            self.is_complete = true;
            return match input[0] {
                b',' => Ok(1),
                _ => Err(Breach::Malformed("no comma follows it")),
            };
        }
        let count = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        self.message.extend_from_slice(&input[..count]);
        self.is_complete = count as u64 == missing && self.framing != Framing::Netstring;
        Ok(count)
    }

    fn take_marked(&mut self, input: &[u8]) -> Result<usize, Breach> {
        let mark = self.framing.end_mark();
        let end = input.iter().position(|byte| Some(*byte) == mark);
        let part = &input[..end.unwrap_or(input.len())];
        if (self.message.len() + part.len()) as u64 > self.max_bytes {
            return Err(Breach::Endless);
        }
        self.message.extend_from_slice(part);
        self.is_complete = end.is_some();
        Ok(part.len() + usize::from(end.is_some()))
    }
}
