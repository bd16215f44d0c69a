//! Digests that a server gives, as b3sum and a client check them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sha2::Digest as _;

use sendall::proto::transfer::blocks;
use sendall::proto::web::proof::{self, TreeParser, push_sum_line, tree_text};
use sendall::store::{BLOCK_BYTES, BlockHasher, ContentHasher, root_of};

use super::Web;
use crate::harness::others::installed;
use crate::harness::{In, Out, payload, start};
use crate::transfer::xfer::Place;

/// What `b3sum --check -` says of these names, and its exit code.
fn check(names: &[&[u8]]) -> Option<(String, i32)> {
    installed("b3sum")?;
    let place = tempfile::tempdir().expect("a folder");
    let mut lines = String::new();
    for name in names {
        let path = place.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a folder")).expect("there");
        fs::write(&path, name).expect("written");
        push_sum_line(blake3::hash(name).as_bytes(), name, &mut lines);
    }
    let folder = place.path().to_str().expect("UTF-8");
    let script = "cd \"$1\" && exec b3sum --check -";
    let done = start("sh", &["-c", script, "sh", folder], In::file(lines.as_bytes()), Out::Collect).finish();
    Some((String::from_utf8_lossy(&done.stdout).into_owned(), done.code))
}

#[test]
fn b3sum_checks_the_lines_of_all_names_that_it_can_express() {
    let names: [&[u8]; 8] = [
        b"plain",
        b"in/a folder/x",
        b"back\\slash",
        b"line\nend \\n",
        b"  spaces  ",
        "ümläut".as_bytes(),
        b"*star",
        b"\\begin",
    ];
    let Some((text, code)) = check(&names) else { return };
    assert_eq!((code, text.matches(": OK").count()), (0, names.len()), "{text}");
    let Some((text, code)) = check(&[b"plain", b"raw\xff"]) else { return };
    assert_eq!((code, text.matches(": OK").count()), (1, 1), "a name that it cannot express fails: {text}");
}

#[test]
fn all_parts_of_the_program_mean_the_same_block() {
    assert_eq!((proof::BLOCK_BYTES, blocks::BLOCK_BYTES), (BLOCK_BYTES, BLOCK_BYTES));
    assert_eq!(proof::INTRODUCTION, format!("b3tree 1 {BLOCK_BYTES} "));
    for size in [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, u64::MAX] {
        let count = if blocks::has_blocks(Some(size)) { blocks::block_count(size) } else { 0 };
        assert_eq!(proof::count_of(size), count, "{size}");
    }
}

#[test]
fn a_tree_proves_each_block_of_its_file() {
    let block = BLOCK_BYTES as usize;
    for size in [0, 5, block, 2 * block + 3] {
        let content = payload(size);
        let mut hasher = ContentHasher::new(size as u64);
        hasher.update(&content);
        let digests = hasher.finish().expect("digests");
        let mut parser = TreeParser::new(size as u64);
        parser.push(tree_text(size as u64, &digests.root, &digests.values).as_bytes()).expect("a tree");
        let received = parser.finish().expect("a tree");
        assert_eq!(received.root, *blake3::hash(&content).as_bytes());
        assert_eq!((received.values.len() > 1).then_some(received.root), root_of(&received.values));
        for (index, value) in received.values.iter().enumerate() {
            let mut hasher = BlockHasher::new(index as u64 * BLOCK_BYTES);
            hasher.update(content.chunks(block).nth(index).expect("a block"));
            assert_eq!(hasher.finish().as_ref(), Some(value));
        }
    }
}

/// A folder whose files have been there for longer than two seconds: they have tags.
const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");
const FILE: &str = "upload.tar.gz";

#[test]
fn b3sum_checks_what_the_server_says_of_a_folder() {
    let web = Web::at(Path::new(OLD), &[]);
    let reply = web.get("/?b3sum").expect(200);
    let head = web.ask("HEAD", "/?b3sum", &[]).expect(200);
    for field in ["ETag", "Content-Length", "Content-Type", "Cache-Control"] {
        assert!(head.field(field).is_some() && head.field(field) == reply.field(field), "{field}");
    }
    assert!(reply.text().lines().is_sorted_by_key(|line| line[66..].to_owned()));
    let again = web.get("/?b3sum").expect(200);
    assert_eq!(again.body, reply.body);
    let one = web.get(&format!("/{FILE}?b3sum")).expect(200).text();
    assert!(reply.text().contains(&one) && one.ends_with(&format!("  {FILE}\n")), "{one}");
    web.ask("GET", "/?b3sum", &[&format!("If-None-Match: {}", reply.field("ETag").expect("a tag"))])
        .expect(304);
    let Some(_) = installed("b3sum") else { return };
    let script = "cd \"$1\" && exec b3sum --check -";
    let done =
        start("sh", &["-c", script, "sh", OLD], In::file(&reply.body), Out::Collect).finish().expect(0);
    let oks = String::from_utf8_lossy(&done.stdout).matches(": OK").count();
    assert_eq!(oks, fs::read_dir(OLD).expect("a folder").count());
}

#[test]
fn a_file_is_had_by_its_digest_and_no_other_content_is() {
    let web = Web::at(Path::new(OLD), &[]);
    let content = fs::read(Path::new(OLD).join(FILE)).expect("a file");
    let digest = blake3::hash(&content);
    let tree = web.get(&format!("/{FILE}?b3tree")).expect(200);
    assert_eq!(tree.text(), format!("b3tree 1 4194304 {} {digest}\n", content.len()));
    let head = web.ask("HEAD", &format!("/{FILE}?b3tree"), &[]).expect(200);
    assert_eq!(head.field("Content-Length"), tree.field("Content-Length"));
    let target = format!("/{FILE}?b3={digest}");
    let reply = web.get(&target).expect(200);
    assert!(reply.body == content);
    let forever = Some("public, max-age=31536000, immutable");
    assert_eq!((reply.field("Cache-Control"), reply.field("Last-Modified")), (forever, None));
    let part = web.ask("GET", &target, &["Range: bytes=5-9"]).expect(206);
    assert_eq!((&part.body[..], part.field("Cache-Control")), (&content[5..10], forever));
    let other = blake3::hash(b"other");
    web.get(&format!("/{FILE}?b3={other}")).expect(404);
    web.get(&format!("/?b3={other}")).expect(404);
}

#[test]
fn tags_of_the_content_and_digests_that_are_asked_for() {
    let place = Place::new();
    let token = place.write("token", b"s3cret-of-mine\n");
    let web = Web::at(Path::new(OLD), &["--etag", "content", "--cache", "10m", "--token", &token]);
    let content = fs::read(Path::new(OLD).join(FILE)).expect("a file");
    let known = "Authorization: Bearer s3cret-of-mine";
    let target = format!("/{FILE}");
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(blake3::hash(&content).as_bytes()));
    let sha256 = format!("sha-256=:{}:", BASE64_STANDARD.encode(sha2::Sha256::digest(&content)));
    let kept = Some("private, max-age=600, stale-if-error=86400");
    for (fields, status) in [
        (&["Want-Repr-Digest: sha-256=1"][..], 200),
        (&["Want-Repr-Digest: sha-512=3, sha-256=10", "Range: bytes=0-9"], 206),
        (&["Want-Repr-Digest: sha-256=0"], 200),
        (&[&format!("If-None-Match: {tag}")], 304),
    ] {
        let reply = web.ask("GET", &target, &[&[known], fields].concat()).expect(status);
        assert_eq!((reply.field("ETag"), reply.field("Cache-Control")), (Some(&*tag), kept), "{fields:?}");
        let is_wanted = fields[0].starts_with("Want") && !fields[0].ends_with("=0");
        assert_eq!(reply.field("Repr-Digest"), is_wanted.then_some(&*sha256), "{fields:?}");
    }
}

#[test]
fn a_site_has_pages_that_run() {
    let place = Place::new();
    place.folder("docs/in");
    place.write("docs/index.html", b"<h1>hello");
    place.write("docs/in/a.js", b"1");
    let web = Web::at(&place.path("docs"), &["--site"]);
    let page = web.get("/").expect(200);
    assert_eq!(
        (page.field("Content-Type"), page.field("Content-Security-Policy")),
        (Some("text/html; charset=utf-8"), None)
    );
    assert_eq!((&page.body[..], page.field("Content-Disposition")), (&b"<h1>hello"[..], None));
    assert!(web.get("/in/").expect(200).text().contains("a.js"));
    let script = web.get("/in/a.js").expect(200);
    assert_eq!(script.field("Content-Type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.field("X-Content-Type-Options"), Some("nosniff"));
    assert!(web.get("/?json").expect(200).text().contains("index.html"));
}
