//! Next to a peer in Python that was written from PROTOCOL.md alone: `tests/peer/peer.py`.

use std::collections::BTreeMap;
use std::fs;
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use crate::harness::skips::skip;
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, start};
use crate::transfer::frames::{
    DATA, END, FakeServer, HAVE, PUT, Peer, RESULT, TURN, accept, entry, eot, frame, hello, turn, whole,
};
use crate::transfer::xfer::{Place, address, serve, wait_for_part};

/// More small files than the peer offers in two rounds.
const SMALL: usize = 90;
const LARGE: usize = 3_000_000;
/// What is there of it before it is resumed.
const BEGUN: usize = 2_000_000;

/// The peer with these arguments; none where there is no Python, or no BLAKE3 for it.
fn peer(args: &[&str]) -> Option<Running> {
    static CAN_HASH: LazyLock<bool> = LazyLock::new(|| {
        let asked = Command::new("python3").args(["-c", "import blake3"]).output();
        asked.is_ok_and(|output| output.status.success())
    });
    if !*CAN_HASH {
        skip("python3 with the package blake3 is not installed");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/peer.py");
    Some(start("python3", &[&["-B", script], args].concat(), In::Null, Out::Collect))
}

/// The peer as a client of `server`.
fn peer_client(server: &Running, command: &str, args: &[&str]) -> Option<Finished> {
    let port = server.port().to_string();
    peer(&[&[command, "127.0.0.1", &port], args].concat()).map(Running::finish)
}

/// Checks the code of the peer, and its last line.
#[track_caller]
fn expect(finished: &Finished, code: i32, line: &str) {
    let said = String::from_utf8_lossy(&finished.stdout);
    assert_eq!(finished.code, code, "{said}{}", finished.stderr);
    assert_eq!(said.lines().last(), Some(line), "{}", finished.stderr);
}

/// A folder `tree`: more files than the peer offers in one round, empty ones, a large one and folders.
fn tree(place: &Place) -> String {
    place.folder("tree/empty");
    place.folder("tree/many/deep");
    (0..SMALL).for_each(|number| {
        place.write(&format!("tree/many/{number}"), &payload(number));
    });
    place.write("tree/many/deep/für 大.txt", b"x");
    place.write("tree/large", &payload(LARGE));
    place.write("tree/script", b"#!/bin/sh\n");
    fs::set_permissions(place.path("tree/script"), fs::Permissions::from_mode(0o755)).expect("a mode");
    place.at("tree")
}

/// All that is below a folder: content, the time, and whether it is executable.
fn all_below(folder: &Path) -> BTreeMap<String, (Vec<u8>, i64, i64, bool)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(here) = folders.pop() {
        for found in fs::read_dir(here).expect("a folder") {
            let path = found.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("there");
            let content = if meta.is_dir() {
                folders.push(path.clone());
                b"a folder".to_vec()
            } else {
                fs::read(&path).expect("a file")
            };
            let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            let executable = meta.is_file() && meta.mode() & 0o100 != 0;
            all.insert(name, (content, meta.mtime(), meta.mtime_nsec(), executable));
        }
    }
    all
}

#[track_caller]
fn assert_same_trees(there: &Path, here: &Path) {
    let (there, here) = (all_below(there), all_below(here));
    assert_eq!(there.keys().collect::<Vec<_>>(), here.keys().collect::<Vec<_>>());
    for (name, ours) in &here {
        assert!(there[name] == *ours, "{name} is another one");
    }
}

#[test]
fn the_peer_sends_a_tree_and_fetches_it() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let tree = tree(&here);
    let server = serve(&["--store", there.arg(), "--share", there.arg()]);
    let Some(sent) = peer_client(&server, "put", &[&tree]) else { return };
    let bytes = LARGE + (0..SMALL).sum::<usize>() + 11;
    expect(&sent, 0, &format!("97 entries, 0 failed, {bytes} bytes"));
    assert_same_trees(there.root(), here.root());
    let again = peer_client(&server, "put", &[&tree]).expect("Python");
    expect(&again, 0, "97 entries, 0 failed, 0 bytes");
    let fetched = peer_client(&server, "get", &[back.arg()]).expect("Python");
    expect(&fetched, 0, &format!("97 entries, 0 failed, {bytes} bytes"));
    assert_same_trees(back.root(), here.root());
    // Files that are there are refused; folders are no failure.
    let again = peer_client(&server, "get", &[back.arg()]).expect("Python");
    expect(&again, 1, "97 entries, 93 failed, 0 bytes");
    assert_same_trees(back.root(), here.root());
    let some = Place::new();
    let fetched = peer_client(&server, "get", &[some.arg(), "tree/many/deep", "tree/script"]);
    expect(&fetched.expect("Python"), 0, "3 entries, 0 failed, 11 bytes");
    assert_eq!(
        all_below(some.root()).keys().collect::<Vec<_>>(),
        ["tree", "tree/many", "tree/many/deep", "tree/many/deep/für 大.txt", "tree/script"]
    );
}

#[test]
fn what_our_server_has_of_a_file_is_not_asked_of_the_peer_again() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("large", &payload(LARGE));
    let server = serve(&["--store", there.arg()]);
    let mut first = Peer::connect(&address(&server));
    first.say(&[hello(PUT, b""), entry(0, b"large", LARGE as u64), turn()].concat());
    first.hear(32);
    assert_eq!((first.hear_frame().0, first.hear_frame().0), (HAVE, TURN));
    first.say(&frame(DATA, 0, 0, 0, &payload(LARGE)[..BEGUN]));
    wait_for_part(there.root(), BEGUN as u64);
    drop(first);
    // An end, or a reset for the ACK that nobody has read.
    let is_lost = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("sendall: ");
    assert!(server.stderr.wait(LIMIT, is_lost), "{}", server.stderr.text());
    let Some(sent) = peer_client(&server, "put", &[&path]) else { return };
    expect(&sent, 0, &format!("1 entries, 0 failed, {} bytes", LARGE - BEGUN));
    there.expect_names(&["large"]);
    there.expect("large", &payload(LARGE));
}

#[test]
fn what_is_refused_is_known_on_both_sides_and_the_rest_arrives() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let paths =
        [here.write("a", b"1"), here.write("b", b"new"), here.write("c", b""), here.write("d", b"same")];
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    there.write("b", b"of another size");
    there.write("d", b"else");
    let server = serve(&["--store", there.arg(), "--share", here.arg()]);
    let Some(sent) = peer_client(&server, "put", &paths) else { return };
    expect(&sent, 1, "4 entries, 2 failed, 1 bytes");
    there.expect_names(&["a", "b", "c", "d"]);
    there.expect("b", b"of another size");
    there.expect("d", b"else");
    back.write("d", b"here");
    let fetched = peer_client(&server, "get", &[back.arg(), "a", "nowhere", "d"]).expect("Python");
    expect(&fetched, 1, "3 entries, 2 failed, 1 bytes");
    back.expect_names(&["a", "d"]);
    back.expect("d", b"here");
}

/// Ours never sends these as a server.
#[test]
fn the_peer_takes_no_unsafe_name_and_no_file_with_another_digest() {
    let place = Place::new();
    let outside = place.at("outside");
    let server = FakeServer::new(move |peer| {
        peer.hear(32);
        let entries = ["../a", &outside, "a//b", "wrong", "right"].map(str::as_bytes);
        let entries: Vec<Vec<u8>> =
            entries.iter().zip(0..).map(|(path, file)| entry(file, path, 1)).collect();
        peer.say(&[accept(), entries.concat(), turn()].concat());
        let haves: Vec<Vec<u8>> = (0..5).map(|_| peer.hear_frame().2[..2].to_vec()).collect();
        assert_eq!(haves, [[3, 8], [3, 8], [3, 8], [1, 0], [1, 0]]);
        assert_eq!(peer.hear_frame().0, TURN);
        let damaged =
            [frame(DATA, 0, 3, 0, b"x"), frame(END, 0, 3, 1, blake3::hash(b"y").as_bytes())].concat();
        peer.say(&[damaged, whole(4, b"z"), eot(2, 2)].concat());
        let failure = [&[0, 0, 0, 3, 16, 0, 0, 5, 0, 0], &b"wrong"[..]].concat();
        let counts = [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4];
        assert_eq!(peer.hear_until(RESULT), [&counts[..], &failure].concat());
        let _ = peer.0.shutdown(Shutdown::Write);
        peer.hear_all();
    });
    let port = server.address.rsplit(':').next().expect("a port");
    let into = place.at("into");
    let Some(client) = peer(&["get", "127.0.0.1", port, &into]) else { return };
    expect(&client.finish(), 1, "5 entries, 4 failed, 2 bytes");
    server.join();
    place.expect_names(&["into"]);
    assert_eq!(all_below(place.root()).keys().collect::<Vec<_>>(), ["into", "into/right"]);
}
