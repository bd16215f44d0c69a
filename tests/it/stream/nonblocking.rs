//! A stdout and a stderr that others have made non-blocking, with a reader that takes its time: nothing is lost.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use rustix::pipe::PipeFlags;

use crate::harness::{Collector, In, LIMIT, Out, Running, payload, start, wait_until};
use crate::transfer::xfer::{Place, address, serve};

const FILES: usize = 60;
/// Room for a few lines.
const PIPE_BYTES: usize = 4096;

/// A small pipe whose writing end is non-blocking.
fn pipe() -> (File, OwnedFd) {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).expect("a pipe");
    rustix::fs::fcntl_setfl(&reader, OFlags::empty()).expect("a blocking reader");
    rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES).expect("a small pipe");
    (reader.into(), writer)
}

/// Waits until the pipe takes nothing more, and then reads it to its end.
fn read_late(command: Running, reader: File, name: &str) -> String {
    let is_full = || rustix::io::ioctl_fionread(&reader).is_ok_and(|count| count > PIPE_BYTES as u64 / 2);
    assert!(wait_until(LIMIT, is_full), "{name}: nothing has come");
    command.assert_waits();
    let collector = Collector::new(reader);
    assert!(collector.wait(LIMIT, |_, ended| ended), "{name}: {}", collector.text());
    assert_eq!(command.finish().code, 0, "{name}");
    collector.text()
}

fn many_files() -> (Place, String) {
    let source = Place::new();
    let folder = source.folder("many");
    for number in 0..FILES {
        source.write(&format!("many/file {number:02} with a name of some length"), &payload(number));
    }
    (source, folder)
}

/// The binary with its stderr where its stdout is.
fn joined(args: &[&str], output: OwnedFd) -> Running {
    let script = "exec \"$0\" \"$@\" 2>&1";
    let all = [&["-c", script, env!("CARGO_BIN_EXE_sendall")], args].concat();
    start("sh", &all, In::Null, Out::Fd(output))
}

#[test]
fn no_event_and_no_line_is_lost_or_cut() {
    let (_source, folder) = many_files();
    for form in ["--json", "-v"] {
        let there = Place::new();
        let server = serve(&["--store", there.arg(), "--once"]);
        let (reader, writer) = pipe();
        let client = joined(&["upload", form, &folder, &address(&server)], writer);
        let text = read_late(client, reader, form);
        server.finish().expect(0);
        assert!(text.ends_with('\n'), "{text:?}");
        if form == "--json" {
            for line in text.lines() {
                let event: serde_json::Value = serde_json::from_str(line).expect(line);
                assert!(event["event"].is_string(), "{line}");
            }
        }
        let of_files = text.lines().filter(|line| line.contains("with a name of some length")).count();
        // With -v the summary names none of them.
        assert!(of_files >= FILES, "{form}: {of_files} lines of {FILES} files: {text}");
        assert!(text.lines().last().is_some_and(|line| line.contains("sent")), "{text}");
    }
}

#[test]
fn lists_on_stdout_are_whole() {
    let (_source, folder) = many_files();
    let shared = serve(&["--share", &folder]);
    let here = Place::new();
    let to = address(&shared);
    for args in [
        &["download", &to, "-o", here.arg(), "--digests", "-", "-q"][..],
        &["download", &to, "--list", "--json", "-q"],
    ] {
        let (reader, writer) = pipe();
        let command = start(env!("CARGO_BIN_EXE_sendall"), args, In::Null, Out::Fd(writer));
        let text = read_late(command, reader, args[2]);
        let of_files = text.lines().filter(|line| line.contains("with a name of some length")).count();
        assert_eq!(of_files, FILES, "{args:?}: {text}");
    }
    // A reader that goes away ends the command as SIGPIPE would.
    let (reader, writer) = pipe();
    drop(reader);
    let args = ["download", &to, "-o", here.arg(), "--digests", "-", "-q"];
    assert_eq!(start(env!("CARGO_BIN_EXE_sendall"), &args, In::Null, Out::Fd(writer)).finish().code, 141);
}
