//! `udp-listen`: every datagram is one record, and what cannot be is counted.

use crate::harness::{In, Out, sendall};

#[test]
fn a_datagram_becomes_a_line() {
    let listener = sendall(&["udp-listen", "--count", "1", "0"], In::Null, Out::Collect);
    for address in listener.listening(2) {
        assert!(address.ends_with(&format!(":{}", listener.port())), "{address}");
    }
    let address = listener.listening(1).remove(0);
    sendall(&["udp-send", &address, "hello"], In::Null, Out::Collect).finish().expect(0);
    assert_eq!(listener.finish().expect(0).stdout, b"hello\n");
}
