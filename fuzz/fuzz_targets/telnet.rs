//! Arbitrary bytes, whole and in arbitrary pieces, to the reader of Telnet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::relay::telnet::TelnetParser;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let (mut whole, mut all) = (Vec::new(), Vec::new());
    TelnetParser::default().take(&bytes, &mut whole, &mut all);
    assert!(whole.len() + all.len() <= bytes.len());
    let (mut telnet, mut data, mut replies) = (TelnetParser::default(), Vec::new(), Vec::new());
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        telnet.take(piece, &mut data, &mut replies);
    }
    assert_eq!((whole, all), (data, replies));
});
