//! What is shown on a terminal, and that nothing of it is shown elsewhere.

use std::fs::File;

use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::faults::cuts::{WAYS, Way};
use crate::harness::{A_WHILE, Collector, In, LIMIT, Out, payload, start};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, digest, limited, serve};

/// A terminal: what appears on it, and the name of the device.
pub(crate) fn terminal(columns: u16) -> (Collector, String) {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    rustix::pty::grantpt(&master).and_then(|()| rustix::pty::unlockpt(&master)).expect("a terminal");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size).expect("a size");
    let name = rustix::pty::ptsname(&master, Vec::new()).expect("a name");
    (Collector::new(File::from(master)), name.into_string().expect("UTF-8"))
}

#[test]
fn digests_on_a_terminal_are_escaped() {
    let (source, destination) = (Place::new(), Place::new());
    let path = source.write("name\x1b[2J", b"content");
    let server = serve(&["--store", destination.arg(), "--once"]);
    let (screen, device) = terminal(200);
    let client = limited(&format!("exec >{device}"), &["upload", &path, &address(&server), "--digests", "-"]);
    assert_eq!(client.finish().code, 0);
    server.finish().expect(0);
    let line = format!("{}  name\\x1b[2J", blake3::hash(b"content").to_hex());
    assert!(screen.wait(LIMIT, |_, ended| ended) && screen.text().contains(&line), "{}", screen.text());
    assert!(!screen.text().contains('\x1b'), "the name is not escaped");
}

#[test]
fn a_terminal_shows_name_phase_and_progress() {
    let bytes = payload(20_000_000);
    for way in WAYS {
        let (source, destination) = (Place::new(), Place::new());
        let path = source.write("name\x1b[2J", &bytes);
        let mode = if way == Way::Upload { ["--store", destination.arg()] } else { ["--share", &path] };
        let server = serve(&[&mode[..], &["--once"]].concat());
        let held = Rule::HoldAfter(6_000_000);
        let (up, down) = if way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
        let proxy = Proxy::new(&address(&server), up, down);
        let (screen, device) = terminal(120);
        let args = match way {
            Way::Upload => vec!["upload", &path, &proxy.address],
            Way::Download => vec!["download", &proxy.address, "-o", destination.arg()],
        };
        let client = limited(&format!("exec 2>{device}"), &args);
        proxy.wait_held();
        let phase = if way == Way::Upload { "sending" } else { "receiving" };
        let shows = |bytes: &[u8], ended| {
            let text = String::from_utf8_lossy(bytes);
            ended
                || (text.contains("name\\x1b[2J ") && text.contains(phase) && text.contains("MiB/19.07 MiB"))
        };
        assert!(screen.wait(LIMIT, shows), "{}", screen.text());
        proxy.release();
        assert_eq!(client.finish().code, 0);
        server.finish().expect(0);
        let summary = digest(&bytes);
        assert!(
            screen.wait(LIMIT, |_, ended| ended) && screen.text().contains(&summary),
            "{}",
            screen.text()
        );
        assert!(!screen.text().contains("name\x1b[2J"), "the name is not escaped");
    }
}

#[test]
fn only_a_process_in_the_foreground_draws() {
    let bytes = payload(20_000_000);
    for is_background in [true, false] {
        let (source, destination) = (Place::new(), Place::new());
        let path = source.write("f", &bytes);
        let server = serve(&["--store", destination.arg(), "--once"]);
        let proxy = Proxy::new(&address(&server), Rule::HoldAfter(6_000_000), Rule::Pass);
        let (screen, device) = terminal(120);
        let end = if is_background { "& wait $!" } else { "" };
        let line = format!("\"$0\" upload {path} {} -j 1 {end}", proxy.address);
        // A terminal of its own, with a shell that gives each job its group.
        let input = std::fs::OpenOptions::new().read(true).write(true).open(&device).expect("the terminal");
        let outer = "exec bash -mc \"$@\" 2>&0";
        let args = ["-w", "-c", "sh", "-c", outer, "sh", &line, env!("CARGO_BIN_EXE_sendall")];
        let shell = start("setsid", &args, In::Fd(input.into()), Out::Collect);
        proxy.wait_held();
        let draws = |bytes: &[u8], ended| ended || String::from_utf8_lossy(bytes).contains("sending");
        let limit = if is_background { A_WHILE } else { LIMIT };
        assert_eq!(screen.wait(limit, draws), !is_background, "{}", screen.text());
        proxy.release();
        server.finish().expect(0);
        // Its lines come as they are.
        let says = |bytes: &[u8], ended| ended || String::from_utf8_lossy(bytes).contains("sent f to ");
        assert!(screen.wait(LIMIT, says), "{}", screen.text());
        assert_eq!(shell.finish().code, 0);
        assert!(!is_background || !screen.text().contains('\x1b'), "{:?}", screen.text());
    }
}

#[test]
fn quiet_shows_nothing_on_a_terminal() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", &payload(3_000_000));
    let server = serve(&["--store", there.arg(), "--once"]);
    let (screen, device) = terminal(120);
    let to = address(&server);
    let client = limited(&format!("exec 2>{device}"), &["upload", "-q", &path, &to]);
    assert_eq!(client.finish().code, 0);
    assert!(screen.wait(LIMIT, |_, ended| ended));
    assert_eq!(screen.text(), "");
}

#[test]
fn a_pipe_gets_the_summary_alone() {
    let (here, there) = (Place::new(), Place::new());
    let (one, two) = (here.write("one", &payload(3_000_000)), here.write("two", &payload(3_000_001)));
    let server = serve(&["--store", there.arg(), "--once"]);
    let text = begin(&["upload", &one, &two, &address(&server)]).finish().expect(0).stderr;
    assert!(text.starts_with("sent 2 of 2 files to ") && text.lines().count() == 1, "{text:?}");
    assert!(!text.contains(['\r', '\x1b']), "{text:?}");
    let text = server.finish().expect(0).stderr;
    assert!(text.lines().count() == 2 && !text.contains(['\r', '\x1b']), "{text:?}");
}

/// What was drawn, line by line, without colours and such. A line that fills the terminal is not ended by anything, but
/// each begins with a spinner.
fn drawn_lines(screen: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = screen.chars();
    while let Some(c) = rest.next() {
        if c == '\x1b' {
            // CSI: parameters, and a letter that ends them. One that moves to another line is a line's end.
            let letter = rest.by_ref().skip(1).find(char::is_ascii_alphabetic);
            plain.extend(letter.filter(|letter| "ABEFGH".contains(*letter)).map(|_| '\n'));
        } else {
            plain.push(c);
        }
    }
    plain.split(|c| matches!(c, '\r' | '\n' | '\u{2800}'..='\u{28ff}')).map(String::from).collect()
}

#[test]
fn nothing_wraps_on_a_narrow_terminal() {
    let (here, there) = (Place::new(), Place::new());
    let long = here.write("a name that is far too long for so narrow a terminal", &payload(20_000_000));
    let other = here.write("other", &payload(10));
    let server = serve(&["--store", there.arg(), "--once"]);
    let proxy = Proxy::new(&address(&server), Rule::HoldAfter(6_000_000), Rule::Pass);
    let (screen, device) = terminal(40);
    let client = limited(&format!("exec 2>{device}"), &["upload", &other, &long, &proxy.address]);
    proxy.wait_held();
    let shows = |bytes: &[u8], ended| {
        let text = String::from_utf8_lossy(bytes);
        ended
            || (text.contains("a name that")
                && text.contains("… ")
                && text.contains("sending")
                && text.contains("1/2 files"))
    };
    assert!(screen.wait(LIMIT, shows), "{}", screen.text());
    let lines = drawn_lines(&screen.text());
    // Beside the spinner.
    let longest = lines.iter().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|count| (30..40).contains(&count)), "{lines:#?}");
    proxy.release();
    assert_eq!(client.finish().code, 0);
    server.finish().expect(0);
}
