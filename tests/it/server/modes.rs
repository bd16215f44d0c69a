//! The modes of `serve` with an independent session per client: echo, discard, reply, a script.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::{Link, Net, Side, Way};
use crate::harness::others::installed;
use crate::harness::{In, Out, Running, assert_same, payload, sendall, start};
use crate::transfer::xfer::{Place, cpu_ticks, descriptors, in_parallel, serve};

const NETS: [Net; 2] = [Net::Tcp, Net::Unix];

fn open(net: Net, options: &[&str]) -> (Running, Link) {
    Way { side: Side::Serve, net }.open(options, In::Null, Out::Collect)
}

/// Sends from a thread, then ends.
fn send_all(link: &Link, bytes: &[u8]) {
    let (mut link, bytes) = (link.try_clone(), bytes.to_vec());
    std::thread::spawn(move || {
        link.send(&bytes);
        link.end();
    });
}

#[test]
fn echo_returns_everything_and_ends_after_the_client() {
    for net in NETS {
        for size in [0, 1, 3_000_000] {
            let (server, mut link) = open(net, &["--echo", "--count", "1"]);
            send_all(&link, &payload(size));
            link.expect_all(&payload(size));
            drop(link);
            let finished = server.finish().expect(0);
            assert_eq!(finished.stdout, b"");
        }
    }
}

#[test]
fn sixty_four_clients_echo_beside_one_that_never_reads() {
    let server = serve(&["--echo", "--max-per-source", "100"]);
    let mut stuck = Link::connect(server.port());
    let socket = socket2::SockRef::from(&stuck);
    socket.set_nonblocking(true).expect("non-blocking");
    let block = payload(1 << 20);
    // Until the buffers of the systems and the server are full.
    let filled = crate::harness::wait_until(
        crate::harness::LIMIT,
        || matches!(stuck.write(&block), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
    );
    assert!(filled, "a client that does not read is read without end");
    let mut links: Vec<Link> = (0..64).map(|_| Link::connect(server.port())).collect();
    for round in 0..20 {
        for (index, link) in links.iter_mut().enumerate() {
            link.send(format!("{round} {index}\n").as_bytes());
        }
        for (index, link) in links.iter_mut().enumerate() {
            link.expect(format!("{round} {index}\n").as_bytes());
        }
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().code, 143);
}

#[test]
fn discard_reads_everything_and_sends_nothing() {
    for net in NETS {
        let (server, mut link) = open(net, &["--discard", "--count", "1", "-v"]);
        link.assert_quiet();
        send_all(&link, &payload(5_000_000));
        link.expect_all(b"");
        drop(link);
        let finished = server.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(finished.stderr.contains("received 5000000 bytes"), "{}", finished.stderr);
    }
}

#[test]
fn a_reply_reaches_a_client_that_keeps_sending() {
    let place = Place::new();
    let file = place.write("reply", &payload(200_000));
    let reply = payload(200_000);
    for net in NETS {
        for (text, expected) in
            [(r"a\r\n\x00ß\\", &b"a\r\n\0\xc3\x9f\\"[..]), ("", b""), (&format!("@{file}"), &reply)]
        {
            let (server, mut link) = open(net, &["--reply", text, "--count", "1"]);
            send_all(&link, &payload(4_000_000));
            link.expect_all(expected);
            drop(link);
            server.finish().expect(0);
        }
    }
}

#[test]
fn a_reply_of_any_size_is_served_from_its_file() {
    const SIZE: usize = 18_000_000;
    let place = Place::new();
    let file = place.write("video", &payload(SIZE));
    let server = serve(&["--reply", &format!("@{file}"), "--count", "3"]);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let mut link = Link::connect(server.port());
            std::thread::spawn(move || {
                link.end();
                link.expect_all(&payload(SIZE));
            })
        })
        .collect();
    readers.into_iter().for_each(|reader| reader.join().expect("all of it"));
    assert!(crate::transfer::xfer::status_kib(server.id(), "VmHWM") < 48 << 10, "it is held");
    // A file that changes is not one that was sent whole.
    let mut link = Link::connect(server.port());
    link.expect(&payload(SIZE)[..100]);
    std::fs::File::options().write(true).open(&file).expect("a file").set_len(100_000).expect("shorter");
    assert!(link.read_to_end(&mut Vec::new()).is_err(), "an orderly end");
    let finished = server.finish();
    assert!(finished.code == 9 && finished.stderr.contains("has changed"), "{}", finished.stderr);
    // What is no file is read once, and must fit.
    let finished =
        sendall(&["serve", "0", "--reply", "@/dev/zero"], In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("16 MiB"), "{}", finished.stderr);
}

const SCRIPT: &[&str] =
    &["--greet", "Wähle", "--answer", "0=null", "--answer", "bye=tschüß", "--otherwise", "nochmal"];
const ENDS: &[&str] = &["--hang-up", "exit", "--hang-up", "bye", "--count", "1"];

#[test]
fn a_script_answers_line_by_line_and_hangs_up() {
    in_parallel(&NETS, |net| {
        let (server, mut link) = open(*net, &[SCRIPT, ENDS].concat());
        link.expect("Wähle\n".as_bytes());
        link.send(b"0\r\n7\n");
        link.expect(b"null\nnochmal\n");
        // A line in two pieces is one line.
        link.send(b"by");
        link.assert_quiet();
        link.send(b"e\n0\n");
        link.expect_all("tschüß\n".as_bytes());
        // The client does not end; it has two seconds for that.
        server.finish_within(Duration::from_secs(5)).expect(0);
    });
}

#[test]
fn a_script_answers_chunks_of_peers_without_line_ends() {
    let (server, mut link) = open(Net::Tcp, &[SCRIPT, ENDS, &["--unit", "chunk"]].concat());
    link.expect("Wähle".as_bytes());
    for (sent, received) in [("0", "null"), ("hm", "nochmal"), ("0", "null")] {
        link.send(sent.as_bytes());
        link.expect(received.as_bytes());
    }
    link.send(b"exit");
    link.expect_all(b"");
    drop(link);
    server.finish().expect(0);
}

#[test]
fn a_last_line_without_its_end_is_answered_and_a_line_without_end_is_cut() {
    let (server, mut link) = open(Net::Tcp, &["--answer", "0=null", "--count", "1"]);
    link.send(b"0");
    link.end();
    link.expect_all(b"null\n");
    drop(link);
    server.finish().expect(0);

    let (server, mut link) = open(Net::Tcp, &["--answer", "0=null", "--count", "1"]);
    let _ = link.write_all(&[b'a'; 200_000]);
    let finished = server.finish().expect(1);
    assert!(finished.stderr.contains("a line of more than 65536 bytes"), "{}", finished.stderr);
}

#[test]
fn a_client_that_has_ended_and_does_not_read_uses_no_processor_time() {
    let (server, link) = open(Net::Tcp, &["--greet", &"x".repeat(120_000)]);
    socket2::SockRef::from(&link).set_recv_buffer_size(2048).expect("a small buffer");
    link.end();
    // Longer than such a client is waited for before it has ended.
    assert!(!server.ends_within(Duration::from_millis(2300)));
    let before = cpu_ticks(server.id());
    assert!(!server.ends_within(Duration::from_millis(500)));
    assert!(cpu_ticks(server.id()) - before < 10, "it spins");
}

#[test]
fn memory_for_unread_answers_is_bounded() {
    let server = serve(&["--answer", &format!("a={}", "x".repeat(1000)), "--max-per-source", "9"]);
    let mut link = Link::connect(server.port());
    socket2::SockRef::from(&link).set_nonblocking(true).expect("non-blocking");
    let questions = b"a\n".repeat(100_000);
    let filled = crate::harness::wait_until(
        crate::harness::LIMIT,
        || matches!(link.write(&questions), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
    );
    assert!(filled);
    assert!(crate::transfer::xfer::status_kib(server.id(), "VmHWM") < 40 << 10, "memory");
    let mut other = Link::connect(server.port());
    other.send(b"a\n");
    other.expect(format!("{}\n", "x".repeat(1000)).as_bytes());
}

#[test]
fn one_failing_client_is_its_own_code_and_one_of_two_is_9() {
    let (server, link) = open(Net::Tcp, &["--echo", "--count", "1"]);
    link.reset();
    let finished = server.finish().expect(5);
    assert!(finished.stderr.contains("reset"), "{}", finished.stderr);

    let (server, mut link) = open(Net::Tcp, &["--echo", "--count", "2"]);
    let mut other = Link::connect(server.port());
    link.send(b"x");
    link.expect(b"x");
    link.reset();
    other.send(b"x");
    other.expect(b"x");
    other.end();
    other.expect_all(b"");
    drop(other);
    let finished = server.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    let [one, all] = finished.errors()[..] else { panic!("{}", finished.stderr) };
    assert!(one.contains("127.0.0.1:") && one.contains("reset"), "{one}");
    assert!(all.contains("1 of 2 clients failed"), "{all}");
}

#[test]
fn a_server_that_is_killed_does_not_look_like_one_that_has_ended() {
    for mode in [&["--echo"][..], &["--discard"], &["--reply", "hello"], &["--answer", "a=b"], &["--broker"]]
    {
        let (server, mut link) = open(Net::Tcp, mode);
        link.send(b"first\n");
        if mode == ["--echo"] {
            link.expect(b"first\n");
        }
        if mode == ["--reply", "hello"] {
            link.expect_all(b"hello");
            continue;
        }
        server.signal(Signal::KILL);
        let mut bytes = Vec::new();
        let result = link.read_to_end(&mut bytes);
        let is_reset = result.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(is_reset, "{mode:?}: an end was received");
    }
}

#[test]
fn echo_serves_the_next_client_after_10_000_aborted_ones() {
    let server = serve(&["--echo"]);
    let (port, before) = (server.port(), descriptors(server.id()));
    for _ in 0..10_000 {
        Link::connect(port).reset();
    }
    let mut link = Link::connect(port);
    link.send(b"still here");
    link.expect(b"still here");
    drop(link);
    let same = crate::harness::wait_until(crate::harness::LIMIT, || descriptors(server.id()) <= before);
    assert!(same, "descriptors were left open");
}

#[test]
fn bytes_are_the_same_at_a_limited_rate() {
    let (server, mut link) = open(Net::Tcp, &["--echo", "--count", "1", "--limit-rate", "400KB"]);
    send_all(&link, &payload(200_000));
    let start = crate::harness::now();
    let mut bytes = Vec::new();
    link.read_to_end(&mut bytes).expect("bytes");
    assert_same(&bytes, &payload(200_000), "echo");
    assert!(crate::harness::now() - start > Duration::from_millis(250), "too fast");
    drop(link);
    server.finish().expect(0);
}

/// Third-party clients: one that sends no line ends, and others that send a line and wait for the end.
#[test]
fn other_programs_are_served() {
    const PYTHON: &str = "import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)
print(s.recv(100).decode())
for word in ('0', '7', 'exit'):
    s.sendall(word.encode())
    print(s.recv(100).decode())";
    let server = serve(&[SCRIPT, &["--hang-up", "exit", "--unit", "chunk"]].concat());
    let port = server.port().to_string();
    let client = start("python3", &["-c", PYTHON, &port], In::Null, Out::Collect).finish();
    assert_eq!(String::from_utf8_lossy(&client.stdout), "Wähle\nnull\nnochmal\n\n", "{}", client.stderr);

    let (echo, reply) = (serve(&["--echo"]), serve(&["--reply", "hello\\n"]));
    for (server, answer) in [(&echo, "a line\n"), (&reply, "hello\n")] {
        let port = server.port().to_string();
        let to = format!("TCP:127.0.0.1:{port}");
        for client in [
            &["nc.openbsd", "-N", "127.0.0.1", &port][..],
            &["nc.traditional", "-q", "5", "127.0.0.1", &port],
            &["ncat", "127.0.0.1", &port],
            &["socat", "-t", "5", "-", &to],
        ] {
            if installed(client[0]).is_none() {
                continue;
            }
            let finished =
                start(client[0], &client[1..], In::Bytes(b"a line\n".to_vec()), Out::Collect).finish();
            assert_eq!(String::from_utf8_lossy(&finished.stdout), answer, "{client:?}");
        }
    }
}
