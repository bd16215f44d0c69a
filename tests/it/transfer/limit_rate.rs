//! `--limit-rate`: how long it takes, how evenly the bytes come, and that nothing else suffers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use socket2::SockRef;

use crate::harness::{In, LIMIT, Out, Running, assert_within, file_of, now, payload, sendall, wait_for_fd};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, address, begin, in_parallel, is_slow_wanted, run, serve};

/// Bytes per second, as an option and as a number.
const RATE: &str = "1500KB";
const RATE_BYTES: usize = 1_500_000;
const SIZE: usize = 2_250_000;

/// When how many bytes passed.
type Passages = Vec<(Instant, usize)>;

/// Stands between a client and a server, and writes down when bytes pass: to the server, and to the client.
struct Watch {
    address: String,
    passages: [Receiver<Passages>; 2],
}

impl Watch {
    fn new(server: &str) -> Watch {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        // So that little can stand here.
        SockRef::from(&listener).set_recv_buffer_size(64 << 10).expect("a buffer size");
        let address = listener.local_addr().expect("an address").to_string();
        let server = server.to_owned();
        let [(up, from_up), (down, from_down)] = [channel(), channel()];
        std::thread::spawn(move || {
            assert!(wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT), "no client");
            let (client, _) = listener.accept().expect("a client");
            let server = TcpStream::connect(server).expect("the server");
            for socket in [&client, &server] {
                socket
                    .set_nodelay(true)
                    .and_then(|()| socket.set_read_timeout(Some(LIMIT)))
                    .expect("options");
                SockRef::from(socket).set_send_buffer_size(64 << 10).expect("a buffer size");
            }
            let (to_server, to_client) =
                (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
            std::thread::spawn(move || pass(client, to_server, &up));
            pass(server, to_client, &down);
        });
        Watch { address, passages: [from_up, from_down] }
    }

    /// The larger direction must have been even.
    #[track_caller]
    fn expect_even(self) {
        let [up, down] = self.passages.map(|passages| passages.recv_timeout(LIMIT).expect("its end"));
        let total = |passages: &Passages| passages.iter().map(|(_, count)| count).sum::<usize>();
        if is_slow_wanted("how evenly a rate is kept") {
            expect_even(if total(&up) > total(&down) { &up } else { &down });
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, passages: &Sender<Passages>) {
    let (mut buffer, mut passed) = (vec![0; 64 << 10], Passages::new());
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        passed.push((now(), count));
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    // The test may have seen enough.
    let _ = passages.send(passed);
}

/// After the start no gap is over 300 ms, and a quarter of a second brings little more than its share.
#[track_caller]
fn expect_even(passages: &[(Instant, usize)]) {
    let start = passages[0].0 + Duration::from_millis(300);
    let steady: Vec<_> = passages.iter().filter(|(time, _)| *time > start).collect();
    assert!(steady.len() > 10, "{} passages", steady.len());
    for (index, (time, _)) in steady.iter().enumerate() {
        if let Some((next, _)) = steady.get(index + 1) {
            assert!(*next - *time < Duration::from_millis(300), "a gap of {:?}", *next - *time);
        }
        let window =
            steady[index..].iter().take_while(|(next, _)| *next < *time + Duration::from_millis(250));
        let count: usize = window.map(|(_, count)| count).sum();
        assert!(count < RATE_BYTES * 6 / 10, "{count} bytes in a quarter of a second");
    }
}

/// Waits for its end, which must come when it is due.
#[track_caller]
fn expect_in_time(client: Running, start: Instant) {
    client.finish().expect(0);
    expect_took(start, SIZE as f64 / RATE_BYTES as f64);
}

#[track_caller]
fn expect_took(start: Instant, ideal_seconds: f64) {
    let took = start.elapsed().as_secs_f64();
    assert!(took >= 0.85 * ideal_seconds, "{took} s instead of {ideal_seconds} s");
    assert_within(start, Duration::from_secs_f64(1.5 * ideal_seconds));
}

/// Sends and fetches a file with these options of the server and of the client.
#[track_caller]
fn both_ways(of_server: &[&str], of_client: &[&str]) {
    in_parallel(&["upload", "download"], |command| {
        let (here, there) = (Place::new(), Place::new());
        let content = payload(SIZE);
        let path = here.write("f", &content);
        let (mode, folder) = if *command == "upload" { ("--store", &there) } else { ("--share", &here) };
        let server = serve(&[&[mode, folder.arg()], of_server].concat());
        let watch = Watch::new(&address(&server));
        let start = now();
        let args = match *command {
            "upload" => vec!["upload", &path, &watch.address],
            _ => vec!["download", &watch.address, "-o", there.arg()],
        };
        expect_in_time(begin(&[&args, of_client].concat()), start);

        watch.expect_even();
        there.expect("f", &content);
    });
}

#[test]
fn a_client_keeps_to_its_rate_both_ways_and_evenly() {
    both_ways(&[], &["--limit-rate", RATE]);
}

#[test]
fn a_server_keeps_its_clients_to_its_rate_both_ways_and_evenly() {
    both_ways(&["--limit-rate", RATE], &[]);
}

#[test]
fn the_smaller_rate_counts() {
    both_ways(&["--limit-rate", "100MB"], &["--limit-rate", RATE]);
}

#[test]
fn over_unix_sockets() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let content = payload(SIZE);
    let path = here.write("f", &content);
    let socket = format!("unix:{}", here.at("socket"));
    let server = sendall(
        &["serve", &socket, "--store", there.arg(), "--share", here.arg(), "--limit-rate", RATE],
        In::Null,
        Out::Collect,
    );
    server.listening(1);
    in_parallel(
        &[vec!["upload", &path, &socket], vec!["download", &socket, "f", "-o", back.arg()]],
        |args| {
            let start = now();
            expect_in_time(begin(args), start);
        },
    );
    there.expect("f", &content);
    back.expect("f", &content);
}

#[test]
fn each_connection_has_the_whole_rate() {
    let (here, there) = (Place::new(), Place::new());
    let content = payload(SIZE);
    let paths = [here.write("a", &content), here.write("b", &content)];
    let server = serve(&["--store", there.arg(), "--limit-rate", RATE]);
    let to = address(&server);
    let start = now();
    let clients = paths.map(|path| begin(&["upload", &path, &to]));
    clients.into_iter().for_each(|client| expect_in_time(client, start));
}

/// Whether there is nothing for further connections, or little, or something for each.
#[test]
fn the_connections_of_a_client_share_its_rate() {
    let sizes: [&[usize]; 3] =
        [&[750_000; 12], &[4_500_000, 900_000, 900_000, 900_000, 900_000], &[9_000_000]];
    let cases = sizes.map(|sizes| [("upload", sizes), ("download", sizes)]).concat();
    in_parallel(&cases, |(command, sizes)| {
        let (here, there) = (Place::new(), Place::new());
        here.folder("in");
        for (index, size) in sizes.iter().enumerate() {
            here.write(&format!("in/{index}"), &payload(*size));
        }
        let folder = here.at("in");
        let server = serve(&["--store", there.arg(), "--share", here.arg()]);
        let to = address(&server);
        let args = match *command {
            "upload" => vec!["upload", &folder, &to],
            _ => vec!["download", &to, "-o", there.arg()],
        };
        let start = now();
        run(&[&args[..], &["-j", "4", "--limit-rate", "4500KB"]].concat()).expect(0);
        let took = start.elapsed().as_secs_f64();
        assert!(took >= 1.6, "{command} {sizes:?}: {took}");
        assert_within(start, Duration::from_millis(3200));
    });
}

/// The server sends as slowly as it is asked to, and no slower than the least rate.
#[test]
fn what_a_client_asks_for_in_its_hello() {
    let here = Place::new();
    here.write("f", &payload(SIZE));
    let server = serve(&["--share", here.arg()]);
    let asking = |rate: u64| {
        let mut bytes = hello(GET, b"");
        bytes[31] = 12;
        bytes.extend([0, 3, 0, 8]);
        bytes.extend(rate.to_be_bytes());
        let mut peer = Peer::connect(&address(&server));
        peer.say(&bytes);
        peer.hear(32);
        peer.hear_until(TURN);
        peer.say(&[want(0), turn()].concat());
        peer
    };
    let start = now();
    let mut peer = asking(RATE_BYTES as u64);
    peer.hear(SIZE);
    expect_took(start, SIZE as f64 / RATE_BYTES as f64);
    let (start, mut peer) = (now(), asking(0));
    peer.hear(1500);
    assert_within(start, Duration::from_secs(3));
}

#[test]
fn a_slow_transfer_is_no_silence() {
    let (here, there) = (Place::new(), Place::new());
    let content = payload(30_000);
    let path = here.write("f", &content);
    let limits = ["--idle-timeout", "500ms", "--timeout", "500ms"];
    let server = serve(&[&["--store", there.arg(), "--share", here.arg()], &limits[..]].concat());
    let to = address(&server);
    let back = Place::new();
    in_parallel(&[vec!["upload", &path, &to], vec!["download", &to, "f", "-o", back.arg()]], |args| {
        let start = now();
        run(&[args, &limits[..], &["--limit-rate", "20KB/s"]].concat()).expect(0);
        expect_took(start, 1.5);
    });
    there.expect("f", &content);
    back.expect("f", &content);
}

#[test]
fn with_the_text_header() {
    let (here, there) = (Place::new(), Place::new());
    let content = payload(SIZE);
    let paths = [here.write("a", &content), here.write("b", &content)];
    let limit = ["--limit-rate", RATE];
    in_parallel(&[(&limit[..], &[][..]), (&[], &limit)], |(of_server, of_client)| {
        let there = Place::new();
        let server = serve(&[&["--wire", "text", "--store", there.arg()], *of_server].concat());
        let start = now();
        let args = ["upload", "--wire", "text", &paths[0], &address(&server)];
        expect_in_time(begin(&[&args, *of_client].concat()), start);
        there.expect("a", &content);
    });
    // A header that the limit cuts in pieces is one header.
    let server = serve(&["--wire", "text", "--store", there.arg(), "--limit-rate", "1KiB"]);
    let mut peer = Peer::connect(&address(&server));
    let name = "n".repeat(200);
    peer.say(format!("put|{name}|600").as_bytes());
    assert_eq!(peer.hear(7), b"200 ok\n");
    peer.say(&content[..600]);
    let _ = peer.0.shutdown(Shutdown::Write);
    peer.hear_all();
    there.expect(&name, &content[..600]);
}

#[test]
fn raw_streams() {
    let content = payload(SIZE);
    let limit = ["--limit-rate", RATE];
    in_parallel(&[(&limit[..], &[][..]), (&[], &limit)], |(of_server, of_client)| {
        let server = serve(of_server);
        let start = now();
        let input = In::Fd(file_of(&content).into());
        let client = sendall(&[&["connect", &address(&server)], *of_client].concat(), input, Out::Collect);
        expect_in_time(client, start);
        server.expect_output(&content);
        server.finish().expect(0);
    });
}

#[test]
fn rates_that_cannot_be_kept_are_wrong_usage() {
    for (rate, hint) in [("1000", "1KiB"), ("0", "1KiB"), ("fast", "10MB"), ("1MB/h", "10MB")] {
        run(&["upload", "Cargo.toml", "localhost:1", "--limit-rate", rate]).expect_saying(2, hint);
    }
    run(&["download", "localhost:1", "--list", "--limit-rate", "1MB"]).expect_saying(2, "--list");
}
