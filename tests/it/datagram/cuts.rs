//! `udp-send`: which bytes are lines, and how others are kept whole.

use crate::datagram::listen::listen;
use crate::datagram::send::{is_empty, next, server};
use crate::harness::{In, Out, sendall};

#[test]
fn bytes_that_are_no_text_are_not_cut_into_lines() {
    let (socket, address) = server();
    // Wake-on-LAN for a network card with a line feed in its address.
    let packet = [&[0xff; 6][..], &[0x02, 0x0a, 0x42, 0x0a, 0x00, 0x07].repeat(16)].concat();
    for bytes in [&packet[..], b"line\nline with \0 in it\n", b"gr\xf6\xdfe\n", b"half a sign: \xe2\x82"] {
        for input in [In::Bytes(bytes.to_vec()), In::file(bytes)] {
            let refused = sendall(&["udp-send", &address], input, Out::Collect).finish().expect(2);
            assert!(refused.stderr.contains("--each all"), "{}", refused.stderr);
            assert!(is_empty(&socket), "nothing was sent");
        }
    }
    let send = |options: &[&str], bytes: &[u8]| {
        let all = [&["udp-send", &address], options].concat();
        sendall(&all, In::Bytes(bytes.to_vec()), Out::Collect).finish().expect(0);
    };
    send(&["--each", "all"], &packet);
    assert_eq!(next(&socket), packet);
    // Whoever names lines means them.
    send(&["--each", "line"], b"gr\xf6\xdfe\n");
    assert_eq!(next(&socket), b"gr\xf6\xdfe");
    send(&[], "größe €\n".as_bytes());
    assert_eq!(next(&socket), "größe €".as_bytes());
    // Earlier lines of a stream that continues were sent before.
    let mut running = sendall(&["udp-send", &address], In::Open, Out::Collect);
    running.say(b"first\n");
    assert_eq!(next(&socket), b"first");
    running.say(b"second\nthird \0\n");
    running.finish().expect(2);
    assert!(is_empty(&socket));
}

#[test]
fn texts_read_escapes() {
    let (socket, address) = server();
    let texts = [r"a\r\n", r"\x00\xff\\", "größe", r"\0"];
    sendall(&[&["udp-send", &address], &texts[..]].concat(), In::Null, Out::Collect).finish().expect(0);
    for datagram in [&b"a\r\n"[..], b"\x00\xff\\", "größe".as_bytes(), b"\0"] {
        assert_eq!(next(&socket), datagram);
    }
    let refused =
        sendall(&["udp-send", &address, "fine", r"C:\new\q"], In::Null, Out::Collect).finish().expect(2);
    assert!(refused.stderr.contains(r"text 2: \q is not an escape"), "{}", refused.stderr);
    assert!(is_empty(&socket));
}

#[test]
fn lengths_stand_before_what_is_sent_and_what_comes_back() {
    let (_echo, address) = listen(&["--echo"], Out::Collect);
    let input = b"\0\x03a\nb\0\x01\0";
    let options = ["udp-send", &address, "--frame", "u16be", "--replies", "2"];
    let finished = sendall(&options, In::Bytes(input.to_vec()), Out::Collect).finish().expect(0);
    assert_eq!(finished.stdout, input);
    let idle =
        sendall(&["udp-send", &address, "x", "--frame", "u16be"], In::Null, Out::Collect).finish().expect(2);
    assert!(idle.stderr.contains("--replies"), "{}", idle.stderr);
}
