//! What `udp-listen` answers, and what it does not.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;

use crate::datagram::listen::{client, counts, heard, listen};
use crate::faults::trace;
use crate::harness::others::free_port;
use crate::harness::skips::skip;
use crate::harness::{A_WHILE, In, LIMIT, Out, assert_same, payload, sendall, wait_until};

const A_SECOND: Duration = Duration::from_secs(1);

/// True if nothing comes.
fn hears_nothing(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(A_WHILE)).expect("a limit");
    let result = socket.recv(&mut [0; 16]);
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    result.is_err()
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

/// Answers go out after the datagrams that arrived together: in their order, and with few calls.
#[test]
fn a_burst_is_answered_in_order_and_with_few_calls() {
    const PEERS: usize = 4;
    const EACH: usize = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let is_traced = trace::is_there();
    // Bound to every address, it has to answer from the one that was sent to.
    let wildcard = [("0.0.0.0:0", "127.0.0.2")];
    // Only Linux reports which one that was.
    let wildcard = if cfg!(sendall_portable) { &[][..] } else { &wildcard };
    for (host, target) in [&[("127.0.0.1:0", "127.0.0.1")], wildcard].concat() {
        let count = (2 * PEERS * EACH).to_string();
        let options = ["udp-listen", host, "--echo", "--count", &count, "--max-answers", "100000"];
        let listener = sendall(&options, In::Null, Out::Collect);
        let address = format!("{target}:{}", listener.port());
        let log = folder.path().join(target);
        let tracing = is_traced.then(|| {
            trace::attach(&listener, log.to_str().expect("UTF-8"), &["--trace=sendto,sendmsg,sendmmsg"])
        });
        listener.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", listener.id());
        assert!(wait_until(LIMIT, || {
            std::fs::read_to_string(&stat)
                .expect("a state")
                .split(") ")
                .nth(1)
                .is_some_and(|rest| rest.starts_with(['T', 't']))
        }));
        let sockets: Vec<UdpSocket> = (0..PEERS).map(|_| client(&address)).collect();
        let text = |number: usize, peer: usize| format!("{number:04} of {peer}").into_bytes();
        for number in 0..EACH {
            for (peer, socket) in sockets.iter().enumerate() {
                socket.send(&text(number, peer)).expect("sent");
            }
        }
        for (peer, socket) in sockets.iter().enumerate() {
            (EACH..2 * EACH).for_each(|number| assert!(socket.send(&text(number, peer)).is_ok()));
        }
        listener.signal(Signal::CONT);
        for (peer, socket) in sockets.iter().enumerate() {
            (0..2 * EACH).for_each(|number| assert_eq!(heard(socket), text(number, peer)));
        }
        listener.finish().expect(0);
        let Some(tracing) = tracing else { continue };
        tracing.finish();
        let calls = trace::some_calls(&log).len();
        // Answers from an address of their own are sent together only where they follow one another to the same peer.
        let most = if host.starts_with('0') { PEERS * EACH + 40 } else { 40 };
        // Only Linux sends many with one call.
        assert!(cfg!(sendall_portable) || (1..most).contains(&calls), "{calls} calls");
    }
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
        skip("in part: not permitted to bind a port below 1024");
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
        assert!(rounds < 1000, "the loop continues");
    }
    assert!(rounds > 10, "a client that says the same a few times is no loop: {rounds} rounds");
    // A client with another payload is answered all the same.
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
fn a_closed_port_of_a_peer_is_survived() {
    for options in [&["--echo"][..], &["--echo", "--connected"]] {
        let (listener, address) = listen(options, Out::Collect);
        // Not one that the system hands out by itself: another test would take it meanwhile.
        let port = ("127.0.0.1", free_port());
        let gone = UdpSocket::bind(port).expect("a port");
        gone.send_to(b"1", &address).expect("sent");
        listener.expect_output(b"1\n");
        drop(gone);
        // A process that another test starts has a copy of the socket until its exec.
        let mut again = None;
        assert!(wait_until(LIMIT, || {
            again = UdpSocket::bind(port).ok();
            again.is_some()
        }));
        let again = again.expect("the same port");
        again.send_to(b"2", &address).expect("sent");
        listener.expect_output(b"1\n2\n");
        listener.signal(Signal::INT);
        listener.finish_within(A_SECOND).expect(130);
    }
}
