//! Arbitrary bytes, in arbitrary pieces and with little room for replies, to the reader of Telnet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::telnet::Telnet;

const MOST_REPLIES: usize = 7;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let (mut whole, mut all) = (Vec::new(), Vec::new());
    assert_eq!(Telnet::default().take(&bytes, &mut whole, &mut all, usize::MAX), bytes.len());
    assert!(whole.len() + all.len() <= bytes.len());
    let (mut telnet, mut data, mut replies) = (Telnet::default(), Vec::new(), Vec::new());
    for mut rest in bytes.chunks(usize::from(piece).max(1)) {
        while !rest.is_empty() {
            let mut some = Vec::new();
            let used = telnet.take(rest, &mut data, &mut some, MOST_REPLIES);
            assert!(some.len() <= MOST_REPLIES && (used == rest.len() || !some.is_empty()));
            replies.extend(some);
            rest = &rest[used..];
        }
    }
    assert_eq!((whole, all), (data, replies));
});
