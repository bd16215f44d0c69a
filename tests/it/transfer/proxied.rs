//! `--proxy` of `upload`, `download` and `connect --probe`; SOCKS4, and passwords that are empty.

use std::net::TcpListener;

use crate::harness::link::{Link, TestListener};
use crate::harness::{In, Out, Running, payload, sendall, silent_port, start};
use crate::transfer::xfer::{Place, run, serve};

const ALLOWED: [&str; 3] = ["--socks", "--allow-target", "127.0.0.0/8"];

fn listener() -> (TestListener, String) {
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let name = listener.name.clone();
    (listener, name)
}

fn through(scheme: &str, proxy: &Running) -> String {
    format!("{scheme}://127.0.0.1:{}", proxy.port())
}

fn at(server: &Running) -> String {
    format!("127.0.0.1:{}", server.port())
}

#[test]
fn files_go_through_proxies_over_several_connections_and_back() {
    let (store, source, back) = (Place::new(), Place::new(), Place::new());
    let bytes = payload(20 << 20);
    let file = source.write("large", &bytes);
    let server = serve(&["--store", store.arg(), "--share", store.arg()]);
    let (first, second) = (serve(&ALLOWED), serve(&ALLOWED));
    let to = at(&server);
    let chain = ["--proxy", &through("http", &first), "--proxy", &through("socks5", &second)];
    let done = run(&[&["upload", "--plain", "-v", &file, &to, "-j", "3"], &chain[..]].concat()).ended(0);
    assert!(done.stderr.contains(&format!("to {to}")), "the summary names the server: {}", done.stderr);
    store.expect("large", &bytes);
    run(&[&["download", "--plain", &to, "-o", back.arg(), "-j", "3"], &chain[..2]].concat()).expect(0);
    back.expect("large", &bytes);
    let listed = run(&[&["download", "--plain", "--list", &to], &chain[..2]].concat()).expect(0);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("large"));
}

#[test]
fn further_connections_go_through_the_proxy_too() {
    let (store, source) = (Place::new(), Place::new());
    let bytes = payload(20 << 20);
    let file = source.write("large", &bytes);
    let server = serve(&["--store", store.arg()]);
    let proxy = sendall(&[&["serve", "127.0.0.1:0", "-v"], &ALLOWED[..]].concat(), In::Null, Out::Collect);
    run(&["upload", "--plain", &file, &at(&server), "-j", "3", "--proxy", &through("socks5", &proxy)])
        .expect(0);
    store.expect("large", &bytes);
    let joined = || proxy.stderr.text().matches("joined to").count();
    assert!(crate::harness::wait_until(crate::harness::LIMIT, || joined() == 3), "{}", proxy.stderr.text());
}

#[test]
fn a_proxy_that_is_busy_is_tried_again() {
    let (store, source) = (Place::new(), Place::new());
    let file = source.write("f", b"content");
    let server = serve(&["--store", store.arg()]);
    let (proxy, name) = listener();
    let url = format!("http://{name}");
    let args =
        ["upload", "--plain", &file, &at(&server), "--retry", "2", "--retry-delay", "1ms", "--proxy", &url];
    let client = sendall(&args, In::Null, Out::Collect);
    let mut link = proxy.accept().expect("a client");
    link.send(b"HTTP/1.1 500 Overloaded\r\n\r\n");
    link.end();
    let mut link = proxy.accept().unwrap_or_else(|| panic!("not tried again: {}", client.stderr.text()));
    link.send(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    link.end();
    let finished = client.finish().ended(7);
    assert!(finished.stderr.contains("refuses: 403 Forbidden"), "{}", finished.stderr);
    // Nobody there: no connection.
    let (_silent, nobody) = silent_port();
    let dead = format!("socks5://{nobody}");
    for args in [
        &["upload", &file, "127.0.0.1:2"][..],
        &["download", "127.0.0.1:2"],
        &["download", "--list", "127.0.0.1:2"],
    ] {
        run(&[args, &["--proxy", &dead]].concat()).expect(3);
    }
}

#[test]
fn a_port_about_which_a_proxy_is_silent_is_one_among_others() {
    let (proxy, name) = listener();
    let url = format!("http://{name}");
    let args = ["connect", "--probe", "192.0.2.1:1,2", "--timeout", "300ms", "--proxy", &url];
    let probe = sendall(&args, In::Null, Out::Collect);
    for _ in 0..2 {
        let mut link = proxy.accept().expect("asked");
        // About the other one nothing is said; the connection is held by a thread until the prober leaves.
        std::thread::spawn(move || {
            let mut request = [0; 512];
            let count = std::io::Read::read(&mut link, &mut request).expect("a request");
            if request[..count].starts_with(b"CONNECT 192.0.2.1:2 ") {
                link.send(b"HTTP/1.1 200 OK\r\n\r\n");
            }
            let _ = std::io::Read::read(&mut link, &mut request);
        });
    }
    let finished = probe.finish().expect(3);
    assert_eq!(finished.stdout, b"timeout 192.0.2.1:1\nopen 192.0.2.1:2\n");
}

#[test]
fn a_probe_that_is_tried_again_waits_for_its_proxy() {
    let (proxy, name) = listener();
    let url = format!("http://{name}");
    let args =
        ["connect", "--probe", "192.0.2.1:2", "--proxy", &url, "--retry", "9", "--retry-delay", "10ms"];
    let probe = sendall(&args, In::Null, Out::Collect);
    for answer in ["", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
        let mut link = proxy.accept().expect("asked");
        link.expect(b"CONNECT 192.0.2.1:2 ");
        link.send(answer.as_bytes());
        link.end();
    }
    let finished = probe.finish();
    assert_eq!((finished.code, &finished.stdout[..]), (0, &b"open 192.0.2.1:2\n"[..]), "{}", finished.stderr);
}

#[test]
fn ports_are_probed_through_a_proxy() {
    let (open, closed) = (listener(), listener());
    let port = |name: &str| name.rsplit(':').next().expect("a port").to_owned();
    let (open_port, closed_port) = (port(&open.1), port(&closed.1));
    drop(closed);
    let proxy = serve(&ALLOWED);
    let ports = format!("127.0.0.1:{open_port},{closed_port}");
    for (scheme, state) in [("socks5", "refused"), ("socks4", "unreachable"), ("http", "unreachable")] {
        let url = through(scheme, &proxy);
        let finished = run(&["connect", "--probe", &ports, "--proxy", &url]).expect(3);
        let mut lines: Vec<String> =
            String::from_utf8_lossy(&finished.stdout).lines().map(str::to_owned).collect();
        lines.sort();
        let mut due = [format!("open 127.0.0.1:{open_port}"), format!("{state} 127.0.0.1:{closed_port}")];
        due.sort();
        assert_eq!(lines, due, "{scheme}");
        run(&["connect", "--probe", &format!("127.0.0.1:{open_port}"), "--proxy", &url]).expect(0);
    }
    // What is wrong with the proxy is said of it, and of no port.
    let finished =
        run(&["connect", "--probe", &ports, "--proxy", &format!("socks5://127.0.0.1:{closed_port}")])
            .expect(3);
    assert!(finished.stdout.is_empty() && finished.stderr.contains("proxy socks5://"), "{}", finished.stderr);
}

#[test]
fn socks4_names_an_address_or_a_name() {
    for (target, user, asked) in [
        ("192.0.2.7:80", "", &b"\x04\x01\0\x50\xc0\0\x02\x07\0"[..]),
        ("name.example:258", "ann@", b"\x04\x01\x01\x02\0\0\0\x01ann\0name.example\0"),
    ] {
        let (proxy, name) = listener();
        let url = format!("socks4://{user}{name}");
        let client = sendall(&["connect", "--proxy", &url, target], In::Null, Out::Collect);
        let mut link: Link = proxy.accept().unwrap_or_else(|| panic!("{}", client.stderr.text()));
        link.expect(asked);
        link.send(b"\0\x5a\0\0\0\0\0\0welcome");
        link.end();
        assert_eq!(client.finish().expect(0).stdout, b"welcome");
    }
    for (reply, code, words) in [
        (&b"\0\x5b\0\0\0\0\0\0"[..], 3, "rejected"),
        (b"\0\x5d\0\0\0\0\0\0", 8, "does not accept the user"),
        (b"HTTP/1.1 400", 7, "does not speak SOCKS4"),
    ] {
        let (proxy, name) = listener();
        let url = format!("socks4a://{name}");
        let client = sendall(&["connect", "--proxy", &url, "a.example:1"], In::Null, Out::Collect);
        proxy.accept().expect("a client").send(reply);
        let finished = client.finish().expect(code);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn a_password_may_be_empty() {
    let place = Place::new();
    let file = place.write("passwords", b"\n");
    for (variable, options) in
        [("X=", &["--proxy-password-file", &file][..]), ("SENDALL_PROXY_PASSWORD=", &[])]
    {
        let (proxy, name) = listener();
        let url = format!("http://ann@{name}");
        let binary = env!("CARGO_BIN_EXE_sendall");
        let args = [&[variable, binary, "connect", "--proxy", &url, "a.example:1"], options].concat();
        let client = start("env", &args, In::Null, Out::Collect);
        let mut link = proxy.accept().unwrap_or_else(|| panic!("{}", client.stderr.text()));
        // ann and nothing.
        link.expect(b"CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\nProxy-Authorization: Basic YW5uOg==\r\n\r\n");
        link.send(b"HTTP/1.1 200 OK\r\n\r\n");
        link.end();
        client.finish().expect(0);
    }
}
