//! Every kind of stdin and stdout: exact bytes both ways, flags untouched, no spinning, bounded memory.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::fs::OFlags;
use rustix::process::Signal;

use crate::harness::link::{Link, Net, Side, WAYS, Way};
use crate::harness::{A_WHILE, In, LIMIT, Out, Running, assert_same, file_of, payload, wait_until};
use crate::transfer::xfer::in_parallel;

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };
const SIZES_BYTES: [usize; 3] = [1, (64 << 10) + 1, 5 << 20];

/// The kinds of stdin that can hold bytes.
const INPUTS: [&str; 4] = ["file", "pipe", "socket", "file from the middle"];
/// The kinds of stdout that keep bytes.
const OUTPUTS: [&str; 4] = ["pipe", "file", "appended file", "socket"];

fn input(kind: &str, bytes: &[u8]) -> In {
    match kind {
        "file" => In::file(bytes),
        "pipe" => In::Bytes(bytes.to_vec()),
        "socket" => {
            let (mut feeder, stdin) = UnixStream::pair().expect("a pair");
            let bytes = bytes.to_vec();
            std::thread::spawn(move || feeder.write_all(&bytes));
            In::Fd(stdin.into())
        }
        _ => {
            // As a shell leaves it that has read some lines: only the rest is the input.
            let mut file = file_of(&[b"read before", bytes].concat());
            file.seek(std::io::SeekFrom::Start(11)).expect("a position");
            In::Fd(file.into())
        }
    }
}

/// What an output got, seen once the command has ended: given what was collected, if it was.
type Seen = Box<dyn FnOnce(&[u8]) -> Vec<u8>>;

/// A stdout, and how to see what it got.
fn output(kind: &str) -> (Out, Seen) {
    match kind {
        "pipe" => (Out::Collect, Box::new(<[u8]>::to_vec)),
        "socket" => {
            let (reader, stdout) = UnixStream::pair().expect("a pair");
            let reading = crate::harness::Collector::new(reader);
            let end = move |_: &[u8]| {
                assert!(reading.wait(LIMIT, |_, ended| ended), "the socket was not ended");
                reading.bytes()
            };
            (Out::Fd(stdout.into()), Box::new(end))
        }
        _ => {
            let named = tempfile::NamedTempFile::new().expect("a file");
            let appends = kind == "appended file";
            std::fs::write(named.path(), if appends { "old " } else { "" }).expect("written");
            let stdout = File::options().append(appends).write(true).open(named.path()).expect("opened");
            let end = move |_: &[u8]| {
                let mut bytes = std::fs::read(named.path()).expect("the output");
                if appends {
                    assert_eq!(bytes.drain(..4).collect::<Vec<_>>(), b"old ");
                }
                bytes
            };
            (Out::Fd(stdout.into()), Box::new(end))
        }
    }
}

/// Sends and checks at the same time: `link` gets `there`, the command gets `back`.
fn exchange(link: Link, there: &[u8], back: &[u8]) {
    let mut sender = link.try_clone();
    let mut reader = link;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            sender.send(back);
            sender.end();
        });
        reader.expect_all(there);
    });
}

#[test]
fn exact_bytes_for_every_pair_of_kinds() {
    let contents = SIZES_BYTES.map(|size_bytes| (payload(size_bytes), payload(size_bytes + 1)));
    std::thread::scope(|scope| {
        for way in WAYS {
            let contents = &contents;
            scope.spawn(move || exact_bytes(way, contents));
        }
    });
}

fn exact_bytes(way: Way, contents: &[(Vec<u8>, Vec<u8>)]) {
    for from in INPUTS {
        for to in OUTPUTS {
            for (there, back) in contents {
                let (stdout, end) = output(to);
                let (running, link) = way.open(&[], input(from, there), stdout);
                exchange(link, there, back);
                let finished = running.finish().expect(0);
                let what = format!("{way:?}, {} bytes, {from} to {to}", there.len());
                assert_same(&end(&finished.stdout), back, &what);
            }
        }
    }
}

#[test]
fn an_output_that_is_thrown_away_needs_no_reader() {
    let bytes = payload(5 << 20);
    for way in WAYS {
        let null = File::options().write(true).open("/dev/null").expect("/dev/null");
        let (running, link) = way.open(&[], In::Bytes(b"x".to_vec()), Out::Fd(null.into()));
        exchange(link, b"x", &bytes);
        running.finish().expect(0);
    }
}

#[test]
fn an_endless_input_ends_with_a_peer_that_closes() {
    for way in WAYS {
        let zero = File::open("/dev/zero").expect("/dev/zero");
        let (running, mut link) = way.open(&[], In::Fd(zero.into()), Out::Collect);
        link.expect(&[0; 100_000]);
        drop(link);
        running.finish().expect(5);
    }
}

fn flags(fd: &impl AsFd) -> OFlags {
    rustix::fs::fcntl_getfl(fd).expect("flags")
}

#[test]
fn flags_of_inherited_descriptors_stay_as_they_were() {
    let pipes = || -> [(OwnedFd, OwnedFd); 2] {
        let pipe = || std::io::pipe().map(|(r, w)| (r.into(), w.into())).expect("a pipe");
        [pipe(), pipe()]
    };
    let sockets = || -> [(OwnedFd, OwnedFd); 2] {
        let pair = || UnixStream::pair().map(|(a, b)| (a.into(), b.into())).expect("a pair");
        [pair(), pair()]
    };
    for [(stdin, feeder), (reader, stdout)] in [pipes(), sockets(), pipes()] {
        for kill in [Signal::TERM, Signal::KILL] {
            let clone = |fd: &OwnedFd| fd.try_clone().expect("a clone");
            // Clones share the description, flags included.
            let (stdin_kept, stdout_kept) = (clone(&stdin), clone(&stdout));
            let before = (flags(&stdin_kept), flags(&stdout_kept));
            let (running, mut link) = TCP.open(&[], In::Fd(clone(&stdin)), Out::Fd(clone(&stdout)));
            rustix::io::write(&feeder, b"there").expect("written");
            link.expect(b"there");
            link.send(b"back");
            let mut back = [0; 4];
            File::from(clone(&reader)).read_exact(&mut back).expect("read");
            assert_eq!((flags(&stdin_kept), flags(&stdout_kept)), before, "while it runs");
            running.signal(kill);
            assert!(running.ends_within(LIMIT));
            assert_eq!((flags(&stdin_kept), flags(&stdout_kept)), before, "after {kill:?}");
        }
    }
}

/// User and system time so far, in ticks of 10 ms (proc_pid_stat(5), fields 14 and 15).
fn cpu_ticks(running: &Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.id())).expect("a running process");
    let (_, rest) = stat.rsplit_once(") ").expect("proc_pid_stat(5)");
    rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

fn memory_kib(running: &Running) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", running.id())).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// At most two ticks in four times [`A_WHILE`]: 2 %.
#[track_caller]
fn assert_idle(running: &Running, what: &str) {
    // What is under way settles first.
    assert!(!running.ends_within(A_WHILE), "{what}: ended: {}", running.stderr.text());
    let before = cpu_ticks(running);
    assert!(!running.ends_within(A_WHILE * 4), "{what}: ended: {}", running.stderr.text());
    let spent = cpu_ticks(running) - before;
    assert!(spent <= 2, "{what}: {spent} ticks of CPU while idle");
}

#[test]
fn waiting_costs_no_cpu() {
    std::thread::scope(|scope| {
        for way in WAYS {
            scope.spawn(move || {
                let (running, _link) = way.open(&[], In::Open, Out::Collect);
                assert_idle(&running, "nothing to do");
            });
            scope.spawn(move || {
                let (running, link) = way.open(&[], In::Open, Out::Collect);
                link.end();
                assert_idle(&running, "the peer has ended");
            });
            scope.spawn(move || {
                let (running, mut link) = way.open(&[], In::Bytes(Vec::new()), Out::Collect);
                link.expect_all(b"");
                assert_idle(&running, "the input has ended");
            });
            scope.spawn(move || {
                let (running, _link) = way.open(&[], In::file(&payload(24 << 20)), Out::Collect);
                assert_idle(&running, "the peer does not read");
            });
        }
    });
}

#[test]
fn waiting_for_a_stuck_output_costs_neither_cpu_nor_memory() {
    in_parallel(&[("both", false), ("both", true), ("input", true)], |(end_when, socket)| {
        let (reader, stdout): (Option<UnixStream>, Out) = if *socket {
            let (reader, stdout) = UnixStream::pair().expect("a pair");
            (Some(reader), Out::Fd(stdout.into()))
        } else {
            (None, Out::Held)
        };
        let input = In::file(&payload(24 << 20));
        let (running, link) = TCP.open(&["--end-when", end_when], input, stdout);
        let mut sender = link.try_clone();
        let sending = std::thread::spawn(move || {
            let part = vec![0; 1 << 20];
            (0..100).all(|_| sender.write_all(&part).is_ok())
        });
        assert_idle(&running, "a stuck output");
        let kib = memory_kib(&running);
        assert!(kib < 32 << 10, "{kib} KiB while 100 MB wait");
        assert!(!sending.is_finished(), "100 MB went into a stuck output");
        drop(running);
        drop((link, reader));
        assert!(!sending.join().expect("a thread"));
    });
}

#[test]
fn both_sides_send_before_they_read() {
    let bytes = payload(20 << 20);
    for way in WAYS {
        let (mut running, mut link) = way.open(&[], In::Bytes(bytes.clone()), Out::Held);
        let (mut sender, back) = (link.try_clone(), bytes.clone());
        let sending = std::thread::spawn(move || {
            sender.send(&back);
            sender.end();
        });
        // The peer reads only now, and stdout is read only after that: neither direction may stop the other.
        running.assert_waits();
        link.expect_all(&bytes);
        let mut got = Vec::new();
        running.stdout.take().expect("Out::Held").read_to_end(&mut got).expect("stdout");
        assert_same(&got, &bytes, "stdout");
        sending.join().expect("all sent");
        running.finish().expect(0);
    }
}

#[test]
fn standard_streams_that_are_one_socket() {
    // As inetd and socat's EXEC start a program.
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    let clone = theirs.try_clone().expect("a clone");
    let (running, mut link) = TCP.open(&[], In::Fd(theirs.into()), Out::Fd(clone.into()));
    ours.write_all(b"there").expect("written");
    link.expect(b"there");
    link.send(b"back");
    link.end();
    let mut back = Vec::new();
    ours.shutdown(std::net::Shutdown::Write).expect("a half-close");
    ours.read_to_end(&mut back).expect("read");
    assert_eq!(back, b"back");
    link.expect_all(b"");
    running.finish().expect(0);
}

#[test]
fn a_socket_that_others_have_too_keeps_its_flags() {
    let bytes = payload((16 << 20) + 1);
    let (mut feeder, stdin) = UnixStream::pair().expect("a pair");
    let others = stdin.try_clone().expect("a clone");
    let before = rustix::fs::fcntl_getfl(&others).expect("flags");
    let (running, mut link) = TCP.open(&[], In::Fd(stdin.into()), Out::Collect);
    let (given, rest) = bytes.split_at(16 << 20);
    std::thread::scope(|scope| {
        scope.spawn(|| feeder.write_all(given).expect("written"));
        link.expect(given);
    });
    // Whoever is killed cannot put anything back.
    assert_eq!(rustix::fs::fcntl_getfl(&others).expect("flags"), before);
    feeder.write_all(rest).expect("written");
    link.expect(rest);
    feeder.shutdown(std::net::Shutdown::Write).expect("a half-close");
    link.end();
    running.finish().expect(0);
    assert_eq!(rustix::fs::fcntl_getfl(&others).expect("flags"), before);
}

#[test]
fn a_closed_stderr_changes_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let script = "exec \"$0\" connect \"$1\" -v 2>&-";
    let mut child = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_sendall"), &address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh");
    let mut link = crate::harness::link::TestListener::from(listener).accept().expect("a client");
    link.send(b"bytes");
    link.end();
    let mut got = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut got).expect("stdout");
    let mut status = None;
    assert!(wait_until(LIMIT, || {
        status = child.try_wait().expect("a status");
        status.is_some()
    }));
    assert_eq!(got, b"bytes");
    assert!(status.is_some_and(|status| status.success()));
}
