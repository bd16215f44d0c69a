//! Limits on clients, and what happens to clients that are over them or refused.

use std::io::{ErrorKind, Read};

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, wait_until};
use crate::transfer::xfer::{Place, address, begin, failures, in_parallel, run, serve};

/// Clients that send nothing: with /dev/null, an empty input, and a closed stdin.
fn silent_clients(to: &str) -> [Running; 3] {
    [
        sendall(&["connect", to], In::Null, Out::Collect),
        sendall(&["connect", to], In::Bytes(Vec::new()), Out::Collect),
        sendall(&["connect", to, "--recv-only"], In::Open, Out::Collect),
    ]
}

#[track_caller]
fn assert_all_are_reset(to: &str) {
    for client in silent_clients(to) {
        let finished = client.finish().expect(5);
        assert!(finished.stderr.contains("reset"), "{}", finished.stderr);
    }
}

#[test]
fn a_refused_client_is_reset_in_every_mode() {
    let place = Place::new();
    let modes: [&[&str]; 12] = [
        &["serve", "--echo"],
        &["serve", "--discard"],
        &["serve", "--reply", "x"],
        &["serve", "--greet", "x"],
        &["serve", "--keep-open"],
        &["serve", "--broker"],
        &["serve", "--forward", "127.0.0.1:9"],
        &["serve", "--socks"],
        &["serve", "--sh", "echo x"],
        &["serve", "--store", place.arg()],
        &["serve"],
        &["http-hello"],
    ];
    in_parallel(&modes, |mode| {
        let lists: &[&[&str]] = &[&["--deny", "127.0.0.1"], &["--allow", "192.0.2.1"]];
        for list in lists {
            let args = [mode, &["127.0.0.1:0"][..], list].concat();
            let server = sendall(&args, In::Open, Out::Collect);
            assert_all_are_reset(&address(&server));
        }
    });
}

#[test]
fn clients_over_a_limit_are_reset() {
    for limit in [&["--max-per-source", "1"][..], &["--max-clients", "1", "--full", "refuse"]] {
        for mode in [&["--echo"][..], &["--sh", "cat"], &["--keep-open"]] {
            let server = serve(&[mode, limit].concat());
            let _held = Link::connect(server.port());
            assert_all_are_reset(&address(&server));
        }
        let server = sendall(&[&["http-hello", "127.0.0.1:0"], limit].concat(), In::Null, Out::Collect);
        let _held = Link::connect(server.port());
        assert_all_are_reset(&address(&server));
    }
}

#[test]
fn a_refused_client_of_a_unix_socket_sees_no_orderly_end() {
    let place = Place::new();
    let unix = format!("unix:{}", place.at("socket"));
    let options = ["serve", "127.0.0.1:0", &unix, "--echo", "--max-clients", "1", "--full", "refuse"];
    let server = sendall(&options, In::Null, Out::Collect);
    let addresses = server.listening(2);
    let held = Link::connect(server.port());
    assert_all_are_reset(&addresses[0]);
    let waiting = begin(&["connect", &unix]);
    waiting.assert_waits();
    drop(held);
    drop(waiting);
}

#[test]
fn a_full_transfer_server_sends_a_refusal() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    let server = serve(&["--store", there.arg(), "--max-clients", "1", "--full", "refuse"]);
    let held = Link::connect(server.port());
    assert!(wait_until(LIMIT, || run(&["upload", &path, &address(&server)]).code == 7));
    drop(held);
    assert!(wait_until(LIMIT, || run(&["upload", &path, &address(&server)]).code == 0));
    there.expect("f", b"content");
}

#[test]
fn where_clients_are_cheap_one_source_may_have_many() {
    // As behind one load balancer, from one browser or one test of bandwidth.
    let held = |server: &Running, count: usize| -> usize {
        let mut links: Vec<Link> = (0..count).map(|_| Link::connect(server.port())).collect();
        let served = |link: &mut Link| {
            use std::io::Write;
            let mut byte = [0];
            link.write_all(b"x\n").is_ok() && matches!(link.read(&mut byte), Ok(1))
        };
        links.iter_mut().filter_map(|link| served(link).then_some(())).count()
    };
    let echo = serve(&["--echo"]);
    assert_eq!(held(&echo, 120), 120);
    assert_eq!(held(&serve(&["--forward", &address(&echo)]), 120), 120);
    assert_eq!(held(&serve(&["--answer", "x=y"]), 40), 40);
    assert_eq!(held(&serve(&["--sh", "cat"]), 20), 16);
}

#[test]
fn ipv6_addresses_are_counted_by_network() {
    let server = serve(&["--echo", "--accept-proxy-protocol", "--max-per-source", "1"]);
    let from = |address: &str| {
        let mut link = Link::connect(server.port());
        link.send(format!("PROXY TCP6 {address} 2001:db8:ffff::1 4711 80\r\nx").as_bytes());
        let result = link.read(&mut [0]);
        (result, link)
    };
    let (first, _held) = from("2001:db8:1:2::1");
    assert!(matches!(first, Ok(1)));
    let (same, _) = from("2001:db8:1:2:ffff::1");
    assert!(same.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset), "of one network");
    let (other, _other) = from("2001:db8:1:3::1");
    assert!(matches!(other, Ok(1)), "of another network");
}

/// Even after the server has read everything that they have sent.
#[test]
fn a_client_with_another_protocol_is_reset() {
    let place = Place::new();
    place.write("exists", b"x");
    let store = ["--store", place.arg()];
    let servers = [&store[..], &[&store[..], &["--wire", "text"]].concat(), &["--socks"]]
        .map(|mode| serve(&[mode, &["--timeout", "300ms"]].concat()));
    let [transfer, text, socks] = [0, 1, 2].map(|index| address(&servers[index]));
    // More than a server throws away.
    let bytes: Vec<u8> = payload(20_000_000).into_iter().map(|byte| byte | 0x80).collect();
    let noise = |first: &[u8]| [first, &bytes].concat();
    let line = b"a line\n";
    let cases = [
        (&transfer, "--send-only", noise(b"")),
        (&transfer, "--linger=9s", line.to_vec()),
        (&text, "--send-only", noise(b"")),
        (&text, "--send-only", noise(b"upload|exists|20000000")),
        (&text, "--linger=9s", line.to_vec()),
        (&socks, "--send-only", noise(b"")),
        (&socks, "--send-only", noise(b"GET / HTTP/1.1\r\n\r\n")),
        (&socks, "--send-only", noise(b"\x05")),
    ];
    in_parallel(&cases, |(to, option, sent)| {
        let client = sendall(&["connect", to, option], In::Bytes(sent.clone()), Out::Collect);
        let finished = client.finish();
        assert_eq!(finished.code, 5, "{to} {option}: {}", finished.stderr);
    });
    for to in [transfer, text] {
        let silent = sendall(&["connect", &to, "--recv-only"], In::Null, Out::Collect);
        assert!(silent.finish().expect(5).stderr.contains("reset"));
    }
}

#[test]
fn clients_of_a_full_server_wait_by_default() {
    let server = serve(&["--echo", "--max-clients", "1"]);
    let first = Link::connect(server.port());
    let second = begin(&["connect", &address(&server)]);
    second.assert_waits();
    drop((first, second));
    assert_eq!(stop_for_stderr(server).matches("the one place is taken: the next client waits").count(), 1);
}

/// Stops a server. Returns its stderr.
fn stop_for_stderr(server: Running) -> String {
    server.signal(Signal::TERM);
    server.finish().stderr
}

#[test]
fn a_server_full_of_silent_processes_reports_a_remedy() {
    for (more, hint) in
        [(&[][..], "and --full; with --end-when peer"), (&["--end-when", "peer"][..], "and --full)")]
    {
        let options =
            [&["serve", "127.0.0.1:0", "--max-clients", "2", "--sh", "exec sleep 60"], more].concat();
        let server = sendall(&options, In::Null, Out::Collect);
        let links = [Link::connect(server.port()), Link::connect(server.port())];
        let is_full = |bytes: &[u8], _| {
            String::from_utf8_lossy(bytes).contains("all 2 places are taken: the next client waits")
        };
        assert!(server.stderr.wait(LIMIT, is_full), "{}", server.stderr.text());
        drop(links);
        let stderr = stop_for_stderr(server);
        assert!(stderr.contains(hint), "{stderr}");
    }
}

#[test]
fn lines_about_many_clients_are_summed_up() {
    const CLIENTS: usize = 100;
    let place = Place::new();
    let socks = ["--socks", "--allow-target", "127.0.0.0/8"];
    let cases: [(&[&str], &[u8], &str); 5] = [
        (&["--store", place.arg()], b"GET / HTTP/1.1\r\n\r\n", "speaks HTTP or other text"),
        (&["--echo", "--deny", "127.0.0.1"], b"", "refused by --allow or --deny"),
        (&["--echo", "--accept-proxy-protocol"], b"GET / HTTP/1.1\r\n\r\n", "the PROXY header is missing"),
        (&["--forward", "127.0.0.1:1"], b"x", "connection refused"),
        // RFC 1928: each wants another target.
        (&socks, b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x01", "connection refused"),
    ];
    in_parallel(&cases, |(options, sent, text)| {
        let server = serve(options);
        for number in 0..CLIENTS {
            use std::io::Write;
            let mut link = Link::connect(server.port());
            let _ = link.write_all(&other(sent, number));
            // SOCKS has two answers.
            for _ in 0..1 + usize::from(options.contains(&"--socks")) {
                let _ = link.read(&mut [0; 200]);
            }
        }
        server.signal(Signal::TERM);
        let log = server.finish().stderr;
        assert!(log.lines().count() < 60, "{log}");
        // The last ones may not have ended in time.
        assert!((CLIENTS - 9..=CLIENTS).contains(&failures(&log, text)), "{log}");
    });
    // Events are for programs, which count by themselves.
    let server =
        sendall(&["serve", "127.0.0.1:0", "--json", "--echo", "--deny", "127.0.0.1"], In::Null, Out::Collect);
    let port = || server.stderr.text().split("127.0.0.1:").nth(1)?.split('"').next()?.parse().ok();
    assert!(wait_until(LIMIT, || port().is_some()), "{}", server.stderr.text());
    let port = port().expect("a port");
    for _ in 0..50 {
        let _ = Link::connect(port).read(&mut [0]);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().stderr.matches("refused by --allow or --deny").count(), 50);
}

/// What the client with this number sends: a target of SOCKS is another one for each.
fn other(sent: &[u8], number: usize) -> Vec<u8> {
    let mut sent = sent.to_vec();
    if let [5, .., address, _, _] = &mut sent[..] {
        *address = number as u8;
    }
    sent
}

#[test]
fn sums_are_written_while_a_server_runs() {
    let server = serve(&["--echo", "--deny", "127.0.0.1"]);
    for _ in 0..20 {
        let _ = Link::connect(server.port()).read(&mut [0]);
    }
    let sum = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("sendall: and 15 more within 1s: ");
    assert!(server.stderr.wait(LIMIT, sum), "{}", server.stderr.text());
}

#[test]
fn health_checks_are_not_errors() {
    const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    let place = Place::new();
    let target = serve(&["--echo"]);
    let target = address(&target);
    let cases: [(&[&str], &[u8]); 11] = [
        (&["--sh", "echo hi", "--max-per-source", "99"], b""),
        (&["--echo"], b""),
        (&["--discard"], b""),
        (&["--greet", "hi"], b""),
        (&["--reply", "hi"], b""),
        (&["--socks"], b""),
        (&["--forward", &target], b""),
        (&["--store", place.arg(), "--max-per-source", "99"], b""),
        (&["--store", place.arg(), "--max-per-source", "99", "--wire", "text"], b""),
        (&["--echo", "--accept-proxy-protocol"], b""),
        (&["--sh", "echo hi", "--max-per-source", "99", "--accept-proxy-protocol"], LOCAL),
    ];
    in_parallel(&cases, |(options, sent)| {
        let server = serve(options);
        for number in 0..20 {
            let mut link = Link::connect(server.port());
            link.send(sent);
            match number % 2 {
                0 => link.reset(),
                _ => drop(link),
            }
        }
        // All have been seen when the server has let go of them, but for what ends by itself.
        server.signal(Signal::TERM);
        let log = server.finish().stderr;
        let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("sendall: ")).collect();
        assert!(errors.len() <= 1, "{options:?}: {errors:?}");
    });
    // An incomplete request is a failure, and so is a target that resets.
    let server = serve(&["--echo"]);
    let mut link = Link::connect(server.port());
    link.send(b"x");
    link.expect(b"x");
    link.reset();
    let lost = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("connection reset");
    assert!(server.stderr.wait(LIMIT, lost), "{}", server.stderr.text());
    let refusing = serve(&["--echo", "--deny", "127.0.0.1"]);
    let server = serve(&["--forward", &address(&refusing)]);
    let mut link = Link::connect(server.port());
    assert!(link.read(&mut [0]).is_err());
    assert!(server.stderr.wait(LIMIT, lost), "{}", server.stderr.text());
}
