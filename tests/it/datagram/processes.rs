//! `udp-listen --exec`: a process for each peer.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;

use crate::datagram::listen::{client, counts, heard, listen};
use crate::harness::{A_WHILE, In, LIMIT, Out, Running, sendall, wait_until};
use crate::transfer::xfer::Place;

const A_SECOND: Duration = Duration::from_secs(1);

/// `--exec -- sh -c SCRIPT`, and the address.
fn run(script: &str, options: &[&str]) -> (Running, String) {
    listen(&[options, &["--exec", "--", "sh", "-c", script]].concat(), Out::Collect)
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
fn a_process_reads_and_writes_records() {
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

/// socat UDP-LISTEN:P,fork UDP:HOST:Q.
#[test]
fn a_process_relays_any_bytes_both_ways() {
    let (_echo, target) = listen(&["--echo"], Out::Collect);
    let relay =
        [env!("CARGO_BIN_EXE_sendall"), "-q", "udp-send", "--frame", "u16be", "--wait", "20s", &target];
    let (relay, address) =
        listen(&[&["--frame", "u16be", "--exec", "--"], &relay[..]].concat(), Out::Collect);
    let sockets: Vec<UdpSocket> = (0..3).map(|_| client(&address)).collect();
    for (number, socket) in sockets.iter().enumerate() {
        for datagram in [&[number as u8, b'\n', 0, 0xff][..], b"", b"a\nb"] {
            socket.send(datagram).expect("sent");
            assert_eq!(heard(socket), datagram);
        }
    }
    relay.signal(Signal::TERM);
    assert_eq!(relay.finish_within(2 * A_SECOND).code, 143);
}

#[test]
fn the_output_of_a_process_is_split_as_requested() {
    for (cut, script, answers) in [
        ("all", "read -r line; printf 'a\\n'; printf 'b\\0\\n'", &[&b"a\nb\0\n"[..]][..]),
        ("2", "read -r line; printf abcde", &[b"ab", b"cd", b"e"]),
        ("u16be", "read -r line; printf '\\0\\003a\\nb'", &[b"a\nb"]),
        ("line", "cat", &[b"x"]),
    ] {
        let (listener, address) = run(script, &["--answer-each", cut, "--amplify-ok", "--count", "1"]);
        let socket = client(&address);
        socket.send(b"x").expect("sent");
        for answer in answers {
            assert_eq!(heard(&socket), *answer, "{cut}");
        }
        listener.finish().expect(0);
    }
    // A process without output sends nothing.
    let (listener, address) = run("read -r line", &["--answer-each", "all", "--count", "1"]);
    let socket = client(&address);
    socket.send(b"x").expect("sent");
    let finished = listener.finish().expect(0);
    assert!(!finished.stderr.contains("sent"), "{}", finished.stderr);
    for (options, hint) in
        [(&["--answer-each", "all"][..], "--exec"), (&["--answer-each", "x", "--sh", "cat"], "raw")]
    {
        let refused =
            sendall(&[&["udp-listen", "0"], options].concat(), In::Null, Out::Collect).finish().expect(2);
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
}

#[test]
fn a_line_feed_within_a_datagram_is_reported_where_lines_are_read() {
    for (options, is_told, code) in [
        (&[][..], true, 9),
        (&["--each", "line"], true, 0),
        (&["--frame", "u16be"], false, 0),
        (&["--each", "raw"], false, 0),
    ] {
        let (listener, address) = run("cat >/dev/null", &[options, &["--count", "2"]].concat());
        let socket = client(&address);
        // As what is typed into another netcat ends.
        socket.send(b"x\n").expect("sent");
        socket.send(b"a\nb").expect("sent");
        let finished = listener.finish();
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert_eq!(
            finished.stderr.contains("1 not delivered, or not whole"),
            code == 9,
            "{}",
            finished.stderr
        );
        assert_eq!(finished.stderr.contains("has line feeds in it"), is_told, "{}", finished.stderr);
    }
}

#[test]
fn what_a_process_has_left_in_its_pipe_is_missing() {
    // The shell reads a byte at a time, and so no more than its line.
    for script in ["read -r line", "read -r line; exec <&-"] {
        let (listener, address) = run(script, &["--count", "3", "--each", "line"]);
        let socket = client(&address);
        for text in ["one", "two", "three"] {
            socket.send(text.as_bytes()).expect("sent");
        }
        let finished = listener.finish();
        assert_eq!(finished.code, 9);
        assert!(finished.stderr.contains("has ended before it read everything"), "{}", finished.stderr);
    }
    // A datagram that it has begun to read counts as delivered; a process that reads nothing wants nothing.
    for script in ["dd bs=1 count=1 2>/dev/null", "echo x"] {
        let (listener, address) = run(script, &["--count", "1", "--each", "raw"]);
        let socket = client(&address);
        socket.send(b"more than that").expect("sent");
        listener.finish().expect(0);
    }
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
fn a_process_that_cannot_be_started_is_reported() {
    let (listener, address) = listen(&["--json", "--exec", "--", "/nonexistent/program"], Out::Collect);
    client(&address).send(b"x").expect("sent");
    let is_told = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("no such program");
    assert!(listener.stderr.wait(LIMIT, is_told), "{}", listener.stderr.text());
    listener.expect_output(b"x\n");
    listener.signal(Signal::TERM);
    let counts = counts(&listener.finish().stderr);
    assert_eq!((&counts["withheld"], &counts["undelivered"]), (&0.into(), &1.into()), "{counts}");
}

#[test]
fn a_datagram_that_reaches_no_process_is_exit_code_9() {
    let (listener, address) = listen(&["--count", "1", "--exec", "--", "/nonexistent/program"], Out::Collect);
    client(&address).send(b"x").expect("sent");
    let finished = listener.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert!(finished.stderr.contains("1 not delivered"), "{}", finished.stderr);
}

#[test]
fn the_end_does_not_wait_for_a_process_that_waits_for_it() {
    let (listener, address) = listen(&["--idle-timeout", "300ms", "--exec", "--", "cat"], Out::Collect);
    let socket = client(&address);
    socket.send(b"x").expect("sent");
    assert_eq!(heard(&socket), b"x");
    listener.finish_within(Duration::from_secs(5)).expect(0);
}

/// A process that reads nothing, and does not end.
fn stopped_process() {
    // More than a pipe and the queue before it hold.
    let (listener, address) =
        run("kill -STOP $$; cat >/dev/null", &["--count", "10", "--json", "--peer-timeout", "1s"]);
    let socket = client(&address);
    for _ in 0..10 {
        socket.send(&[b'x'; 60_000]).expect("sent");
    }
    let finished = listener.finish();
    assert_ne!(finished.code, 0);
    assert!(counts(&finished.stderr)["undelivered"].as_u64() >= Some(1), "{}", finished.stderr);
}

#[test]
fn a_process_that_runs_ten_seconds_after_the_end_is_reported() {
    let stopped = std::thread::spawn(stopped_process);
    let (listener, address) = run("exec sleep 60", &["--count", "1"]);
    client(&address).send(b"x").expect("sent");
    let finished = listener.finish().expect(4);
    assert!(finished.stderr.contains("still at work 10s after the end"), "{}", finished.stderr);
    stopped.join().expect("what it did not read is counted");
}

#[test]
fn options_about_processes_need_one() {
    for options in [["--max-peers", "5"], ["--peer-timeout", "5s"]] {
        let args = [&["udp-listen", "0", "--echo"][..], &options].concat();
        sendall(&args, In::Null, Out::Collect).finish().expect(2);
    }
}

#[test]
fn a_silent_process_is_given_everything() {
    // Its output is elsewhere: so it has ended before anything was read.
    let place = Place::new();
    let script = format!("exec >'{}'; sleep 0.2; exec cat", place.at("log"));
    let (listener, address) = run(&script, &["--count", "10"]);
    let socket = client(&address);
    for number in 0..10 {
        socket.send(format!("{number}").as_bytes()).expect("sent");
    }
    listener.finish().expect(0);
    place.expect("log", b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[test]
fn what_a_process_was_not_given_when_it_is_ended_is_exit_code_9() {
    let options = ["--idle-timeout", "2s", "--peer-timeout", "1s", "--json"];
    let (listener, address) = run("exec sleep 60", &options);
    let socket = client(&address);
    // More than a pipe holds.
    for _ in 0..250 {
        socket.send(&[b'x'; 900]).expect("sent");
    }
    let finished = listener.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert!(counts(&finished.stderr)["undelivered"].as_u64() >= Some(100), "{}", finished.stderr);
    assert!(finished.stderr.contains("was ended before it read everything"), "{}", finished.stderr);
}

/// So many peers, each of which has sent a datagram.
fn heard_from(count: usize, address: &str) -> Vec<UdpSocket> {
    let peers: Vec<UdpSocket> = (0..count).map(|_| client(address)).collect();
    for peer in &peers {
        peer.send(b"x").expect("sent");
    }
    peers
}

#[test]
fn a_process_that_fails_is_exit_code_9_and_reported_once_for_all_peers() {
    for (script, frame) in [("read line; exit 3", None), ("printf '\\000\\005ab'", Some("u16be"))] {
        let frame = frame.map_or(vec![], |frame| vec!["--frame", frame]);
        let (listener, address) = run(script, &[&["--count", "20"][..], &frame].concat());
        let _peers = heard_from(20, &address);
        let finished = listener.finish();
        assert_eq!(finished.code, 9, "{}", finished.stderr);
        assert_eq!(finished.stderr.matches("has failed: ").count(), 1, "{}", finished.stderr);
        assert!(finished.stderr.contains("20 processes have failed"), "{}", finished.stderr);
    }
}

#[test]
fn the_same_reason_is_reported_once_for_all_peers() {
    let (listener, address) = run("cat >/dev/null", &["--count", "100", "--max-peers", "1"]);
    let _peers = heard_from(100, &address);
    let finished = listener.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("--max-peers").count(), 1, "{}", finished.stderr);
}
