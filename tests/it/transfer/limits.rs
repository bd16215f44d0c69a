//! How much a server takes on, and what it costs.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::harness::{LIMIT, Running, payload, wait_until};
use crate::transfer::frames::*;
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{
    Place, address, begin, descriptors, expect_rest, field_kib, limited, run, serve, status_kib,
};

pub(crate) fn from_another_source(number: u8, to: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::new(127, 0, 0, number), 0))))
        .expect("an address");
    socket.connect(&SockAddr::from(to.parse::<SocketAddr>().expect("an address"))).expect("connected");
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    socket.into()
}

#[test]
fn one_source_has_its_share_and_another_is_still_served() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    let server = serve(&["--store", there.arg(), "--max-per-source", "2"]);
    let to = address(&server);
    let idle: Vec<Peer> = (0..2).map(|_| Peer::connect(&to)).collect();
    run(&["upload", &path, &to]).expect_saying(7, "too many clients");
    there.expect_names(&[]);
    let mut other = Peer(from_another_source(2, &to));
    other.say(&[hello(PUT, b""), entry(0, b"g", 3), turn(), whole(0, b"abc"), eot(1, 3)].concat());
    other.hear(32);
    assert_eq!(other.hear_until(RESULT)[0], 0);
    there.expect("g", b"abc");
    // Two hundred at once change nothing for the others. Who is one too many may be reset while it connects.
    let crowd: Vec<TcpStream> = (0..200).filter_map(|_| TcpStream::connect(&to).ok()).collect();
    let mut other = Peer(from_another_source(2, &to));
    other.say(&hello(PUT, b""));
    assert_eq!(other.hear(32)[10], 0);
    drop((crowd, other));
    // And when they have gone there is room again.
    drop(idle);
    assert!(wait_until(LIMIT, || run(&["upload", "-q", &path, &to]).code == 0));
    there.expect("f", b"content");
}

#[test]
fn more_clients_than_the_limit_wait_for_their_turn() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    let server = serve(&["--store", there.arg(), "--max-clients", "2"]);
    let to = address(&server);
    let mut idle: Vec<Peer> = (0..2).map(|_| Peer::connect(&to)).collect();
    // Both are being served: they hear ACCEPT.
    for peer in &mut idle {
        peer.say(&hello(PUT, b""));
        peer.hear(32);
    }
    let third = begin(&["upload", &path, &to]);
    third.assert_waits();
    idle.pop();
    third.finish_within(Duration::from_secs(2)).expect(0);
    there.expect("f", b"content");
}

/// The line about descriptors in its limits.
fn limit_of(server: &Running) -> Option<String> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).ok()?;
    limits.lines().find(|line| line.starts_with("Max open files")).map(String::from)
}

/// The numbers of its open descriptors.
fn numbers(pid: u32) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Sixty idle clients at a server that has 32 descriptors: it does not spin, and serves again once they have gone.
fn without_descriptors(server: &Running, there: &Place) {
    let here = Place::new();
    let path = here.write("f", b"content");
    let to = address(server);
    // One that another test passes on to its own process may have been inherited.
    let beyond_limit = || numbers(server.id()).filter(|number| *number >= 32).collect::<Vec<_>>();
    let inherited = beyond_limit();
    let crowd: Vec<Peer> = (0..60).map(|_| Peer::connect(&to)).collect();
    expect_rest(server);
    assert_eq!(beyond_limit(), inherited, "limit {:?}", limit_of(server));
    drop(crowd);
    // One that comes while they go may meet their want of descriptors.
    let serves_again = || run(&["upload", "-q", &path, &to, "--timeout", "5s"]).code == 0;
    assert!(wait_until(LIMIT, serves_again), "{}", server.stderr.text());
    there.expect("f", b"content");
    let complaints = server.stderr.text().matches("cannot accept").count();
    assert!(complaints <= 4, "{}", server.stderr.text());
}

#[test]
fn few_descriptors_from_the_start() {
    let there = Place::new();
    let args = ["serve", "127.0.0.1:0", "--store", there.arg(), "--max-per-source", "100"];
    without_descriptors(&limited("ulimit -n 32", &args), &there);
}

#[test]
fn descriptors_that_run_out_later() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--max-per-source", "100"]);
    // Once it serves, it has raised its limit; root's could be raised over the one that follows.
    let mut peer = Peer::connect(&address(&server));
    peer.say(b"x");
    peer.hear_all();
    let limit = Rlimit { current: Some(32), maximum: Some(32) };
    let pid = Pid::from_raw(server.id() as i32);
    rustix::process::prlimit(pid, Resource::Nofile, limit).expect("a limit");
    without_descriptors(&server, &there);
}

#[test]
fn a_thousand_aborted_clients_leave_no_descriptor() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--max-per-source", "100"]);
    let to = address(&server);
    // What the first client needs for good is there.
    let (here, mut peer) = (Place::new(), Peer::connect(&to));
    peer.say(b"x");
    peer.hear_all();
    let path = here.write("f", b"content");
    run(&["upload", &path, &to]).expect(0);
    drop(peer);
    let settled = || descriptors(server.id());
    let mut before = settled();
    wait_until(Duration::from_millis(100), || {
        before = before.min(settled());
        false
    });
    for number in 0..1000 {
        let mut peer = Peer::connect(&to);
        match number % 4 {
            0 => {}
            1 => drop(peer.say(&hello(PUT, b""))),
            2 => drop(peer.say(&[hello(PUT, b""), entry(0, b"g", 3), turn()].concat())),
            _ => drop(peer.say(b"garbage")),
        }
        if number % 3 == 0 {
            socket2::SockRef::from(&peer.0).set_linger(Some(Duration::ZERO)).expect("linger");
        }
    }
    assert!(wait_until(LIMIT, || settled() <= before), "{} where {before} were", settled());
    assert!(wait_until(LIMIT, || there.names() == ["f"]), "{:?}", there.names());
    run(&["upload", &path, &to]).expect(0);
    assert!(status_kib(server.id(), "VmRSS") < 32 << 10);
}

#[test]
fn a_large_file_needs_little_memory_on_either_side() {
    const SIZE: u64 = 200_000_000;
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let path = here.write("f", b"");
    std::fs::File::create(&path).and_then(|file| file.set_len(SIZE)).expect("a sparse file");
    let server = serve(&["--store", there.arg(), "--share", there.arg()]);
    let to = address(&server);
    for args in [["upload", &path, &to, "-q"], ["download", &to, "-o", back.arg()]] {
        let client = begin(&args);
        let mut peak = 0;
        let ended = wait_until(3 * LIMIT, || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", client.id())).unwrap_or_default();
            // Not there any more when it has just ended.
            peak = peak.max(field_kib(&status, "VmHWM").unwrap_or_default());
            client.ends_within(Duration::ZERO)
        });
        assert!(ended, "{}", client.stderr.text());
        client.finish().expect(0);
        assert!((1..32 << 10).contains(&peak), "{peak} KiB at the client");
    }
    assert!(status_kib(server.id(), "VmHWM") < 32 << 10, "{} KiB", status_kib(server.id(), "VmHWM"));
    assert_eq!(std::fs::metadata(back.path("f")).expect("fetched").len(), SIZE);
}

#[test]
fn an_upload_beside_slow_clients_is_not_slowed() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", &payload(3_000_000));
    let server = serve(&["--store", there.arg(), "--max-per-source", "100", "--max-clients", "100"]);
    let to = address(&server);
    let mut slow: Vec<Peer> = (0..60).map(|_| Peer::connect(&to)).collect();
    slow.iter_mut().for_each(|peer| assert!(peer.say(&MAGIC[..1])));
    let proxy = Proxy::new(&to, Rule::Pass, Rule::Pass);
    begin(&["upload", &path, &proxy.address]).finish_within(Duration::from_secs(3)).expect(0);
}

#[test]
fn many_parts_of_earlier_sessions_are_not_all_open_at_once() {
    const PART: u64 = 1 << 20;
    const PARTS: u32 = 40;
    // Where the limit on descriptors is low, fewer.
    for (limit, most) in [("true", 32), ("ulimit -n 1024", 8)] {
        let (resumed, held) = resumed_parts(limit, PART, PARTS);
        assert_eq!(resumed, (0..most).collect::<Vec<_>>(), "the first are");
        // All of the process: it has about twenty of its own.
        assert!(held < 120, "{held} descriptors");
    }
}

/// Which of so many parts a server goes on with that was started with `limit`, and how many descriptors it has then.
fn resumed_parts(limit: &str, size: u64, count: u32) -> (Vec<u32>, usize) {
    let there = Place::new();
    let name = |file: u32| format!("f{file}").into_bytes();
    for file in 0..count {
        let part = there.path(format!(".sendall-{}.part", &blake3::hash(&name(file)).to_hex()[..16]));
        std::fs::write(part, vec![0; size as usize]).expect("a part");
    }
    let server = limited(limit, &["serve", "127.0.0.1:0", "--store", there.arg(), "--max-clients", "5"]);
    let mut peer = Peer::connect(&address(&server));
    let entries: Vec<Vec<u8>> = (0..count).map(|file| entry(file, &name(file), 2 * size)).collect();
    peer.say(&[hello(PUT, b""), entries.concat(), turn()].concat());
    peer.hear(32);
    let digest = blake3::hash(&vec![0; size as usize]);
    let resumed = (0..count).filter(|_| peer.hear_until(HAVE)[4..36] == digest.as_bytes()[..]).collect();
    (resumed, descriptors(server.id()))
}

#[test]
fn a_connection_that_has_left_makes_room_for_another() {
    let there = Place::new();
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    let with_tree = |mut hello: Vec<u8>| {
        hello[15] = 1;
        hello
    };
    let mut first = Peer::connect(&to);
    first.say(&[with_tree(hello(PUT, b"")), entry(0, b"f", 9 << 20), turn()].concat());
    let session = first.hear(32)[16..].to_vec();
    for count in 0..40 {
        let mut further = Peer::connect(&to);
        further.say(&with_tree(hello(4, &session)));
        assert_eq!(further.hear(32)[10], 0, "{count} have come and gone before");
        further.0.shutdown(std::net::Shutdown::Write).expect("ended");
        assert!(further.hear_all().is_empty());
    }
}
