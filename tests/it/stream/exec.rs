//! `--exec` and `--sh`: a process for each connection, and what becomes of it.

use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Signal, test_kill_process};

use crate::harness::link::{Link, Net, Side, TestListener, WAYS, Way};
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, start, wait_until};
use crate::transfer::xfer::in_parallel;

/// Over TCP.
pub(crate) const CONNECT: Way = Way { side: Side::Connect, net: Net::Tcp };

/// The ways that are tested, each with `options`, at once: most of the time they wait.
pub(crate) fn with(options: &[&str], test: impl Fn(Way, Running, Link) + Sync) {
    in_parallel(&WAYS, |way| {
        let (running, link) = way.open(options, In::Null, Out::Collect);
        test(*way, running, link);
    });
}

/// What comes until the end.
#[track_caller]
pub(crate) fn all(link: &mut Link) -> String {
    let mut text = String::new();
    link.read_to_string(&mut text).expect("text and the end");
    text
}

/// A line.
#[track_caller]
pub(crate) fn line(link: &mut Link) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\n") {
        let mut byte = [0];
        link.read_exact(&mut byte).expect("a line");
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).expect("UTF-8").trim_end().to_owned()
}

/// The number of a process, which the child has said in a line.
#[track_caller]
pub(crate) fn process(link: &mut Link) -> Pid {
    line(link).parse().ok().and_then(Pid::from_raw).expect("a process id")
}

/// True once the process is no more, not even as a zombie of the binary.
pub(crate) fn is_gone(process: Pid) -> bool {
    wait_until(LIMIT, || test_kill_process(process).is_err())
}

/// The end of a client: `connect` ends with it, and has an exit code; `serve` goes on until a signal comes.
#[track_caller]
pub(crate) fn finish(way: Way, running: Running, code: i32) {
    if way.side == Side::Connect {
        running.finish().expect(code);
        return;
    }
    let errors = usize::from(code != 0);
    assert!(wait_until(LIMIT, || running.stderr.text().matches("sendall: ").count() >= errors));
    running.signal(Signal::TERM);
    let finished = running.finish();
    assert_eq!((finished.code, finished.errors().len()), (143, errors + 1), "{}", finished.stderr);
}

#[test]
fn bytes_go_through_a_process_both_ways() {
    let bytes = payload(64 << 20);
    with(&["--exec", "--", "cat"], |way, running, link| {
        let (mut sender, there) = (link.try_clone(), bytes.clone());
        let sending = std::thread::spawn(move || {
            sender.send(&there);
            sender.end();
        });
        let mut link = link;
        let mut back = Vec::new();
        link.read_to_end(&mut back).expect("bytes and the end");
        assert_same(&back, &bytes, "through cat");
        sending.join().expect("all sent");
        finish(way, running, 0);
    });
}

#[test]
fn the_peers_end_is_the_end_of_stdin_and_the_answer_still_comes() {
    with(&["--sh", "sort; echo late"], |way, running, mut link| {
        link.send(b"b\na\n");
        running.assert_waits();
        link.end();
        assert_eq!(all(&mut link), "a\nb\nlate\n");
        finish(way, running, 0);
    });
}

#[test]
fn the_end_of_stdout_is_a_half_close_and_the_process_still_reads() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("heard");
    let line = format!("exec >'{}'; cat", path.display());
    // One after the other: they write to the same file.
    for way in WAYS {
        let (running, mut link) = way.open(&["--sh", &line], In::Null, Out::Collect);
        link.expect_all(b"");
        running.assert_waits();
        link.send(b"all of this");
        link.end();
        assert!(wait_until(LIMIT, || std::fs::read(&path).is_ok_and(|heard| heard == b"all of this")));
        finish(way, running, 0);
        std::fs::remove_file(&path).expect("the file");
    }
}

#[test]
fn a_process_that_is_gone_ends_the_connection_in_order() {
    // The peer neither ends nor reads before.
    with(&["--sh", "head -c 3000000 /dev/zero"], |way, running, mut link| {
        running.assert_waits();
        link.expect_all(&vec![0; 3_000_000]);
        finish(way, running, 0);
    });
}

#[test]
fn a_process_may_leave_its_input() {
    let bytes = payload(3 << 20);
    for options in [&["--exec", "--", "head", "-c", "5"][..], &["--limit-rate", "1GiB", "--sh", "head -c 5"]]
    {
        with(options, |way, running, mut link| {
            let (mut sender, there) = (link.try_clone(), bytes.clone());
            let sending = std::thread::spawn(move || {
                sender.send(&there);
                sender.end();
            });
            link.expect_all(&bytes[..5]);
            sending.join().expect("all sent");
            finish(way, running, 0);
        });
    }
}

#[test]
fn a_process_may_be_gone_before_it_is_spoken_to() {
    // In whichever order its end and the peer's words are noticed.
    for _ in 0..50 {
        let (running, mut link) = CONNECT.open(&["--exec", "--", "true"], In::Null, Out::Collect);
        link.send(b"x");
        link.end();
        link.expect_all(b"");
        running.finish().expect(0);
    }
}

#[test]
fn the_exit_code_is_0_only_if_the_stream_and_the_process_have_ended_well() {
    for (line, code, words) in [
        ("cat", 0, ""),
        ("cat; exit 3", 1, "exited with 3"),
        ("cat; kill -9 $$", 1, "was ended by SIGKILL"),
        ("no-such-program-at-all 2>/dev/null", 1, "exited with 127"),
    ] {
        let (running, mut link) = CONNECT.open(&["--sh", line], In::Null, Out::Collect);
        link.send(b"x");
        link.end();
        let _ = all(&mut link);
        let finished = running.finish().expect(code);
        assert!(finished.stderr.contains(words), "{line}: {}", finished.stderr);
    }
}

#[test]
fn a_process_has_its_peers_name_three_descriptors_and_no_signal_is_ignored() {
    let line = "echo $SENDALL_PEER_ADDR $SENDALL_PEER_PORT $SENDALL_LOCAL_ADDR $SENDALL_LOCAL_PORT; \
        echo $LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES$NOTIFY_SOCKET; for fd in /proc/$$/fd/*; do echo ${fd##*/}; done; \
        grep -e SigBlk -e SigIgn /proc/self/status";
    let listener = TestListener::bind(Net::Tcp, std::path::PathBuf::new());
    // With a descriptor too many, from whoever has started it, and with variables of its own.
    let script = "export LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=x NOTIFY_SOCKET=/x SENDALL_PEER_ADDR=x; \
        exec 9</dev/null; exec \"$0\" \"$@\"";
    let binary = env!("CARGO_BIN_EXE_sendall");
    let args = ["-c", script, binary, "connect", &listener.name, "--sh", line];
    let running = start("sh", &args, In::Null, Out::Collect);
    let mut link = listener.accept().expect("a client");
    let text = all(&mut link);
    link.end();
    running.finish().expect(0);
    let lines: Vec<&str> = text.lines().collect();
    let [names, ours, fds @ .., blocked, ignored] = &lines[..] else { panic!("{text}") };
    let (host, port) = listener.name.rsplit_once(':').expect("an address");
    assert!(names.starts_with(&format!("{host} {port} 127.0.0.1 ")), "{names}");
    assert_eq!((*ours, names.split(' ').count()), ("", 4), "{text}");
    // The shell reads the folder through a fourth.
    assert!(matches!(fds, ["0", "1", "2"] | ["0", "1", "2", "3"]), "{text}");
    let mask =
        |line: &str| u64::from_str_radix(line.split_whitespace().nth(1).expect("a mask"), 16).expect("hex");
    // Without the two that the C library keeps for itself.
    assert_eq!((mask(blocked), mask(ignored) & 0x7fff_ffff), (0, 0), "{text}");
}

#[test]
fn a_unix_peer_has_no_port() {
    let way = Way { side: Side::Connect, net: Net::Unix };
    let line = "echo ${SENDALL_PEER_ADDR%%:*} ${SENDALL_PEER_PORT-none} ${SENDALL_LOCAL_PORT-none}";
    let (running, mut link) = way.open(&["--sh", line], In::Null, Out::Collect);
    assert_eq!(all(&mut link), "unix none none\n");
    link.end();
    running.finish().expect(0);
}

#[test]
fn a_missing_program_is_reported_and_the_peer_is_reset() {
    for (name, words) in [("no-such-program-at-all", "no such program"), ("/etc", "not a program")] {
        let (running, mut link) = CONNECT.open(&["--exec", "--", name], In::Null, Out::Collect);
        let failed = link.read_to_end(&mut Vec::new());
        assert!(failed.is_err(), "the peer saw an orderly end");
        let finished = running.finish().expect(1);
        assert!(finished.stderr.contains(name) && finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn its_stderr_is_ours_and_its_output_is_not() {
    let full: File = File::options().write(true).open("/dev/full").expect("/dev/full");
    let listener = TestListener::bind(Net::Tcp, std::path::PathBuf::new());
    let args = ["connect", &listener.name, "--sh", "echo to the peer; echo to the log >&2"];
    let running = sendall(&args, In::Null, Out::Fd(full.into()));
    let mut link = listener.accept().expect("a client");
    assert_eq!(all(&mut link), "to the peer\n");
    link.end();
    assert_eq!(running.finish().expect(0).stderr, "to the log\n");
}

#[test]
fn usage_errors_name_what_to_type() {
    for (args, hint) in [
        (&["connect", "localhost:1", "--exec"][..], "--exec -- CMD"),
        (&["connect", "localhost:1", "--exec", "cat"], "--exec -- CMD"),
        (&["connect", "localhost:1", "--", "cat"], "--exec -- CMD"),
        (&["serve", "0", "--exec", "cat"], "--exec -- CMD"),
        (&["serve", "0", "--", "cat"], "--exec -- CMD"),
        (&["serve", "0", "--sh", "cat", "--echo"], "--echo"),
        (&["serve", "0", "--sh", "cat", "--recv-only"], "--recv-only"),
        (&["connect", "localhost:1", "--pty"], "--exec -- CMD"),
        (&["connect", "localhost:1", "--sh"], "LINE"),
        (&["connect", "localhost:1", "--sh", "cat", "--exec", "--", "cat"], "--exec"),
        (&["connect", "localhost:1", "--recv-only", "--sh", "cat"], "--recv-only"),
    ] {
        let finished = sendall(args, In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn a_server_continues_after_a_missing_program() {
    let options = ["serve", "127.0.0.1:0", "--exec", "--", "./appears-later"];
    let dir = tempfile::tempdir().expect("a folder");
    let script = "cd \"$1\" && shift && exec \"$0\" \"$@\"";
    let args =
        [&["-c", script, env!("CARGO_BIN_EXE_sendall"), dir.path().to_str().expect("UTF-8")], &options[..]];
    let running = start("sh", &args.concat(), In::Null, Out::Collect);
    let mut link = Link::connect(running.port());
    assert!(link.read_to_end(&mut Vec::new()).is_err(), "an orderly end");
    assert!(wait_until(LIMIT, || running.stderr.text().contains("no such program")));
    std::os::unix::fs::symlink("/bin/hostname", dir.path().join("appears-later")).expect("a link");
    let mut link = Link::connect(running.port());
    assert!(!all(&mut link).is_empty());
    link.end();
    running.signal(Signal::TERM);
    let finished = running.finish();
    assert_eq!((finished.code, finished.errors().len()), (143, 2), "{}", finished.stderr);
}

#[test]
fn a_status_is_reported_with_verbose_and_as_an_event() {
    let line = "read code; exit $code";
    for options in [&["-v"][..], &["--json"]] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("socket");
        let endpoint = format!("unix:{}", path.display());
        let args = [&["serve", &endpoint, "--count", "2", "--sh", line], options].concat();
        let running = sendall(&args, In::Null, Out::Collect);
        assert!(wait_until(LIMIT, || running.stderr.text().contains("listening")));
        for code in ["0\n", "3\n"] {
            let mut link = Link::Unix(UnixStream::connect(&path).expect("a connection"));
            link.send(code.as_bytes());
            link.end();
            assert_eq!(all(&mut link), "");
        }
        let finished = running.finish();
        assert_eq!(finished.code, 9, "{}", finished.stderr);
        let words = if options == ["-v"] {
            [" exited with 0", " exited with 3"]
        } else {
            ["\"code\":0,", "\"code\":3,"]
        };
        for word in words {
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        }
    }
}
