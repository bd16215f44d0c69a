//! `--exec` and `--sh`: how a process ends with its connection, and that nothing of it is left.

use std::io::Write;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{A_WHILE, In, LIMIT, Out, sendall, wait_until};
use crate::stream::exec::{CONNECT, all, finish, is_gone, process, with};
use crate::transfer::xfer::{descriptors, in_parallel, is_slow_wanted};

#[test]
fn a_reset_ends_the_process_and_all_that_it_has_started() {
    let line = "sleep 1000 & echo $!; echo $$; echo not read; wait";
    with(&["--sh", line], |way, running, mut link| {
        let (grandchild, child) = (process(&mut link), process(&mut link));
        link.reset();
        assert!(is_gone(child) && is_gone(grandchild));
        finish(way, running, 5);
    });
}

#[test]
fn a_reset_is_seen_while_all_is_stuck() {
    // Nobody reads, or everybody writes.
    in_parallel(&["echo $$; echo unread; exec sleep 1000", "echo $$; exec cat"], |line| {
        with(&["--sh", line], |way, running, mut link| {
            let child = process(&mut link);
            socket2::SockRef::from(&link).set_write_timeout(Some(A_WHILE)).expect("a limit");
            while link.write(&[0; 1 << 16]).is_ok() {}
            link.reset();
            assert!(is_gone(child), "{way:?}: {line}");
            finish(way, running, 5);
        });
    });
}

#[test]
fn sigterm_comes_first_and_sigkill_if_it_is_ignored() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("termed");
    let line =
        format!("trap 'echo ended >{}; exit' TERM; echo $$; while :; do sleep 0.1; done", path.display());
    let (running, mut link) = CONNECT.open(&["--sh", &line], In::Null, Out::Collect);
    let child = process(&mut link);
    link.reset();
    assert!(wait_until(LIMIT, || path.exists()) && is_gone(child));
    running.finish_within(Duration::from_secs(1)).expect(5);

    let line = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
    let (running, mut link) = CONNECT.open(&["-v", "--sh", line], In::Null, Out::Collect);
    let child = process(&mut link);
    link.reset();
    assert!(is_gone(child));
    let finished = running.finish_within(Duration::from_secs(3));
    assert_eq!(finished.code, 5);
    assert!(
        finished.stderr.contains(&format!("process {child} was ended by SIGKILL")),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_signal_leaves_no_process_running() {
    in_parallel(&["", "trap '' TERM; "], |ignore| {
        let line = format!("{ignore}sleep 1000 & echo $!; echo $$; wait");
        with(&["--sh", &line], |way, running, mut link| {
            let (grandchild, child) = (process(&mut link), process(&mut link));
            running.signal(Signal::INT);
            let finished = running.finish_within(Duration::from_secs(1)).expect(130);
            assert!(finished.stderr.contains("SIGINT"), "{way:?}: {}", finished.stderr);
            assert!(is_gone(child) && is_gone(grandchild));
        });
    });
}

#[test]
fn what_others_keep_open_is_given_up_after_a_while() {
    if !is_slow_wanted("what others keep open is given up") {
        return;
    }
    let (running, mut link) = CONNECT.open(&["--sh", "sleep 1000 & echo $!"], In::Null, Out::Collect);
    let grandchild = process(&mut link);
    assert_eq!(all(&mut link), "");
    link.end();
    assert!(is_gone(grandchild));
    let finished = running.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("kept its output open"), "{}", finished.stderr);
}

/// The children of a process, zombies too.
fn children(process: u32) -> Vec<String> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).expect("a running process");
    text.split_whitespace().map(String::from).collect()
}

#[test]
fn a_thousand_clients_leave_no_zombie_and_no_descriptor() {
    let options = ["serve", "127.0.0.1:0", "--max-per-source", "64", "--exec", "--", "cat"];
    let running = sendall(&options, In::Null, Out::Collect);
    let port = running.port();
    let before = descriptors(running.id());
    let numbers: Vec<usize> = (0..1000).collect();
    in_parallel(&numbers, |number| {
        let mut link = Link::connect(port);
        let text = format!("client {number}");
        link.send(text.as_bytes());
        match number % 5 {
            0 => link.reset(),
            1 => drop(link),
            _ => {
                link.end();
                link.expect_all(text.as_bytes());
            }
        }
    });
    let is_quiet = || children(running.id()).is_empty() && descriptors(running.id()) == before;
    assert!(wait_until(LIMIT, is_quiet), "{:?}", children(running.id()));
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, 143);
}

#[test]
fn a_client_that_stays_too_long_is_cut_with_its_process() {
    for (option, line) in [("--idle-timeout", "echo $$; sleep 1000"), ("--session-timeout", "echo $$; yes")] {
        let args = ["serve", "127.0.0.1:0", option, "400ms", "--sh", line];
        let running = sendall(&args, In::Null, Out::Collect);
        let mut link = Link::connect(running.port());
        let child = process(&mut link);
        assert!(is_gone(child));
        assert!(wait_until(LIMIT, || running.stderr.text().contains(option)), "{}", running.stderr.text());
    }
}
