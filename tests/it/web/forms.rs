//! Forms with files, as curl -F and pages without a script send them.

use super::uploads::{Slow, curl};
use super::{Reply, Web};
use crate::harness::{In, LIMIT, payload, wait_until};
use crate::transfer::xfer::Place;

/// The body of a form with these files.
fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in files {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    [&body[..], b"--b--\r\n"].concat()
}

fn post(web: &Web, target: &str, body: &[u8], fields: &[&str]) -> Reply {
    let length = format!("Content-Length: {}", body.len());
    let fields = [&["Content-Type: multipart/form-data; boundary=b", &length], fields].concat();
    web.send("POST", target, &fields, body)
}

#[test]
fn each_file_of_a_form_has_its_line_and_the_worst_one_the_status() {
    let web = Web::storing(&[]);
    web.place.write("old", b"other");
    web.place.write("same", b"same");
    let reply = post(&web, "/", &form(&[("a", b"1"), ("dir/x", b"2"), ("same", b"same")]), &[]).expect(201);
    assert_eq!(reply.text(), "201 a: arrived\n201 dir/x: arrived\n200 same: was there already\n");
    let reply = post(&web, "/dir/", &form(&[("y", b"3"), ("../z", b"4"), ("x", b"other")]), &[]).expect(409);
    let lines: Vec<String> = reply.text().lines().map(str::to_owned).collect();
    assert_eq!(lines[..2], ["201 y: arrived", "400 ../z: no file can have this name here"]);
    let why = "a file with other content has this name: rename yours, or delete the one that is there, and send it again";
    assert_eq!(lines[2], format!("409 x: {why}"));
    web.expect_only(&["a", "dir", "old", "same"]);
    for (name, content) in [("a", b"1"), ("dir/x", b"2"), ("dir/y", b"3")] {
        web.place.expect(name, content);
    }
    web.place.expect("old", b"other");
    post(&web, "/", &form(&[]), &[]).expect(400);
    // A field for files without one, as browsers send it.
    post(&web, "/", &form(&[("", b"")]), &[]).expect(400);
    let place = Place::new();
    let (one, two) = (place.write("one", &payload(200_000)), place.write("two", b"2"));
    let said = curl(
        &["-F", &format!("a=@{one}"), "-F", &format!("b=@{two};filename=in/two"), "-F", "c=d", &web.url("/")],
        In::Null,
    );
    assert_eq!(said, "201 one: arrived\n201 in/two: arrived\n201");
    web.place.expect("one", &payload(200_000));
}

#[test]
fn names_in_a_form_do_not_leave_the_folder() {
    let web = Web::storing(&[]);
    let hostile = ["../x", "..", ".", "/etc/x", "a/../../x", "a//b", "a/", "./a", "%2e%2e/\0", "a\0b"];
    let files: Vec<(&str, &[u8])> = hostile.iter().map(|name| (*name, &b"bad"[..])).collect();
    // A NUL is no part of a head.
    let (files, with_nul): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| !name.contains('\0'));
    let reply = post(&web, "/", &form(&files), &[]).expect(400);
    assert_eq!(reply.text().lines().count(), files.len(), "{}", reply.text());
    for file in with_nul {
        post(&web, "/", &form(&[file]), &[]).expect(400);
    }
    let long = "x".repeat(256);
    post(&web, "/", &form(&[(&long, b"bad")]), &[]).expect(400);
    post(&web, "/%2e%2e/", &form(&[("x", b"bad")]), &[]).expect(400);
    web.expect_only(&[]);
    // Names that are harmless here, and look otherwise elsewhere.
    let odd = ["%2e%2e%2fx", "..\\x", "C:x", "<script>alert(1)</script>", "a\u{202e}b"];
    let files: Vec<(&str, &[u8])> = odd.iter().map(|name| (*name, &b"odd"[..])).collect();
    let reply = post(&web, "/sub/", &form(&files), &["Accept: text/html"]).expect(201);
    assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(
        reply.field("Content-Security-Policy").is_some_and(|value| value.starts_with("default-src 'none'"))
    );
    let page = reply.text();
    assert!(
        !page.contains("<script>") && !page.contains('\u{202e}') && page.contains("href=\"./\""),
        "{page}"
    );
    assert_eq!(std::fs::read_dir(web.place.path("sub")).expect("a folder").count(), 5, "{page}");
}

#[test]
fn planted_links_are_not_followed() {
    let (web, outside) = (Web::storing(&[]), Place::new());
    outside.write("f", b"theirs");
    std::os::unix::fs::symlink(outside.root(), web.place.path("out")).expect("a link");
    std::os::unix::fs::symlink(outside.path("f"), web.place.path("l")).expect("a link");
    post(&web, "/", &form(&[("out/g", b"x"), ("l", b"x"), ("out/f", b"x")]), &[]).expect(409);
    post(&web, "/out/", &form(&[("g", b"x")]), &[]).expect(409);
    for target in ["/out/g", "/l", "/out/f"] {
        web.put(target, b"x", &[]).expect(409);
    }
    outside.expect_names(&["f"]);
    outside.expect("f", b"theirs");
}

#[test]
fn a_form_is_bounded() {
    let web = Web::storing(&["--max-entries", "3", "--max-size", "1000"]);
    let files: Vec<(String, Vec<u8>)> = (0..5).map(|index| (format!("f{index}"), vec![b'x'; 10])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (&**name, &**content)).collect();
    let reply = post(&web, "/", &form(&files), &[]).expect(413);
    assert!(reply.text().ends_with("--max-entries)\n"), "{}", reply.text());
    web.expect_only(&["f0", "f1", "f2"]);
    // A file that is too large does not keep the others away.
    let large = payload(1001);
    post(&web, "/d/", &form(&[("large", &large), ("small", b"x")]), &[]).expect(413);
    web.place.expect("d/small", b"x");
    assert!(!web.place.path("d/large").exists());
    for (status, fields) in [
        (415, ["Content-Type: text/plain", "X: y"]),
        (415, ["Content-Type: multipart/form-data; boundary=b", "Content-Encoding: gzip"]),
        (403, ["Content-Type: multipart/form-data; boundary=b", "Origin: http://evil.example"]),
    ] {
        let fields = [&fields[..], &["Content-Length: 100", "Expect: 100-continue"]].concat();
        let head = Slow::begin(web.port, "POST /", &fields, b"").head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[test]
fn of_a_form_that_is_cut_only_whole_files_stay() {
    let web = Web::storing(&[]);
    let body = form(&[("a", b"whole"), ("b", &payload(100_000))]);
    let length = format!("Content-Length: {}", body.len());
    let fields = ["Content-Type: multipart/form-data; boundary=b", &length];
    drop(Slow::begin(web.port, "POST /", &fields, &body[..50_000]));
    let has_ended = || web.server.stderr.text().contains("b: the upload ended early, after ");
    assert!(wait_until(LIMIT, has_ended), "{}", web.server.stderr.text());
    web.expect_only(&["a"]);
    // A form without its end.
    let short = &body[..body.len() - 8];
    let reply = post(&web, "/", short, &[]).expect(400);
    assert!(reply.text().starts_with("200 a: was there already\n"), "{}", reply.text());
    web.expect_only(&["a"]);
}

#[test]
fn a_form_of_the_own_page_is_taken() {
    let web = Web::storing(&[]);
    let origin = format!("Origin: http://127.0.0.1:{}", web.port);
    let same = ["Sec-Fetch-Site: same-origin", &*origin];
    post(&web, "/", &form(&[("a", b"x")]), &same).expect(201);
    // Over plain HTTP from another machine browsers send no Sec-Fetch-Site.
    post(&web, "/", &form(&[("b", b"x")]), &[&origin]).expect(201);
    let page = web.ask("GET", "/", &["Accept: text/html"]).expect(200);
    assert_eq!(page.field("Referrer-Policy"), Some("strict-origin"), "else they send Origin: null");
    post(&web, "/", &form(&[("c", b"x")]), &["Origin: null"]).expect(403);
}
