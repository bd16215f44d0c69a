//! `upload --exec` and `--sh`: what a command prints is stored only if the command ends well.

use rustix::process::Signal;

use crate::harness::{Finished, LIMIT, wait_until};
use crate::transfer::xfer::{Place, address, begin, run, serve, session};

/// Uploads what a line of shell prints, as `out`: the codes of both ends.
fn produce(there: &Place, line: &str) -> (Finished, Finished) {
    session(&["--store", there.arg()], |to| begin(&["upload", "--name", "out", to, "--sh", line]))
}

#[test]
fn the_output_of_a_command_arrives_when_it_has_ended_with_0() {
    let there = Place::new();
    let (client, server) = session(&["--store", there.arg()], |to| {
        begin(&["upload", "--name", "out", to, "--exec", "--", "printf", "%s", "--all-of-it"])
    });
    client.expect(0);
    server.expect(0);
    there.expect("out", b"--all-of-it");
    // Its stdin is at its end, its stderr is ours, and what others still print belongs to it.
    let (client, server) =
        produce(&Place::new(), "cat; echo a note >&2; (printf 'late' &) ; head -c 3000000 /dev/zero");
    let client = client.expect(0);
    assert!(client.stderr.lines().any(|line| line == "a note"), "{}", client.stderr);
    assert!(server.expect(0).stderr.contains(" 3000004 bytes"));
}

#[test]
fn a_command_that_fails_or_is_killed_names_nothing() {
    let there = Place::new();
    for (line, words) in [
        ("printf half; exit 3", "the command exited with 3, so nothing is stored"),
        ("head -c 5000000 /dev/zero; exit 1", "the command exited with 1"),
        ("printf half; kill -9 $$", "the command was ended by SIGKILL"),
        ("exec >&-; exit 4", "the command exited with 4"),
    ] {
        let (client, server) = produce(&there, line);
        client.expect_saying(1, words);
        server.expect_saying(7, "out: cannot be read");
        there.expect_names(&[]);
    }
    let (client, _) = session(&["--store", there.arg()], |to| {
        begin(&["upload", "--name", "out", to, "--exec", "--", "/no/such/program"])
    });
    client.expect_saying(1, "there is no such program");
    there.expect_names(&[]);
}

#[test]
fn a_command_does_not_run_in_vain_and_ends_with_the_upload() {
    let (here, there) = (Place::new(), Place::new());
    there.write("out", b"old");
    let ran = here.at("ran");
    let (client, _) = produce(&there, &format!("touch {ran}"));
    client.expect_saying(7, "exists");
    assert!(!here.path("ran").exists());
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--once"]);
    let line = format!("printf something; echo $$ >{ran}.new; mv {ran}.new {ran}; exec sleep 1000");
    let client = begin(&["upload", "--name", "out", &address(&server), "--sh", &line]);
    assert!(wait_until(LIMIT, || here.path("ran").exists()), "the command does not run");
    let id = std::fs::read_to_string(here.path("ran")).expect("a number").trim().to_owned();
    client.signal(Signal::INT);
    client.finish().expect(130);
    assert!(!std::path::Path::new("/proc").join(id).exists(), "the command goes on");
    server.finish().expect(5);
    there.expect_names(&[]);
}

#[test]
fn a_command_needs_a_name_and_a_place() {
    run(&["upload", "127.0.0.1:1", "--exec", "--", "true"]).expect_saying(2, "--name");
    run(&["upload", "127.0.0.1:1", "--name", "x", "--", "true"]).expect_saying(2, "--exec -- CMD");
    run(&["upload", "127.0.0.1:1", "--name", "x", "--exec"]).expect_saying(2, "--exec -- CMD");
    run(&["upload", "-", "127.0.0.1:1", "--name", "x", "--sh", "true"]).expect_saying(2, "a name each");
    run(&["upload", "127.0.0.1:1", "--name", "a/../b", "--sh", "true"]).expect_saying(2, "--name");
}
