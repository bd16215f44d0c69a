//! Many connections that are not admitted: what they cost, and that honest clients beside them are served.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;
use socket2::{Domain, Socket, Type};

use super::scene::{CODE, Server, User};
use crate::harness::identity::IdentityFiles;
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, assert_within, now, sendall, start, wait_for_fd, wait_until};
use crate::transfer::xfer::{Place, status_kib};

/// Another address of this machine's than that of other clients.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];
const HERE: [u8; 4] = [127, 0, 0, 1];

/// Connections from this address that have sent these bytes.
fn flood(server: &Server, from: [u8; 4], count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let to: SocketAddr = server.address.parse().expect("an address");
    let connect = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("an address");
        socket.connect(&to.into()).expect("a connection");
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let _ = stream.write_all(bytes);
        stream
    };
    (0..count).map(connect).collect()
}

/// The first bytes of an honest client.
fn hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let place = Place::new();
    let file = place.write("f", b"hello");
    let _client = User::with(CODE).start(&["upload", &file, &address], In::Null);
    assert!(wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT), "no client");
    let (mut peer, _) = listener.accept().expect("a client");
    let mut record = vec![0; 5];
    peer.read_exact(&mut record).expect("a header");
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    peer.read_exact(&mut record[5..]).expect("a hello");
    record
}

fn threads(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.running.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).expect("a count");
    line.trim().parse().expect("a number")
}

#[test]
fn clients_that_do_not_encrypt_take_no_thread_and_delay_nobody() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    // Of a HELLO as it is sent to a server in the clear.
    let mut plain = flood(&server, ELSEWHERE, 1, b"\x89SDA\r\n\x1a\n\x01\x00\x00\x00");
    let mut answer = Vec::new();
    plain[0].read_to_end(&mut answer).expect("an end in order");
    assert!(String::from_utf8_lossy(&answer).contains("this server encrypts"));
    let mut kept = flood(&server, ELSEWHERE, 125, b"\x89");
    kept.extend(flood(&server, HERE, 125, b"\x89"));
    kept.extend(flood(&server, ELSEWHERE, 125, b""));
    kept.extend(flood(&server, HERE, 125, b""));
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    inbox.expect("f", b"hello");
    // Those of the upload end when they have nothing to do.
    assert!(wait_until(LIMIT, || threads(&server) <= 3), "{} threads", threads(&server));
}

#[test]
fn connections_without_a_hello_keep_nobody_out() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let count = if std::env::var_os("SENDALL_SLOW").is_some() { 10_000 } else { 300 };
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    for from in [ELSEWHERE, HERE] {
        let _kept = flood(&server, from, count / 2, &[0x16]);
        User::with(CODE).run(&["upload", "--force", &file, &server.address]).expect(0);
        inbox.expect("f", b"hello");
    }
}

#[test]
fn sources_of_many_hellos_keep_no_other_source_out() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let hello = hello();
    let _kept = [2, 3].map(|last| flood(&server, [127, 0, 0, last], 150, &hello));
    let begun = now();
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    assert_within(begun, Duration::from_millis(1800));
    inbox.expect("f", b"hello");
}

#[test]
fn an_idle_client_of_tls_costs_at_most_16_kib() {
    let Some(python) = installed("python3") else { return };
    let identity = IdentityFiles::new();
    let args = [&["serve", "127.0.0.1:0", "--echo"], &identity.shown()[..]].concat();
    let server = sendall(&args, In::Null, Out::Collect);
    let script = "
import socket, ssl, sys
context = ssl._create_unverified_context()
kept = []
for count in (20, 200):
    for _ in range(count):
        client = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = context.wrap_socket(client)
        client.sendall(b'x' * 1000)
        got = 0
        while got < 1000:
            got += len(client.recv(1000))
        kept.append(client)
    print(count, flush=True)
    sys.stdin.readline()
";
    let port = server.port().to_string();
    let python = python.to_str().expect("text");
    let mut clients = start(python, &["-c", script, &port], In::Open, Out::Held);
    let mut lines = BufReader::new(clients.stdout.take().expect("a pipe")).lines();
    // What the first ones need is shared with all.
    assert_eq!(lines.next().expect("a line").expect("text"), "20");
    let before = status_kib(server.id(), "VmRSS");
    clients.say(b"\n");
    assert_eq!(lines.next().expect("a line").expect("text"), "200");
    let each = (status_kib(server.id(), "VmRSS") - before) * 1024 / 200;
    println!("{each} bytes for each");
    assert!(each <= 16 << 10, "{each} bytes for each");
}

#[test]
fn places_of_a_source_are_for_those_who_are_admitted() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let limits = ["--max-clients", "8", "--max-per-source", "1"];
    let server = User::with(CODE).serve(&[&["--store", inbox.arg()], &limits[..]].concat());
    let _kept = flood(&server, HERE, 3, &[0x16]);
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    inbox.expect("f", b"hello");
}

/// Those that the server has not ended.
fn alive(streams: &[TcpStream]) -> usize {
    let is_alive = |stream: &&TcpStream| {
        stream.set_nonblocking(true).expect("set");
        matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    streams.iter().filter(is_alive).count()
}

#[test]
fn half_of_all_places_and_8_of_a_source_are_for_those_who_are_not_admitted() {
    let inbox = Place::new();
    let options = ["--store", inbox.arg(), "--max-clients", "40"];
    let server = User::with(CODE).serve(&options);
    let kept: Vec<_> = (1..=40).flat_map(|last| flood(&server, [127, 0, 0, last], 1, &[0x16])).collect();
    assert!(wait_until(LIMIT, || alive(&kept) <= 20), "{}", alive(&kept));
    let server = User::with(CODE).serve(&options[..2]);
    let kept = flood(&server, HERE, 30, &[0x16]);
    assert!(wait_until(LIMIT, || alive(&kept) <= 8), "{}", alive(&kept));
    assert!(alive(&kept) > 0);
}
