//! Big-endian fields of fixed size.

use super::violation::Violation;

/// The longest text of a frame, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 1024;

const SHORT: Violation = Violation::Malformed("a field reaches beyond its frame");

/// Reads fields one after the other; a read beyond the end is a violation.
pub(crate) struct FieldReader<'a> {
    rest: &'a [u8],
}

impl<'a> FieldReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        FieldReader { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Violation> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Violation> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Violation> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Violation> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads the next extension, if there is one: its type and its value.
    pub(crate) fn extension(&mut self) -> Result<Option<(u16, &'a [u8])>, Violation> {
        if self.is_empty() {
            return Ok(None);
        }
        let code = self.u16()?;
        let length = self.u16()?;
        Ok(Some((code, self.bytes(length.into())?)))
    }

    /// Reads a text of `length` bytes for people. Invalid UTF-8 is replaced.
    pub(crate) fn text(&mut self, length: usize) -> Result<String, Violation> {
        if length > MAX_TEXT_BYTES {
            return Err(Violation::Length { what: "a text", length: length as u64 });
        }
        Ok(String::from_utf8_lossy(self.bytes(length)?).into_owned())
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), Violation> {
        if self.is_empty() { Ok(()) } else { Err(Violation::Malformed("a frame is longer than its fields")) }
    }
}

/// Returns the part of a text that fits into a frame.
pub(crate) fn clipped(text: &str) -> &str {
    let end = (0..=MAX_TEXT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Encodes a length that the caller has bounded far below 65,536.
pub(crate) fn length_u16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}
