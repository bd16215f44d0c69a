//! `serve --forward` of datagrams: a flow for each peer.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::datagram::listen::{client, heard};
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, start, wait_until};
use crate::transfer::xfer::descriptors;

/// A relay to `target`, and its address.
fn relay(target: &str, options: &[&str]) -> (Running, String) {
    let words = ["serve", "--forward", target, "udp:127.0.0.1:0"];
    let relay = sendall(&[&words, options].concat(), In::Null, Out::Collect);
    let address = relay.listening(1).remove(0);
    (relay, address)
}

/// A target of this test.
fn target() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    let address = format!("udp:{}", socket.local_addr().expect("an address"));
    (socket, address)
}

/// Ends a relay. Returns what it has reported.
fn stopped(relay: Running) -> String {
    relay.signal(Signal::TERM);
    let finished = relay.finish();
    assert_eq!(finished.code, 128 + 15, "{}", finished.stderr);
    finished.stderr
}

#[track_caller]
fn received(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 1 << 16];
    let (count, from) = loop {
        match socket.recv_from(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => break result.expect("a datagram"),
        }
    };
    buffer.truncate(count);
    (buffer, from)
}

#[test]
fn datagrams_pass_whole_in_order_and_back_to_their_peer() {
    let (target, name) = target();
    let (relay, address) = relay(&name, &[]);
    let clients: Vec<UdpSocket> = (0..3).map(|_| client(&address)).collect();
    let mut flows = Vec::new();
    for client in &clients {
        for size in [0, 1, 1400, 65_507, 0] {
            client.send(&payload(size)).expect("sent");
            let (datagram, from) = received(&target);
            assert_same(&datagram, &payload(size), "to the target");
            target.send_to(&payload(65_507 - size), from).expect("sent");
            assert_same(&heard(client), &payload(65_507 - size), "back");
            flows.push(from);
        }
        assert!(flows.rchunks(5).next().is_some_and(|flow| flow.iter().all(|port| *port == flow[0])));
    }
    assert!(flows[0] != flows[5] && flows[5] != flows[10], "a socket for each peer");
    // Bursts, in both directions.
    let numbered = |number: usize| format!("{number:04}{}", "x".repeat(number % 3)).into_bytes();
    (0..100).for_each(|number| assert!(clients[0].send(&numbered(number)).is_ok()));
    for number in 0..100 {
        let (datagram, from) = received(&target);
        assert_eq!((datagram, from), (numbered(number), flows[0]));
    }
    (0..100).for_each(|number| assert!(target.send_to(&numbered(number), flows[0]).is_ok()));
    (0..100).for_each(|number| assert_eq!(heard(&clients[0]), numbered(number)));
    let report = stopped(relay);
    assert!(report.contains("relayed 115 datagrams") && report.contains("in 3 flows"), "{report}");
}

/// Flows end after a silence; then a peer has a new one. `--count` ends the relay with the last of them.
#[test]
fn a_silent_flow_ends() {
    let (target, name) = target();
    let (relay, address) = relay(&name, &["--idle-timeout", "100ms", "--count", "2"]);
    let before = descriptors(relay.id());
    let client = client(&address);
    client.send(b"one").expect("sent");
    let (_, first) = received(&target);
    assert!(wait_until(LIMIT, || descriptors(relay.id()) == before), "the flow has ended");
    client.send(b"two").expect("sent");
    let (_, second) = received(&target);
    assert_ne!(first, second);
    let report = relay.finish().expect(0).stderr;
    assert!(report.contains("relayed 2 datagrams (6 bytes)") && report.contains("in 2 flows"), "{report}");
}

#[test]
fn many_peers_take_no_more_flows_than_there_are() {
    const PLACES: usize = 8;
    let (target, name) = target();
    let (evicting, address) = relay(&name, &["--max-clients", "8"]);
    let before = descriptors(evicting.id());
    let clients: Vec<UdpSocket> = (0..100).map(|_| client(&address)).collect();
    let mut last = Vec::new();
    for (number, client) in clients.iter().enumerate() {
        client.send(&[number as u8]).expect("sent");
        let (datagram, from) = received(&target);
        assert_eq!(datagram, [number as u8]);
        // Those that make way are closed a moment later.
        let has_closed = || descriptors(evicting.id()) <= before + PLACES;
        assert!(wait_until(LIMIT, has_closed), "{number}");
        last.push(from);
    }
    for (client, from) in clients.iter().zip(&last).rev().take(PLACES) {
        target.send_to(b"yes", from).expect("sent");
        assert_eq!(heard(client), b"yes");
    }
    assert_eq!(evicting.stderr.text().matches("makes way").count(), 1, "{}", evicting.stderr.text());
    let (refusing, address) = relay(&name, &["--max-clients", "1", "--full", "refuse"]);
    let (one, other) = (client(&address), client(&address));
    one.send(b"one").expect("sent");
    let (_, from) = received(&target);
    other.send(b"other").expect("sent");
    one.send(b"again").expect("sent");
    assert_eq!(received(&target), (b"again".to_vec(), from), "and not the other's");
    let report = stopped(refusing);
    assert!(
        report.contains("peers without one are refused") && report.contains("1 not delivered"),
        "{report}"
    );
}

/// A burst of new peers loses nothing where there are few descriptors for flows and those that make way.
#[test]
fn few_descriptors_are_enough_for_a_burst_of_peers() {
    let (target, name) = target();
    let line = "ulimit -n 64; exec \"$0\" serve --forward \"$1\" udp:127.0.0.1:0";
    let words = ["-c", line, env!("CARGO_BIN_EXE_sendall"), &name];
    let relay = start("/bin/sh", &words, In::Null, Out::Collect);
    let address = relay.listening(1).remove(0);
    let clients: Vec<UdpSocket> = (0..100).map(|_| client(&address)).collect();
    clients.iter().for_each(|client| assert!(client.send(b"x").is_ok()));
    clients.iter().for_each(|_| assert_eq!(received(&target).0, b"x"));
    let report = stopped(relay);
    assert!(report.contains("relayed 100 datagrams") && !report.contains("not delivered"), "{report}");
}

/// What is refused is reported once, and the relay continues when the target is there again.
#[test]
fn a_target_goes_down_and_comes_up() {
    // An address of this test alone: nobody else gets its port meanwhile.
    let place = UdpSocket::bind("127.0.49.1:0").expect("a socket").local_addr().expect("an address");
    let (relay, address) = relay(&format!("udp:{place}"), &["-v"]);
    let client = client(&address);
    let refused = |relay: &Running| relay.stderr.text().matches("connection refused").count();
    for _ in 0..5 {
        client.send(b"lost").expect("sent");
    }
    assert!(wait_until(LIMIT, || refused(&relay) > 0));
    let target = UdpSocket::bind(place).expect("bound again");
    target.set_read_timeout(Some(LIMIT)).expect("a limit");
    client.send(b"found").expect("sent");
    // Those before it may still have been on their way.
    let from = loop {
        match received(&target) {
            (datagram, from) if datagram == b"found" => break from,
            (datagram, _) => assert_eq!(datagram, b"lost"),
        }
    };
    target.send_to(b"back", from).expect("sent");
    assert_eq!(heard(&client), b"back");
    assert_eq!(refused(&relay), 1, "{}", relay.stderr.text());
    let report = stopped(relay);
    assert!(report.contains("not delivered") && report.contains(&format!("{place} answers")), "{report}");
}

#[test]
fn answers_come_from_the_address_that_was_sent_to() {
    let (target, name) = target();
    let options = ["serve", "--forward", &name, "udp:0.0.0.0:0", "--deny", "127.0.0.7"];
    let relay = sendall(&options, In::Null, Out::Collect);
    let port = relay.port();
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client.set_read_timeout(Some(LIMIT)).expect("a limit");
    let denied = UdpSocket::bind("127.0.0.7:0").expect("a socket");
    denied.send_to(b"denied", ("127.0.0.1", port)).expect("sent");
    // Only Linux reports which one that was.
    let hosts =
        if cfg!(sendall_portable) { &["127.0.0.1"][..] } else { &["127.0.0.2", "127.0.0.1", "127.0.0.3"] };
    for host in hosts {
        client.send_to(host.as_bytes(), (*host, port)).expect("sent");
        let (datagram, from) = received(&target);
        assert_eq!(datagram, host.as_bytes());
        target.send_to(b"here", from).expect("sent");
        let (_, from) = received(&client);
        assert_eq!(from, format!("{host}:{port}").parse().expect("an address"));
    }
    assert!(stopped(relay).contains("1 filtered"));
}

#[test]
fn a_unix_socket_is_a_target_and_may_be_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let bind = || {
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        socket
    };
    let mut target = bind();
    let (_relay, address) = relay(&format!("unix-dgram:{}", path.display()), &[]);
    let client = client(&address);
    for text in ["first", "second"] {
        client.send(text.as_bytes()).expect("sent");
        let mut buffer = [0; 64];
        let (count, from) = target.recv_from(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..count], text.as_bytes());
        target.send_to_addr(b"yes", &from).expect("sent");
        assert_eq!(heard(&client), b"yes");
        drop(target);
        std::fs::remove_file(&path).expect("removed");
        target = bind();
    }
    // More than the system queues for a socket: the relay waits for room.
    let burst: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    burst.iter().for_each(|text| assert!(client.send(text.as_bytes()).is_ok()));
    for text in burst {
        let mut buffer = [0; 64];
        let count = target.recv(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..count], text.as_bytes());
    }
}

/// Of the addresses of a name, the one where something listens is used.
#[test]
fn a_name_is_relayed_to_the_address_where_something_listens() {
    for address in ("localhost", 0).to_socket_addrs().expect("addresses") {
        let target = UdpSocket::bind(address).expect("a socket");
        target.set_read_timeout(Some(LIMIT)).expect("a limit");
        let port = target.local_addr().expect("an address").port();
        let (_relay, name) = relay(&format!("udp:localhost:{port}"), &[]);
        let client = client(&name);
        for text in [b"one", b"two"] {
            client.send(text).expect("sent");
            assert_eq!(received(&target).0, text, "{address}");
        }
    }
}

#[test]
fn a_relay_to_itself_and_options_of_streams_are_refused() {
    let place = UdpSocket::bind("127.0.49.2:0").expect("a socket").local_addr().expect("an address");
    let itself = format!("udp:{place}");
    for (options, hint) in [
        (&["--forward", &itself, &itself][..], "this server itself"),
        (&["--forward", "udp:127.0.0.1:9", "0"], "type udp:0"),
        (&["--forward", "127.0.0.1:9", "udp:0"], "type --forward udp:HOST:PORT"),
        (&["--forward", "udp:127.0.0.1:9", "udp:0", "--ttl", "3"], "--ttl is for streams"),
        (&["--forward", "udp:127.0.0.1:9", "udp:0", "--full", "wait"], "type --full refuse"),
        (&["--forward", "udp:127.0.0.1", "udp:0"], "type udp:127.0.0.1:PORT"),
        (&["--forward", "udp:127.0.0.1:9"], "udp::PORT for every interface"),
        (&["--echo", "udp:0"], "sendall udp-listen PORT"),
    ] {
        let finished = sendall(&[&["serve"], options].concat(), In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{options:?}: {}", finished.stderr);
    }
}
