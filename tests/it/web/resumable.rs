//! Uploads with a URL of their own: draft-ietf-httpbis-resumable-upload.

use rustix::process::Signal;

use super::uploads::{Slow, rest};
use super::{Reply, Web};
use crate::harness::{LIMIT, payload, wait_until};

const VERSION: &str = "Upload-Draft-Interop-Version: 8";
const PARTIAL: &str = "Content-Type: application/partial-upload";

/// The location in an answer, as a target.
fn location(head: &str, of: &str) -> String {
    let line = head.lines().find_map(|line| line.strip_prefix("Location: ")).expect("a location");
    assert!(line.starts_with("?upload=") && line.len() == 8 + 32, "{line}");
    format!("{of}{line}")
}

fn field(reply: &Reply, name: &str) -> String {
    reply.field(name).unwrap_or_else(|| panic!("no {name}: {}", reply.head)).to_owned()
}

fn patch(web: &Web, target: &str, offset: usize, body: &[u8], completes: &str) -> Reply {
    let fields = [
        format!("Content-Length: {}", body.len()),
        format!("Upload-Offset: {offset}"),
        format!("Upload-Complete: {completes}"),
    ];
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    web.send("PATCH", target, &[&[VERSION, PARTIAL], &fields[..]].concat(), body)
}

#[test]
fn an_upload_is_continued_at_its_url() {
    for method in ["POST", "PUT", "PATCH"] {
        let web = Web::storing(&[]);
        let bytes = payload(300_000);
        let length = format!("Content-Length: {}", bytes.len());
        let line = format!("{method} /dir/f");
        let fields = [VERSION, "Upload-Complete: ?1", &length, "Expect: 100-continue"];
        let mut slow = Slow::begin(web.port, &line, &fields, &bytes[..100_000]);
        let interim = slow.head();
        assert!(interim.starts_with("HTTP/1.1 104 Upload Resumption Supported\r\n"), "{interim}");
        assert!(interim.contains("\r\nUpload-Limit: max-age=3600\r\n"), "{interim}");
        assert_eq!(slow.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        let target = location(&interim, "/dir/f");
        web.wait_for_offset("/dir/f", 100_000);
        // It ends the request before, so that nothing moves any more.
        let reply = web.ask("HEAD", &target, &[VERSION]).expect(204);
        assert_eq!(slow.rest(), None, "no reset");
        for (name, value) in [
            ("Upload-Offset", "100000"),
            ("Upload-Complete", "?0"),
            ("Upload-Length", "300000"),
            ("Cache-Control", "no-store"),
        ] {
            assert_eq!(field(&reply, name), value);
        }
        let wrong = patch(&web, &target, 99_999, &bytes[99_999..], "?1").expect(409);
        assert_eq!(field(&wrong, "Upload-Offset"), "100000");
        assert!(wrong.text().contains("mismatching-upload-offset"), "{}", wrong.text());
        let reply = patch(&web, &target, 100_000, &bytes[100_000..150_000], "?0").expect(204);
        assert_eq!(
            (field(&reply, "Upload-Offset"), field(&reply, "Upload-Complete")),
            ("150000".into(), "?0".into())
        );
        let reply = patch(&web, &target, 150_000, &bytes[150_000..], "?1").expect(201);
        assert_eq!(field(&reply, "Upload-Complete"), "?1");
        web.place.expect("dir/f", &bytes);
        // A client that has not heard of it asks again.
        assert_eq!(field(&web.ask("HEAD", &target, &[]).expect(204), "Upload-Complete"), "?1");
        assert_eq!(patch(&web, &target, 300_000, b"", "?1").expect(201).text(), reply.text());
        patch(&web, &target, 300_000, b"x", "?1").expect(400);
        web.expect_only(&["dir"]);
    }
}

#[test]
fn an_upload_may_begin_without_content_and_without_a_length() {
    let web = Web::storing(&[]);
    for version in ["6", "8"] {
        let name = format!("/f{version}");
        let version = format!("Upload-Draft-Interop-Version: {version}");
        let reply = web.put(&name, b"", &[&version, "Upload-Complete: ?0"]).expect(201);
        let target = location(&reply.head, &name);
        let is_old = version.ends_with('6');
        assert_eq!(field(&reply, "Upload-Limit"), if is_old { "expires=3600" } else { "max-age=3600" });
        let fields = [&*version, PARTIAL, "Content-Length: 3", "Upload-Offset: 0", "Upload-Complete: ?0"];
        web.send("PATCH", &target, &fields, b"abc").expect(if is_old { 201 } else { 204 });
        patch(&web, &target, 3, b"def", "?1").expect(201);
        web.place.expect(&name[1..], b"abcdef");
    }
    // Without a version nobody gets 104, and the rest works.
    let mut slow = Slow::begin(web.port, "PUT /g", &["Upload-Complete: ?1", "Content-Length: 1"], b"x");
    assert!(slow.head().starts_with("HTTP/1.1 201 "));
    web.expect_only(&["f6", "f8", "g"]);
}

#[test]
fn an_upload_can_be_cancelled_and_is_known_by_its_whole_url_only() {
    let web = Web::storing(&["--max-size", "1000"]);
    let reply = web.put("/f", b"123", &[VERSION, "Upload-Complete: ?0"]).expect(201);
    let target = location(&reply.head, "/f");
    let id = target.rsplit('=').next().expect("an id");
    let last = if id.ends_with('0') { 1 } else { 0 };
    for other in
        [format!("/g?upload={id}"), format!("/f?upload={}{last}", &id[..31]), format!("/f/f?upload={id}")]
    {
        let reply = web.ask("HEAD", &other, &[]);
        assert_eq!((reply.status, reply.field("Upload-Offset")), (404, None), "{other}");
    }
    web.ask("PUT", &target, &[]).expect(405);
    web.send("PATCH", &target, &["Content-Length: 1", "Upload-Offset: 3", "Upload-Complete: ?1"], b"x")
        .expect(415);
    web.send("PATCH", &target, &[PARTIAL, "Content-Length: 1"], b"x").expect(400);
    // Too much of it: it is not there any more.
    let too_much = [format!("{:x}\r\n", 998).as_bytes(), &[b'x'; 998], b"\r\n0\r\n\r\n"].concat();
    let fields = [PARTIAL, "Transfer-Encoding: chunked", "Upload-Offset: 3", "Upload-Complete: ?1"];
    web.send("PATCH", &target, &fields, &too_much).expect(413);
    web.ask("HEAD", &target, &[]).expect(404);
    web.expect_only(&[]);
    let reply = web.put("/f", b"123", &[VERSION, "Upload-Complete: ?0"]).expect(201);
    let target = location(&reply.head, "/f");
    web.ask("DELETE", &target, &["Sec-Fetch-Site: cross-site"]).expect(403);
    web.ask("DELETE", &target, &[]).expect(204);
    web.ask("DELETE", &target, &[]).expect(404);
    web.expect_only(&[]);
    let options = web.ask("OPTIONS", "/f", &[]).expect(204);
    assert_eq!(field(&options, "Upload-Limit"), "max-size=1000, max-age=3600");
    let too_large =
        ["Upload-Complete: ?0", "Upload-Length: 1001", "Content-Length: 1", "Expect: 100-continue"];
    let head = Slow::begin(web.port, "PUT /f", &too_large, b"").head();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
}

#[test]
fn uploads_between_two_requests_are_bounded_and_give_way() {
    let web = Web::storing(&[]);
    let reply = web.put("/f0", b"x", &["Upload-Complete: ?0", "Upload-Length: 2"]).expect(201);
    let first = location(&reply.head, "/f0");
    for index in 1..65 {
        web.put(&format!("/f{index}"), b"x", &["Upload-Complete: ?0"]).expect(201);
    }
    // The oldest one has no URL any more, and is continued by its name.
    web.ask("HEAD", &first, &[]).expect(404);
    web.put("/f0", b"y", &[&rest(1, 2)]).expect(201);
    web.place.expect("f0", b"xy");
    // Another request for the name takes it, and one by PUT continues what is there.
    web.put("/f1", b"whole", &[]).expect(201);
    let fields = ["Upload-Complete: ?0", "Upload-Length: 4"];
    let reply = web.put("/g", b"ab", &fields).expect(201);
    let target = location(&reply.head, "/g");
    web.put("/g", b"cd", &[&rest(2, 4)]).expect(201);
    web.place.expect("g", b"abcd");
    web.ask("HEAD", &target, &[]).expect(404);
    // One whose request is still there, too.
    let fields = ["Upload-Complete: ?0", "Upload-Length: 4", "Content-Length: 4"];
    let mut slow = Slow::begin(web.port, "PUT /h", &fields, b"ab");
    web.wait_for_offset("/h", 2);
    web.put("/h", b"cd", &[&rest(2, 4)]).expect(201);
    assert_eq!(slow.rest(), None, "no reset");
    web.place.expect("h", b"abcd");
    // Nothing of them stays when the server ends.
    web.server.signal(Signal::TERM);
    web.server.finish();
    let names = || web.place.names().len();
    assert!(wait_until(LIMIT, || names() == 4), "{:?}", web.place.names());
}
