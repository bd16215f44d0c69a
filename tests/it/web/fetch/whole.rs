//! Whole files: lengths, chunks, names, stdout, digests, files that are there.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::server::{Server, WebFile};
use super::{assert_empty, fetch};
use crate::faults::trace;
use crate::harness::{assert_same, payload};
use crate::transfer::xfer::{Place, digest, run};

#[test]
fn files_arrive_whole_by_length_and_in_chunks() {
    for is_chunked in [false, true] {
        for size in [0, 1, 64 << 10, 1_500_000] {
            let (here, content) = (Place::new(), payload(size));
            let server = Server::of(WebFile { is_chunked, ..WebFile::new(&content) });
            let ended = fetch(&server.url("a/b%20c.bin"), &here, &[]).expect(0);
            here.expect("b c.bin", &content);
            here.expect_names(&["b c.bin"]);
            let line = format!("received b c.bin from http://127.0.0.1:{}: {size} bytes", server.port);
            assert!(
                ended.stderr.starts_with(&line) && ended.stderr.contains(", unverified, "),
                "{}",
                ended.stderr
            );
            assert!(ended.stderr.contains(&digest(&content)) && ended.stderr.lines().count() == 1);
            let meta = std::fs::metadata(here.path("b c.bin")).expect("a file");
            assert_eq!(meta.mtime(), 784_111_777);
        }
    }
}

#[test]
fn one_request_says_what_it_needs() {
    let here = Place::new();
    let server = Server::of(WebFile::new(b"abc"));
    fetch(&server.url("f"), &here, &[]).expect(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].field("host"), Some(&format!("127.0.0.1:{}", server.port)[..]));
    assert_eq!(requests[0].field("accept-encoding"), Some("identity"));
    assert_eq!((requests[0].field("range"), requests[0].field("referer")), (None, None));
}

#[test]
fn a_file_goes_to_stdout_or_gets_another_name() {
    let (here, content) = (Place::new(), payload(700_000));
    let server = Server::of(WebFile::with_tree(&content));
    let ended = run(&["download", &server.url("f"), "-o", "-"]).expect(0);
    assert_same(&ended.stdout, &content, "stdout");
    assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
    let list = here.at("list");
    let ended = run(&["download", &server.url(""), "-o", &here.at("g"), "--digests", &list]).expect(0);
    assert!(ended.stderr.starts_with("received g from "), "{}", ended.stderr);
    here.expect("g", &content);
    here.expect("list", format!("{}  g\n", blake3::hash(&content)).as_bytes());
    for query in ["tar", "zip"] {
        fetch(&server.url(&format!("a/folder/?{query}")), &here, &[]).expect(0);
        here.expect(&format!("folder.{query}"), &content);
    }
}

#[test]
fn what_is_there_with_the_same_content_is_done_and_other_content_stays() {
    let content = payload(300_000);
    for has_tree in [false, true] {
        let here = Place::new();
        let file = if has_tree { WebFile::with_tree(&content) } else { WebFile::new(&content) };
        let server = Server::of(file);
        fetch(&server.url("f"), &here, &[]).expect(0);
        let ended = fetch(&server.url("f"), &here, &[]).expect(0);
        assert!(ended.stderr.contains("f is there already, with the same content"), "{}", ended.stderr);
        assert_eq!(server.requests().len(), if has_tree { 1 } else { 2 });
        for other in [payload(300_000 - 1), vec![7; 300_000]] {
            here.write("f", &other);
            fetch(&server.url("f"), &here, &[])
                .expect_saying(7, "f: exists with other content: --force replaces it");
            here.expect("f", &other);
            here.expect_names(&["f"]);
            fetch(&server.url("f"), &here, &["--force"]).expect(0);
            here.expect("f", &content);
        }
    }
}

#[test]
fn what_is_there_is_synced_with_its_folder() {
    if !trace::is_there() {
        return;
    }
    for has_tree in [false, true] {
        let (here, logs) = (Place::new(), Place::new());
        here.write("f", b"content");
        let file = if has_tree { WebFile::with_tree(b"content") } else { WebFile::new(b"content") };
        let (server, log) = (Server::of(file), logs.at("log"));
        let args = ["download", &server.url("f"), "-o", here.arg()];
        let ended = trace::traced(&log, &["--trace=fsync"], &args).finish().expect(0);
        assert!(ended.stderr.contains("f is there already"), "{}", ended.stderr);
        let calls = trace::some_calls(Path::new(&log));
        let synced: Vec<&str> = calls.iter().map(|call| &*call.path).collect();
        assert!(synced.ends_with(&[&here.at("f"), here.arg()]), "{synced:?}");
    }
}

#[test]
fn a_digest_in_the_url_is_compared() {
    let (here, content) = (Place::new(), payload(100_000));
    let server = Server::of(WebFile::new(&content));
    let url = server.url(&format!("f?b3={}", blake3::hash(&content)));
    let ended = fetch(&url, &here, &[]).expect(0);
    assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
    here.expect("f", &content);
    let there = Place::new();
    let url = server.url(&format!("f?b3={}", blake3::hash(b"other")));
    fetch(&url, &there, &[]).expect_saying(6, "does not match its BLAKE3 digest");
    assert_empty(&there);
}

#[test]
fn events_have_the_file_and_whether_it_was_verified() {
    let here = Place::new();
    let server = Server::of(WebFile::new(b"abc"));
    let ended = fetch(&server.url("f"), &here, &["--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let file = ended.stderr.lines().find(|line| line.contains(r#""event":"file""#)).expect("a file event");
    assert!(file.contains(r#""path":"f","kind":"file","state":"received","size":3"#), "{file}");
    let summary = ended.stderr.lines().find(|line| line.contains(r#""event":"summary""#)).expect("a summary");
    assert!(summary.contains(r#""verified":false,"entries":1,"done":1"#), "{summary}");
    assert!(summary.contains(r#""received_bytes":3"#), "{summary}");
}

#[test]
fn events_have_the_failed_file_and_its_reason() {
    let here = Place::new();
    let server = Server::saying("HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n");
    let ended = fetch(&server.url("f"), &here, &["--json"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    let file = ended.stderr.lines().find(|line| line.contains(r#""event":"file""#)).expect("a file event");
    assert!(file.contains(r#""state":"failed","size":null,"digest":null,"reason":"not found""#), "{file}");
    assert!(
        ended.stderr.lines().any(|line| line.contains(r#""event":"error","code":7"#)),
        "{}",
        ended.stderr
    );
}
