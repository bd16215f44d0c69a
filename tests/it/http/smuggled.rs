//! Requests that two servers may read in two ways: alone, behind nginx, and through `serve --socks`. After each of them
//! an honest one on the same connection and on a new one gets its own answer, and no request is seen that no client made.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use rustix::process::Signal;

use super::server;
use crate::faults::siege::Random;
use crate::harness::others;
use crate::harness::{A_WHILE, LIMIT, Running};
use crate::server::http_proxy::ALLOWED;
use crate::transfer::xfer::{is_slow_wanted, serve};

/// Requests drawn besides those of the tables.
const DRAWN: usize = 1500;
/// The outcome of the attempts.
const ODD: &[u8] = b"\0\t\n\r\x0b :;,+-0;1\"\x7f\xa0";

/// Fields, in whose place there may be others: a body that ends where its chunks say, and one that ends where its length
/// says, each with a request that the other reading finds behind it. `LENGTH` is the one that is announced.
/// Then who answers what: `c` is the request itself, `h` the one in or behind its body, `s` an honest one behind all
/// that, `!` a refusal, with which the connection ends.
const FIELDS: &[(&str, &str, &str)] = &[
    ("Content-Length: LENGTH", "cs", "ch!"),
    ("Content-Length:\tLENGTH \t", "cs", "ch!"),
    ("Transfer-Encoding: chunked", "chs", "cs"),
    ("transfer-encoding:CHUNKED", "chs", "cs"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding: chunked", "!", "!"),
    ("Transfer-Encoding: chunked\r\nContent-Length: LENGTH", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding: identity", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding: xchunked", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding : chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding\t: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding: \x0bchunked", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding:\r\n chunked", "!", "!"),
    ("Content-Length: LENGTH\r\n Transfer-Encoding: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nX: y\r\n\tTransfer-Encoding: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nX: y\nTransfer-Encoding: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nX: y\rTransfer-Encoding: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nX: \0\r\nTransfer-Encoding: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer\0-Encoding: chunked", "!", "!"),
    ("Content-Length: LENGTH\r\nTransfer-Encoding: chunked\0", "!", "!"),
    ("Transfer-Encoding: chunked, chunked", "!", "!"),
    ("Transfer-Encoding: chunked, identity", "!", "!"),
    ("Transfer-Encoding: gzip, chunked", "!", "!"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "!", "!"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "!", "!"),
    ("Transfer-Encoding: \"chunked\"", "!", "!"),
    ("Transfer-Encoding:", "!", "!"),
    ("Content-Length: LENGTH\r\nContent-Length: 0", "!", "!"),
    ("Content-Length: 0\r\nContent-Length: LENGTH", "!", "!"),
    ("Content-Length: LENGTH, 0", "!", "!"),
    ("Content-Length: +LENGTH", "!", "!"),
    ("Content-Length: -LENGTH", "!", "!"),
    ("Content-Length: 0xLENGTH", "!", "!"),
    ("Content-Length : LENGTH", "!", "!"),
    ("Content-Length: LENGTH\0", "!", "!"),
    ("Content-Length: LENGTH 0", "!", "!"),
    ("Content-Length: 18446744073709551616LENGTH", "!", "!"),
    ("Content-Length:", "!", "!"),
    (": x\r\nContent-Length: LENGTH", "!", "!"),
    ("X\r\nContent-Length: LENGTH", "!", "!"),
];

/// Bodies in chunks, with what stands behind them.
const CHUNKS: &[(&str, &str)] = &[
    ("0\r\n\r\n", "chs"),
    ("00000\r\n\r\n", "chs"),
    ("A;x=y\r\n0123456789\r\n0;z\r\nX: y\r\n\r\n", "chs"),
    ("0;x=\"\r\n\r\n", "chs"),
    ("0;\n\r\n", "!"),
    ("0;\rx\r\n\r\n", "!"),
    ("0\n\n", "!"),
    ("0\r\n\n", "!"),
    ("0\r\r\n\r\n", "!"),
    (" 0\r\n\r\n", "!"),
    ("+0\r\n\r\n", "!"),
    ("-0\r\n\r\n", "!"),
    ("0x0\r\n\r\n", "!"),
    ("0\0\r\n\r\n", "!"),
    ("\r\n0\r\n\r\n", "!"),
    ("1\r\naa\r\n0\r\n\r\n", "!"),
    ("1\r\na0\r\n\r\n", "!"),
    ("1\na\n0\n\n", "!"),
    ("10000000000000000\r\na\r\n0\r\n\r\n", "!"),
    ("fffffffffffffffff1\r\na\r\n0\r\n\r\n", "!"),
    ("0\r\n X: y\r\n\r\n", "!"),
    ("0\r\nX : y\r\n\r\n", "!"),
];

/// First lines with what follows up to the empty line; `TARGET` is the request's own.
const LINES: &[(&str, &str)] = &[
    ("GET TARGET HTTP/1.1\r\nHost: a\r\n", "chs"),
    ("GET TARGET?b HTTP/1.1\r\nHost: a\r\nX: y:z \t\r\n", "chs"),
    ("GET TARGETLONG HTTP/1.1\r\nHost: a\r\n", "!"),
    ("GET  TARGET HTTP/1.1\r\nHost: a\r\n", "!"),
    ("GET\tTARGET HTTP/1.1\r\nHost: a\r\n", "!"),
    ("GET TARGET x HTTP/1.1\r\nHost: a\r\n", "!"),
    ("GET TARGET\0 HTTP/1.1\r\nHost: a\r\n", "!"),
    ("GET TARGET HTTP/1.1\rHost: a\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\r\nHost: a\r\n", "!"),
    ("GET TARGET HTTP/1.1\nHost: a\r\n", "!"),
    ("GET TARGET HTTP/2.0\r\nHost: a\r\n", "!"),
    ("GET TARGET HTTP/1.10\r\nHost: a\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\n Host: a\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\nHost: a\r\n x\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\nHost: a\r\nX\r\n", "!"),
    ("GET TARGET HTTP/1.1\r\nHost: a\r\nX : y\r\n", "!"),
];

/// A connection's bytes, and what a server alone answers to them, where that is known.
struct Case {
    raw: Vec<u8>,
    due: Option<String>,
}

fn honest(name: &str) -> String {
    format!("GET {name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

/// All of them. Their targets begin with `to`.
fn cases(to: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |text: &dyn Fn(&str, &str) -> String, due: &str| {
        let number = cases.len();
        let own = format!("{to}/c-{number}");
        let raw = text(&own, &format!("GET {to}/h-{number} HTTP/1.1\r\nHost: a\r\n\r\n")).into_bytes();
        cases.push(Case { raw, due: Some(due.to_owned()) });
    };
    let post = |own: &str, fields: &str, body: &str| {
        format!("POST {own} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}")
    };
    for (fields, counted, chunked) in FIELDS {
        add(
            &|own, hidden| {
                let body = format!("0\r\n\r\n{hidden}");
                post(own, &fields.replace("LENGTH", &body.len().to_string()), &body)
            },
            counted,
        );
        add(
            &|own, hidden| {
                post(
                    own,
                    &fields.replace("LENGTH", "4"),
                    &format!("{:02x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len()),
                )
            },
            chunked,
        );
    }
    for (chunks, due) in CHUNKS {
        add(&|own, hidden| post(own, "Transfer-Encoding: chunked", &format!("{chunks}{hidden}")), due);
    }
    for (line, due) in LINES {
        add(
            &|own, hidden| {
                let line = line.replace("LONG", &"x".repeat(8200)).replace("TARGET", own);
                format!("{line}\r\n{hidden}")
            },
            due,
        );
    }
    let (count, mut random) = (cases.len(), Random(7));
    let mut below = |limit: usize| random.below(limit as u64) as usize;
    for number in count..count + DRAWN {
        let like = below(count);
        let text = String::from_utf8_lossy(&cases[like].raw).into_owned();
        let text = text.replace(&format!("/c-{like}"), &format!("/c-{number}"));
        let mut raw = text.replace(&format!("/h-{like}"), &format!("/h-{number}")).into_bytes();
        // The first line is as it is: nginx answers one without a version without a head.
        let first = raw.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let name = format!("/h-{number}").into_bytes();
        for _ in 0..=below(3) {
            let (at, odd) = (first + below(raw.len() - first), ODD[below(ODD.len())]);
            let names = memchr::memmem::find(&raw, &name).map_or(0..0, |start| start..start + name.len() + 1);
            if !names.contains(&at) {
                let taken = below(2);
                raw.splice(at..at + taken, (below(3) > 0).then_some(odd));
            }
        }
        cases.push(Case { raw, due: None });
    }
    cases
}

/// The bytes received until the server ends.
fn answers_to(port: u16, said: &[u8]) -> Vec<(u16, String)> {
    let mut link = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    link.set_nodelay(true).expect("no delay");
    // One that has refused something may have gone.
    let _ = link.write_all(said);
    // A server that waits for more of a body needs the end. nginx takes a half-close for the end, so it comes late.
    link.set_read_timeout(Some(A_WHILE)).expect("a limit");
    let mut got = Vec::new();
    if link.read_to_end(&mut got).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
        let _ = link.shutdown(Shutdown::Write);
        link.set_read_timeout(Some(LIMIT)).expect("a limit");
        // It may be a reset.
        let late = link.read_to_end(&mut got);
        assert!(!late.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "no end");
    }
    parsed(&got)
}

/// Whole answers, one behind the other and nothing else: the status, and the target that each is about.
fn parsed(mut got: &[u8]) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    while !got.is_empty() {
        let text = String::from_utf8_lossy(got);
        let end = memchr::memmem::find(got, b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
        let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no answer: {text}"));
        let length =
            head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let length: usize =
            if status < 200 { 0 } else { length.unwrap_or_else(|| panic!("no length: {text}")) };
        let body = got.get(end + 4..end + 4 + length).unwrap_or_else(|| panic!("cut: {text}"));
        let body = String::from_utf8_lossy(body).into_owned();
        // --whoami: the request follows the first empty line.
        let target = body.split("\n\n").nth(1).filter(|_| status == 200).map(marker).unwrap_or_default();
        got = &got[end + 4 + length..];
        if status >= 200 {
            answers.push((status, target));
        }
    }
    answers
}

/// The first name of a request in a text: `c-12`.
fn marker(text: &str) -> String {
    let start = ["c-", "h-", "s-", "n-"].iter().filter_map(|name| text.find(&format!("/{name}"))).min();
    let name = start.map_or("", |start| &text[start + 1..]);
    let end = name.char_indices().skip(2).find(|(_, c)| !c.is_ascii_digit()).map_or(name.len(), |(at, _)| at);
    name[..end].to_owned()
}

/// The proxy in front of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    None,
    /// It goes on behind an answer that refuses what it has passed on.
    Nginx,
    Proxy,
}

/// Feeds every case to `port`, an honest request behind it on the same connection, and one on a new one.
fn feed(port: u16, to: &str, front: Front) {
    for (number, case) in cases(to).iter().enumerate() {
        let said = [&case.raw[..], honest(&format!("{to}/s-{number}")).as_bytes()].concat();
        let answers = answers_to(port, &said);
        let shown = String::from_utf8_lossy(&case.raw).escape_debug().to_string();
        let mut order = ["c", "h", "s"].iter().map(|name| format!("{name}-{number}"));
        for (at, (status, target)) in answers.iter().enumerate() {
            // A request with an unknown method is complete all the same.
            let is_last = at + 1 == answers.len();
            let is_due = *status == 200 && order.any(|name| name == *target);
            assert!(
                is_due || *status >= 400 && (is_last || *status == 501 || front == Front::Nginx),
                "{shown}: {answers:?}"
            );
        }
        if let (Some(due), true) = (&case.due, front == Front::None) {
            let got = answers.iter().map(|(_, target)| target.get(..1).unwrap_or("!")).collect::<String>();
            assert_eq!(got, *due, "{shown}: {answers:?}");
        }
        let answers = answers_to(port, honest(&format!("{to}/n-{number}")).as_bytes());
        assert_eq!(answers, [(200, format!("n-{number}"))], "after {shown}");
    }
}

/// The answers of a server: statuses, and the names of the requests that it has understood.
fn answered(server: Running) -> Vec<(u16, String)> {
    server.signal(Signal::TERM);
    let log = String::from_utf8(server.finish().expect(143).stdout).expect("text");
    log.lines().map(logged).collect()
}

fn logged(line: &str) -> (u16, String) {
    let after = |key: &str| line.split(key).nth(1).unwrap_or_else(|| panic!("{key}: {line}"));
    let status = after("\"status\":").trim_start_matches('"').get(..3).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{line}")), marker(after("\"target\":")))
}

#[test]
fn a_server_alone_reads_requests_in_one_way() {
    if !is_slow_wanted("hostile requests to a server alone") {
        return;
    }
    let (_server, port) = server(&["--whoami"]);
    feed(port, "", Front::None);
}

#[test]
fn nginx_and_its_upstream_server_see_the_same_requests() {
    if !is_slow_wanted("hostile requests to a server behind nginx") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (server, port) = server(&["--whoami", "--log", "json"]);
    let log = folder.path().join("access");
    let before = format!(
        "log_format passed escape=json '{{\"target\":\"$request_uri\",\"status\":\"$upstream_status\"}}';
        ignore_invalid_headers off; underscores_in_headers on;
        upstream hello {{ server 127.0.0.1:{port}; keepalive 1; }}"
    );
    // It keeps what it can of the fields, and one connection.
    let block = format!(
        "access_log {} passed; location / {{ proxy_pass http://hello; proxy_http_version 1.1;
        proxy_set_header Connection \"\"; proxy_ignore_client_abort on; }}",
        log.display()
    );
    let Some((nginx, front)) = others::nginx(folder.path(), &before, &block) else { return };
    feed(front, "", Front::Nginx);
    nginx.signal(Signal::TERM);
    nginx.finish();
    let passed = std::fs::read_to_string(log).expect("a log");
    let passed = passed.lines().filter(|line| !line.contains("\"status\":\"\""));
    let passed: Vec<_> = passed.map(logged).collect();
    let seen = answered(server);
    assert_eq!(passed.len(), seen.len());
    let mut rest: VecDeque<_> = seen.iter().collect();
    for passed in &passed {
        // It has no name for what it refuses. nginx may write of two connections in the other order.
        let fits = |seen: &&(u16, String)| passed.0 == seen.0 && (passed.1 == seen.1 || seen.1.is_empty());
        let at = rest.iter().take(2).position(fits);
        assert!(at.and_then(|at| rest.remove(at)).is_some(), "{passed:?} is {:?}", rest.front());
    }
    assert!(seen.iter().any(|(_, name)| name.starts_with('h')), "nothing was found after a request");
}

#[test]
fn a_proxy_forwards_one_request_and_nothing_after_it() {
    if !is_slow_wanted("hostile requests to a proxy") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("record");
    let (server, port) = server(&["--whoami", "--log", "json"]);
    // The server reads no second request, so further ones are recorded on their way to it.
    let name = format!("127.0.0.1:{port}");
    let way = serve(&["--forward", &name, "--tee-in", record.to_str().expect("UTF-8")]);
    let proxy = serve(&ALLOWED);
    let to = format!("http://127.0.0.1:{}", way.port());
    feed(proxy.port(), &to, Front::Proxy);
    let seen = answered(server);
    let behind: Vec<_> = seen.iter().filter(|(_, name)| !name.starts_with(['c', 'n'])).collect();
    assert!(behind.iter().all(|(status, name)| *status >= 400 && name.is_empty()), "{behind:?}");
    assert!(seen.iter().any(|(_, name)| name.starts_with('c')), "nothing was passed on");
    let record = std::fs::read(record).expect("a record");
    assert!(memchr::memmem::find(&record, b"GET /n-0 ").is_some(), "nothing was written down");
    // The bodies of the tables' requests are whole: what is behind them is in none.
    for number in
        cases(&to).iter().enumerate().filter(|(_, case)| case.due.is_some()).map(|(number, _)| number)
    {
        let found = memchr::memmem::find(&record, format!("/s-{number} ").as_bytes());
        assert!(found.is_none(), "s-{number} was passed on");
    }
}
