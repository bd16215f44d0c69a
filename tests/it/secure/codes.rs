//! Codes: the right one admits, any other one is exit 8 before a byte has left.

use std::time::Duration;

use super::scene::{CODE, User};
use crate::harness::{In, LIMIT, assert_within, now, payload};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::Place;

#[test]
fn a_code_that_a_server_prints_admits_who_types_it() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::new().serve(&["--store", inbox.arg()]);
    let code = server.says("code");
    assert_eq!(code.split('-').count(), 3, "{code}");
    assert!(server.says("key").starts_with("sha256:"));
    // Four letters and capitals are enough, in the environment, in a file, and at the terminal.
    let short: Vec<String> =
        code.split('-').map(|word| word.chars().take(4).collect::<String>().to_uppercase()).collect();
    let (short, in_file) = (short.join(" "), place.write("code", format!("{code}\nmore\n").as_bytes()));
    User::with(&short).run(&["upload", &file, &server.address]).expect(0);
    inbox.expect("f", b"hello");
    User::new().run(&["upload", &file, &server.address, "--code-file", &in_file]).expect(0);
    let shown =
        User::new().run_at_terminal(&["upload", &file, &server.address, "--code"], &format!("{code}\n"));
    assert_eq!(shown.code, 0, "{}", String::from_utf8_lossy(&shown.stdout));
}

#[test]
fn a_wrong_code_is_8_after_a_second_and_counted() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let begun = now();
    let wrong = User::with("abandon-ability-able");
    let finished = wrong.run(&["upload", &file, &server.address, "--retry", "5"]).expect(8);
    assert!(begun.elapsed() >= Duration::from_secs(1), "answered at once");
    assert_within(begun, Duration::from_secs(4));
    assert!(finished.stderr.contains("the code is wrong, or somebody is in between"), "{}", finished.stderr);
    assert_eq!(inbox.names(), Vec::<std::ffi::OsString>::new());
    assert_eq!(wrong.known(), Vec::<String>::new());
    server.logs("not admitted");
    assert!(!server.running.stderr.text().contains("abandon"));
    // The right one is admitted all the same.
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
}

#[test]
fn a_code_with_a_typing_error_costs_no_connection() {
    let place = Place::new();
    let file = place.write("f", b"hello");
    let listener = crate::harness::link::TestListener::bind(crate::harness::link::Net::Tcp, place.path("no"));
    for (code, words) in [
        ("zebra-actor-lunatic", "word 3 of the code is not on the list"),
        ("zebra-actor", "three words"),
        ("zeb-actor-lunar", "word 1 of the code"),
        ("tiny-xy", "too short"),
    ] {
        let finished = User::with(code).run(&["upload", &file, &listener.name]);
        assert!(matches!(finished.code, 2 | 8), "{}", finished.stderr);
        assert!(!finished.stderr.contains(code), "{}", finished.stderr);
        let words = if code == "zebra-actor" { "3 words at least" } else { words };
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
    assert!(!listener.has_client(), "it has connected");
}

#[test]
fn without_a_code_and_a_terminal_the_error_says_what_to_type() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let finished = User::new().run(&["upload", &file, &server.address, "--code"]).expect(8);
    for words in ["SENDALL_CODE", "--code-file"] {
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
    let finished = User::new().run(&["upload", &file, &server.address, "--trust-new"]).expect(8);
    assert!(
        finished.stderr.contains("type its code at the terminal, or set SENDALL_CODE"),
        "{}",
        finished.stderr
    );
    assert_eq!(inbox.names().len(), 0);
}

#[test]
fn a_code_for_one_use_is_used_up_by_success_alone() {
    let (place, inbox, outbox) = (Place::new(), Place::new(), Place::new());
    let bytes = payload(3_000_000);
    let file = place.write("f", &bytes);
    outbox.write("o", b"offered");
    let options = ["--store", inbox.arg(), "--share", outbox.arg(), "--code-uses", "1"];
    let server = User::with(CODE).serve(&options);
    let listed = User::with(CODE).run(&["download", "--list", &server.address]).expect(0);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("offered") || !listed.stdout.is_empty());
    let client = User::with(CODE);
    let cut = Proxy::new(&server.address, Rule::ResetAfter(2_000_000), Rule::Pass);
    client.run(&["upload", &file, &cut.address]).expect(5);
    // The same line resumes with the same code, and then it is used up.
    client.run(&["upload", &file, &server.address]).expect(0);
    inbox.expect("f", &bytes);
    let finished = client.run(&["download", &server.address, "o", "-o", place.arg()]).expect(8);
    assert!(finished.stderr.contains("the code was used already"), "{}", finished.stderr);
    assert!(!place.path("o").exists());
}

#[test]
fn once_serves_one_session_by_code() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--once"]);
    // A wrong code is none.
    User::with("abandon-ability-able").run(&["upload", &file, &server.address]).expect(8);
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    let finished = server.running.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    inbox.expect("f", b"hello");
}

#[test]
fn further_connections_come_by_the_session() {
    let (place, inbox, out) = (Place::new(), Place::new(), Place::new());
    let bytes = payload(40_000_000);
    let file = place.write("f", &bytes);
    let server =
        User::with(CODE).serve(&["--store", inbox.arg(), "--share", place.arg(), "--code-uses", "2"]);
    let client = User::with(CODE);
    client.run(&["upload", &file, &server.address, "-j", "4"]).ended(0);
    inbox.expect("f", &bytes);
    let args = ["download", &server.address, "f", "-o", out.arg(), "-j", "4"];
    client.run(&args).expect(0);
    out.expect("f", &bytes);
    let log = server.running.stderr.text();
    assert!(!log.contains("not admitted"), "{log}");
}

#[test]
fn a_retry_after_a_cut_is_admitted_again() {
    let (place, inbox) = (Place::new(), Place::new());
    let bytes = payload(3_000_000);
    let file = place.write("f", &bytes);
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--code-uses", "1"]);
    let pass = (Rule::Pass, Rule::Pass);
    let rules = [(Rule::ResetAfter(1_000_000), Rule::Pass), pass, pass, pass];
    let proxies = Proxy::series(&server.address, &rules);
    let client = User::with(CODE);
    let finished = client.run(&["upload", &file, &proxies[0].address, "--retry", "5"]);
    assert_eq!(finished.code, 0, "{} {}", finished.stderr, server.running.stderr.text());
    inbox.expect("f", &bytes);
}

#[test]
fn a_retry_takes_over_from_a_connection_that_is_silent() {
    let (place, inbox) = (Place::new(), Place::new());
    let bytes = payload(3_000_000);
    let file = place.write("f", &bytes);
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--code-uses", "1"]);
    let proxies =
        Proxy::series(&server.address, &[(Rule::HoldAfter(1_000_000), Rule::Pass), (Rule::Pass, Rule::Pass)]);
    let client = User::with(CODE);
    let args = ["upload", &file, &proxies[0].address, "--retry", "5", "--idle-timeout", "500ms"];
    let finished = client.run(&args);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    inbox.expect("f", &bytes);
}

#[test]
fn raw_streams_by_code_carry_both_directions_and_their_ends() {
    let bytes = payload(300_000);
    let server = User::with(CODE).start(&["serve", "127.0.0.1:0", "--code"], In::Bytes(payload(200_000)));
    let address = server.listening(1).remove(0);
    let client = User::with(CODE).start(&["connect", &address, "--code"], In::Bytes(bytes.clone()));
    client.expect_output(&payload(200_000));
    server.expect_output(&bytes);
    client.finish().expect(0);
    server.finish().expect(0);
    // The other side may still answer when one side has ended.
    let server =
        User::with(CODE).start(&["serve", "127.0.0.1:0", "--code", "--sh", "sort; echo over"], In::Null);
    let address = server.listening(1).remove(0);
    let client = User::with(CODE).start(&["connect", &address, "--code"], In::Bytes(b"b\na\n".to_vec()));
    assert_eq!(client.finish().expect(0).stdout, b"a\nb\nover\n");
}

#[test]
fn a_process_is_started_for_admitted_clients_only() {
    let place = Place::new();
    let line = format!("echo started >>'{}'; cat", place.at("marks"));
    let server = User::with(CODE).serve(&["--code", "--sh", &line]);
    let wrong = User::with("abandon-ability-able")
        .start(&["connect", &server.address, "--code"], In::Bytes(b"secret".to_vec()));
    wrong.finish().expect(8);
    let mut plain = crate::harness::link::Link::from_address(server.address.parse().expect("an address"));
    plain.send(b"secret\n");
    let _ = plain.try_end();
    let _ = std::io::Read::read_to_end(&mut plain, &mut Vec::new());
    server.logs("does not encrypt");
    assert!(!place.path("marks").exists(), "started before admission");
    let right = User::with(CODE).start(&["connect", &server.address, "--code"], In::Bytes(b"hi".to_vec()));
    assert_eq!(right.finish().expect(0).stdout, b"hi");
    place.expect("marks", b"started\n");
}

#[test]
fn a_hub_behind_a_code_forwards_for_those_who_have_it() {
    let target = User::new().start(&["serve", "127.0.0.1:0", "--echo"], In::Null);
    let to = target.listening(1).remove(0);
    let server = User::with(CODE).serve(&["--code", "--forward", &to]);
    let client =
        User::with(CODE).start(&["connect", &server.address, "--code"], In::Bytes(b"through".to_vec()));
    assert_eq!(client.finish_within(LIMIT).expect(0).stdout, b"through");
    let refused = User::with("abandon-ability-able")
        .start(&["connect", &server.address, "--code"], In::Bytes(b"x".into()));
    refused.finish().expect(8);
}
