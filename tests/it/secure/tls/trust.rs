//! Whom a client trusts: each reason to refuse a server has its words, exit code 8, and nothing of stdin on the wire.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::TestServer;
use crate::harness::identity::IdentityFiles;
use crate::harness::others::{free_port, installed};
use crate::harness::{Finished, In, LIMIT, Out, Running, sendall, start, wait_until};
use crate::stream::peers::is_listening;

/// An authority, made with openssl, in a folder.
pub(super) struct Authority {
    folder: TempDir,
}

const CONFIGURATION: &str =
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca.key
rand_serial=yes\ndefault_md=sha256\npolicy=p\nemail_in_dn=no\nunique_subject=no\ncopy_extensions=copy
[p]\ncommonName=supplied\n[req]\ndistinguished_name=dn\n[dn]\n";
const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

impl Authority {
    /// None if openssl is not installed.
    pub(super) fn new() -> Option<Authority> {
        installed("openssl")?;
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("conf", CONFIGURATION);
        write("index", "");
        let authority = Authority { folder };
        authority.openssl(&format!(
            "req -config conf -x509 -newkey {P256} -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 3650
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign"
        ));
        Some(authority)
    }

    fn openssl(&self, words: &str) {
        let made = Command::new("openssl")
            .args(words.split_ascii_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("openssl");
        assert!(made.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&made.stderr));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Issues `NAME.pem` and `NAME.key`.
    pub(super) fn issue(&self, name: &str, names: &str) {
        self.issue_with(name, names, P256, "-days 3650");
    }

    fn issue_with(&self, name: &str, names: &str, key: &str, options: &str) {
        self.openssl(&format!(
            "req -config conf -new -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} -addext {names}"
        ));
        self.openssl(&format!("ca -config conf -batch -notext -in {name}.csr -out {name}.pem {options}"));
    }

    /// Makes `NAME.pem` and `NAME.key` that are signed by themselves.
    fn self_signed(&self, name: &str, extension: &str) {
        self.openssl(&format!(
            "req -config conf -x509 -newkey {P256} -nodes -keyout {name}.key -out {name}.pem -subj /CN={name} -days 9
            -addext subjectAltName=IP:127.0.0.1 -addext {extension}"
        ));
    }
}

const HERE: &str = "subjectAltName=DNS:localhost,DNS:a.example,IP:127.0.0.1";

/// A client whose server has this certificate. It must fail, and have sent nothing but a hello and an alert.
#[track_caller]
fn refused(certificate: &Path, key: &Path, options: &[&str]) -> Finished {
    let server = TestServer::new(certificate, key);
    let args = [&["connect", &server.address, "--retry", "5", "--tls"][..], options].concat();
    let running = sendall(&args, In::Bytes(vec![b's'; 5000]), Out::Collect);
    let mut link = server.accept();
    let error = link.handshake().expect_err("an alert");
    assert!(error.to_string().contains("alert"), "{error}");
    let _ = std::io::copy(&mut link.socket, &mut std::io::sink());
    // RFC 8446: a hello; a change of cipher that means nothing (D.4); an alert: 2 bytes, its type, a tag.
    let records = link.records();
    let (hello, rest) = records.split_first().expect("a hello");
    assert_eq!(hello.0, 22);
    let alerts = rest.iter().filter(|record| record.0 != 20);
    assert!(alerts.clone().all(|(_, length)| *length <= 19) && alerts.count() == 1, "{records:?}");
    let finished = running.finish();
    assert_eq!(finished.code, 8, "{}", finished.stderr);
    assert_eq!(finished.errors().len(), 1, "{}", finished.stderr);
    server.listener.set_nonblocking(true).expect("an option");
    assert!(server.listener.accept().is_err(), "a failure of trust was tried again");
    finished
}

#[test]
fn each_reason_to_refuse_a_server_has_its_words() {
    let Some(made) = Authority::new() else { return };
    made.issue("good", HERE);
    made.issue("other", "subjectAltName=DNS:other.example");
    made.issue("top", "subjectAltName=DNS:*.example");
    made.issue_with("past", HERE, P256, "-startdate 200101000000Z -enddate 210101000000Z");
    made.issue_with("future", HERE, P256, "-startdate 20600101000000Z -enddate 20610101000000Z");
    made.self_signed("self", "keyUsage=digitalSignature");
    made.self_signed("authority", "basicConstraints=critical,CA:TRUE");
    let ca = made.text("ca.pem");
    let (trusts, selves) = (["--ca", &ca], made.text("self.pem"));
    let wrong_pin = format!("sha256:{}", "A".repeat(43));
    let cases: &[(&str, &[&str], &str)] = &[
        ("good", &["--ca", &selves], "from an issuer that is not trusted here (see --ca and --pin)"),
        ("good", &[], "from an issuer that is not trusted here"),
        ("good", &["--pin", &wrong_pin], "and not one of --pin"),
        (
            "good",
            &["--ca", &ca, "--server-name", "b.example"],
            "is for localhost, a.example, 127.0.0.1, not for b.example (see --server-name)",
        ),
        ("good", &["--ca", &ca, "--server-name", "127.0.0.2"], "not for 127.0.0.2"),
        ("other", &trusts, "is for other.example, not for 127.0.0.1"),
        ("top", &["--ca", &ca, "--server-name", "a.b.example"], "not for a.b.example"),
        ("past", &trusts, "has expired"),
        ("future", &trusts, "is not valid yet: is this machine's clock right?"),
        ("self", &trusts, "it is signed by itself, and no authority vouches for it (see --pin and --ca)"),
        (
            "authority",
            &["--ca", &made.text("authority.pem")],
            "is that of a certificate authority, as self-signed ones are",
        ),
    ];
    for (name, options, text) in cases {
        let (certificate, key) = (made.path(&format!("{name}.pem")), made.path(&format!("{name}.key")));
        if options.is_empty() && !Path::new("/etc/ssl/certs").exists() {
            continue;
        }
        let finished = refused(&certificate, &key, options);
        assert!(finished.stderr.contains(text), "{name} {options:?}: {}", finished.stderr);
    }
    // The same ones, where they are right.
    for (name, options) in [
        ("good", &["--ca", &ca][..]),
        ("good", &["--ca", &ca, "--server-name", "a.example"]),
        ("self", &["--ca", &selves]),
        ("past", &["--insecure"]),
        ("authority", &["--insecure"]),
    ] {
        let server = TestServer::new(&made.path(&format!("{name}.pem")), &made.path(&format!("{name}.key")));
        let args = [&["connect", &server.address, "--tls"][..], options].concat();
        let running = sendall(&args, In::Bytes(b"hello".to_vec()), Out::Collect);
        let mut link = server.accept();
        link.handshake().expect("trust");
        link.expect_all(b"hello");
        link.close();
        running.finish().expect(0);
    }
}

/// A server of openssl, for what no other one shows.
fn openssl_server(made: &Authority, name: &str, options: &[&str]) -> (Running, u16) {
    let port = free_port();
    let (at, certificate, key) =
        (format!("127.0.0.1:{port}"), made.text(&format!("{name}.pem")), made.text(&format!("{name}.key")));
    let args = [&["s_server", "-accept", &at, "-cert", &certificate, "-key", &key, "-quiet"][..], options];
    let server = start("openssl", &args.concat(), In::Open, Out::Collect);
    assert!(wait_until(LIMIT, || is_listening(port)), "{}", server.stderr.text());
    (server, port)
}

#[test]
fn weak_signatures_and_keys_are_refused() {
    let Some(made) = Authority::new() else { return };
    made.issue_with("sha1", HERE, P256, "-days 9 -md sha1");
    made.issue_with("short", HERE, "rsa:1024", "-days 9");
    for (name, text) in [("sha1", "a method that is too weak"), ("short", "RSA of less than 2048 bits")] {
        let (server, port) = openssl_server(&made, name, &["-cipher", "ALL:@SECLEVEL=0"]);
        let args = ["connect", &format!("127.0.0.1:{port}"), "--tls", "--ca", &made.text("ca.pem")];
        let finished = sendall(&args, In::Bytes(b"secret".to_vec()), Out::Collect).finish().expect(8);
        assert!(finished.stderr.contains(text), "{name}: {}", finished.stderr);
        assert_eq!(server.output.as_ref().map(|output| output.bytes()), Some(Vec::new()));
    }
}

#[test]
fn a_chain_may_come_in_any_order_but_whole() {
    let Some(made) = Authority::new() else { return };
    made.issue_with(
        "middle",
        "keyUsage=keyCertSign -addext basicConstraints=critical,CA:TRUE",
        P256,
        "-days 9",
    );
    made.openssl(&format!(
        "req -config conf -new -newkey {P256} -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf -addext {HERE}"
    ));
    let signed = "ca -config conf -batch -notext -in leaf.csr -out leaf.pem -days 9 -cert middle.pem -keyfile middle.key";
    made.openssl(signed);
    let read = |name: &str| std::fs::read_to_string(made.path(name)).expect("a file");
    for (number, (order, code)) in
        [(&["leaf", "middle"][..], 0), (&["leaf", "ca", "middle"], 0), (&["leaf"], 8)].into_iter().enumerate()
    {
        let chain: String = order.iter().map(|name| read(&format!("{name}.pem"))).collect();
        let file = made.path(&format!("chain{number}"));
        std::fs::write(&file, chain).expect("written");
        let server = TestServer::new(&file, &made.path("leaf.key"));
        let args = ["connect", &server.address, "--tls", "--ca", &made.text("ca.pem")];
        let running = sendall(&args, In::Null, Out::Collect);
        let mut link = server.accept();
        assert_eq!(link.handshake().is_ok(), code == 0, "{order:?}");
        link.close();
        drop(link);
        running.finish().expect(code);
    }
}

#[test]
fn a_plain_server_is_not_sent_a_byte_of_the_input() {
    let identity = IdentityFiles::named(&[]);
    let plain = sendall(&["serve", "127.0.0.1:0"], In::Bytes(b"220 plain\r\n".to_vec()), Out::Collect);
    let address = format!("127.0.0.1:{}", plain.port());
    let args = [&["connect", &address][..], &identity.expected()].concat();
    let finished = sendall(&args, In::Bytes(b"secret secret".to_vec()), Out::Collect).finish().expect(8);
    assert!(finished.stderr.contains("is not TLS"), "{}", finished.stderr);
    let got = plain.finish().stdout;
    assert!(got.starts_with(&[22, 3, 1]) && !got.windows(6).any(|bytes| bytes == b"secret"));
}
