//! The end-of-file contract. Each rule is a function of the way in which two ends are joined; `connect.rs` and
//! `serve.rs` make tests of them with [`contract_for`].

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::PollFlags;

use crate::harness::link::{Net, Way};
use crate::harness::{A_WHILE, In, LIMIT, Out, now, payload, wait_for_fd, wait_until};

/// One test per rule, for one command, over TCP and a Unix socket at once: they wait most of the time.
macro_rules! contract_for {
    ($side:expr => $($rule:ident)*) => {
        $(#[test]
        fn $rule() {
            let test = |net: &_| $crate::stream::contract::$rule(Way { side: $side, net: *net });
            $crate::transfer::xfer::in_parallel(&[Net::Tcp, Net::Unix], test);
        })*
    };
    ($side:expr) => {
        $crate::stream::contract::contract_for!($side =>
            rule_1_the_end_of_input_is_a_half_close_after_the_last_byte
            rule_1_a_peer_that_sends_does_not_get_the_end
            rule_1_what_waits_for_stdout_is_talk
            rule_2_the_peers_end_ends_that_direction_only
            rule_2_what_the_input_still_holds_is_still_sent
            rule_3_the_command_ends_when_both_have_ended_and_all_is_written
            rule_4_a_reset_is_a_failure
            rule_4_a_reset_after_the_end_of_input_is_a_failure
            rule_5_no_input_sends_nothing
            rule_5_an_empty_pipe_or_file_is_a_real_input
            rule_6_a_terminal_ends_with_the_peer
            rule_6_a_terminal_speaks_and_ends_like_any_input
            rule_7_end_when_both_is_the_default
            rule_7_end_when_both_holds_for_a_terminal
            rule_7_end_when_peer
            rule_7_end_when_input
            rule_7_no_half_close
            rule_7_linger
            rule_7_send_only
            rule_7_recv_only
            rule_8_a_reader_that_goes_away_ends_the_command_in_silence
            rule_8_a_reader_that_has_read_all_may_go_before_the_end
            rule_8_a_full_disk_is_an_error
        );
    };
}
pub(crate) use contract_for;

/// A terminal: the person's end, and the one for stdin.
pub(crate) fn terminal() -> (OwnedFd, OwnedFd) {
    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let person = openpt(flags).expect("a terminal");
    grantpt(&person).and_then(|()| unlockpt(&person)).expect("unlocked");
    let stdin = ioctl_tiocgptpeer(&person, flags).expect("its other end");
    (person, stdin)
}

fn full() -> Out {
    Out::Fd(File::options().write(true).open("/dev/full").expect("/dev/full").into())
}

pub(crate) fn rule_1_the_end_of_input_is_a_half_close_after_the_last_byte(way: Way) {
    let bytes = payload(300_001);
    for input in [In::Bytes(bytes.clone()), In::file(&bytes)] {
        let (running, mut link) = way.open(&[], input, Out::Collect);
        link.expect_all(&bytes);
        running.assert_waits();
        link.send(b"late reply");
        link.end();
        let finished = running.finish().expect(0);
        assert_eq!(finished.stdout, b"late reply");
    }
}

/// Many servers take a half-close for a hang-up, and drop the rest of their answer.
pub(crate) fn rule_1_a_peer_that_sends_does_not_get_the_end(way: Way) {
    let piece = Duration::from_millis(40);
    let (running, mut link) = way.open(&[], In::Bytes(b"question".to_vec()), Out::Collect);
    link.expect(b"question");
    for _ in 0..8 {
        let said = now();
        link.send(b"a piece");
        if wait_for_fd(link.as_fd(), PollFlags::IN, piece) {
            // On a busy machine this peer may itself have been too slow.
            assert!(now() - said > 5 * piece, "told the end in mid-answer");
            break;
        }
    }
    link.expect_all(b"");
    link.end();
    assert!(running.finish().expect(0).stdout.starts_with(b"a piece"));
}

pub(crate) fn rule_1_what_waits_for_stdout_is_talk(way: Way) {
    let bytes = payload(24 << 20);
    let (mut running, link) = way.open(&[], In::Open, Out::Held);
    let (mut sender, sent) = (link.try_clone(), bytes.clone());
    let mut listener = link.try_clone();
    let sending = std::thread::spawn(move || sender.send(&sent));
    running.assert_waits();
    running.say(b"question");
    running.end_input();
    listener.expect(b"question");
    assert!(!wait_for_fd(link.as_fd(), PollFlags::IN, 2 * A_WHILE), "told the end while stdout was stuck");
    let mut got = vec![0; bytes.len()];
    running.stdout.as_mut().expect("Out::Held").read_exact(&mut got).expect("stdout");
    crate::harness::assert_same(&got, &bytes, "stdout");
    sending.join().expect("all sent");
    listener.expect_all(b"");
    listener.end();
    running.finish().expect(0);
}

pub(crate) fn rule_2_the_peers_end_ends_that_direction_only(way: Way) {
    let (mut running, mut link) = way.open(&[], In::Open, Out::Collect);
    link.send(b"bye");
    link.end();
    running.expect_output(b"bye");
    running.assert_waits();
    running.say(b"still here");
    link.expect(b"still here");
    running.end_input();
    link.expect_all(b"");
    running.finish().expect(0);
}

pub(crate) fn rule_2_what_the_input_still_holds_is_still_sent(way: Way) {
    let bytes = payload(5 << 20);
    let (running, mut link) = way.open(&[], In::Bytes(bytes.clone()), Out::Collect);
    link.end();
    assert!(running.output.as_ref().is_some_and(|output| output.wait(LIMIT, |_, ended| ended)));
    link.expect_all(&bytes);
    running.finish().expect(0);
}

pub(crate) fn rule_3_the_command_ends_when_both_have_ended_and_all_is_written(way: Way) {
    use std::io::Read;
    // More than a pipe and two sockets hold: a spliced pipe holds up to 32 KiB in each of its places.
    let bytes = payload(24 << 20);
    let (mut running, link) = way.open(&[], In::Bytes(Vec::new()), Out::Held);
    let (mut sender, sent) = (link.try_clone(), bytes.clone());
    let sending = std::thread::spawn(move || {
        sender.send(&sent);
        sender.end();
    });
    running.assert_waits();
    let mut got = Vec::new();
    running.stdout.take().expect("Out::Held").read_to_end(&mut got).expect("stdout");
    sending.join().expect("all sent");
    crate::harness::assert_same(&got, &bytes, "stdout");
    running.finish().expect(0);
}

pub(crate) fn rule_4_a_reset_is_a_failure(way: Way) {
    for input in [In::Open, In::Null] {
        let is_open = matches!(input, In::Open);
        if way.net == Net::Unix && !is_open {
            continue; // A Unix socket is reset only by what was not read.
        }
        let (mut running, link) = way.open(&[], input, Out::Collect);
        if is_open {
            running.say(b"never read");
            assert!(wait_for_fd(link.as_fd(), PollFlags::IN, LIMIT));
        }
        link.reset();
        running.finish().expect(5);
    }
}

pub(crate) fn rule_4_a_reset_after_the_end_of_input_is_a_failure(way: Way) {
    let (running, mut link) = way.open(&[], In::Bytes(b"asked".to_vec()), Out::Collect);
    match way.net {
        Net::Tcp => link.expect_all(b"asked"),
        Net::Unix => link.expect(b"ask"),
    }
    link.send(b"half an ans");
    running.expect_output(b"half an ans");
    link.reset();
    let finished = running.finish().expect(5);
    assert_eq!(finished.stdout, b"half an ans");
}

pub(crate) fn rule_5_no_input_sends_nothing(way: Way) {
    let bytes = payload(1 << 20);
    for input in [In::Null, In::Closed] {
        let (running, mut link) = way.open(&[], input, Out::Collect);
        link.assert_quiet();
        link.send(&bytes);
        running.expect_output(&bytes);
        link.assert_quiet();
        link.end();
        link.expect_all(b"");
        running.finish().expect(0);
    }
}

pub(crate) fn rule_5_an_empty_pipe_or_file_is_a_real_input(way: Way) {
    for input in [In::Bytes(Vec::new()), In::file(b"")] {
        let (running, mut link) = way.open(&[], input, Out::Collect);
        link.expect_all(b"");
        link.send(b"reply");
        link.end();
        let finished = running.finish().expect(0);
        assert_eq!(finished.stdout, b"reply");
    }
}

pub(crate) fn rule_6_a_terminal_ends_with_the_peer(way: Way) {
    let (_person, stdin) = terminal();
    let (running, mut link) = way.open(&[], In::Fd(stdin), Out::Collect);
    link.assert_quiet();
    link.send(b"bye");
    link.end();
    link.expect_all(b"");
    let finished = running.finish().expect(0);
    assert_eq!(finished.stdout, b"bye");
}

pub(crate) fn rule_6_a_terminal_speaks_and_ends_like_any_input(way: Way) {
    let (person, stdin) = terminal();
    let (running, mut link) = way.open(&[], In::Fd(stdin), Out::Collect);
    rustix::io::write(&person, b"hello\n").expect("typed");
    link.expect(b"hello\n");
    rustix::io::write(&person, b"\x04").expect("^D");
    link.expect_all(b"");
    running.assert_waits();
    link.send(b"reply");
    link.end();
    let finished = running.finish().expect(0);
    assert_eq!(finished.stdout, b"reply");
}

pub(crate) fn rule_7_end_when_both_is_the_default(way: Way) {
    for options in [&[][..], &["--end-when", "both"], &["--end-when=both"]] {
        let (mut running, mut link) = way.open(options, In::Open, Out::Collect);
        link.end();
        running.assert_waits();
        running.end_input();
        link.expect_all(b"");
        running.finish().expect(0);
    }
}

pub(crate) fn rule_7_end_when_both_holds_for_a_terminal(way: Way) {
    let (person, stdin) = terminal();
    let (running, mut link) = way.open(&["--end-when", "both"], In::Fd(stdin), Out::Collect);
    link.end();
    running.assert_waits();
    rustix::io::write(&person, b"more\n\x04").expect("typed");
    link.expect_all(b"more\n");
    running.finish().expect(0);
}

pub(crate) fn rule_7_end_when_peer(way: Way) {
    let (mut running, mut link) = way.open(&["--end-when", "peer"], In::Open, Out::Collect);
    running.say(b"question");
    link.expect(b"question");
    link.send(b"answer");
    link.end();
    link.expect_all(b"");
    let finished = running.finish().expect(0);
    assert_eq!(finished.stdout, b"answer");

    // The end of the input is passed on as ever, and does not end the command.
    let (running, mut link) = way.open(&["--end-when", "peer"], In::Bytes(b"q".to_vec()), Out::Collect);
    link.expect_all(b"q");
    running.assert_waits();
    link.end();
    running.finish().expect(0);
}

pub(crate) fn rule_7_end_when_input(way: Way) {
    let bytes = payload(200_000);
    let (running, mut link) = way.open(&["--end-when", "input"], In::Bytes(bytes.clone()), Out::Collect);
    link.expect_all(&bytes);
    running.finish().expect(0);

    // The peer's end does not end it.
    let (mut running, mut link) = way.open(&["--end-when", "input"], In::Open, Out::Collect);
    link.send(b"bye");
    link.end();
    running.expect_output(b"bye");
    running.assert_waits();
    running.say(b"last words");
    running.end_input();
    link.expect_all(b"last words");
    running.finish().expect(0);
}

pub(crate) fn rule_7_no_half_close(way: Way) {
    let (running, mut link) = way.open(&["--no-half-close"], In::Bytes(b"question".to_vec()), Out::Collect);
    link.expect(b"question");
    link.assert_quiet();
    link.send(b"answer");
    running.expect_output(b"answer");
    link.end();
    link.expect_all(b"");
    running.finish().expect(0);
}

/// False if the client may have left before it was answered.
fn lingers(way: Way, limit: Duration) -> bool {
    let linger = format!("{}ms", limit.as_millis());
    let without: &[&str] = if way.net == Net::Tcp { &[] } else { &["--no-half-close"] };
    let options = [&["--linger", &linger], without].concat();
    let begun = now();
    let (running, mut link) = way.open(&options, In::Bytes(b"question".to_vec()), Out::Collect);
    link.expect(b"question");
    let is_gone = running.ends_within(A_WHILE);
    let answered = now();
    if answered - begun > limit * 4 / 5 {
        return false;
    }
    assert!(!is_gone, "left too early");
    link.send(b"late answer");
    assert_eq!(running.finish().expect(0).stdout, b"late answer");
    assert!(now() - answered >= limit, "left too early");
    link.expect_all(b"");
    true
}

pub(crate) fn rule_7_linger(way: Way) {
    // A busy machine may need longer to ask than the client waits: then it waits longer.
    let is_seen = [500, 1000, 2000, 4000, 8000].map(Duration::from_millis).iter().any(|l| lingers(way, *l));
    assert!(is_seen, "too busy a machine");
    // While there is input nobody leaves, however silent the peer is.
    let (mut running, mut link) = way.open(&["--linger", "100ms"], In::Open, Out::Collect);
    running.assert_waits();
    running.say(b"late question");
    link.expect(b"late question");
    running.end_input();
    link.expect_all(b"");
    running.finish().expect(0);
    // What has nothing to say has nothing to end.
    let (running, _link) = way.open(&["--linger", "100ms"], In::Null, Out::Collect);
    running.finish().expect(0);
}

pub(crate) fn rule_7_send_only(way: Way) {
    let bytes = payload(20 << 20); // More than systems hold: it is not done before somebody reads.
    let (running, mut link) = way.open(&["--send-only"], In::Bytes(bytes.clone()), Out::Collect);
    link.send(b"unheard");
    link.expect_all(&bytes);
    let finished = running.finish().expect(0);
    assert!(finished.stdout.is_empty());
    assert_eq!(finished.stderr.matches("leave --send-only out").count(), 1, "{}", finished.stderr);

    // It needs no stdout, and a reset still counts.
    let (running, link) = way.open(&["--send-only"], In::Bytes(bytes), Out::Closed);
    assert!(wait_for_fd(link.as_fd(), PollFlags::IN, LIMIT));
    link.reset();
    running.finish().expect(5);
}

pub(crate) fn rule_7_recv_only(way: Way) {
    let (mut running, mut link) = way.open(&["--recv-only"], In::Open, Out::Collect);
    running.say(b"unsaid");
    link.assert_quiet();
    link.send(b"all there is");
    link.end();
    link.expect_all(b"");
    let finished = running.finish().expect(0);
    assert_eq!(finished.stdout, b"all there is");
}

pub(crate) fn rule_8_a_reader_that_goes_away_ends_the_command_in_silence(way: Way) {
    let (mut running, mut link) = way.open(&[], In::Open, Out::Held);
    drop(running.stdout.take());
    // A process that another test is just starting may have the reader's end for a moment more.
    let has_ended = || link.write(b"for nobody").is_err() || running.ends_within(A_WHILE);
    assert!(wait_until(LIMIT, has_ended), "it goes on: {}", running.stderr.text());
    running.finish().expect(141);
}

/// As tar does, which closes its input after the archive's last block: nothing is lost, so nothing failed.
pub(crate) fn rule_8_a_reader_that_has_read_all_may_go_before_the_end(way: Way) {
    let (mut running, mut link) = way.open(&[], In::Open, Out::Held);
    link.send(b"all of it");
    let mut reader = running.stdout.take().expect("Out::Held");
    let mut read = [0; 9];
    reader.read_exact(&mut read).expect("what was sent");
    drop(reader);
    running.assert_waits();
    link.end();
    running.end_input();
    link.expect_all(b"");
    running.finish().expect(0);
}

pub(crate) fn rule_8_a_full_disk_is_an_error(way: Way) {
    let (running, mut link) = way.open(&[], In::Open, full());
    link.send(b"no room");
    running.finish().expect(10);
}
