//! A crash does not write down what is in memory.

use rustix::process::Signal;

use super::scene::{CODE, User};
use crate::harness::{In, LIMIT, Out, start_with};
use crate::transfer::xfer::Place;

#[test]
fn a_crash_with_a_secret_in_memory_leaves_no_core() {
    let (place, user) = (Place::new(), User::with(CODE));
    let program = env!("CARGO_BIN_EXE_sendall");
    let script = "cd \"$1\" && ulimit -Sc $(ulimit -Hc) && exec \"$0\" serve 0.0.0.0:0 --store .";
    let args = ["-c", script, program, place.arg()];
    let running = start_with("sh", &args, &user.variables(), In::Null, Out::Collect);
    running.listening(1);
    assert!(running.stderr.wait(LIMIT, |bytes, _| bytes.windows(4).any(|it| it == b"key:")));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).expect("a process");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
    // 1: no program is given the core, either.
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(matches!(words[..], ["1", ..] | ["0", "0", ..]), "{line}");
    running.signal(Signal::ABORT);
    assert_eq!(running.finish().code, -6);
    assert!(place.names().is_empty(), "{:?}", place.names());
}
