//! `udp-listen`: every datagram is one record, and what cannot be is counted.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::others::may_have_a_network;
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, start, wait_until};

const A_SECOND: Duration = Duration::from_secs(1);

/// A listener on IPv4 loopback, and its address.
pub(crate) fn listen(options: &[&str], output: Out) -> (Running, String) {
    let listener = sendall(&[&["udp-listen", "127.0.0.1:0"], options].concat(), In::Null, output);
    assert!(listener.stderr.wait(LIMIT, |bytes, ended| ended || bytes.contains(&b'\n')));
    let line = listener.stderr.text();
    let address = match line.lines().next().and_then(|line| line.strip_prefix("listening on ")) {
        Some(address) => address.to_owned(),
        None => read_json(line.as_bytes())["address"].as_str().expect("an address").to_owned(),
    };
    (listener, address)
}

/// A socket of this test that talks to `address`.
pub(crate) fn client(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("connected");
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    socket
}

#[track_caller]
pub(crate) fn heard(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    // With a time limit it is not begun again by itself: signal(7).
    let count = loop {
        match socket.recv(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => break result.expect("an answer"),
        }
    };
    buffer.truncate(count);
    buffer
}

/// The counts of the summary event.
pub(crate) fn counts(stderr: &str) -> Value {
    let events = stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let summary = events.rev().find(|event| event["event"] == "summary");
    summary.unwrap_or_else(|| panic!("no summary: {stderr}"))["datagrams"].clone()
}

#[test]
fn a_datagram_becomes_a_line_on_one_port_of_both_families() {
    let listener = sendall(&["udp-listen", "--count", "2", "0"], In::Null, Out::Collect);
    let addresses = listener.listening(2);
    assert!(addresses[1].ends_with(&format!(":{}", listener.port())), "{addresses:?}");
    for address in &addresses {
        sendall(&["udp-send", address, "hello"], In::Null, Out::Collect).finish().expect(0);
    }
    assert_eq!(listener.finish().expect(0).stdout, b"hello\nhello\n");
}

#[test]
fn all_sizes_arrive_whole_and_apart() {
    const SIZES: [usize; 7] = [0, 1, 8192, 16_385, 60_000, 65_507, 0];
    let mut expected = Vec::new();
    for size in SIZES {
        expected.extend(u16::try_from(size).expect("a size").to_be_bytes());
        expected.extend(payload(size));
    }
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let options = ["udp-listen", host, "--frame", "u16be", "--count", "7"];
        let listener = sendall(&options, In::Null, Out::Collect);
        let address = listener.listening(1).remove(0);
        let send = ["udp-send", "--each", "u16be", &address];
        sendall(&send, In::Bytes(expected.clone()), Out::Collect).finish().expect(0);
        assert_same(&listener.finish().expect(0).stdout, &expected, host);
    }
}

#[test]
fn records_have_the_form_that_was_asked_for() {
    let mut record = Vec::new();
    for options in [&["--each", "raw"][..], &["--label"], &["--each", "json"]] {
        let (listener, address) = listen(&[options, &["--count", "2"]].concat(), Out::Collect);
        let socket = client(&address);
        socket.send(b"a\x1bb").expect("sent");
        socket.send(b"\xff").expect("sent");
        let peer = socket.local_addr().expect("an address").to_string();
        record.push((peer, listener.finish().expect(0).stdout));
    }
    assert_eq!(record[0].1, b"a\x1bb\xff");
    let peer = record[1].0.as_bytes();
    assert_eq!(record[1].1, [peer, b" a\x1bb\n", peer, b" \xff\n"].concat());
    let lines: Vec<Value> = record[2].1.split_inclusive(|byte| *byte == b'\n').map(read_json).collect();
    assert_eq!((&lines[0]["text"], &lines[0]["base64"]), (&"a\x1bb".into(), &Value::Null));
    assert_eq!((&lines[1]["text"], &lines[1]["base64"]), (&Value::Null, &"/w==".into()));
    for line in &lines {
        assert_eq!(line["peer"], record[2].0.as_str());
        let time = humantime::parse_rfc3339(line["time"].as_str().expect("a time")).expect("RFC 3339");
        assert!(time.elapsed().is_ok_and(|age| age < LIMIT), "{line}");
    }
    assert_eq!(lines[0]["length"], 3);
}

fn read_json(line: &[u8]) -> Value {
    serde_json::from_slice(line).expect("an object")
}

#[test]
fn what_is_not_wanted_is_left_out_and_counted() {
    let options = ["--from", "127.0.0.2", "--max-size", "3", "--count", "1", "--json"];
    let (listener, address) = listen(&options, Out::Collect);
    client(&address).send(b"one").expect("sent");
    let wanted = UdpSocket::bind("127.0.0.2:0").expect("a socket");
    wanted.send_to(b"four", &address).expect("sent");
    wanted.send_to(b"two", &address).expect("sent");
    let finished = listener.finish();
    assert_eq!((finished.code, finished.stdout), (0, b"two\n".to_vec()), "{}", finished.stderr);
    let counts = counts(&finished.stderr);
    assert_eq!((&counts["filtered"], &counts["too_large"]), (&1.into(), &1.into()), "{counts}");
}

#[test]
fn the_access_list_may_change_while_it_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("list");
    std::fs::write(&list, "127.0.0.1 # for now\n").expect("a list");
    let denied = format!("@{}", list.display());
    let options = ["--allow", "127.0.0.0/8", "--deny", &denied, "--count", "2"];
    let (listener, address) = listen(&options, Out::Collect);
    let other = UdpSocket::bind("127.0.0.2:0").expect("a socket");
    client(&address).send(b"denied").expect("sent");
    other.send_to(b"other", &address).expect("sent");
    listener.expect_output(b"other\n");
    std::fs::write(&list, "").expect("a list");
    listener.signal(Signal::HUP);
    assert!(listener.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains("read again")));
    client(&address).send(b"denied").expect("sent");
    let finished = listener.finish();
    assert_eq!((finished.code, &finished.stdout[..]), (0, &b"other\ndenied\n"[..]), "{}", finished.stderr);
    for (options, hint) in
        [(&["0", "--allow", "nonsense/99"][..], "10.0.0.0/8"), (&["unix:/x", "--deny", "::1"], "Unix")]
    {
        let refused =
            sendall(&[&["udp-listen"], options].concat(), In::Null, Out::Collect).finish().expect(2);
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
}

#[test]
fn each_peer_is_reported_once_on_request() {
    for (options, shows) in [(&["--json"][..], 1), (&["-vv"], 1), (&["-v"], 0)] {
        let (listener, address) = listen(&[options, &["--count", "4"]].concat(), Out::Collect);
        let (one, other) = (client(&address), client(&address));
        for socket in [&one, &other, &one, &other] {
            socket.send(b"x").expect("sent");
        }
        let finished = listener.finish();
        for socket in [&one, &other] {
            let peer = socket.local_addr().expect("an address").to_string();
            let is_told = |line: &&str| match options {
                ["--json"] => {
                    let event = read_json(line.as_bytes());
                    event["event"] == "peer" && event["state"] == "heard" && event["peer"] == peer
                }
                _ => line.contains(&format!("receives from {peer} on {address}")),
            };
            assert_eq!(finished.stderr.lines().filter(is_told).count(), shows, "{}", finished.stderr);
        }
    }
    // A flood of sources, which could all be forged, is no flood of events.
    let (listener, address) = listen(&["--json", "--count", "300", "--idle-timeout", "2s"], Out::Collect);
    let sockets: Vec<UdpSocket> = (0..300).map(|_| client(&address)).collect();
    sockets.iter().for_each(|socket| assert!(socket.send(b"x").is_ok()));
    let finished = listener.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let reported = finished.stderr.lines().filter(|line| line.contains("\"heard\"")).count();
    assert!((1..300).contains(&reported), "{reported}");
}

#[test]
fn it_ends_when_nothing_comes() {
    let idle = ["--idle-timeout", "300ms"];
    let (listener, _) = listen(&idle, Out::Collect);
    assert!(listener.finish().expect(4).stderr.contains("nothing came"));
    let (listener, address) = listen(&idle, Out::Collect);
    client(&address).send(b"").expect("sent");
    assert_eq!(listener.finish().expect(0).stdout, b"\n");
    let (listener, address) = listen(&[&idle[..], &["--count", "2"]].concat(), Out::Collect);
    client(&address).send(b"x").expect("sent");
    let finished = listener.finish().expect(4);
    assert!(finished.stderr.contains("1 of 2"), "{}", finished.stderr);
}

#[test]
fn with_connected_the_first_peer_is_the_only_one() {
    for address in ["0", "127.0.0.1:0"] {
        let options = ["udp-listen", "--connected", "--count", "2", "--echo", address];
        let listener = sendall(&options, In::Null, Out::Collect);
        let address = listener.listening(1).remove(0);
        let (first, second) = (client(&address), client(&address));
        first.send(b"1").expect("sent");
        assert_eq!(heard(&first), b"1");
        // Refused by the system once the socket is connected: that may be noticed by the next call.
        let _ = second.send(b"2");
        first.send(b"3").expect("sent");
        assert_eq!(listener.finish().expect(0).stdout, b"1\n3\n");
    }
}

#[test]
fn datagrams_come_over_unix_sockets_and_too_large_ones_are_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let endpoint = format!("unix:{}", path.display());
    let options = ["udp-listen", &endpoint, "--echo", "--json", "--count", "2"];
    let listener = sendall(&options, In::Null, Out::Collect);
    assert!(wait_until(LIMIT, || path.exists()));
    let second = sendall(&options, In::Null, Out::Collect).finish();
    assert_eq!(second.code, 3, "one that lives is not stolen from");
    let socket = UnixDatagram::unbound().expect("a socket");
    assert_eq!(socket.send_to(&payload(100_000), &path).expect("sent"), 100_000);
    socket.send_to(b"nobody", &path).expect("sent");
    let send = ["udp-send", &endpoint, "hello", "--replies", "1"];
    assert_eq!(sendall(&send, In::Null, Out::Collect).finish().expect(0).stdout, b"hello\n");
    let finished = listener.finish();
    assert_eq!(finished.stdout, b"nobody\nhello\n");
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    let counts = counts(&finished.stderr);
    assert_eq!((&counts["truncated"], &counts["withheld"]), (&1.into(), &1.into()), "{counts}");
    assert!(!path.exists(), "the socket's file was left");
    let name = format!("unix:@sendall-test-{}", std::process::id());
    let listener = sendall(&["udp-listen", &name, "--count", "1"], In::Null, Out::Collect);
    listener.listening(1);
    sendall(&["udp-send", &name, "abstract"], In::Null, Out::Collect).finish().expect(0);
    assert_eq!(listener.finish().expect(0).stdout, b"abstract\n");
}

#[test]
fn groups_are_received_where_they_were_joined() {
    let options = ["udp-listen", ":0", "--join", "239.83.1.2%lo", "--count", "1"];
    let listener = sendall(&options, In::Null, Out::Collect);
    let port = listener.port().to_string();
    for group in ["239.83.1.3", "239.83.1.2"] {
        let send = ["udp-send", "--source", "127.0.0.1", group, &port, group];
        sendall(&send, In::Null, Out::Collect).finish().expect(0);
    }
    assert_eq!(listener.finish().expect(0).stdout, b"239.83.1.2\n");
}

/// Two ends of a cable in a network of their own: `lo` has no way to groups of IPv6.
const GROUPS_OF_IPV6: &str = r#"
set -e
ip link set lo up
ip link add va type veth peer name vb
ip addr add fd83::1/64 dev va nodad
ip link set va up
ip link set vb up
# The kernel notices the cable in its own time.
until ip -6 route get ff15::8301 oif va >"$1/way" 2>&1; do :; done
mkfifo "$1/ready"
trap 'kill $! 2>"$1/gone" || :' EXIT
"$0" udp-listen --each line --join ff15::8301%va $2 --count 1 :5000 2>"$1/ready" &
exec 3<"$1/ready"
read -r line <&3
read -r line <&3
for group in ff15::8302 ff15::8301; do
    "$0" udp-send --loop off "[$group%va]:5000" unheard
    "$0" udp-send --hops 1 "[$group%va]:5000" $group
done
wait $!
"#;

#[test]
fn ipv6_groups_are_received_and_filtered_by_source() {
    let binary = env!("CARGO_BIN_EXE_sendall");
    if !may_have_a_network("-n") {
        return;
    }
    for (filter, code) in
        [("", 0), ("--source-filter=fd83::1", 0), ("--source-filter=fd83::2 --idle-timeout=1s", 4)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().to_str().expect("UTF-8");
        let args = ["-n", "sh", "-c", GROUPS_OF_IPV6, binary, folder, filter];
        let finished = start("unshare", &args, In::Null, Out::Collect).finish();
        let expected: &[u8] = if code == 0 { b"ff15::8301\n" } else { b"" };
        assert_eq!(finished.code, code, "{filter}: {}", finished.stderr);
        assert_eq!(finished.stdout, expected, "{filter}: {}", finished.stderr);
    }
}

#[test]
fn a_source_filter_admits_one_sender_only() {
    let options =
        ["udp-listen", ":0", "--join", "239.83.1.4%lo", "--source-filter", "127.0.0.3", "--count", "1"];
    let listener = sendall(&options, In::Null, Out::Collect);
    let to = format!("239.83.1.4:{}", listener.port());
    for source in ["127.0.0.1", "127.0.0.3"] {
        sendall(&["udp-send", "--source", source, &to, source], In::Null, Out::Collect).finish().expect(0);
    }
    assert_eq!(listener.finish().expect(0).stdout, b"127.0.0.3\n");
}

#[test]
fn a_blocked_stdout_leaves_nothing_uncounted() {
    const COUNT: usize = 40_000;
    let (listener, address) = listen(&["--json", "--each", "raw"], Out::Held);
    let send = ["udp-send", "--each", "1000", "--limit-rate", "100MB", &address];
    sendall(&send, In::Bytes(payload(COUNT * 1000)), Out::Collect).finish().expect(0);
    let memory = std::fs::read_to_string(format!("/proc/{}/status", listener.id())).expect("a status");
    let resident = memory.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 64 << 10, "{kib} KiB");
    listener.signal(Signal::TERM);
    let mut listener = listener;
    let mut pipe = listener.stdout.take().expect("Out::Held");
    let finished = listener.finish_within(A_SECOND);
    assert_eq!(finished.code, 143, "{}", finished.stderr);
    let mut written = Vec::new();
    std::io::Read::read_to_end(&mut pipe, &mut written).expect("read");
    let counts = counts(&finished.stderr);
    let (received, dropped) = (counts["received"].as_u64(), counts["dropped"].as_u64());
    assert_eq!(received, Some((written.len() / 1000) as u64), "{counts}");
    if counts["dropped_exactly"] == true {
        assert_eq!(received.zip(dropped).map(|(one, other)| one + other), Some(COUNT as u64), "{counts}");
    }
}
