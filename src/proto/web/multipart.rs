//! The body of a form with files: `multipart/form-data` (RFC 7578), in pieces of any size.
//!
//! Content passes through; only the head of a part and the beginning of a possible delimiter are held.

mod head;

use std::fmt;
use std::mem;

use memchr::memmem::Finder;

pub use self::head::PartHead;

/// The most bytes of a part's head, the empty line after it included.
pub const MAX_HEAD_BYTES: usize = 8 << 10;
/// The most parts of a body.
pub const MAX_PARTS: usize = 10_000;
/// The most bytes before the first delimiter, and after the last one.
const MAX_AROUND_BYTES: usize = 1 << 10;
/// The most blanks at the end of a delimiter.
const MAX_PADDING_BYTES: usize = 64;

/// The meaning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum MultipartEvent<'e> {
    /// All bytes are used: there is nothing more until more arrive.
    More,
    /// Bytes without effect; there may be more.
    Skipped,
    /// The head of a part. Its content comes next.
    Part(PartHead),
    /// A piece of the part's content, which is not empty.
    Data(&'e [u8]),
    /// The part is complete.
    PartEnd,
    /// The body is complete. What still comes is skipped.
    End,
    /// The body is refused for good.
    Refused(MultipartFault),
}

/// A fault of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultipartFault {
    /// A lot of bytes stand outside of the parts.
    Around,
    /// A delimiter is not the end of its line.
    Delimiter,
    /// The head of a part is too long.
    HeadTooLarge,
    /// The head of a part has a wrong line, or no name.
    Head,
    /// The content of a part is in a coding.
    Coded,
    /// There are too many parts.
    TooManyParts,
    /// The body ends before its last delimiter.
    Truncated,
}

impl MultipartFault {
    /// Returns the status of the answer.
    pub fn status(self) -> u16 {
        match self {
            MultipartFault::HeadTooLarge => 431,
            MultipartFault::TooManyParts => 413,
            MultipartFault::Coded => 415,
            _ => 400,
        }
    }
}

impl fmt::Display for MultipartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MultipartFault::Around => f.write_str("the form has bytes outside of its parts"),
            MultipartFault::Delimiter => f.write_str("a delimiter of the form is not the end of its line"),
            MultipartFault::HeadTooLarge => {
                write!(f, "a part of the form has over {} KiB of fields", MAX_HEAD_BYTES >> 10)
            }
            MultipartFault::Head => f.write_str("a part of the form has wrong fields, or no name"),
            MultipartFault::Coded => f.write_str("a part of the form has a Content-Transfer-Encoding"),
            MultipartFault::TooManyParts => write!(f, "the form has over {MAX_PARTS} parts"),
            MultipartFault::Truncated => f.write_str("the form ends before its last delimiter"),
        }
    }
}

/// The parser of one body. It holds at most [`MAX_HEAD_BYTES`].
#[derive(Debug)]
pub struct Multipart {
    /// CRLF, two hyphens and the boundary. CR stands at its beginning only.
    delimiter: Vec<u8>,
    finder: Finder<'static>,
    state: State,
    parts: usize,
    /// The head so far, or the rest of the delimiter's line.
    held: Vec<u8>,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first delimiter, or in the content of a part.
    Content(Content),
    /// In the line of a delimiter, after the boundary.
    DelimiterLine { ends_part: bool },
    /// In the head of a part.
    Head,
    /// At the end, which is not yet reported.
    Ending,
    /// After the last delimiter; the number of bytes there.
    Epilogue(usize),
    /// Refused: nothing more is read.
    Refused(MultipartFault),
}

#[derive(Clone, Copy, Debug)]
struct Content {
    /// True in a part; false before the first delimiter.
    is_part: bool,
    /// The number of bytes before the first delimiter.
    skipped: usize,
    /// The length of the delimiter's beginning that the last bytes are.
    matched: usize,
    /// How much of it belongs to the line before, and is no content.
    borrowed: usize,
}

impl Content {
    /// The delimiter may follow at once: the line end before it is that of the head, or stands before the body.
    fn after_a_line(is_part: bool) -> Content {
        Content { is_part, skipped: 0, matched: 2, borrowed: 2 }
    }
}

impl Multipart {
    /// Creates the parser of a body with this `Content-Type`. `None`: it is not that of a form with files.
    pub fn of(content_type: &[u8]) -> Option<Multipart> {
        let delimiter = [&b"\r\n--"[..], &head::boundary(content_type)?].concat();
        Some(Multipart {
            finder: Finder::new(&delimiter).into_owned(),
            delimiter,
            state: State::Content(Content::after_a_line(false)),
            parts: 0,
            held: Vec::new(),
        })
    }

    /// Parses the beginning of `input` and returns the number of bytes used. The rest must be passed again; what was used
    /// must not.
    pub fn next_event<'e>(&'e mut self, input: &'e [u8]) -> (usize, MultipartEvent<'e>) {
        match self.state {
            State::Content(content) => self.content(input, content),
            State::DelimiterLine { ends_part } => self.delimiter_line(input, ends_part),
            State::Head => self.head(input),
            State::Ending => {
                self.state = State::Epilogue(0);
                (0, MultipartEvent::End)
            }
            State::Epilogue(count) if count + input.len() <= MAX_AROUND_BYTES => {
                self.state = State::Epilogue(count + input.len());
                (input.len(), MultipartEvent::More)
            }
            State::Epilogue(_) => self.refuse(MultipartFault::Around),
            State::Refused(fault) => (0, MultipartEvent::Refused(fault)),
        }
    }

    /// Checks that the body may end here.
    ///
    /// # Errors
    /// The last delimiter is missing, or the body was refused.
    pub fn finish(&self) -> Result<(), MultipartFault> {
        match self.state {
            State::Epilogue(_) => Ok(()),
            State::Refused(fault) => Err(fault),
            _ => Err(MultipartFault::Truncated),
        }
    }

    /// Parses content up to the next delimiter.
    fn content<'e>(&'e mut self, input: &'e [u8], mut content: Content) -> (usize, MultipartEvent<'e>) {
        if content.matched > 0 {
            let expected = &self.delimiter[content.matched..];
            let count = expected.iter().zip(input).take_while(|(one, other)| one == other).count();
            if count == expected.len() {
                return (count, self.found(content));
            }
            let matched = content.matched + count;
            if count == input.len() {
                self.state = State::Content(Content { matched, ..content });
                return (count, MultipartEvent::More);
            }
            // No later byte of a delimiter is CR: nothing of what was held can begin another one.
            let no_delimiter = content.borrowed..matched;
            content = Content { matched: 0, borrowed: 0, ..content };
            if !no_delimiter.is_empty() {
                return self.pass(count, content, Passed::Held(no_delimiter.end, no_delimiter.start));
            }
        }
        match self.finder.find(input) {
            Some(0) => (self.delimiter.len(), self.found(content)),
            Some(at) => self.pass(at, content, Passed::Input(&input[..at])),
            None => {
                let near = input.len().saturating_sub(self.delimiter.len() - 1);
                let begun = memchr::memrchr(b'\r', &input[near..]).map(|at| &input[near + at..]);
                content.matched =
                    begun.filter(|begun| self.delimiter.starts_with(begun)).map_or(0, <[u8]>::len);
                let passed = &input[..input.len() - content.matched];
                self.pass(input.len(), content, Passed::Input(passed))
            }
        }
    }

    /// Passes content on, or counts it before the first delimiter.
    fn pass<'e>(
        &'e mut self,
        used: usize,
        mut content: Content,
        passed: Passed<'e>,
    ) -> (usize, MultipartEvent<'e>) {
        let length = match &passed {
            Passed::Input(bytes) => bytes.len(),
            Passed::Held(end, start) => end - start,
        };
        if !content.is_part {
            content.skipped += length;
            if content.skipped > MAX_AROUND_BYTES {
                return self.refuse(MultipartFault::Around);
            }
        }
        self.state = State::Content(content);
        match passed {
            _ if length == 0 => (used, MultipartEvent::More),
            _ if !content.is_part => (used, MultipartEvent::Skipped),
            Passed::Input(bytes) => (used, MultipartEvent::Data(bytes)),
            Passed::Held(end, start) => (used, MultipartEvent::Data(&self.delimiter[start..end])),
        }
    }

    fn found<'e>(&mut self, content: Content) -> MultipartEvent<'e> {
        self.state = State::DelimiterLine { ends_part: content.is_part };
        MultipartEvent::Skipped
    }

    /// Parses the rest of a delimiter's line: two hyphens for the last one, or blanks and a line end.
    fn delimiter_line<'e>(&mut self, input: &[u8], ends_part: bool) -> (usize, MultipartEvent<'e>) {
        for (&byte, used) in input.iter().zip(1..) {
            self.held.push(byte);
            let is_last = match &*self.held {
                b"--" => true,
                [blanks @ .., b'\r', b'\n'] if is_padding(blanks) => false,
                b"-" => continue,
                [blanks @ .., b'\r'] | blanks if is_padding(blanks) => continue,
                _ => return self.refuse(MultipartFault::Delimiter),
            };
            self.held.clear();
            self.state = if is_last { State::Ending } else { State::Head };
            let event = if ends_part { MultipartEvent::PartEnd } else { MultipartEvent::Skipped };
            return (used, event);
        }
        (input.len(), MultipartEvent::More)
    }

    fn head<'e>(&mut self, input: &[u8]) -> (usize, MultipartEvent<'e>) {
        if self.parts == MAX_PARTS {
            return self.refuse(MultipartFault::TooManyParts);
        }
        // The empty line may have begun in what is held. A part without any field begins with it.
        let held = self.held.len();
        let count = input.len().min(MAX_HEAD_BYTES - held);
        self.held.extend_from_slice(&input[..count]);
        let from = held.saturating_sub(3);
        let end = match &*self.held {
            [b'\r', b'\n', ..] => Some(2),
            bytes => memchr::memmem::find(&bytes[from..], b"\r\n\r\n").map(|at| from + at + 4),
        };
        let Some(end) = end else {
            if self.held.len() == MAX_HEAD_BYTES {
                return self.refuse(MultipartFault::HeadTooLarge);
            }
            return (count, MultipartEvent::More);
        };
        self.held.truncate(end);
        let head = mem::take(&mut self.held);
        match PartHead::parse(&head) {
            Ok(part) => {
                self.parts += 1;
                self.state = State::Content(Content::after_a_line(true));
                (end - held, MultipartEvent::Part(part))
            }
            Err(fault) => self.refuse(fault),
        }
    }

    fn refuse<'e>(&mut self, fault: MultipartFault) -> (usize, MultipartEvent<'e>) {
        self.state = State::Refused(fault);
        self.held = Vec::new();
        (0, MultipartEvent::Refused(fault))
    }
}

/// Content: of the input, or a part of the delimiter that was held, as its end and its start.
enum Passed<'e> {
    Input(&'e [u8]),
    Held(usize, usize),
}

fn is_padding(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_PADDING_BYTES && bytes.iter().all(|byte| b" \t".contains(byte))
}

#[cfg(test)]
mod tests;
