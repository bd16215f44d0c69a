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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(multipart: &ByteRanges, content: &[u8]) -> Vec<u8> {
        let index = |position: u64| usize::try_from(position).unwrap();
        multipart
            .pieces()
            .flat_map(|piece| match piece {
                Piece::Literal(bytes) => bytes,
                Piece::Content(range) => content[index(range.start)..index(range.end)].to_vec(),
            })
            .collect()
    }

    #[test]
    fn it_is_written_as_the_rfc_has_it() {
        let multipart = ByteRanges::new(vec![0..2, 4..6], 6, "text/plain", [0xa5; 16]);
        let boundary = "a5".repeat(16);
        assert_eq!(multipart.content_type(), format!("multipart/byteranges; boundary={boundary}"));
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/6\r\n\r\nab\r\n\
             --{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-5/6\r\n\r\nef\r\n\
             --{boundary}--\r\n"
        );
        let body = body(&multipart, b"abcdef");
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        assert_eq!(multipart.len_bytes(), expected.len() as u64);
        assert_eq!((multipart.count(), multipart.piece(5)), (5, None));
    }

    #[test]
    fn the_longest_has_a_length() {
        let parts = (0..16).map(|n| n * 9..n * 9 + 5).collect();
        let multipart = ByteRanges::new(parts, u64::MAX, "application/octet-stream", [0; 16]);
        assert!(multipart.len_bytes() < 4 << 10);
        let all = ByteRanges::new(vec![0..1, 1..u64::MAX], u64::MAX, "text/plain", [0; 16]);
        assert_eq!(all.len_bytes(), u64::MAX);
    }

    proptest! {
        #[test]
        fn the_length_is_that_of_the_body(
            cuts in proptest::collection::btree_set(0_u64..300, 4..33),
            random in any::<[u8; 16]>(),
        ) {
            let cuts: Vec<u64> = cuts.into_iter().collect();
            let parts: Vec<Range<u64>> = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
            let multipart = ByteRanges::new(parts.clone(), 300, "image/png", random);
            let content: Vec<u8> = (0_u16..300).map(|n| n as u8).collect();
            let body = body(&multipart, &content);
            prop_assert_eq!(body.len() as u64, multipart.len_bytes());
            prop_assert_eq!(multipart.pieces().count(), multipart.count());
            let sent = multipart.pieces().filter_map(|piece| match piece {
                Piece::Content(range) => Some(range),
                Piece::Literal(_) => None,
            });
            prop_assert_eq!(sent.collect::<Vec<_>>(), parts);
        }
    }
}
