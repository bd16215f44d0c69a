//! Next to a peer in Python that was written from PROTOCOL.md alone: `tests/peer/peer.py`, as client and as server.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use crate::frames::{DATA, FakeServer, HAVE, PUT, Peer, TURN, accept, entry, frame, hello, turn};
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, start};
use crate::xfer::{Place, address, is_part, run, serve, wait_for_part};

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
        println!("skipped: python3 with the package blake3 is not installed");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/peer.py");
    Some(start("python3", &[&["-B", script], args].concat(), In::Null, Out::Collect))
}

/// The peer as a server of one session, and its address.
fn peer_server(folder: &str) -> Option<(Running, String)> {
    let server = peer(&["serve", folder])?;
    let output = server.output.as_ref().expect("Out::Collect");
    assert!(output.wait(LIMIT, |bytes, _| bytes.ends_with(b"\n")), "{}", server.stderr.text());
    let address = format!("127.0.0.1:{}", output.text().trim());
    Some((server, address))
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

/// A folder `tree`: more files than the peer offers in one round, empty ones, a large one, folders and a link.
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
    symlink("many/deep", place.path("tree/link")).expect("a link");
    place.at("tree")
}

/// All that is below a folder: content or target, the time, and whether it is executable.
fn all_below(folder: &Path) -> BTreeMap<String, (Vec<u8>, i64, i64, bool)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(here) = folders.pop() {
        for found in fs::read_dir(here).expect("a folder") {
            let path = found.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("there");
            let content = if meta.is_symlink() {
                fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec()
            } else if meta.is_dir() {
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
fn the_peers_client_sends_a_tree_and_fetches_it() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let tree = tree(&here);
    let server = serve(&["--store", there.arg(), "--share", there.arg()]);
    let Some(sent) = peer_client(&server, "put", &[&tree]) else { return };
    let bytes = LARGE + (0..SMALL).sum::<usize>() + 11;
    expect(&sent, 0, &format!("98 entries, 0 failed, {bytes} bytes"));
    assert_same_trees(there.root(), here.root());
    let again = peer_client(&server, "put", &[&tree]).expect("Python");
    expect(&again, 0, "98 entries, 0 failed, 0 bytes");
    // What is shared has no links.
    fs::remove_file(there.path("tree/link")).expect("removed");
    fs::remove_file(here.path("tree/link")).expect("removed");
    let fetched = peer_client(&server, "get", &[back.arg()]).expect("Python");
    expect(&fetched, 0, &format!("97 entries, 0 failed, {bytes} bytes"));
    let times = |place: &Place| fs::metadata(place.path("tree")).expect("there").mtime();
    assert_eq!(times(&back), times(&there));
    assert_same_trees(&back.path("tree/many"), &here.path("tree/many"));
    back.expect("tree/large", &payload(LARGE));
    let some = Place::new();
    let fetched = peer_client(&server, "get", &[some.arg(), "tree/many/deep", "tree/script"]);
    expect(&fetched.expect("Python"), 0, "3 entries, 0 failed, 11 bytes");
    some.expect_names(&["deep", "script"]);
}

#[test]
fn the_peers_server_takes_a_tree_and_offers_it() {
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let tree = tree(&here);
    let Some((server, to)) = peer_server(there.arg()) else { return };
    run(&["upload", "--links", "copy", &tree, &to]).expect(0);
    let bytes = LARGE + (0..SMALL).sum::<usize>() + 11;
    let told = format!("98 entries, 0 failed, {bytes} bytes");
    expect(&server.finish(), 0, &told);
    assert_same_trees(there.root(), here.root());
    // To an empty folder, where `download` would take a stream: the peer declines.
    let (server, from) = peer_server(there.arg()).expect("Python");
    run(&["download", &from, "-o", back.arg()]).expect(0);
    expect(&server.finish(), 0, &told);
    assert_same_trees(back.root(), here.root());
    let (server, from) = peer_server(there.arg()).expect("Python");
    run(&["download", &from, "-o", back.arg(), "tree"]).expect(0);
    expect(&server.finish(), 0, "98 entries, 0 failed, 0 bytes");
    let some = Place::new();
    let (server, from) = peer_server(there.arg()).expect("Python");
    run(&["download", &from, "-o", some.arg(), "tree/many/deep", "tree/script"]).expect(0);
    expect(&server.finish(), 0, "3 entries, 0 failed, 11 bytes");
    some.expect_names(&["deep", "script"]);
}

#[test]
fn what_the_peer_has_of_a_file_is_not_sent_again() {
    let (here, there) = (Place::new(), Place::new());
    let (content, name) = (payload(LARGE), "large");
    let path = here.write(name, &content);
    for (part, sent) in [(&content[..BEGUN], LARGE - BEGUN), (&content[1..BEGUN], LARGE), (&content, 0)] {
        there.write("large.part", part);
        let Some((server, to)) = peer_server(there.arg()) else { return };
        run(&["upload", &path, &to]).expect(0);
        expect(&server.finish(), 0, &format!("1 entries, 0 failed, {sent} bytes"));
        there.expect_names(&[name]);
        there.expect(name, &content);
        fs::remove_file(there.path(name)).expect("removed");
        there.write("large.part", part);
        let server = serve(&["--share", here.arg()]);
        let fetched = peer_client(&server, "get", &[there.arg(), name]).expect("Python");
        expect(&fetched, 0, &format!("1 entries, 0 failed, {sent} bytes"));
        there.expect(name, &content);
        fs::remove_file(there.path(name)).expect("removed");
    }
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
fn what_our_client_has_of_a_file_is_not_asked_of_the_peer_again() {
    let (here, there) = (Place::new(), Place::new());
    there.write("large", &payload(LARGE));
    let first = FakeServer::new(|peer| {
        peer.hear(32 + 5);
        peer.say(&[accept(), entry(0, b"large", LARGE as u64), turn()].concat());
        assert_eq!((peer.hear_frame().0, peer.hear_frame().0), (HAVE, TURN));
        peer.say(&frame(DATA, 0, 0, 0, &payload(LARGE)[..BEGUN]));
    });
    run(&["download", &first.address, "large", "-o", here.arg()]).expect(5);
    first.join();
    assert!(matches!(&here.names()[..], [part] if is_part(part)), "{:?}", here.names());
    let Some((server, from)) = peer_server(there.arg()) else { return };
    run(&["download", &from, "large", "-o", here.arg()]).expect(0);
    let left = LARGE as u64 - BEGUN as u64;
    expect(&server.finish(), 0, &format!("1 entries, 0 failed, {left} bytes"));
    here.expect_names(&["large"]);
    here.expect("large", &payload(LARGE));
}

#[test]
fn what_is_refused_is_known_on_both_sides_and_the_rest_arrives() {
    let (here, there, ours) = (Place::new(), Place::new(), Place::new());
    let paths =
        [here.write("a", b"1"), here.write("b", b"new"), here.write("c", b""), here.write("d", b"same")];
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for place in [&there, &ours] {
        place.write("b", b"of another size");
        place.write("d", b"else");
    }
    let Some((server, to)) = peer_server(there.arg()) else { return };
    run(&[&["upload"], &paths[..], &[&to]].concat()).ended(9);
    expect(&server.finish(), 1, "4 entries, 2 failed, 1 bytes");
    let server = serve(&["--store", ours.arg(), "--share", here.arg()]);
    expect(&peer_client(&server, "put", &paths).expect("Python"), 1, "4 entries, 2 failed, 1 bytes");
    for place in [&there, &ours] {
        place.expect_names(&["a", "b", "c", "d"]);
        place.expect("b", b"of another size");
        place.expect("d", b"else");
    }
    let fetched = peer_client(&server, "get", &[there.arg(), "c", "nowhere", "d"]).expect("Python");
    expect(&fetched, 1, "3 entries, 2 failed, 0 bytes");
    let (server, from) = peer_server(here.arg()).expect("Python");
    run(&["download", &from, "-o", ours.arg(), "c", "nowhere", "d"]).ended(9);
    expect(&server.finish(), 1, "3 entries, 2 failed, 0 bytes");
}

#[test]
fn listings_either_way() {
    let there = Place::new();
    there.folder("d");
    there.write("d/f", b"content");
    let server = serve(&["--share", there.arg()]);
    let Some(listed) = peer_client(&server, "list", &["d", "nowhere"]) else { return };
    expect(&listed, 0, "3 entries, 0 failed, 0 bytes");
    assert!(listed.stdout.starts_with(b"1 7 d/f\n2 0 d\n1 missing nowhere\n"), "{listed:?}");
    let (server, from) = peer_server(there.arg()).expect("Python");
    let listed = run(&["download", "--list", &from]).expect(0);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let lines: Vec<&str> = listed.lines().map(str::trim_start).collect();
    assert!(
        matches!(lines[..], [file, folder] if file.starts_with("7 ") && file.ends_with(" d/f")
        && folder.starts_with("0 ") && folder.ends_with(" d/")),
        "{listed}"
    );
    expect(&server.finish(), 0, "2 entries, 0 failed, 0 bytes");
}
