//! Socket options: what was asked for is in force, as the kernel tells it; what it refuses is an error.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::harness::link::{Link, Net, Side, TestListener, Way};
use crate::harness::skips::skip;
use crate::harness::{Finished, In, LIMIT, Out, sendall, start, wait_until};
use crate::transfer::xfer::{Place, address, serve};

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };

/// The options in force that the line of `-vv` tells.
#[track_caller]
fn in_force(stderr: &str) -> Vec<&str> {
    let line = stderr.lines().find(|line| line.contains("options in force: "));
    let line = line.unwrap_or_else(|| panic!("no such line: {stderr}"));
    line.split_once("in force: ").map(|(_, told)| told.split(' ').collect()).unwrap_or_default()
}

/// A session with these options.
fn session(options: &[&str]) -> Finished {
    let (running, mut link) = TCP.open(options, In::Bytes(b"x".to_vec()), Out::Collect);
    link.expect_all(b"x");
    link.end();
    let finished = running.finish();
    assert_eq!(finished.code, 0, "{options:?}: {}", finished.stderr);
    finished
}

#[test]
fn every_option_is_in_force() {
    for (option, value, told) in [
        ("--nodelay", "on", "nodelay=on"),
        ("--nodelay", "off", "nodelay=off"),
        ("--keepalive", "40s", "keepalive=40s/10s"),
        ("--keepalive", "1s", "keepalive=1s/1s"),
        ("--keepalive", "off", "keepalive=off"),
        ("--ttl", "9", "ttl=9"),
        ("--dscp", "ef", "dscp=46"),
        ("--dscp", "8", "dscp=8"),
        ("--sndbuf", "20KiB", "sndbuf=40960"),
        ("--rcvbuf", "20KiB", "rcvbuf=40960"),
        ("--user-timeout", "7s", "user-timeout=7s"),
        ("--congestion", "reno", "congestion=reno"),
        ("--interface", "lo", "interface=lo"),
    ] {
        let finished = session(&["-vv", option, value]);
        assert!(in_force(&finished.stderr).contains(&told), "{option} {value}: {}", finished.stderr);
    }
}

#[test]
fn a_servers_clients_have_them_too() {
    for (option, value, told) in
        [("--nodelay", "off", "nodelay=off"), ("--ttl", "9", "ttl=9"), ("--dscp", "ef", "dscp=46")]
    {
        let way = Way { side: Side::Serve, net: Net::Tcp };
        let (running, link) = way.open(&["-vv", option, value], In::Bytes(b"x".to_vec()), Out::Collect);
        link.end();
        let finished = running.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(in_force(&finished.stderr).contains(&told), "{option} {value}: {}", finished.stderr);
    }
    for mode in ["--echo", "--keep-open"] {
        let refused = sendall(&["serve", "127.0.0.1:0", mode, "--sndbuf", "1GiB"], In::Null, Out::Collect);
        assert!(refused.finish().expect(1).stderr.contains("--sndbuf"));
        let unix = sendall(&["serve", "unix:/tmp/x", mode, "--ttl", "9"], In::Null, Out::Collect);
        assert!(unix.finish().expect(2).stderr.contains("Unix socket"));
    }
}

#[test]
fn without_options_there_are_those_of_every_connection() {
    let finished = session(&["-vv"]);
    let told = in_force(&finished.stderr);
    for pair in ["nodelay=on", "keepalive=1m/15s", "dscp=0", "mark=0", "user-timeout=off", "mptcp=off"] {
        assert!(told.contains(&pair), "{pair}: {told:?}");
    }
    let line = finished.stderr.lines().find(|line| line.contains("in force")).expect("the line");
    assert!(line.contains("local 127.0.0.1:") && line.contains("peer 127.0.0.1:"), "{line}");
    assert!(!session(&["-v"]).stderr.contains("in force"));
}

#[test]
fn ipv6_has_its_own_names_for_them() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        skip("no IPv6");
        return;
    };
    let listener = TestListener::from(listener);
    let args = ["connect", &listener.name, "-vv", "--ttl", "9", "--dscp", "cs1"];
    let running = sendall(&args, In::Bytes(b"x".to_vec()), Out::Collect);
    let mut link = listener.accept().expect("a client");
    link.expect_all(b"x");
    link.end();
    let finished = running.finish();
    let told = in_force(&finished.stderr);
    assert!(told.contains(&"ttl=9") && told.contains(&"dscp=8"), "{}", finished.stderr);
}

#[test]
fn events_report_them_too() {
    let finished = session(&["-vv", "--json", "--ttl", "9"]);
    let events = finished.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let told = events.filter(|event| event["event"] == "detail").any(|event| {
        event["text"].as_str().is_some_and(|text| text.contains("in force") && text.contains(" ttl=9 "))
    });
    assert!(told, "{}", finished.stderr);
}

#[test]
fn uploads_and_downloads_have_them() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let path = here.write("f", b"content");
    let server = serve(&["--store", there.arg(), "--share", there.arg()]);
    let to = address(&server);
    let upload = ["upload", &path, &to][..].to_vec();
    for args in [upload, vec!["download", &to, "f", "-o", back.arg()]] {
        let finished =
            sendall(&[&args[..], &["-vv", "--ttl", "9"]].concat(), In::Null, Out::Collect).finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(in_force(&finished.stderr).contains(&"ttl=9"), "{}", finished.stderr);
    }
}

#[test]
fn what_the_kernel_refuses_is_exit_code_1_and_named() {
    let listener = TestListener::bind(Net::Tcp, Default::default());
    for (option, value, why) in [
        ("--congestion", "nonesuch", "none of that name"),
        ("--sndbuf", "1GiB", "net.core.wmem_max"),
        ("--rcvbuf", "1GiB", "net.core.rmem_max"),
    ] {
        for retry in ["0", "3"] {
            let args = ["connect", &listener.name, option, value, "--retry", retry];
            let finished = sendall(&args, In::Null, Out::Collect).finish().expect(1);
            assert!(finished.stderr.contains(option) && finished.stderr.contains(why), "{}", finished.stderr);
        }
        let probe = ["connect", "--probe", &listener.name, option, value];
        let finished = sendall(&probe, In::Null, Out::Collect).finish().expect(1);
        assert_eq!(finished.stdout, b"");
    }
    assert!(!listener.has_client());
}

#[test]
fn a_mark_needs_a_privilege() {
    if !rustix::process::geteuid().is_root() {
        skip("not root");
        return;
    }
    assert!(in_force(&session(&["-vv", "--mark", "0x7"]).stderr).contains(&"mark=7"));
    let listener = TestListener::bind(Net::Tcp, Default::default());
    let program = env!("CARGO_BIN_EXE_sendall");
    let without = ["--bounding-set=-net_admin,-net_raw", program, "connect", &listener.name, "--mark", "7"];
    let finished = start("setpriv", &without, In::Null, Out::Collect).finish().expect(1);
    assert!(finished.stderr.contains("--mark 7: "), "{}", finished.stderr);
}

#[test]
fn a_unix_socket_has_buffers() {
    let way = Way { net: Net::Unix, ..TCP };
    let (running, mut link) = way.open(&["-vv", "--sndbuf", "20KiB"], In::Bytes(b"x".to_vec()), Out::Collect);
    link.expect_all(b"x");
    link.end();
    let finished = running.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let told = in_force(&finished.stderr);
    assert!(told.contains(&"sndbuf=40960") && told.len() == 2, "{told:?}");
}

/// A listener for connections over several paths, if the kernel has them.
fn multipath() -> Option<TestListener> {
    let any_port: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)) else {
        skip("no Multipath TCP");
        return None;
    };
    socket.bind(&SockAddr::from(any_port)).and_then(|()| socket.listen(1)).expect("listening");
    Some(TestListener::from(TcpListener::from(socket)))
}

/// A client that only sends; ended as soon as it can know that all has arrived.
fn send_only(listener: &TestListener) -> (Finished, Link) {
    let args = ["connect", &listener.name, "--mptcp", "-vv", "--send-only"];
    let client = sendall(&args, In::Bytes(b"question".to_vec()), Out::Collect);
    let mut link = listener.accept().expect("a client");
    link.expect_all(b"question");
    (client.finish_within(Duration::from_secs(5)), link)
}

#[test]
fn several_paths_and_a_peer_that_knows_one() {
    let Some(listener) = multipath() else { return };
    // Our end is known to be acknowledged while the peer's has not come.
    let (finished, link) = send_only(&listener);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(in_force(&finished.stderr).contains(&"mptcp=on"), "{}", finished.stderr);
    drop(link);
    let (finished, link) = send_only(&TestListener::bind(Net::Tcp, Default::default()));
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(in_force(&finished.stderr).contains(&"mptcp=fallback"), "{}", finished.stderr);
    drop(link);
    // A reset is one over several paths, too.
    let client = sendall(&["connect", &listener.name, "--mptcp"], In::Open, Out::Collect);
    listener.accept().expect("a client").reset();
    client.finish().expect(5);
}

/// Whether a timer runs for the connection between these ports, of the side that has the first one.
fn has_timer(local: u16, remote: u16) -> Option<bool> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table");
    let (local, remote) = (format!(":{local:04X}"), format!(":{remote:04X}"));
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut found = fields.filter(|fields| fields[1].ends_with(&local) && fields[2].ends_with(&remote));
    found.next().map(|fields| !fields[5].starts_with("00"))
}

#[cfg(target_os = "linux")]
#[test]
fn further_connections_of_a_session_keep_theirs() {
    use crate::transfer::frames::{PUT, Peer, hello};
    let there = Place::new();
    for (option, expected) in [("off", false), ("60s", true)] {
        let server = serve(&["--store", there.arg(), "--keepalive", option]);
        let to = address(&server);
        let with_tree = |mut hello: Vec<u8>| {
            hello[15] = 1;
            hello
        };
        let mut first = Peer::connect(&to);
        first.say(&with_tree(hello(PUT, b"")));
        let id = first.hear(32)[16..].to_vec();
        let mut second = Peer::connect(&to);
        second.say(&with_tree(hello(4, &id)));
        second.hear(32);
        let port = |address: std::io::Result<std::net::SocketAddr>| address.expect("an address").port();
        for peer in [&first, &second] {
            let (local, remote) = (port(peer.0.peer_addr()), port(peer.0.local_addr()));
            let is_as_asked = || has_timer(local, remote) == Some(expected);
            assert!(wait_until(LIMIT, is_as_asked), "--keepalive {option}");
        }
    }
}
