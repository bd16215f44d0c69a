//! Real clients, where they are installed.

use std::process::{Command, Stdio};

use super::{Client, server};
use crate::harness::Running;
use crate::harness::others::{self, installed};

/// The output of a program, if it is installed.
fn run(program: &str, args: &[&str]) -> Option<String> {
    installed(program)?;
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().expect("started");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {text}");
    Some(text)
}

#[test]
fn curl() {
    let (_running, port) = server(&["--echo", "--path", "/hello=200:hi"]);
    let url = format!("http://127.0.0.1:{port}");
    let hello = format!("{url}/hello");
    let Some(text) = run("curl", &["-sSf", &hello, &hello, "-w", "%{num_connects}"]) else { return };
    assert_eq!(text, "hi1hi0");
    for version in ["--http1.0", "--http1.1", "--http2"] {
        assert_eq!(run("curl", &["-sSf", version, &hello]).as_deref(), Some("hi"), "{version}");
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "x".repeat(500_000)).expect("written");
    let from = format!("@{}", file.path().display());
    // A body of this size is announced with Expect: 100-continue.
    let options = [
        "-sSf",
        "-H",
        "Expect: 100-continue",
        "--data-binary",
        &from,
        &url,
        "-o",
        "/dev/null",
        "-w",
        "%{size_download} %{time_total}",
    ];
    let text = run("curl", &options).expect("curl");
    let (size, seconds) = text.split_once(' ').expect("two numbers");
    assert!(size == "500000" && seconds.parse::<f64>().expect("a time") < 0.9, "{text}");
    let chunked = ["-sSf", "-H", "Transfer-Encoding: chunked", "--data-binary", "abc", &url];
    assert_eq!(run("curl", &chunked).as_deref(), Some("abc"));
    assert!(run("curl", &["-sSI", &hello]).expect("curl").contains("Content-Length: 2"));
    // Through a proxy the absolute form is sent: here the proxy is the server.
    assert_eq!(run("curl", &["-sSf", "-x", &url, "http://elsewhere.example/hello"]).as_deref(), Some("hi"));
}

#[test]
fn python() {
    let (_running, port) = server(&["--echo"]);
    let script = "
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
for n in range(50):
    c.request('POST', '/', body=b'x' * n)
    assert c.getresponse().read() == b'x' * n
c.request('POST', '/', body=iter([b'a', b'bc']), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
assert c.getresponse().read() == b'abc'
c.request('HEAD', '/')
r = c.getresponse()
assert r.status == 200 and r.read() == b''
c.request('OPTIONS', '*')
assert c.getresponse().status == 204
print('ok')
";
    if let Some(text) = run("python3", &["-c", script, &port.to_string()]) {
        assert_eq!(text, "ok\n");
    }
}

#[test]
fn clients_of_too_large_uploads_get_the_answer() {
    let (_running, port) = server(&[]);
    let python = "
import http.client, sys
for size in [5_000_000] * 5 + [50_000_000]:
    c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
    c.request('POST', '/', body=b'x' * size)
    assert c.getresponse().status == 413
print('ok')
";
    let node = "
const ask = (size, next) => require('http').request({port: process.argv[1], method: 'POST',
    headers: {'Content-Length': size}}, (r) => { if (r.statusCode != 413) throw r.statusCode; r.resume(); r.on('end', next) })
    .end(Buffer.alloc(size));
const all = [5e6, 5e6, 5e6, 5e6, 5e6, 5e7];
const next = () => all.length ? ask(all.pop(), next) : console.log('ok');
next();
";
    for (program, flag, script) in [("python3", "-c", python), ("node", "-e", node)] {
        if let Some(text) = run(program, &[flag, script, &port.to_string()]) {
            assert_eq!(text, "ok\n", "{program}");
        }
    }
}

#[test]
fn wrk_and_ab() {
    let (_running, port) = server(&["--workers", "2"]);
    let url = format!("http://127.0.0.1:{port}/");
    if let Some(text) = run("wrk", &["-t1", "-c20", "-d1s", &url]) {
        assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
        assert!(!text.contains(" 0 requests in"), "{text}");
    }
    for keep in [&["-k"][..], &[]] {
        if let Some(text) = run("ab", &[keep, &["-q", "-n2000", "-c20", &url]].concat()) {
            assert!(text.contains("Failed requests:        0\n"), "{text}");
            assert!(text.contains("Complete requests:      2000\n") && !text.contains("Non-2xx"), "{text}");
            assert_eq!(text.contains("Keep-Alive requests:    2000\n"), !keep.is_empty(), "{text}");
        }
    }
}

/// nginx in front of a server, over connections that are kept.
fn nginx(folder: &std::path::Path, upstream: u16) -> Option<(Running, u16)> {
    let before = format!("upstream hello {{ server 127.0.0.1:{upstream}; keepalive 4; }}");
    let block = "location / { proxy_pass http://hello; proxy_http_version 1.1;
        proxy_set_header Connection \"\"; proxy_set_header X-Real-IP $remote_addr; }";
    others::nginx(folder, &before, block)
}

#[test]
fn behind_nginx() {
    let folder = tempfile::tempdir().expect("a folder");
    let (running, port) = server(&["--whoami", "--path", "/e=503", "--log", "json"]);
    let Some((_nginx, front)) = nginx(folder.path(), port) else { return };
    // nginx takes a client's half-close for its end.
    let ask = |request: String| {
        let mut client = Client::new(front);
        client.say(request.as_bytes());
        client.rest()
    };
    for number in 0..20 {
        let answer =
            ask(format!("GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Test: ä\r\n\r\n"));
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\nX-Real-IP: 127.0.0.1\n"),
            "{answer}"
        );
    }
    assert!(ask("GET /e HTTP/1.0\r\n\r\n".into()).starts_with("HTTP/1.1 503 "));
    let chunks = "POST /up HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc";
    assert!(ask(chunks.into()).contains("POST /up HTTP/1.1\n"));
    running.signal(rustix::process::Signal::TERM);
    let log = String::from_utf8(running.finish().expect(143).stdout).expect("text");
    let peers: std::collections::BTreeSet<&str> =
        log.lines().filter_map(|line| line.split("\"peer\":\"").nth(1)?.split('"').next()).collect();
    assert_eq!((log.lines().count(), peers.len()), (22, 1), "the connection was not kept: {log}");
}

#[test]
fn chromium_shows_the_page() {
    let (_running, port) = server(&["--whoami"]);
    let url = format!("http://127.0.0.1:{port}/<script>document.title='hacked'</script>?a=%3Cb%3E");
    let options =
        ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom", &url];
    let folder = tempfile::tempdir().expect("a folder");
    let profile = format!("--user-data-dir={}", folder.path().display());
    let Some(text) = run("chromium", &[&options[..], &[&profile]].concat()) else { return };
    assert!(
        text.contains("<h1>Your request has arrived</h1>") && text.contains("<td>Mozilla/5.0 "),
        "{text}"
    );
    assert!(text.contains("<title>GET at ") && !text.contains("<script"), "{text}");
}
