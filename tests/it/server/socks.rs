//! `serve --socks`, with curl, ncat, socat and raw bytes as its clients.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::harness::link::{Link, TestListener};
use crate::harness::others::{installed, may_have_a_network};
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, sendall, silent_port, start, wait_until};
use crate::transfer::xfer::{Place, serve};

const ALLOWED: [&str; 5] = ["--socks", "--allow-target", "127.0.0.0/8", "--allow-target", "::1"];

/// Starts an HTTP server on a thread. Returns its port.
fn web(body: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.expect("a client");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                head.push(byte[0]);
            }
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(&[answer.as_bytes(), body].concat());
        }
    });
    port
}

fn curl(options: &[&str], url: &str) -> Finished {
    let args =
        [&["-sS", "--max-time", "15", "--noproxy", "", "-w", " %{http_connect}"], options, &[url]].concat();
    start("curl", &args, In::Null, Out::Collect).finish()
}

fn users(place: &Place) -> String {
    std::fs::write(place.path("users"), "# who may\nann:se:cret\nbob:b\n").expect("written");
    place.path("users").display().to_string()
}

#[test]
fn curl_goes_through_in_every_way() {
    if installed("curl").is_none() {
        return;
    }
    let port = web(b"hello");
    let server = serve(&ALLOWED);
    let proxy = format!("127.0.0.1:{}", server.port());
    let http = format!("http://{proxy}");
    for (options, host, expected) in [
        (&["--socks5-hostname", &proxy][..], "localhost", "hello 000"),
        (&["--socks5", &proxy], "localhost", "hello 000"),
        (&["--socks5", &proxy], "127.0.0.1", "hello 000"),
        (&["--socks4", &proxy], "127.0.0.1", "hello 000"),
        (&["--socks4a", &proxy], "localhost", "hello 000"),
        (&["--proxytunnel", "--proxy", &http], "localhost", "hello 200"),
        (&["--proxytunnel", "--proxy1.0", &proxy], "127.0.0.1", "hello 200"),
    ] {
        let finished = curl(options, &format!("http://{host}:{port}/"));
        assert_eq!(finished.code, 0, "{options:?}: {}", finished.stderr);
        assert_eq!(String::from_utf8_lossy(&finished.stdout), expected, "{options:?}");
    }
    // Without a tunnel.
    let finished = curl(&["--proxy", &http], &format!("http://127.0.0.1:{port}/"));
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "hello 000", "{}", finished.stderr);
}

#[test]
fn curl_gives_a_user_and_a_password() {
    if installed("curl").is_none() {
        return;
    }
    let (place, port) = (Place::new(), web(b"hello"));
    let server = serve(&[&ALLOWED[..], &["--socks-users", &users(&place)]].concat());
    let url = format!("http://127.0.0.1:{port}/");
    for (user, expected) in [("ann:se:cret@", true), ("bob:b@", true), ("bob:se:cret@", false), ("", false)] {
        let socks = format!("socks5h://{user}127.0.0.1:{}", server.port());
        let finished = curl(&["--proxy", &socks], &url);
        assert_eq!(finished.stdout.starts_with(b"hello"), expected, "{user}: {}", finished.stderr);
        assert_eq!(finished.code, if expected { 0 } else { 97 }, "{}", finished.stderr);
        let http = format!("http://{user}127.0.0.1:{}", server.port());
        let finished = curl(&["--proxytunnel", "--proxy", &http], &url);
        let status: &[u8] = if expected { b"hello 200" } else { b" 407" };
        assert_eq!(finished.stdout, status, "{user}: {}", finished.stderr);
    }
    let log = server.stderr.text();
    assert!(!log.contains("cret"), "a password in a log: {log}");
}

#[test]
fn ncat_and_socat_go_through() {
    let server = serve(&ALLOWED);
    let proxy = format!("127.0.0.1:{}", server.port());
    let bytes = payload(700_000);
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let port = listener.name.rsplit(':').next().expect("a port").to_owned();
    let target = format!("PROXY:127.0.0.1:127.0.0.1:{port},proxyport={}", server.port());
    for (program, args) in [
        ("ncat", &["--proxy", &proxy, "--proxy-type", "socks5", "127.0.0.1", &port][..]),
        ("ncat", &["--proxy", &proxy, "--proxy-type", "socks4", "127.0.0.1", &port]),
        ("ncat", &["--proxy", &proxy, "--proxy-type", "http", "127.0.0.1", &port]),
        ("socat", &["-t", "20", "STDIO", &target]),
    ] {
        if installed(program).is_none() {
            continue;
        }
        let client = start(program, args, In::Bytes(bytes.clone()), Out::Collect);
        let mut link = listener.accept().unwrap_or_else(|| panic!("{args:?}: {}", client.stderr.text()));
        let mut reading = link.try_clone();
        let got = bytes.clone();
        let reader = std::thread::spawn(move || reading.expect_all(&got));
        reader.join().expect("the bytes");
        link.send(b"thanks");
        link.end();
        client.expect_output(b"thanks");
        assert!(client.ends_within(LIMIT), "{args:?} does not end");
    }
}

/// Sends bytes to a proxy server. Returns its answer, up to the end.
fn exchange(server: &Running, bytes: &[u8]) -> Vec<u8> {
    let mut link = Link::connect(server.port());
    link.send(bytes);
    let mut answer = Vec::new();
    let end = link.read_to_end(&mut answer);
    assert!(end.is_ok_and(|_| !answer.is_empty()) || answer.is_empty(), "an answer and an end, or a reset");
    answer
}

fn socks_request(address: &[u8], port: u16) -> Vec<u8> {
    [b"\x05\x01\0\x05\x01\0", address, &port.to_be_bytes()].concat()
}

#[test]
fn this_machine_is_no_target_unless_it_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let port = listener.local_addr().expect("an address").port();
    let server = serve(&["--socks"]);
    let mapped = [&[4][..], &[0; 10], &[0xff, 0xff, 127, 0, 0, 1]].concat();
    for address in [
        &b"\x01\x7f\0\0\x01"[..],
        b"\x01\0\0\0\0",
        b"\x01\xa9\xfe\xa9\xfe",
        // Decided after the name was resolved.
        b"\x03\x09localhost",
        b"\x03\x09127.0.0.1",
        &mapped,
    ] {
        let answer = exchange(&server, &socks_request(address, port));
        assert_eq!(&answer[..4], b"\x05\0\x05\x02", "{address:?}: {answer:?}");
    }
    let answer = exchange(&server, format!("CONNECT [::ffff:127.0.0.1]:{port} HTTP/1.0\r\n\r\n").as_bytes());
    assert!(answer.starts_with(b"HTTP/1.1 403 "), "{}", String::from_utf8_lossy(&answer));
    assert!(listener.accept().is_err(), "a connection came");
    // A list of those that may be reached.
    let server = serve(&["--socks", "--allow-target", "localhost", "--deny-target", "127.0.0.1"]);
    assert_eq!(&exchange(&server, &socks_request(b"\x01\x7f\0\0\x01", port))[..4], b"\x05\0\x05\x02");
}

/// In a network of its own: a proxy, and a server at an address that is local by its route only.
const BY_ROUTE: &str = r#"
ip link set lo up && ip -6 addr add fd83::1/128 dev lo nodad && ip -6 route add local fd83:1::/64 dev lo || exit 99
mkfifo "$1/err" && { "$0" serve 1080 --socks 2>"$1/err" & }
exec 3<"$1/err"
read -r line <&3
"$0" connect --proxy socks5://127.0.0.1:1080 "[$2]:1080" </dev/null
code=$?
kill $! && wait $!
exit $code
"#;

#[test]
#[cfg_attr(sendall_portable, ignore = "routes are asked for on Linux only")]
fn an_address_that_is_local_by_its_route_is_this_machines() {
    let binary = env!("CARGO_BIN_EXE_sendall");
    if !may_have_a_network("-n") {
        return;
    }
    for address in ["fd83::1", "fd83:1::7"] {
        let place = Place::new();
        let folder = place.path("").display().to_string();
        let args = ["-n", "bash", "-c", BY_ROUTE, binary, &folder, address];
        let finished = start("unshare", &args, In::Null, Out::Collect).finish();
        assert_eq!(finished.code, 7, "{address}: {}", finished.stderr);
        assert!(finished.stderr.contains("does not allow this target"), "{}", finished.stderr);
    }
}

/// In a network of its own, where the resolver is silent: many clients that name targets, and the server's threads.
const SILENT_RESOLVER: &str = r#"
ip link set lo up && echo nameserver 127.0.0.1 >"$1/resolv" && mount --bind "$1/resolv" /etc/resolv.conf || exit 99
"$0" udp-listen 127.0.0.1:53 --quiet >/dev/null & resolver=$!
mkfifo "$1/err" && { "$0" serve 127.0.0.1:1080 --socks --max-per-source 1000 2>"$1/err" & }
exec 3<"$1/err"
read -r line <&3
for n in {1..80}; do
    exec {client}<>/dev/tcp/127.0.0.1/1080
    printf '\x05\x01\x00\x05\x01\x00\x03\x05name%d\x00\x50' $((n % 10)) >&$client
    # The choice of a method: the greeting was read.
    read -r -N 1 -t 10 byte <&$client
done
sleep 0.2
grep Threads: /proc/$!/status
kill $! $resolver && wait
"#;

#[test]
fn a_silent_resolver_takes_a_bounded_number_of_threads() {
    let binary = env!("CARGO_BIN_EXE_sendall");
    if !may_have_a_network("-nm") {
        return;
    }
    let place = Place::new();
    let folder = place.path("").display().to_string();
    // What others unmount is unmounted there, too.
    let args = ["-nm", "--propagation", "slave", "bash", "-c", SILENT_RESOLVER, binary, &folder];
    let finished = start("unshare", &args, In::Null, Out::Collect).finish();
    let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
    let threads = stdout.trim().strip_prefix("Threads:").and_then(|count| count.trim().parse::<u32>().ok());
    let threads = threads.unwrap_or_else(|| panic!("{stdout}{}", finished.stderr));
    // One client's share.
    assert!((2..=12).contains(&threads), "{threads} threads");
}

#[test]
fn an_unreachable_target_is_reported_with_its_reason() {
    let (_silent, address) = silent_port();
    let port = address.port();
    let server = serve(&ALLOWED);
    assert_eq!(&exchange(&server, &socks_request(b"\x01\x7f\0\0\x01", port))[2..4], b"\x05\x05");
    assert_eq!(&exchange(&server, &socks_request(b"\x03\x0fno.name.invalid", port))[2..4], b"\x05\x04");
    let answer = exchange(&server, format!("CONNECT 127.0.0.1:{port} HTTP/1.0\r\n\r\n").as_bytes());
    assert!(answer.starts_with(b"HTTP/1.1 502 "), "{}", String::from_utf8_lossy(&answer));
    let server = serve(&["--socks", "--count", "1"]);
    exchange(&server, &socks_request(b"\x01\x7f\0\0\x01", port));
    let finished = server.finish().expect(7);
    assert!(
        finished.stderr.contains(&format!("to connect to 127.0.0.1:{port} (see --allow-target)")),
        "{}",
        finished.stderr
    );
}

#[test]
fn bytes_after_the_request_belong_to_the_stream() {
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let port = listener.name.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let server = serve(&ALLOWED);
    let http = format!("CONNECT 127.0.0.1:{port} HTTP/1.0\r\n\r\n").into_bytes();
    let bytes = payload(200_000);
    for (request, answer) in [
        (socks_request(b"\x01\x7f\0\0\x01", port), &b"\x05\0\x05\0\0\x01\x7f\0\0\x01"[..]),
        (http, b"HTTP/1.1 200 Connection established\r\n"),
    ] {
        let mut client = Link::connect(server.port());
        // The request and the stream at once.
        let (mut writing, sent) = (client.try_clone(), [&request[..], &bytes].concat());
        std::thread::spawn(move || {
            writing.send(&sent);
            writing.end();
        });
        let mut target = listener.accept().expect("joined");
        target.expect_all(&bytes);
        target.send(b"reply");
        target.end();
        client.expect(answer);
        // The port, or the date.
        let mut more = [0; 2];
        client.read_exact(&mut more).expect("more");
        while answer[0] != 5 && !more.ends_with(b"\n\r") {
            more = [more[1], 0];
            client.read_exact(&mut more[1..]).expect("an empty line");
        }
        if answer[0] != 5 {
            client.expect(b"\n");
        }
        client.expect_all(b"reply");
    }
}

#[test]
fn an_open_proxy_causes_a_warning() {
    let place = Place::new();
    let users = users(&place);
    for (options, is_open) in [
        (&["serve", "0.0.0.0:0", "--socks"][..], true),
        (&["serve", "0.0.0.0:0", "--socks", "--allow", "10.0.0.0/8"], false),
        (&["serve", "0.0.0.0:0", "--socks", "--socks-users", &users], false),
        (&["serve", "0", "--socks"], false),
        (&["serve", "127.0.0.1:0", "--socks"], false),
    ] {
        let server = sendall(options, In::Null, Out::Collect);
        server.listening(1);
        assert_eq!(server.stderr.text().contains("everyone who can connect"), is_open, "{options:?}");
    }
}

#[test]
fn clients_that_send_garbage_or_nothing_are_disconnected() {
    let server = serve(&["--socks", "--timeout", "200ms"]);
    assert_eq!(exchange(&server, b"\x16\x03\x01\0\x01"), b"");
    for (bytes, answer) in [
        (&b"\x04\x02\0\x50\x7f\0\0\x01\0"[..], &b"\0\x5b"[..]),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 "),
    ] {
        let mut link = Link::connect(server.port());
        link.send(bytes);
        link.expect(answer);
    }
    let mut slow = Link::connect(server.port());
    slow.send(b"\x05");
    assert!(slow.read(&mut [0; 10]).is_err(), "no reset after the time limit");
    let is_reported = || {
        ["speaks neither SOCKS nor HTTP", "wants another command"]
            .iter()
            .all(|text| server.stderr.text().contains(text))
    };
    assert!(wait_until(LIMIT, is_reported), "{}", server.stderr.text());
}
