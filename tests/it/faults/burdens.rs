//! What clients can make a server do, and hold, for few bytes of theirs.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use crate::harness::{LIMIT, Running, wait_until};
use crate::transfer::frames::*;
use crate::transfer::limits::from_another_source;
use crate::transfer::xfer::{Place, address, begin, descriptors, is_slow_wanted, limited, serve, status_kib};

const GIB: u64 = 1 << 30;
/// The type of a frame, and the capability.
const TOTALS: u8 = 13;
const TOTALS_WANTED: u8 = 4;

/// A folder with a file of 64 GiB that takes no room, and a server of it.
fn large() -> (Place, Running) {
    let there = Place::new();
    File::create(there.path("f")).and_then(|file| file.set_len(64 * GIB)).expect("a sparse file");
    let server = serve(&["--store", there.arg(), "--share", there.arg()]);
    (there, server)
}

fn threads(server: &Running) -> u64 {
    status_kib(server.id(), "Threads")
}

#[test]
fn nothing_is_hashed_for_a_client_that_has_gone() {
    let (_there, server) = large();
    let to = address(&server);
    let idle = threads(&server);
    let has = frame(HAVE, 0, 0, 64 * GIB, &[&[1, 0, 0, 0], &[9; 32][..]].concat());
    let offered = [entry(0, b"f", 64 * GIB), turn()].concat();
    let begin = |is_upload: bool| {
        let mut peer = Peer::connect(&to);
        peer.say(&hello(if is_upload { PUT } else { GET }, b""));
        peer.hear(32);
        if !is_upload {
            peer.hear_until(TURN);
        }
        peer.say(&if is_upload { offered.clone() } else { [has.clone(), turn()].concat() });
        peer
    };
    for is_upload in [true, false] {
        let peers = [(); 4].map(|()| begin(is_upload));
        let is_hashing = || threads(&server) >= idle + 4;
        assert!(wait_until(LIMIT, is_hashing), "{} threads, not one that hashes for each", threads(&server));
        drop(peers);
        assert!(wait_until(LIMIT, || threads(&server) == idle), "{} threads", threads(&server));
    }
}

#[test]
#[cfg_attr(sendall_portable, ignore = "holes are seen on Linux only")]
fn a_part_of_few_bytes_is_not_kept_as_a_large_one() {
    const BLOCK: u64 = 4 << 20;
    let there = Place::new();
    let server = serve(&["--store", there.arg()]);
    let mut peer = Peer::connect(&address(&server));
    let mut greeting = hello(PUT, b"");
    greeting[15] = 1;
    peer.say(&[greeting, entry(0, b"f", 100 * BLOCK + 1), turn()].concat());
    peer.hear(32);
    peer.hear_until(TURN);
    // The last block has one byte.
    let mut hasher = blake3::Hasher::new();
    blake3::hazmat::HasherExt::set_input_offset(&mut hasher, 100 * BLOCK);
    let value = blake3::hazmat::HasherExt::finalize_non_root(hasher.update(b"x"));
    peer.say(&[frame(DATA, 0, 0, 100 * BLOCK, b"x"), frame(6, 0, 0, 100 * BLOCK, &value)].concat());
    peer.hear_until(ACK);
    drop(peer);
    let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
    assert!(server.stderr.wait(LIMIT, |text, _| lines(text) == 2), "it has failed");
    assert!(wait_until(LIMIT, || there.names().is_empty()), "{:?}", there.names());
}

/// HELLO of a GET that names all these, and wants to know how much there is.
fn get(names: &[String]) -> Vec<u8> {
    let mut extensions = Vec::new();
    for name in &names[1..] {
        extensions.extend([0x80, 1]);
        extensions.extend((name.len() as u16).to_be_bytes());
        extensions.extend(name.as_bytes());
    }
    let mut bytes = hello(GET, names[0].as_bytes());
    bytes[15] = TOTALS_WANTED;
    bytes[30..32].copy_from_slice(&(extensions.len() as u16).to_be_bytes());
    bytes.extend(extensions);
    bytes
}

#[test]
fn names_that_are_asked_for_hold_no_descriptors() {
    let there = Place::new();
    let names: Vec<String> = (0..100).map(|number| format!("folder-{number}")).collect();
    names.iter().for_each(|name| drop(there.folder(name)));
    let server = serve(&["--share", there.arg()]);
    let to = address(&server);
    let idle = descriptors(server.id());
    let mut peer = Peer::connect(&to);
    peer.say(&get(&names));
    peer.hear(32);
    let mut frames = Vec::new();
    while frames.last() != Some(&TURN) {
        frames.push(peer.hear_frame().0);
    }
    frames.retain(|kind| *kind != TOTALS);
    assert_eq!(frames, [vec![ENTRY; names.len()], vec![TURN]].concat());
    let held = descriptors(server.id()) - idle;
    assert!(held < 16, "{held} descriptors");
    for wrong in [["folder-1", "folder-1"], ["folder-1/x", "folder-1"]] {
        let mut peer = Peer::connect(&to);
        peer.say(&get(&wrong.map(str::to_owned)));
        assert_eq!(peer.hear(32)[10], 2, "a violation");
        assert_eq!(peer.hear_until(ERROR)[0], 2);
    }
}

#[test]
fn a_count_costs_neither_threads_nor_descriptors_and_ends_with_its_client() {
    // Many more names than there are on the disk: eight in each folder lead to the next one.
    let there = Place::new();
    for level in 0..9 {
        there.folder(&format!("{level}"));
        for number in 0..8 {
            let name = there.path(format!("{level}/{number}"));
            std::os::unix::fs::symlink(format!("../{}", level + 1), name).expect("a link");
        }
    }
    there.write("9", b"abc");
    let server = serve(&["--share", &there.at("0"), "--links", "follow"]);
    let to = address(&server);
    let idle = (threads(&server), descriptors(server.id()));
    let peers = [(); 3].map(|()| {
        let mut peer = Peer::connect(&to);
        let mut greeting = hello(GET, b"");
        greeting[15] = TOTALS_WANTED;
        peer.say(&greeting);
        assert_eq!(peer.hear(32)[15], TOTALS_WANTED);
        for _ in 0..3 {
            // It goes on while the server waits for the answers to what it has offered.
            peer.hear_until(TOTALS);
        }
        peer
    });
    assert!(wait_until(LIMIT, || threads(&server) == idle.0), "{} threads for silence", threads(&server));
    let held = descriptors(server.id()) - idle.1;
    assert!(held < 3 * 16, "{held} descriptors");
    drop(peers);
    assert!(wait_until(LIMIT, || threads(&server) == idle.0), "{} threads", threads(&server));
}

/// A session that further connections may join: its first one, and its id.
fn begin_session(to: &str, name: &[u8]) -> (Peer, Vec<u8>) {
    let mut peer = Peer::connect(to);
    let mut greeting = hello(PUT, b"");
    greeting[15] = 1;
    peer.say(&[greeting, entry(0, name, 5 << 20), turn()].concat());
    let accepted = peer.hear(32);
    assert_eq!(accepted[10], 0, "accepted");
    peer.hear_until(TURN);
    (peer, accepted[16..].to_vec())
}

/// A further connection, or the reason that it is refused with.
fn join(to: &str, id: &[u8]) -> Result<Peer, u8> {
    let mut peer = Peer::connect(to);
    peer.say(&hello(4, id));
    match peer.hear(32)[10] {
        0 => Ok(peer),
        reason => Err(reason),
    }
}

#[test]
fn further_connections_count_for_their_source() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--max-per-source", "6"]);
    let to = address(&server);
    let sessions: Vec<_> = (0..5).map(|name| begin_session(&to, &[b'a' + name])).collect();
    // Three for each client that may be in.
    let all: Vec<_> = sessions.iter().flat_map(|(_, id)| [(); 15].map(|()| join(&to, id))).collect();
    let mut joined: Vec<Peer> = Vec::new();
    for answer in all {
        match answer {
            Ok(peer) => joined.push(peer),
            Err(reason) => assert_eq!(reason, 4, "too many"),
        }
    }
    assert_eq!(joined.len(), 18);
    // They keep nobody else out.
    let last = begin_session(&to, b"last");
    // Who has left makes room, and no failure was told.
    drop(joined.pop());
    let id = &sessions[4].1;
    assert!(wait_until(LIMIT, || join(&to, id).map(|peer| joined.push(peer)).is_ok()));
    drop(last);
    assert!(!server.stderr.text().contains("further"), "{}", server.stderr.text());
}

#[test]
fn a_full_source_has_further_connections_all_the_same() {
    let (here, there) = (Place::new(), Place::new());
    let server = serve(&["--store", there.arg(), "--max-per-source", "2"]);
    let to = address(&server);
    let (first, id) = begin_session(&to, b"a");
    // One that does not say yet what it wants has the last place of this source.
    let mut silent = Peer::connect(&to);
    let mut waiting = Peer::connect(&to);
    waiting.say(&[hello(PUT, b""), entry(0, b"b", 3), turn(), whole(0, b"abc"), eot(1, 3)].concat());
    silent.say(&hello(4, &id));
    assert_eq!(silent.hear(32)[10], 0, "joined");
    assert_eq!(waiting.hear(32)[10], 0, "the place was given back");
    assert_eq!(waiting.hear_until(RESULT)[0], 0);
    there.expect("b", b"abc");
    drop(waiting);
    // Two sessions of this source at most; their further connections come on top.
    let path = here.write("f", &vec![7; 17 << 20]);
    let upload = begin(&["upload", "-v", "-j", "4", &path, &to]).finish().ended(0);
    assert!(!upload.stderr.contains("further connection"), "{}", upload.stderr);
    there.expect("f", &vec![7; 17 << 20]);
    let second = begin_session(&to, b"c");
    assert!(join(&to, &second.1).is_ok() && join(&to, &id).is_ok());
    drop((first, silent));
}

/// A session whose files end without their blocks: each is open at the server.
fn many_without_blocks(session: usize) -> Vec<u8> {
    const FILES: u32 = 62;
    let mut greeting = hello(PUT, b"");
    greeting[15] = 1;
    let entries = (0..FILES).map(|file| entry(file, format!("{session}-{file}").as_bytes(), 5 << 20));
    let ends = (0..FILES).map(|file| frame(END, 0, file, 5 << 20, &[9; 32]));
    let all = [vec![greeting], entries.collect(), vec![turn()], ends.collect(), vec![ping()]];
    all.concat().concat()
}

/// One that was accepted.
fn without_blocks(to: &str, session: usize) -> Peer {
    let mut peer = Peer::connect(to);
    peer.say(&many_without_blocks(session));
    peer.hear(32);
    peer
}

#[test]
fn sessions_with_many_open_files_leave_descriptors_for_others() {
    let there = Place::new();
    let clients =
        ["serve", "127.0.0.1:0", "--store", there.arg(), "--max-clients", "9", "--max-per-source", "9"];
    let server = limited("ulimit -S -n 160", &clients);
    let to = address(&server);
    let mut peers: Vec<Peer> = (0..4).map(|session| without_blocks(&to, session)).collect();
    // Early parts count, too; all of a session are there, or it was told why not.
    let is_open = || there.names().len() == 4 * 62;
    assert!(wait_until(LIMIT, is_open), "{} parts", there.names().len());
    let here = Place::new();
    here.folder("d");
    (0..5).for_each(|number| drop(here.write(&format!("d/{number}"), b"content")));
    begin(&["upload", &here.at("d"), &to]).finish().ended(0);
    assert!(peers.iter_mut().all(|peer| peer.say(&ping())), "they are still there");
    assert!(!server.stderr.text().contains("descriptor"), "{}", server.stderr.text());
}

#[test]
fn a_small_hard_limit_on_descriptors_is_shared_fairly() {
    let (here, there) = (Place::new(), Place::new());
    let server = limited("ulimit -n 1024", &["serve", "127.0.0.1:0", "--store", there.arg()]);
    let to = address(&server);
    // As many as come in from two other sources, each with as much as it can make the server hold.
    let begin_one = |number: usize| {
        let mut peer = Peer(from_another_source(2 + (number % 2) as u8, &to));
        peer.say(&many_without_blocks(number));
        peer
    };
    let mut peers: Vec<Peer> = (0..10).map(begin_one).collect();
    // Who is too many may be reset before it has heard why.
    let mut accepted = [0; 32];
    peers.retain_mut(|peer| peer.0.read_exact(&mut accepted).is_ok() && accepted[10] == 0);
    let is_open = || there.names().len() == 62 * peers.len();
    assert!(!peers.is_empty() && wait_until(LIMIT, is_open), "{} parts", there.names().len());
    here.folder("d");
    (0..3).for_each(|number| drop(here.write(&format!("d/{number}"), &vec![number; 5 << 20])));
    begin(&["upload", "-j", "4", &here.at("d"), &to]).finish().ended(0);
    assert!(peers.iter_mut().all(|peer| peer.say(&ping())), "they are still there");
    let log = server.stderr.text();
    assert!(log.contains("--max-clients 100: the limit on") && !log.contains("open files"), "{log}");
}

#[test]
fn many_names_are_not_held_by_each_client() {
    if !is_slow_wanted("16 listings of 100 000 long names") {
        return;
    }
    let there = Place::in_memory();
    for number in 0..100_000 {
        File::create(there.path(format!("{number}-{}", "x".repeat(240)))).expect("a file");
    }
    let server = serve(&["--share", there.arg()]);
    let to = address(&server);
    let mut peers: Vec<Peer> = (0..16).map(|_| Peer::connect(&to)).collect();
    for peer in &mut peers {
        peer.0.set_read_timeout(Some(Duration::from_secs(300))).expect("a time limit");
        peer.say(&hello(3, b""));
    }
    for peer in &mut peers {
        peer.hear(32);
        assert_eq!(peer.hear_frame().0, ENTRY);
    }
    let most = status_kib(server.id(), "VmHWM");
    assert!(most < 150 << 10, "{most} KiB");
    let mut heard = 1;
    while peers[0].hear_frame().0 == ENTRY {
        heard += 1;
    }
    assert_eq!(heard, 100_000);
}
