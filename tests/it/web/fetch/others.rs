//! Servers of others: nginx, with and without TLS, and that of Python.

use super::fetch;
use crate::harness::identity::IdentityFiles;
use crate::harness::others::{free_port, installed, nginx, server};
use crate::harness::payload;
use crate::transfer::xfer::Place;

#[test]
fn nginx_is_understood_and_cuts_are_continued() {
    let (here, there, content) = (Place::new(), Place::new(), payload(3_000_000));
    there.write("f", &content);
    there.write("empty", b"");
    let block = format!(
        "root {}; location /cut/ {{ alias {0}/; limit_rate 1; limit_rate_after 2m; send_timeout 1s; }}",
        there.arg()
    );
    let folder = Place::new();
    let Some((_running, port)) = nginx(folder.root(), "", &block) else { return };
    let url = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    for (name, content) in [("f", &content[..]), ("empty", b"")] {
        fetch(&url(name), &here, &[]).expect(0);
        here.expect(name, content);
    }
    fetch(&url("missing"), &here, &[]).expect_saying(7, "404");
    let elsewhere = Place::new();
    fetch(&url("cut/f"), &elsewhere, &["--idle-timeout", "100ms"]).expect(4);
    let block = "the part is there";
    assert_eq!(elsewhere.names().len(), 1, "{block}");
    let ended = fetch(&url("cut/f"), &elsewhere, &[]).expect(0);
    assert!(ended.stderr.contains("resumed after"), "{}", ended.stderr);
    elsewhere.expect("f", &content);
}

#[test]
fn https_is_trusted_by_authority_or_key_and_never_left_for_http() {
    let (there, identity, content) = (Place::new(), IdentityFiles::new(), payload(200_000));
    there.write("f", &content);
    let port = free_port();
    let before = format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; root {};
         location /down {{ return 302 http://127.0.0.1:{port}/f; }} }}",
        identity.certificate,
        identity.key,
        there.arg()
    );
    let folder = Place::new();
    let block = format!("location / {{ return 301 https://localhost:{port}$request_uri; }}");
    let Some((_running, plain)) = nginx(folder.root(), &before, &block) else { return };
    let url = format!("https://localhost:{port}/f");
    let here = Place::new();
    fetch(&url, &here, &["--pin", &identity.pin]).expect(0);
    here.expect("f", &content);
    let by_authority = Place::new();
    fetch(&url, &by_authority, &["--ca", &identity.certificate]).expect(0);
    by_authority.expect("f", &content);
    let led_upwards = Place::new();
    fetch(&format!("http://127.0.0.1:{plain}/f"), &led_upwards, &[])
        .expect_saying(8, "no authority vouches for it");
    let upwards = format!("http://127.0.0.1:{plain}/f");
    let tried = [
        (&url[..], &["--pin", "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"][..]),
        (&url, &[]),
        (&upwards, &[]),
        (&format!("https://localhost:{port}/down/f"), &["--pin", &identity.pin]),
    ];
    for (url, options) in tried {
        let there = Place::new();
        let ended = fetch(url, &there, options);
        assert_eq!(ended.code, 8, "{url} {options:?}: {}", ended.stderr);
        super::assert_empty(&there);
    }
}

#[test]
fn pythons_server_is_understood() {
    let (here, there, content) = (Place::new(), Place::new(), payload(400_000));
    there.write("f", &content);
    if installed("python3").is_none() {
        return;
    }
    let port = free_port();
    let port_text = port.to_string();
    let words = ["-m", "http.server", &port_text, "--bind", "127.0.0.1", "--directory", there.arg()];
    let Some(_running) = server("python3", &words, port) else { return };
    fetch(&format!("http://127.0.0.1:{port}/f"), &here, &[]).expect(0);
    here.expect("f", &content);
}
