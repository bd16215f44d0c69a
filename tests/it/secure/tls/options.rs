//! Files and options of TLS.

use crate::harness::identity::IdentityFiles;
use crate::harness::{In, Out, sendall};

#[track_caller]
fn assert_usage(args: &[&str], text: &str) {
    let finished = sendall(args, In::Null, Out::Collect).finish();
    assert_eq!(finished.code, 2, "{args:?}: {}", finished.stderr);
    assert!(finished.stderr.contains(text), "{args:?}: {text} is not in {}", finished.stderr);
}

#[test]
fn files_of_certificates_and_keys_are_checked_before_anything_is_opened() {
    let (identity, other) = (IdentityFiles::named(&[]), IdentityFiles::named(&[]));
    let (certificate, key) = (&identity.certificate[..], &identity.key[..]);
    for (cert, cert_key, text) in [
        ("/nowhere/cert", key, "--cert /nowhere/cert: does not exist"),
        (certificate, "/nowhere/key", "--cert-key /nowhere/key: does not exist"),
        (key, certificate, "--cert: there is no certificate in it"),
        (certificate, certificate, "--cert-key: there is no private key in it"),
        ("/dev/null", key, "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)"),
        (certificate, "/dev/null", "there is no private key in it (PEM: -----BEGIN PRIVATE KEY-----)"),
        (certificate, &other.key, "--cert-key"),
    ] {
        assert_usage(&["serve", "127.0.0.1:0", "--tls", "--cert", cert, "--cert-key", cert_key], text);
        let client =
            ["connect", "127.0.0.1:9", "--tls", "--insecure", "--cert", cert, "--cert-key", cert_key];
        assert_usage(&client, text);
    }
    for ca in ["/nowhere/ca", key, "/dev/null"] {
        assert_usage(&["connect", "127.0.0.1:9", "--tls", "--ca", ca], "--ca");
        let server = [&["serve", "127.0.0.1:0", "--client-ca", ca][..], &identity.shown()].concat();
        assert_usage(&server, "--client-ca");
    }
}

#[test]
fn options_that_do_not_go_together_say_so() {
    let identity = IdentityFiles::named(&[]);
    for (args, text) in [
        (
            &["serve", "127.0.0.1:0", "--tls"][..],
            "type --cert FILE --cert-key FILE; if all clients are sendall's, type --code instead",
        ),
        (&["http-hello", "0", "--tls"], "--tls needs a certificate: type --cert FILE --cert-key FILE\n"),
        (
            &["serve", "0", "--tls", "--cert", "a"],
            "--cert needs the key of the certificate: type --cert-key FILE",
        ),
        (&["serve", "0", "--echo", "--alpn=a"], "--alpn goes with --tls: type both"),
        (&["connect", "127.0.0.1:9", "--tls", "--insecure", "--pin", &identity.pin], "--insecure"),
        (&["connect", "127.0.0.1:9", "--pin", &identity.pin], "--tls"),
        (&["connect", "127.0.0.1:9", "--tls", "--pin", "sha256:short"], "43 characters"),
        (&["connect", "127.0.0.1:9", "--tls", "--cert", &identity.certificate], "--cert-key"),
        (&["connect", "unix:/nowhere", "--tls", "--insecure"], "with a Unix socket"),
        (&["connect", "127.0.0.1:9", "--tls", "--insecure", "--server-name", "a b"], "--server-name"),
    ] {
        assert_usage(args, text);
    }
}
