//! `--tee-in`, `--tee-out`, `--hex-dump`: with every mode, added to what is there, and to descriptors that are passed on.

use crate::harness::link::{Link, Net, Side, TestListener, Way};
use crate::harness::{In, LIMIT, Out, assert_same, payload, sendall, silent_port, start, wait_until};
use crate::transfer::xfer::{Place, serve};

#[test]
fn every_mode_of_raw_streams_can_be_written_down() {
    let place = Place::new();
    let [tee_in, tee_out, dump] = ["in", "out", "dump"].map(|name| place.at(name));
    let target = serve(&["--echo"]);
    let echo = format!("127.0.0.1:{}", target.port());
    for (mode, answer) in [
        (&["--echo"][..], "hi\n"),
        (&["--discard"], ""),
        (&["--reply", "ho"], "ho"),
        (&["--otherwise", "what"], "what\n"),
        (&["--keep-open"], ""),
        (&["--broker"], ""),
        (&["--forward", &echo], "hi\n"),
        (&["--sh", "tr i o"], "ho\n"),
    ] {
        let records = ["--tee-in", &tee_in, "--tee-out", &tee_out, "--hex-dump", &dump, "--count", "1"];
        let args = [&["serve", "127.0.0.1:0"], mode, &records].concat();
        let server = sendall(&args, In::Null, Out::Collect);
        let mut link = Link::connect(server.port());
        link.send(b"hi\n");
        link.end();
        link.expect_all(answer.as_bytes());
        server.finish().expect(0);
        assert_same(&std::fs::read(&tee_in).expect("a file"), b"hi\n", mode[0]);
        assert_same(&std::fs::read(&tee_out).expect("a file"), answer.as_bytes(), mode[0]);
        let text = std::fs::read_to_string(&dump).expect("a file");
        // Each line says whose it is.
        assert!(text.lines().all(|line| line.starts_with("127.0.0.1:")), "{text}");
        assert!(text.lines().any(|line| line.contains(" < ") && line.ends_with("|hi.|")), "{text}");
        assert_eq!(text.contains(" > "), !answer.is_empty(), "{text}");
    }
}

#[test]
fn what_cannot_be_written_is_that_clients_failure() {
    let server = serve(&["--keep-open", "--tee-in", "/dev/full", "--count", "2"]);
    for _ in 0..2 {
        let mut link = Link::connect(server.port());
        let _ = std::io::Write::write_all(&mut link, b"x");
        assert!(std::io::Read::read_to_end(&mut link, &mut Vec::new()).is_err(), "an orderly end");
    }
    let finished = server.finish();
    assert_eq!(finished.code, 9);
    let told = finished.stderr.matches("--tee-in /dev/full: cannot be written").count();
    assert_eq!(told, 2, "{}", finished.stderr);
}

#[test]
fn a_file_is_added_to_with_tee_append() {
    let place = Place::new();
    let [tee_in, dump] = [place.write("in", b"old\n"), place.write("dump", b"old\n")];
    let way = Way { side: Side::Connect, net: Net::Tcp };
    for _ in 0..2 {
        let options = ["--tee-append", "--tee-in", &tee_in, "--hex-dump", &dump];
        let (running, mut link) = way.open(&options, In::Null, Out::Collect);
        link.send(b"new\n");
        link.end();
        running.finish().expect(0);
    }
    place.expect("in", b"old\nnew\nnew\n");
    let text = std::fs::read_to_string(&dump).expect("a file");
    assert!(text.starts_with("old\n<") && text.lines().count() == 3, "{text}");
    let finished =
        sendall(&["connect", "localhost:1", "--tee-append"], In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("--tee-in"), "{}", finished.stderr);
}

#[test]
fn a_file_is_emptied_when_there_is_a_connection() {
    let place = Place::new();
    let files = [place.write("in", b"old\n"), place.write("out", b"old\n"), place.write("dump", b"old\n")];
    let options = ["--tee-in", &files[0], "--tee-out", &files[1], "--hex-dump", &files[2]];
    let (_silent, closed) = silent_port();
    let closed = closed.to_string();
    let args = [&["connect", &closed], &options[..]].concat();
    sendall(&args, In::Null, Out::Collect).finish().expect(3);
    let server = serve(&options);
    server.port();
    server.signal(rustix::process::Signal::INT);
    server.finish().expect(130);
    for name in ["in", "out", "dump"] {
        place.expect(name, b"old\n");
    }
    for side in [Side::Connect, Side::Serve] {
        let (running, link) = Way { side, net: Net::Tcp }.open(&options, In::Null, Out::Collect);
        link.end();
        running.finish().expect(0);
        for name in ["in", "out", "dump"] {
            place.expect(name, b"");
            place.write(name, b"old\n");
        }
    }
}

#[test]
fn a_descriptor_that_is_passed_on_is_written_where_it_stands() {
    let place = Place::new();
    let binary = env!("CARGO_BIN_EXE_sendall");
    let content = payload(300_000);
    for (redirection, name, before) in [
        ("3>>\"$0\"", "/dev/fd/3", "old\n"),
        ("3>\"$0\"; echo first >&3", "/proc/self/fd/3", "first\n"),
        ("3<>\"$0\"; read line <&3", "/dev/fd/3", "old\n"),
        ("2>>\"$0\"", "/dev/stderr", "old\n"),
    ] {
        let path = place.write("log", b"old\n");
        let listener = TestListener::bind(Net::Tcp, Default::default());
        let script = format!(
            "exec {redirection}; exec {binary} connect -q {} --tee-in {name} </dev/null",
            listener.name
        );
        let running = start("sh", &["-c", &script, &path], In::Null, Out::Collect);
        let mut link = listener.accept().expect("a client");
        link.send(&content);
        link.end();
        link.expect_all(b"");
        running.finish().expect(0);
        place.expect("log", &[before.as_bytes(), &content].concat());
    }
    for (redirection, name, hint) in [
        ("3<\"$0\"", "/dev/fd/3", "open for reading only"),
        ("3<&-", "/dev/fd/3", "not open"),
        ("3<&-", "/dev/fd/99", "not open"),
    ] {
        let script =
            format!("exec {redirection}; exec {binary} connect localhost:1 --tee-in {name} </dev/null");
        let path = place.write("log", b"old\n");
        let finished = start("sh", &["-c", &script, &path], In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains(hint) && finished.stderr.contains(name), "{}", finished.stderr);
    }
}

#[test]
fn a_pipe_that_does_not_block_loses_nothing() {
    // Whoever has started the command has made the pipe non-blocking, and reads late.
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("non-blocking");
    let listener = TestListener::bind(Net::Tcp, Default::default());
    let args = ["connect", &listener.name, "--tee-in", "/dev/stdout", "--send-only"];
    let running = sendall(&args, In::Open, Out::Fd(writer.into()));
    let mut link = listener.accept().expect("a client");
    let content = payload(500_000);
    let sent = content.clone();
    let sender = std::thread::spawn(move || {
        link.send(&sent);
        link
    });
    assert!(wait_until(LIMIT, || rustix::io::ioctl_fionread(&reader).is_ok_and(|count| count >= 60_000)));
    let mut bytes = vec![0; content.len()];
    std::io::Read::read_exact(&mut reader, &mut bytes).expect("everything");
    assert_same(&bytes, &content, "the pipe");
    let link = sender.join().expect("a thread");
    running.signal(rustix::process::Signal::INT);
    running.finish().expect(130);
    drop(link);
}
