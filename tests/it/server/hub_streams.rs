//! `serve --keep-open` and `--broker`: which of stdin and stdout take part, and the format of labelled lines.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, wait_until};
use crate::transfer::xfer::{Place, cpu_ticks, is_slow_wanted};

fn serve(options: &[&str], input: In) -> Running {
    sendall(&[&["serve", "127.0.0.1:0"], options].concat(), input, Out::Collect)
}

#[test]
fn a_labelled_line_cannot_pass_for_that_of_another() {
    let server = serve(&["--keep-open", "--label", "--count", "1"], In::Null);
    let mut link = Link::connect(server.port());
    link.send("good\r[10.0.0.1:1] forged\n\x1b[1A\x1b[2Khidden\r\n\u{9b}2J\u{202e}\ta\tb ß\n".as_bytes());
    link.send(b"\x0bdown\x0cpage\n");
    link.end();
    link.expect_all(b"");
    let text = String::from_utf8(server.finish().expect(0).stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().map(|line| line.split_once("] ").expect("a label").1).collect();
    assert_eq!(
        lines,
        [
            "good\\x0d[10.0.0.1:1] forged",
            "\\x1b[1A\\x1b[2Khidden",
            "\\u{9b}2J\\u{202e}\ta\tb ß",
            "\\x0bdown\\x0cpage"
        ]
    );
}

#[test]
fn a_name_of_a_unix_socket_cannot_pass_for_more_than_a_name() {
    let place = Place::new();
    let (path, dump) = (place.at("socket"), place.at("dump"));
    let args =
        ["serve", &format!("unix:{path}"), "--keep-open", "--label", "--count", "1", "--hex-dump", &dump];
    let server = sendall(&args, In::Null, Out::Collect);
    server.listening(1);
    let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket");
    let address = |path: &str| socket2::SockAddr::unix(path).expect("an address");
    client.bind(&address(&place.at("x\r[root] y\n"))).expect("a name");
    client.connect(&address(&path)).expect("a connection");
    let mut link = Link::Unix(std::os::fd::OwnedFd::from(client).into());
    link.send(b"hi\n");
    link.end();
    link.expect_all(b"");
    let text = String::from_utf8(server.finish().expect(0).stdout).expect("UTF-8");
    assert!(text.starts_with("[unix:/") && text.ends_with("x\\x0d[root] y\\x0a] hi\n"), "{text:?}");
    let text = std::fs::read_to_string(&dump).expect("a dump");
    assert!(text.contains("\\x0d[root] y\\x0a < ") && text.lines().count() == 1, "{text:?}");
}

#[test]
fn send_only_sends_stdin_to_all_and_writes_nothing() {
    // Stdout is not even needed.
    let args = ["serve", "127.0.0.1:0", "--keep-open", "--send-only", "--count", "1"];
    let mut server = sendall(&args, In::Open, Out::Closed);
    let mut link = Link::connect(server.port());
    link.send(&payload(1_000_000));
    server.say(b"news\n");
    link.expect(b"news\n");
    // A client that has ended receives the rest, and the end.
    link.end();
    server.say(b"more");
    server.end_input();
    link.expect_all(b"more");
    server.finish().expect(0);

    let server = serve(&["--keep-open", "--send-only", "--count", "1"], In::Null);
    let mut link = Link::connect(server.port());
    link.send(b"unheard");
    link.end();
    link.expect_all(b"");
    assert_eq!(server.finish().expect(0).stdout, b"");
}

#[test]
fn the_user_of_a_broker_takes_part_with_join() {
    let mut server = serve(&["--broker", "--chat", "--join"], In::Open);
    let (mut one, mut two) = (Link::connect(server.port()), Link::connect(server.port()));
    // Each is in when stdout has it.
    one.send(b"one\n");
    two.send(b"two\x1b\n");
    let output = server.output.as_ref().expect("collected");
    assert!(
        output.wait(LIMIT, |bytes, _| bytes.ends_with(b"> two\\x1b\n")
            || bytes.windows(5).any(|w| w == b"> two"))
    );
    assert!(output.wait(LIMIT, |bytes, _| bytes.windows(6).any(|part| part == b"> one\n")));
    server.say(b"hello");
    server.say(b" all\n");
    for link in [&mut one, &mut two] {
        let mut received = crate::stream::exec::line(link);
        if received.starts_with("<127") {
            // The line that the other one sent when both were subscribers.
            received = crate::stream::exec::line(link);
        }
        assert_eq!(received, "<server> hello all");
    }
    // The end of stdin ends no client.
    server.end_input();
    one.send(b"still here\n");
    assert!(crate::stream::exec::line(&mut two).ends_with("> still here"));
    server.signal(Signal::TERM);
    server.finish().expect(143);
}

#[test]
fn a_joined_broker_ends_with_its_count_and_has_written_everything() {
    let server = serve(&["--broker", "--join", "--count", "1"], In::Open);
    let mut link = Link::connect(server.port());
    link.send(&payload(2_000_000));
    link.end();
    link.expect_all(b"");
    assert!(server.finish().expect(0).stdout == payload(2_000_000));
    sendall(&["serve", "0", "--broker", "--join"], In::Null, Out::Closed).finish().expect(10);
}

#[test]
fn a_broker_whose_stdin_is_unused_reports_it() {
    let server = serve(&["--broker", "--chat"], In::Open);
    assert!(wait_until(LIMIT, || server.stderr.text().contains("--join")));
    server.signal(Signal::TERM);
    assert_eq!(server.finish_within(Duration::from_secs(2)).code, 143);
    // Without input on stdin there is nothing to report.
    let server = serve(&["--broker"], In::Null);
    server.listening(1);
    assert!(!server.stderr.text().contains("--join"));
}

#[test]
fn an_option_of_the_other_mode_is_refused_without_asking_for_that_mode() {
    for args in [["--broker", "--label"], ["--keep-open", "--chat"], ["--keep-open", "--join"]] {
        let finished = serve(&args, In::Null).finish().expect(2);
        assert!(finished.stderr.contains("cannot be used with"), "{}", finished.stderr);
    }
}

#[test]
fn a_lost_client_that_waits_for_a_slow_one_uses_no_processor_time() {
    if !is_slow_wanted("a client that is lost while it waits for a slow one") {
        return;
    }
    let place = Place::new();
    let endpoint = format!("unix:{}", place.at("socket"));
    let server =
        sendall(&["serve", &endpoint, "--broker", "--join", "--sndbuf", "4KiB"], In::Open, Out::Held);
    assert!(wait_until(LIMIT, || server.stderr.text().contains("listening on")));
    let client = || Link::Unix(UnixStream::connect(place.path("socket")).expect("a connection"));
    let (mut reader, slow, mut lost) = (client(), client(), client());
    // The slow one has no room for all of that, which stdout has: there it waits to be written.
    reader.send(&payload(150 << 10));
    lost.send(&[1; 110 << 10]);
    reader.expect(&[1; 60 << 10]);
    assert!(!server.ends_within(Duration::from_millis(200)));
    drop(lost);
    assert!(!server.ends_within(Duration::from_millis(1500)));
    let before = cpu_ticks(server.id());
    assert!(!server.ends_within(Duration::from_millis(400)));
    assert!(cpu_ticks(server.id()) - before < 10, "it spins");
    drop(slow);
    server.signal(Signal::TERM);
    assert_eq!(server.finish().code, 143);
}
