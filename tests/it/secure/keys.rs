//! Known hosts, pins, and the file of a key.

use std::os::unix::fs::PermissionsExt;

use super::scene::{CODE, Server, User};
use crate::harness::{In, LIMIT, Out, start, wait_until};
use crate::transfer::xfer::Place;

const OTHER: &str = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn a_known_host_with_another_key_is_8_also_with_the_right_code() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let key = server.says("key");
    let client = User::with(CODE);
    client.run(&["upload", &file, &server.address]).expect(0);
    let known = client.known();
    assert_eq!(known.len(), 1);
    assert!(known[0].starts_with(&format!("{} {key} ", server.address)), "{known:?}");
    client.run(&["upload", &file, &server.address]).expect(0);
    assert_eq!(client.known(), known, "once is enough");
    let line = known[0].replace(&key, OTHER);
    std::fs::write(client.file("known"), format!("# a comment\n{line}\n")).expect("written");
    let finished = client.run(&["upload", &file, &server.address, "--retry", "3"]).expect(8);
    for words in [&key[..], OTHER, "line 2 of "] {
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("trying again"), "{}", finished.stderr);
}

#[test]
fn pins_and_trust_on_first_use_need_no_code_of_an_open_server() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::new().serve(&["--store", inbox.arg(), "--open"]);
    let key = server.says("key");
    let upload =
        |user: &User, options: &[&str]| user.run(&[&["upload", &file, &server.address], options].concat());
    upload(&User::new(), &["--pin", &key]).expect(0);
    upload(&User::new(), &["--pin", OTHER, "--pin", &key]).expect(0);
    let refused = upload(&User::new(), &["--pin", OTHER]).expect(8);
    assert!(refused.stderr.contains(&key) && refused.stderr.contains("--pin"), "{}", refused.stderr);
    let client = User::new();
    upload(&client, &["--trust-new"]).expect(0);
    assert_eq!(client.known().len(), 1);
    // It is known from now on, and encrypted without a word.
    upload(&client, &[]).expect(0);
    // Who has a code insists on it.
    let insisting = upload(&User::with(CODE), &[]).expect(8);
    assert!(insisting.stderr.contains("takes no code"), "{}", insisting.stderr);
}

#[test]
fn what_cannot_be_noted_about_a_server_is_said() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::new().serve(&["--store", inbox.arg(), "--open"]);
    let (client, key) = (User::new(), server.says("key"));
    // A pin counts more than the list, whose line would end the next run.
    client.run(&["upload", &file, &server.address, "--pin", &key]).expect(0);
    let known = client.known();
    assert!(known[0].ends_with(" pin"), "{known:?}");
    std::fs::write(client.file("known"), known[0].replace(&key, OTHER) + "\n").expect("written");
    let warned = client.run(&["upload", &file, &server.address, "--pin", &key]);
    let said = warned.stderr;
    assert_eq!(warned.code, 0, "{said}");
    assert!(said.contains("line 1 of") && said.contains("delete that line"), "{said}");
    client.run(&["upload", &file, &server.address]).expect(8);
    // Without a place for the list.
    let upload = ["upload", &file, &server.address, "--trust-new"];
    let nowhere = ["-u", "HOME", "-u", "XDG_STATE_HOME", env!("CARGO_BIN_EXE_sendall")];
    let warned = start("env", &[&nowhere[..], &upload].concat(), In::Null, Out::Collect).finish();
    assert_eq!(warned.code, 0, "{}", warned.stderr);
    assert!(warned.stderr.contains("the server stays unknown"), "{}", warned.stderr);
}

#[test]
fn plain_and_encrypting_ends_say_what_the_other_one_is() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let refused = User::new().run(&["upload", &file, &server.address]).expect(7);
    assert!(refused.stderr.contains("--code"), "{}", refused.stderr);
    assert_eq!(inbox.names().len(), 0);
    let plain = User::new().serve(&["--store", inbox.arg(), "--plain"]);
    User::new().run(&["upload", &file, &plain.address, "--plain"]).expect(0);
    User::new().run(&["upload", &file, &plain.address, "--trust-new"]).expect(0);
    let local = User::new().start(&["serve", "127.0.0.1:0", "--store", inbox.arg()], In::Null);
    let address = local.listening(1).remove(0);
    let refused = User::with(CODE).run(&["upload", &file, &address]).expect(8);
    assert!(refused.stderr.contains("nothing was sent"), "{}", refused.stderr);
    User::with(CODE).run(&["upload", &file, &address, "--plain"]).expect(0);
}

#[test]
fn unix_sockets_know_no_codes() {
    let (place, inbox) = (Place::new(), Place::new());
    let (file, socket) = (place.write("f", b"hello"), format!("unix:{}", place.at("socket")));
    let server = User::new().start(&["serve", &socket, "--store", inbox.arg()], In::Null);
    server.listening(1);
    User::with(CODE).run(&["upload", &file, &socket]).expect(0);
    inbox.expect("f", b"hello");
    assert!(!server.stderr.text().contains("code"), "{}", server.stderr.text());
}

#[test]
fn a_key_that_others_read_or_that_is_none_is_refused() {
    let (place, inbox) = (Place::new(), Place::new());
    let user = User::new();
    let refused = |path: &str, words: &str| {
        let args = ["serve", "0.0.0.0:0", "--store", inbox.arg(), "--open", "--key", path];
        let finished = user.run(&args).expect(2);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    };
    let made = place.at("key");
    let server = user.serve(&["--store", inbox.arg(), "--open", "--key", &made]);
    assert!(server.says("key").starts_with("sha256:"));
    let mode = std::fs::metadata(&made).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    refused(&made, "chmod 600");
    let empty = place.write("empty", b"");
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    refused(&empty, "is empty");
    let fifo = place.at("fifo");
    let made = std::process::Command::new("mkfifo").args(["-m", "600", &fifo]).status().expect("mkfifo");
    assert!(made.success());
    refused(&fifo, "fifo");
}

#[test]
fn servers_that_start_at_once_share_one_key() {
    let inbox = Place::new();
    let user = User::new();
    let servers = std::thread::scope(|scope| {
        let start = || user.serve(&["--store", inbox.arg(), "--open"]);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a server")).collect::<Vec<_>>()
    });
    let keys: Vec<String> = servers.iter().map(|server| server.says("key")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_server_without_a_store_refuses_uploads_in_its_own_words() {
    let (place, shared) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--share", shared.arg()]);
    let refused = User::with(CODE).run(&["upload", &file, &server.address]).expect(7);
    assert!(refused.stderr.contains("takes no uploads"), "{}", refused.stderr);
}

#[test]
fn no_output_and_no_command_line_holds_a_code_that_was_given() {
    let (place, inbox) = (Place::new(), Place::new());
    let (file, in_file) = (place.write("f", b"hello"), place.write("code", CODE.as_bytes()));
    for options in [&["-vv"][..], &["--json"]] {
        let user = User::with(CODE);
        let args = [&["serve", "0.0.0.0:0", "--store", inbox.arg()], options].concat();
        let running = user.start(&args, In::Null);
        let port = || {
            let text = running.stderr.text();
            let rest = text.split_once("0.0.0.0:")?.1;
            let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
            Some(rest[..end].to_owned())
        };
        assert!(wait_until(LIMIT, || port().is_some()), "{}", running.stderr.text());
        let address = format!("127.0.0.1:{}", port().expect("a port"));
        let server = Server { running, address };
        let line = |id: u32| std::fs::read(format!("/proc/{id}/cmdline")).expect("a process");
        let id = server.running.id();
        let args = [&["upload", &file, &server.address, "--code-file", &in_file], options].concat();
        let finished = User::new().run(&args);
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        let shown = [
            server.running.stderr.bytes(),
            server.running.output.as_ref().expect("a collector").bytes(),
            finished.stdout,
            finished.stderr.into_bytes(),
            line(id),
        ];
        for text in shown {
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains("zebra") && !text.contains("lunar"), "{text}");
        }
    }
}
