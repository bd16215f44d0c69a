//! `--telnet`: every option is refused, what is not data is taken out, the byte 255 is escaped.

use std::io::Write;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::{Net, Side, WAYS, Way};
use crate::harness::{In, LIMIT, Out, payload};
use crate::transfer::xfer::{cpu_ticks, in_parallel, is_slow_wanted};

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };

/// What a server says first: DO terminal type, WILL echo, a subnegotiation, a prompt with a 255 in it.
const GREETING: &[u8] = b"\xff\xfd\x18\xff\xfb\x01\xff\xfa\x18\x01\xff\xf0login: \xff\xff";
const REFUSALS: &[u8] = b"\xff\xfc\x18\xff\xfe\x01";
const PROMPT: &[u8] = b"login: \xff";

#[test]
fn options_are_refused_whatever_the_input_is() {
    in_parallel(&WAYS, |way| {
        for (options, has_input) in [(&[][..], true), (&["--recv-only"], true), (&[], false)] {
            let input = if has_input { In::Open } else { In::Null };
            let options = [&["--telnet"][..], options].concat();
            let (mut running, mut link) = way.open(&options, input, Out::Collect);
            link.send(GREETING);
            link.expect(REFUSALS);
            running.expect_output(PROMPT);
            // A later one is refused too, and nothing else is said.
            link.send(b"\xff\xfd");
            link.assert_quiet();
            link.send(b"\x1f");
            link.expect(b"\xff\xfc\x1f");
            link.end();
            running.end_input();
            link.expect_all(b"");
            assert_eq!(running.finish().expect(0).stdout, PROMPT);
        }
    });
}

#[test]
fn what_is_typed_is_escaped_and_refusals_stand_between() {
    let (mut running, mut link) = TCP.open(&["--telnet"], In::Open, Out::Collect);
    running.say(b"a\xff\xffb\n");
    link.expect(b"a\xff\xff\xff\xffb\n");
    link.send(b"\xff\xfb\x03");
    link.expect(b"\xff\xfe\x03");
    running.say(b"\xff");
    link.expect(b"\xff\xff");
    running.end_input();
    link.expect_all(b"");
    // Who has said its end answers no more.
    link.send(b"\xff\xfd\x18bye");
    link.end();
    assert_eq!(running.finish().expect(0).stdout, b"bye");
}

#[test]
fn telnet_lines_end_with_crlf_where_it_is_asked_for() {
    let (running, mut link) =
        TCP.open(&["--telnet", "--crlf"], In::Bytes(b"a\n\xff\n".to_vec()), Out::Collect);
    link.expect_all(b"a\r\n\xff\xff\r\n");
    link.end();
    running.finish().expect(0);
}

#[test]
fn without_a_half_close_it_answers_after_the_input_too() {
    let options = ["--telnet", "--no-half-close"];
    let (running, mut link) = TCP.open(&options, In::Bytes(b"who\n".to_vec()), Out::Collect);
    link.expect(b"who\n");
    link.assert_quiet();
    link.send(GREETING);
    link.expect(REFUSALS);
    link.end();
    link.expect_all(b"");
    assert_eq!(running.finish().expect(0).stdout, PROMPT);
}

#[test]
fn while_it_lingers_it_answers() {
    for options in [&["--telnet", "--linger", "400ms"][..], &["--telnet", "--linger", "400ms", "--recv-only"]]
    {
        let (running, mut link) = TCP.open(options, In::Null, Out::Collect);
        link.assert_quiet();
        link.send(GREETING);
        link.expect(REFUSALS);
        assert_eq!(running.finish().expect(0).stdout, PROMPT);
        link.expect_all(b"");
    }
}

#[test]
fn a_send_only_session_refuses_and_ends_with_its_input() {
    let (mut running, mut link) = TCP.open(&["--telnet", "--send-only"], In::Open, Out::Collect);
    link.send(GREETING);
    link.expect(REFUSALS);
    running.say(b"x");
    link.expect(b"x");
    running.end_input();
    link.expect_all(b"");
    assert_eq!(running.finish().expect(0).stdout, b"");
}

#[test]
fn large_content_keeps_its_bytes_both_ways() {
    let content = payload(3 << 20);
    let escaped: Vec<u8> =
        content.iter().flat_map(|byte| if *byte == 255 { vec![255, 255] } else { vec![*byte] }).collect();
    let (running, mut link) = TCP.open(&["--telnet"], In::Bytes(content.clone()), Out::Collect);
    let (mut sending, sent) = (link.try_clone(), escaped.clone());
    let sender = std::thread::spawn(move || {
        sending.send(&sent);
        sending.end();
    });
    link.expect_all(&escaped);
    sender.join().expect("sent");
    crate::harness::assert_same(&running.finish().expect(0).stdout, &content, "stdout");
}

#[test]
fn a_peer_that_negotiates_without_reading_costs_no_memory_and_stops_nothing() {
    let (mut running, mut link) = TCP.open(&["--telnet"], In::Open, Out::Collect);
    // More than both systems' buffers take as answers.
    let flood = b"\xff\xfd\x18".repeat(8 << 20);
    link.write_all(&flood).expect("it goes on reading");
    link.send(b"done");
    running.expect_output(b"done");
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 64 << 10, "{kib} KiB");
    running.signal(Signal::TERM);
    assert!(running.ends_within(LIMIT));
    running.end_input();
    running.finish_within(LIMIT).expect(143);
}

#[test]
fn answers_without_room_wait_quietly() {
    if !is_slow_wanted("answers that wait longer than --linger") {
        return;
    }
    let options = ["--telnet", "--linger", "1s", "--sndbuf", "2KiB"];
    let way = Way { side: Side::Connect, net: Net::Unix };
    let (running, mut link) = way.open(&options, In::Null, Out::Collect);
    // While they wait the session does not end.
    let questions = b"\xff\xfd\x18".repeat(10_000);
    link.send(&questions);
    link.send(b"done");
    running.expect_output(b"done");
    assert!(!running.ends_within(Duration::from_secs(1)));
    let before = cpu_ticks(running.id());
    assert!(!running.ends_within(Duration::from_millis(400)));
    assert!(cpu_ticks(running.id()) - before < 10, "it spins");
    running.signal(Signal::TERM);
    running.finish().expect(143);
}
