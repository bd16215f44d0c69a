//! `--crlf`, `--line-delay`, `--tee-in`, `--tee-out`, `--hex-dump`.

use std::io::Read;
use std::time::Duration;

use crate::harness::link::{Net, Side, TestListener, WAYS, Way};
use crate::harness::{In, LIMIT, Out, assert_same, assert_within, now, payload, sendall};
use crate::transfer::xfer::Place;

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };

#[test]
fn a_bare_line_feed_becomes_crlf_and_a_pair_stays_one() {
    for way in WAYS {
        let (mut running, mut link) = way.open(&["--crlf"], In::Open, Out::Collect);
        running.say(b"one\ntwo\r\n\n\r");
        link.expect(b"one\r\ntwo\r\n\r\n\r");
        // The pair was divided between two reads.
        running.say(b"\nend");
        running.end_input();
        link.expect_all(b"\nend");
        // What comes is left as it is.
        link.send(b"a\nb\r\n");
        link.end();
        assert_eq!(running.finish().expect(0).stdout, b"a\nb\r\n");
    }
}

#[test]
fn pairs_over_the_borders_of_every_buffer_stay_pairs() {
    let text = b"\r\nx\n".repeat(300_000);
    let expected = b"\r\nx\r\n".repeat(300_000);
    let (running, mut link) = TCP.open(&["--crlf"], In::file(&text), Out::Collect);
    link.expect_all(&expected);
    link.end();
    running.finish().expect(0);
}

#[test]
fn lines_are_sent_with_a_pause_and_the_end_at_once() {
    const DELAY: Duration = Duration::from_millis(700);
    let options = ["--line-delay", "700ms"];
    let start = now();
    let (running, mut link) = TCP.open(&options, In::Bytes(b"one\ntwo\nthree\n".to_vec()), Out::Collect);
    link.expect(b"one\n");
    // A server that greets may refuse who speaks before it has.
    assert!(now() - start >= DELAY, "the first line came too early");
    // What comes is not held up.
    link.send(b"now");
    running.expect_output(b"now");
    link.expect(b"two\n");
    assert!(now() - start >= 2 * DELAY, "the second line came too early");
    link.expect(b"three\n");
    let third = now();
    assert!(third - start >= 3 * DELAY, "the third line came too early");
    link.expect_all(b"");
    assert_within(third, DELAY);
    link.end();
    running.finish().expect(0);
}

#[test]
fn stdin_waits_for_the_greeting() {
    for way in WAYS {
        let options = ["--wait-greeting"];
        let (running, mut link) = way.open(&options, In::Bytes(b"HELO\n".to_vec()), Out::Collect);
        link.assert_quiet();
        link.send(b"220 hello\n");
        link.expect(b"HELO\n");
        link.send(b"250 ok\n");
        link.end();
        link.expect_all(b"");
        assert_eq!(running.finish().expect(0).stdout, b"220 hello\n250 ok\n");

        // A peer that ends without a word still hears what there is to say.
        let (running, mut link) = way.open(&options, In::Bytes(b"HELO\n".to_vec()), Out::Collect);
        link.end();
        link.expect_all(b"HELO\n");
        running.finish().expect(0);
    }
    // The pause before the first line begins with the greeting.
    let options = ["--wait-greeting", "--line-delay", "300ms"];
    let (_running, mut link) = TCP.open(&options, In::Bytes(b"HELO\n".to_vec()), Out::Collect);
    link.assert_quiet();
    link.send(b"220 hello\n");
    let greeted = now();
    link.expect(b"HELO\n");
    assert!(now() - greeted >= Duration::from_millis(300));
}

#[test]
fn a_line_that_was_long_in_coming_goes_at_once() {
    let (mut running, mut link) = TCP.open(&["--line-delay", "600ms"], In::Open, Out::Collect);
    link.assert_quiet();
    running.assert_waits();
    running.assert_waits();
    let start = now();
    running.say(b"on");
    link.expect(b"on");
    running.say(b"e\n");
    link.expect(b"e\n");
    assert_within(start, Duration::from_millis(500));
    running.say(b"two\n");
    link.assert_quiet();
    running.signal(rustix::process::Signal::INT);
    running.finish_within(Duration::from_secs(2)).expect(130);
}

#[test]
fn tees_hold_exactly_what_was_sent_and_received() {
    let (sent, received) = (payload(3_000_001), payload(2_000_003));
    let dir = tempfile::tempdir().expect("a folder");
    let [tee_in, tee_out] = ["in", "out"].map(|name| dir.path().join(name).display().to_string());
    std::fs::write(&tee_in, "what was there").expect("written");
    for way in WAYS {
        let options = ["--tee-in", &tee_in, "--tee-out", &tee_out];
        let (running, mut link) = way.open(&options, In::Bytes(sent.clone()), Out::Collect);
        let (mut sending, bytes) = (link.try_clone(), received.clone());
        let sender = std::thread::spawn(move || {
            sending.send(&bytes);
            sending.end();
        });
        link.expect_all(&sent);
        sender.join().expect("sent");
        assert_same(&running.finish().expect(0).stdout, &received, "stdout");
        assert_same(&std::fs::read(&tee_in).expect("a file"), &received, "--tee-in");
        assert_same(&std::fs::read(&tee_out).expect("a file"), &sent, "--tee-out");
    }
}

#[test]
fn tees_hold_what_is_on_the_wire() {
    let dir = tempfile::tempdir().expect("a folder");
    let both = dir.path().join("both").display().to_string();
    let options = ["--frame", "u8", "--tee-in", &both, "--tee-out", &both];
    let (mut running, mut link) = TCP.open(&options, In::Open, Out::Collect);
    running.say(b"a\n");
    link.expect(b"\x01a");
    link.send(b"\x02bc");
    running.expect_output(b"bc\n");
    running.say(b"d\n");
    link.expect(b"\x01d");
    link.end();
    running.end_input();
    running.finish().expect(0);
    // One file for both: in the order of events.
    assert_eq!(std::fs::read(&both).expect("a file"), b"\x01a\x02bc\x01d");
}

#[test]
fn a_tee_on_a_full_disk_ends_the_command_with_10_and_a_line() {
    for way in WAYS {
        for (option, speaks) in
            [("--tee-in", false), ("--tee-out", true), ("--hex-dump", true), ("--hex-dump", false)]
        {
            let (mut running, mut link) = way.open(&[option, "/dev/full"], In::Open, Out::Collect);
            if speaks {
                running.say(b"x");
            } else {
                link.send(b"x");
            }
            let finished = running.finish().expect(10);
            let text = format!("{option} /dev/full: cannot be written");
            assert!(finished.stderr.contains(&text), "{}", finished.stderr);
        }
    }
}

#[test]
fn a_file_size_limit_counts_as_a_full_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let tee = dir.path().join("tee").display().to_string();
    let listener = TestListener::bind(Net::Tcp, Default::default());
    let program = env!("CARGO_BIN_EXE_sendall");
    let script = format!("ulimit -f 1; exec {program} connect {} --tee-in {tee}", listener.name);
    let running = crate::harness::start("sh", &["-c", &script], In::Open, Out::Collect);
    let mut link = listener.accept().expect("a client");
    let _ = std::io::Write::write_all(&mut link, &payload(100_000));
    let finished = running.finish().expect(10);
    assert!(finished.stderr.contains("--tee-in"), "{}", finished.stderr);
}

#[test]
fn a_hex_dump_has_direction_time_and_offset() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("dump").display().to_string();
    for target in [&file, "-"] {
        let (mut running, mut link) = TCP.open(&["--hex-dump", target], In::Open, Out::Collect);
        running.say(b"GET / HTTP/1.0\r\n\r\n");
        link.expect(b"GET / HTTP/1.0\r\n\r\n");
        link.send(b"\x1b[2Jok");
        running.expect_output(b"\x1b[2Jok");
        running.say(b"!");
        link.expect(b"!");
        link.end();
        running.end_input();
        let finished = running.finish();
        assert_eq!((finished.code, &finished.stdout[..]), (0, &b"\x1b[2Jok"[..]));
        let text =
            if target == "-" { finished.stderr } else { std::fs::read_to_string(&file).expect("a dump") };
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            ('>', "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|"),
            ('>', "00000010  0d 0a                                             |..|"),
            ('<', "00000000  1b 5b 32 4a 6f 6b                                 |.[2Jok|"),
            ('>', "00000012  21                                                |!|"),
        ];
        assert_eq!(lines.len(), expected.len(), "{text}");
        let mut before = 0.0;
        for (line, (mark, rest)) in lines.iter().zip(expected) {
            let (head, found) = line.split_at(14);
            let seconds: f64 = head[1..].trim().parse().expect("seconds");
            assert!(head.starts_with(mark) && found == rest && seconds >= before, "{line}");
            before = seconds;
        }
    }
}

#[test]
fn a_pipe_will_do_as_a_tee() {
    let dir = tempfile::tempdir().expect("a folder");
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .expect("a FIFO");
    let name = fifo.display().to_string();
    let listener = TestListener::bind(Net::Tcp, Default::default());
    let args = ["connect", &listener.name, "--tee-in", &name];
    let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("cannot be written"), "{}", finished.stderr);
    assert!(!listener.has_client(), "connected although the FIFO has no reader");
    // With a reader it is a pipe like any other, and blocks when it is full.
    let reading = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader = rustix::fs::open(&fifo, reading, rustix::fs::Mode::empty()).expect("a reader");
    rustix::io::ioctl_fionbio(&reader, false).expect("a blocking reader");
    let running = sendall(&args, In::Null, Out::Collect);
    let mut link = listener.accept().expect("a client");
    let content = payload(300_000);
    let sent = content.clone();
    let sender = std::thread::spawn(move || {
        link.send(&sent);
        link.end();
        link.expect_all(b"");
    });
    let mut came = Vec::new();
    std::fs::File::from(reader).take(content.len() as u64).read_to_end(&mut came).expect("read");
    assert_same(&came, &content, "the pipe");
    sender.join().expect("sent");
    assert_same(&running.finish_within(LIMIT).expect(0).stdout, &content, "stdout");
}

#[test]
fn records_and_options_are_checked_before_anything_is_opened() {
    let listener = TestListener::bind(Net::Tcp, Default::default());
    for (options, hint) in [
        (&["--tee-in", "/nowhere/file"][..], "--tee-in /nowhere/file: cannot be written"),
        (&["--tee-out", "/"], "--tee-out /: cannot be written"),
        (&["--tee-in", "-"], "/dev/stderr"),
        (&["--line-delay", "0s"], "longer than 0"),
        (&["--crlf", "--recv-only"], "--recv-only"),
        (&["--line-delay", "1s", "--recv-only"], "--recv-only"),
        (&["--wait-greeting", "--recv-only"], "--recv-only"),
        (&["--linger", "1s", "--send-only"], "--send-only"),
        (&["--linger", "1s", "--end-when", "input"], "type --linger alone"),
    ] {
        let args = [&["connect", &listener.name][..], options].concat();
        let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{options:?}: {}", finished.stderr);
    }
    let args = ["connect", &listener.name, "--hex-dump", "-", "--json"];
    let finished = sendall(&args, In::Null, Out::Collect).finish();
    assert!(finished.code == 2 && finished.stderr.contains("stderr is for events"), "{}", finished.stderr);
    assert!(!listener.has_client());
    for option in [&["--crlf"][..], &["--telnet"], &["--tee-in", "x"], &["--hex-dump", "-"]] {
        let args = [&["serve", "0", "--store", "."][..], option].concat();
        let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
        let text = format!("{} is about stdin and stdout", option[0]);
        assert!(finished.stderr.contains(&text), "{}", finished.stderr);
    }
}

#[test]
fn the_file_that_stdin_is_read_from_is_not_written() {
    let place = Place::new();
    let path = place.write("data", b"precious");
    for option in ["--tee-in", "--tee-out", "--hex-dump"] {
        let stdin = In::Fd(std::fs::File::open(&path).expect("the file").into());
        let finished = sendall(&["connect", option, &path, "127.0.0.1:9"], stdin, Out::Collect).finish();
        assert_eq!(finished.code, 2, "{}", finished.stderr);
        assert!(finished.stderr.contains("stdin is read from"), "{}", finished.stderr);
        place.expect("data", b"precious");
    }
}
