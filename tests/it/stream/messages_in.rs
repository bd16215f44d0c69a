//! `--each`: where stdin is cut into messages, so that any message can be sent that can be received; octet counting.

use crate::harness::link::{Net, Side, WAYS, Way};
use crate::harness::others::installed;
use crate::harness::{In, Out, sendall, start};
use crate::transfer::xfer::in_parallel;

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };

fn bytes(text: &[u8]) -> In {
    In::Bytes(text.to_vec())
}

#[test]
fn stdin_is_cut_as_it_was_asked_for() {
    in_parallel(&WAYS, |way| {
        for (each, input, framed) in [
            ("line", &b"a\nb"[..], &b"\0\x01a\0\x01b"[..]),
            ("all", b"a\nb\0\xff\n", b"\0\x06a\nb\0\xff\n"),
            ("all", b"", b"\0\0"),
            ("2", b"a\nb", b"\0\x02a\n\0\x01b"),
            ("u8", b"\x03a\nb\0\x01c", b"\0\x03a\nb\0\0\0\x01c"),
            ("netstring", b"3:a\nb,0:,", b"\0\x03a\nb\0\0"),
            ("octet-count", b"3 a\nb1 c", b"\0\x03a\nb\0\x01c"),
            ("nul", b"a\nb\0c\0", b"\0\x03a\nb\0\x01c"),
            (
                "json",
                b"{\"length\":3,\"text\":\"a\\nb\",\"base64\":null}\n{\"base64\":\"/wA=\"}\n{\"text\":\"\"}",
                b"\0\x03a\nb\0\x02\xff\0\0\0",
            ),
        ] {
            let (running, mut link) =
                way.open(&["--frame", "u16be", "--each", each], bytes(input), Out::Collect);
            link.expect_all(framed);
            link.end();
            running.finish().expect(0);
        }
    });
}

#[test]
fn lines_that_are_not_text_are_reported_once_unless_requested() {
    for (options, input, warnings) in [
        (&["--frame", "u16be"][..], &b"text \xe4 \xc3\xa4\na\0\nb\0\n"[..], 1),
        (&["--frame", "u16be", "--each", "line"], b"a\0\nb\xff\n", 0),
        (&["--frame", "u16be", "--each", "all"], b"a\0\nb\xff\n", 0),
    ] {
        let (running, mut link) = TCP.open(options, bytes(input), Out::Collect);
        link.end();
        let _ = std::io::Read::read_to_end(&mut link, &mut Vec::new());
        let finished = running.finish();
        assert_eq!((finished.code, finished.errors().len()), (0, warnings), "{}", finished.stderr);
        assert!(
            warnings == 0 || finished.stderr.contains("line 2 of stdin is not text"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn an_empty_input_is_no_message() {
    let (running, mut link) = TCP.open(&["--frame", "u8", "--each", "all"], In::Null, Out::Collect);
    link.end();
    link.expect_all(b"");
    running.finish().expect(0);
}

#[test]
fn what_was_received_can_be_sent() {
    let framed = b"\x03a\nb\x02\xff\0\x00\x05\xc2\x9b\xe2\x80\xae";
    let (running, mut link) = TCP.open(&["--frame", "u8", "--frame-out", "json"], In::Null, Out::Collect);
    link.send(framed);
    link.end();
    let heard = running.finish().expect(0).stdout;
    let (running, mut link) = TCP.open(&["--frame", "u8", "--each", "json"], In::Bytes(heard), Out::Collect);
    link.expect_all(framed);
    link.end();
    running.finish().expect(0);
}

#[test]
fn an_invalid_message_is_reported_and_nothing_of_it_is_sent() {
    for (options, input, text) in [
        (&["u8", "--each", "all"][..], &[b'x'; 256][..], "stdin is longer than the 255 bytes"),
        (
            &["u64be", "--each", "300", "--max-message", "100B"],
            &[b'x'; 256],
            "block 1 of stdin is longer than 100 bytes",
        ),
        (
            &["u8", "--each", "u16be"],
            b"\0\x05abc",
            "stdin ended within message 1, which was not sent: 3 of its 5 bytes",
        ),
        (&["u8", "--each", "netstring"], b"abc", "message 1 of stdin is not framed as --each says"),
        (&["u8", "--each", "u16be", "--max-message", "10B"], b"\xff\xffabc", "see --max-message"),
        (
            &["u8", "--each", "json"],
            b"hello\n",
            r#"line 1 of stdin is not a message: it is not such an object; type {"text":"..."}"#,
        ),
        (&["u8", "--each", "json"], b"{\"text\":null}", "neither or both"),
        (&["u8", "--each", "json"], b"{\"base64\":\"?\"}", "not base64"),
        (&["line", "--each", "all"], b"a\nb", "stdin has a line feed in it"),
        (&["octet-count"], b"\n", "line 1 of stdin is empty, which octet counting does not allow"),
    ] {
        let (running, mut link) = TCP.open(&[&["--frame"], options].concat(), bytes(input), Out::Collect);
        let finished = running.finish().expect(1);
        assert!(finished.stderr.contains(text), "{options:?}: {}", finished.stderr);
        let mut more = Vec::new();
        let _ = std::io::Read::read_to_end(&mut link, &mut more);
        assert_eq!(more, b"", "{options:?}");
    }
}

#[test]
fn syslog_over_tcp_is_understood() {
    let (running, mut link) = TCP.open(&["--frame", "octet-count"], bytes(b"<13>one\n<13>two"), Out::Collect);
    link.send(b"11 <13>1 a\nb c2 hi");
    link.end();
    link.expect_all(b"7 <13>one7 <13>two");
    assert_eq!(running.finish().expect(0).stdout, b"<13>1 a\nb c\nhi\n");
    for (said, text) in
        [(&b"<13>hi\n"[..], "is not octet-counted: its length is not a number"), (b"0 ", "its length is 0")]
    {
        let (running, mut link) = TCP.open(&["--frame", "octet-count"], In::Open, Out::Collect);
        link.send(said);
        let finished = running.finish().expect(6);
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
    }
}

#[test]
fn octet_counting_where_lines_are_due_is_named() {
    let (running, mut link) = TCP.open(&["--frame", "line"], In::Open, Out::Collect);
    link.send(b"7 <13>one");
    link.end();
    let finished = running.finish().expect(5);
    assert!(finished.stderr.contains("type --frame octet-count"), "{}", finished.stderr);
}

#[test]
fn logger_is_understood() {
    if installed("logger").is_none() {
        return;
    }
    let server =
        sendall(&["serve", "127.0.0.1:0", "--recv-only", "--frame", "octet-count"], In::Null, Out::Collect);
    let port = server.port().to_string();
    // In one process: a line of its stdin each.
    let args = ["--server", "127.0.0.1", "--port", &port, "--tcp", "--octet-count"];
    let logger = start("logger", &args, bytes(b"hello\nworld\n"), Out::Collect).finish();
    assert_eq!(logger.code, 0, "{}", logger.stderr);
    let finished = server.finish().expect(0);
    let text = String::from_utf8(finished.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert!(matches!(lines[..], [one, two] if one.ends_with("hello") && two.ends_with("world")), "{text}");
}
