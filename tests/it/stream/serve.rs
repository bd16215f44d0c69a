//! `serve` without a mode: the contract, and its own options.

use std::time::Duration;

use crate::harness::link::{Link, Net, Side, Way};
use crate::harness::{In, Out, sendall};
use crate::stream::contract::contract_for;

contract_for!(Side::Serve);

const TCP: Way = Way { side: Side::Serve, net: Net::Tcp };

#[test]
fn a_closed_stdout_is_noticed_before_anything_is_bound() {
    let finished = sendall(&["serve", "0"], In::Null, Out::Closed).finish().expect(10);
    assert!(!finished.stderr.contains("listening"), "{}", finished.stderr);
}

#[test]
fn without_a_client_the_time_limit_is_exit_code_4() {
    let running = sendall(&["serve", "127.0.0.1:0", "--timeout", "400ms"], In::Null, Out::Collect);
    running.listening(1);
    running.assert_waits();
    let finished = running.finish_within(Duration::from_secs(3)).expect(4);
    assert!(
        finished.stderr.contains("400ms") && finished.stderr.contains("see --timeout"),
        "{}",
        finished.stderr
    );
}

#[test]
fn the_time_limit_ends_with_the_first_client() {
    let (running, link) = TCP.open(&["--timeout", "300ms"], In::Null, Out::Collect);
    assert!(!running.ends_within(Duration::from_millis(600)), "{}", running.stderr.text());
    link.end();
    running.finish().expect(0);
}

#[test]
fn further_clients_are_refused_once_the_first_is_there() {
    let (running, mut link) = TCP.open(&[], In::Open, Out::Collect);
    link.send(b"first");
    running.expect_output(b"first");
    let second = std::net::TcpStream::connect(("127.0.0.1", running.port()));
    assert!(second.is_err(), "a second client was let in");
    drop((running, link));
}

#[test]
fn the_first_client_of_several_listeners_is_served() {
    let dir = tempfile::tempdir().expect("a folder");
    let unix = format!("unix:{}", dir.path().join("socket").display());
    let args = ["serve", "127.0.0.1:0", "[::1]:0", &unix];
    let running = sendall(&args, In::Bytes(b"hello".to_vec()), Out::Collect);
    let names = running.listening(3);
    assert!(names[0].starts_with("127.0.0.1:") && names[1].starts_with("[::1]:"), "{names:?}");
    assert_eq!(names[2], unix);
    let mut link = Link::Tcp(std::net::TcpStream::connect(&names[1]).expect("a connection"));
    link.expect_all(b"hello");
    link.end();
    running.finish().expect(0);
}

#[test]
fn verbose_prints_the_client_counts_and_duration() {
    let (running, mut link) = TCP.open(&["--verbose"], In::Bytes(b"12".to_vec()), Out::Collect);
    link.expect_all(b"12");
    link.send(b"1");
    link.end();
    let finished = running.finish();
    assert_eq!(finished.code, 0);
    let [client, counts] = finished.errors()[..] else { panic!("{}", finished.stderr) };
    assert!(client.contains("client 127.0.0.1:"), "{client}");
    assert!(counts.contains("sent 2 bytes, received 1 bytes in "), "{counts}");
}

#[test]
fn quiet_hides_the_listening_line() {
    let finished =
        sendall(&["serve", "0", "-q", "--timeout", "50ms"], In::Null, Out::Collect).finish().expect(4);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
}
