//! `--exec-socket`: a process has the connection itself, as inetd gives it. And what `--exec` takes of a stream's options.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::{Link, Net, Side, WAYS};
use crate::harness::others::installed;
use crate::harness::{A_WHILE, In, LIMIT, Out, now, sendall, start, wait_until};
use crate::stream::exec::{all, finish, is_gone, line, process, with};
use crate::transfer::xfer::{Place, address, is_slow_wanted};

/// `--exec-socket -- sh -c LINE`, with `options`.
fn handed<'a>(options: &[&'a str], line: &'a str) -> Vec<&'a str> {
    [options, &["--exec-socket", "--", "sh", "-c", line]].concat()
}

#[test]
fn a_process_has_the_connection_as_stdin_and_stdout() {
    let line = "[ -S /dev/stdin ] && [ -S /dev/stdout ] && [ ! -S /dev/stderr ] && echo socket; cat; \
        for fd in /proc/$$/fd/*; do echo ${fd##*/}; done; echo $SENDALL_PEER_ADDR";
    with(&handed(&[], line), |way, running, mut link| {
        link.send(b"question\n");
        link.end();
        let text = all(&mut link);
        let peer = if way.net == Net::Tcp { "127.0.0.1" } else { "unix" };
        let [fds, last] = ["socket\nquestion\n0\n1\n2\n", peer];
        assert!(
            text.starts_with(fds) && text.lines().last().is_some_and(|name| name.starts_with(last)),
            "{text}"
        );
        finish(way, running, 0);
    });
}

#[test]
fn the_connection_blocks_and_its_end_is_the_processes() {
    // A large write to a descriptor that does not block would fail, and the end comes before the process's own.
    let line = "head -c 3000000 /dev/zero && exec <&- >&-; sleep 1000";
    for way in WAYS {
        let (running, mut link) = way.open(&handed(&[], line), In::Null, Out::Collect);
        running.assert_waits();
        link.expect_all(&vec![0; 3_000_000]);
        running.signal(Signal::TERM);
        running.finish_within(Duration::from_secs(2)).expect(143);
    }
}

#[test]
fn how_the_process_ends_is_how_it_went_and_bytes_are_not_counted() {
    with(&handed(&["-v"], "echo said; exit 3"), |way, running, mut link| {
        assert_eq!(all(&mut link), "said\n");
        assert!(wait_until(LIMIT, || running.stderr.text().contains("exited with 3")));
        if way.side == Side::Serve {
            running.signal(Signal::TERM);
        }
        let finished = running.finish();
        assert_eq!(finished.code, if way.side == Side::Serve { 143 } else { 1 });
        assert!(finished.stderr.contains("sendall: the process exited with 3") || way.side == Side::Serve);
        assert!(!finished.stderr.contains(" bytes"), "{}", finished.stderr);
    });
    with(&["--exec-socket", "--", "no-such-program-at-all"], |way, running, mut link| {
        let failed = link.read_to_end(&mut Vec::new());
        assert!(failed.is_err() || way.net == Net::Unix, "the peer saw an orderly end");
        finish(way, running, 1);
    });
}

#[test]
fn a_session_limit_and_a_signal_end_the_process() {
    let server = sendall(
        &[
            "serve",
            "0",
            "--session-timeout",
            "300ms",
            "--exec-socket",
            "--",
            "sh",
            "-c",
            "echo $$; sleep 1000",
        ],
        In::Null,
        Out::Collect,
    );
    let mut link = Link::connect(server.port());
    let child = process(&mut link);
    assert!(is_gone(child));
    assert!(wait_until(LIMIT, || server.stderr.text().contains("--session-timeout")));
    server.signal(Signal::TERM);
    assert_eq!(server.finish().code, 143);
}

#[test]
fn rsync_serves_and_sees_its_client() {
    if installed("rsync").is_none() {
        return;
    }
    let place = Place::new();
    let module = place.folder("module");
    std::fs::write(place.path("module/hello"), "hi").expect("a file");
    let config = format!(
        "use chroot = no\nlog file = {}\n[m]\npath = {module}\nhosts allow = 127.0.0.1\n",
        place.at("log")
    );
    let config = place.write("config", config.as_bytes());
    let daemon = ["rsync", "--daemon", &format!("--config={config}")].map(String::from);
    let daemon: Vec<&str> = daemon.iter().map(String::as_str).collect();
    let args = [&["serve", "127.0.0.1:0", "--count", "1", "--exec-socket", "--"], &daemon[..]].concat();
    let server = sendall(&args, In::Null, Out::Collect);
    let url = format!("rsync://{}/m/", address(&server));
    let client = start("rsync", &[&url], In::Null, Out::Collect).finish();
    assert_eq!((client.code, client.stderr.as_str()), (0, ""));
    assert!(String::from_utf8_lossy(&client.stdout).contains("hello"));
    server.finish().expect(0);
}

#[test]
fn what_cannot_be_done_to_a_connection_that_is_handed_over_is_refused() {
    for (options, hint) in [
        (&["--idle-timeout", "1s"][..], "--idle-timeout: with --exec-socket the bytes do not pass"),
        (&["--limit-rate", "1MB"], "--limit-rate: with --exec-socket the bytes do not pass"),
        (&["--tee-in", "x"], "--tee-in: with --exec-socket the bytes do not pass"),
        (&["--crlf"], "--crlf"),
        (&["--end-when", "peer"], "--end-when"),
        (&["--pty"], "--pty"),
        (&["--echo"], "--echo"),
    ] {
        let finished =
            sendall(&[&["serve", "0"], &handed(options, "cat")[..]].concat(), In::Null, Out::Collect)
                .finish()
                .expect(2);
        assert!(
            finished.stderr.contains(hint) && finished.stderr.contains("--exec-socket"),
            "{}",
            finished.stderr
        );
    }
    let finished =
        sendall(&["connect", "localhost:1", "--exec-socket"], In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("--exec-socket -- CMD"), "{}", finished.stderr);
    let finished = sendall(&["serve", "0", "--end-when", "input", "--sh", "cat"], In::Null, Out::Collect)
        .finish()
        .expect(2);
    assert!(finished.stderr.contains("--end-when input"), "{}", finished.stderr);
}

#[test]
fn the_lines_of_a_process_end_with_crlf() {
    with(
        &["--crlf", "--sh", "echo one; printf 'two\\r\\n'; read line; echo \"got $line\""],
        |way, running, mut link| {
            link.expect(b"one\r\ntwo\r\n");
            // What comes is left as it is.
            link.send(b"x\r\n");
            assert_eq!(all(&mut link), "got x\r\n");
            link.end();
            finish(way, running, 0);
        },
    );
    // More than fits anywhere, to a peer that comes late.
    with(&["--crlf", "--sh", "yes | head -n 1500000"], |way, running, mut link| {
        assert!(way.side == Side::Serve || !running.ends_within(A_WHILE));
        link.expect_all(&b"y\r\n".repeat(1_500_000));
        link.end();
        finish(way, running, 0);
    });
}

#[test]
fn clients_that_connect_and_close_do_not_fill_a_server() {
    let options = [
        "serve",
        "127.0.0.1:0",
        "--max-clients",
        "2",
        "--end-when",
        "peer",
        "--sh",
        "echo $$; exec sleep 1000",
    ];
    let server = sendall(&options, In::Null, Out::Collect);
    let start = now();
    let mut left = [Link::connect(server.port()), Link::connect(server.port())];
    let children = left.each_mut().map(process);
    let [gone, mut waiting] = left;
    drop(gone);
    waiting.end();
    // It waits until there is room.
    let mut link = Link::connect(server.port());
    assert!(!line(&mut link).is_empty());
    assert!(now() - start >= Duration::from_millis(1500), "a process was ended before it had been silent");
    // Whether there was more to say, nobody knows: an end in order would say that there was not.
    let heard = waiting.read(&mut [0; 9]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::ConnectionReset));
    assert!(children.into_iter().all(is_gone));
    server.signal(Signal::TERM);
    let finished = server.finish();
    // They have not failed: there are a line about the places, and one about the signal.
    assert!(finished.stderr.contains("all 2 places are taken"), "{}", finished.stderr);
    assert_eq!((finished.code, finished.errors().len()), (143, 2), "{}", finished.stderr);
}

#[test]
fn output_of_a_process_after_the_peers_end_is_sent() {
    if !is_slow_wanted("a process that goes on after its peer's end") {
        return;
    }
    let script = "cat; for i in 1 2 3; do sleep 0.9; echo $i; done; exec sleep 1000";
    with(&["--end-when", "peer", "--sh", script], |way, running, mut link| {
        link.send(b"x\n");
        link.end();
        link.expect(b"x\n1\n2\n3\n");
        finish(way, running, 0);
    });
}

#[test]
fn a_client_that_reads_late_gets_all_output_of_a_process() {
    if !is_slow_wanted("a client that reads after 4 s") {
        return;
    }
    let script = "head -c 1500000 /dev/zero; exec sleep 1000";
    let options = ["serve", "127.0.0.1:0", "--count", "1", "--end-when", "peer", "--sh", script];
    let server = sendall(&options, In::Null, Out::Collect);
    let mut link = Link::connect(server.port());
    link.end();
    // It is on its way all the time: the process is not silent yet.
    assert!(!server.ends_within(Duration::from_secs(4)));
    link.expect(&vec![0; 1_500_000]);
    server.finish().expect(0);
}
