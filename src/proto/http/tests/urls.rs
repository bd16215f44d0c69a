//! URLs as they are typed, and where redirects lead.

use proptest::prelude::*;

use crate::proto::http::{HttpUrl, UrlFault};

fn shown(url: &HttpUrl) -> String {
    format!("{}{}", url.origin(), url.target())
}

#[test]
fn a_url_is_read_as_it_is_sent() {
    for (text, expected) in [
        ("http://a", "http://a/"),
        ("HTTP://A.Example:80/B", "http://a.example/B"),
        ("https://a:443/x?y=/../z", "https://a/x?y=/../z"),
        ("https://a:80/", "https://a:80/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://a?q", "http://a/?q"),
        ("http://a/b/../c/./d", "http://a/c/d"),
        ("http://a/../../etc/passwd", "http://a/etc/passwd"),
        ("http://a/%2e%2E/x", "http://a/x"),
        ("http://a/b/..", "http://a/"),
        ("http://a/a b\u{e9}\"", "http://a/a%20b%C3%A9%22"),
        ("http://a/%41%zz", "http://a/%41%zz"),
        ("http://a//b", "http://a//b"),
    ] {
        assert_eq!(HttpUrl::parse(text).map(|url| shown(&url)), Ok(expected.into()), "{text}");
    }
    for (text, fault) in [
        ("ftp://a/", UrlFault::Scheme),
        ("a:80", UrlFault::Scheme),
        ("http:///x", UrlFault::Host),
        ("http://a b/", UrlFault::Host),
        ("http://\u{e9}/", UrlFault::Host),
        ("http://a%00b/", UrlFault::Host),
        ("http://[::1/", UrlFault::Host),
        ("http://a:0/", UrlFault::Port),
        ("http://a:65536/", UrlFault::Port),
        ("http://a:x/", UrlFault::Host),
        ("http://u:p@a/", UrlFault::User),
        ("http://a/x#y", UrlFault::Fragment),
    ] {
        assert_eq!(HttpUrl::parse(text), Err(fault), "{text}");
    }
    assert_eq!(HttpUrl::parse(&format!("http://a/{}", "x".repeat(9000))), Err(UrlFault::TooLong));
}

#[test]
fn a_location_is_resolved() {
    let base = HttpUrl::parse("http://a:1/b/c?q").unwrap();
    for (location, expected) in [
        ("https://x/y", "https://x/y"),
        ("//x/y", "http://x/y"),
        ("/y?z", "http://a:1/y?z"),
        ("y", "http://a:1/b/y"),
        ("../y", "http://a:1/y"),
        ("../../../y", "http://a:1/y"),
        ("?z", "http://a:1/b/c?z"),
        ("", "http://a:1/b/c?q"),
        ("#x", "http://a:1/b/c?q"),
        ("/y#x", "http://a:1/y"),
        ("./x:y", "http://a:1/b/x:y"),
    ] {
        let resolved = base.resolve(location.as_bytes()).map(|url| shown(&url));
        assert_eq!(resolved, Ok(expected.into()), "{location}");
    }
    for (location, fault) in [
        ("ftp://a/", UrlFault::Scheme),
        ("file:///etc/passwd", UrlFault::Scheme),
        ("javascript:alert(1)", UrlFault::Scheme),
        ("http://u@a/", UrlFault::User),
        ("//", UrlFault::Host),
    ] {
        assert_eq!(base.resolve(location.as_bytes()), Err(fault), "{location}");
    }
}

#[test]
fn names_come_from_the_last_segment() {
    let name = |text: &str| HttpUrl::parse(text).unwrap().last_segment();
    assert_eq!(name("http://a/b/c.iso?x=/y"), Some(b"c.iso".to_vec()));
    assert_eq!(name("http://a/%2Fetc%2fpasswd"), Some(b"/etc/passwd".to_vec()));
    assert_eq!(name("http://a/a%00b%ff"), Some(b"a\0b\xff".to_vec()));
    assert_eq!((name("http://a"), name("http://a/b/"), name("http://a/b/..")), (None, None, None));
    let url = HttpUrl::parse("http://a/b?c").unwrap();
    assert_eq!(shown(&url.with_query(Some("b3tree"))), "http://a/b?b3tree");
    assert_eq!(shown(&url.with_query(None)), "http://a/b");
    assert_eq!((url.query(), url.with_query(None).query()), (Some("c"), None));
}

proptest! {
    #[test]
    fn a_target_has_no_byte_that_ends_it(location in proptest::collection::vec(any::<u8>(), 0..40)) {
        let base = HttpUrl::parse("https://a/b/c").unwrap();
        if let Ok(url) = base.resolve(&location) {
            prop_assert!(url.target().starts_with('/'));
            prop_assert!(url.target().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
            prop_assert!(url.authority().bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(HttpUrl::parse(&shown(&url)), Ok(url));
        }
    }
}
