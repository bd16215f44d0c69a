//! How a connection is made: `--source`, `--interface`, `--retry`, and the race of addresses.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::Socket;

use crate::faults::vanish::{Host, Net, SERVER, TWO_ADDRESSES};
use crate::harness::link::{Net as Kind, Side, TestListener, Way};
use crate::harness::others::free_port;
use crate::harness::{
    Finished, In, LIMIT, Out, Running, assert_same, assert_within, now, payload, sendall, silent_port,
};
use crate::transfer::xfer::{Place, address, serve};

const TCP: Way = Way { side: Side::Connect, net: Kind::Tcp };

/// As [`silent_port`], with the address as it is typed.
fn reserved() -> (Socket, String) {
    let (socket, address) = silent_port();
    (socket, address.to_string())
}

#[track_caller]
fn wait_for_text(running: &Running, text: &str) {
    let came = running.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains(text));
    assert!(came, "no {text:?} in {}", running.stderr.text());
}

#[test]
fn the_peer_sees_the_source() {
    let port = free_port();
    for (source, seen) in [
        ("127.0.0.5".to_owned(), "127.0.0.5:".to_owned()),
        (format!("127.0.0.5:{port}"), format!("127.0.0.5:{port}")),
        (format!(":{port}"), format!("127.0.0.1:{port}")),
    ] {
        let server = sendall(&["serve", "127.0.0.1:0", "-v"], In::Null, Out::Collect);
        let to = server.listening(1).remove(0);
        sendall(&["connect", &to, "--source", &source], In::Bytes(b"x".to_vec()), Out::Collect)
            .finish()
            .expect(0);
        let said = server.finish().expect_said();
        assert!(said.contains(&format!("client {seen}")), "{source}: {said}");
    }
}

trait Said {
    fn expect_said(self) -> String;
}

impl Said for Finished {
    /// What a command that ended well has said.
    #[track_caller]
    fn expect_said(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stderr
    }
}

#[test]
fn files_come_from_the_source_too() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let path = here.write("f", b"content");
    let server = serve(&["--store", there.arg(), "--share", there.arg(), "-v"]);
    let to = address(&server);
    let upload = ["upload", "-q", &path, &to, "--source", "127.0.0.6"];
    sendall(&upload, In::Null, Out::Collect).finish().expect(0);
    let download = ["download", "-q", &to, "f", "-o", back.arg(), "--source", "127.0.0.7"];
    sendall(&download, In::Null, Out::Collect).finish().expect(0);
    sendall(&["download", "--list", &to, "--source", "127.0.0.8"], In::Null, Out::Collect).finish().expect(0);
    back.expect("f", b"content");
    for source in ["127.0.0.6", "127.0.0.7", "127.0.0.8"] {
        wait_for_text(&server, &format!("client {source}:"));
    }
    // One port leads there only once.
    let several = ["upload", &path, &to, "--source", ":4000", "-j", "2"];
    let finished = sendall(&several, In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("-j"), "{}", finished.stderr);
}

#[test]
fn a_source_restricts_the_addresses_to_its_family() {
    let (_socket, address) = reserved();
    let port = address.rsplit(':').next().expect("a port");
    let to = format!("localhost:{port}");
    let finished =
        sendall(&["connect", &to, "--source", "127.0.0.1"], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("refused") && !finished.stderr.contains("::1"), "{}", finished.stderr);

    // Nothing that another try could change.
    let other = ["connect", &address, "--source", "::1", "--retry", "5"];
    let finished = sendall(&other, In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("family of --source ::1"), "{}", finished.stderr);
}

#[test]
fn an_end_that_is_not_to_be_had_is_exit_code_3_and_named() {
    let listener = TestListener::bind(Kind::Tcp, Default::default());
    for (option, value, why) in [
        ("--source", "192.0.2.77", "not an address of this machine"),
        ("--interface", "no-such-device", "no such interface"),
        ("--interface", "an-interface-with-too-long-a-name", "no such interface"),
    ] {
        let finished =
            sendall(&["connect", &listener.name, option, value], In::Null, Out::Collect).finish().expect(3);
        assert!(finished.stderr.contains(option) && finished.stderr.contains(value), "{}", finished.stderr);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
    }
    assert!(!listener.has_client());
    let held = TcpListener::bind("127.0.0.9:0").expect("a port");
    let source = held.local_addr().expect("an address").to_string();
    let finished =
        sendall(&["connect", &listener.name, "--source", &source], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("address in use"), "{}", finished.stderr);
    drop(held);
}

#[test]
fn what_is_asked_of_the_end_cannot_be_asked_of_a_unix_socket() {
    for option in [["--source", "127.0.0.1"], ["--interface", "lo"], ["--ttl", "5"]] {
        for args in [&["connect", "unix:/nowhere"][..], &["connect", "--probe", "unix:/nowhere"]] {
            let finished = sendall(&[args, &option].concat(), In::Null, Out::Collect).finish().expect(2);
            assert!(finished.stderr.contains("Unix socket"), "{}", finished.stderr);
        }
    }
}

#[test]
fn a_server_that_comes_late_is_found_and_nothing_of_the_input_is_lost() {
    let (socket, address) = reserved();
    let args = ["connect", &address, "--retry", "1000", "--retry-delay", "20ms"];
    let client = sendall(&args, In::Bytes(b"all of it".to_vec()), Out::Collect);
    wait_for_text(&client, "connection refused; trying again in 40ms (2 of 1000)");
    socket.listen(1).expect("listening");
    let mut link = TestListener::from(TcpListener::from(socket)).accept().expect("a client");
    link.expect_all(b"all of it");
    link.end();
    assert_eq!(client.finish().code, 0);
}

#[test]
fn what_cannot_be_had_is_tried_so_often_and_no_more() {
    let (_socket, address) = reserved();
    let args = ["connect", &address, "--retry", "2", "--retry-delay", "10ms"];
    let finished = sendall(&args, In::Null, Out::Collect).finish();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    let [first, second, last] = finished.errors()[..] else { panic!("{}", finished.stderr) };
    assert!(first.ends_with("trying again in 10ms (1 of 2)"), "{first}");
    assert!(second.ends_with("trying again in 20ms (2 of 2)"), "{second}");
    assert!(last.ends_with("connection refused"), "{last}");
}

#[test]
fn quiet_it_prints_the_last_failure_only() {
    let (_held, address) = reserved();
    let args = ["connect", "-q", "--retry", "2", "--retry-delay", "10ms", &address];
    let finished = sendall(&args, In::Null, Out::Collect).finish().expect(3);
    assert_eq!(finished.errors().len(), 1, "{}", finished.stderr);
}

#[test]
fn a_stream_that_has_begun_is_never_tried_again() {
    let (mut client, mut link) = TCP.open(&["--retry", "5", "--retry-delay", "1ms"], In::Open, Out::Collect);
    client.say(b"begun");
    link.expect(b"begun");
    link.reset();
    let finished = client.finish().expect(5);
    assert!(!finished.stderr.contains("again"), "{}", finished.stderr);
    // Nor one that has only waited.
    let options = ["--retry", "5", "--retry-delay", "1ms", "--idle-timeout", "50ms"];
    let (client, _link) = TCP.open(&options, In::Open, Out::Collect);
    let finished = client.finish().expect(4);
    assert!(!finished.stderr.contains("again"), "{}", finished.stderr);
}

#[test]
fn a_signal_ends_the_pause() {
    let (_socket, address) = reserved();
    let client =
        sendall(&["connect", &address, "--retry", "5", "--retry-delay", "1h"], In::Null, Out::Collect);
    wait_for_text(&client, "trying again in 1h");
    client.signal(Signal::INT);
    assert_eq!(client.finish_within(Duration::from_secs(2)).code, 130);
}

/// Connects from the client to the server of `net` by a name; when that began.
fn connect_by_name(net: &Net, name: &str) -> Instant {
    let server = net.run(Host::Server, &["serve", &format!("{SERVER}:0")], In::Null, Out::Collect);
    let to = format!("{name}:{}", server.port());
    let begun = now();
    let client =
        net.run(Host::Client, &["connect", &to, "--timeout", "15s"], In::Bytes(b"x".to_vec()), Out::Collect);
    server.finish().expect(0);
    client.finish().expect(0);
    begun
}

#[test]
fn the_next_address_is_tried_beside_a_silent_one_and_at_once_after_a_failure() {
    let Some(net) = Net::new() else { return };
    let begun = connect_by_name(&net, TWO_ADDRESSES);
    assert!(begun.elapsed() >= Duration::from_millis(250), "the first address had no time of its own");
    // The first address is not waited for.
    assert_within(begun, Duration::from_secs(12));

    // Nobody listens there. With a quarter of a second for each these would take 20 seconds.
    let mut addresses: Vec<String> = (1..=80).map(|last| format!("127.0.1.{last}")).collect();
    addresses.push(SERVER.into());
    net.name("many.test", &addresses);
    assert_within(connect_by_name(&net, "many.test"), Duration::from_secs(12));
}

#[test]
fn the_first_bytes_go_with_the_packet_that_asks_for_the_connection() {
    let Some(net) = Net::new() else { return };
    // 1 for clients, 2 for servers, 0x400 for those that have not asked for it.
    net.set(Host::Server, "ipv4/tcp_fastopen", 0x403).expect("set");
    net.set(Host::Client, "ipv4/tcp_fastopen", 1).expect("set");
    // The first connection asks for a cookie. Less than a packet, more than one, and nothing.
    for (length, went) in [(3, 0), (3, 1), (300_000, 1), (0, 0)] {
        let (before, bytes) = (net.counter(Host::Client, "TCPFastOpenActive"), payload(length));
        let server = net.run(Host::Server, &["serve", &format!("{SERVER}:0")], In::Null, Out::Collect);
        let to = format!("{SERVER}:{}", server.port());
        let args = ["connect", &to, "--fastopen", "-v"];
        let client = net.run(Host::Client, &args, In::Bytes(bytes.clone()), Out::Collect);
        assert_same(&server.finish().expect(0).stdout, &bytes, "at the server");
        let said = client.finish().expect_said();
        assert!(said.contains(&format!("sent {length} bytes")), "{said}");
        assert_eq!(net.counter(Host::Client, "TCPFastOpenActive") - before, went, "{length} bytes");
    }
    net.set(Host::Client, "ipv4/tcp_fastopen", 0).expect("set");
    let args = ["connect", &format!("{SERVER}:9"), "--fastopen"];
    let client = net.run(Host::Client, &args, In::Bytes(b"x".to_vec()), Out::Collect).finish().expect(1);
    assert!(client.stderr.contains("--fastopen: "), "{}", client.stderr);
}

#[test]
fn what_is_to_go_first_is_waited_for_and_kept_for_the_next_try() {
    let listener = TestListener::bind(Kind::Tcp, Default::default());
    let mut client = sendall(&["connect", &listener.name, "--fastopen"], In::Open, Out::Collect);
    client.assert_waits();
    assert!(!listener.has_client());
    client.say(b"first");
    let mut link = listener.accept().expect("a client");
    link.expect(b"first");
    client.say(b"then");
    link.expect(b"then");
    link.send(b"answer");
    client.end_input();
    link.expect_all(b"");
    link.end();
    assert_eq!(client.finish().expect(0).stdout, b"answer");

    let (socket, address) = reserved();
    let args = ["connect", &address, "--fastopen", "--retry", "1000", "--retry-delay", "20ms"];
    let client = sendall(&args, In::Bytes(b"all of it".to_vec()), Out::Collect);
    wait_for_text(&client, "(2 of 1000)");
    socket.listen(1).expect("listening");
    let mut link = TestListener::from(TcpListener::from(socket)).accept().expect("a client");
    link.expect_all(b"all of it");
    link.end();
    assert_eq!(client.finish().code, 0);

    // Nothing to say: the connection is made all the same.
    let client = sendall(&["connect", &listener.name, "--fastopen"], In::Null, Out::Collect);
    listener.accept().expect("a client").end();
    client.finish().expect(0);
}
