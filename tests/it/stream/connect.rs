//! `connect`: the contract, and its own options.

use std::time::Duration;

use crate::harness::link::{Net, Side, TestListener, WAYS, Way};
use crate::harness::{In, LIMIT, Out, fill, sendall, silent_port};
use crate::stream::contract::contract_for;

contract_for!(Side::Connect);

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };

#[test]
fn a_closed_stdout_is_noticed_before_anything_is_opened() {
    let listener = TestListener::bind(Net::Tcp, Default::default());
    sendall(&["connect", &listener.name], In::Null, Out::Closed).finish().expect(10);
    assert!(!listener.has_client());
}

#[test]
fn the_time_limit_is_for_each_address_and_is_exit_code_4() {
    // A listener whose queue is full: the system lets further clients wait without an answer.
    let (full, address) = silent_port();
    let (_waiting, name) = (fill(full), address.to_string());
    let running = sendall(&["connect", &name, "--timeout", "300ms"], In::Null, Out::Collect);
    running.assert_waits();
    let finished = running.finish_within(Duration::from_secs(2)).expect(4);
    assert!(
        finished.stderr.contains("300ms") && finished.stderr.contains("--timeout"),
        "{}",
        finished.stderr
    );
}

#[test]
fn verbose_prints_addresses_counts_and_duration() {
    let (running, mut link) = TCP.open(&["-v"], In::Bytes(b"12345".to_vec()), Out::Collect);
    link.expect_all(b"12345");
    link.send(b"123");
    link.end();
    let finished = running.finish();
    assert_eq!(finished.code, 0);
    let [connected, counts] = finished.errors()[..] else { panic!("{}", finished.stderr) };
    assert!(
        connected.contains("connected to 127.0.0.1:") && connected.contains("from 127.0.0.1:"),
        "{connected}"
    );
    assert!(counts.contains("sent 5 bytes, received 3 bytes in "), "{counts}");
}

#[test]
fn without_verbose_a_success_prints_nothing() {
    for options in [&[][..], &["-q"], &["--quiet"]] {
        let (running, mut link) = TCP.open(options, In::Bytes(b"x".to_vec()), Out::Collect);
        link.expect_all(b"x");
        link.end();
        assert_eq!(running.finish().expect(0).stderr, "");
    }
}

#[test]
fn quiet_leaves_errors() {
    let (running, link) = TCP.open(&["-q"], In::Open, Out::Collect);
    link.reset();
    let finished = running.finish().expect(5);
    assert!(finished.stderr.contains("connection reset by peer"), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1);
}

#[test]
fn an_idle_connection_ends_at_its_limit() {
    for way in WAYS.into_iter().filter(|way| way.side == Side::Connect) {
        let options = ["--idle-timeout", "400ms"];
        let (mut running, mut link) = way.open(&options, In::Open, Out::Collect);
        // Every byte, in either direction, begins the time anew.
        for _ in 0..2 {
            running.assert_waits();
            running.say(b"a");
            link.expect(b"a");
            running.assert_waits();
            link.send(b"b");
        }
        let finished = running.finish_within(Duration::from_secs(3)).expect(4);
        assert_eq!(finished.stdout, b"bb");
        assert!(finished.stderr.contains("400ms") && finished.stderr.contains("--idle-timeout"));
    }
}

#[test]
fn a_stuck_peer_is_an_idle_one() {
    let bytes = crate::harness::payload(20 << 20);
    let options = ["--idle-timeout", "300ms"];
    let (running, _link) = TCP.open(&options, In::Bytes(bytes), Out::Collect);
    running.finish_within(LIMIT).expect(4);
}
