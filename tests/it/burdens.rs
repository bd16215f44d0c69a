//! What clients can make a server do, and hold, for few bytes of theirs.

use std::fs::File;

use crate::frames::*;
use crate::harness::{LIMIT, Running, wait_until};
use crate::xfer::{Place, address, serve, status_kib};

const GIB: u64 = 1 << 30;

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
        let is_hashing = || threads(&server) >= idle + 8;
        assert!(wait_until(LIMIT, is_hashing), "a thread for each, and one that hashes");
        drop(peers);
        assert!(wait_until(LIMIT, || threads(&server) == idle), "{} threads", threads(&server));
    }
}

#[test]
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
    assert!(
        server.stderr.wait(LIMIT, |text, _| text.ends_with(b"\n") && text.contains(&b'5')),
        "it has failed"
    );
    assert!(wait_until(LIMIT, || there.names().is_empty()), "{:?}", there.names());
}
