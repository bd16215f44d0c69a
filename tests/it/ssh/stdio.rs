//! `serve ... stdio:`: stdin and stdout as the one client's connection.

use super::SENDALL;
use crate::harness::{In, Out, sendall, start};
use crate::transfer::xfer::{Place, address, begin, run};

#[test]
fn what_is_no_client_is_refused() {
    let place = Place::new();
    let store = place.folder("in");
    let file = || In::file(b"x");
    for (input, output, words) in [
        (In::Null, Out::Collect, "stdin is /dev/null"),
        (file(), Out::Collect, "stdin is a file"),
        (In::Closed, Out::Collect, "stdin is closed"),
        (In::Open, Out::Closed, "stdout is closed"),
        (
            In::Open,
            Out::Fd(std::fs::File::create(place.path("out")).expect("a file").into()),
            "stdout is a file",
        ),
    ] {
        let ended = sendall(&["serve", "--store", &store, "stdio:"], input, output).finish();
        let code = if words.starts_with("stdout is closed") { 10 } else { 2 };
        assert!(ended.stderr.contains(words), "'{words}': {}", ended.stderr);
        ended.expect(code);
    }
    let terminal = ["serve", "127.0.0.1:0", "--count", "1", "--exec", "--pty", "--", SENDALL];
    let terminal = begin(&[&terminal[..], &["serve", "--store", &store, "stdio:"]].concat());
    let shown = run(&["connect", &address(&terminal)]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("stdin is a terminal"), "{shown:?}");
}

#[test]
fn a_socket_and_pipes_are_both_served() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"content"));
    for how in ["--exec", "--exec-socket"] {
        let inetd = ["serve", "127.0.0.1:0", "--count", "1", how, "--", SENDALL, "-q", "serve", "--store"];
        let inetd = begin(&[&inetd[..], &[&store, "stdio:"]].concat());
        run(&["upload", "--force", &file, &address(&inetd)]).expect(0);
        place.expect("in/f", b"content");
        inetd.finish().expect(0);
    }
}

#[test]
fn the_outcome_of_the_client_is_that_of_the_server() {
    let place = Place::new();
    let store = place.folder("in");
    let serve = |input: &[u8]| {
        let args = ["--json", "-vv", "serve", "--store", &store, "stdio:"];
        sendall(&args, In::Bytes(input.to_vec()), Out::Collect).finish()
    };
    // Nothing but the protocol is on stdout.
    let silent = serve(b"");
    assert_eq!((silent.code, &silent.stdout[..]), (5, &b""[..]), "{}", silent.stderr);
    let http = serve(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(http.code, 7, "{}", http.stderr);
    assert!(http.stdout.starts_with(b"HTTP/1.1 403"), "{:?}", String::from_utf8_lossy(&http.stdout));
    // A HELLO that asks for a list, which the server does not have.
    let hello = [&b"\x89SALL\r\n\x1a\x01\x00\x03\x00"[..], &[0; 4], &[0xff; 12], &[0; 4]].concat();
    let list = serve(&hello);
    assert_eq!(list.code, 7, "{}", list.stderr);
    assert!(list.stdout.starts_with(b"\x89SALL\r\n\x1a\x01"), "{:?}", list.stdout);
    // The client leaves in the middle of its handshake.
    assert_eq!(serve(&hello[..20]).code, 5);
}

#[test]
fn a_signal_stops_it_in_order() {
    let place = Place::new();
    let store = place.folder("in");
    let server = sendall(&["serve", "--store", &store, "stdio:"], In::Open, Out::Collect);
    server.assert_waits();
    server.signal(rustix::process::Signal::TERM);
    server.finish().expect(128 + 15);
}

#[test]
fn a_descriptor_that_others_share_keeps_its_flags() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"x"));
    // A shell reads from the same pipe afterwards: it must block as before.
    for before in ["", "cat | "] {
        let server = format!("{SENDALL} -q serve --store {store} stdio:");
        let flags = "sed -n s/flags:.//p /proc/self/fdinfo/0 >&2";
        let line = super::shell(&format!("{before}{{ {server}; {flags}; }}"));
        let ended = start(SENDALL, &["upload", &file, "--via", &line], In::Null, Out::Collect).finish();
        let flags = ended.stderr.lines().find_map(|line| line.strip_prefix("sh: ")).expect("flags");
        let flags = u32::from_str_radix(flags.trim(), 8).expect("a number");
        assert_eq!(flags & 0o4000, 0, "O_NONBLOCK in {flags:o}");
        ended.expect(0);
    }
}
