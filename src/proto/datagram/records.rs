//! Splits a stream of bytes into datagrams: lines, blocks, everything, records with a length prefix, or objects in lines.

use crate::proto::message_object;

/// The largest datagram, in bytes: the limit of UDP over IPv4.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;
/// The size of one read.
const CHUNK_BYTES: usize = 256 << 10;
/// The longest line with an object: JSON writes a byte in six at most; and there are other fields.
const MAX_OBJECT_BYTES: usize = 6 * MAX_DATAGRAM_BYTES + 4096;

/// The boundaries at which a stream is split into datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitAt {
    /// At line feeds, which are not sent. The rest after the last one is a datagram, too.
    Lines,
    /// After this many bytes. The last datagram may be smaller.
    Blocks(usize),
    /// Nowhere: the whole stream is one datagram.
    All,
    /// By `u16be` prefixes: two bytes with the length, most significant first, then the payload.
    U16be,
    /// At line feeds; each line is an object that holds a datagram: see [`message_object`].
    Objects,
}

/// The reason why a stream cannot be split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRecord {
    /// Larger than a datagram can be.
    TooLarge,
    /// The stream ended within a record.
    Incomplete,
    /// Not an object that holds a datagram: why, and what to type.
    NoObject(String),
}

/// Splits a stream that arrives in pieces of any size. It holds at most one chunk and one datagram.
pub struct Splitter {
    split_at: SplitAt,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// There is no line feed before this offset.
    searched: usize,
    has_ended: bool,
    is_over: bool,
    /// The datagram that an object holds.
    held_by_object: Vec<u8>,
}

impl Splitter {
    /// Creates a splitter without input.
    pub fn new(split_at: SplitAt) -> Splitter {
        Splitter {
            split_at,
            bytes: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
            has_ended: false,
            is_over: false,
            held_by_object: Vec::new(),
        }
    }

    /// Returns the buffer for the next input: fill it, then call [`Splitter::filled`]. Never empty after
    /// [`Splitter::next_datagram`] had nothing.
    pub fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        self.searched -= self.start;
        (self.start, self.end) = (0, self.end - self.start);
        if self.bytes.is_empty() {
            self.bytes.resize(CHUNK_BYTES + self.longest() + 1, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Records that the first `count` bytes of the space were filled; 0: the stream has ended.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
        self.has_ended |= count == 0;
    }

    /// Returns true if the stream has ended and every datagram was returned.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns the next datagram; `None` if more input is needed, or the stream is over.
    ///
    /// # Errors
    /// The next record cannot be a datagram. The rest of the stream must not be read.
    pub fn next_datagram(&mut self) -> Result<Option<&[u8]>, BadRecord> {
        let found = match self.split_at {
            SplitAt::Lines | SplitAt::Objects => self.line()?,
            SplitAt::Blocks(size) => self.block(size),
            SplitAt::All => self.all()?,
            SplitAt::U16be => self.prefixed()?,
        };
        self.is_over = self.has_ended && found.is_none();
        let found = found.map(|(from, to)| &self.bytes[from..to]);
        let (SplitAt::Objects, Some(line)) = (self.split_at, found) else { return Ok(found) };
        self.held_by_object = message_object::parse(line).map_err(BadRecord::NoObject)?;
        if self.held_by_object.len() > MAX_DATAGRAM_BYTES {
            return Err(BadRecord::TooLarge);
        }
        Ok(Some(&self.held_by_object))
    }

    /// The longest line, in bytes.
    fn longest(&self) -> usize {
        if self.split_at == SplitAt::Objects { MAX_OBJECT_BYTES } else { MAX_DATAGRAM_BYTES }
    }

    fn held(&self) -> usize {
        self.end - self.start
    }

    /// Removes `size` bytes, with `before` bytes before and `after` bytes after them. Returns their range.
    fn take(&mut self, before: usize, size: usize, after: usize) -> (usize, usize) {
        let from = self.start + before;
        self.start = from + size + after;
        self.searched = self.start;
        (from, from + size)
    }

    fn line(&mut self) -> Result<Option<(usize, usize)>, BadRecord> {
        match memchr::memchr(b'\n', &self.bytes[self.searched..self.end]) {
            Some(at) => {
                let size = self.searched + at - self.start;
                if size > self.longest() { Err(BadRecord::TooLarge) } else { Ok(Some(self.take(0, size, 1))) }
            }
            None if self.held() > self.longest() => Err(BadRecord::TooLarge),
            None if self.has_ended && self.held() > 0 => Ok(Some(self.take(0, self.held(), 0))),
            None => {
                self.searched = self.end;
                Ok(None)
            }
        }
    }

    fn block(&mut self, size: usize) -> Option<(usize, usize)> {
        if self.held() >= size {
            return Some(self.take(0, size, 0));
        }
        (self.has_ended && self.held() > 0).then(|| self.take(0, self.held(), 0))
    }

    fn all(&mut self) -> Result<Option<(usize, usize)>, BadRecord> {
        if self.held() > MAX_DATAGRAM_BYTES {
            return Err(BadRecord::TooLarge);
        }
        // Once, even without input: an empty stream is an empty datagram.
        let is_first = self.has_ended && self.split_at == SplitAt::All;
        if is_first {
            self.split_at = SplitAt::Lines;
        }
        Ok(is_first.then(|| self.take(0, self.held(), 0)))
    }

    fn prefixed(&mut self) -> Result<Option<(usize, usize)>, BadRecord> {
        let held = &self.bytes[self.start..self.end];
        if let Some((prefix, rest)) = held.split_first_chunk::<2>() {
            let size = usize::from(u16::from_be_bytes(*prefix));
            if size > MAX_DATAGRAM_BYTES {
                return Err(BadRecord::TooLarge);
            }
            if rest.len() >= size {
                return Ok(Some(self.take(2, size, 0)));
            }
        }
        if self.has_ended && !held.is_empty() { Err(BadRecord::Incomplete) } else { Ok(None) }
    }
}

/// Distinguishes text (UTF-8 without NUL) from other bytes, in pieces of any size.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextCheck {
    /// The beginning of a character that continues in the next piece.
    partial: [u8; 4],
    partial_bytes: usize,
}

impl TextCheck {
    /// Returns false if `piece` cannot continue a text.
    pub fn admits(&mut self, mut piece: &[u8]) -> bool {
        if memchr::memchr(0, piece).is_some() {
            return false;
        }
        while self.partial_bytes > 0 {
            let Some((next, rest)) = piece.split_first() else { return true };
            self.partial[self.partial_bytes] = *next;
            (self.partial_bytes, piece) = (self.partial_bytes + 1, rest);
            match std::str::from_utf8(&self.partial[..self.partial_bytes]) {
                Ok(_) => self.partial_bytes = 0,
                // A character has at most four bytes: with the fourth it is complete or invalid.
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let rest = &piece[error.valid_up_to()..];
                self.partial[..rest.len()].copy_from_slice(rest);
                self.partial_bytes = rest.len();
                true
            }
        }
    }

    /// Returns false if the last character is incomplete.
    pub fn is_whole(&self) -> bool {
        self.partial_bytes == 0
    }
}

/// Returns the prefix of a record of this size, if it fits into two bytes.
pub fn u16be(size_bytes: usize) -> Option<[u8; 2]> {
    u16::try_from(size_bytes).ok().map(u16::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The datagrams of `stream`, which arrives in pieces of `piece` bytes.
    fn split(at: SplitAt, stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, BadRecord> {
        let (mut splitter, mut rest, mut found) = (Splitter::new(at), stream, Vec::new());
        loop {
            while let Some(datagram) = splitter.next_datagram()? {
                assert!(datagram.len() <= MAX_DATAGRAM_BYTES);
                found.push(datagram.to_vec());
            }
            if splitter.is_over() {
                return Ok(found);
            }
            let space = splitter.space();
            assert!(!space.is_empty());
            let count = rest.len().min(piece).min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            splitter.filled(count);
            rest = &rest[count..];
        }
    }

    #[test]
    fn each_way_of_cutting_in_small_pieces() {
        for piece in [1, 2, 3, 1 << 20] {
            let list = |parts: &[&[u8]]| Ok(parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>());
            assert_eq!(split(SplitAt::Lines, b"ab\n\nc\r\nd", piece), list(&[b"ab", b"", b"c\r", b"d"]));
            assert_eq!(split(SplitAt::Lines, b"a\n", piece), list(&[b"a"]));
            assert_eq!(split(SplitAt::Lines, b"", piece), list(&[]));
            assert_eq!(split(SplitAt::Blocks(3), b"abcdefg", piece), list(&[b"abc", b"def", b"g"]));
            assert_eq!(split(SplitAt::All, b"a\nb", piece), list(&[b"a\nb"]));
            assert_eq!(split(SplitAt::All, b"", piece), list(&[b""]));
            let objects = br#"{"text":"a\nb","base64":null}
{"base64":"/wA="}
{"text":""}"#;
            assert_eq!(split(SplitAt::Objects, objects, piece), list(&[b"a\nb", b"\xff\0", b""]));
            let bad = split(SplitAt::Objects, b"{\"text\":\"a\"}\nb\n", piece);
            assert!(matches!(bad, Err(BadRecord::NoObject(_))), "{bad:?}");
            assert_eq!(split(SplitAt::U16be, b"\0\x02ab\0\0\0\x01c", piece), list(&[b"ab", b"", b"c"]));
            for part in [&b"\0"[..], b"\0\x02a", b"\0\x01a\0"] {
                assert_eq!(split(SplitAt::U16be, part, piece), Err(BadRecord::Incomplete));
            }
        }
    }

    #[test]
    fn the_largest_passes_and_one_more_byte_does_not() {
        let large = vec![b'x'; MAX_DATAGRAM_BYTES + 1];
        let with_end = [&large[1..], b"\n"].concat();
        for piece in [4096, 1 << 20] {
            for how in [SplitAt::Lines, SplitAt::All] {
                assert_eq!(split(how, &large[1..], piece), Ok(vec![large[1..].to_vec()]));
                assert_eq!(split(how, &large, piece), Err(BadRecord::TooLarge));
            }
            assert_eq!(split(SplitAt::Lines, &with_end, piece), Ok(vec![large[1..].to_vec()]));
            assert_eq!(split(SplitAt::Lines, &[&large[..], b"\n"].concat(), piece), Err(BadRecord::TooLarge));
        }
        let object = |size: usize| format!(r#"{{"text":"{}"}}"#, r"\u0001".repeat(size)).into_bytes();
        let held = split(SplitAt::Objects, &object(MAX_DATAGRAM_BYTES), 1 << 20);
        assert_eq!(held.map(|held| held[0].len()), Ok(MAX_DATAGRAM_BYTES));
        let larger = split(SplitAt::Objects, &object(MAX_DATAGRAM_BYTES + 1), 1 << 20);
        assert_eq!(larger, Err(BadRecord::TooLarge));
        assert_eq!(split(SplitAt::U16be, &[0xff, 0xe4], 1), Err(BadRecord::TooLarge));
        assert_eq!(split(SplitAt::U16be, &[0xff, 0xe3], 1), Err(BadRecord::Incomplete));
    }

    /// True if `stream`, checked in pieces of `piece` bytes, is text.
    fn is_text(stream: &[u8], piece: usize) -> bool {
        let mut check = TextCheck::default();
        stream.chunks(piece).all(|piece| check.admits(piece)) && check.is_whole()
    }

    #[test]
    fn text_is_distinguished_from_other_bytes() {
        for piece in 1..6 {
            assert!(is_text("größe\n\u{10ffff}\n\t\x1b€".as_bytes(), piece));
            for other in
                [&b"a\0"[..], b"\xff", b"gr\xf6\xdfe", b"\xe2\x82", b"\xf0\x9f\x98x", b"\xed\xa0\x80"]
            {
                assert!(!is_text(other, piece), "{other:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn text_is_what_the_library_takes_for_it(
            stream in prop::collection::vec(
                prop::sample::select(vec![1, b'x', 0x80, 0xbf, 0xc3, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xf4, 0xff]), 0..12),
            piece in 1..5usize,
        ) {
            prop_assert_eq!(is_text(&stream, piece), std::str::from_utf8(&stream).is_ok());
        }

        #[test]
        fn pieces_do_not_matter(
            stream in prop::collection::vec(prop::sample::select(vec![b'\n', 0, 1, 2, b'x']), 0..64),
            piece in 1..4usize,
            size in 1..9usize,
        ) {
            for how in [SplitAt::Lines, SplitAt::Blocks(size), SplitAt::All, SplitAt::U16be] {
                prop_assert_eq!(split(how, &stream, piece), split(how, &stream, 64));
            }
        }

        #[test]
        fn what_was_prefixed_is_cut_again(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9),
        ) {
            let mut stream = Vec::new();
            for record in &records {
                stream.extend(u16be(record.len()).unwrap());
                stream.extend(record);
            }
            prop_assert_eq!(split(SplitAt::U16be, &stream, 3), Ok(records));
        }
    }
}
