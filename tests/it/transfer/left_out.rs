//! What is left out on purpose, links and special files: told at both ends, however little is said.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::harness::{Finished, LIMIT, wait_until};
use crate::transfer::xfer::{Place, address, begin, download_once, run, serve};

/// A folder with a file, two links, a FIFO and something unfinished.
fn mixed() -> Place {
    let place = Place::new();
    place.folder("d");
    place.write("d/file", b"content");
    symlink("file", place.path("d/link")).expect("a link");
    symlink("/nowhere", place.path("d/dangling")).expect("a link");
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path("d/fifo"), 0o600.into()).expect("a FIFO");
    place.write("d/.sendall-0123456789abcdef.part", b"unfinished");
    place
}

const ALL: &str = "left out 2 symbolic links, 1 FIFO and 1 unfinished file";

#[track_caller]
fn tells(finished: Finished, words: &str) -> Finished {
    let finished = finished.ended(0);
    assert_eq!(finished.errors().len(), 1, "{}", finished.stderr);
    assert!(finished.errors()[0].contains(words), "'{words}' is not in {}", finished.stderr);
    finished
}

#[test]
fn both_ends_of_an_upload_count_them_also_when_quiet() {
    let (here, there) = (mixed(), Place::new());
    for level in [&["--quiet"][..], &[]] {
        let server = serve(&["--store", there.arg(), "--once"]);
        let client = begin(&[&["upload", &here.at("d"), &address(&server)], level].concat()).finish();
        let client = tells(client, &format!("{ALL}: --links copy sends"));
        tells(server.finish(), &format!("the sender {ALL}"));
        assert_eq!(client.stderr.contains("; 4 left out"), level.is_empty(), "{}", client.stderr);
    }
    assert!(!there.path("d/link").exists() && there.path("d/file").exists());
}

#[test]
fn a_download_reports_what_the_server_skips() {
    let (here, there) = (Place::new(), mixed());
    let (client, server) = download_once(&["--share", there.arg()], &["-o", here.arg(), "-q"]);
    tells(client, &format!("the sender {ALL}"));
    tells(server, ALL);
    // In rounds, too: something is there already.
    let (client, _) = download_once(&["--share", there.arg()], &["-o", here.arg()]);
    tells(client, &format!("the sender {ALL}"));
    let only_links = Place::new();
    symlink("x", only_links.path("link")).expect("a link");
    let (client, server) = download_once(&["--share", only_links.arg()], &["-o", here.arg()]);
    let client = tells(client, "the sender left out 1 symbolic link");
    assert!(client.stderr.contains("nothing was offered") && client.stderr.contains("; 1 left out"));
    tells(server, "left out 1 symbolic link: --links copy");
    let server = serve(&["--share", there.arg()]);
    let listing = run(&["download", &address(&server), "--list"]);
    assert_eq!(listing.code, 0);
    assert!(listing.stderr.contains(&format!("sendall: the sender {ALL}")), "{}", listing.stderr);
    let dry_run = run(&["upload", "--dry-run", &there.at("d"), "127.0.0.1:1"]);
    assert!(dry_run.stderr.contains(&format!("sendall: {ALL}")), "{}", dry_run.stderr);
}

#[test]
fn each_is_an_event_at_both_ends() {
    let (here, there) = (mixed(), Place::new());
    let socket = format!("unix:{}", here.at("socket"));
    let server = begin(&["serve", &socket, "--store", there.arg(), "--json", "--once"]);
    assert!(wait_until(LIMIT, || here.path("socket").exists()), "not listening");
    let client = begin(&["upload", &here.at("d"), &socket, "--json"]).finish();
    let server = server.finish();
    for finished in [client, server] {
        let events: Vec<Value> =
            finished.stderr.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        let skipped = events.iter().filter(|event| event["state"] == "skipped");
        let mut skipped: Vec<_> =
            skipped.map(|event| (event["kind"].as_str(), event["path"].as_str())).collect();
        skipped.sort();
        let due = [("fifo", "d/fifo"), ("link", "d/dangling"), ("link", "d/link")];
        let mut due: Vec<_> = due.iter().map(|(kind, path)| (Some(*kind), Some(*path))).collect();
        due.push((Some("unfinished"), Some("d/.sendall-0123456789abcdef.part")));
        assert_eq!(skipped, due);
        let summary = events.iter().find(|event| event["event"] == "summary").expect("a summary");
        assert_eq!((&summary["skipped"], &summary["entries"]), (&4.into(), &2.into()));
        let warnings = events.iter().filter(|event| event["event"] == "warning");
        assert_eq!(warnings.count(), 1, "{}", finished.stderr);
    }
}

#[test]
fn a_share_sends_links_as_configured() {
    let there = Place::new();
    there.folder("sub");
    there.write("sub/file", b"content");
    symlink("sub", there.path("alias")).expect("a link");
    symlink("sub/file", there.path("name")).expect("a link");
    let get = |links: &str, names: &[&str]| {
        let here = Place::new();
        let server = ["--share", there.arg(), "--links", links];
        let (client, server) = download_once(&server, &[names, &["-o", here.arg()]].concat());
        client.expect(0);
        server.expect(0);
        here
    };
    for names in [&[][..], &["alias", "name"]] {
        let followed = get("follow", names);
        followed.expect("alias/file", b"content");
        followed.expect("name", b"content");
        assert!(!followed.path("alias").is_symlink() && !followed.path("name").is_symlink());
        let copied = get("copy", names);
        assert_eq!(std::fs::read_link(copied.path("alias")).expect("a link").to_str(), Some("sub"));
        assert_eq!(std::fs::read_link(copied.path("name")).expect("a link").to_str(), Some("sub/file"));
    }
    let here = Place::new();
    let (client, _) = download_once(&["--share", there.arg()], &["name", "-o", here.arg()]);
    client.expect_saying(7, "name: not allowed: is a link, and this server was started without --links");
    run(&["serve", "0", "--links", "copy"]).expect_saying(2, "--share");
}
