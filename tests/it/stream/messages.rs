//! `--frame`: a line is a message, and a message a line, for `connect` and for `serve` without a mode.

use std::time::Duration;

use crate::harness::link::{Net, Side, TestListener, WAYS, Way};
use crate::harness::others::installed;
use crate::harness::{In, Out, payload, sendall, start, wait_until};

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };

/// Each framing, and the messages `hi`, the empty one, and `you` in it.
const FRAMINGS: &[(&str, &[u8])] = &[
    ("u8", b"\x02hi\x00\x03you"),
    ("u16be", b"\x00\x02hi\x00\x00\x00\x03you"),
    ("u16le", b"\x02\x00hi\x00\x00\x03\x00you"),
    ("u32be", b"\0\0\0\x02hi\0\0\0\0\0\0\0\x03you"),
    ("u32le", b"\x02\0\0\0hi\0\0\0\0\x03\0\0\0you"),
    ("u64be", b"\0\0\0\0\0\0\0\x02hi\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03you"),
    ("netstring", b"2:hi,0:,3:you,"),
    ("line", b"hi\n\nyou\n"),
    ("nul", b"hi\0\0you\0"),
];

fn bytes(text: &[u8]) -> In {
    In::Bytes(text.to_vec())
}

#[test]
fn two_messages_in_one_segment_are_two_lines() {
    for way in WAYS {
        let (running, mut link) = way.open(&["--frame", "u32be"], In::Open, Out::Collect);
        link.send(b"\0\0\0\x05hello\0\0\0\x05world");
        running.expect_output(b"hello\nworld\n");
        // One message in two segments is one line.
        link.send(b"\0\0\0");
        running.assert_waits();
        link.send(b"\x03a");
        running.assert_waits();
        running.expect_output(b"hello\nworld\n");
        link.send(b"bc");
        running.expect_output(b"hello\nworld\nabc\n");
    }
}

#[test]
fn every_framing_goes_both_ways() {
    for way in WAYS {
        for (name, framed) in FRAMINGS {
            // The last line has no end of its own.
            let (running, mut link) = way.open(&["--frame", name], bytes(b"hi\n\nyou"), Out::Collect);
            link.send(framed);
            link.end();
            link.expect_all(framed);
            assert_eq!(running.finish().expect(0).stdout, b"hi\n\nyou\n", "{name}");
        }
    }
}

#[test]
fn a_line_is_sent_when_it_is_whole() {
    let (mut running, mut link) = TCP.open(&["--frame", "u8"], In::Open, Out::Collect);
    running.say(b"on");
    link.assert_quiet();
    running.say(b"e\ntw");
    link.expect(b"\x03one");
    link.assert_quiet();
    running.end_input();
    link.expect_all(b"\x02tw");
    link.end();
    running.finish().expect(0);
}

#[test]
fn messages_are_written_as_lines_as_they_are_or_as_objects() {
    // The last one would reach a terminal as a command, and turn its direction.
    let framed = b"\x03one\x02\xff\xfe\x04a\nb\0\x00\x05\xc2\x9b\xe2\x80\xae";
    let json = concat!(
        r#"{"length":3,"text":"one","base64":null}"#,
        "\n",
        r#"{"length":2,"text":null,"base64":"//4="}"#,
        "\n",
        r#"{"length":4,"text":"a\nb\u0000","base64":null}"#,
        "\n",
        r#"{"length":0,"text":"","base64":null}"#,
        "\n",
        r#"{"length":5,"text":"\u009b\u202e","base64":null}"#,
        "\n",
    );
    for (form, expected) in [
        ("line", &b"one\n\xff\xfe\na\nb\0\n\n\xc2\x9b\xe2\x80\xae\n"[..]),
        ("raw", b"one\xff\xfea\nb\0\xc2\x9b\xe2\x80\xae"),
        ("json", json.as_bytes()),
    ] {
        let options = ["--frame", "u8", "--frame-out", form];
        let (running, mut link) = TCP.open(&options, In::Null, Out::Collect);
        link.send(framed);
        link.end();
        assert_eq!(running.finish().expect(0).stdout, expected, "{form}");
    }
}

#[test]
fn a_message_that_is_too_long_is_refused_at_its_length() {
    for (name, announced) in [
        ("u16be", &b"\xff\xff"[..]),
        ("u32le", b"\0\0\0\x80"),
        ("u32be", b"\x16\x03\x01\x02"),
        ("u64be", b"\x80\0\0\0\0\0\0\0"),
        ("u64be", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("netstring", b"65000"),
    ] {
        let options = ["--frame", name, "--max-message", "1000B"];
        let (running, mut link) = TCP.open(&options, In::Open, Out::Collect);
        link.send(announced);
        let finished = running.finish().expect(7);
        assert!(finished.stderr.contains("--max-message"), "{}", finished.stderr);
        assert_eq!(finished.stdout, b"");
    }
    for (name, end) in [("line", b"\n"), ("nul", b"\0")] {
        let options = ["--frame", name, "--max-message", "1000B"];
        let (running, mut link) = TCP.open(&options, In::Open, Out::Collect);
        let fits = [&[b'x'; 1000][..], end].concat();
        link.send(&fits);
        link.send(&[b'x'; 1001]);
        let finished = running.finish().expect(7);
        assert_eq!(finished.stdout, [&[b'x'; 1000][..], b"\n"].concat(), "{name}");
    }
    // What is said in the place of a message, by default.
    let (running, mut link) = TCP.open(&["--frame", "u32be"], In::Open, Out::Collect);
    link.send(b"HTTP/1.1 400 Bad Request\r\n");
    let finished = running.finish().expect(7);
    assert!(finished.stderr.contains("1213486160 bytes"), "{}", finished.stderr);
}

#[test]
fn what_is_not_a_netstring_is_a_broken_protocol() {
    let (running, mut link) = TCP.open(&["--frame", "netstring"], In::Open, Out::Collect);
    link.send(b"2:ok,3:longer,");
    let finished = running.finish().expect(6);
    assert_eq!(finished.stdout, b"ok\n");
    assert!(finished.stderr.contains("netstring: no comma"), "{}", finished.stderr);
}

#[test]
fn a_stream_that_is_cut_within_a_message_is_lost_with_its_position() {
    for (name, sent, text) in [
        ("u32be", &b"\0\0\0\x02ok\0\0\0\x0aabc"[..], "3 of its 10 bytes"),
        ("u32be", b"\0\0\0\x02ok\0\0", "2 bytes of its length"),
        ("netstring", b"2:ok,3:abc", "3 bytes of it came, but not its end"),
        ("line", b"ok\nabcd", "4 bytes of it came, but not its end"),
    ] {
        let (running, mut link) = TCP.open(&["--frame", name], In::Open, Out::Collect);
        link.send(sent);
        link.end();
        let finished = running.finish().expect(5);
        assert_eq!(finished.stdout, b"ok\n", "{name}");
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
    }
}

#[test]
fn a_line_that_does_not_fit_is_reported_and_nothing_of_it_is_sent() {
    let long = [b"ok\n".to_vec(), vec![b'x'; 256]].concat();
    for (options, input, text) in [
        (&["--frame", "u8"][..], &long[..], "line 2 of stdin is longer than the 255 bytes"),
        (&["--frame", "u64be", "--max-message", "100B"], &long, "longer than 100 bytes (see --max-message)"),
        (&["--frame", "nul"], b"ok\na\0b\n", "line 2 of stdin has a NUL byte"),
    ] {
        let (mut running, mut link) = TCP.open(options, In::Open, Out::Collect);
        let (first, rest) = input.split_at(3);
        running.say(first);
        let ok = FRAMINGS.iter().find(|(name, _)| *name == options[1]).map(|(_, framed)| framed.len());
        // The first line, whose message has as many bytes as that of `hi`.
        let mut message = vec![0; (ok.expect("a framing") - 5) / 3 + 2];
        std::io::Read::read_exact(&mut link, &mut message).expect("the first message");
        running.say(rest);
        let finished = running.finish().expect(1);
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
        let mut more = Vec::new();
        let _ = std::io::Read::read_to_end(&mut link, &mut more);
        assert_eq!(more, b"");
    }
}

#[test]
fn a_length_that_is_announced_takes_no_memory() {
    let options = ["--frame", "u32be", "--max-message", "1GiB"];
    let (running, mut link) = TCP.open(&options, In::Open, Out::Collect);
    link.send(b"\0\0\0\x01a\x3f\xff\xff\xffbegun");
    running.expect_output(b"a\n");
    running.assert_waits();
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 64 << 10, "{kib} KiB");
}

#[test]
fn messages_of_the_largest_size_go_both_ways_at_once() {
    let message: Vec<u8> = payload(1 << 20).into_iter().filter(|byte| *byte != b'\n').collect();
    let length = (message.len() as u32).to_be_bytes();
    let framed = [&length[..], &message].concat().repeat(8);
    let lines = [&message[..], b"\n"].concat().repeat(8);
    for side in [Side::Serve, Side::Connect] {
        let way = Way { side, net: Net::Tcp };
        let (running, mut link) =
            way.open(&["--frame", "u32be", "--each", "line"], In::Bytes(lines.clone()), Out::Collect);
        let (mut sending, sent) = (link.try_clone(), framed.clone());
        let sender = std::thread::spawn(move || {
            sending.send(&sent);
            sending.end();
        });
        link.expect_all(&framed);
        sender.join().expect("sent");
        crate::harness::assert_same(&running.finish().expect(0).stdout, &lines, "stdout");
    }
}

#[test]
fn every_byte_of_a_message_begins_the_idle_time_anew() {
    let options = ["--frame", "u8", "--idle-timeout", "1500ms"];
    let (running, mut link) = TCP.open(&options, In::Open, Out::Collect);
    for byte in b"\x06abcde" {
        link.send(&[*byte]);
        running.assert_waits();
    }
    link.send(b"f");
    running.expect_output(b"abcdef\n");
    running.finish_within(Duration::from_secs(5)).expect(4);
}

#[test]
fn a_rate_limit_counts_what_is_on_the_wire() {
    // Twelve thousand bytes of which only line feeds come out.
    let options = ["--frame", "u64be", "--limit-rate", "10KiB"];
    let (running, mut link) = TCP.open(&options, In::Null, Out::Collect);
    link.send(&[0; 12_000]);
    link.end();
    assert!(!running.ends_within(Duration::from_millis(800)), "too quick: {}", running.stderr.text());
    assert_eq!(running.finish().expect(0).stdout, b"\n".repeat(1500));
}

#[test]
fn a_reader_that_goes_away_ends_it_in_silence() {
    let (mut running, mut link) = TCP.open(&["--frame", "u8"], In::Open, Out::Held);
    link.send(b"\x01a");
    let mut line = [0; 2];
    let mut stdout = running.stdout.take().expect("Out::Held");
    std::io::Read::read_exact(&mut stdout, &mut line).expect("a line");
    drop(stdout);
    // The command notices when it writes.
    assert!(wait_until(crate::harness::LIMIT, || {
        use std::io::Write;
        let _ = link.write(b"\x01b");
        running.ends_within(Duration::ZERO)
    }));
    running.finish().expect(141);
}

#[test]
fn a_python_peer_that_writes_byte_by_byte_is_understood() {
    if installed("python3").is_none() {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/frames.py");
    let server = sendall(&["serve", "0", "--frame", "u32be"], bytes(b"first\n\nlast line"), Out::Collect);
    let port = server.port().to_string();
    let peer = start("python3", &["-B", script, "127.0.0.1", &port, "12"], In::Null, Out::Collect);
    peer.finish().expect(0);
    let messages = (0..12).map(|number| format!("message {number}{}\n", ".".repeat(number)));
    let expected = messages.collect::<String>() + "FIRST\n\nLAST LINE\n";
    assert_eq!(String::from_utf8_lossy(&server.finish().expect(0).stdout), expected);
}

#[test]
fn what_does_not_go_together_is_wrong_usage_before_anything_is_opened() {
    let listener = TestListener::bind(Net::Tcp, Default::default());
    for (options, hint) in [
        (&["--frame", "u24"][..], "u16be"),
        (&["--frame", "u8", "--crlf"], "--crlf"),
        (&["--frame", "u8", "--telnet"], "--telnet"),
        (&["--frame-out", "json"], "--frame"),
        (&["--max-message", "1MB"], "--frame"),
        (&["--frame", "u8", "--max-message", "much"], "64KiB"),
        (&["--frame", "u8", "--frame-out", "raw", "--send-only"], "--send-only"),
        (&["--each", "all"], "--frame"),
        (&["--frame", "u8", "--each", "paragraph"], "line, all, json"),
        (&["--frame", "u8", "--each", "0"], "at least one byte"),
        (&["--frame", "u8", "--each", "all", "--recv-only"], "--recv-only"),
    ] {
        let args = [&["connect", &listener.name][..], options].concat();
        let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{options:?}: {}", finished.stderr);
    }
    assert!(!listener.has_client());
    for mode in [&["--store", "."][..], &["--share", "."], &["--echo"], &["--keep-open"]] {
        let args = [&["serve", "0", "--frame", "u8"][..], mode].concat();
        let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains("--frame is about stdin and stdout"), "{}", finished.stderr);
    }
}
