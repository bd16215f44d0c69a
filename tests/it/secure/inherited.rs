//! Sockets that a server inherits: their address says whether clients need a code.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use super::scene::{CODE, Server, User};
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, start_with, wait_until};
use crate::transfer::xfer::Place;

const BINARY: &str = env!("CARGO_BIN_EXE_sendall");

/// Starts `serve` with a socket as descriptor 3.
fn serve(user: &User, socket: OwnedFd, args: &[&str]) -> Running {
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve \"$@\"";
    let args = [&["-c", script, BINARY], args].concat();
    let mut running = start_with("sh", &args, &user.variables(), In::Fd(socket), Out::Collect);
    running.state = Arc::clone(&user.state) as _;
    running
}

fn tcp(address: &str) -> OwnedFd {
    TcpListener::bind(address).expect("a port").into()
}

#[test]
fn a_socket_that_other_machines_reach_asks_for_a_code() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    for (address, endpoint) in [("0.0.0.0:0", "fd:3"), ("[::]:0", "systemd:")] {
        let running = serve(&User::new(), tcp(address), &[endpoint, "--store", inbox.arg()]);
        let bound = running.listening(1).remove(0);
        let server = Server { address: format!("127.0.0.1:{}", running.port()), running };
        let code = server.says("code");
        server.logs(&format!("{bound}: other machines reach it, so clients need the code"));
        User::new().run(&["upload", "--plain", &file, &server.address]).expect(7);
        assert!(!inbox.path("f").exists());
        User::with(&code).run(&["upload", &file, &server.address]).expect(0);
        inbox.expect("f", b"hello");
        std::fs::remove_file(inbox.path("f")).expect("removed");
    }
}

#[test]
fn a_socket_of_this_machine_asks_nobody() {
    let (place, inbox, folder) = (Place::new(), Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let path = folder.path("socket");
    let unix = UnixListener::bind(&path).expect("a socket");
    let store = ["fd:3", "--store", inbox.arg()];
    for (socket, endpoint) in [
        (tcp("127.0.0.2:0"), None),
        (tcp("[::1]:0"), None),
        (unix.into(), Some(format!("unix:{}", path.display()))),
    ] {
        let running = serve(&User::new(), socket, &store);
        let bound = running.listening(1).remove(0);
        User::new().run(&["upload", "--force", "--plain", &file, &endpoint.unwrap_or(bound)]).expect(0);
        assert!(!running.stderr.text().contains("code"), "{}", running.stderr.text());
        inbox.expect("f", b"hello");
    }
    // Others may reach the proxy.
    let behind =
        serve(&User::new(), tcp("127.0.0.1:0"), &[&store[..], &["--accept-proxy-protocol"]].concat());
    Server { address: String::new(), running: behind }.says("code");
}

#[test]
fn what_the_socket_does_not_need_is_refused() {
    let (inbox, folder) = (Place::new(), Place::new());
    let unix = UnixListener::bind(folder.path("socket")).expect("a socket");
    let tls = ["fd:3", "--tls", "--cert", "a", "--cert-key", "b"];
    let store = ["fd:3", "--store", inbox.arg()];
    for (socket, args, hint) in [
        (tcp("127.0.0.1:0"), [&store[..], &["--code-uses", "2"]].concat(), "--code-uses: only this machine"),
        (tcp("127.0.0.1:0"), [&store[..], &["--key", "k"]].concat(), "--key: only this machine reaches"),
        (unix.try_clone().expect("a clone").into(), [&store[..], &["--code"]].concat(), "--code is for TCP"),
        (unix.into(), tls.to_vec(), "--tls is for TCP, and fd:3 is a Unix socket"),
    ] {
        let finished = serve(&User::new(), socket, &args).finish().expect(2);
        assert!(finished.stderr.contains(hint), "{hint}: {}", finished.stderr);
    }
}

#[test]
fn systemds_own_tool_starts_a_server_that_asks_for_the_code_of_its_file() {
    if installed("systemd-socket-activate").is_none() {
        return;
    }
    let (place, inbox) = (Place::new(), Place::new());
    let (file, code) = (place.write("f", b"hello"), place.write("code", CODE.as_bytes()));
    // A port that is free now: the tool takes no 0.
    let port = TcpListener::bind("0.0.0.0:0").and_then(|it| it.local_addr()).expect("a port").port();
    let listen = format!("0.0.0.0:{port}");
    let args = ["-l", &listen, BINARY, "serve", "systemd:", "--store", inbox.arg(), "--code-file", &code];
    let user = User::new();
    let running = start_with("systemd-socket-activate", &args, &user.variables(), In::Null, Out::Collect);
    let address = format!("127.0.0.1:{port}");
    assert!(wait_until(LIMIT, || TcpStream::connect(&address).is_ok()));
    User::new().run(&["upload", "--plain", &file, &address]).expect(7);
    User::with(CODE).run(&["upload", &file, &address]).expect(0);
    inbox.expect("f", b"hello");
    assert!(!running.stderr.text().contains(CODE), "{}", running.stderr.text());
}
