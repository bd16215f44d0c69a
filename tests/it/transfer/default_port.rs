//! Transfers without a port: the default one.

use crate::transfer::xfer::{Place, begin, run};

/// An address of this machine that no other test uses: the port is always the same.
fn own_address() -> String {
    let id = std::process::id();
    // Linux has less than 2^22 of them.
    format!("127.{}.{}.{}", 64 | (id >> 16 & 63), id >> 8 & 255, id & 255)
}

#[test]
fn transfers_need_no_port() {
    let (here, there, host) = (Place::new(), Place::new(), own_address());
    let path = here.write("f", b"content");
    let server = begin(&["serve", "--store", there.arg(), "--share", there.arg(), &host, "--count", "3"]);
    assert_eq!(server.listening(1), [format!("{host}:7255")]);
    run(&["upload", &path, &host]).expect(0);
    there.expect("f", b"content");
    run(&["download", &host, "f", "-o", &here.at("g")]).expect(0);
    here.expect("g", b"content");
    // Both words of an endpoint.
    run(&["upload", &path, &host, "7255"]).expect(0);
    server.finish().expect(0);
    run(&["upload", &path, &host]).expect_saying(3, &format!("{host}:7255"));
    run(&["download", &host, "7254"]).expect_saying(3, &format!("{host}:7254"));
}

#[test]
fn a_stream_needs_one() {
    for args in [&["connect", "127.0.0.1"][..], &["serve", "127.0.0.1"], &["serve", "--echo", "127.0.0.1"]] {
        run(args).expect_saying(2, "type 127.0.0.1:PORT");
    }
}

/// Words in the wrong place, and what the line must contain. What would be sent must never be taken for a server.
const MISPLACED: &[(&[&str], &str)] = &[
    (&["upload", "Cargo.toml"], "'sendall upload FILE HOST'"),
    (&["upload", "Cargo.toml", "-"], "'sendall upload FILE HOST'"),
    (&["upload", "localhost:9300", "Cargo.toml"], "'sendall upload Cargo.toml localhost:9300'"),
    (&["upload", "localhost:9300", "a", "b"], "'sendall upload PATH... localhost:9300'"),
    (&["upload", "localhost", "Cargo.toml"], "'sendall upload Cargo.toml HOST'"),
    (&["upload", "src", "Cargo.toml"], "'sendall upload Cargo.toml HOST'"),
    (&["upload", "src", "tests/"], "no server is named"),
    (&["upload", "src", "tests", "9300"], "type localhost:9300"),
    (&["upload", "Cargo.toml", "9300"], "type localhost:9300"),
    (&["upload", "Cargo.toml", "localhost:"], "type localhost for port 7255"),
    (&["upload", "Cargo.toml", "host/folder"], "type host:PORT"),
    (&["download", "f", "localhost:9300"], "'sendall download localhost:9300 f'"),
    (&["download", "a", "b", "localhost:9300"], "'sendall download localhost:9300 NAME...'"),
    (&["download", "localhost:", "f"], "type localhost for port 7255"),
    (&["download", "9300"], "type localhost:9300"),
    (&["serve", "--share", "src", "Cargo.toml"], "take only one"),
    (&["serve", "--store", "src", ":"], "type :7255"),
];

#[test]
fn arguments_in_the_wrong_place_are_reported() {
    for (args, hint) in MISPLACED {
        run(args).expect_saying(2, hint);
    }
}
