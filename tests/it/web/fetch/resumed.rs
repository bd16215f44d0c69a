//! Cuts, and what becomes of the part.

use rustix::process::Signal;

use super::server::{Server, WebFile};
use super::{assert_empty, assert_part_only, fetch};
use crate::harness::payload;
use crate::transfer::xfer::{Place, begin, wait_for_part};

const SIZE: usize = 3_000_000;

/// Fetches until the cut.
#[track_caller]
fn cut(file: WebFile, here: &Place) -> Server {
    let content = file.content.clone();
    let etag = file.etag;
    let has_ranges = file.has_ranges;
    // The first answer is cut, and the others are not.
    let is_cut = std::sync::atomic::AtomicBool::new(false);
    let server = Server::new(move |request, stream| {
        let cuts = !request.is_for_tree() && !is_cut.swap(true, std::sync::atomic::Ordering::SeqCst);
        let cut_at = cuts.then_some(2_000_000);
        WebFile { cut_at, content: content.clone(), etag, has_ranges, ..WebFile::default() }
            .answer(request, stream)
    });
    fetch(&server.url("f"), here, &[])
        .expect_saying(5, "the connection ended before the answer was complete");
    server
}

#[test]
fn a_cut_leaves_no_file_and_the_same_version_is_continued() {
    let (here, content) = (Place::new(), payload(SIZE));
    let server = cut(WebFile::tagged(&content, "\"v1\""), &here);
    assert_part_only(&here);
    let ended = fetch(&server.url("f"), &here, &[]).expect(0);
    here.expect("f", &content);
    here.expect_names(&["f"]);
    assert!(ended.stderr.contains(", resumed after "), "{}", ended.stderr);
    let requests = server.requests();
    assert_eq!(requests[1].field("if-range"), Some("\"v1\""));
    let (first, _) = requests[1].range(SIZE).expect("a range");
    assert!((1_900_000..2_000_000).contains(&first), "{first}");
}

#[test]
fn with_retry_it_is_continued_at_once() {
    let (here, content) = (Place::new(), payload(SIZE));
    let file = WebFile { cut_at: Some(1_500_000), ..WebFile::tagged(&content, "\"v1\"") };
    let server = Server::of(file);
    let ended = fetch(&server.url("f"), &here, &["--retry", "3", "--retry-delay", "1ms"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    here.expect("f", &content);
    assert_eq!(server.requests().len(), 3, "{}", ended.stderr);
}

#[test]
fn another_version_begins_anew() {
    let (here, content, newer) = (Place::new(), payload(SIZE), payload(SIZE + 5));
    let server = cut(WebFile::tagged(&content, "\"v1\""), &here);
    let port = server.port;
    // The same URL has another file: the origin of the part is the URL.
    drop(server);
    let other = Server::of(WebFile::tagged(&newer, "\"v2\""));
    assert_ne!(port, other.port);
    fetch(&other.url("f"), &here, &[]).expect(0);
    here.expect("f", &newer);
    assert_eq!(other.requests()[0].field("range"), None);
}

#[test]
fn a_changed_tag_at_the_same_url_begins_anew() {
    let (here, old, new) = (Place::new(), payload(SIZE), payload(SIZE + 1));
    let (first, second) = (old.clone(), new.clone());
    let count = std::sync::atomic::AtomicU32::new(0);
    let server = Server::new(move |request, stream| {
        let is_old = request.is_for_tree() || count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let file = match is_old {
            true => WebFile { cut_at: Some(2_000_000), ..WebFile::tagged(&first, "\"v1\"") },
            false => WebFile::tagged(&second, "\"v2\""),
        };
        file.answer(request, stream)
    });
    fetch(&server.url("f"), &here, &[]).expect_saying(5, "ended before");
    let ended = fetch(&server.url("f"), &here, &[]).expect(0);
    assert!(ended.stderr.contains("another version now"), "{}", ended.stderr);
    assert_eq!(server.requests()[1].field("if-range"), Some("\"v1\""));
    here.expect("f", &new);
}

#[test]
fn without_a_strong_tag_nothing_is_kept() {
    for etag in [None, Some("W/\"v1\"")] {
        let (here, content) = (Place::new(), payload(SIZE));
        let server = cut(WebFile { etag, has_ranges: true, ..WebFile::new(&content) }, &here);
        assert_empty(&here);
        fetch(&server.url("f"), &here, &[]).expect(0);
        here.expect("f", &content);
        assert_eq!(server.requests()[1].field("range"), None);
    }
}

#[test]
fn a_wrong_part_is_refused_and_not_kept() {
    let content = payload(SIZE);
    for wrong in [
        "206 P\r\nContent-Range: bytes 0-2999999/3000000\r\nContent-Length: 3000000",
        "206 P\r\nContent-Length: 1000000",
        "206 P\r\nETag: \"v2\"\r\nContent-Range: bytes FROM-2999999/3000000\r\nContent-Length: REST",
        "206 P\r\nContent-Range: bytes FROM-2999998/3000000\r\nContent-Length: LESS",
    ] {
        let (here, old) = (Place::new(), content.clone());
        let server = Server::new(move |request, stream| match request.range(SIZE) {
            Some((first, _)) if !request.is_for_tree() => {
                use std::io::Write;
                let head =
                    wrong.replace("FROM", &first.to_string()).replace("REST", &(SIZE - first).to_string());
                let head = head.replace("LESS", &(SIZE - first - 1).to_string());
                let _ = stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes());
                let _ = stream.write_all(&vec![7; SIZE - first]);
                false
            }
            _ => {
                WebFile { cut_at: Some(2_000_000), ..WebFile::tagged(&old, "\"v1\"") }.answer(request, stream)
            }
        });
        fetch(&server.url("f"), &here, &[]).expect_saying(5, "ended before");
        fetch(&server.url("f"), &here, &[]).expect_saying(6, "another part than was asked for");
        assert_empty(&here);
    }
}

#[test]
fn a_part_that_cannot_be_had_begins_anew() {
    let (here, content, short) = (Place::new(), payload(SIZE), payload(1_000_000));
    let count = std::sync::atomic::AtomicU32::new(0);
    let new = short.clone();
    let server = Server::new(move |request, stream| {
        let is_old = !request.is_for_tree() && count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let file = match is_old {
            true => WebFile { cut_at: Some(2_000_000), ..WebFile::tagged(&content, "\"v1\"") },
            // A server that takes the tag for the same: the range is beyond its file.
            false => WebFile::tagged(&new, "\"v1\""),
        };
        file.answer(request, stream)
    });
    fetch(&server.url("f"), &here, &[]).expect_saying(5, "ended before");
    fetch(&server.url("f"), &here, &[]).expect(0);
    here.expect("f", &short);
}

#[test]
fn a_signal_leaves_the_part_for_the_next_run() {
    let (here, content) = (Place::new(), payload(SIZE));
    let old = content.clone();
    let server = Server::new(move |request, stream| {
        let file = WebFile::tagged(&old, "\"v1\"");
        let stalls = !request.is_for_tree() && request.field("range").is_none();
        let cut_at = stalls.then_some(2_000_000);
        // The connection stays open.
        WebFile { cut_at, ..file }.answer(request, stream) || stalls
    });
    let url = server.url("f");
    let running = begin(&["download", &url, "-o", here.arg()]);
    wait_for_part(here.root(), 1_900_000);
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, 130);
    assert_part_only(&here);
    let ended = fetch(&url, &here, &[]).expect(0);
    assert!(ended.stderr.contains(", resumed after "), "{}", ended.stderr);
    here.expect("f", &content);
}
