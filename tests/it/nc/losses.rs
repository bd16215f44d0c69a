//! The one difference to OpenBSD's nc: exit code 1 where data was lost. And what must be 0 all the same.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::process::Signal;
use socket2::SockRef;

use crate::harness::{Finished, In, LIMIT, Out, Running, assert_same, payload, sendall, silent_port};
use crate::transfer::xfer::is_slow_wanted;

/// Starts `sendall nc` with these words.
fn nc(words: &str, input: In) -> Running {
    nc_to(words, input, Out::Collect)
}

fn nc_to(words: &str, input: In, output: Out) -> Running {
    let words: Vec<&str> = ["nc"].into_iter().chain(words.split(' ')).collect();
    sendall(&words, input, output)
}

/// The port of a listener with `-v`.
fn port(listener: &Running) -> u16 {
    let found = |text: &str| -> Option<u16> {
        let line =
            text.lines().find(|line| line.starts_with("Listening on ") || line.starts_with("Bound on "))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let is_there = |bytes: &[u8], ended| {
        ended || bytes.ends_with(b"\n") && found(&String::from_utf8_lossy(bytes)).is_some()
    };
    listener.stderr.wait(LIMIT, is_there);
    found(&listener.stderr.text()).expect("a port")
}

/// A failure: 1, and one line of nc.
#[track_caller]
fn fails(running: Running, why: &str) -> Finished {
    let ended = running.finish();
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("nc: ")).collect();
    assert!(lines.len() == 1 && lines[0].contains(why), "{why}: {}", ended.stderr);
    ended
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().expect("a client").0
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(stream);
}

#[test]
fn a_reset_is_a_failure_on_either_side() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address").port();
    let client = nc(&format!("-N 127.0.0.1 {here}"), In::Open);
    let mut stream = accept(&listener);
    stream.write_all(b"half").expect("sent");
    client.expect_output(b"half");
    reset(stream);
    fails(client, "connection reset by peer");

    let server = nc("-v -l 127.0.0.1 0", In::Null);
    let mut stream = TcpStream::connect(("127.0.0.1", port(&server))).expect("a connection");
    stream.write_all(b"half").expect("sent");
    server.expect_output(b"half");
    reset(stream);
    fails(server, "connection reset by peer");
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let server = nc_to("-v -l 127.0.0.1 0", In::Null, Out::Fd(full.into()));
    let mut stream = TcpStream::connect(("127.0.0.1", port(&server))).expect("a connection");
    stream.write_all(b"x").expect("sent");
    fails(server, "No space left on device");
    let closed = nc_to("-v -l 127.0.0.1 0", In::Null, Out::Closed);
    fails(closed, "stdout is closed");
}

#[test]
fn what_a_peer_did_not_take_is_a_failure_also_after_a_silence() {
    if !is_slow_wanted("a peer that reads nothing for as long as -w") {
        return;
    }
    // A peer that reads nothing: its buffers are full, and -w ends with data that waits.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address").port();
    let client = nc(&format!("-w 1 127.0.0.1 {here}"), In::file(&payload(20 << 20)));
    let _stream = accept(&listener);
    fails(client, "nothing was sent or received for 1s (see -w)");
}

#[test]
fn silence_alone_ends_with_0_and_in_order() {
    let server = nc("-v -w 1 -l 127.0.0.1 0", In::Open);
    let mut stream = TcpStream::connect(("127.0.0.1", port(&server))).expect("a connection");
    stream.write_all(b"something").expect("sent");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an end, and no reset");
    let ended = server.finish();
    assert_eq!((ended.code, ended.stdout.as_slice()), (0, &b"something"[..]), "{}", ended.stderr);
}

#[test]
fn an_answer_that_still_comes_is_not_cut_by_q() {
    if !is_slow_wanted("an answer that takes longer than -q") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address").port();
    let client = nc(&format!("-q 1 127.0.0.1 {here}"), In::Bytes(b"question".to_vec()));
    let mut stream = accept(&listener);
    let mut question = Vec::new();
    stream.read_to_end(&mut question).expect("the client's end");
    // Longer than the second of -q, with pauses that are shorter.
    for piece in 0..6_u8 {
        stream.write_all(&[b'0' + piece]).expect("sent");
        assert!(!client.ends_within(Duration::from_millis(250)), "ended too early: {}", client.stderr.text());
    }
    drop(stream);
    let ended = client.finish();
    assert_eq!((ended.code, ended.stdout.as_slice()), (0, &b"012345"[..]));
}

#[test]
fn a_file_is_sent_to_a_client_that_has_half_closed() {
    let content = payload(3 << 20);
    let server = nc("-v -l 127.0.0.1 0", In::file(&content));
    let mut stream = TcpStream::connect(("127.0.0.1", port(&server))).expect("a connection");
    stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("all of it");
    assert_same(&received, &content, "the file");
    assert_eq!(server.finish().code, 0);
}

#[test]
fn a_refused_datagram_is_a_failure() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let here = socket.local_addr().expect("an address").port();
    // Connected to somebody else, it refuses what others send.
    socket.connect("127.0.0.1:9").expect("an address");
    for words in ["-u -w 1", "-u -q 0"] {
        let client = nc(&format!("{words} 127.0.0.1 {here}"), In::Bytes(b"x".to_vec()));
        fails(client, "Connection refused");
    }
}

#[test]
fn one_client_after_the_other_and_a_failed_one_does_not_end_it() {
    let server = nc("-v -k -l 127.0.0.1 0", In::Null);
    let here = port(&server);
    let mut first = TcpStream::connect(("127.0.0.1", here)).expect("a connection");
    first.write_all(b"1").expect("sent");
    server.expect_output(b"1");
    // It waits for its turn.
    let mut second = TcpStream::connect(("127.0.0.1", here)).expect("a connection");
    second.write_all(b"2").expect("sent");
    reset(first);
    server.expect_output(b"12");
    drop(second);
    let mut third = TcpStream::connect(("127.0.0.1", here)).expect("a connection");
    third.write_all(b"3").expect("sent");
    server.expect_output(b"123");
    server.signal(Signal::TERM);
    let ended = server.finish();
    assert_eq!(ended.code, 128 + 15);
    let text = ended.stderr;
    assert_eq!(text.matches("Connection received on localhost ").count(), 3, "{text}");
    assert_eq!(text.matches("nc: ").count(), 1, "only the reset is an error: {text}");
}

#[test]
fn further_clients_are_refused_without_k() {
    let server = nc("-v -l 127.0.0.1 0", In::Open);
    let here = port(&server);
    let mut first = TcpStream::connect(("127.0.0.1", here)).expect("a connection");
    first.write_all(b"1").expect("sent");
    server.expect_output(b"1");
    assert!(TcpStream::connect(("127.0.0.1", here)).is_err());
    drop(first);
    assert_eq!(server.finish().code, 0);
}

#[test]
fn datagrams_of_one_peer_are_joined_and_those_of_others_are_not() {
    let server = nc("-v -u -l 127.0.0.1 0", In::Open);
    let here = port(&server);
    let [first, other] = [(); 2].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(("127.0.0.1", here)).expect("an address");
        socket.set_read_timeout(Some(LIMIT)).expect("an option");
        socket
    });
    first.send(b"1").expect("sent");
    server.expect_output(b"1");
    let _ = other.send(b"other");
    // An empty datagram is no end.
    first.send(b"").expect("sent");
    first.send(b"2").expect("sent");
    server.expect_output(b"12");
    let mut server = server;
    server.say(b"answer");
    let mut buffer = [0; 16];
    assert_eq!(first.recv(&mut buffer).expect("a datagram"), 6);
}

#[test]
fn usage_is_one_line_and_the_help_is_whole() {
    for (words, why) in [
        ("-l -z 1", "cannot use -z and -l"),
        ("-k h 1", "must use -l with -k"),
        ("-r h 1", "-r is not in this nc"),
        ("h", "missing port number"),
        ("h 70000", "port number too large: 70000"),
        ("-l -p 1 h", "leave out the operand"),
        ("-w x h 1", "timeout invalid: x"),
        ("-x p -X 6 h 1", "unsupported proxy protocol"),
        ("--keep-open h 1", "nc has letters only"),
    ] {
        fails(nc(words, In::Null), why);
    }
    for words in ["-h", "--help"] {
        let help = nc(words, In::Null).finish();
        assert!(help.code == 0 && help.stderr.is_empty());
        let text = String::from_utf8(help.stdout).expect("UTF-8");
        assert!(
            text.starts_with("Usage: nc [LETTERS] HOST PORT...") && text.contains("DIFFERENCES"),
            "{text}"
        );
    }
    let (_socket, address) = silent_port();
    let refused = nc(&format!("127.0.0.1 {}", address.port()), In::Null).finish();
    assert_eq!((refused.code, refused.stderr.as_str()), (1, ""), "without -v");
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = busy.local_addr().expect("an address").port();
    fails(nc(&format!("-l 127.0.0.1 {here}"), In::Null), "Address already in use");
}
