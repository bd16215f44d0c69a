//! The head of an HTTP/1 message, as far as proxies need it (RFC 9110, sections 7.6 and 9.3.6; RFC 9112): strict and
//! bounded.

/// The most bytes of the head that answers CONNECT, its end included.
pub const MAX_HEAD_BYTES: usize = 8 << 10;
const MAX_FIELDS: usize = 100;
const END: &[u8] = b"\r\n\r\n";
/// The shortest head, in bytes: `HTTP/1.0 200` or `GET / HTTP/1.0`, and the end.
const SHORTEST: usize = 16;

/// Reasons for which bytes cannot become a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// Over the limit in bytes, or over 100 fields.
    TooLong,
    /// A violation of RFC 9112.
    Malformed,
}

/// A field's name and value.
type Field<'a> = (&'a [u8], &'a [u8]);

/// A head that is being received.
pub struct HeadReader {
    bytes: Vec<u8>,
    max_bytes: usize,
}

/// With [`MAX_HEAD_BYTES`].
impl Default for HeadReader {
    fn default() -> HeadReader {
        HeadReader::with_limit(MAX_HEAD_BYTES)
    }
}

impl HeadReader {
    /// Creates a head of up to `max_bytes`, its end included.
    pub fn with_limit(max_bytes: usize) -> HeadReader {
        HeadReader { bytes: Vec::new(), max_bytes }
    }

    /// Returns how many more bytes surely belong to it: the rest of its end mark.
    pub fn wanted(&self) -> usize {
        let matched = (0..=END.len()).rev().find(|length| self.bytes.ends_with(&END[..*length]));
        let missing = END.len() - matched.unwrap_or(0);
        if missing == 0 { 0 } else { missing.max(SHORTEST.saturating_sub(self.bytes.len())) }
    }

    /// Takes a piece, of at most `wanted` bytes.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), HeadFault> {
        for byte in piece {
            let follows_return = self.bytes.last() == Some(&b'\r');
            let is_legal = match byte {
                // Every line ends with both, and neither stands alone.
                b'\n' => follows_return,
                _ if follows_return => false,
                b'\r' | b'\t' => true,
                byte => *byte >= b' ' && *byte != 0x7f,
            };
            if !is_legal {
                return Err(HeadFault::Malformed);
            }
            self.bytes.push(*byte);
        }
        if self.bytes.len() > self.max_bytes { Err(HeadFault::TooLong) } else { Ok(()) }
    }

    /// Returns the bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether the bytes cannot become an answer of HTTP/1: then its end is not waited for.
    pub(crate) fn cannot_be_answer(&self) -> bool {
        const VERSION: &[u8] = b"HTTP/1.";
        let known = self.bytes().len().min(VERSION.len());
        self.bytes()[..known] != VERSION[..known]
    }

    /// Parses the first line and the fields: names as they came, values without the space around them.
    pub fn parse(&self) -> Result<(&[u8], Vec<Field<'_>>), HeadFault> {
        let text = self.bytes.strip_suffix(END).ok_or(HeadFault::Malformed)?;
        let mut lines =
            text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        let mut fields = Vec::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').ok_or(HeadFault::Malformed)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            // No space before the colon, and no folded lines: both begin with something that is no token.
            if name.is_empty() || !name.iter().all(is_token) {
                return Err(HeadFault::Malformed);
            }
            fields.push((name, value));
        }
        if fields.len() > MAX_FIELDS { Err(HeadFault::TooLong) } else { Ok((first, fields)) }
    }
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &[u8]) -> Result<HeadReader, HeadFault> {
        let mut head = HeadReader::default();
        head.take(text).map(|()| head)
    }

    #[test]
    fn bytes_after_the_head_are_not_used() {
        for (text, wanted) in [("", 16), ("HTTP/1.0 200\r\n", 2), ("HTTP/1.0 200 fine and well", 4)] {
            assert_eq!(head(text.as_bytes()).unwrap().wanted(), wanted, "{text}");
        }
        assert_eq!(head(b"HTTP/1.0 200 all fine\r\na: b\r").unwrap().wanted(), 3);
        assert_eq!(head(b"HTTP/1.0 200\r\n\r\n").unwrap().wanted(), 0);
    }

    #[test]
    fn what_rfc_9112_forbids_is_refused() {
        for text in ["a\nb", "a\rb", "a\0", "a\x7f", "\n"] {
            assert_eq!(head(text.as_bytes()).err(), Some(HeadFault::Malformed), "{text:?}");
        }
        for text in
            ["GET /\r\na : b\r\n\r\n", "GET /\r\n b: c\r\n\r\n", "GET /\r\n: c\r\n\r\n", "GET /\r\nb\r\n\r\n"]
        {
            assert_eq!(head(text.as_bytes()).unwrap().parse().err(), Some(HeadFault::Malformed), "{text:?}");
        }
        let many = format!("GET /\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert_eq!(head(many.as_bytes()).unwrap().parse().err(), Some(HeadFault::TooLong));
        assert_eq!(head(&[b'a'; MAX_HEAD_BYTES + 1]).err(), Some(HeadFault::TooLong));
        let fields = head(b"GET /\r\nA-b:  c d\t\r\n\r\n").unwrap();
        assert_eq!(fields.parse(), Ok((&b"GET /"[..], vec![(&b"A-b"[..], &b"c d"[..])])));
    }
}
