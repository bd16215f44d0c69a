//! Several ranges in one answer: `multipart/byteranges`, RFC 9110, 14.6. Its length is known before it is sent.

use std::ops::Range;

use super::content_range;

/// The hexadecimal digits of a boundary.
const BOUNDARY_DIGITS: usize = 32;

/// The body of an answer with several parts. It holds their positions alone; a part's head is made when it is sent.
#[derive(Clone, Debug)]
pub struct ByteRanges {
    parts: Vec<Range<u64>>,
    size_bytes: u64,
    media_type: String,
    boundary: [u8; BOUNDARY_DIGITS],
}

/// A piece of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Literal(Vec<u8>),
    /// These bytes of the content.
    Content(Range<u64>),
}

impl Piece {
    /// Returns the length in bytes.
    pub fn len_bytes(&self) -> u64 {
        match self {
            Piece::Literal(bytes) => bytes.len() as u64,
            Piece::Content(range) => range.end.saturating_sub(range.start),
        }
    }
}

impl ByteRanges {
    /// Makes the body for parts of a content of this size and type, as [`super::ranges::Ranges::Many`] has them. The random
    /// bytes make a boundary that no content has by chance or intent.
    pub fn new(parts: Vec<Range<u64>>, size_bytes: u64, media_type: &str, random: [u8; 16]) -> ByteRanges {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut boundary = [0; BOUNDARY_DIGITS];
        for (pair, byte) in boundary.chunks_exact_mut(2).zip(random) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        ByteRanges { parts, size_bytes, media_type: media_type.to_owned(), boundary }
    }

    /// Returns the value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary_text())
    }

    /// Returns the value of `Content-Length`.
    pub fn len_bytes(&self) -> u64 {
        self.pieces().map(|piece| piece.len_bytes()).fold(0, u64::saturating_add)
    }

    /// Returns the number of pieces.
    pub fn count(&self) -> usize {
        2 * self.parts.len() + 1
    }

    /// Returns a piece by its number, from 0: heads and contents in turn, and the end. `None`: there is no such piece.
    pub fn piece(&self, index: usize) -> Option<Piece> {
        let boundary = self.boundary_text();
        let part = self.parts.get(index / 2);
        match (part, index % 2) {
            (Some(part), 0) => {
                let line_end = if index == 0 { "" } else { "\r\n" };
                let range = content_range::of_part(part, self.size_bytes);
                let media_type = &self.media_type;
                let head = format!(
                    "{line_end}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n"
                );
                Some(Piece::Literal(head.into_bytes()))
            }
            (Some(part), _) => Some(Piece::Content(part.clone())),
            (None, _) if index == 2 * self.parts.len() => {
                Some(Piece::Literal(format!("\r\n--{boundary}--\r\n").into_bytes()))
            }
            (None, _) => None,
        }
    }

    /// Returns all pieces in their order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> {
        (0..self.count()).filter_map(|index| self.piece(index))
    }

    fn boundary_text(&self) -> &str {
        // It has hexadecimal digits only.
        std::str::from_utf8(&self.boundary).unwrap_or_default()
    }
}
