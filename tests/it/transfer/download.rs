//! `download`: what is offered, what it is called here, what is refused.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use crate::harness::{In, Out, payload, sendall};
use crate::transfer::xfer::{CHUNK, Place, address, begin, download_once, expect_lines, is_part, run, serve};

const SIZES: [usize; 8] = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3_000_000, 20_000_000];

#[test]
fn every_size_arrives_with_the_digest_that_both_print() {
    let (here, there) = (Place::new(), Place::new());
    for size in SIZES {
        let (name, bytes) = (format!("f{size}"), payload(size));
        let shared = there.write(&name, &bytes);
        let ended = download_once(&["--share", &shared], &["-o", here.arg()]);
        expect_lines(ended, &format!("received {name} from "), &bytes);
        here.expect(&name, &bytes);
    }
    assert!(!here.names().iter().any(|name| is_part(name)));
}

#[test]
fn a_folder_offers_all_that_is_in_it() {
    let (here, there, outside) = (Place::new(), Place::new(), Place::new());
    let secret = outside.write("secret", b"secret");
    for size in SIZES {
        there.write(&format!("f{size}"), &payload(size));
    }
    there.write(".hidden", b"hidden");
    there.folder("sub");
    there.write("sub/inner", b"inner");
    there.write(".sendall-0123456789abcdef.part", b"unfinished");
    symlink(&secret, there.path("link")).expect("a link");
    symlink(there.path("f1"), there.path("inside")).expect("a link");
    rustix::fs::mkfifoat(rustix::fs::CWD, there.path("fifo"), 0o600.into()).expect("a FIFO");
    let (client, server) = download_once(&["--share", there.arg()], &["-o", here.arg()]);
    for finished in [client.ended(0), server.ended(0)] {
        let words = "left out 2 symbolic links, 1 FIFO and 1 unfinished file";
        assert!(finished.errors().len() == 1 && finished.errors()[0].contains(words), "{}", finished.stderr);
    }
    let mut expected: Vec<String> = SIZES.iter().map(|size| format!("f{size}")).collect();
    expected.extend([".hidden".to_owned(), "sub".to_owned()]);
    expected.sort();
    here.expect_names(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    SIZES.iter().for_each(|size| here.expect(&format!("f{size}"), &payload(*size)));
    here.expect("sub/inner", b"inner");
}

#[test]
fn an_empty_folder_offers_nothing_and_that_is_no_failure() {
    let (here, there) = (Place::new(), Place::new());
    let (client, server) = download_once(&["--share", there.arg()], &["-o", here.arg()]);
    assert!(client.expect(0).stderr.contains("nothing was offered"));
    server.expect(0);
}

#[test]
fn a_name_with_folders_is_fetched_under_its_last_part() {
    let (here, there) = (Place::new(), Place::new());
    there.folder("sub/deep");
    there.write("sub/deep/path", b"deep");
    there.write("top", b"top");
    let (client, server) =
        download_once(&["--share", there.arg()], &["sub/deep/path", "top", "-o", here.arg()]);
    client.expect(0);
    server.expect(0);
    here.expect("path", b"deep");
    here.expect("top", b"top");
    here.expect_names(&["path", "top"]);
}

#[test]
fn links_are_not_followed_and_nothing_but_files_is_given() {
    let (here, there, outside) = (Place::new(), Place::new(), Place::new());
    outside.write("secret", b"secret");
    outside.folder("folder");
    symlink(outside.path("secret"), there.path("file-link")).expect("a link");
    symlink(outside.root(), there.path("folder-link")).expect("a link");
    there.folder("sub");
    symlink("../..", there.path("sub/up")).expect("a link");
    rustix::fs::mkfifoat(rustix::fs::CWD, there.path("fifo"), 0o600.into()).expect("a FIFO");
    there.write("f", b"x");
    let escaping = ["file-link", "folder-link/secret", "sub/up/secret", "sub/up", "fifo", "f/x", "missing"];
    for name in escaping {
        let (client, server) = download_once(&["--share", there.arg()], &[name, "-o", here.arg()]);
        client.expect_saying(7, name);
        server.expect_saying(7, name);
        here.expect_names(&[]);
    }
}

#[test]
fn a_shared_file_is_offered_by_its_base_name_alone() {
    let (here, there) = (Place::new(), Place::new());
    let shared = there.write("only", b"only");
    there.write("other", b"other");
    for name in ["other", "missing", "sub/only"] {
        let (client, server) = download_once(&["--share", &shared], &[name, "-o", here.arg()]);
        client.expect_saying(7, "not found");
        server.expect_saying(7, "not found");
    }
    let (client, server) = download_once(&["--share", &shared], &["only", "-o", here.arg()]);
    client.expect(0);
    server.expect(0);
    here.expect_names(&["only"]);
}

#[test]
fn names_that_are_not_there_are_refused_and_mixed_is_partial() {
    let (here, there) = (Place::new(), Place::new());
    there.write("a", b"a");
    let (client, server) = download_once(&["--share", there.arg()], &["x", "-o", here.arg()]);
    client.expect_saying(7, "x: not found");
    server.expect_saying(7, "x: not found");
    let (client, server) = download_once(&["--share", there.arg()], &["x", "y", "-o", here.arg()]);
    client.ended(7);
    server.ended(7);
    let (client, server) = download_once(&["--share", there.arg()], &["x", "a", "-o", here.arg()]);
    let (client, server) = (client.ended(9), server.ended(9));
    for text in [client.stderr, server.stderr] {
        assert!(text.contains("x: not found") && text.contains("1 of 2 files"), "{text}");
    }
    here.expect("a", b"a");
    here.expect_names(&["a"]);
}

#[test]
fn the_output_is_a_folder_or_a_name_for_one() {
    let (here, there) = (Place::new(), Place::new());
    let shared = there.write("f", b"content");
    let (client, server) = download_once(&["--share", &shared], &["-o", &here.at("other")]);
    client.expect(0);
    server.expect(0);
    here.expect("other", b"content");
    there.write("g", b"more");
    let (client, server) = download_once(&["--share", there.arg()], &["-o", &here.at("third")]);
    client.expect_saying(7, "several files are offered: name one, or give -o a folder");
    server.expect_saying(7, "not asked for: one file can be taken, and several are offered");
    let (client, server) = download_once(&["--share", there.arg()], &["g", "-o", &here.at("fourth")]);
    client.expect(0);
    server.expect(0);
    here.expect("fourth", b"more");
    here.expect_names(&["fourth", "other"]);
}

#[test]
fn what_exists_here_stays_unless_it_is_forced() {
    let (here, there) = (Place::new(), Place::new());
    for (old, new) in [(&b"old"[..], &b"new"[..]), (b"longer", b"new"), (b"", b"new"), (b"old", b"")] {
        here.write("f", old);
        let shared = there.write("f", new);
        let (client, server) = download_once(&["--share", &shared], &["-o", here.arg()]);
        client.expect_saying(7, "f: exists with other content: --force replaces it");
        server.expect_saying(7, "exists");
        here.expect("f", old);
        let (client, server) = download_once(&["--share", &shared], &["--force", "-o", here.arg()]);
        client.expect(0);
        server.expect(0);
        here.expect("f", new);
        let (client, server) = download_once(&["--share", &shared], &["-o", here.arg()]);
        assert!(client.expect(0).stderr.contains("there already"));
        server.expect(0);
    }
    here.expect_names(&["f"]);
}

#[test]
fn a_file_over_the_clients_limit_is_refused_before_it_is_sent() {
    let (here, there) = (Place::new(), Place::new());
    there.write("small", &payload(1000));
    there.write("large", &payload(1001));
    let args = |name| [name, "--max-size", "1000", "-o", here.arg()];
    let (client, server) = download_once(&["--share", there.arg()], &args("large"));
    client.expect_saying(7, "too large");
    server.expect_saying(7, "too large");
    let (client, server) = download_once(&["--share", there.arg()], &args("small"));
    client.expect(0);
    server.expect(0);
    here.expect_names(&["small"]);
}

#[test]
fn time_and_mode_are_kept_and_no_special_bits() {
    let (here, there) = (Place::new(), Place::new());
    let shared = there.write("program", b"#!/bin/sh\n");
    let time = SystemTime::UNIX_EPOCH + Duration::new(987_654_321, 999_999_999);
    std::fs::File::open(&shared).and_then(|file| file.set_modified(time)).expect("a time");
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o6711)).expect("a mode");
    let (client, server) = download_once(&["--share", &shared], &["-o", here.arg()]);
    client.expect(0);
    server.expect(0);
    let meta = std::fs::metadata(here.path("program")).expect("arrived");
    assert_eq!(meta.modified().expect("a time"), time);
    assert_eq!(meta.mode() & 0o7111, 0o111, "{:o}", meta.mode());
}

#[test]
fn unix_sockets_and_two_words() {
    let (here, there) = (Place::new(), Place::new());
    let shared = there.write("f", b"content");
    let name = format!("unix:{}", there.at("socket"));
    let server = sendall(&["serve", &name, "--share", &shared, "--once"], In::Null, Out::Collect);
    server.listening(1);
    run(&["download", &name, "-o", here.arg()]).expect(0);
    server.finish().expect(0);
    here.expect("f", b"content");
    let server = serve(&["--share", &shared, "--once"]);
    let port = server.port().to_string();
    run(&["download", "127.0.0.1", &port, "f", "-o", &here.at("g")]).expect(0);
    server.finish().expect(0);
    here.expect("g", b"content");
}

#[test]
fn a_server_that_only_stores_gives_nothing() {
    let (here, there) = (Place::new(), Place::new());
    there.write("f", b"x");
    let server = serve(&["--store", there.arg(), "--count", "1"]);
    run(&["download", &address(&server), "f", "-o", here.arg()]).expect_saying(7, "--share");
    server.finish().expect_saying(7, "--share");
    here.expect_names(&[]);
}

#[test]
fn twenty_clients_at_once_and_both_modes_in_one_server() {
    let (here, there, store) = (Place::new(), Place::new(), Place::new());
    let bytes = payload(1_500_000);
    let shared = there.write("f", &bytes);
    let up = here.write("up", &bytes);
    let server =
        serve(&["--share", &shared, "--store", store.arg(), "--max-per-source", "30", "--max-clients", "30"]);
    let from = address(&server);
    let clients: Vec<_> =
        (0..20).map(|number| begin(&["download", &from, "-o", &here.at(&number.to_string())])).collect();
    run(&["upload", &up, &from]).expect(0);
    for (number, client) in clients.into_iter().enumerate() {
        client.finish().expect(0);
        here.expect(&number.to_string(), &bytes);
    }
    store.expect("up", &bytes);
}
