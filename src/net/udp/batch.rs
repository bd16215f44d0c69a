//! Datagrams of one size, back to back, as the kernel's segmentation takes them.

/// The most bytes of a batch: the kernel takes it as one buffer, which is no larger than a datagram.
pub(super) const MAX_BYTES: usize = super::MAX_DATAGRAM_BYTES;
/// The most bytes of a segment, which must fit into a packet: safe from Ethernet's 1500 bytes on, with any IPv6
/// headers.
pub(super) const MAX_SEGMENT_BYTES: usize = 1424;

/// Datagrams to one peer: all have the size of the first, but for the last, which may be smaller.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    start: usize,
    segment_bytes: usize,
    count: usize,
    /// No datagram can follow: the last one is smaller, empty or too large for a segment.
    is_closed: bool,
}

impl Batch {
    /// Appends a datagram. False if the batch cannot hold it, or holds `limit` datagrams already.
    pub fn push(&mut self, datagram: &[u8], limit: usize) -> bool {
        if self.count == 0 {
            self.bytes.clear();
            (self.start, self.segment_bytes) = (0, datagram.len());
            self.is_closed = datagram.is_empty() || datagram.len() > MAX_SEGMENT_BYTES;
        } else if self.is_closed
            || datagram.is_empty()
            || datagram.len() > self.segment_bytes
            || self.count >= limit
            || self.bytes().len() + datagram.len() > MAX_BYTES
        {
            return false;
        } else {
            self.is_closed = datagram.len() < self.segment_bytes;
        }
        self.bytes.extend_from_slice(datagram);
        self.count += 1;
        true
    }

    /// The number of datagrams.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes of all datagrams, back to back.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The size of each datagram but the last.
    pub(super) fn segment_bytes(&self) -> usize {
        self.segment_bytes
    }

    /// The first datagram.
    pub fn first(&self) -> Option<&[u8]> {
        let bytes = self.bytes();
        (self.count > 0).then(|| &bytes[..self.segment_bytes.min(bytes.len())])
    }

    /// Removes the first datagram, which was sent or cannot be.
    pub fn remove_first(&mut self) {
        self.start = (self.start + self.segment_bytes).min(self.bytes.len());
        self.count -= 1;
    }

    /// Removes all datagrams, which were sent. Returns their number.
    pub(super) fn remove_all(&mut self) -> usize {
        self.start = self.bytes.len();
        std::mem::take(&mut self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sizes_go_together_and_a_smaller_one_ends_it() {
        let mut batch = Batch::default();
        assert!(batch.push(b"abc", 64) && batch.push(b"def", 64) && batch.push(b"g", 64));
        assert!(!batch.push(b"h", 64), "after a smaller one");
        assert_eq!((batch.count(), batch.bytes(), batch.segment_bytes()), (3, &b"abcdefg"[..], 3));
        for datagram in [&b"abc"[..], b"def", b"g"] {
            assert_eq!(batch.first(), Some(datagram));
            batch.remove_first();
        }
        assert_eq!(batch.first(), None);
        assert!(batch.push(b"", 64) && !batch.push(b"", 64), "an empty one is alone");
        assert_eq!(batch.first(), Some(&b""[..]));
        assert_eq!(batch.remove_all(), 1);
        assert!(batch.push(&[0; 60_000], 64) && !batch.push(&[0; 1], 64), "a large one is alone");
        batch.remove_first();
        assert!(batch.push(b"ab", 2) && batch.push(b"ab", 2) && !batch.push(b"ab", 2), "over the limit");
        batch.remove_all();
        assert!(batch.push(b"ab", 64) && !batch.push(b"abc", 64), "a larger one");
    }

    #[test]
    fn a_batch_is_no_larger_than_a_datagram() {
        let mut batch = Batch::default();
        while batch.push(&[0; 1424], usize::MAX) {}
        assert_eq!(batch.count(), 46);
        assert!(batch.bytes().len() <= MAX_BYTES);
    }
}
