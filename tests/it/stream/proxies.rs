//! `connect --proxy`: through our own server, ncat's, several of them, and some that are none.

use std::net::TcpListener;

use crate::harness::link::{Link, TestListener};
use crate::harness::others::{free_port, installed};
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, sendall, silent_port, start, wait_until};
use crate::stream::peers::is_listening;
use crate::transfer::xfer::{Place, serve};

const ALLOWED: [&str; 3] = ["--socks", "--allow-target", "127.0.0.0/8"];

fn listener() -> (TestListener, String) {
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let name = listener.name.clone();
    (listener, name)
}

fn with_password(password: &str, args: &[&str], input: In) -> Running {
    let variable = format!("SENDALL_PROXY_PASSWORD={password}");
    let all = [&[&variable, env!("CARGO_BIN_EXE_sendall")], args].concat();
    start("env", &all, input, Out::Collect)
}

/// Fails as it should.
fn failing(args: &[&str], code: i32) -> Finished {
    sendall(&[&["connect"], args].concat(), In::Null, Out::Collect).finish().expect(code)
}

fn users(place: &Place) -> String {
    std::fs::write(place.path("users"), "ann:secret\nbob:b\n").expect("written");
    place.path("users").display().to_string()
}

/// The client has sent `sent` and ended; the target answers, and ends too.
fn converse(client: Running, target: &mut Link, sent: &[u8]) {
    target.expect_all(sent);
    target.send(b"answer");
    target.end();
    let finished = client.finish().expect(0);
    assert_eq!(finished.stdout, b"answer");
}

#[test]
fn the_contract_holds_through_each_kind_of_proxy() {
    let (listener, target) = listener();
    let server = serve(&ALLOWED);
    for scheme in ["socks5", "socks5h", "http"] {
        let proxy = format!("{scheme}://127.0.0.1:{}", server.port());
        let args = ["connect", "--proxy", &proxy, &target];
        let bytes = payload(2_000_000);
        let client = sendall(&args, In::Bytes(bytes.clone()), Out::Collect);
        let mut link = listener.accept().unwrap_or_else(|| panic!("{scheme}: {}", client.stderr.text()));
        converse(client, &mut link, &bytes);
    }
}

#[test]
fn proxies_are_chained_and_have_users_and_passwords() {
    let (place, (listener, target)) = (Place::new(), listener());
    let (open, closed) =
        (serve(&ALLOWED), serve(&[&ALLOWED[..], &["--socks-users", &users(&place)]].concat()));
    let proxy =
        |scheme: &str, user: &str, server: &Running| format!("{scheme}://{user}127.0.0.1:{}", server.port());
    let (first, second) = (proxy("http", "", &open), proxy("socks5", "ann@", &closed));
    let third = proxy("http", "bob@", &closed);
    let chain = ["connect", "--proxy", &first, "--proxy", &second, &target];
    let client = with_password("secret", &chain, In::Bytes(b"hello".to_vec()));
    converse(client, &mut listener.accept().expect("joined"), b"hello");
    let file = place.path("passwords").display().to_string();
    std::fs::write(&file, "secret\nb\n").expect("written");
    let chain = [&chain[..5], &["--proxy", &third, "--proxy-password-file", &file, &target]].concat();
    let client = sendall(&chain, In::Bytes(b"hello".to_vec()), Out::Collect);
    converse(client, &mut listener.accept().expect("joined"), b"hello");

    for proxy in [&second, &proxy("http", "ann@", &closed)] {
        let finished =
            with_password("wrong", &["connect", "--proxy", proxy, &target], In::Null).finish().expect(8);
        assert!(finished.stderr.contains("does not accept the user and the password"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("wrong"), "{}", finished.stderr);
    }
    let finished = failing(&["--proxy", &proxy("socks5", "", &closed), &target], 8);
    assert!(finished.stderr.contains("wants a user and a password (type USER@"), "{}", finished.stderr);
}

#[test]
fn each_failure_names_the_proxy_that_reported_it() {
    let (_listener, target) = listener();
    let (_silent, nobody) = silent_port();
    let nobody = nobody.to_string();
    let (server, strict) = (serve(&ALLOWED), serve(&["--socks"]));
    let [open, strict] = [&server, &strict].map(|server| format!("socks5://127.0.0.1:{}", server.port()));
    let http = open.replace("socks5", "http");
    let dead = format!("socks5://{nobody}");
    for (args, code, words) in [
        (
            &["--proxy", &open, &nobody][..],
            3,
            format!("proxy {open}: it cannot connect to the target: connection refused"),
        ),
        (&["--proxy", &http, &nobody], 3, format!("proxy {http}: it cannot connect to the target: 502")),
        (&["--proxy", &strict, &target], 7, format!("proxy {strict}: it does not allow this target")),
        (&["--proxy", &open, "--proxy", &strict, &target], 7, format!("proxy {strict}: it does not allow")),
        (
            &["--proxy", &dead, &target],
            3,
            format!("proxy {dead}: cannot connect to {nobody}: connection refused"),
        ),
        (
            &["--proxy", &open, "--proxy", &dead, &target],
            3,
            format!("cannot connect to {nobody}: proxy {target}").replace(&target, &open),
        ),
    ] {
        let finished = failing(args, code);
        assert!(finished.stderr.contains(&words), "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn what_is_no_proxy_is_noticed() {
    for (scheme, says, code, words) in [
        ("socks5", &b"SSH-2.0-x\r\n"[..], 7, "does not speak SOCKS5"),
        ("http", b"SSH-2.0-x\r\n", 7, "does not answer as an HTTP proxy does"),
        ("http", b"HTTP/1.1 404 Not\x1bFound\r\n\r\n", 7, "does not answer"),
        ("http", b"HTTP/1.1 404 Not Found\r\n\r\n", 7, "refuses: 404 Not Found"),
        ("http", b"HTTP/1.1 500 Oops\r\n\r\n", 3, "cannot connect to the target: 500 Oops"),
        ("http", b"HTTP/1.1 401 Unauthorized\r\n\r\n", 8, "wants a user and a password"),
        ("socks5", b"", 5, "ended the connection without an answer"),
    ] {
        let (listener, name) = listener();
        let proxy = format!("{scheme}://{name}");
        let client = sendall(&["connect", "--proxy", &proxy, "a.example:1"], In::Null, Out::Collect);
        let mut link = listener.accept().expect("a client");
        link.send(says);
        link.end();
        let finished = client.finish().expect(code);
        assert!(finished.stderr.contains(words), "{scheme} {says:?}: {}", finished.stderr);
    }
    let (listener, name) = listener();
    let proxy = format!("socks5://{name}");
    let args = ["connect", "--timeout", "200ms", "--proxy", &proxy, "a.example:1"];
    let client = sendall(&args, In::Null, Out::Collect);
    let mut link = listener.accept().expect("a client");
    // It is one limit for everything: an answer in pieces does not put it off.
    link.send(b"\x05");
    let finished = client.finish().expect(4);
    assert!(finished.stderr.contains("no connection within 200ms"), "{}", finished.stderr);
}

#[test]
fn names_go_to_the_proxy_and_bytes_after_its_answer_to_stdout() {
    let (listener, name) = listener();
    let proxy = format!("socks5://{name}");
    let client = sendall(&["connect", "--proxy", &proxy, "no.such.invalid:80"], In::Null, Out::Collect);
    let mut link = listener.accept().expect("a client");
    link.expect(b"\x05\x01\0");
    link.send(b"\x05\0");
    link.expect(b"\x05\x01\0\x03\x0fno.such.invalid\0\x50");
    link.send(b"\x05\0\0\x01\0\0\0\0\0\0welcome\n");
    link.end();
    let finished = client.finish().expect(0);
    assert_eq!(finished.stdout, b"welcome\n");
}

#[test]
fn ncat_as_the_proxy() {
    if installed("ncat").is_none() {
        return;
    }
    let (listener, target) = listener();
    let port = free_port();
    let args = ["-l", "127.0.0.1", &port.to_string(), "--proxy-type", "http", "--proxy-auth", "ann:secret"];
    let ncat = start("ncat", &args, In::Null, Out::Collect);
    assert!(wait_until(LIMIT, || is_listening(port)), "{}", ncat.stderr.text());
    let proxy = format!("http://ann@127.0.0.1:{port}");
    // It takes the first end of file for the end of everything: so stdin stays open.
    let mut client = with_password("secret", &["connect", "--proxy", &proxy, &target], In::Open);
    client.say(b"hello");
    let mut link = listener.accept().unwrap_or_else(|| panic!("{}", client.stderr.text()));
    link.expect(b"hello");
    link.send(b"answer");
    link.end();
    client.expect_output(b"answer");
}

#[test]
fn wrong_usage_is_explained_and_secrets_stay_out_of_it() {
    for (args, hint) in [
        (
            &["--proxy", "socks5://ann:secret@a:1", "b:1"][..],
            "--proxy-password-file FILE or SENDALL_PROXY_PASSWORD",
        ),
        (&["--proxy", "socks5://ann@a:1", "b:1"], "no password for socks5://a:1"),
        (&["--proxy", "a:1", "b:1"], "type socks5://"),
        (&["--proxy", "socks5://a:1", "unix:/x"], "a proxy cannot reach 'unix:/x'"),
        (&["--proxy", "socks5://a:1", "[fe80::1%lo]:1"], "a proxy cannot reach"),
        (&["--proxy-password-file", "/x", "b:1"], "--proxy"),
        (&["--proxy", "http://ann@a:1", "--proxy-password-file", "/no/such/file", "b:1"], "/no/such/file"),
    ] {
        let finished = failing(args, 2);
        assert!(
            finished.stderr.contains(hint) && !finished.stderr.contains("secret@"),
            "{}",
            finished.stderr
        );
    }
}
