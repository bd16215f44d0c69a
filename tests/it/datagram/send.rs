//! `udp-send`: from arguments and stdin, whole or not at all, with replies.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::datagram::listen::{client, counts, listen};
use crate::harness::others::free_port;
use crate::harness::{In, LIMIT, Out, assert_within, now, payload, sendall};

const LARGEST: usize = 65_507;

/// A socket of this test, and its address.
pub(crate) fn server() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    let address = socket.local_addr().expect("an address").to_string();
    (socket, address)
}

#[track_caller]
pub(crate) fn next(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    let (count, _) = socket.recv_from(&mut buffer).expect("a datagram");
    buffer.truncate(count);
    buffer
}

pub(crate) fn is_empty(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).expect("non-blocking");
    let result = socket.recv(&mut [0; 16]);
    socket.set_nonblocking(false).expect("blocking");
    result.is_err()
}

#[test]
fn texts_and_lines_are_datagrams() {
    let (socket, address) = server();
    let (host, port) = address.split_once(':').expect("HOST:PORT");
    sendall(&["udp-send", host, port, "a b", "", "c"], In::Null, Out::Collect).finish().expect(0);
    for text in [&b"a b"[..], b"", b"c"] {
        assert_eq!(next(&socket), text);
    }
    let lines = In::Bytes(b"one\n\nthree\r\nlast".to_vec());
    sendall(&["udp-send", &address], lines, Out::Collect).finish().expect(0);
    for line in [&b"one"[..], b"", b"three\r", b"last"] {
        assert_eq!(next(&socket), line);
    }
    assert!(is_empty(&socket));
}

#[test]
fn a_unix_socket_that_sends_has_a_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let (there, here) = (dir.path().join("there"), dir.path().join("here"));
    let socket = std::os::unix::net::UnixDatagram::bind(&there).expect("a socket");
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    let (to, from) = (format!("unix:{}", there.display()), format!("unix:{}", here.display()));
    let options = ["udp-send", &to, "ping", "--source", &from, "--replies", "1"];
    let running = sendall(&options, In::Null, Out::Collect);
    let mut buffer = [0; 16];
    let (count, peer) = socket.recv_from(&mut buffer).expect("a datagram");
    assert_eq!((&buffer[..count], peer.as_pathname()), (&b"ping"[..], Some(here.as_path())));
    socket.send_to(b"pong", &here).expect("sent");
    assert_eq!(running.finish().expect(0).stdout, b"pong\n");
    assert!(!here.exists(), "its file is gone");
}

/// What one side writes with any bytes in it, the other one sends again.
#[test]
fn objects_are_sent_as_they_were_received() {
    let datagrams = [&b"a\nb"[..], b"\xff\0", b"", "caf\u{e9}".as_bytes()];
    let (listener, address) = listen(&["--each", "json", "--count", "4"], Out::Collect);
    let socket = client(&address);
    datagrams.iter().for_each(|datagram| assert!(socket.send(datagram).is_ok()));
    let objects = listener.finish().expect(0).stdout;
    let (again, address) = listen(&["--frame", "u16be", "--count", "4"], Out::Collect);
    sendall(&["udp-send", &address, "--each", "json"], In::Bytes(objects), Out::Collect).finish().expect(0);
    let prefixed = datagrams.map(|datagram| [&[0, datagram.len() as u8], datagram].concat()).concat();
    assert_eq!(again.finish().expect(0).stdout, prefixed);
    let options = ["udp-send", &address, "--each", "json"];
    let finished = sendall(&options, In::Bytes(b"hello\n".to_vec()), Out::Collect).finish().expect(1);
    assert!(
        finished
            .stderr
            .contains(r#"line 1 of stdin is not a datagram: it is not such an object; type {"text":"#)
    );
}

#[test]
fn silence_may_be_the_end_of_stdin() {
    let (socket, address) = server();
    let mut running = sendall(&["udp-send", &address, "--idle-timeout", "300ms"], In::Open, Out::Collect);
    running.say(b"a line\n");
    assert_eq!(next(&socket), b"a line");
    running.finish().expect(0);
    let silent = sendall(&["udp-send", &address, "--idle-timeout", "100ms"], In::Open, Out::Collect);
    assert!(silent.finish().expect(4).stderr.contains("--idle-timeout"));
    // Replies are no silence, and what is waited for afterwards is as ever.
    let options = ["udp-send", &address, "--idle-timeout", "400ms", "--wait", "10ms"];
    let mut running = sendall(&options, In::Open, Out::Collect);
    running.say(b"x\n");
    let mut buffer = [0; 16];
    let (_, peer) = socket.recv_from(&mut buffer).expect("a datagram");
    for _ in 0..4 {
        assert!(!running.ends_within(Duration::from_millis(150)));
        socket.send_to(b"y", peer).expect("sent");
    }
    assert_eq!(running.finish().expect(0).stdout, b"y\n".repeat(4));
    // A pause of one's own is none.
    let paced = ["udp-send", &address, "--idle-timeout", "50ms", "--interval", "120ms"];
    sendall(&paced, In::Bytes(b"1\n2\n3\n".to_vec()), Out::Collect).finish().expect(0);
    assert_eq!([next(&socket), next(&socket), next(&socket)], [b"1", b"2", b"3"]);
}

#[test]
fn stdin_is_cut_as_asked_and_repeated() {
    let (socket, address) = server();
    type Case<'a> = (&'a [&'a str], &'a [u8], &'a [&'a [u8]]);
    let cases: [Case<'_>; 5] = [
        (&["--each", "3"], b"abcdefgh", &[b"abc", b"def", b"gh"]),
        (&["--each", "all"], b"a\nb\n", &[b"a\nb\n"]),
        (&["--each", "all"], b"", &[b""]),
        (&["--each", "u16be"], b"\0\x01a\0\0", &[b"a", b""]),
        (&["--repeat", "2", "--until", "exit"], b"x\ny\nexit\nz\n", &[b"x", b"x", b"y", b"y"]),
    ];
    for (options, input, expected) in cases {
        for input in [In::Bytes(input.to_vec()), In::file(input)] {
            let options = [&["udp-send", &address][..], options].concat();
            sendall(&options, input, Out::Collect).finish().expect(0);
            for datagram in expected {
                assert_eq!(next(&socket), *datagram, "{options:?}");
            }
            assert!(is_empty(&socket), "{options:?}");
        }
    }
}

#[test]
fn what_is_too_large_is_refused_and_nothing_is_cut_in_two() {
    let (socket, address) = server();
    let text = "x".repeat(LARGEST + 1);
    let finished =
        sendall(&["udp-send", &address, "first", &text], In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("65507"), "{}", finished.stderr);
    for each in ["all", "line"] {
        let input = In::Bytes(text.clone().into_bytes());
        sendall(&["udp-send", "--each", each, &address], input, Out::Collect).finish().expect(2);
    }
    assert!(is_empty(&socket), "something was sent");
    let whole = In::Bytes(text[1..].into());
    sendall(&["udp-send", "--each", "all", &address], whole, Out::Collect).finish().expect(0);
    assert_eq!(next(&socket).len(), LARGEST);
    let half = In::Bytes(b"\0\x01a\0\x02b".to_vec());
    sendall(&["udp-send", "--each", "u16be", &address], half, Out::Collect).finish().expect(1);
    assert_eq!(next(&socket), b"a");
    assert!(is_empty(&socket));
}

#[test]
fn a_closed_port_is_exit_code_3() {
    let port = format!("127.0.0.1:{}", free_port());
    let finished = sendall(&["udp-send", &port, "x"], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("nothing listens there"), "{}", finished.stderr);
    let many = In::Bytes(payload(1 << 20));
    sendall(&["udp-send", "--each", "100", &port], many, Out::Collect).finish().expect(3);
    let waits = ["udp-send", &port, "x", "--wait", "20s"];
    sendall(&waits, In::Null, Out::Collect).finish().expect(3);
    let nowhere = ["udp-send", "unix:/nonexistent/socket", "x"];
    sendall(&nowhere, In::Null, Out::Collect).finish().expect(3);
}

#[test]
fn a_name_is_resolved_to_the_address_with_a_listener() {
    let (socket, address) = server();
    let to = address.replace("127.0.0.1", "localhost");
    sendall(&["udp-send", &to, "a", "b"], In::Null, Out::Collect).finish().expect(0);
    assert_eq!((next(&socket), next(&socket)), (b"a".to_vec(), b"b".to_vec()));
}

#[test]
fn a_reply_that_was_asked_for_and_does_not_come_is_exit_code_4() {
    let (socket, address) = server();
    let wait = ["udp-send", &address, "x", "--wait", "200ms"];
    let finished = sendall(&wait, In::Null, Out::Collect).finish().expect(4);
    assert!(finished.stderr.contains("no reply"), "{}", finished.stderr);
    next(&socket);
    let running = sendall(&[&wait[..], &["--replies", "2"]].concat(), In::Null, Out::Collect);
    let (_, peer) = socket.recv_from(&mut [0; 9]).expect("a datagram");
    socket.send_to(b"only", peer).expect("sent");
    let finished = running.finish().expect(4);
    assert!(finished.stderr.contains("1 of 2"), "{}", finished.stderr);
    assert_eq!(finished.stdout, b"only\n");
}

#[test]
fn replies_are_printed() {
    let (_listener, address) = listen(&["--echo"], Out::Collect);
    let ask = ["udp-send", &address, "--replies", "3", "a", "", "c"];
    assert_eq!(sendall(&ask, In::Null, Out::Collect).finish().expect(0).stdout, b"a\n\nc\n");
    let label = ["udp-send", &address, "--replies", "1", "--label", "a"];
    let expected = format!("{address} a\n");
    assert_eq!(sendall(&label, In::Null, Out::Collect).finish().expect(0).stdout, expected.as_bytes());
    let json = ["udp-send", &address, "--replies", "1", "--print", "json", "a"];
    let finished = sendall(&json, In::Null, Out::Collect).finish().expect(0);
    let reply: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    assert_eq!((&reply["peer"], &reply["text"]), (&address.into(), &"a".into()));
}

#[test]
fn replies_that_wait_all_at_once_are_all_received_or_counted() {
    const REPLIES: usize = 60;
    let (socket, address) = server();
    let args = ["udp-send", &address, "--wait", "2s", "--json", "--print", "line", "q"];
    let sender = sendall(&args, In::Null, Out::Collect);
    let mut buffer = [0; 16];
    let (_, asking) = socket.recv_from(&mut buffer).expect("a question");
    sender.signal(Signal::STOP);
    // More than the queue to stdout and one turn hold.
    for _ in 0..REPLIES {
        socket.send_to(&[b'x'; 60_000], asking).expect("sent");
    }
    sender.signal(Signal::CONT);
    let finished = sender.finish();
    let counts = counts(&finished.stderr);
    let received = finished.stdout.len() / 60_001;
    assert_eq!(counts["received"], received, "{counts}");
    let dropped = counts["dropped"].as_u64().expect("a number");
    assert_eq!(received as u64 + dropped, REPLIES as u64, "{counts}");
}

#[test]
fn lines_go_out_as_they_are_typed_until_the_last_one() {
    let (_listener, address) = listen(&["--echo"], Out::Collect);
    let options = ["udp-send", &address, "--wait", "20s", "--replies", "2", "--until", "exit"];
    let mut running = sendall(&options, In::Open, Out::Collect);
    running.say(b"one\n");
    running.expect_output(b"one\n");
    running.say(b"two\nexit\n");
    assert_eq!(running.finish().expect(0).stdout, b"one\ntwo\n");
}

#[test]
fn the_line_that_ends_it_is_not_followed_by_the_wait() {
    let (_listener, address) = listen(&["--echo"], Out::Collect);
    let options = ["udp-send", &address, "--wait", "1h", "--until", "exit"];
    let mut running = sendall(&options, In::Open, Out::Collect);
    running.say(b"one\n");
    running.expect_output(b"one\n");
    running.say(b"exit\n");
    running.finish().expect(0);
    let nothing = In::Bytes(b"exit\n".to_vec());
    sendall(&options, nothing, Out::Collect).finish().expect(0);
    let (_socket, silent) = server();
    let options = ["udp-send", &silent, "--wait", "1h", "--until", "exit"];
    let finished = sendall(&options, In::Bytes(b"x\nexit\n".to_vec()), Out::Collect).finish().expect(4);
    assert!(finished.stderr.contains("no reply"), "{}", finished.stderr);
}

#[test]
fn mistakes_are_answered_with_what_to_type() {
    for (args, hint) in [
        (["udp-send", "239.1.2.3%lo:5077", "--repeat", "1", "x"], "--source"),
        (["udp-send", "127.0.0.1:9", "--interval", "0s", "x"], "leave the option out"),
    ] {
        let finished = sendall(&args, In::Null, Out::Collect).finish();
        assert!(matches!(finished.code, 2 | 3), "{}", finished.stderr);
        assert!(finished.stderr.contains(hint), "{}", finished.stderr);
    }
}

#[test]
fn the_pace_is_kept() {
    let (socket, address) = server();
    let start = now();
    let slow = ["udp-send", &address, "x", "--repeat", "4", "--interval", "100ms"];
    sendall(&slow, In::Null, Out::Collect).finish().expect(0);
    assert!(now() - start >= Duration::from_millis(300));
    (0..4).for_each(|_| assert_eq!(next(&socket), b"x"));
    let start = now();
    let rate = ["udp-send", &address, "--each", "100", "--limit-rate", "100KB"];
    sendall(&rate, In::Bytes(payload(50_000)), Out::Collect).finish().expect(0);
    assert!(now() - start >= Duration::from_millis(450), "{:?}", now() - start);
    assert_within(start, Duration::from_secs(5));
}

#[test]
fn it_is_sent_from_the_address_and_port_that_were_asked_for() {
    let (socket, address) = server();
    let port = free_port();
    for (source, expected) in [
        (format!(":{port}"), format!("127.0.0.1:{port}")),
        (format!("127.0.0.5:{port}"), format!("127.0.0.5:{port}")),
    ] {
        let send = ["udp-send", &address, "x", "--source", &source];
        sendall(&send, In::Null, Out::Collect).finish().expect(0);
        let (_, peer) = socket.recv_from(&mut [0; 9]).expect("a datagram");
        assert_eq!(peer.to_string(), expected);
    }
    let elsewhere = ["udp-send", &address, "x", "--source", "192.0.2.77"];
    sendall(&elsewhere, In::Null, Out::Collect).finish().expect(3);
}

#[test]
fn a_broadcast_address_has_to_be_allowed() {
    let listener = sendall(&["udp-listen", ":0", "--count", "1"], In::Null, Out::Collect);
    let port = listener.port().to_string();
    let send = ["udp-send", "127.255.255.255", &port, "all"];
    let finished = sendall(&send, In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("--broadcast"), "{}", finished.stderr);
    sendall(&[&send[..], &["--broadcast"]].concat(), In::Null, Out::Collect).finish().expect(0);
    assert_eq!(listener.finish().expect(0).stdout, b"all\n");
}

#[test]
fn every_datagram_is_received_or_counted() {
    const COUNT: u64 = 200_000;
    let input = In::file(&payload(COUNT as usize * 64));
    let (listener, address) = listen(&["--json", "--each", "raw", "--idle-timeout", "1s"], Out::Collect);
    let send = ["udp-send", "--json", "--each", "64", &address];
    let sender = sendall(&send, input, Out::Collect).finish();
    assert_eq!(counts(&sender.stderr)["sent"], COUNT);
    let finished = listener.finish();
    let counts = counts(&finished.stderr);
    let (received, dropped) = (counts["received"].as_u64(), counts["dropped"].as_u64());
    assert_eq!(received, Some(finished.stdout.len() as u64 / 64));
    assert_eq!(finished.code, if dropped == Some(0) { 0 } else { 9 }, "{}", finished.stderr);
    if counts["dropped_exactly"] == true {
        assert_eq!(received.zip(dropped).map(|(one, other)| one + other), Some(COUNT), "{counts}");
    }
}

#[test]
fn the_streams_rules_hold() {
    let (_listener, address) = listen(&["--echo"], Out::Collect);
    let ask = ["udp-send", &address, "--replies", "1", "x"];
    sendall(&ask, In::Null, Out::Closed).finish().expect(10);
    sendall(&["udp-listen", "0"], In::Null, Out::Closed).finish().expect(10);
    sendall(&["udp-send", &address], In::Closed, Out::Collect).finish().expect(2);
    sendall(&["udp-send", &address, "x"], In::Closed, Out::Closed).finish().expect(0);
    let full = || Out::Fd(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("open").into());
    sendall(&ask, In::Null, full()).finish().expect(10);
    let (listener, to) = listen(&[], full());
    sendall(&["udp-send", &to, "x"], In::Null, Out::Collect).finish().expect(0);
    listener.finish().expect(10);
    let (mut listener, to) = listen(&[], Out::Held);
    drop(listener.stdout.take());
    sendall(&["udp-send", &to, "x"], In::Null, Out::Collect).finish().expect(0);
    let finished = listener.finish().expect(141);
    assert_eq!(finished.errors().len(), 0);
}

#[test]
fn a_signal_stops_in_order_with_the_sums() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (listener, address) = listen(&[], Out::Collect);
        let sender = sendall(&["udp-send", &address], In::Open, Out::Collect);
        let mut sender = sender;
        sender.say(b"a line\n");
        listener.expect_output(b"a line\n");
        for running in [sender, listener] {
            running.signal(signal);
            let finished = running.finish_within(Duration::from_secs(1)).expect(code);
            assert!(finished.stderr.contains("1 datagram (6 bytes)"), "{}", finished.stderr);
        }
    }
}
