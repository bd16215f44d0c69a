//! What is refused: statuses, answers that are none, redirects, sizes, names, options.

use std::io::Write;

use super::server::{Server, WebFile};
use super::{assert_empty, fetch};
use crate::harness::payload;
use crate::transfer::xfer::{Place, run};

#[test]
fn statuses_are_failures_of_their_kind() {
    for (status, code, words) in [
        ("404 Nope", 7, "f: not found there: the server says 404 Not Found"),
        ("403 Forbidden", 7, "the server says 403 Forbidden"),
        ("401 Unauthorized", 8, "the server says 401 Unauthorized"),
        ("503 Wait", 7, "the server says 503 Service Unavailable"),
        ("304 Not Modified", 7, "the server says 304 Not Modified"),
        ("299 Odd", 7, "the server says 299"),
        ("206 Partial", 7, "the server says 206 Partial Content"),
    ] {
        let here = Place::new();
        let server = Server::saying(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        fetch(&server.url("f"), &here, &[]).expect_saying(code, words);
        assert_empty(&here);
    }
}

#[test]
fn what_is_not_an_answer_is_none() {
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(40_000));
    for (answer, code, words) in [
        ("SSH-2.0-x\r\n", 7, "does not speak HTTP/1.1"),
        ("", 5, "ended before the answer was complete"),
        ("HTTP/1.1 200 OK\r\n", 5, "ended before the answer was complete"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", 5, "ended before the answer was complete"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            5,
            "ended before the answer was",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 6, "breaks the rules of HTTP"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            6,
            "breaks the rules of HTTP",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
            6,
            "a transfer coding that was not asked for",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab",
            7,
            "with the coding gzip",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nall", 6, "a cut could not be noticed"),
        (&long, 6, "longer than 32 KiB"),
    ] {
        let here = Place::new();
        let server = Server::saying(answer);
        fetch(&server.url("f"), &here, &[]).expect_saying(code, words);
        assert_empty(&here);
    }
}

#[test]
fn nothing_beyond_the_announced_length_is_written() {
    let here = Place::new();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdefghi";
    fetch(&Server::saying(answer).url("f"), &here, &[]).expect(0);
    here.expect("f", b"abc");
    let there = Place::new();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nabc", u64::MAX);
    fetch(&Server::saying(answer).url("f"), &there, &[]).expect_saying(10, "no space left here");
    let server = Server::of(WebFile::new(&payload(5000)));
    fetch(&server.url("f"), &there, &["--max-size", "4999"])
        .expect_saying(7, "has 5000 bytes or more, and at most 4999");
    let server = Server::of(WebFile { is_chunked: true, ..WebFile::new(&payload(5000)) });
    fetch(&server.url("f"), &there, &["--max-size", "4999"]).expect_saying(7, "at most 4999 are taken");
    assert_empty(&there);
}

/// A server that leads from each path to the next, `count` times.
fn leading(count: usize, content: &'static [u8]) -> Server {
    Server::new(move |request, stream| {
        let step: usize = request.path().trim_start_matches("/step").parse().unwrap_or(0);
        if step == count {
            return WebFile::new(content).answer(request, stream);
        }
        let location = match step % 3 {
            0 => format!("/step{}", step + 1),
            1 => format!("step{}#x", step + 1),
            _ => format!("//{}/x/../step{}", request.field("host").expect("a host"), step + 1),
        };
        let query = request.target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        let location = location.replace('#', &format!("{query}#"));
        let location = if location.contains('?') { location } else { location + &query };
        let head = format!("HTTP/1.1 302 F\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).is_ok()
    })
}

#[test]
fn redirects_are_followed_and_bounded_and_choose_no_name() {
    let here = Place::new();
    fetch(&leading(7, b"abc").url("f"), &here, &[]).expect(0);
    here.expect("f", b"abc");
    here.expect_names(&["f"]);
    let there = Place::new();
    fetch(&leading(99, b"").url("f"), &there, &[]).expect_saying(7, "more than 10 redirects");
    for (location, code, words) in [
        ("ftp://a/f", 7, "no http:// or https:// URL"),
        ("file:///etc/passwd", 7, "no http:// or https:// URL"),
        ("http://u:p@127.0.0.1/", 7, "a user or password"),
    ] {
        let answer = format!("HTTP/1.1 301 M\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        fetch(&Server::saying(answer).url("f"), &there, &[]).expect_saying(code, words);
    }
    assert_empty(&there);
}

#[test]
fn a_server_chooses_no_name() {
    let here = Place::new();
    let head = "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"../evil\"\r\nContent-Length: 3\r\n\r\nabc";
    fetch(&Server::saying(head).url("f"), &here, &[]).expect(0);
    here.expect_names(&["f"]);
    let server = Server::of(WebFile::new(b"abc"));
    let there = Place::new();
    for path in ["..%2f..%2fetc%2fpasswd", "%2e%2e%2f", "a%00b", "a/", "%2Fetc%2Fpasswd"] {
        fetch(&server.url(path), &there, &[]).expect_saying(2, "type -o FILE");
    }
    assert_empty(&there);
}

#[test]
fn a_silent_server_is_given_up() {
    let here = Place::new();
    let server = Server::new(|request, stream| {
        if request.is_for_tree() {
            return WebFile::new(b"abc").answer(request, stream);
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
        true
    });
    let ended = fetch(&server.url("f"), &here, &["--idle-timeout", "50ms"]);
    ended.expect_saying(4, "nothing was received for 50ms (see --idle-timeout)");
    assert_empty(&here);
}

#[test]
fn options_without_a_meaning_are_refused_with_a_hint() {
    for (words, hint) in [
        ("http://a/f --list", "--list is not for URLs"),
        ("http://a/f --max-entries 3", "--max-entries is not for URLs"),
        ("http://a/f --code", "type an https:// URL"),
        ("https://a/f --trust-new", "type --pin KEY"),
        ("http://a/f --plain", "type http:// or https://"),
        ("http://a/f --key k", "--key is not for URLs"),
        ("http://a/f --ca x", "--ca is about the server of an https:// URL"),
        ("a f --ca x", "--ca is about the server of an https:// URL"),
        ("http://a/f g", "'g' is no URL"),
        ("http://a/f http://b/g", "type -o FILE if it is the same"),
        ("http://u:p@a/f", "leave out what stands before the @"),
        ("http://a/f#x", "leave it out, or type %23"),
        ("http://a:0/f", "its port is not a number"),
        ("http://a/f?b3=12", "the 64 digits"),
        ("http://a/", "type -o FILE"),
    ] {
        let line: Vec<&str> = ["download"].into_iter().chain(words.split(' ')).collect();
        run(&line).expect_saying(2, hint);
    }
}
