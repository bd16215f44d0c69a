//! `udp-listen --interactive`: no line of stdin is lost without a word.

use std::net::UdpSocket;

use crate::datagram::listen::{client, heard};
use crate::harness::{In, LIMIT, Out, Running, sendall};

const TYPED: [&str; 5] = ["udp-listen", "127.0.0.1:0", "--interactive", "--until", "exit"];

fn start(options: &[&str], input: In) -> (Running, String) {
    let listener = sendall(&[&TYPED, options].concat(), input, Out::Collect);
    let address = listener.listening(1).remove(0);
    (listener, address)
}

#[test]
fn typed_lines_go_to_the_peer_that_sent_last() {
    let (mut listener, address) = start(&[], In::Open);
    listener.say(b"early\n");
    let is_noted = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("no peer yet");
    assert!(listener.stderr.wait(LIMIT, is_noted), "{}", listener.stderr.text());
    let (one, other) = (client(&address), client(&address));
    one.send(b"first").expect("sent");
    assert_eq!(heard(&one), b"early", "kept until there is a peer");
    other.send(b"second").expect("sent");
    listener.expect_output(b"first\nsecond\n");
    listener.say(b"what\n");
    assert_eq!(heard(&other), b"what");
    listener.say(b"a line that is larger than what came in\nexit\n");
    let finished = listener.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert!(finished.stderr.contains("--amplify-ok"), "{}", finished.stderr);
    assert!(finished.stderr.contains("1 not delivered"), "{}", finished.stderr);
}

#[test]
fn bytes_that_are_no_text_are_no_lines() {
    for bytes in [&b"a\nb\0\n"[..], b"\xff\n", b"half \xe2\x82"] {
        let (listener, _) = start(&[], In::Bytes(bytes.to_vec()));
        let refused = listener.finish().expect(2);
        assert!(refused.stderr.contains("udp-send --each all"), "{}", refused.stderr);
    }
}

#[test]
fn lines_wait_for_the_rate() {
    let lines: String = (0..250).map(|number| format!("{number}\n")).collect();
    let input = In::Bytes(format!("{lines}exit\n").into_bytes());
    let (listener, address) = start(&["--amplify-ok", "--max-answers", "100"], input);
    let socket = client(&address);
    socket.send(b"hi").expect("sent");
    for number in 0..250 {
        assert_eq!(heard(&socket), number.to_string().as_bytes());
    }
    listener.finish().expect(0);
}

#[test]
fn the_last_line_ends_it_before_any_datagram() {
    let (mut listener, _) = start(&[], In::Open);
    listener.say(b"exit\n");
    listener.finish().expect(0);
    let (mut listener, _) = start(&[], In::Open);
    listener.say(b"lost\nexit\n");
    let finished = listener.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert!(finished.stderr.contains("1 not delivered"), "{}", finished.stderr);
    // Piped input waits, also after its end.
    let (listener, address) = start(&[], In::Bytes(b"hi\n".to_vec()));
    let socket = client(&address);
    socket.send(b"you").expect("sent");
    assert_eq!(heard(&socket), b"hi");
    listener.finish().expect(0);
}

#[test]
fn lines_to_a_peer_that_was_named_reach_it_or_fail() {
    let there = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    there.set_read_timeout(Some(LIMIT)).expect("a limit");
    let to = there.local_addr().expect("an address").to_string();
    let (listener, _) = start(&["--to", &to], In::Bytes(b"to you\n".to_vec()));
    assert_eq!(heard(&there), b"to you");
    listener.finish().expect(0);
    drop(there);
    // Only Linux reports refusals to a socket that is not connected.
    if cfg!(sendall_portable) {
        return;
    }
    for lines in ["one\n", "one\ntwo\nexit\n"] {
        let (listener, _) = start(&["--to", &to], In::Bytes(lines.into()));
        let finished = listener.finish().expect(3);
        assert!(finished.stderr.contains("nothing listens there"), "{}", finished.stderr);
    }
    let (listener, _) = start(&["--to", "255.255.255.255:9"], In::Bytes(b"x\n".to_vec()));
    assert_ne!(listener.finish().code, 0);
    let (listener, _) = start(&["--to", &to, "--idle-timeout", "20s"], In::Open);
    let mut listener = listener;
    listener.say(b"x\n");
    listener.finish().expect(3);
}

#[test]
fn a_named_peer_of_another_family_than_the_only_socket_is_an_error() {
    let options = ["udp-listen", "0", "--interactive", "--connected", "--to", "[::1]:9999"];
    let listener = sendall(&options, In::Open, Out::Collect);
    let addresses = listener.listening(2);
    let v4 = addresses.iter().find(|address| address.starts_with("127.")).expect("IPv4");
    client(v4).send(b"x").expect("sent");
    let finished = listener.finish().expect(3);
    assert!(finished.stderr.contains("another family"), "{}", finished.stderr);
}

#[test]
fn a_line_that_is_too_large_is_noted_without_options_of_other_commands() {
    let (listener, _) = start(&["--to", "127.0.0.1:9"], In::Bytes(vec![b'x'; 70_000]));
    let finished = listener.finish().expect(2);
    assert!(!finished.stderr.contains("--each"), "{}", finished.stderr);
}
