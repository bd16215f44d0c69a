//! Transfers through a program that break off: resume, retries, signals, no process left.

use std::path::Path;

use rustix::process::{Pid, Signal, test_kill_process};

use super::{SENDALL, script, server, shell};
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, start_with, wait_until};
use crate::transfer::xfer::{Place, address, begin, is_part, is_slow_wanted, names_in, run, wait_for_part};

/// Waits for a file with the number of a process.
#[track_caller]
fn process_in(path: &Path) -> Pid {
    let number = || std::fs::read_to_string(path).ok()?.trim().parse().ok();
    assert!(wait_until(LIMIT, || number().is_some()), "no process number");
    Pid::from_raw(number().expect("a number")).expect("a process")
}

#[track_caller]
fn assert_gone(process: Pid) {
    assert!(wait_until(LIMIT, || test_kill_process(process).is_err()), "{process:?} still runs");
}

/// An upload to a server whose number is written to a file, slow enough to be interrupted.
fn slow_upload(place: &Place) -> (Running, Pid) {
    let (store, file, number) = (place.folder("in"), place.write("f", &payload(3 << 20)), place.at("number"));
    let line = shell(&format!("echo $$ >{number}; exec {SENDALL} -q serve --store {store} stdio:"));
    let upload = begin(&["upload", &file, "--limit-rate", "1MiB", "--via", &line]);
    wait_for_part(Path::new(&store), 300_000);
    (upload, process_in(Path::new(&number)))
}

/// The rest of [`slow_upload`] comes later.
#[track_caller]
fn expect_resumed(place: &Place) {
    let ended = run(&["upload", &place.at("f"), "--via", &server(&format!("--store {}", place.at("in")))]);
    let ended = ended.expect(0);
    assert!(ended.stderr.contains("resumed after"), "{}", ended.stderr);
    place.expect("in/f", &payload(3 << 20));
    assert!(!names_in(&place.path("in")).iter().any(|name| is_part(name)));
}

#[test]
fn an_upload_resumes_after_its_program_was_killed() {
    let place = Place::new();
    let (upload, process) = slow_upload(&place);
    rustix::process::kill_process(process, Signal::KILL).expect("killed");
    upload.finish().expect(5);
    expect_resumed(&place);
}

#[test]
fn the_first_signal_stops_both_and_leaves_no_process() {
    let place = Place::new();
    let (upload, process) = slow_upload(&place);
    upload.signal(Signal::INT);
    upload.finish().expect(130);
    assert_gone(process);
    expect_resumed(&place);
}

#[test]
fn the_second_signal_ends_both_at_once() {
    let place = Place::new();
    let (file, number) = (place.write("f", b"x"), place.at("number"));
    let line = shell(&format!("echo $$ >{number}; exec sleep 1000"));
    // The first one comes before a reactor runs, or is the only one that is needed.
    let upload = begin(&["upload", &file, "--via", &line]);
    let process = process_in(Path::new(&number));
    upload.signal(Signal::TERM);
    upload.signal(Signal::INT);
    let code = upload.finish().code;
    assert!(matches!(code, 130 | 143), "{code}");
    assert_gone(process);
}

#[test]
fn a_program_that_does_not_listen_to_signals_is_killed() {
    let place = Place::new();
    let (file, number) = (place.write("f", b"x"), place.at("number"));
    let line =
        shell(&format!("trap : TERM INT; echo $$ >{number}; while :; do sleep 1 >&2; done 2>/dev/null"));
    let upload = begin(&["upload", &file, "--via", &line]);
    let process = process_in(Path::new(&number));
    upload.signal(Signal::TERM);
    upload.finish().expect(143);
    assert_gone(process);
}

#[test]
fn retries_run_the_program_again_and_resume() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", &payload(3 << 20)));
    let once = place.at("once");
    let program = script(
        &place,
        "program",
        &format!(
            "mkdir '{once}' 2>/dev/null && dd bs=64k count=20 2>/dev/null | exec '{SENDALL}' -q serve --store '{store}' stdio:\n\
             [ -d '{once}/2' ] && exec '{SENDALL}' -q serve --store '{store}' stdio:\n\
             mkdir '{once}/2'; exit 255"
        ),
    );
    let upload = run(&["upload", &file, "--retry", "5", "--retry-delay", "1ms", "--via", &program]);
    assert_eq!(upload.code, 0, "{}", upload.stderr);
    assert!(upload.stderr.contains("resumed after"), "{}", upload.stderr);
    place.expect("in/f", &payload(3 << 20));
}

#[test]
fn a_program_may_ask_at_the_terminal() {
    let place = Place::new();
    let (store, file, asked) = (place.folder("in"), place.write("f", b"x"), place.at("asked"));
    let line =
        format!("read word </dev/tty; echo $word >{asked}; exec {SENDALL} -q serve --store {store} stdio:");
    let client = ["serve", "127.0.0.1:0", "--count", "1", "--exec", "--pty", "--", SENDALL, "upload"];
    let terminal = begin(&[&client[..], &[&file, "--via", &shell(&line)]].concat());
    let typed = sendall(&["connect", &address(&terminal)], In::Bytes(b"secret\n".to_vec()), Out::Collect);
    let shown = typed.finish();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("sent f to sh"), "{shown:?}");
    assert_eq!(std::fs::read(asked).expect("asked"), b"secret\n");
    place.expect("in/f", b"x");
}

#[test]
fn a_program_that_the_terminal_has_stopped_is_continued() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"x"));
    // As ssh at its prompt, which stops once more after the shell's fg.
    let line = shell(&format!("kill -TSTP $$; exec {SENDALL} -q serve --store {store} stdio:"));
    run(&["upload", &file, "--via", &line]).expect(0);
    place.expect("in/f", b"x");
}

#[test]
fn a_program_that_has_to_be_ended_spoils_nothing() {
    if !is_slow_wanted("ssh") {
        return;
    }
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"x"));
    let line = shell(&format!("{SENDALL} -q serve --store {store} stdio:; exec sleep 1000"));
    run(&["upload", &file, "--via", &line]).expect(0);
    place.expect("in/f", b"x");
}

#[test]
fn what_the_program_leaves_behind_is_not_waited_for() {
    let place = Place::new();
    let (store, file, number) = (place.folder("in"), place.write("f", b"x"), place.at("number"));
    // As ssh with ControlPersist does: it keeps stderr.
    let line = format!(
        "sleep 1000 </dev/null >/dev/null & echo $! >{number}; {SENDALL} -q serve --store {store} stdio:"
    );
    let args = ["upload", &file, "--via", &shell(&line)];
    let upload = start_with(SENDALL, &args, &[], In::Null, Out::Collect);
    assert!(upload.ends_within(LIMIT), "waits for what was left");
    let process = process_in(Path::new(&number));
    rustix::process::kill_process(process, Signal::KILL).expect("killed");
    upload.finish().expect(0);
}
