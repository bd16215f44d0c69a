//! Datagrams of one size, back to back, as the kernel's segmentation takes them.

/// All of them together are one buffer of the kernel, which is no larger than a datagram.
pub(super) const MAX_BYTES: usize = super::LARGEST_BYTES;
/// Segments must fit into a packet: this is safe from Ethernet's 1500 bytes on, with any headers of IPv6.
pub(super) const LARGEST_SEGMENT_BYTES: usize = 1424;

/// Datagrams to one peer: all of the first one's size, but for the last, which may be smaller.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    start: usize,
    segment_bytes: usize,
    count: usize,
    is_closed: bool,
}

impl Batch {
    /// Appends a datagram; false if it cannot go together with those that are there, of which there may be `limit`.
    pub fn push(&mut self, datagram: &[u8], limit: usize) -> bool {
        if self.count == 0 {
            self.bytes.clear();
            (self.start, self.segment_bytes) = (0, datagram.len());
            self.is_closed = datagram.is_empty() || datagram.len() > LARGEST_SEGMENT_BYTES;
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

    /// How many datagrams there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The size of each but the last.
    pub(super) fn segment_bytes(&self) -> usize {
        self.segment_bytes
    }

    /// The first one.
    pub(super) fn first(&self) -> Option<&[u8]> {
        let bytes = self.bytes();
        (self.count > 0).then(|| &bytes[..self.segment_bytes.min(bytes.len())])
    }

    /// The first one was sent.
    pub(super) fn take_first(&mut self) {
        self.start = (self.start + self.segment_bytes).min(self.bytes.len());
        self.count -= 1;
    }

    /// All were sent: how many that were.
    pub(super) fn take_all(&mut self) -> usize {
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
        assert!(!batch.push(b"h", 64), "behind a smaller one");
        assert_eq!((batch.count(), batch.bytes(), batch.segment_bytes()), (3, &b"abcdefg"[..], 3));
        for datagram in [&b"abc"[..], b"def", b"g"] {
            assert_eq!(batch.first(), Some(datagram));
            batch.take_first();
        }
        assert_eq!(batch.first(), None);
        assert!(batch.push(b"", 64) && !batch.push(b"", 64), "an empty one is alone");
        assert_eq!(batch.first(), Some(&b""[..]));
        assert_eq!(batch.take_all(), 1);
        assert!(batch.push(&[0; 60_000], 64) && !batch.push(&[0; 1], 64), "a large one is alone");
        batch.take_first();
        assert!(batch.push(b"ab", 2) && batch.push(b"ab", 2) && !batch.push(b"ab", 2), "over the limit");
        batch.take_all();
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
