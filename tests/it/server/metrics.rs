//! `--metrics`: the counts of a server after real traffic, and a page that is nobody's client.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::datagram::listen::{client, heard};
use crate::harness::identity::IdentityFiles;
use crate::harness::link::Link;
use crate::harness::others::{free_port, installed};
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, start, wait_until};
use crate::secure::scene::User;
use crate::transfer::xfer::{Place, address, is_slow_wanted, run, serve};
use crate::web::{Reply, exchange};

const PAGE: &str = "--metrics=127.0.0.1:0";

/// The port of the page.
#[track_caller]
fn page_port(server: &Running) -> u16 {
    let find = |text: &str| {
        let url = text.lines().find_map(|line| line.strip_prefix("metrics: http://127.0.0.1:"))?;
        url.strip_suffix("/metrics")?.parse().ok()
    };
    let is_there = |bytes: &[u8], ended| ended || find(&String::from_utf8_lossy(bytes)).is_some();
    server.stderr.wait(LIMIT, is_there);
    find(&server.stderr.text()).unwrap_or_else(|| panic!("no page: {}", server.stderr.text()))
}

#[track_caller]
fn ask(port: u16, request: &str) -> Reply {
    let bytes = exchange(
        port,
        format!("{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    Reply::parse(&bytes, request.starts_with("HEAD "))
}

fn page(port: u16) -> String {
    ask(port, "GET /metrics").expect(200).text()
}

/// Waits until the page has each of these lines, without `sendall_`. A session is counted when the server has seen its end.
#[track_caller]
fn expect(port: u16, lines: &[&str]) {
    let mut text = String::new();
    let has_all = wait_until(LIMIT, || {
        text = page(port);
        let has = |wanted: &&str| text.lines().any(|line| line.strip_prefix("sendall_") == Some(wanted));
        lines.iter().all(has)
    });
    assert!(has_all, "{lines:?} are not all in\n{text}");
}

/// Asserts that Prometheus' own checker has no complaint.
#[track_caller]
fn check(page: &str) {
    let Some(promtool) = installed("promtool") else { return };
    let input = In::Bytes(page.as_bytes().to_vec());
    let finished =
        start(promtool.to_str().expect("UTF-8"), &["check", "metrics"], input, Out::Collect).finish();
    assert!(finished.code == 0 && finished.stderr.is_empty(), "{}\n{page}", finished.stderr);
}

#[test]
fn clients_sessions_and_bytes_are_exact() {
    let server = serve(&["--echo", "--max-per-source=2", PAGE]);
    let (port, page) = (server.port(), page_port(&server));
    expect(page, &["clients_connected 0", "clients_limit 16384", "connections_accepted_total 0"]);
    let mut clients = [Link::connect(port), Link::connect(port)];
    for (client, size) in clients.iter_mut().zip([1000, 200_345]) {
        client.send(&payload(size));
        client.expect(&payload(size));
    }
    assert_eq!(run(&["connect", &address(&server)]).code, 5);
    expect(
        page,
        &["clients_connected 2", "received_bytes_total 201345", "refusals_total{reason=\"per_source\"} 1"],
    );
    let [one, other] = clients;
    one.end();
    other.reset();
    expect(
        page,
        &[
            "clients_connected 0",
            "connections_accepted_total 3",
            "sessions_total{outcome=\"ok\"} 1",
            "sessions_total{outcome=\"lost\"} 1",
            "sessions_total{outcome=\"left\"} 0",
            "received_bytes_total 201345",
            "sent_bytes_total 201345",
        ],
    );
    check(&self::page(page));
}

#[test]
fn a_refusal_has_its_reason() {
    let identity = IdentityFiles::new();
    let tls = identity.shown();
    let rows: [(&[&str], &[u8], &str); 5] = [
        (&["--deny=127.0.0.1"], b"", "denied"),
        (&["--max-clients=1", "--full=refuse"], b"", "full"),
        (&["--accept-proxy-protocol"], b"GET / HTTP/1.1\r\n\r\n", "proxy_header"),
        (&tls, b"no hello of TLS\r\n", "tls"),
        (&["--code"], b"no hello of TLS\r\n", "tls"),
    ];
    for (options, bytes, reason) in rows {
        let user = User::with("zebra-actor-lunar");
        let server = user.start(&[&["serve", "127.0.0.1:0", "--echo", PAGE], options].concat(), In::Null);
        let (port, page) = (server.port(), page_port(&server));
        let _held = (reason == "full").then(|| {
            let held = Link::connect(port);
            expect(page, &["clients_connected 1"]);
            held
        });
        let mut client = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        // One that is refused at once may be gone.
        let _ = client.write_all(bytes);
        let _ = client.read_to_end(&mut Vec::new());
        expect(
            page,
            &[&format!("refusals_total{{reason=\"{reason}\"}} 1"), "sessions_total{outcome=\"ok\"} 0"],
        );
    }
}

#[test]
fn admission_counts_who_is_not_admitted() {
    let user = User::with("zebra-actor-lunar");
    let (here, there) = (Place::new(), Place::new());
    let server = user.serve(&["--store", there.arg(), PAGE]);
    let page = page_port(&server.running);
    let file = here.write("file", b"12345");
    for (code, exit) in [("zebra-actor-zoo", 8), ("zebra-actor-lunar", 0)] {
        let finished = User::with(code).run(&["upload", &file, &server.address]);
        assert_eq!(finished.code, exit, "{}", finished.stderr);
    }
    expect(
        page,
        &[
            "refusals_total{reason=\"admission\"} 1",
            "sessions_total{outcome=\"ok\"} 1",
            "received_bytes_total 5",
            "clients_connected 0",
            "clients_waiting{queue=\"admission\"} 0",
        ],
    );
}

#[test]
fn bytes_of_files_are_those_of_their_content() {
    let (here, there) = (Place::new(), Place::new());
    let files = [here.write("big", &payload(9_000_000)), here.write("small", b"12345")];
    let server = serve(&["--store", there.arg(), "--share", there.arg(), "--http", PAGE]);
    let (to, page) = (address(&server), page_port(&server));
    let uploaded = run(&["upload", &files[0], &files[1], &to]);
    assert_eq!(uploaded.code, 0, "{}", uploaded.stderr);
    expect(page, &["received_bytes_total 9000005", "sent_bytes_total 0", "sessions_total{outcome=\"ok\"} 1"]);
    let downloaded = run(&["download", &to, "-o", here.arg(), "--force"]);
    assert_eq!(downloaded.code, 0, "{}", downloaded.stderr);
    std::fs::remove_file(here.path("big")).expect("removed");
    assert_eq!(run(&["download", &to, "big", "-o", here.arg()]).code, 0);
    expect(page, &["sent_bytes_total 9000000", "sessions_total{outcome=\"ok\"} 3"]);
    // The same by HTTP.
    let get = |request: &str| ask(server.port(), request);
    get("GET /small").expect(200);
    get("HEAD /big").expect(200);
    let missing = get("GET /missing").expect(404).body.len();
    let to = server.port();
    let put = format!(
        "PUT /put HTTP/1.1\r\nHost: 127.0.0.1:{to}\r\nConnection: close\r\nContent-Length: 7\r\n\r\n1234567"
    );
    let put = Reply::parse(&exchange(to, put.as_bytes()), false).expect(201).body.len();
    expect(
        page,
        &[
            "http_responses_total{code=\"200\"} 2",
            "http_responses_total{code=\"201\"} 1",
            "http_responses_total{code=\"404\"} 1",
            "received_bytes_total 9000012",
            &format!("sent_bytes_total {}", 9_000_005 + missing + put),
            "sessions_total{outcome=\"ok\"} 7",
            "clients_connected 0",
        ],
    );
    check(&self::page(page));
}

#[test]
fn datagrams_are_counted_where_they_end() {
    let options = ["udp-listen", "127.0.0.1:0", "--echo", "--max-size=10", "--deny=127.0.0.2", PAGE];
    let listener = sendall(&options, In::Null, Out::Collect);
    let (target, page) = (address(&listener), page_port(&listener));
    let relay = sendall(
        &["serve", "udp:127.0.0.1:0", "--forward", &format!("udp:{target}"), PAGE],
        In::Null,
        Out::Collect,
    );
    let (through, relayed) = (client(&address(&relay)), page_port(&relay));
    for text in ["one", "three"] {
        through.send(text.as_bytes()).expect("sent");
        assert_eq!(heard(&through), text.as_bytes());
    }
    let direct = client(&target);
    direct.send(b"more than ten").expect("sent");
    direct.send(b"last").expect("sent");
    assert_eq!(heard(&direct), b"last");
    expect(
        page,
        &[
            "datagrams_received_total 3",
            "datagrams_sent_total 3",
            "datagrams_dropped_total{reason=\"too_large\"} 1",
            "datagrams_dropped_total{reason=\"kernel\"} 0",
            "received_bytes_total 12",
            "sent_bytes_total 12",
        ],
    );
    expect(
        relayed,
        &[
            "datagrams_received_total 2",
            "datagrams_sent_total 2",
            "received_bytes_total 8",
            "sent_bytes_total 8",
            "flows 1",
            "flows_opened_total 1",
        ],
    );
    for page in [page, relayed] {
        check(&self::page(page));
    }
}

#[test]
fn answers_of_all_threads_are_counted_by_status() {
    let options = ["http-hello", "127.0.0.1:0", "--workers=3", "--path=/health=204", PAGE];
    let server = sendall(&options, In::Null, Out::Collect);
    let (port, page) = (server.port(), page_port(&server));
    for _ in 0..6 {
        ask(port, "GET /").expect(200);
        ask(port, "GET /health").expect(204);
    }
    ask(port, "HEAD /").expect(200);
    let post = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\n12345";
    Reply::parse(&exchange(port, post), false).expect(200);
    let refused = Reply::parse(&exchange(port, b"\0\r\n\r\n"), false).expect(400).body.len();
    expect(
        page,
        &[
            "http_responses_total{code=\"200\"} 8",
            "http_responses_total{code=\"204\"} 6",
            "http_responses_total{code=\"400\"} 1",
            "received_bytes_total 5",
            &format!("sent_bytes_total {}", 7 * 13 + refused),
            "connections_accepted_total 15",
            "sessions_total{outcome=\"ok\"} 15",
        ],
    );
    check(&self::page(page));
}

#[test]
fn the_page_is_all_there_is() {
    let server = serve(&["--echo", PAGE]);
    let page = page_port(&server);
    let read = ask(page, "GET /metrics?x=1").expect(200);
    assert_eq!(read.field("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let head = ask(page, "HEAD /metrics").expect(200);
    assert!(head.body.is_empty() && head.field("Content-Length").is_some(), "{}", head.head);
    for path in ["/", "/metrics/", "/other", "/metric"] {
        ask(page, &format!("GET {path}")).expect(404);
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "ODD"] {
        let reply = ask(page, &format!("{method} /metrics")).expect(405);
        assert_eq!(reply.field("Allow"), Some("GET, HEAD"));
    }
    let body = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx";
    Reply::parse(&exchange(page, body), false).expect(413);
    Reply::parse(&exchange(page, b"GET /metrics HTTP/1.1\r\n\r\n"), false).expect(400);
    Reply::parse(&exchange(page, b"GET  /metrics\r\n\r\n"), false).expect(400);
    // Nobody who reads it is a client.
    expect(page, &["connections_accepted_total 0", "sent_bytes_total 0", "sessions_total{outcome=\"ok\"} 0"]);
}

#[test]
fn readers_delay_nobody_and_keep_no_server_alive() {
    let place = Place::new();
    let unix = format!("--metrics=unix:{}", place.at("page"));
    for options in [&["--echo", "--count=1"][..], &[]] {
        let server = serve(&[options, &[&unix]].concat());
        let port = server.port();
        // More than may be there at a time. None of them reads, and none has the end of its request.
        let mut readers: Vec<UnixStream> =
            (0..40).map(|_| UnixStream::connect(place.path("page")).expect("a connection")).collect();
        for reader in &mut readers {
            reader.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n").expect("sent");
        }
        readers[0].write_all(b"\r\n").expect("sent");
        let mut byte = [0];
        readers[0].read_exact(&mut byte).expect("an answer");
        let mut client = Link::connect(port);
        client.send(b"x");
        client.end();
        client.expect_all(if options.is_empty() { b"" } else { b"x" });
        drop(client);
        let finished = server.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(!place.path("page").exists());
        readers.iter().for_each(|reader| drop(reader.shutdown(Shutdown::Both)));
    }
}

#[test]
fn a_page_that_cannot_be_bound_is_a_failure_at_the_start() {
    let (place, here) = (Place::new(), "127.0.0.1:0");
    let commands: [&[&str]; 4] = [
        &["serve", here, "--echo"],
        &["serve", "udp:127.0.0.1:0", "--forward=udp:127.0.0.1:9"],
        &["udp-listen", here],
        &["http-hello", here],
    ];
    for command in commands {
        for (endpoint, code, words) in [
            ("192.0.2.1:0", 3, "--metrics: cannot listen on 192.0.2.1:0"),
            (&format!("unix:{}", place.at("no/such/folder")), 3, "--metrics: cannot listen on unix:"),
            ("stdio:", 2, "--metrics: 'stdio:' is not for HTTP"),
            ("unix-seqpacket:/x", 2, "is not for HTTP"),
            ("http", 2, "--metrics: "),
        ] {
            let finished = run(&[command, &["--metrics", endpoint]].concat());
            assert_eq!(finished.code, code, "{endpoint}: {}", finished.stderr);
            assert!(
                finished.stderr.contains(words) && finished.stderr.lines().count() == 1,
                "{}",
                finished.stderr
            );
        }
    }
}

#[test]
fn prometheus_scrapes_it() {
    if !is_slow_wanted("a real Prometheus") {
        return;
    }
    let Some(prometheus) = installed("prometheus") else { return };
    let (place, server) = (Place::new(), serve(&["--echo", PAGE]));
    let mut client = Link::connect(server.port());
    client.send(b"12345");
    client.expect(b"12345");
    let target = format!("127.0.0.1:{}", page_port(&server));
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: sendall\n    static_configs:\n      - targets: ['{target}']\n"
    );
    let (config, port) = (place.write("prometheus.yml", config.as_bytes()), free_port());
    let options = [
        format!("--config.file={config}"),
        format!("--storage.tsdb.path={}", place.at("data")),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let running = start(prometheus.to_str().expect("UTF-8"), &options, In::Null, Out::Collect);
    let query = "GET /api/v1/query?query=sendall_received_bytes_total HTTP/1.0\r\n\r\n";
    let mut answer = String::new();
    let is_there = wait_until(3 * LIMIT, || {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
        answer.clear();
        let asked = stream.write_all(query.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        asked.is_ok() && answer.contains(",\"5\"]")
    });
    assert!(is_there && answer.contains(&target), "{answer}\n{}", running.stderr.text());
    running.signal(Signal::TERM);
    running.finish();
}
