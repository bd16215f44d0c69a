//! Arbitrary bytes in arbitrary pieces, cut into datagrams in each way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::datagram::records::{BadRecord, SplitAt, MAX_DATAGRAM_BYTES, Splitter};

fuzz_target!(|input: (u16, u8, Vec<u8>)| {
    let (size, piece, bytes) = input;
    let size = usize::from(size).clamp(1, MAX_DATAGRAM_BYTES);
    for how in [SplitAt::Lines, SplitAt::Blocks(size), SplitAt::All, SplitAt::U16be, SplitAt::Objects] {
        let in_pieces = cut(how, &bytes, usize::from(piece).max(1));
        assert_eq!(in_pieces, cut(how, &bytes, usize::MAX));
    }
});

fn cut(how: SplitAt, bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, BadRecord> {
    let (mut splitter, mut rest, mut found) = (Splitter::new(how), bytes, Vec::new());
    loop {
        while let Some(datagram) = splitter.next_datagram()? {
            assert!(datagram.len() <= MAX_DATAGRAM_BYTES);
            found.push(datagram.to_vec());
        }
        if splitter.is_over() {
            return Ok(found);
        }
        let space = splitter.space();
        let count = rest.len().min(piece).min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        splitter.filled(count);
        rest = &rest[count..];
    }
}
