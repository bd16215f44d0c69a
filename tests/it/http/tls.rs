//! `http-hello --tls`.

use std::io::{Read, Write};

use rustix::process::Signal;

use super::server;
use crate::harness::identity::IdentityFiles;
use crate::harness::others::installed;
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, sendall, start, wait_until};

fn secure(identity: &IdentityFiles, options: &[&str]) -> (Running, u16) {
    server(&[&identity.shown()[..], options].concat())
}

/// curl with these options, if it is installed.
fn curl(identity: &IdentityFiles, port: u16, options: &[&str]) -> Option<Finished> {
    let program = installed("curl")?;
    let url = format!("https://localhost:{port}/");
    let common = ["-sS", "--cacert", &identity.certificate, &url, "--resolve"];
    let address = format!("localhost:{port}:127.0.0.1");
    let words = [&common[..], &[&address], options].concat();
    Some(start(program.to_str()?, &words, In::Null, Out::Collect).finish())
}

/// What our client gets for these bytes, after which it ends its side.
#[track_caller]
fn ask(identity: &IdentityFiles, port: u16, request: &[u8]) -> String {
    let address = format!("127.0.0.1:{port}");
    let words = ["connect", "--tls", "--pin", &identity.pin, &address];
    let ended = sendall(&words, In::Bytes(request.to_vec()), Out::Collect).finish().expect(0);
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

#[test]
fn curl_is_answered_over_one_connection_by_each_worker() {
    let identity = IdentityFiles::new();
    for workers in ["1", "2"] {
        let (_running, port) = secure(&identity, &["--echo", "--workers", workers]);
        for _ in 0..2 {
            let body = String::from_utf8_lossy(&payload(300_000)).replace('\0', "x");
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), &body).expect("written");
            let from = format!("@{}", file.path().display());
            let url = format!("https://localhost:{port}/again");
            let words = [&url, "--data-binary", &from, "-w", "%{num_connects} %{http_version}\n"];
            let Some(ended) = curl(&identity, port, &words) else { return };
            let text = String::from_utf8_lossy(&ended.stdout).into_owned();
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            assert_eq!(text, format!("{body}1 1.1\n{body}0 1.1\n"), "--workers {workers}");
        }
        for version in ["--http1.0", "--http2", "--no-alpn", "--tls-max 1.2"] {
            let words = [&version.split(' ').collect::<Vec<_>>()[..], &["-d", "hi"]].concat();
            let ended = curl(&identity, port, &words).expect("curl");
            assert_eq!((ended.code, &ended.stdout[..]), (0, &b"hi"[..]), "{version}: {}", ended.stderr);
        }
    }
}

#[test]
fn pipelined_requests_are_answered_and_the_end_is_no_cut() {
    let identity = IdentityFiles::new();
    let (_running, port) = secure(&identity, &["--body", "hi"]);
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    // `connect` fails where an end comes without close_notify.
    assert_eq!(ask(&identity, port, &request.repeat(3)).matches("\r\n\r\nhi").count(), 3);
    let last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(ask(&identity, port, last).ends_with("\r\n\r\nhi"));
    assert!(ask(&identity, port, b"GET / HTTP/1.1\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn large_answers_reach_a_client_that_reads_late() {
    let identity = IdentityFiles::new();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), payload(15_000_000)).expect("written");
    let body = format!("@{}", file.path().display());
    let (_running, port) = secure(&identity, &["--body", &body]);
    let address = format!("127.0.0.1:{port}");
    let words = ["connect", "--tls", "--pin", &identity.pin, &address];
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut held = sendall(&words, In::Bytes(request.to_vec()), Out::Held);
    let mut stdout = held.stdout.take().expect("a pipe");
    let mut first = [0; 17];
    stdout.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK\r\n");
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("all");
    assert!(rest.ends_with(&payload(15_000_000)), "{} bytes", rest.len());
    held.finish().expect(0);
}

#[test]
fn counted_answers_and_signals_end_it() {
    let identity = IdentityFiles::new();
    let (running, port) = secure(&identity, &["--count", "2", "--log", "common"]);
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(ask(&identity, port, &request.repeat(3)).matches("HTTP/1.1 200").count(), 2);
    let log = running.finish().expect(0).stdout;
    assert_eq!(String::from_utf8_lossy(&log).matches("\"GET / HTTP/1.1\" 200 13").count(), 2);
}

#[test]
fn clients_show_a_certificate_where_one_is_required() {
    let (identity, client) = (IdentityFiles::new(), IdentityFiles::new());
    let (running, port) = secure(&identity, &["--client-ca", &client.certificate]);
    let shown = ["--cert", &client.certificate, "--key", &client.key];
    let Some(ended) = curl(&identity, port, &shown) else { return };
    assert_eq!((ended.code, &ended.stdout[..]), (0, &b"Hello, World\n"[..]), "{}", ended.stderr);
    let ended = curl(&identity, port, &[]).expect("curl");
    assert!(ended.code != 0 && ended.stdout.is_empty(), "{}", ended.stderr);
    let is_reported = || running.stderr.text().contains("shows no certificate");
    assert!(wait_until(LIMIT, is_reported), "{}", running.stderr.text());
}

#[test]
fn what_is_not_tls_gets_no_answer() {
    let identity = IdentityFiles::new();
    let (running, port) = secure(&identity, &[]);
    let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connected");
    client.write_all(&[0; 16]).expect("sent");
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(running.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains("is not TLS")));
}

#[test]
fn http_without_tls_is_told_so() {
    let identity = IdentityFiles::new();
    let (running, port) = secure(&identity, &[]);
    let Some(program) = installed("curl") else { return };
    let url = format!("http://127.0.0.1:{port}/");
    let body = vec![b'x'; 300_000];
    for options in [&[][..], &["--data-binary", "@-"]] {
        let words = [&["-sS", "-i", &url][..], options].concat();
        let ended = start(program.to_str().expect("text"), &words, In::Bytes(body.clone()), Out::Collect);
        let ended = ended.finish().expect(0);
        let text = String::from_utf8_lossy(&ended.stdout);
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nThis port speaks HTTPS: type https://\n"), "{text}");
    }
    let said = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("speaks HTTP without TLS");
    assert!(running.stderr.wait(LIMIT, said));
    // Others are served.
    assert!(ask(&identity, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

#[test]
fn openssl_ends_without_a_complaint() {
    let identity = IdentityFiles::new();
    let (_running, port) = secure(&identity, &[]);
    let Some(program) = installed("openssl") else { return };
    let address = format!("127.0.0.1:{port}");
    let words = ["s_client", "-quiet", "-verify_return_error", "-connect", &address, "-CAfile"];
    let words = [&words[..], &[&identity.certificate]].concat();
    let request = b"GET / HTTP/1.0\r\n\r\n".to_vec();
    let ended = start(program.to_str().expect("text"), &words, In::Bytes(request), Out::Collect).finish();
    assert!(ended.stdout.ends_with(b"\r\n\r\nHello, World\n") && ended.code == 0, "{}", ended.stderr);
}

#[test]
fn chromium_shows_the_page() {
    let Some(program) = installed("chromium") else { return };
    let identity = IdentityFiles::new();
    let (_running, port) = secure(&identity, &["--whoami", "--workers", "2"]);
    let profile = tempfile::tempdir().expect("a folder");
    let url = format!("https://127.0.0.1:{port}/page");
    let profile = format!("--user-data-dir={}", profile.path().display());
    let words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"];
    let words = [&words[..], &["--ignore-certificate-errors", &profile, &url]].concat();
    let ended = start(program.to_str().expect("text"), &words, In::Null, Out::Collect).finish();
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(text.contains("<h1>Your request has arrived</h1>"), "{text}{}", ended.stderr);
}

#[test]
fn a_certificate_is_read_again_on_sighup() {
    let mut identity = IdentityFiles::new();
    let (running, port) = secure(&identity, &["--body", "hi"]);
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(ask(&identity, port, request).ends_with("hi"));
    let says = |text: &'static str| {
        running.signal(Signal::HUP);
        let is_said = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains(text);
        assert!(running.stderr.wait(LIMIT, is_said), "{}", running.stderr.text());
    };
    // What cannot be read leaves the old one in use.
    let good = std::fs::read(&identity.certificate).expect("a file");
    std::fs::write(&identity.certificate, b"nonsense").expect("written");
    says("the old certificate stays in use: --cert");
    assert!(ask(&identity, port, request).ends_with("hi"));
    std::fs::write(&identity.certificate, good).expect("written");
    identity.renew();
    says("the certificate was read again");
    assert!(ask(&identity, port, request).ends_with("hi"));
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, 143);
}
