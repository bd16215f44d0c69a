//! What `udp-listen` answers, and what it does not.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{A_WHILE, In, LIMIT, Out, Running, assert_same, payload, sendall, wait_until};
use crate::udp_listen::{client, counts, heard, listen};

const A_SECOND: Duration = Duration::from_secs(1);

/// True if nothing comes.
fn hears_nothing(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(A_WHILE)).expect("a limit");
    let result = socket.recv(&mut [0; 16]);
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    result.is_err()
}

/// `--exec -- sh -c SCRIPT`, and the address.
fn run(script: &str, options: &[&str]) -> (Running, String) {
    listen(&[options, &["--exec", "--", "sh", "-c", script]].concat(), Out::Collect)
}

#[test]
fn two_hundred_peers_each_get_their_own_answer() {
    let (listener, address) = listen(&["--echo", "--count", "200"], Out::Collect);
    let sockets: Vec<UdpSocket> = (0..200).map(|_| client(&address)).collect();
    for (number, socket) in sockets.iter().enumerate() {
        socket.send(format!("this is {number}").as_bytes()).expect("sent");
    }
    for (number, socket) in sockets.iter().enumerate() {
        assert_eq!(heard(socket), format!("this is {number}").as_bytes());
    }
    let finished = listener.finish().expect(0);
    assert_eq!(finished.stdout.split(|byte| *byte == b'\n').count(), 201);
}

#[test]
fn an_answer_is_never_larger_than_what_came_in() {
    let (listener, address) = listen(&["--reply", "pong"], Out::Collect);
    let socket = client(&address);
    socket.send(b"hey").expect("sent");
    assert!(hears_nothing(&socket));
    socket.send(b"ping").expect("sent");
    assert_eq!(heard(&socket), b"pong");
    assert!(listener.stderr.text().contains("--amplify-ok"), "{}", listener.stderr.text());
    let reply = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(reply.path(), payload(60_000)).expect("written");
    let file = format!("@{}", reply.path().display());
    let (_listener, address) = listen(&["--reply", &file, "--amplify-ok"], Out::Collect);
    let socket = client(&address);
    socket.send(b"").expect("sent");
    assert_same(&heard(&socket), &payload(60_000), "the answer");
}

#[test]
fn a_low_port_and_the_socket_itself_get_no_answer() {
    let (listener, address) = listen(&["--echo", "--json"], Out::Collect);
    let mut withheld = 0;
    // As root: a service's port, from which an answer could start a conversation between services.
    if let Some(low) = (1000..1024).find_map(|port| UdpSocket::bind(("127.0.0.1", port)).ok()) {
        low.send_to(b"x", &address).expect("sent");
        assert!(hears_nothing(&low));
        withheld += 1;
    } else {
        println!("skipped in part: not permitted to bind a port below 1024");
    }
    let socket = client(&address);
    socket.send(b"x").expect("sent");
    assert_eq!(heard(&socket), b"x");
    listener.signal(Signal::TERM);
    let counts = counts(&listener.finish().stderr);
    assert_eq!((&counts["sent"], &counts["withheld"]), (&1.into(), &withheld.into()), "{counts}");
}

#[test]
fn two_echoing_listeners_end_their_loop() {
    let (one, one_address) = listen(&["--echo", "--json"], Out::Collect);
    let (other, other_address) = listen(&["--echo", "--json"], Out::Collect);
    // To each, one of these sockets is the other: as with a forged source address, but for those who may not forge.
    let (to_one, to_other) = (client(&one_address), client(&other_address));
    to_one.set_read_timeout(Some(A_WHILE)).expect("a limit");
    to_other.set_read_timeout(Some(A_WHILE)).expect("a limit");
    to_one.send(b"echo").expect("sent");
    let (mut rounds, mut buffer) = (0, [0; 16]);
    while let Ok(count) = to_one.recv(&mut buffer) {
        to_other.send(&buffer[..count]).expect("sent");
        let Ok(count) = to_other.recv(&mut buffer) else { break };
        to_one.send(&buffer[..count]).expect("sent");
        rounds += 1;
        assert!(rounds < 1000, "the loop goes on");
    }
    assert!(rounds > 10, "a client that says the same a few times is no loop: {rounds} rounds");
    // A client that says something else is answered all the same.
    assert!(hears_nothing(&to_one));
    to_one.send(b"something else").expect("sent");
    assert_eq!(heard(&to_one), b"something else");
    let mut withheld = 0;
    for running in [one, other] {
        running.signal(Signal::TERM);
        withheld += counts(&running.finish().stderr)["withheld"].as_u64().expect("a count");
    }
    assert_eq!(withheld, 1);
}

#[test]
fn lines_that_are_typed_go_to_the_peer_heard_last() {
    let options = ["udp-listen", "127.0.0.1:0", "--interactive", "--until", "exit"];
    let mut listener = sendall(&options, In::Open, Out::Collect);
    let address = listener.listening(1).remove(0);
    listener.say(b"early\n");
    let (one, other) = (client(&address), client(&address));
    one.send(b"first").expect("sent");
    assert_eq!(heard(&one), b"early", "kept until somebody is there");
    other.send(b"second").expect("sent");
    listener.expect_output(b"first\nsecond\n");
    listener.say(b"what\n");
    assert_eq!(heard(&other), b"what");
    listener.say(b"a line that is larger than what came in\nexit\n");
    let finished = listener.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("--amplify-ok"), "{}", finished.stderr);
    let there = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    there.set_read_timeout(Some(LIMIT)).expect("a limit");
    let to = there.local_addr().expect("an address").to_string();
    let options = [&options[..], &["--to", &to]].concat();
    let listener = sendall(&options, In::Bytes(b"to you\n".to_vec()), Out::Collect);
    assert_eq!(heard(&there), b"to you");
    listener.finish().expect(0);
}

#[test]
fn a_closed_port_of_a_peer_is_survived() {
    for options in [&["--echo"][..], &["--echo", "--connected"]] {
        let (listener, address) = listen(options, Out::Collect);
        let gone = client(&address);
        let port = gone.local_addr().expect("an address");
        gone.send(b"1").expect("sent");
        listener.expect_output(b"1\n");
        drop(gone);
        let again = UdpSocket::bind(port).expect("the same port");
        again.send_to(b"2", &address).expect("sent");
        listener.expect_output(b"1\n2\n");
        listener.signal(Signal::INT);
        listener.finish_within(A_SECOND).expect(130);
    }
}

#[test]
fn each_peer_has_a_process_of_its_own() {
    let script = "n=0; while read -r line; do n=$((n + 1)); echo \"$n $line\"; done";
    let (listener, address) = run(script, &["--amplify-ok", "--count", "40"]);
    let sockets: Vec<UdpSocket> = (0..20).map(|_| client(&address)).collect();
    for round in 1..=2 {
        for (number, socket) in sockets.iter().enumerate() {
            socket.send(format!("from {number}").as_bytes()).expect("sent");
        }
        for (number, socket) in sockets.iter().enumerate() {
            assert_eq!(heard(socket), format!("{round} from {number}").as_bytes());
        }
    }
    listener.finish().expect(0);
}

#[test]
fn a_process_reads_and_says_records() {
    for (options, sent) in [
        (&["--frame", "u16be"][..], &[&b"a\nb"[..], b"", b"c"][..]),
        (&["--each", "raw"], &[b"a\nb\n"]),
        (&["--each", "line"], &[b"x", b""]),
    ] {
        let (_listener, address) = listen(&[options, &["--exec", "--", "cat"]].concat(), Out::Collect);
        let socket = client(&address);
        for datagram in sent {
            socket.send(datagram).expect("sent");
            assert_eq!(heard(&socket), *datagram, "{options:?}");
        }
    }
    // The last answers are waited for.
    let (listener, address) = run("cat; echo end", &["--count", "1", "--amplify-ok"]);
    let socket = client(&address);
    socket.send(b"x").expect("sent");
    assert_eq!((heard(&socket), heard(&socket)), (b"x".to_vec(), b"end".to_vec()));
    listener.finish().expect(0);
}

#[test]
fn a_process_ends_with_its_peer_and_another_one_is_started() {
    let (listener, address) = run("read -r line; echo \"$line\"", &["--peer-timeout", "20s", "-v"]);
    let socket = client(&address);
    for text in ["one", "two"] {
        // Between the end of a process and its being noticed a datagram may be refused.
        assert!(wait_until(LIMIT, || {
            socket.send(text.as_bytes()).expect("sent");
            socket.set_read_timeout(Some(A_WHILE)).expect("a limit");
            socket.recv(&mut [0; 16]).is_ok()
        }));
    }
    let (idle, address) =
        run("trap '' TERM; while :; do read -r line; done", &["--peer-timeout", "100ms", "--json"]);
    client(&address).send(b"x").expect("sent");
    let is_over = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains(r#""event":"child""#);
    assert!(idle.stderr.wait(LIMIT, is_over), "{}", idle.stderr.text());
    // One that does not want to end is ended in time for the sums.
    let (stubborn, address) = run("trap '' TERM; echo x; while :; do sleep 1; done", &[]);
    let socket = client(&address);
    socket.send(b"x").expect("sent");
    assert_eq!(heard(&socket), b"x");
    stubborn.signal(Signal::INT);
    let finished = stubborn.finish_within(A_SECOND).expect(130);
    assert!(finished.stderr.contains("received 1 datagram"), "{}", finished.stderr);
    let (refused, address) = run("cat", &["--max-peers", "1", "--json"]);
    let (first, second) = (client(&address), client(&address));
    first.send(b"1").expect("sent");
    assert_eq!(heard(&first), b"1");
    second.send(b"2").expect("sent");
    assert!(refused.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains("--max-peers")));
    for running in [listener, idle, refused] {
        running.signal(Signal::TERM);
        assert_eq!(running.finish_within(A_SECOND).code, 143);
    }
}

#[test]
fn a_process_that_cannot_be_started_is_told() {
    let (listener, address) = listen(&["--json", "--exec", "--", "/nonexistent/program"], Out::Collect);
    client(&address).send(b"x").expect("sent");
    let is_told = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("no such program");
    assert!(listener.stderr.wait(LIMIT, is_told), "{}", listener.stderr.text());
    listener.expect_output(b"x\n");
    listener.signal(Signal::TERM);
    assert_eq!(counts(&listener.finish().stderr)["withheld"], 1);
}
