//! `serve --forward`: two peers, joined by the end-of-file contract.

use std::io::{ErrorKind, Read, Write};

use rustix::process::Signal;

use crate::harness::link::{Link, Net, Side, TestListener, Way};
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, silent_port, wait_until};
use crate::transfer::xfer::{Place, cpu_ticks, serve};

/// A server in the middle, the client's end and the target's.
fn open(net: Net, target_net: Net, options: &[&str]) -> (Running, Link, Link) {
    let place = Place::new();
    let listener = TestListener::bind(target_net, place.path("target"));
    let options = [&["--forward", &listener.name, "--count", "1"], options].concat();
    let (server, client) = Way { side: Side::Serve, net }.open(&options, In::Null, Out::Collect);
    let target = listener.accept().unwrap_or_else(|| panic!("not joined: {}", server.stderr.text()));
    (server, client, target)
}

fn send_all(link: &Link, bytes: &[u8]) {
    let (mut link, bytes) = (link.try_clone(), bytes.to_vec());
    std::thread::spawn(move || {
        link.send(&bytes);
        link.end();
    });
}

/// A reset, and nothing before it.
#[track_caller]
fn expect_reset(link: &mut Link) {
    match link.read(&mut [0; 100]) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(count) => panic!("{count} bytes where a reset was due"),
    }
}

#[test]
fn everything_goes_both_ways_and_so_does_each_end() {
    for (net, target_net) in [(Net::Tcp, Net::Tcp), (Net::Unix, Net::Tcp), (Net::Tcp, Net::Unix)] {
        for size in [0, 1, 5_000_000] {
            let (question, answer) = (payload(size), payload(size + 7));
            let (server, mut client, mut target) = open(net, target_net, &[]);
            // The client's end goes first, and the target's answer comes after it.
            send_all(&client, &question);
            target.expect_all(&question);
            client.assert_quiet();
            send_all(&target, &answer);
            client.expect_all(&answer);
            drop((client, target));
            let finished = server.finish().expect(0);
            assert_eq!(finished.stdout, b"");
        }
    }
}

#[test]
fn the_targets_end_goes_first_as_well() {
    let (server, mut client, mut target) = open(Net::Tcp, Net::Tcp, &[]);
    send_all(&target, b"go on");
    client.expect_all(b"go on");
    target.assert_quiet();
    send_all(&client, &payload(300_000));
    target.expect_all(&payload(300_000));
    drop((client, target));
    server.finish().expect(0);
}

#[test]
fn the_rest_of_a_fast_stream_is_not_held_up() {
    let bytes = payload((24 << 20) + 1);
    let (server, client, target) = open(Net::Tcp, Net::Tcp, &[]);
    let (echo, one) = Way { side: Side::Serve, net: Net::Tcp }.open(&["--echo"], In::Null, Out::Collect);
    for (from, to) in [(&client, &target), (&target, &client), (&one, &one)] {
        let (mut from, mut to) = (from.try_clone(), to.try_clone());
        for _ in 0..3 {
            std::thread::scope(|scope| {
                scope.spawn(|| from.send(&bytes));
                // Neither an end nor more bytes come after it.
                to.expect(&bytes);
            });
        }
    }
    client.end();
    target.end();
    server.finish().expect(0);
    drop((one, echo));
}

#[test]
fn both_send_much_at_once_and_little_in_between() {
    let (server, client, target) = open(Net::Tcp, Net::Tcp, &["-v"]);
    let (mut near, mut far) = (client.try_clone(), target.try_clone());
    for round in 0..30_u32 {
        near.send(&round.to_be_bytes());
        far.expect(&round.to_be_bytes());
        far.send(&round.to_le_bytes());
        near.expect(&round.to_le_bytes());
    }
    let (there, back) = (payload(40_000_000), payload(40_000_001));
    send_all(&client, &there);
    send_all(&target, &back);
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).expect("bytes and the end");
        bytes
    });
    near.expect_all(&back);
    assert_same(&reading.join().expect("a reader"), &there, "at the target");
    drop((client, target, near));
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("sent 40000121 bytes, received 40000120 bytes"), "{}", finished.stderr);
}

#[test]
fn a_target_that_refuses_is_a_reset_for_the_client() {
    let (_silent, target) = silent_port();
    let server = serve(&["--forward", &target.to_string(), "--count", "1"]);
    let mut client = Link::connect(server.port());
    expect_reset(&mut client);
    let finished = server.finish().expect(3);
    assert!(finished.stderr.contains("connection refused"), "{}", finished.stderr);
}

#[test]
fn a_reset_is_passed_on_either_way() {
    for from_target in [true, false] {
        for has_ended in [true, false] {
            let (server, mut client, mut target) = open(Net::Tcp, Net::Tcp, &[]);
            client.send(b"a");
            target.expect(b"a");
            target.send(b"b");
            client.expect(b"b");
            let (failing, mut other) = if from_target { (target, client) } else { (client, target) };
            if has_ended {
                failing.end();
                other.expect_all(b"");
            }
            failing.reset();
            if has_ended {
                // Who has read the end hears of a reset when it goes on speaking.
                assert!(wait_until(LIMIT, || other.write(b"x").is_err()), "no reset");
            } else {
                expect_reset(&mut other);
            }
            let finished = server.finish().expect(5);
            assert_eq!(finished.stderr.contains("target 127.0.0.1:"), from_target, "{}", finished.stderr);
        }
    }
}

#[test]
fn a_server_that_is_killed_has_not_finished_for_either_side() {
    let (server, mut client, mut target) = open(Net::Tcp, Net::Tcp, &[]);
    client.send(b"a");
    target.expect(b"a");
    server.signal(Signal::KILL);
    expect_reset(&mut client);
    expect_reset(&mut target);
}

#[test]
fn a_target_that_has_gone_is_no_burden_while_its_answer_waits() {
    let (server, mut client, mut target) = open(Net::Tcp, Net::Tcp, &[]);
    let block = payload(1 << 20);
    socket2::SockRef::from(&target).set_nonblocking(true).expect("non-blocking");
    let mut given = 0;
    let is_full = || match target.write(&block) {
        Ok(count) => {
            given += count;
            false
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    };
    assert!(wait_until(LIMIT, is_full), "read without end");
    target.reset();
    // Nobody gets that, and nobody has to wait for it.
    client.send(&payload(64 << 20));
    server.assert_waits();
    let before = cpu_ticks(server.id());
    server.assert_waits();
    assert!(cpu_ticks(server.id()) <= before + 2, "busy with nothing");
    let (mut got, mut buffer) = (0, vec![0; 1 << 20]);
    let end = loop {
        match client.read(&mut buffer) {
            Ok(count) if count > 0 => got += count,
            end => break end,
        }
    };
    assert_eq!(end.map_err(|error| error.kind()).err(), Some(ErrorKind::ConnectionReset));
    assert!((1..=given).contains(&got), "{got} of {given}");
    server.finish().expect(5);
}

#[test]
fn one_client_whose_target_does_not_read_delays_no_other() {
    let listener = TestListener::bind(Net::Tcp, Place::new().path("unused"));
    let server = serve(&["--forward", &listener.name]);
    let mut stuck = Link::connect(server.port());
    let _silent = listener.accept().expect("the first");
    let block = payload(1 << 20);
    socket2::SockRef::from(&stuck).set_nonblocking(true).expect("non-blocking");
    let is_full = || matches!(stuck.write(&block), Err(error) if error.kind() == ErrorKind::WouldBlock);
    assert!(wait_until(LIMIT, is_full), "read without end");
    for _ in 0..5 {
        let mut client = Link::connect(server.port());
        let mut target = listener.accept().expect("the next");
        send_all(&client, &payload(1_000_000));
        target.expect_all(&payload(1_000_000));
        target.end();
        client.expect_all(b"");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().code, 143);
}

#[test]
fn time_limits_and_rates_hold_between_peers_too() {
    let (server, client, target) = open(Net::Tcp, Net::Tcp, &["--idle-timeout", "100ms"]);
    let finished = server.finish().expect(4);
    assert!(finished.stderr.contains("--idle-timeout"), "{}", finished.stderr);
    drop((client, target));
    let (server, mut client, target) =
        open(Net::Tcp, Net::Tcp, &["--limit-rate", "1MiB", "--session-timeout", "300ms"]);
    client.send(&payload(1 << 20));
    let finished = server.finish().expect(4);
    assert!(finished.stderr.contains("--session-timeout"), "{}", finished.stderr);
    drop((client, target));
}

#[test]
fn the_target_gets_the_address_of_the_client() {
    for (version, net) in [("v1", Net::Tcp), ("v2", Net::Tcp), ("v1", Net::Unix), ("v2", Net::Unix)] {
        let (server, client, mut target) = open(net, Net::Tcp, &["--proxy-protocol", version]);
        let header = match (&client, version) {
            (Link::Tcp(tcp), "v1") => {
                let (from, to) =
                    (tcp.local_addr().expect("mine").port(), tcp.peer_addr().expect("theirs").port());
                format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n").into_bytes()
            }
            (Link::Tcp(tcp), _) => {
                let (from, to) =
                    (tcp.local_addr().expect("mine").port(), tcp.peer_addr().expect("theirs").port());
                let addresses = [[127, 0, 0, 1], [127, 0, 0, 1]].concat();
                let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
                [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses, &ports].concat()
            }
            (Link::Unix(_), "v1") => b"PROXY UNKNOWN\r\n".to_vec(),
            (Link::Unix(_), _) => b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0".to_vec(),
        };
        send_all(&client, b"the stream");
        target.expect_all(&[&header, &b"the stream"[..]].concat());
        drop((client, target));
        server.finish().expect(0);
    }
}

#[test]
fn wrong_usage_is_explained() {
    for (options, hint) in [
        (&["--forward", "8080"][..], "localhost:8080"),
        (&["--forward", "a:1", "--echo"], "--forward and --echo"),
        (&["--forward", "a:1", "--socks"], "--forward and --socks"),
        (&["--proxy-protocol", "v1"], "--forward"),
        (&["--forward", "a:1", "--recv-only"], "leave it out with --forward"),
        (&["--allow-target", "10.0.0.0/8"], "--socks"),
    ] {
        let finished = serve(options).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{options:?}: {}", finished.stderr);
    }
}

#[test]
fn clients_of_a_unix_socket_that_is_full_wait_without_threads() {
    let place = Place::new();
    let path = place.path("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&socket2::SockAddr::unix(&path).expect("an address")).expect("bound");
    socket.listen(2).expect("listening");
    let to = format!("unix:{}", path.display());
    let server = serve(&["--forward", &to, "--max-per-source", "100"]);
    let mut clients: Vec<Link> = (0..40).map(|_| Link::connect(server.port())).collect();
    for client in &mut clients {
        client.send(b"x");
    }
    // All are in by then, and only those that have room are joined.
    server.assert_waits();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a status");
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).expect("a count");
    assert!(threads.trim().parse::<u32>().expect("a number") <= 4, "{threads} threads");
    // Once there is room all of them are joined.
    let listener = std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket));
    for _ in 0..40 {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut byte = [0];
        Read::read_exact(&mut stream, &mut byte).expect("its byte");
        Write::write_all(&mut stream, b"y").expect("an answer");
    }
    for client in &mut clients {
        client.expect(b"y");
    }
}
