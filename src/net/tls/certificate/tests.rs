//! Our certificate, and what is nearly one.

use super::*;
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
    assert_eq!(pin_of(&certificate), Some(key.pin()));
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
        let at = certificate.windows(VERSION_3.len()).position(|part| part == VERSION_3).unwrap();
        // Tag and length come first.
        certificate[at + VERSION_3.len() + 2..][..SERIAL_BYTES].to_vec()
    };
    let (one, other) = (serial(), serial());
    assert_ne!(one, other);
    assert!(one[0] & 0x80 == 0 && one[0] != 0);
}

#[test]
fn many_names_take_longer_lengths() {
    let key = Key::generate().unwrap();
    for count in [0, 1, 5, 20, 300, 2000] {
        let given = vec![ServerName::try_from("a-rather-long-name.example").unwrap(); count];
        let certificate = self_signed(&key, &given).unwrap();
        assert_eq!(pin_of(&certificate), Some(key.pin()), "{count}");
    }
}

#[test]
fn rustls_takes_key_and_certificate() {
    let (key, _) = made();
    let certified = certified_key(&key, &[]).unwrap();
    assert!(certified.keys_match().is_ok());
    assert_eq!(pin_of(&certified.cert[0]), Some(key.pin()));
}

#[test]
fn a_certificate_cut_anywhere_or_with_something_after_it_is_none() {
    let (_, certificate) = made();
    let pin = |bytes: &[u8]| pin_of(&CertificateDer::from(bytes));
    for end in 0..certificate.len() {
        assert_eq!(pin(&certificate[..end]), None, "{end}");
    }
    assert_eq!(pin(&[&certificate[..], &[0]].concat()), None);
}
