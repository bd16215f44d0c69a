//! nginx and stunnel, which put TLS before other servers and take it off: what is sent arrives whole, in both directions.

use std::path::Path;

use crate::harness::identity::IdentityFiles;
use crate::harness::others::{self, free_port, installed};
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, start, wait_until};
use crate::stream::peers::is_listening;

const PAGE: usize = 3_000_000;

/// nginx with a server of TLS for the files of the folder, and a plain one that asks `upstream` over TLS, also for a client
/// that has ended its side. The port of each.
fn nginx(folder: &Path, identity: &IdentityFiles, upstream: u16) -> Option<(Running, u16, u16)> {
    let (secure, at) = (free_port(), folder.display());
    let shown = format!("ssl_certificate {}; ssl_certificate_key {};", identity.certificate, identity.key);
    let before = format!(
        "server {{ listen 127.0.0.1:{secure} ssl; ssl_protocols TLSv1.2 TLSv1.3; {shown} root {at}; }}"
    );
    let block = format!(
        "location / {{ proxy_ignore_client_abort on; proxy_pass https://127.0.0.1:{upstream}; proxy_ssl_protocols TLSv1.2 TLSv1.3;
        proxy_ssl_verify on; proxy_ssl_trusted_certificate {}; proxy_ssl_name localhost; }}",
        identity.certificate
    );
    let (running, plain) = others::nginx(folder, &before, &block)?;
    Some((running, secure, plain))
}

/// What `connect` gets for a request of HTTP/1.0, without its head.
#[track_caller]
fn page(options: &[&str], port: u16, path: &str) -> Vec<u8> {
    let address = format!("127.0.0.1:{port}");
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").into_bytes();
    let got = sendall(&[&["connect", &address], options].concat(), In::Bytes(request), Out::Collect);
    let got = got.finish().expect(0).stdout;
    let head = got.windows(4).position(|end| end == b"\r\n\r\n").expect("a head");
    let (head, body) = got.split_at(head + 4);
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(head));
    body.to_owned()
}

#[test]
fn nginx_serves_pages_and_fetches_ours() {
    let (folder, identity) = (tempfile::tempdir().expect("a folder"), IdentityFiles::new());
    std::fs::write(folder.path().join("page"), payload(PAGE)).expect("written");
    let body = format!("@{}", folder.path().join("page").display());
    let hello = ["http-hello", "127.0.0.1:0", "--body", &body, "--path", "/e=204"];
    let hello = sendall(&[&hello[..], &identity.shown()].concat(), In::Null, Out::Collect);
    let Some((_nginx, secure, plain)) = nginx(folder.path(), &identity, hello.port()) else { return };
    let trusted = ["--tls", "--ca", &identity.certificate];
    for options in [&trusted[..], &["--tls", "--pin", &identity.pin]] {
        assert!(page(options, secure, "/page") == payload(PAGE), "{options:?}");
    }
    for _ in 0..3 {
        assert!(page(&[], plain, "/any") == payload(PAGE));
    }
    // nginx found no fault with how ours ended.
    let errors = std::fs::read_to_string(folder.path().join("errors")).expect("a log");
    assert_eq!(errors, "");
}

/// nginx ends its connection to us without `close_notify`: that may be a cut, unless it is said that it is not.
#[test]
fn nginx_as_a_client_needs_lax_end() {
    let identity = IdentityFiles::new();
    let answer = "HTTP/1.0 200 OK\\r\\n\\r\\nours\\n";
    for (options, code) in [(&[][..], 5), (&["--lax-end"], 0)] {
        let reply = ["serve", "127.0.0.1:0", "--count", "1", "--reply", answer];
        let reply = [&reply[..], &identity.shown(), options].concat();
        let reply = sendall(&reply, In::Null, Out::Collect);
        let folder = tempfile::tempdir().expect("a folder");
        let Some((_nginx, _, plain)) = nginx(folder.path(), &identity, reply.port()) else { return };
        assert_eq!(page(&[], plain, "/"), b"ours\n");
        let reply = reply.finish();
        assert_eq!(reply.code, code, "{}", reply.stderr);
        assert_eq!(reply.stderr.contains("--lax-end accepts"), code != 0, "{}", reply.stderr);
    }
}

/// stunnel with a service in front of each of two ports: one that is asked with TLS, one that asks with it. Their ports.
fn stunnel(folder: &Path, identity: &IdentityFiles, behind: u16, secure: u16) -> Option<(Running, [u16; 2])> {
    installed("stunnel")?;
    let (ports, at) = ([free_port(), free_port()], folder.join("conf").display().to_string());
    let [taken_off, put_on] = ports;
    let (certificate, key) = (&identity.certificate, &identity.key);
    let text = format!(
        "foreground = yes\npid =\nsyslog = no\n
        [off]\naccept = 127.0.0.1:{taken_off}\nconnect = 127.0.0.1:{behind}\ncert = {certificate}\nkey = {key}\n
        [on]\nclient = yes\naccept = 127.0.0.1:{put_on}\nconnect = 127.0.0.1:{secure}\n
        CAfile = {certificate}\nverifyPeer = yes\ncheckHost = localhost\n"
    );
    std::fs::write(&at, text).expect("written");
    let running = start("stunnel", &[&at], In::Null, Out::Collect);
    // To connect would be a client for what stands behind it.
    let is_there = || ports.iter().all(|port| is_listening(*port));
    assert!(wait_until(LIMIT, is_there), "{}", running.stderr.text());
    Some((running, ports))
}

/// Both ends speak first, and the client ends last: stunnel 5.68 loses the end of an answer now and then if it comes after
/// its client's end, and says `close_notify` all the same.
#[test]
fn stunnel_takes_tls_off_and_puts_it_on() {
    let (folder, identity) = (tempfile::tempdir().expect("a folder"), IdentityFiles::new());
    let (question, answer) = (payload(PAGE), payload(PAGE + 1));
    let serve = |options: &[&str]| {
        sendall(&[&["serve", "127.0.0.1:0"], options].concat(), In::file(&answer), Out::Collect)
    };
    let (plain, secure) = (serve(&[]), serve(&identity.shown()));
    let Some((_stunnel, [off, on])) = stunnel(folder.path(), &identity, plain.port(), secure.port()) else {
        return;
    };
    let trusted = ["--tls", "--ca", &identity.certificate];
    for (server, port, options) in [(&plain, off, &trusted[..]), (&secure, on, &[])] {
        let address = format!("127.0.0.1:{port}");
        let mut client = sendall(&[&["connect", &address], options].concat(), In::Open, Out::Collect);
        client.say(&question);
        server.expect_output(&question);
        client.expect_output(&answer);
        client.end_input();
        client.finish().expect(0);
    }
    plain.finish().expect(0);
    secure.finish().expect(0);
}
