//! Our certificate, and what is nearly one.

use super::*;
use proptest::prelude::*;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::UnixTime;

fn names(names: &[&'static str]) -> Vec<ServerName<'static>> {
    names.iter().map(|name| ServerName::try_from(*name).unwrap()).collect()
}

fn made() -> (Key, CertificateDer<'static>) {
    let key = Key::generate().unwrap();
    let certificate = self_signed(&key, &names(&["a.example", "192.0.2.1"])).unwrap();
    (key, certificate)
}

#[test]
fn the_key_of_our_own_certificate_is_found() {
    let (key, certificate) = made();
    assert_eq!(spki_of(&certificate), Ok(&*key.spki()));
    assert_eq!(pin_of(&certificate), Ok(key.pin()));
}

/// Whoever trusts a certificate by itself, as `--ca` does, accepts it for each of its names, today and in 7000 years.
#[test]
fn it_is_valid_for_each_name_at_any_time_and_for_no_other() {
    let key = Key::generate().unwrap();
    let given = names(&["a.example", "192.0.2.1", "2001:db8::1"]);
    let certificate = self_signed(&key, &given).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let verify = |name: &ServerName<'_>, seconds| {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        verifier.verify_server_cert(&certificate, &[], name, &[], now).is_ok()
    };
    for name in given.iter().chain(&names(&[COMMON_NAME])) {
        for seconds in [0, 2_000_000_000, 253_402_300_799] {
            assert!(verify(name, seconds), "{name:?} at {seconds}");
        }
    }
    for name in names(&["b.example", "192.0.2.2", "2001:db8::2"]) {
        assert!(!verify(&name, 2_000_000_000), "{name:?}");
    }
}

#[test]
fn no_two_share_a_serial_number() {
    let key = Key::generate().unwrap();
    let serial = || {
        let certificate = self_signed(&key, &[]).unwrap();
        let content = enter(enter(&certificate, SEQUENCE).unwrap().0, SEQUENCE).unwrap().0;
        enter(skip(content, CONTEXT_0).unwrap(), INTEGER).unwrap().0.to_vec()
    };
    let (one, other) = (serial(), serial());
    assert_ne!(one, other);
    assert!(one.len() == SERIAL_BYTES && one[0] & 0x80 == 0 && one[0] != 0);
}

#[test]
fn many_names_take_longer_lengths() {
    let key = Key::generate().unwrap();
    for count in [0, 1, 5, 20, 300, 5000] {
        let given = vec![ServerName::try_from("a-rather-long-name.example").unwrap(); count];
        let certificate = self_signed(&key, &given).unwrap();
        assert_eq!(spki_of(&certificate), Ok(&*key.spki()), "{count}");
    }
}

#[test]
fn rustls_takes_key_and_certificate() {
    let (key, _) = made();
    let certified = certified_key(&key, &[]).unwrap();
    assert!(certified.keys_match().is_ok());
    assert_eq!(spki_of(&certified.cert[0]), Ok(&*key.spki()));
}

#[test]
fn a_certificate_cut_anywhere_or_with_something_behind_it_is_none() {
    let (_, certificate) = made();
    for end in 0..certificate.len() {
        assert_eq!(spki_of(&certificate[..end]), Err(BadCertificate), "{end}");
    }
    assert_eq!(spki_of(&[&certificate[..], &[0]].concat()), Err(BadCertificate));
}

#[test]
fn lengths_have_one_encoding() {
    let content = vec![7; 200];
    for (length, is_right) in [
        (&[0x81, 200][..], true),
        (&[0x82, 0, 200], false),
        (&[0x83, 0, 0, 200], false),
        (&[0x84, 0, 0, 0, 200], false),
        (&[0x80], false),
        (&[0xff], false),
        (&[200], false),
    ] {
        let value = [&[SEQUENCE], length, &content].concat();
        let found = enter(&value, SEQUENCE);
        assert_eq!(
            found.is_ok_and(|(inner, rest)| inner == content && rest.is_empty()),
            is_right,
            "{length:?}"
        );
    }
    assert_eq!(enter(&[SEQUENCE, 0x81, 0x7f], SEQUENCE), Err(BadCertificate));
    assert_eq!(enter(&[SEQUENCE, 1, 7, 9], SEQUENCE), Ok((&[7][..], &[9][..])));
    assert_eq!(enter(&[SEQUENCE, 1, 7, 9], SET), Err(BadCertificate));
}

#[test]
fn a_certificate_of_version_1_has_a_key_too() {
    let (key, certificate) = made();
    let content = enter(enter(&certificate, SEQUENCE).unwrap().0, SEQUENCE).unwrap().0;
    let fields = skip(content, CONTEXT_0).unwrap();
    let signature = tlv(BIT_STRING, &[&[0, 1, 2]]);
    let older = tlv(SEQUENCE, &[&tlv(SEQUENCE, &[fields]), ECDSA_WITH_SHA256, &signature]);
    assert_eq!(spki_of(&older), Ok(&*key.spki()));
}

proptest! {
    #[test]
    fn any_bytes_are_a_certificate_or_not(bytes: Vec<u8>) {
        let _ = spki_of(&bytes);
    }

    #[test]
    fn one_changed_byte_moves_no_boundary(at in 0usize..400, byte: u8) {
        let (_, certificate) = made();
        let mut bytes = certificate.to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(spki) = spki_of(&bytes) {
            prop_assert_eq!(spki.len(), 91);
        }
    }
}
