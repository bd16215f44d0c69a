//! Keys and certificates, as openssl reads and writes them.

use rustls::pki_types::ServerName;
use sendall::net::tls::certificate::{pin_of, self_signed};
use sendall::net::tls::key::{Key, KeyError};
use sendall::proto::secure::pin::Pin;

use crate::harness::others::installed;
use crate::harness::{In, Out, start};

/// What openssl prints when it gets these bytes. None if it is not installed.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let program = installed("openssl")?;
    let ended = start(program.to_str()?, arguments, In::Bytes(input.to_vec()), Out::Collect).finish();
    assert_eq!(ended.code, 0, "openssl {arguments:?}: {}", ended.stderr);
    Some(ended.stdout)
}

fn openssl_words(arguments: &str, input: &[u8]) -> Option<Vec<u8>> {
    openssl(&arguments.split(' ').collect::<Vec<_>>(), input)
}

#[test]
fn openssl_reads_our_certificate_and_sees_the_same_key() {
    let key = Key::generate().expect("a key");
    let names =
        ["a.example", "192.0.2.1", "2001:db8::1"].map(|name| ServerName::try_from(name).expect("a name"));
    let certificate = self_signed(&key, &names).expect("a certificate");
    let Some(text) = openssl_words("x509 -inform der -noout -text", &certificate) else { return };
    let text = String::from_utf8(text).expect("text");
    for expected in [
        "Version: 3 (0x2)",
        "Signature Algorithm: ecdsa-with-SHA256",
        "Issuer: CN = sendall",
        "Not Before: Jan  1 00:00:00 1970 GMT",
        "Not After : Dec 31 23:59:59 9999 GMT",
        "Subject: CN = sendall",
        "ASN1 OID: prime256v1",
        "DNS:sendall, DNS:a.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1",
    ] {
        assert!(text.replace("CN=", "CN = ").contains(expected), "{expected} is not in {text}");
    }
    let Some(spki) = openssl_words("x509 -inform der -noout -pubkey", &certificate) else { return };
    let Some(spki) = openssl_words("pkey -pubin -outform der", &spki) else { return };
    let Some(digest) = openssl_words("dgst -sha256 -binary", &spki) else { return };
    let Some(base64) = openssl_words("base64", &digest) else { return };
    let pin = format!("sha256//{}", String::from_utf8(base64).expect("text").trim());
    assert_eq!(pin.parse(), Ok(key.pin()));
    assert_eq!(pin_of(&certificate), Some(key.pin()));
}

#[test]
fn openssl_verifies_our_certificate_by_itself() {
    let key = Key::generate().expect("a key");
    let certificate = self_signed(&key, &[]).expect("a certificate");
    let Some(pem) = openssl_words("x509 -inform der", &certificate) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("certificate.pem");
    std::fs::write(&path, &pem).expect("written");
    let path = path.to_str().expect("text");
    for purpose in ["sslserver", "sslclient"] {
        let options = ["verify", "-check_ss_sig", "-x509_strict", "-purpose", purpose, "-CAfile", path, path];
        let strict = openssl(&options, b"");
        assert!(strict.is_some_and(|said| said.ends_with(b"OK\n")), "{purpose}");
    }
}

#[test]
fn openssl_reads_our_key_and_we_read_those_that_it_writes() {
    let key = Key::generate().expect("a key");
    let pem = key.to_pem().expect("a file");
    let Some(spki) = openssl_words("pkey -pubout -outform der", pem.as_bytes()) else { return };
    assert_eq!(Pin::of(&spki), key.pin());
    let made = [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve",
        // SEC1, with the name of the curve before it.
        "ecparam -name prime256v1 -genkey",
        "ecparam -name prime256v1 -genkey -noout",
    ];
    for arguments in made {
        let Some(pem) = openssl_words(arguments, b"") else { return };
        let key = Key::from_pem(&pem).expect(arguments);
        let Some(spki) = openssl_words("pkey -pubout -outform der", &pem) else { return };
        assert_eq!(Pin::of(&spki), key.pin(), "{arguments}");
        assert_eq!(key.spki(), spki, "{arguments}");
    }
}

#[test]
fn keys_of_other_kinds_are_named() {
    for (arguments, fault) in [
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", KeyError::OtherKind),
        ("ecparam -name secp384r1 -genkey", KeyError::OtherKind),
        ("genpkey -algorithm ED25519", KeyError::OtherKind),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", KeyError::OtherKind),
        ("genpkey -algorithm X25519", KeyError::OtherKind),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret",
            KeyError::Encrypted,
        ),
        ("ecparam -name secp256k1 -genkey", KeyError::OtherKind),
    ] {
        let Some(pem) = openssl_words(arguments, b"") else { return };
        assert_eq!(Key::from_pem(&pem).expect_err(arguments), fault, "{arguments}");
    }
}

/// The way of `curl`, which openssl's documentation names for the key of any certificate.
#[test]
fn keys_of_certificates_of_other_kinds_are_found() {
    for kind in ["rsa:1024", "ed25519"] {
        let arguments =
            format!("req -x509 -newkey {kind} -nodes -keyout /dev/null -subj /CN=a -days 2 -outform der");
        let Some(certificate) = openssl_words(&arguments, b"") else { return };
        let Some(spki) = openssl_words("x509 -inform der -noout -pubkey", &certificate) else { return };
        let Some(spki) = openssl_words("pkey -pubin -outform der", &spki) else { return };
        assert_eq!(pin_of(&certificate.into()), Some(Pin::of(&spki)), "{kind}");
    }
}
