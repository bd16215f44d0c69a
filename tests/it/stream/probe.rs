//! `connect --probe`.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::faults::vanish::{Host, LOST, NOWHERE, Net, REFUSED_ON_THE_WAY, SERVER, TWO_ADDRESSES};
use crate::harness::link::{Net as Kind, TestListener};
use crate::harness::{
    A_WHILE, Finished, In, LIMIT, Out, Running, assert_within, fill, now, sendall, silent_port, start,
};
use crate::transfer::xfer::is_slow_wanted;

fn probe(options: &[&str]) -> Running {
    sendall(&[&["connect", "--probe"], options].concat(), In::Null, Out::Collect)
}

fn lines(finished: &Finished) -> Vec<String> {
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(String::from).collect()
}

/// A listener whose queue is full: further clients wait without an answer.
fn full() -> (u16, Vec<Socket>) {
    let (socket, address) = silent_port();
    (address.port(), fill(socket))
}

/// Ports with what is due for each, as an argument from the highest down, and as lines from the lowest up.
fn expected(mut ports: Vec<(u16, &str)>) -> (String, Vec<String>) {
    ports.sort();
    let list: Vec<String> = ports.iter().rev().map(|(port, _)| port.to_string()).collect();
    let lines = ports.iter().map(|(port, state)| format!("{state} 127.0.0.1:{port}")).collect();
    (format!("127.0.0.1:{}", list.join(",")), lines)
}

#[test]
fn a_host_without_an_address_of_the_family_is_one_line_among_others() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = listener.local_addr().expect("an address").to_string();
    let finished =
        probe(&["-4", "[::1]:9", &open, "--retry", "999", "--retry-delay", "1h"]).finish().expect(3);
    assert_eq!(lines(&finished), ["unreachable [::1]:9".to_owned(), format!("open {open}")]);
    let finished = probe(&["-6", &open]).finish().expect(3);
    assert_eq!(lines(&finished), [format!("unreachable {open}")]);
    let why = format!("sendall: {open} is not open: it has no IPv6 address (see -6)\n");
    assert_eq!(finished.stderr, why);
}

#[test]
fn a_line_for_each_port_in_their_order() {
    let open: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let ports = open.iter().map(|listener| listener.local_addr().expect("an address").port());
    let mut ports: Vec<(u16, &str)> = ports.map(|port| (port, "open")).collect();
    let (argument, due) = expected(ports.clone());
    let finished = probe(&[&argument]).finish().expect(0);
    assert_eq!((lines(&finished), finished.stderr.as_str()), (due, ""));

    let ((_silent, refused), (full, _held)) = (silent_port(), full());
    ports.extend([(refused.port(), "refused"), (full, "timeout")]);
    let (argument, due) = expected(ports);
    let finished = probe(&[&argument, "--timeout", "300ms"]).finish().expect(3);
    assert_eq!(lines(&finished), due);
    assert!(finished.stderr.contains("2 of 5 ports are not open"), "{}", finished.stderr);
}

/// A socket that answers each datagram after the first `silences` with the same bytes, on a thread.
fn answering(silences: usize) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let name = format!("udp:{}", socket.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        for number in 0.. {
            let Ok((count, from)) = socket.recv_from(&mut buffer) else { continue };
            if number >= silences {
                let _ = socket.send_to(&buffer[..count], from);
            }
        }
    });
    name
}

/// Silence is not "open", and not "closed": it has a word and a code of its own.
#[test]
fn ports_of_datagrams_are_answered_refused_or_silent() {
    let answered = answering(0);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let silent = format!("udp:{}", socket.local_addr().expect("an address"));
    // An address of this test alone: nobody else gets its port meanwhile.
    let gone = UdpSocket::bind("127.0.49.3:0").expect("a socket").local_addr().expect("an address");
    let refused = format!("udp:{gone}");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = listener.local_addr().expect("an address").to_string();
    for (ports, code, why) in [
        (&[("silent", &silent), ("open", &open)][..], 4, "1 of 2 ports are silent"),
        (&[("silent", &silent)], 4, "is silent: no answer came; something may be there all the same"),
        (&[("refused", &refused)], 3, "is not open: connection refused"),
        (
            &[("silent", &silent), ("refused", &refused)],
            3,
            "2 of 2 ports are not open, 1 of these are silent",
        ),
    ] {
        let names: Vec<&str> = ports.iter().map(|(_, name)| name.as_str()).collect();
        let finished = probe(&[&names[..], &["--timeout", "100ms"]].concat()).finish().expect(code);
        let due: Vec<String> = ports.iter().map(|(state, name)| format!("{state} {name}")).collect();
        assert_eq!(lines(&finished), due);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
    }
    let finished = probe(&[&answered, &open]).finish().expect(0);
    assert_eq!(lines(&finished), [format!("answered {answered}"), format!("open {open}")]);
    // What is sent, and how an event says it.
    let finished = probe(&[&answered, "--send", "who?\\n", "--json"]).finish().expect(0);
    let event: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    assert_eq!((&event["state"], &event["address"]), (&"answered".into(), &answered.as_str().into()));
    probe(&[&silent, "--send", "who?", "--timeout", "10ms"]).finish().expect(4);
    let mut buffer = [0; 16];
    let texts = (0..).map_while(|_| socket.recv(&mut buffer).ok().map(|count| buffer[..count].to_vec()));
    assert!(texts.take(20).any(|text| text == b"who?"), "and empty ones before");
    // Until it answers.
    let later = answering(3);
    let options = ["--within", "20s", "--timeout", "50ms", "--retry-delay", "1ms"];
    let finished = probe(&[&[later.as_str()], &options[..]].concat()).finish();
    assert_eq!((finished.code, lines(&finished)), (0, vec![format!("answered {later}")]));
    let finished = probe(&[&silent, "--within", "100ms"]).finish().expect(4);
    assert!(
        finished.stderr.contains("--within") && finished.stdout.starts_with(b"silent "),
        "{}",
        finished.stderr
    );
    for words in [&["127.0.0.1:1", "--send", "x"][..], &["udp:unix:/x"], &["udp:stdio:"], &["unix-dgram:/x"]]
    {
        probe(words).finish().expect(2);
    }
}

#[test]
fn it_waits_until_all_are_open() {
    for limit in [&["--retry", "1000", "--retry-delay", "20ms"][..], &["--within", "20s"]] {
        let (silent, later) = silent_port();
        let later = later.to_string();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let open = listener.local_addr().expect("an address").to_string();
        let running = probe(&[&[later.as_str(), &open], limit].concat());
        let is_told =
            |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("connection refused; trying again");
        assert!(running.stderr.wait(LIMIT, is_told), "{}", running.stderr.text());
        silent.listen(8).expect("a listener");
        let finished = running.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert_eq!(
            lines(&finished),
            [format!("open {later}"), format!("open {open}")],
            "in the order of the words"
        );
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
}

#[test]
fn a_port_that_is_not_open_in_the_end_is_reported_once() {
    let (_silent, refused) = silent_port();
    let open = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (port, refused) =
        (open.local_addr().expect("an address").port().to_string(), refused.port().to_string());
    let words = ["127.0.0.1", &port, "127.0.0.1", &refused, "no-such-name.invalid:7,8"];
    for (limit, code) in
        [(&["--retry", "2", "--retry-delay", "10ms"][..], 3), (&["--within", "600ms"], 4), (&[], 3)]
    {
        let started = now();
        let finished = probe(&[&words[..], limit].concat()).finish();
        assert_eq!(finished.code, code, "{}", finished.stderr);
        let due = [
            format!("open 127.0.0.1:{port}"),
            format!("refused 127.0.0.1:{refused}"),
            "unreachable no-such-name.invalid:7".into(),
            "unreachable no-such-name.invalid:8".into(),
        ];
        assert_eq!(lines(&finished), due);
        let summary = finished.stderr.lines().last().expect("a line");
        assert!(summary.contains("3 of 4 ports are not open"), "{summary}");
        assert_eq!(
            finished.stderr.lines().count(),
            if limit.is_empty() { 1 } else { 2 },
            "{}",
            finished.stderr
        );
        assert!(started.elapsed() < LIMIT);
    }
    let finished = probe(&["no-such-name.invalid:7"]).finish().expect(3);
    assert_eq!(lines(&finished), ["unreachable no-such-name.invalid:7"]);
    let finished = probe(&["127.0.0.1:7", "-6"]).finish().expect(3);
    assert!(finished.stderr.contains("no IPv6 address"), "{}", finished.stderr);
}

#[test]
fn the_limit_ends_what_does_not_answer() {
    let (port, _held) = full();
    let finished = probe(&[&format!("127.0.0.1:{port}"), "--within", "200ms"]).finish().expect(4);
    assert_eq!(lines(&finished), [format!("timeout 127.0.0.1:{port}")]);
    assert!(finished.stderr.contains("after 200ms"), "{}", finished.stderr);
}

#[test]
fn a_range_and_two_words() {
    let (_silent, address) = silent_port();
    let port = address.port();
    let range = format!("{port}-{port}");
    let finished = probe(&["127.0.0.1", &range]).finish().expect(3);
    assert_eq!(lines(&finished), [format!("refused 127.0.0.1:{port}")]);
    let due = format!("sendall: 127.0.0.1:{port} is not open: connection refused\n");
    assert_eq!(finished.stderr, due);
}

#[test]
fn as_objects() {
    let open = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (port, (_silent, refused)) = (open.local_addr().expect("an address").port(), silent_port());
    let (argument, _) = expected(vec![(port, ""), (refused.port(), "")]);
    let finished = probe(&[&argument, "--json"]).finish();
    assert_eq!(finished.code, 3);
    let objects: Vec<Value> =
        lines(&finished).iter().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(objects.len(), 2);
    for object in objects {
        let number = object["port"].as_u64().expect("a port");
        let state = if number == u64::from(port) { "open" } else { "refused" };
        assert_eq!(object["state"], state);
        assert_eq!(object["address"], format!("127.0.0.1:{number}"));
        assert_eq!(object["text"].as_str(), (state != "open").then_some("connection refused"));
        assert!(object["seconds"].as_f64().is_some_and(|seconds| seconds < 10.0));
    }
    let error: Value = serde_json::from_str(finished.stderr.trim_end()).expect("an event");
    assert_eq!((&error["event"], &error["code"]), (&Value::from("error"), &Value::from(3)));
}

#[test]
fn nothing_is_sent_and_the_end_is_an_orderly_one() {
    let listener = TestListener::bind(Kind::Tcp, Default::default());
    probe(&[&listener.name]).finish().expect(0);
    let mut bytes = Vec::new();
    listener.accept().expect("a client").read_to_end(&mut bytes).expect("an end, and no reset");
    assert_eq!(bytes, b"");
}

#[test]
fn a_unix_socket() {
    let dir = tempfile::tempdir().expect("a folder");
    let listener = TestListener::bind(Kind::Unix, dir.path().join("socket"));
    let finished = probe(&[&listener.name]).finish().expect(0);
    assert_eq!(lines(&finished), [format!("open {}", listener.name)]);
    let missing = format!("unix:{}", dir.path().join("missing").display());
    let finished = probe(&[&missing]).finish().expect(3);
    assert_eq!(lines(&finished), [format!("unreachable {missing}")]);
    assert!(finished.stderr.contains("no such socket"), "{}", finished.stderr);
    // Its file is there, and nobody listens.
    let silent = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    let path = dir.path().join("silent");
    silent.bind(&SockAddr::unix(&path).expect("a name")).expect("a file");
    let dead = format!("unix:{}", path.display());
    assert_eq!(lines(&probe(&[&dead]).finish().expect(3)), [format!("refused {dead}")]);
}

#[test]
fn networks_that_lead_nowhere() {
    let Some(net) = Net::new() else { return };
    let server = net.run(Host::Server, &["serve", &format!("{SERVER}:0")], In::Open, Out::Collect);
    let port = server.port();
    let state = |to: &str, ports: &str| {
        let to = format!("{to}:{ports}");
        // More than a second: see `faults::vanish`.
        let client =
            net.run(Host::Client, &["connect", "--probe", &to, "--timeout", "3s"], In::Null, Out::Collect);
        lines(&client.finish())
    };
    assert_eq!(state(LOST, "7,5"), [format!("timeout {LOST}:5"), format!("timeout {LOST}:7")]);
    assert_eq!(state(REFUSED_ON_THE_WAY, "7"), [format!("unreachable {REFUSED_ON_THE_WAY}:7")]);
    assert_eq!(state(NOWHERE, "7"), [format!("unreachable {NOWHERE}:7")]);
    // Of two addresses the first is silent: what the other says counts.
    assert_eq!(state(TWO_ADDRESSES, "1"), [format!("refused {SERVER}:1")]);
    assert_eq!(state(TWO_ADDRESSES, &port.to_string()), [format!("open {SERVER}:{port}")]);
}

#[test]
fn a_thousand_silent_ports_take_as_long_as_one() {
    let Some(net) = Net::new() else { return };
    let (to, begun) = (format!("{LOST}:1001-2000"), now());
    let client =
        net.run(Host::Client, &["connect", "--probe", &to, "--timeout", "2s"], In::Null, Out::Collect);
    let finished = client.finish().expect(3);
    assert_within(begun, Duration::from_secs(10));
    let due: Vec<String> = (1001..=2000).map(|port| format!("timeout {LOST}:{port}")).collect();
    assert_eq!(lines(&finished), due);
}

/// Probes from a process that may have so many descriptors, and was given some more by its parent.
fn with_descriptors(limit: u32, to: &str) -> Finished {
    let more = "exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null 8</dev/null 9</dev/null";
    let script = format!("ulimit -n {limit}; {more}; exec \"$0\" connect --probe \"$1\" --timeout 300ms");
    start("sh", &["-c", &script, env!("CARGO_BIN_EXE_sendall"), to], In::Null, Out::Collect).finish()
}

#[test]
fn a_shortage_of_descriptors_is_no_result_of_a_port() {
    let held: Vec<(u16, Vec<Socket>)> = (0..12).map(|_| full()).collect();
    let (to, due) = expected(held.iter().map(|(port, _)| (*port, "timeout")).collect());
    // What is left for probes: nearly all of what is counted on, and much less.
    for limit in [64, 30, 26, 24] {
        let finished = with_descriptors(limit, &to).expect(3);
        assert_eq!(lines(&finished), due, "with {limit} descriptors");
    }
}

#[test]
fn all_ports_of_a_machine() {
    // One of its own: the other tests would find clients that they do not expect.
    let Some(net) = Net::new() else { return };
    let server = net.run(Host::Server, &["serve", &format!("{SERVER}:60000")], In::Open, Out::Collect);
    let port = server.port();
    // Several times as many as are probed at once.
    let first = if is_slow_wanted("all ports, not the last ones") { 1 } else { 57_000 };
    let to = format!("{SERVER}:{first}-65535");
    let client = net.run(Host::Client, &["connect", "--probe", &to], In::Null, Out::Collect);
    let lines = lines(&client.finish_within(Duration::from_secs(60)).expect(3));
    for (line, number) in lines.iter().zip(first..=u16::MAX) {
        let state = if number == port { "open" } else { "refused" };
        assert_eq!(*line, format!("{state} {SERVER}:{number}"));
    }
    assert_eq!(lines.len(), (first..=u16::MAX).len());
}

#[test]
fn a_signal_ends_it_and_what_is_known_was_printed() {
    let (port, _held) = full();
    // A port below: what is known before the silent one.
    let (_silent, lower) = loop {
        let (socket, lower) = silent_port();
        if lower.port() < port {
            break (socket, lower.port());
        }
    };
    let running = probe(&[&format!("127.0.0.1:{lower},{port}"), "--timeout", "1h"]);
    let known = format!("refused 127.0.0.1:{lower}\n");
    running.expect_output(known.as_bytes());
    assert!(!running.ends_within(A_WHILE));
    running.signal(Signal::INT);
    let finished = running.finish_within(Duration::from_secs(2)).expect(130);
    assert_eq!(finished.stdout, known.as_bytes());
}

#[test]
fn stdout_that_takes_nothing() {
    let to = "127.0.0.1:1-2000";
    let args = ["connect", "--probe", to];
    sendall(&args, In::Null, Out::Closed).finish().expect(10);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    sendall(&args, In::Null, Out::Fd(full.into())).finish().expect(10);
    let mut gone = sendall(&args, In::Null, Out::Held);
    gone.stdout = None;
    gone.finish().expect(141);
}
