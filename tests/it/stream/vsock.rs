//! Sockets between a virtual machine and its host. What can be seen without their loopback is tested; what passes through it
//! with `--ignored`, where the kernel has it.

use rustix::process::Signal;

use crate::harness::{In, Out, assert_same, payload, sendall};
use crate::transfer::xfer::Place;

/// True if the kernel has such sockets.
fn has_vsock() -> bool {
    socket2::Socket::new(socket2::Domain::VSOCK, socket2::Type::STREAM, None).is_ok()
}

#[test]
fn a_listener_has_an_address_or_the_reason_is_said() {
    if !has_vsock() {
        let finished = sendall(&["serve", "vsock::0"], In::Null, Out::Collect).finish().expect(3);
        assert!(finished.stderr.contains("this system has no vsock"), "{}", finished.stderr);
        return;
    }
    let server = sendall(&["serve", "--echo", "vsock::0"], In::Null, Out::Collect);
    let line = server.listening(1).remove(0);
    let port: u32 = line.strip_prefix("vsock::").and_then(|port| port.parse().ok()).expect("a port");
    // It is taken.
    let second = sendall(&["serve", &format!("vsock::{port}")], In::Null, Out::Collect).finish().expect(3);
    assert!(second.stderr.contains("address in use"), "{}", second.stderr);
    server.signal(Signal::INT);
    server.finish().expect(130);
    // No machine has this number.
    let wrong = sendall(&["serve", "vsock:77:0"], In::Null, Out::Collect).finish().expect(3);
    assert!(wrong.stderr.contains("not an address of this machine"), "{}", wrong.stderr);
}

#[test]
#[ignore = "needs a kernel with vsock_loopback"]
fn streams_files_and_tunnels_pass() {
    let server = sendall(&["serve", "vsock::0"], In::Bytes(payload(900_000)), Out::Collect);
    let there = server.listening(1).remove(0).replace("vsock::", "vsock:local:");
    let client = sendall(&["connect", &there], In::Bytes(payload(700_000)), Out::Collect);
    assert_same(&client.finish().expect(0).stdout, &payload(900_000), "at the client");
    assert_same(&server.finish().expect(0).stdout, &payload(700_000), "at the server");

    let place = Place::new();
    std::fs::write(place.at("file"), payload(5_000_000)).expect("written");
    std::fs::create_dir(place.at("in")).expect("a folder");
    let server =
        sendall(&["serve", "--store", &place.at("in"), "--once", "vsock::0"], In::Null, Out::Collect);
    let there = server.listening(1).remove(0).replace("vsock::", "vsock:1:");
    sendall(&["upload", &place.at("file"), &there], In::Null, Out::Collect).finish().expect(0);
    server.finish().expect(0);
    assert_same(&std::fs::read(place.at("in/file")).expect("a file"), &payload(5_000_000), "the file");

    let echo = sendall(&["serve", "--echo", "--count", "1", "vsock::0"], In::Null, Out::Collect);
    let target = echo.listening(1).remove(0).replace("vsock::", "vsock:1:");
    let relay = sendall(&["serve", "--forward", &target, "--count", "1", "0"], In::Null, Out::Collect);
    let there = format!("localhost:{}", relay.port());
    let client = sendall(&["connect", &there], In::Bytes(payload(300_000)), Out::Collect);
    assert_same(&client.finish().expect(0).stdout, &payload(300_000), "the echo");
    relay.finish().expect(0);
    echo.finish().expect(0);
    let finished = sendall(&["connect", "vsock:1:4000000001"], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("refused"), "{}", finished.stderr);
}
