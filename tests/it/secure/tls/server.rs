//! `serve --tls`: nothing is done for a client before its handshake is complete.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::trust::Authority;
use crate::harness::identity::IdentityFiles;
use crate::harness::{A_WHILE, In, LIMIT, Out, Running, sendall, wait_until};

/// A server that starts a process for each client; the process leaves a file.
fn with_process(identity: &IdentityFiles, mark: &Path, options: &[&str]) -> Running {
    let script = format!("echo started >> '{}'; exec cat", mark.display());
    let args = [&["serve", "127.0.0.1:0", "-v"][..], &identity.shown(), options, &["--sh", &script]];
    sendall(&args.concat(), In::Null, Out::Collect)
}

fn times_started(mark: &Path) -> usize {
    std::fs::read_to_string(mark).map_or(0, |text| text.lines().count())
}

#[test]
fn a_process_starts_after_the_handshake_only() {
    let (identity, folder) = (IdentityFiles::named(&[]), tempfile::tempdir().expect("a folder"));
    let mark = folder.path().join("mark");
    let server = with_process(&identity, &mark, &[]);
    let address = format!("127.0.0.1:{}", server.port());
    let silent = TcpStream::connect(&address).expect("a connection");
    let mut plain = TcpStream::connect(&address).expect("a connection");
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("written");
    plain.set_read_timeout(Some(LIMIT)).expect("a limit");
    let mut alert = Vec::new();
    plain.read_to_end(&mut alert).expect("an alert, and an end");
    assert!(alert.starts_with(&[21, 3]), "{alert:?}");
    assert!(!wait_until(A_WHILE, || times_started(&mark) > 0));
    let args = [&["connect", &address][..], &identity.expected()].concat();
    let finished = sendall(&args, In::Bytes(b"echoed".to_vec()), Out::Collect).finish().expect(0);
    assert_eq!((finished.stdout, times_started(&mark)), (b"echoed".to_vec(), 1));
    drop(silent);
    assert!(server.stderr.wait(LIMIT, |text, _| String::from_utf8_lossy(text).contains("is not TLS")));
}

#[test]
fn with_client_ca_only_a_right_certificate_is_served() {
    let Some(made) = Authority::new() else { return };
    let (identity, stranger) = (IdentityFiles::named(&[]), IdentityFiles::named(&[]));
    made.issue("client", "extendedKeyUsage=clientAuth");
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("mark");
    let server = with_process(&identity, &mark, &["--client-ca", &made.text("ca.pem")]);
    let address = format!("127.0.0.1:{}", server.port());
    let connect = |options: &[&str]| {
        let args = [&["connect", &address, "--retry", "5"][..], &identity.expected(), options].concat();
        sendall(&args, In::Bytes(b"echoed".to_vec()), Out::Collect).finish()
    };
    // Several times: the alert must not be lost to a reset, whatever the client has sent by then.
    for _ in 0..5 {
        let finished = connect(&[]).expect(8);
        assert!(finished.stderr.contains("it wants a certificate"), "{}", finished.stderr);
        let finished = connect(&["--cert", &stranger.certificate, "--cert-key", &stranger.key]).expect(8);
        assert!(finished.stderr.contains("the peer refused TLS"), "{}", finished.stderr);
    }
    assert_eq!(times_started(&mark), 0);
    let (certificate, key) = (made.text("client.pem"), made.text("client.key"));
    let finished = connect(&["--cert", &certificate, "--cert-key", &key]).expect(0);
    assert_eq!((finished.stdout, times_started(&mark)), (b"echoed".to_vec(), 1));
    let log = server.stderr.text();
    assert!(
        log.contains("presents no certificate") && log.contains("issuer that is not trusted here"),
        "{log}"
    );
}

#[test]
fn a_server_for_one_client_ends_as_the_handshake_does() {
    let identity = IdentityFiles::named(&[]);
    let args = [&["serve", "127.0.0.1:0"][..], &identity.shown()].concat();
    // A wrong pin: the client's alert says so.
    let server = sendall(&args, In::Null, Out::Collect);
    let address = format!("127.0.0.1:{}", server.port());
    let pin = IdentityFiles::named(&[]).pin;
    let client = sendall(&["connect", &address, "--tls", "--pin", &pin], In::Null, Out::Collect);
    client.finish().expect(8);
    let finished = server.finish().expect(8);
    assert!(finished.stderr.contains("the peer refused TLS"), "{}", finished.stderr);
}

#[test]
fn alpn_is_negotiated() {
    let identity = IdentityFiles::named(&[]);
    for (ours, theirs, code) in [("h2,x/1", "x/1,y", 0), ("h2", "x/1", 8)] {
        let args = [&["serve", "127.0.0.1:0", "--alpn", ours, "-vv"][..], &identity.shown()].concat();
        let server = sendall(&args, In::Null, Out::Collect);
        let address = format!("127.0.0.1:{}", server.port());
        let args = [&["connect", &address, "--alpn", theirs][..], &identity.expected()].concat();
        sendall(&args, In::Bytes(b"hello".to_vec()), Out::Collect).finish().expect(code);
        let finished = server.finish();
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert_eq!(finished.stderr.contains("protocol x/1"), code == 0, "{}", finished.stderr);
    }
}

#[test]
fn a_handshake_that_does_not_end_has_a_limit() {
    let identity = IdentityFiles::named(&[]);
    let args = [&["serve", "127.0.0.1:0", "--timeout", "300ms"][..], &identity.shown()].concat();
    let server = sendall(&args, In::Null, Out::Collect);
    let mut client = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
    client.write_all(&[22, 3, 1]).expect("written");
    let finished = server.finish_within(Duration::from_secs(3));
    assert_eq!(finished.code, 4, "{}", finished.stderr);
}
