//! The question for a code at a terminal: its keys, and the terminal after it.

use rustix::process::{Pid, Signal, kill_process};

use super::scene::{CODE, Server, User};
use crate::harness::{LIMIT, Running};
use crate::transfer::xfer::{Place, in_parallel};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sendall");

/// Waits until the terminal shows this, so often.
#[track_caller]
fn expect(running: &Running, text: &str, times: usize) {
    let output = running.output.as_ref().expect("a collector");
    let shows = |bytes: &[u8], ended| ended || String::from_utf8_lossy(bytes).matches(text).count() >= times;
    output.wait(LIMIT, shows);
    assert!(output.text().matches(text).count() >= times, "no {text:?}: {}", output.text());
}

struct Scene {
    place: Place,
    inbox: Place,
    server: Server,
}

impl Scene {
    fn new() -> Scene {
        let (place, inbox) = (Place::new(), Place::new());
        place.write("f", b"hello");
        let server = User::with(CODE).serve(&["--store", inbox.arg()]);
        Scene { place, inbox, server }
    }

    /// The command of a client that asks.
    fn upload(&self, options: &str) -> String {
        format!("'{PROGRAM}' upload '{}' {} {options}", self.place.at("f"), self.server.address)
    }
}

#[test]
fn tab_completes_words_and_a_wrong_one_costs_no_guess() {
    let scene = Scene::new();
    let mut client = User::new().start_at_terminal(&scene.upload("--code"));
    expect(&client, "code for ", 1);
    client.say(b"zebra-actxr-lunar\r");
    expect(&client, "word 2 of the code is not on the list", 1);
    expect(&client, "did you mean actor?", 1);
    client.say(b"what is this\x15zeb\t");
    expect(&client, "zebra-", 2);
    client.say(b"act\t");
    expect(&client, "act  action  actor  actress  actual\r\ncode for ", 1);
    client.say(b"or\tlunatic\x17lunb\x7fa\t\r");
    let finished = client.finish();
    assert_eq!(finished.code, 0, "{}", String::from_utf8_lossy(&finished.stdout));
    scene.inbox.expect("f", b"hello");
    assert!(!scene.server.running.stderr.text().contains("not admitted"));
}

/// What ends a question: keys, and the exit code that follows.
const ENDS: [(&str, &str, u8); 6] = [
    ("--code", "zebra-actor-lunar\n", 0),
    ("--code", "zebra-\x03", 130),
    ("--code", "\x04", 8),
    // The server wants one: it was asked first.
    ("--pin", "zebra-\x03", 130),
    ("--pin", "\x04", 8),
    ("--code", "TERM", 143),
];

#[test]
fn the_terminal_is_as_before_whatever_ends_the_question() {
    let scene = Scene::new();
    let key = scene.server.says("key");
    in_parallel(&ENDS, |(options, keys, code)| {
        let key = if *options == "--pin" { &key } else { "" };
        let upload = scene.upload(&format!("{options} {key}"));
        // The shell survives ^C.
        let line = format!(
            "trap : INT; before=$(stty -g); (echo \"id $BASHPID.\"; exec {upload}); echo \"code $?.\"; \
             test \"$before\" = \"$(stty -g)\" && echo same"
        );
        let place = Place::new();
        let mut client =
            User::new().start_at_terminal(&format!("bash '{}'", place.write("line", line.as_bytes())));
        expect(&client, "code for ", 1);
        if *keys == "TERM" {
            let text = client.output.as_ref().expect("a collector").text();
            let id = text.split_once("id ").and_then(|(_, rest)| rest.split_once('.')).map(|(id, _)| id);
            let id = id.and_then(|id| id.parse().ok()).and_then(Pid::from_raw).expect("an id");
            kill_process(id, Signal::TERM).expect("a signal");
        } else {
            client.say(keys.as_bytes());
        }
        let shown = String::from_utf8_lossy(&client.finish().stdout).into_owned();
        assert!(shown.contains(&format!("code {code}.")), "{options} {keys:?}: {shown}");
        assert!(shown.contains("same"), "{options} {keys:?}: {shown}");
    });
}

#[test]
fn nothing_is_shown_at_a_terminal_that_does_not_echo() {
    let scene = Scene::new();
    let mut client = User::new().start_at_terminal(&format!("stty -echo; {}", scene.upload("--code")));
    expect(&client, "code for ", 1);
    client.say(b"zeb\tact\tor\tlunar\n");
    let finished = client.finish();
    let shown = String::from_utf8_lossy(&finished.stdout);
    assert_eq!(finished.code, 0, "{shown}");
    assert!(!shown.contains("zeb") && !shown.contains("lunar") && !shown.contains("act"), "{shown}");
}

#[test]
fn a_question_that_was_stopped_goes_on() {
    let scene = Scene::new();
    let mut shell = User::new().start_at_terminal("PS1='ready ' bash --norc --noprofile --noediting -i");
    expect(&shell, "ready ", 1);
    shell.say(format!("{}\n", scene.upload("--code")).as_bytes());
    expect(&shell, "code for ", 1);
    shell.say(b"zeb\t");
    expect(&shell, "zebra-", 1);
    shell.say(b"\x1a");
    expect(&shell, "Stopped", 1);
    expect(&shell, "ready ", 2);
    // In the background it stops again.
    shell.say(b"bg; until [ -n \"$(jobs -s)\" ]; do :; done; fg\n");
    expect(&shell, "zebra-", 2);
    shell.say(b"act\tor\tlunar\n");
    expect(&shell, "sent ", 1);
    shell.say(b"echo code $?.; exit\n");
    let shown = String::from_utf8_lossy(&shell.finish().stdout).into_owned();
    assert!(shown.contains("code 0."), "{shown}");
    scene.inbox.expect("f", b"hello");
}
