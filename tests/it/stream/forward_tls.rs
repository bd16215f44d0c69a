//! `serve --forward` with TLS on either side.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;

use rustix::process::Signal;

use crate::harness::identity::IdentityFiles;
use crate::harness::link::Link;
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall};
use crate::transfer::xfer::{address, serve};

/// A server with TLS that sends back what it gets.
fn echo(identity: &IdentityFiles) -> (Running, String) {
    let server = serve(&[&["--echo"][..], &identity.shown()].concat());
    let address = address(&server);
    (server, address)
}

#[test]
fn tls_ends_at_the_server_and_all_arrives() {
    let identity = IdentityFiles::new();
    let plain = serve(&["--echo"]);
    let front = serve(&[&["--forward", &address(&plain)][..], &identity.shown()].concat());
    let words = ["connect", "--tls", "--ca", &identity.certificate, &address(&front)];
    let ended = sendall(&words, In::Bytes(payload(3_000_000)), Out::Collect).finish().expect(0);
    assert_same(&ended.stdout, &payload(3_000_000), "the echo");
}

#[test]
fn tls_begins_at_the_server_and_all_arrives() {
    let identity = IdentityFiles::new();
    let (_target, address) = echo(&identity);
    let port = address.rsplit(':').next().expect("a port");
    for trust in [
        &["--target-ca", &identity.certificate][..],
        &["--target-pin", &identity.pin],
        &["--target-insecure"],
        &["--target-ca", &identity.certificate, "--target-name", "localhost"],
    ] {
        for host in ["127.0.0.1", "localhost"] {
            let target = format!("tls:{host}:{port}");
            let front = serve(&[&["--forward", &target, "--count", "1", "--ipv4"], trust].concat());
            let mut link = Link::connect(front.port());
            let mut sending = link.try_clone();
            let sent = std::thread::spawn(move || {
                sending.send(&payload(1_000_000));
                sending.end();
            });
            link.expect_all(&payload(1_000_000));
            sent.join().expect("sent");
            drop(link);
            front.finish().expect(0);
        }
    }
}

#[test]
fn a_target_that_asks_for_a_certificate_is_shown_one() {
    let (identity, ours) = (IdentityFiles::new(), IdentityFiles::new());
    let target = serve(&[&["--echo", "--client-ca", &ours.certificate][..], &identity.shown()].concat());
    let to = format!("tls:{}", address(&target));
    let options = ["--forward", &to, "--target-ca", &identity.certificate, "--count", "1"];
    let shown = ["--target-cert", &ours.certificate, "--target-cert-key", &ours.key];
    let front = serve(&[&options[..], &shown].concat());
    let mut link = Link::connect(front.port());
    link.send(b"hello");
    link.end();
    link.expect_all(b"hello");
    front.finish().expect(0);
    let front = serve(&options);
    let mut link = Link::connect(front.port());
    let _ = link.write_all(b"hello");
    assert!(link.read(&mut [0; 10]).is_err());
    let ended = front.finish();
    assert!(ended.code != 0 && ended.stderr.contains("--target-cert FILE"), "{}", ended.stderr);
    let wrong = ["--target-cert", "/dev/null", "--target-cert-key", &ours.key];
    let args = [&["serve", "127.0.0.1:0"], &options[..], &wrong].concat();
    let ended = sendall(&args, In::Null, Out::Collect).finish().expect(2);
    assert!(ended.stderr.contains("--target-cert: "), "{}", ended.stderr);
}

#[test]
fn a_proxy_header_goes_inside() {
    let identity = IdentityFiles::new();
    let (_target, address) = echo(&identity);
    let target = format!("tls:{address}");
    let options = ["--forward", &target, "--target-pin", &identity.pin, "--proxy-protocol", "v1"];
    let front = serve(&options);
    let mut link = Link::connect(front.port());
    link.send(b"hello");
    link.end();
    let mut text = String::new();
    link.read_to_string(&mut text).expect("an echo");
    assert!(text.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ") && text.ends_with("\r\nhello"), "{text}");
}

#[test]
fn a_target_that_is_not_trusted_gets_nothing_and_the_client_a_reset() {
    let (identity, other) = (IdentityFiles::new(), IdentityFiles::new());
    let (_target, address) = echo(&identity);
    let target = format!("tls:{address}");
    for (trust, why) in [
        (&["--target-pin", &other.pin][..], "not one of --target-pin"),
        (&["--target-ca", &other.certificate], "the peer's certificate"),
        (
            &["--target-ca", &identity.certificate, "--target-name", "other.example"],
            "not for other.example (see --target-name)",
        ),
    ] {
        let front = serve(&[&["--forward", &target, "--count", "1"], trust].concat());
        let mut link = Link::connect(front.port());
        // It may be reset before.
        let _ = link.write_all(b"secret");
        match link.read(&mut [0; 10]) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            Ok(count) => panic!("{count} bytes where a reset was due"),
        }
        let ended = front.finish().expect(8);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[test]
fn no_byte_of_the_client_leaves_before_the_handshake_is_complete() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("tls:{}", listener.local_addr().expect("an address"));
    let front = serve(&["--forward", &target, "--target-insecure", "--proxy-protocol", "v1"]);
    let mut link = Link::connect(front.port());
    link.send(b"secret");
    let (mut hello, _) = listener.accept().expect("a connection");
    hello.set_read_timeout(Some(LIMIT)).expect("a limit");
    let mut head = [0; 5];
    hello.read_exact(&mut head).expect("a record");
    // One handshake record (RFC 8446, 5.1), and nothing after it.
    assert_eq!(head[0], 0x16);
    let mut rest = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    hello.read_exact(&mut rest).expect("a hello");
    hello.write_all(b"this is not TLS, and long enough for a record").expect("sent");
    let mut after = Vec::new();
    let _ = hello.read_to_end(&mut after);
    assert!(after.len() <= 7 && after.first().is_none_or(|kind| *kind == 0x15), "{after:?}");
    let is_said = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("is not TLS");
    assert!(front.stderr.wait(LIMIT, is_said), "{}", front.stderr.text());
}

#[test]
fn a_certificate_is_read_again_on_sighup() {
    let mut identity = IdentityFiles::new();
    let (server, address) = echo(&identity);
    let ask = |pin: &str, code: i32| {
        let words = ["connect", "--tls", "--pin", pin, &address];
        sendall(&words, In::Bytes(b"hi".to_vec()), Out::Collect).finish().expect(code);
    };
    let old = identity.pin.clone();
    ask(&old, 0);
    identity.renew();
    server.signal(Signal::HUP);
    let is_said = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("the certificate was read again");
    assert!(server.stderr.wait(LIMIT, is_said), "{}", server.stderr.text());
    ask(&old, 8);
    ask(&identity.pin, 0);
}
