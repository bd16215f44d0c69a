//! Ways around trust that are closed: other endpoints, proxies, children, clients that are not counted.

use super::scene::{CODE, User};
use crate::harness::In;
use crate::transfer::xfer::Place;

#[test]
fn a_unix_socket_takes_no_code_and_no_pin() {
    let place = Place::new();
    let (file, code) = (place.write("f", b"hello"), place.write("code", CODE.as_bytes()));
    for options in [&["--code-file", &code][..], &["--trust-new"]] {
        let args = [&["upload", &file, "unix:/nowhere/at/all"], options].concat();
        let finished = User::new().run(&args).expect(2);
        assert!(finished.stderr.contains("leave them out with Unix sockets"), "{}", finished.stderr);
    }
    let pin = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    User::new().run(&["download", "unix:/nowhere/at/all", "--pin", pin]).expect(2);
}

#[test]
fn behind_a_proxy_this_machines_address_may_be_anothers() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::new().start(&["serve", "127.0.0.1:0", "--store", inbox.arg()], In::Null);
    let proxy = ["serve", "127.0.0.1:0", "--socks", "--allow-target", "127.0.0.1"];
    let proxy = User::new().start(&proxy, In::Null);
    let (to, by) = (format!("127.0.0.1:{}", server.port()), format!("socks5://127.0.0.1:{}", proxy.port()));
    let finished = User::new().run(&["upload", &file, &to, "--proxy", &by]).expect(8);
    assert!(finished.stderr.contains("--plain"), "{}", finished.stderr);
    assert_eq!(inbox.names().len(), 0);
    User::new().run(&["upload", "--plain", &file, &to, "--proxy", &by]).expect(0);
    inbox.expect("f", b"hello");
}

#[test]
fn a_process_does_not_inherit_the_code() {
    let server = User::with(CODE).serve(&["--code", "--sh", "env"]);
    let output = User::with(CODE).run(&["connect", "--code", &server.address]).expect(0).stdout;
    let output = String::from_utf8_lossy(&output).into_owned();
    assert!(output.contains("SENDALL_PEER") || output.contains("PATH="), "{output}");
    assert!(!output.contains("SENDALL_CODE") && !output.contains(CODE), "{output}");
}

#[test]
fn clients_that_are_not_admitted_are_not_counted() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--count", "1"]);
    let finished = User::new().run(&["upload", "--plain", &file, &server.address]).expect(7);
    assert!(finished.stderr.contains("this server encrypts"), "{}", finished.stderr);
    User::with("abandon-ability-able").run(&["upload", &file, &server.address]).expect(8);
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    assert_eq!(server.running.finish().code, 0);
    inbox.expect("f", b"hello");
}
