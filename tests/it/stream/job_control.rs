//! A terminal that is not ours to read: jobs in the background of an interactive shell.

use std::io::Read;

use crate::harness::link::Link;
use crate::harness::skips::skip;
use crate::harness::{In, LIMIT, Out, sendall, wait_until};
use crate::transfer::xfer::Place;

/// An interactive bash at a terminal of its own.
struct Shell {
    link: Link,
    shown: String,
    /// What was shown up to there.
    passed: String,
}

impl Shell {
    fn say(&mut self, line: &str) {
        self.link.send(line.as_bytes());
        self.link.send(b"\n");
    }

    /// Waits until the terminal shows it, behind what was waited for last.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown.find(text) {
                self.passed = self.shown.drain(..at + text.len()).collect();
                return;
            }
            let mut buffer = [0; 4096];
            let count = self.link.read(&mut buffer).unwrap_or(0);
            assert!(count > 0, "'{text}' was not shown: {}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}

#[test]
fn a_job_in_the_background_continues_and_reads_in_the_foreground() {
    if !std::path::Path::new("/bin/bash").exists() {
        skip("bash is not installed");
        return;
    }
    let place = Place::new();
    let terminal = sendall(
        &["serve", "0", "--exec", "--pty", "--", "/bin/bash", "--norc", "-i"],
        In::Null,
        Out::Collect,
    );
    terminal.listening(2);
    let mut shell =
        Shell { link: Link::connect(terminal.port()), shown: String::new(), passed: String::new() };
    let copy = place.at("copy");
    shell.say(&format!("S='{}'; $S serve 127.0.0.1:0 >'{copy}' &", env!("CARGO_BIN_EXE_sendall")));
    shell.expect("listening on 127.0.0.1:");
    shell.expect("\r\n");
    let port = shell.passed.rsplit(':').next().and_then(|port| port.trim().parse().ok());
    let mut peer = Link::connect(port.expect("a port"));
    peer.send(b"said");
    assert!(wait_until(LIMIT, || std::fs::read(&copy).is_ok_and(|bytes| bytes == b"said")));

    // What is typed now is the shell's.
    shell.say("echo not''yours; jobs");
    shell.expect("notyours");
    shell.expect("Running");
    peer.assert_quiet();

    shell.say("fg");
    shell.expect("serve 127.0.0.1:0 >");
    shell.say("for the job");
    peer.expect(b"for the job\n");
    shell.say("\u{4}");
    peer.expect_all(b"");
    peer.end();
    shell.say("echo code''=$?");
    shell.expect("code=0");
}
