//! The responses with each option.

use std::time::Duration;

use super::{Client, ask, body, get, server};

use crate::harness::{In, Out, assert_within, now, sendall};

#[test]
fn the_greeting_is_whole() {
    let (_running, port) = server(&[]);
    let answer = get(port, "/", "");
    let lines: Vec<&str> = answer.split("\r\n").collect();
    assert_eq!(lines[0], "HTTP/1.1 200 OK");
    assert!(lines[1].starts_with("Date: ") && lines[1].ends_with(" GMT") && lines[1].len() == 35, "{answer}");
    assert_eq!(
        &lines[2..],
        ["Content-Type: text/plain; charset=utf-8", "Content-Length: 13", "", "Hello, World\n"]
    );
    let head = ask(port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with(&head[..20]) && head.ends_with("Content-Length: 13\r\n\r\n"), "{head}");
    let options = ask(port, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        options.starts_with("HTTP/1.1 204 No Content\r\n") && options.contains("\r\nAllow: GET, HEAD, "),
        "{options}"
    );
    assert!(!options.contains("Content-Length"), "{options}");
}

#[test]
fn answers_to_http_1_0_have_a_connection_field() {
    let (_running, port) = server(&[]);
    let kept = ask(port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(kept.contains("\r\nConnection: keep-alive\r\n"), "{kept}");
    let mut client = Client::new(port);
    client.say(b"GET / HTTP/1.0\r\n\r\n");
    let closed = client.rest();
    assert!(closed.contains("\r\nConnection: close\r\n") && closed.ends_with("Hello, World\n"), "{closed}");
}

#[test]
fn status_body_type_and_fields_are_chosen() {
    let (_running, port) = server(&[
        "--status",
        "503",
        "--body",
        r"back\nsoon",
        "--type",
        "text/html",
        "--header",
        "Retry-After: 60",
    ]);
    let answer = get(port, "/x?y", "");
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(
        answer.contains("\r\nContent-Type: text/html\r\n") && answer.contains("\r\nRetry-After: 60\r\n"),
        "{answer}"
    );
    assert_eq!(body(&answer), "back\nsoon");
}

#[test]
fn a_large_body_comes_from_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let content = "0123456789abcde\n".repeat(500_000);
    std::fs::write(file.path(), &content).expect("written");
    let option = format!("@{}", file.path().display());
    let (_running, port) = server(&["--body", &option]);
    let answers = ask(port, &"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
    assert_eq!(answers.matches("Content-Length: 8000000\r\n").count(), 3);
    assert!(answers.ends_with(&content) && answers.len() > 24_000_000);
    let head = ask(port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(head.ends_with("Content-Length: 8000000\r\n\r\n"));
}

#[test]
fn paths_have_answers_of_their_own() {
    let (_running, port) = server(&[
        "--path",
        "/health=204",
        "--path",
        "/ready=503",
        "--path",
        r"/v=200:1.2:3=4\n",
        "--not-found",
    ]);
    for (path, status, text) in [
        ("/", "200 OK", "Hello, World\n"),
        ("/health", "204 No Content", ""),
        ("/health?probe=1", "204 No Content", ""),
        ("http://a/health", "204 No Content", ""),
        ("/ready", "503 Service Unavailable", "503 Service Unavailable\n"),
        ("/v", "200 OK", "1.2:3=4\n"),
        ("/health/", "404 Not Found", "404 Not Found\n"),
    ] {
        let answer = get(port, path, "");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {answer}");
        assert_eq!(body(&answer), text, "{path}");
    }
}

#[test]
fn a_body_is_sent_back() {
    let (_running, port) = server(&["--echo"]);
    let answer =
        ask(port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\na\r\n\0b");
    assert!(answer.contains("\r\nContent-Type: a/b\r\n"), "{answer}");
    assert_eq!(body(&answer), "a\r\n\0b");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\nT: u\r\n\r\n";
    assert_eq!(body(&ask(port, chunked)), "abc");
    assert_eq!(body(&get(port, "/", "")), "");
    let large = "x".repeat(1 << 20);
    let answer = ask(port, &format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n{large}"));
    assert!(body(&answer) == large, "{} bytes", answer.len());
}

#[test]
fn a_request_is_shown_in_three_forms() {
    let (_running, port) = server(&["--whoami", "--path", "/health=204"]);
    let hostile = "X-Evil: <script>alert(1)</script>\u{202e}\r\n";
    let text = get(port, "/a?b=<c>", hostile);
    assert!(
        body(&text).starts_with("Host name: ") && text.contains("\nGET /a?b=<c> HTTP/1.1\nHost: a\n"),
        "{text}"
    );
    assert!(text.contains(&format!("\nLocal: 127.0.0.1:{port}\n")) && !text.contains('\u{202e}'), "{text}");
    let json = get(port, "/a", &format!("Accept: application/json\r\n{hostile}"));
    let value: serde_json::Value = serde_json::from_str(body(&json)).expect("JSON");
    assert_eq!(value["headers"][2]["value"], r"<script>alert(1)</script>\u{202e}");
    assert_eq!(value["local"], format!("127.0.0.1:{port}"));
    let html = get(port, "/<b>", &format!("Accept: text/html\r\n{hostile}"));
    assert!(
        html.contains("\r\nContent-Security-Policy: default-src 'none'") && html.contains("nosniff"),
        "{html}"
    );
    assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains('\u{202e}'), "{html}");
    assert!(get(port, "/health", "").starts_with("HTTP/1.1 204 "));
}

#[test]
fn an_answer_can_be_delayed() {
    let (_running, port) = server(&["--delay", "300ms"]);
    let start = now();
    let answers = ask(port, &"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2);
    assert!(start.elapsed().as_millis() >= 600, "{:?}", start.elapsed());
    assert_within(start, Duration::from_secs(5));
}

#[test]
fn without_an_endpoint_it_is_this_machine_on_port_8080() {
    let running = sendall(&["http-hello"], In::Null, Out::Collect);
    // The port may be in use: then the error line names it.
    running.stderr.wait(crate::harness::LIMIT, |bytes, ended| ended || bytes.ends_with(b"\n"));
    assert!(running.stderr.text().contains("127.0.0.1:8080"), "{}", running.stderr.text());
}

#[test]
fn usage_errors_name_what_to_type() {
    for (options, hint) in [
        (&["--status", "99"][..], "from 200 to 599"),
        (&["--status", "204", "--body", "x"], "leave --body out"),
        (&["--header", "X"], "Cache-Control: no-store"),
        (&["--header", "Content-Length: 3"], "set by the server"),
        (&["--header", "X: a\r\nY: b"], "type a name"),
        (&["--type", ""], "text/html"),
        (&["--path", "health=204"], "/health=204"),
        (&["--path", "/health"], "/health=204"),
        (&["--path", "/a=200", "--path", "/a=204"], "twice"),
        (&["--path", "/a=204:x"], "has no body"),
        (&["--workers", "0"], "auto"),
        (&["--body", "@/nonexistent"], "--body /nonexistent"),
        (&["--whoami", "--echo"], "cannot be used"),
        (&["--count", "0"], "0"),
        (&["http://127.0.0.1:1/x"], "type its host and port"),
    ] {
        let finished =
            sendall(&[&["http-hello"], options].concat(), In::Null, Out::Collect).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{options:?}: {}", finished.stderr);
    }
}

#[test]
fn a_refused_head_has_no_body() {
    let (_running, port) = server(&["--header-timeout", "300ms", "--idle-timeout", "300ms"]);
    for (rest, status) in [
        ("/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "413"),
        ("/ HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", "417"),
        ("/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "400"),
        ("/ HT", "400"),
    ] {
        let answer = ask(port, &format!("HEAD {rest}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && body(&answer).is_empty(), "{answer}");
        assert!(!body(&ask(port, &format!("GET {rest}"))).is_empty(), "{rest}");
    }
    for late in ["HEAD / HT", "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"] {
        let mut client = Client::new(port);
        client.say(late.as_bytes());
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 408 ") && body(&answer).is_empty(), "{answer}");
    }
}

#[test]
fn the_answer_to_a_too_large_body_has_the_limit() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(30_000_000).expect("a size");
    let option = format!("@{}", file.path().display());
    let args = ["http-hello", "--body", &option];
    let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("16 MiB"), "{}", finished.stderr);
}

#[test]
fn a_part_of_something_is_not_put() {
    let (_running, port) = server(&[]);
    let put = |field: &str| format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n{field}\r\nab");
    let answer = ask(port, &put("content-range: bytes 0-1/9\r\n"));
    assert!(answer.starts_with("HTTP/1.1 400 ") && !answer.contains("Connection: close"), "{answer}");
    assert!(ask(port, &put("")).starts_with("HTTP/1.1 200 "));
}
