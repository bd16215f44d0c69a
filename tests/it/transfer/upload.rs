//! `upload`: what arrives, what is refused, and that both ends say the same.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use crate::harness::{In, LIMIT, Out, payload, sendall};
use crate::transfer::xfer::{CHUNK, Place, address, begin, expect_lines, is_part, run, serve, upload_once};

const SIZES: [usize; 8] = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3_000_000, 20_000_000];

#[test]
fn every_size_arrives_with_the_digest_that_both_print() {
    let (here, there) = (Place::new(), Place::new());
    for size in SIZES {
        let (name, bytes) = (format!("f{size}"), payload(size));
        let ended = upload_once(&["--store", there.arg()], &[&here.write(&name, &bytes)]);
        expect_lines(ended, &format!("sent {name} to "), &bytes);
        there.expect(&name, &bytes);
    }
    assert!(!there.names().iter().any(|name| is_part(name)));
}

#[test]
fn several_files_go_in_one_session() {
    let (here, there) = (Place::new(), Place::new());
    let paths: Vec<String> =
        SIZES.iter().map(|size| here.write(&format!("f{size}"), &payload(*size))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (client, server) = upload_once(&["--store", there.arg()], &paths);
    assert!(client.expect(0).stderr.contains("sent 8 of 8 files to "));
    assert!(server.expect(0).stderr.contains("received 8 of 8 files from "));
    assert_eq!(there.names(), here.names());
    for size in SIZES {
        there.expect(&format!("f{size}"), &payload(size));
    }
}

#[test]
fn time_and_mode_are_kept_and_no_special_bits() {
    let (here, there) = (Place::new(), Place::new());
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    let old = SystemTime::UNIX_EPOCH - Duration::new(86_400, 0);
    for (name, mode, time) in [("plain", 0o600, time), ("program", 0o4755, old), ("sticky", 0o3777, time)] {
        let path = here.write(name, name.as_bytes());
        std::fs::File::open(&path).and_then(|file| file.set_modified(time)).expect("a time");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        let (client, server) = upload_once(&["--store", there.arg()], &[&path]);
        client.expect(0);
        server.expect(0);
        let meta = std::fs::metadata(there.path(name)).expect("arrived");
        assert_eq!(meta.modified().expect("a time"), time, "{name}");
        assert_eq!(meta.mode() & 0o7744, mode & 0o744, "{name}: {:o}", meta.mode());
    }
}

#[test]
fn the_mode_follows_the_servers_umask() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("private", b"x");
    let args = ["serve", "127.0.0.1:0", "--store", there.arg(), "--once"];
    let server = crate::transfer::xfer::limited("umask 077", &args);
    run(&["upload", &path, &address(&server)]).expect(0);
    server.finish().expect(0);
    assert_eq!(std::fs::metadata(there.path("private")).expect("arrived").mode() & 0o777, 0o600);
}

#[test]
fn the_same_content_is_there_already() {
    let (here, there) = (Place::new(), Place::new());
    for size in [0, 5, CHUNK + 1] {
        let bytes = payload(size);
        let path = here.write("f", &bytes);
        there.write("f", &bytes);
        let before = std::fs::metadata(there.path("f")).expect("there").ino();
        for options in [&[path.as_str()][..], &["--force", &path]] {
            let (client, server) = upload_once(&["--store", there.arg()], options);
            client.expect(0);
            server.expect(0);
            there.expect("f", &bytes);
        }
        let (client, _) = upload_once(&["--store", there.arg()], &[&path]);
        assert!(client.expect(0).stderr.contains("there already"));
        assert!(size == 0 || std::fs::metadata(there.path("f")).expect("there").ino() == before);
    }
}

#[test]
fn other_content_stays_unless_it_is_forced() {
    let (here, there) = (Place::new(), Place::new());
    for (old, new) in [(&b"old"[..], &b"new"[..]), (b"longer", b"new"), (b"", b"new"), (b"old", b"")] {
        there.write("f", old);
        let path = here.write("f", new);
        let refused = [&["--store", there.arg()][..], &["--store", there.arg(), "--keep-existing"]];
        for (options, force) in [(refused[0], false), (refused[1], false), (refused[1], true)] {
            let paths = if force { vec!["--force", &path] } else { vec![path.as_str()] };
            let (client, server) = upload_once(options, &paths);
            let (client, server) = (client.ended(7), server.ended(7));
            assert!(client.stderr.contains("f: exists with other content"), "{}", client.stderr);
            let keeps = options.contains(&"--keep-existing");
            let advice = if keeps { "this server replaces nothing" } else { "--force replaces it" };
            assert!(client.stderr.contains(advice), "{}", client.stderr);
            assert!(
                !server.stderr.contains("--force") && server.stderr.contains("exists"),
                "{}",
                server.stderr
            );
            there.expect("f", old);
        }
        let (client, server) = upload_once(&["--store", there.arg()], &["-f", &path]);
        client.expect(0);
        server.expect(0);
        there.expect("f", new);
        there.expect_names(&["f"]);
    }
}

#[test]
fn a_file_over_the_servers_limit_is_refused_before_it_is_sent() {
    let (here, there) = (Place::new(), Place::new());
    let (small, large) = (here.write("small", &payload(1000)), here.write("large", &payload(1001)));
    let server = ["--store", there.arg(), "--max-size", "1000"];
    let (client, served) = upload_once(&server, &[&large]);
    client.expect_saying(7, "too large");
    served.expect_saying(7, "too large");
    let (client, served) = upload_once(&server, &[&small]);
    client.expect(0);
    served.expect(0);
    let (client, served) = upload_once(&server, &[&small, &large]);
    client.ended(9);
    served.ended(9);
    there.expect_names(&["small"]);
}

#[test]
fn all_refused_for_one_reason_is_that_reasons_code() {
    let (here, there) = (Place::new(), Place::new());
    let paths = [here.write("a", b"1"), here.write("b", b"2")];
    there.write("a", b"x");
    there.write("b", b"y");
    let (client, server) = upload_once(&["--store", there.arg()], &[&paths[0], &paths[1]]);
    let (client, server) = (client.ended(7), server.ended(7));
    assert!(client.stderr.contains("all 2 files failed"), "{}", client.stderr);
    for text in [client.stderr, server.stderr] {
        assert!(text.contains("a: exists") && text.contains("b: exists"), "{text}");
    }
}

#[test]
fn unix_sockets_and_two_words() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    let names = [format!("unix:{}", here.at("socket")), format!("unix:@sendall-{}", std::process::id())];
    for name in names {
        let server = sendall(&["serve", &name, "--store", there.arg(), "--once"], In::Null, Out::Collect);
        server.listening(1);
        run(&["upload", &path, &name]).expect(0);
        server.finish().expect(0);
        there.expect("f", b"content");
        std::fs::remove_file(there.path("f")).expect("removed");
    }
    let server = serve(&["--store", there.arg(), "--once"]);
    run(&["upload", &path, "127.0.0.1", &server.port().to_string()]).expect(0);
    server.finish().expect(0);
    there.expect("f", b"content");
}

#[test]
fn a_server_that_only_shares_takes_no_uploads() {
    let (here, there) = (Place::new(), Place::new());
    let server = serve(&["--share", there.arg(), "--count", "1"]);
    run(&["upload", &here.write("f", b"x"), &address(&server)]).expect_saying(7, "--store");
    server.finish().expect_saying(7, "--store");
    there.expect_names(&[]);
}

#[test]
fn a_server_continues_after_every_outcome_and_ends_with_a_signal() {
    let (here, there) = (Place::new(), Place::new());
    there.write("taken", b"x");
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    for (name, code) in [("a", 0), ("taken", 7), ("b", 0), ("a", 7), ("taken", 7)] {
        let path = here.write(name, format!("{code}").as_bytes());
        run(&["upload", &path, &to]).expect(code);
    }
    // A client hears its outcome before the server says it.
    let told = |text: &[u8], _| String::from_utf8_lossy(text).matches("exists").count() == 3;
    assert!(server.stderr.wait(LIMIT, told), "{}", server.stderr.text());
    server.signal(Signal::TERM);
    let finished = server.finish_within(Duration::from_secs(2)).ended(143);
    assert_eq!(finished.errors().len(), 4, "{}", finished.stderr);
    there.expect_names(&["a", "b", "taken"]);
}

#[test]
fn twenty_clients_at_once() {
    let (here, there) = (Place::new(), Place::new());
    let server = serve(&["--store", there.arg(), "--max-per-source", "20"]);
    let to = address(&server);
    let bytes = payload(2_000_000);
    let clients: Vec<_> = (0..20)
        .map(|number| {
            let path = here.write(&format!("f{number:02}"), &bytes[number..]);
            begin(&["upload", &path, &to])
        })
        .collect();
    for client in clients {
        client.finish().expect(0);
    }
    assert_eq!(there.names(), here.names());
    (0..20).for_each(|number| there.expect(&format!("f{number:02}"), &bytes[number..]));
}

#[test]
fn of_fifty_clients_with_one_name_one_wins() {
    let (here, there) = (Place::new(), Place::new());
    let server = serve(&["--store", there.arg(), "--max-per-source", "50"]);
    let to = address(&server);
    let content = |number: usize| payload(300_000 + number);
    let clients: Vec<_> = (0..50)
        .map(|number| {
            here.folder(&format!("{number}"));
            begin(&["upload", &here.write(&format!("{number}/one"), &content(number)), &to])
        })
        .collect();
    let finished = clients.into_iter().map(|client| client.finish_within(LIMIT));
    let (won, lost): (Vec<_>, Vec<_>) = finished.enumerate().partition(|(_, client)| client.code == 0);
    assert_eq!(won.len(), 1, "{lost:?}");
    there.expect("one", &content(won[0].0));
    for (_, client) in lost {
        client.expect(7);
    }
    there.expect_names(&["one"]);
}

#[test]
fn a_stdin_that_is_closed_is_no_empty_file() {
    let there = Place::new();
    let server = sendall(&["serve", "127.0.0.1:0", "--store", there.arg()], In::Null, Out::Collect);
    let to = server.listening(1).remove(0);
    for (stdin, code) in [(In::Closed, 2), (In::Null, 0)] {
        let client = sendall(&["upload", "-", "--name", "f", &to], stdin, Out::Collect).finish();
        assert_eq!(client.code, code, "{}", client.stderr);
        assert_eq!(there.names().len(), usize::from(code == 0));
    }
}
