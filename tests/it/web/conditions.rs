//! Conditions and ranges: the table of RFC 9110, against the server and against nginx, and what ranges cost.

// The other states of a file take two seconds, or a file that was there before.
#[allow(dead_code)]
#[path = "../../../src/proto/web/selection/tests/cases.rs"]
mod cases;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use self::cases::{CASES, Case, Content};
use super::{Reply, Web};
use crate::harness::{In, LIMIT, Out, now, others, sendall};
use crate::transfer::xfer::{Place, status_kib};

/// A file that is there for longer than two seconds, of over 1000 bytes.
const FILE: &str = "LICENSE-MIT";

/// The rows that nginx answers otherwise: method, fields, and its answer. It obeys `Range` in a HEAD, which RFC 9110, 14.2,
/// forbids, and ranges that descend or overlap, which it need not; refuses a list in several fields, which 5.3 allows;
/// takes a date that is none for one; compares `If-Modified-Since` exactly; and has no precedence of tags over dates
/// (13.2.2).
const OTHERWISE_IN_NGINX: &[(&str, &str, &str)] = &[
    ("GET", "Range: bytes=20-29,0-9", "206 20-29,0-9"),
    ("GET", "Range: bytes=0-19,10-29", "206 0-19,10-29"),
    ("GET", "Range: bytes=0-9 | Range: bytes=20-29", "206 0-9"),
    ("HEAD", "Range: bytes=0-99", "206 0-99"),
    ("HEAD", "Range: bytes={size}-", "416"),
    ("HEAD", "If-Range: {tag} | Range: bytes=0-99", "206 0-99"),
    ("GET", "If-Match: {other} | If-Match: {tag}", "400"),
    ("GET", "If-Match: *, {tag}", "200"),
    ("GET", "If-None-Match: {other} | If-None-Match: {tag}", "400"),
    ("GET", "If-Unmodified-Since: yesterday", "412"),
    ("GET", "If-Unmodified-Since: {before} | If-Unmodified-Since: {before}", "400"),
    ("GET", "If-Unmodified-Since: {before} | If-Match: {tag}", "412"),
    ("GET", "If-Modified-Since: {after}", "200"),
    ("GET", "If-Modified-Since: {date} | If-Modified-Since: {date}", "400"),
    ("GET", "If-Modified-Since: {before} | If-None-Match: {tag}", "200"),
    ("GET", "If-Range: {tag} | If-Range: {tag} | Range: bytes=0-99", "400"),
];

/// Asks a server for the file, and reads to the end.
#[track_caller]
fn ask(port: u16, method: &str, fields: &str) -> Reply {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let lines: String =
        fields.split(" | ").filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect();
    let head =
        format!("{method} /{FILE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("an answer");
    Reply::parse(&heard, method == "HEAD")
}

/// Returns the status and the ranges of an answer, as the table has them, after its body was compared with the file.
#[track_caller]
fn seen(reply: &Reply, content: &[u8], is_head: bool) -> String {
    let size = content.len();
    let part = |field: &str| {
        let range = field.strip_prefix("bytes ").and_then(|rest| rest.strip_suffix(&format!("/{size}")));
        let (first, last) = range.and_then(|range| range.split_once('-')).expect("a range");
        (first.parse::<usize>().expect("a position"), last.parse::<usize>().expect("a position"))
    };
    let same = |got: &[u8], expected: &[u8]| assert!(is_head || got == expected, "{}", reply.head);
    match (reply.status, reply.field("Content-Range")) {
        (200, None) => same(&reply.body, content),
        (206, Some(field)) => {
            let (first, last) = part(field);
            same(&reply.body, &content[first..=last]);
            return format!("206 {first}-{last}");
        }
        (206, None) => {
            let kind = reply.field("Content-Type").expect("a type");
            let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect("a boundary");
            let body = reply.text();
            let body = body.strip_suffix(&format!("\r\n--{boundary}--\r\n")).expect("an end");
            let delimiter = format!("--{boundary}\r\n");
            let parts = body.split(&delimiter).skip(1).map(|text| {
                let (head, body) = text.split_once("\r\n\r\n").expect("a part");
                let field = head.lines().find_map(|line| line.strip_prefix("Content-Range: "));
                let (first, last) = part(field.expect("a range"));
                assert_eq!(body.strip_suffix("\r\n").unwrap_or(body).as_bytes(), &content[first..=last]);
                format!("{first}-{last}")
            });
            return format!("206 {}", parts.collect::<Vec<_>>().join(","));
        }
        (416, Some(field)) => assert_eq!(field, format!("bytes */{size}")),
        (304, None) => assert!(reply.body.is_empty() && reply.field("ETag").is_some(), "{}", reply.head),
        (_, field) => assert_eq!(field, None),
    }
    reply.status.to_string()
}

/// Compares the answers of a server with the table; some may be others.
#[track_caller]
fn compare(port: u16, otherwise: &[(&str, &str, &str)], file: &Path) {
    let content = std::fs::read(file).expect("a file");
    let metadata = file.metadata().expect("metadata");
    let modified = metadata.modified().expect("a date");
    let is_genuine = (0..2).contains(&(metadata.ctime() - metadata.mtime()));
    let tag = ask(port, "GET", "").field("ETag").expect("a tag").to_owned();
    let date = |time: SystemTime| httpdate::fmt_http_date(time);
    let filled = |text: &str| {
        text.replace("{tag}", &tag)
            .replace("{other}", "\"other\"")
            .replace("{date}", &date(modified))
            .replace("{before}", &date(modified - Duration::from_secs(10)))
            .replace("{after}", &date(modified + Duration::from_secs(10)))
            .replace("{size}", &content.len().to_string())
            .replace("{last}", &(content.len() - 1).to_string())
    };
    let mut wrong = Vec::new();
    let is_settled = |case: &&Case| case.content == Content::Settled;
    for Case { method, fields, answer, .. } in CASES.iter().filter(is_settled) {
        // After a copy that kept its date, the file has one that was set.
        if fields.contains("If-Range: {date}") && !is_genuine {
            continue;
        }
        let other = otherwise.iter().find(|(m, f, _)| m == method && f == fields);
        let expected = filled(other.map_or(answer, |(_, _, answer)| answer));
        let answer = seen(&ask(port, method, &filled(fields)), &content, *method == "HEAD");
        if answer != expected {
            wrong.push(format!("{method} {fields}: {answer}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let known = |(method, fields, _): &(&str, &str, &str)| {
        CASES.iter().any(|case| case.method == *method && case.fields == *fields)
    };
    assert!(otherwise.iter().all(known));
}

#[test]
fn a_file_is_answered_as_the_table_of_conditions_and_ranges_has_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let path = file.to_str().expect("UTF-8");
    let server = sendall(&["serve", "127.0.0.1:0", "--http", "--share", path], In::Null, Out::Collect);
    compare(server.port(), &[], &file);
}

#[test]
fn nginx_answers_as_the_table_has_it_but_where_it_leaves_the_rfc() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some((_nginx, port)) = others::nginx(folder.path(), "", &format!("root {};", root.display())) else {
        return;
    };
    compare(port, OTHERWISE_IN_NGINX, &root.join(FILE));
}

#[test]
fn a_file_that_has_just_changed_has_no_validator() {
    let web = Web::sharing(&[]);
    // On a busy machine two seconds may pass in between.
    let fresh = |fields: &[&str]| loop {
        let begun = now();
        web.place.write("f", b"new");
        let reply = web.ask("GET", "/f", fields);
        if begun.elapsed() < Duration::from_secs(2) {
            break reply;
        }
    };
    let reply = fresh(&[]).expect(200);
    assert_eq!((reply.field("ETag"), reply.field("Last-Modified")), (None, None));
    assert_eq!(reply.field("Cache-Control"), Some("no-store"));
    assert_eq!(fresh(&["Range: bytes=1-"]).expect(206).text(), "ew");
    let far = "Fri, 01 Jan 2100 00:00:00 GMT";
    assert_eq!(fresh(&["Range: bytes=1-", &format!("If-Range: {far}")]).expect(200).text(), "new");
    fresh(&[&format!("If-Modified-Since: {far}")]).expect(200);
}

#[test]
fn ranges_at_the_edges_of_sizes_and_numbers() {
    let web = Web::sharing(&[]);
    web.place.write("file", b"0123456789");
    web.place.write("empty", b"");
    let none = |reply: &Reply| (reply.status, reply.field("Content-Range").map(String::from), reply.text());
    for (spec, expected) in [
        ("0-", "0-9"),
        ("0-0", "0-0"),
        ("9-", "9-9"),
        ("9-9", "9-9"),
        ("9-10", "9-9"),
        ("0-18446744073709551615", "0-9"),
        ("0-18446744073709551616", "0-9"),
        ("5-9223372036854775808", "5-9"),
        ("-1", "9-9"),
        ("-10", "0-9"),
        ("-11", "0-9"),
        ("-18446744073709551615", "0-9"),
        ("-99999999999999999999999", "0-9"),
        ("10-", "416"),
        ("10-10", "416"),
        ("9223372036854775807-", "416"),
        ("9223372036854775808-", "416"),
        ("18446744073709551615-", "416"),
        ("18446744073709551616-", "416"),
        ("18446744073709551615-18446744073709551615", "416"),
        ("-0", "416"),
        ("5-4", "200"),
        ("-", "200"),
        ("+1-2", "200"),
        ("0x0-1", "200"),
        ("--1", "200"),
        ("1.0-2", "200"),
        ("1-2x", "200"),
    ] {
        let reply = web.ask("GET", "/file", &[&format!("Range: bytes={spec}")]);
        let seen = none(&reply);
        let due = match expected {
            "200" => (200, None, "0123456789".to_owned()),
            "416" => (416, Some("bytes */10".to_owned()), seen.2.clone()),
            part => {
                let (first, last) = part.split_once('-').expect("a range");
                let (first, last): (usize, usize) =
                    (first.parse().expect("a number"), last.parse().expect("a number"));
                (206, Some(format!("bytes {part}/10")), "0123456789"[first..=last].to_owned())
            }
        };
        assert_eq!(seen, due, "{spec}");
        let empty = web.ask("GET", "/empty", &[&format!("Range: bytes={spec}")]);
        assert!(
            matches!(empty.status, 200 | 416) && (empty.status != 200 || empty.body.is_empty()),
            "{spec}"
        );
    }
}

#[test]
fn many_ranges_of_a_large_file_cost_little_memory() {
    const SIZE_BYTES: u64 = 4 << 30;
    let web = Web::start(Place::new(), &["--share"], &[]);
    let file = std::fs::File::create(web.place.path("large")).expect("a file");
    file.set_len(SIZE_BYTES).expect("a large file");
    let before = status_kib(web.server.id(), "VmHWM");
    // 1000 overlapping ones are not obeyed; the client has enough after the head.
    for spec in ["0-", "0-4294967295", "-4294967296"] {
        let mut stream = TcpStream::connect(("127.0.0.1", web.port)).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let ranges = vec![spec; 7000 / (spec.len() + 1)].join(",");
        let head =
            format!("GET /large HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nRange: bytes={ranges}\r\n\r\n", web.port);
        stream.write_all(head.as_bytes()).expect("sent");
        let mut head = vec![0; 1 << 20];
        stream.read_exact(&mut head).expect("a megabyte");
        let head = String::from_utf8_lossy(&head[..400]).into_owned();
        assert!(
            head.starts_with("HTTP/1.1 200 ") && head.contains("Content-Length: 4294967296\r\n"),
            "{head}"
        );
    }
    // 16 of a mebibyte each are sent as they are read.
    let specs: Vec<String> =
        (0..16_u64).map(|n| format!("{}-{}", n << 28, (n << 28) + (1 << 20) - 1)).collect();
    let reply = web.ask("GET", "/large", &[&format!("Range: bytes={}", specs.join(","))]).expect(206);
    assert!((16 << 20..(16 << 20) + 4096).contains(&reply.body.len()), "{}", reply.head);
    let grown = status_kib(web.server.id(), "VmHWM") - before;
    assert!(grown < 16 << 10, "{grown} KiB");
}
