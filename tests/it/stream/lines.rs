//! Serial lines and pseudoterminals with a link. A pseudoterminal of ours, or of socat, stands for the line.

use std::fs::File;
use std::io::Read;

use rustix::process::Signal;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, start, wait_until};
use crate::transfer::xfer::Place;

/// A process with a pseudoterminal, whose link is there.
fn with_link(args: &[&str], link: &str, input: In) -> Running {
    let endpoint = format!("pty:{link}");
    let running = sendall(&[&["connect", &endpoint], args].concat(), input, Out::Collect);
    assert!(wait_until(LIMIT, || std::fs::symlink_metadata(link).is_ok()), "{}", running.stderr.text());
    running
}

#[test]
fn bytes_of_any_value_pass_both_ways_and_the_end_is_a_hang_up() {
    let place = Place::new();
    let link = place.at("line");
    let far = with_link(&[], &link, In::Bytes(payload(200_000)));
    let line = format!("tty:{link},b115200,8n1");
    let mut near = sendall(&["connect", "--end-when", "input", &line], In::Open, Out::Collect);
    near.say(&payload(60_000));
    near.expect_output(&payload(200_000));
    near.end_input();
    near.finish().expect(0);
    assert_same(&far.finish().expect(0).stdout, &payload(60_000), "at the far end");
    place.expect_names(&[]);
}

#[test]
fn a_line_is_as_it_was_at_the_end_and_has_one_owner() {
    let place = Place::new();
    let link = place.at("line");
    let mut far = with_link(&["--recv-only"], &link, In::Null);
    // Held open: its last close would hang up.
    let terminal = File::options().read(true).write(true).open(&link).expect("a terminal");
    let mut before = tcgetattr(&terminal).expect("settings");
    before.local_modes |= LocalModes::ECHO | LocalModes::ICANON;
    before.set_speed(1200).expect("a speed");
    tcsetattr(&terminal, OptionalActions::Now, &before).expect("set");
    let settings = || {
        let found = tcgetattr(&terminal).expect("settings");
        (found.local_modes, found.input_modes, found.output_modes, found.control_modes, found.output_speed())
    };
    let before = settings();
    let line = format!("tty:{link},57600");
    sendall(&["connect", "--send-only", &line], In::Bytes(b"one".to_vec()), Out::Collect).finish().expect(0);
    assert_eq!(settings(), before);
    let near = sendall(&["connect", &line], In::Open, Out::Collect);
    assert!(wait_until(LIMIT, || settings() != before), "{}", near.stderr.text());
    let second = sendall(&["connect", &line], In::Null, Out::Collect).finish().expect(3);
    assert!(second.stderr.contains("another program has it open"), "{}", second.stderr);
    near.signal(Signal::INT);
    near.finish().expect(130);
    assert_eq!(settings(), before);
    drop(terminal);
    far.end_input();
    assert_same(&far.finish().expect(0).stdout, b"one", "at the far end");
}

#[test]
fn a_client_reaches_a_line_and_its_end_ends_it() {
    let place = Place::new();
    let link = place.at("line");
    let far = with_link(&["--sh", "read -r question; echo \"got $question\"; cat"], &link, In::Null);
    let forward = format!("tty:{link}");
    let server = sendall(&["serve", "--forward", &forward, "--count", "1", "0"], In::Null, Out::Collect);
    let there = format!("localhost:{}", server.port());
    let mut client = sendall(&["connect", &there], In::Open, Out::Collect);
    client.say(b"question\n");
    client.expect_output(b"got question\n");
    client.end_input();
    client.finish().expect(0);
    server.finish().expect(0);
    far.finish().expect(0);
}

#[test]
fn what_is_sent_to_a_pseudoterminal_was_read_before_the_exit() {
    let place = Place::new();
    let link = place.at("line");
    let near = with_link(&["--send-only"], &link, In::Bytes(payload(20_000)));
    near.assert_waits();
    let mut read = vec![0; 20_000];
    File::open(&link).and_then(|mut line| line.read_exact(&mut read)).expect("20,000 bytes");
    assert_same(&read, &payload(20_000), "at the far end");
    near.finish().expect(0);
    // Who opens it, and goes without having read everything, has not got it.
    let mut near = with_link(&[], &link, In::Open);
    let line = File::options().read(true).write(true).open(&link).expect("the line");
    near.say(&payload(2_000));
    let has_input = || rustix::io::ioctl_fionread(&line).is_ok_and(|bytes| bytes == 2_000);
    assert!(wait_until(LIMIT, has_input), "{}", near.stderr.text());
    drop(line);
    near.end_input();
    near.finish().expect(5);
    // The link of a process that was killed is in nobody's way, even if the next one has the same number.
    let near = with_link(&[], &link, In::Open);
    near.signal(Signal::KILL);
    near.finish();
    assert!(std::fs::symlink_metadata(&link).is_ok(), "nobody removed it");
    let near = sendall(&["connect", &format!("pty:{link}")], In::Open, Out::Collect);
    assert!(wait_until(LIMIT, || std::fs::metadata(&link).is_ok()), "{}", near.stderr.text());
    near.signal(Signal::TERM);
    near.finish().expect(143);
    place.expect_names(&[]);
}

#[test]
fn a_line_of_socat_takes_everything() {
    let Some(socat) = installed("socat") else { return };
    let place = Place::new();
    let (link, out) = (place.at("line"), place.at("out"));
    let pty = format!("PTY,link={link},raw,echo=0,wait-slave");
    let socat = start(
        socat.to_str().expect("UTF-8"),
        &["-u", &pty, &format!("CREATE:{out}")],
        In::Null,
        Out::Collect,
    );
    assert!(wait_until(LIMIT, || std::fs::symlink_metadata(&link).is_ok()), "{}", socat.stderr.text());
    let line = format!("tty:{link}");
    sendall(&["connect", "--send-only", &line], In::Bytes(payload(100_000)), Out::Collect).finish().expect(0);
    socat.finish();
    assert_same(&std::fs::read(out).expect("a file"), &payload(100_000), "at the far end");
}

#[test]
fn what_cannot_be_a_line_is_named() {
    let place = Place::new();
    let (taken, missing) = (place.at("taken"), place.at("missing"));
    std::fs::write(&taken, "").expect("written");
    for (endpoint, code, hint) in [
        (format!("tty:{taken}"), 3, "not a terminal"),
        (format!("tty:{missing}"), 3, "no such device"),
        (format!("pty:{taken}"), 3, "there already"),
        (format!("tty:{missing},9n1"), 2, "8n1"),
    ] {
        let finished = sendall(&["connect", &endpoint], In::Null, Out::Collect).finish().expect(code);
        assert!(finished.stderr.contains(hint), "{endpoint}: {}", finished.stderr);
    }
}
