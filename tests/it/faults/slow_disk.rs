//! `udp-listen` into a file whose disk is stuck, or becomes full.

use std::fs::File;
use std::path::Path;

use super::trace;
use crate::datagram::listen::{client, counts, heard, listen};
use crate::harness::{LIMIT, Out, Running, payload};

/// A listener whose stdout is a file at `path`, with strace for what it writes there. Killing strace lets it go on.
fn listen_into(path: &Path, options: &[&str], fault: &str) -> (Running, String, Running) {
    let (listener, address) = listen(options, Out::Fd(File::create(path).expect("a file").into()));
    let path = path.to_str().expect("a name");
    let log = format!("{path}.strace");
    let strace = trace::attach(&listener, &log, &["-P", path, "-e", "trace=write", "-e", fault]);
    (listener, address, strace)
}

#[test]
fn a_disk_that_is_stuck_does_not_hold_up_receiving() {
    if !trace::is_there() {
        return;
    }
    const SIZE: usize = 60_000;
    const COUNT: usize = 100;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("out");
    let count = COUNT.to_string();
    let options = ["--json", "--each", "raw", "--echo", "--max-answers", "10000", "--count", &count];
    let (listener, address, strace) = listen_into(&path, &options, "inject=write:delay_enter=60s");
    let (socket, content) = (client(&address), payload(SIZE * COUNT));
    for datagram in content.chunks(SIZE) {
        socket.send(datagram).expect("sent");
        assert!(heard(&socket) == datagram, "another answer");
    }
    assert_eq!(std::fs::metadata(&path).expect("a file").len(), 0, "the disk is not stuck");
    drop(strace);
    let finished = listener.finish_within(LIMIT);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(std::fs::read(&path).expect("a file") == content, "the file has something else");
    let counts = counts(&finished.stderr);
    assert_eq!((&counts["received"], &counts["dropped"]), (&COUNT.into(), &0.into()), "{counts}");
}

#[test]
fn a_full_disk_ends_it_and_what_was_written_is_counted() {
    if !trace::is_there() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("out");
    let fault = "inject=write:error=ENOSPC:when=3";
    let (listener, address, _strace) = listen_into(&path, &["--json", "--each", "raw", "--echo"], fault);
    let socket = client(&address);
    // Each waits for its answer and for its bytes in the file, so that each has a write of its own.
    for number in 1..=2_u64 {
        socket.send(&[number as u8; 100]).expect("sent");
        heard(&socket);
        let has_it = || std::fs::metadata(&path).is_ok_and(|file| file.len() == number * 100);
        assert!(crate::harness::wait_until(LIMIT, has_it), "datagram {number}");
    }
    socket.send(&[3; 100]).expect("sent");
    let finished = listener.finish_within(LIMIT);
    assert_eq!(finished.code, 10, "{}", finished.stderr);
    assert!(finished.stderr.contains("No space left"), "{}", finished.stderr);
    let counts = counts(&finished.stderr);
    assert_eq!((&counts["received"], &counts["dropped"]), (&2.into(), &1.into()), "{counts}");
}
