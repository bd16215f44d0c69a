//! SIGINT, SIGTERM, SIGQUIT and SIGHUP stop in order, SIGSTOP and SIGCONT change nothing, interrupted calls are repeated.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::{Link, Net, Side, TestListener, WAYS, Way};
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, start, wait_until};
use crate::stream::contract::terminal;
use crate::stream::exec::{is_gone, process};
use crate::transfer::xfer::{Place, limited, serve};

const STOPS: [(Signal, i32); 4] =
    [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)];
const A_SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_first_signal_stops_within_a_second() {
    for way in WAYS {
        for (signal, code) in STOPS {
            let (running, mut link) = way.open(&[], In::Open, Out::Collect);
            link.send(b"before");
            running.expect_output(b"before");
            running.signal(signal);
            let finished = running.finish_within(A_SECOND).expect(code);
            assert!(finished.stderr.contains("stopped by SIG"), "{}", finished.stderr);
        }
    }
}

#[test]
fn a_signal_stops_what_is_stuck_or_waits() {
    for (signal, code) in STOPS {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("s");
        let running = sendall(&["serve", &format!("unix:{}", path.display())], In::Null, Out::Collect);
        running.listening(1);
        running.signal(signal);
        running.finish_within(A_SECOND).expect(code);
        assert!(path.symlink_metadata().is_err(), "the socket's file was left behind");

        // Both directions stuck: the peer does not read, stdout is not read.
        let tcp = Way { side: Side::Connect, net: Net::Tcp };
        let (running, link) = tcp.open(&[], In::file(&payload(24 << 20)), Out::Held);
        let mut sender = link.try_clone();
        let sending = std::thread::spawn(move || {
            use std::io::Write;
            while sender.write_all(&[0; 1 << 16]).is_ok() {}
        });
        running.assert_waits();
        running.signal(signal);
        running.finish_within(A_SECOND).expect(code);
        drop(link);
        sending.join().expect("the connection ended");
    }
}

fn state(id: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("a running process");
    let (_, rest) = stat.rsplit_once(") ").expect("proc_pid_stat(5)");
    rest.chars().next().expect("a state")
}

#[test]
fn stopping_and_continuing_in_mid_transfer_loses_nothing() {
    let bytes = payload(5 << 20);
    for way in WAYS {
        let (mut running, link) = way.open(&[], In::Open, Out::Collect);
        let (mut sender, there) = (link.try_clone(), bytes.clone());
        let (mut reader, back) = (link, bytes.clone());
        let sending = std::thread::spawn(move || {
            sender.send(&there);
            sender.end();
        });
        let reading = std::thread::spawn(move || reader.expect_all(&back));
        for part in bytes.chunks(1 << 20) {
            running.signal(Signal::STOP);
            assert!(wait_until(LIMIT, || state(running.id()) == 'T'));
            running.signal(Signal::CONT);
            running.say(part);
        }
        running.end_input();
        sending.join().expect("all sent");
        reading.join().expect("all received");
        assert_same(&running.finish().expect(0).stdout, &bytes, "stdout");
    }
}

#[test]
fn interrupted_calls_are_repeated() {
    if installed("strace").is_none() {
        return;
    }
    let bytes = payload(1 << 20);
    for call in ["epoll_wait", "read", "write", "splice", "sendfile", "recvfrom", "accept4", "connect"] {
        let listener = TestListener::bind(Net::Tcp, Default::default());
        let inject = format!("--inject={call}:error=EINTR:when=1+2");
        let trace = format!("--trace={call}");
        // From the third on, so that the loader and the runtime, who cannot be interrupted, are left alone.
        let inject = if call == "read" { inject.replace("1+2", "9+2") } else { inject };
        let binary = env!("CARGO_BIN_EXE_sendall");
        let args = ["-qq", "-o", "/dev/null", &trace, &inject, binary, "connect", &listener.name];
        for input in [In::file(&bytes), In::Bytes(bytes.clone())] {
            let running = start("strace", &args, input, Out::Collect);
            let Some(mut link) = listener.accept() else {
                panic!("{call}: no client: {}", running.stderr.text());
            };
            let (mut reader, expected) = (link.try_clone(), bytes.clone());
            let reading = std::thread::spawn(move || reader.expect_all(&expected));
            link.send(&bytes);
            link.end();
            reading.join().expect(call);
            let finished = running.finish();
            assert_eq!(finished.code, 0, "{call}: {}", finished.stderr);
            assert_same(&finished.stdout, &bytes, call);
        }
    }
}

#[test]
fn a_signal_that_is_doubled_is_one_and_leaves_no_process() {
    for gap in [0, 5, 50] {
        let server = serve(&["--sh", "trap '' TERM INT; echo $$; sleep 60"]);
        let mut link = Link::connect(server.port());
        let mut id = String::new();
        while !id.ends_with('\n') {
            let mut byte = [0];
            link.read_exact(&mut byte).expect("the process's number");
            id.push(byte[0].into());
        }
        server.signal(Signal::TERM);
        assert!(!server.ends_within(Duration::from_millis(gap)));
        server.signal(Signal::TERM);
        let finished = server.finish_within(Duration::from_secs(2)).expect(143);
        assert!(finished.stderr.contains("stopped by SIGTERM"), "{}", finished.stderr);
        let is_gone = || !std::path::Path::new("/proc").join(id.trim()).exists();
        assert!(wait_until(LIMIT, is_gone), "process {id} was left");
    }
}

#[test]
fn the_first_signal_stops_what_is_waited_for_before_there_is_anything_to_stop() {
    for (signal, code) in STOPS {
        let place = Place::new();
        let fifo = place.at("fifo");
        assert_eq!(start("mkfifo", &[&fifo], In::Null, Out::Collect).finish().code, 0);
        let options = ["serve", "0", "--reply", &format!("@{fifo}")];
        let running = sendall(&options, In::Null, Out::Collect);
        // When this is open at both ends, it is being read.
        let _writer = rustix::fs::open(&*fifo, rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty());
        running.assert_waits();
        running.signal(signal);
        let finished = running.finish_within(A_SECOND).expect(code);
        assert!(finished.stderr.contains("stopped by SIG"), "{}", finished.stderr);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for burst in [1, 2000] {
        second_after(burst);
    }
}

/// After so many that count as one.
fn second_after(burst: u32) {
    // A write that cannot be cut short: to a FIFO that is open, and that nobody reads.
    let place = Place::new();
    let fifo = place.at("fifo");
    assert_eq!(start("mkfifo", &[&fifo], In::Null, Out::Collect).finish().code, 0);
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let _reader = rustix::fs::open(&*fifo, flags, rustix::fs::Mode::empty()).expect("the FIFO");
    let way = Way { side: Side::Connect, net: Net::Tcp };
    let (running, mut link) = way.open(&["--tee-in", &fifo], In::Null, Out::Collect);
    link.send(&payload(200_000));
    running.assert_waits();
    (0..burst).for_each(|_| running.signal(Signal::INT));
    assert!(!running.ends_within(Duration::from_millis(400)), "it is not stuck");
    // A busy machine may have brought the last of the burst late: what follows soon is counted as one with it.
    let ends = || {
        running.signal(Signal::INT);
        running.ends_within(Duration::from_millis(400))
    };
    assert!(wait_until(LIMIT, ends), "it is stuck");
    let finished = running.finish().expect(130);
    assert!(finished.stderr.contains("stopped at once by SIGINT"), "{}", finished.stderr);
}

const BINARY: &str = env!("CARGO_BIN_EXE_sendall");

/// A server that leads a session, at a terminal of its own: the person's end comes with it.
fn at_a_terminal(options: &[&str]) -> (Running, OwnedFd) {
    let (person, stdin) = terminal();
    let args = [&["-c", BINARY, "serve", "127.0.0.1:0"], options].concat();
    let server = start("setsid", &args, In::Fd(stdin), Out::Collect);
    server.listening(1);
    (server, person)
}

#[test]
fn processes_end_with_the_server_whatever_stops_it() {
    for (signal, code) in STOPS {
        let (server, _person) = at_a_terminal(&["--sh", "echo $$; exec sleep 60"]);
        let mut link = Link::connect(server.port());
        let child = process(&mut link);
        server.signal(signal);
        let finished = server.finish_within(A_SECOND).expect(code);
        assert!(finished.stderr.contains("stopped by SIG"), "{}", finished.stderr);
        assert!(is_gone(child), "{signal:?}");
    }
}

#[test]
fn a_hangup_without_a_terminal_ends_no_server() {
    for options in [&["serve", "127.0.0.1:0", "--echo"][..], &["http-hello", "127.0.0.1:0"]] {
        let server = start("setsid", &[&[BINARY], options].concat(), In::Null, Out::Collect);
        server.listening(1);
        server.signal(Signal::HUP);
        let said = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("nothing to read again");
        assert!(server.stderr.wait(LIMIT, said), "{}", server.stderr.text());
        let mut link = Link::connect(server.port());
        link.send(b"GET / HTTP/1.0\r\n\r\n");
        link.read_exact(&mut [0; 10]).expect("it serves");
        server.signal(Signal::TERM);
        assert_eq!(server.finish_within(A_SECOND).code, 143);
    }
}

#[test]
fn a_terminal_that_is_gone_ends_a_server_that_reads_its_lists_again() {
    let place = Place::new();
    let list = format!("@{}", place.write("list", b"127.0.0.1\n"));
    let (server, person) = at_a_terminal(&["--echo", "--allow", &list]);
    server.signal(Signal::HUP);
    let said = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("were read again");
    assert!(server.stderr.wait(LIMIT, said), "{}", server.stderr.text());
    drop(person);
    server.finish_within(A_SECOND).expect(129);
}

#[test]
fn a_hangup_that_was_ignored_from_the_start_stays_ignored() {
    let server = limited("trap '' HUP QUIT", &["serve", "127.0.0.1:0"]);
    let mut link = Link::connect(server.port());
    server.signal(Signal::HUP);
    server.signal(Signal::QUIT);
    server.assert_waits();
    link.send(b"x");
    server.expect_output(b"x");
}
