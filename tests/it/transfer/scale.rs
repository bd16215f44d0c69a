//! Very many files, and what a peer can make a server hold: memory does not grow with either.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use crate::harness::{LIMIT, Running, payload, wait_until};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, address, begin, field_kib, is_slow_wanted, run, serve, status_kib};

/// What each side may take, debugging information and all.
const MAX_KIB: u64 = 32 << 10;
const MAX_OWN_KIB: u64 = 20 << 10;

/// The most memory that a process had, in KiB, without the pages of its program: how many of these are mapped depends on
/// what the system has in its cache.
fn own_peak_kib(pid: u32) -> u64 {
    status_kib(pid, "VmHWM").saturating_sub(status_kib(pid, "RssFile"))
}

/// Runs a client to its end, which must be a good one: the most memory that it had, as far as was seen.
#[track_caller]
fn peak_kib(client: Running, limit: Duration) -> u64 {
    let status = format!("/proc/{}/status", client.id());
    let mut peak = 0;
    let ended = wait_until(limit, || {
        // One that has just ended has no memory, and no such line.
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        peak = peak.max(field_kib(&status, "VmHWM").unwrap_or_default());
        client.ends_within(Duration::ZERO)
    });
    assert!(ended, "still runs after {limit:?}: {}", client.stderr.text());
    let finished = client.finish();
    assert_eq!(finished.code, 0, "{:?}", finished.errors().last());
    assert!(peak > 0, "its memory was never seen");
    peak
}

fn fill(folder: &Path, folders: usize, files: usize) {
    for outer in 0..folders {
        let folder = folder.join(format!("d{outer}"));
        std::fs::create_dir(&folder).expect("a folder");
        for inner in 0..files {
            std::fs::write(folder.join(format!("f{inner}")), format!("{outer} {inner}")).expect("written");
        }
    }
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

/// There in a stream, there again in rounds, and back: `files` each, with `options` on both sides.
fn there_and_back(folders: usize, files: usize, options: &[&str], limit: Duration) {
    let (here, there, back) = (Place::in_memory(), Place::in_memory(), Place::in_memory());
    let tree = here.folder("tree");
    fill(Path::new(&tree), folders, files);
    let of_client = |server: &Running, args: &[&str]| {
        let peak = peak_kib(begin(&[args, options].concat()), limit);
        assert!(peak < MAX_KIB, "the client of {args:?} had {peak} KiB");
        let peak = status_kib(server.id(), "VmHWM");
        assert!(peak < MAX_KIB, "the server of {args:?} had {peak} KiB");
    };
    let server = serve(&[&["--store", there.arg()], options].concat());
    let to = server_address(&server);
    for _ in 0..2 {
        of_client(&server, &["upload", &tree, &to]);
        assert_eq!(count(there.root()), folders * files);
    }
    let server = serve(&[&["--share", &there.at("tree")], options].concat());
    of_client(&server, &["download", &server_address(&server), "-o", back.arg()]);
    assert_eq!(count(back.root()), folders * files);
}

/// Also of one that speaks in events.
fn server_address(server: &Running) -> String {
    let address = |text: &str| {
        let begin = text.find("127.0.0.1:")?;
        let end = text[begin..].find(|letter: char| !letter.is_ascii_digit() && !".:".contains(letter))?;
        Some(text[begin..begin + end].to_owned())
    };
    let listens = |bytes: &[u8], ended| ended || address(&String::from_utf8_lossy(bytes)).is_some();
    server.stderr.wait(LIMIT, listens);
    address(&server.stderr.text()).expect("an address")
}

#[test]
fn thousands_of_files_take_no_more_memory_than_a_few() {
    there_and_back(10, 2000, &[], LIMIT);
}

#[test]
fn a_crowd_in_one_folder_and_a_line_for_each() {
    there_and_back(1, 10_000, &["-v"], LIMIT);
    if is_slow_wanted("200,000 files in one folder, in lines and in events") {
        there_and_back(1, 200_000, &["-v"], Duration::from_secs(240));
        there_and_back(1, 200_000, &["--json"], Duration::from_secs(240));
    }
}

#[test]
fn more_long_names_in_one_folder_than_there_is_room_for() {
    const FILES: usize = 300_000;
    const TIME: Duration = Duration::from_secs(300);
    /// The room that walks have for names (`store/listing.rs`), twice because of the allocator; and what a process has
    /// anyway. The names themselves are 60 MiB.
    const MAX_WITH_NAMES_KIB: u64 = (2 * 33 + 20) << 10;
    if !is_slow_wanted("300,000 names of 200 bytes in one folder") {
        return;
    }
    let (here, there, back) = (Place::in_memory(), Place::in_memory(), Place::in_memory());
    let tree = here.folder("tree");
    for number in 0..FILES {
        // Not in the order in which they are listed.
        let name = format!("{:0200}", number * 7919 % FILES);
        std::fs::File::create(Path::new(&tree).join(name)).expect("a file");
    }
    // One thread: the allocator keeps for each what it had for the session before.
    let server = serve(&["--store", there.arg(), "--share", &tree, "--workers", "1"]);
    let to = address(&server);
    let upload = ["upload", "-q", &tree, &to];
    let download = ["download", "-q", &to, "-o", back.arg()];
    for args in [&["download", "--list", &to][..], &upload, &upload, &download] {
        let peak = peak_kib(begin(args), TIME);
        assert!(peak < MAX_WITH_NAMES_KIB, "the client of {args:?} had {peak} KiB");
        let peak = status_kib(server.id(), "VmHWM");
        assert!(peak < MAX_WITH_NAMES_KIB, "the server of {args:?} had {peak} KiB");
    }
    assert_eq!((count(there.root()), count(back.root())), (FILES, FILES));
}

/// A link that leads out of the folder, from a path of this size: nothing is made of it, and the sender learns why.
fn bad_link(file: u32, path_bytes: usize, target: &[u8]) -> Vec<u8> {
    let mut path = vec![b'x'; path_bytes];
    path.iter_mut().skip(200).step_by(200).for_each(|byte| *byte = b'/');
    path[..9].copy_from_slice(format!("{file:09}").as_bytes());
    let mut frame = entry_of_kind(3, 0, file, &path, 0);
    frame.extend(0x8001_u16.to_be_bytes());
    frame.extend((target.len() as u16).to_be_bytes());
    frame.extend(target);
    let length = (frame.len() - 24) as u64;
    frame[16..24].copy_from_slice(&length.to_be_bytes());
    frame
}

#[test]
fn a_round_without_an_end_is_ended() {
    let there = Place::new();
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    let kinds: [fn(u32) -> Vec<u8>; 4] = [
        |file| entry(file, format!("f{file}").as_bytes(), 10),
        |file| entry(file, &[&[b'p'; 4000][..], &file.to_be_bytes()].concat(), 10),
        |file| bad_link(file, 9, &[b't'; 4096]),
        |file| entry_of_kind(2, 0, file, format!("f{file}").as_bytes(), 0),
    ];
    for kind in kinds {
        let mut peer = Peer::connect(&to);
        let entries: Vec<u8> = (0..100_000).flat_map(kind).take(8 << 20).collect();
        peer.say(&hello(PUT, b""));
        peer.say(&entries);
        peer.hear(32);
        assert_eq!(peer.hear_until(ERROR)[0], 9);
    }
    assert!(own_peak_kib(server.id()) < MAX_OWN_KIB, "{} KiB", own_peak_kib(server.id()));
    there.expect_names(&[]);
    let path = there.write("f", b"served still");
    run(&["upload", &path, &to]).expect(0);
}

#[test]
fn failures_with_long_paths_are_counted_and_some_are_named() {
    // Their names alone are more than may be in memory.
    const ROUNDS: u32 = 20;
    const ENTRIES: u32 = 500;
    let there = Place::new();
    let server = serve(&["--store", there.arg()]);
    let mut peer = Peer::connect(&address(&server));
    peer.say(&hello(PUT, b""));
    peer.hear(32);
    for round in 0..ROUNDS {
        let entries = (round * ENTRIES..(round + 1) * ENTRIES).flat_map(|file| bad_link(file, 3999, b"/etc"));
        peer.say(&[entries.collect(), turn()].concat());
        peer.hear_until(TURN);
    }
    peer.say(&eot(0, 0));
    let mut named_bytes = 0;
    let (flags, counts) = loop {
        let (kind, flags, body) = peer.hear_frame();
        if kind == PING {
            continue;
        }
        assert_eq!(kind, RESULT);
        named_bytes += body.len();
        if flags & 1 == 0 {
            break (flags, body[4..12].to_vec());
        }
    };
    assert_eq!(flags, 2, "more failed than are named");
    assert_eq!(counts, [0_u32.to_be_bytes(), (ROUNDS * ENTRIES).to_be_bytes()].concat());
    assert!((1 << 20..4 << 20).contains(&named_bytes), "{named_bytes} bytes of failures");
    assert!(own_peak_kib(server.id()) < MAX_OWN_KIB, "{} KiB", own_peak_kib(server.id()));
}

/// Reads on until the peer has said these bytes last.
fn hear_up_to(peer: &mut Peer, last: &[u8]) {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    while !heard.ends_with(last) {
        let count = peer.0.read(&mut buffer).expect("bytes from the command");
        assert!(count > 0, "ended too early");
        heard.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn a_sender_counts_failures_that_the_result_does_not_name() {
    let here = Place::new();
    let paths = ["a", "b", "c"].map(|name| here.write(name, &payload(5)));
    let server = FakeServer::new(|peer| {
        peer.say(&accept());
        hear_up_to(peer, &turn());
        peer.say(&[want(0), want(1), want(2), turn()].concat());
        hear_up_to(peer, &eot(3, 15));
        let mut cut = result(1, 2);
        cut[1] = 2;
        peer.say(&cut);
        let _ = peer.0.shutdown(std::net::Shutdown::Write);
        peer.hear_all();
    });
    let [a, b, c] = &paths;
    let finished = run(&["upload", a, b, c, &server.address]).ended(9);
    assert!(finished.stderr.contains("sent 1 of 3 files"), "{}", finished.stderr);
    assert!(finished.stderr.contains("2 of 3 files failed"), "{}", finished.stderr);
    server.join();
}
