//! The forms of an endpoint: what is bound, what is connected to, what is left behind.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::harness::link::{Link, Net, TestListener};
use crate::harness::others::free_port;
use crate::harness::{In, Out, Running, sendall, silent_port};

fn serve(endpoint: &str) -> Running {
    sendall(&["serve", endpoint], In::Bytes(b"hello".to_vec()), Out::Collect)
}

/// Takes the greeting of [`serve`] and ends the session.
#[track_caller]
fn greet(running: Running, mut link: Link) {
    link.expect_all(b"hello");
    link.end();
    running.finish().expect(0);
}

fn tcp(address: &str) -> Link {
    Link::Tcp(TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}")))
}

#[test]
fn port_0_is_one_port_for_both_families() {
    for (endpoint, v4, v6) in [("0", "127.0.0.1", "[::1]"), (":0", "0.0.0.0", "[::]")] {
        for host in ["127.0.0.1", "[::1]"] {
            let running = serve(endpoint);
            let port = running.port();
            assert_ne!(port, 0);
            assert_eq!(running.listening(2), [format!("{v4}:{port}"), format!("{v6}:{port}")]);
            greet(running, tcp(&format!("{host}:{port}")));
        }
    }
}

#[test]
fn a_number_alone_is_this_machine_only() {
    let running = serve("0");
    for name in running.listening(2) {
        let address: std::net::SocketAddr = name.parse().expect("an address");
        assert!(address.ip().is_loopback(), "{name}");
    }
}

#[test]
fn one_address_is_that_address() {
    for endpoint in ["127.0.0.1:0", "[::1]:0"] {
        let running = serve(endpoint);
        let name = running.listening(1).remove(0);
        assert!(name.starts_with(endpoint.trim_end_matches('0')), "{name}");
        greet(running, tcp(&name));
    }
}

#[test]
fn two_words_are_host_and_port() {
    for host in ["127.0.0.1", "localhost", "::1", "[::1]"] {
        let running = sendall(&["serve", host, "0"], In::Bytes(b"hello".to_vec()), Out::Collect);
        let name = running.listening(1).remove(0);
        greet(running, tcp(&name));

        let listener = if host.contains(':') { "[::1]:0" } else { "127.0.0.1:0" };
        let listener = TcpListener::bind(listener).expect("a port");
        let port = listener.local_addr().expect("an address").port().to_string();
        let running = sendall(&["connect", host, &port], In::Bytes(b"hello".to_vec()), Out::Collect);
        let client = TestListener::from(listener).accept();
        greet(running, client.unwrap_or_else(|| panic!("{host}: no client")));
    }
}

#[test]
fn a_name_is_bound_with_all_of_its_addresses() {
    use std::net::ToSocketAddrs;
    let known: Vec<_> = ("localhost", 0).to_socket_addrs().expect("localhost").collect();
    let running = sendall(&["serve", "localhost:0", "--echo"], In::Null, Out::Collect);
    let port = running.port();
    for address in known {
        let mut link = Link::from_address((address.ip(), port).into());
        link.send(b"x");
        link.expect(b"x");
    }
}

#[test]
fn a_name_is_tried_in_both_families() {
    use std::net::ToSocketAddrs;
    let known: Vec<_> = ("localhost", 0).to_socket_addrs().expect("localhost").collect();
    assert!(!known.is_empty());
    // Each of localhost's addresses in turn is the only one that is alive.
    for address in known {
        let listener = TcpListener::bind(address).expect("a port");
        let target = format!("localhost:{}", listener.local_addr().expect("an address").port());
        let running = sendall(&["connect", &target], In::Bytes(b"hello".to_vec()), Out::Collect);
        let client = TestListener::from(listener).accept();
        greet(running, client.unwrap_or_else(|| panic!("no client at {address}")));
    }
}

#[test]
fn a_name_that_refuses_names_each_address() {
    let port = free_port();
    let target = format!("localhost:{port}");
    let finished = sendall(&["connect", &target], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains(&target) && finished.stderr.contains(&format!("127.0.0.1:{port}")));
}

#[test]
fn no_such_name() {
    for args in [["connect", "nosuch.invalid:1"], ["serve", "nosuch.invalid:1"]] {
        let finished = sendall(&args, In::Null, Out::Collect).finish().expect(3);
        assert!(finished.stderr.contains("nosuch.invalid:1"), "{}", finished.stderr);
    }
}

#[test]
fn a_port_in_use_is_not_shared() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let holder = TcpListener::bind(address).expect("a port");
        let name = holder.local_addr().expect("an address");
        let port = name.port().to_string();
        for endpoint in [name.to_string(), port.clone(), format!(":{port}")] {
            let finished = sendall(&["serve", &endpoint], In::Null, Out::Collect).finish().expect(3);
            assert!(finished.stderr.contains("address in use"), "{endpoint}: {}", finished.stderr);
            assert!(!finished.stderr.contains("listening on"), "{endpoint}: {}", finished.stderr);
        }
    }
}

#[test]
fn a_port_is_free_again_at_once() {
    let (_port, name) = silent_port();
    let name = name.to_string();
    let running = serve(&name);
    running.listening(1);
    greet(running, tcp(&name));
    let running = serve(&name);
    running.listening(1);
    greet(running, tcp(&name));
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

#[test]
fn a_unix_socket_is_removed_at_exit() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("s");
    let running = serve(&unix(&path));
    assert_eq!(running.listening(1), [unix(&path)]);
    assert!(path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket()));
    greet(running, Link::Unix(UnixStream::connect(&path).expect("a connection")));
    assert!(path.symlink_metadata().is_err(), "the socket's file was left behind");

    let args = ["serve", &unix(&path), "--timeout", "50ms"];
    sendall(&args, In::Null, Out::Collect).finish().expect(4);
    assert!(path.symlink_metadata().is_err(), "the socket's file was left behind");
}

#[test]
fn a_live_unix_socket_is_not_stolen() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("s");
    let first = serve(&unix(&path));
    first.listening(1);
    let finished = sendall(&["serve", &unix(&path)], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("address in use"), "{}", finished.stderr);
    assert!(path.symlink_metadata().is_ok(), "the other server's file is gone");
    // Nor did the question cost it its one client.
    greet(first, Link::Unix(UnixStream::connect(&path).expect("a connection")));
}

#[test]
fn a_dead_unix_socket_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("s");
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.symlink_metadata().is_ok());
    let running = serve(&unix(&path));
    running.listening(1);
    greet(running, Link::Unix(UnixStream::connect(&path).expect("a connection")));
    assert!(path.symlink_metadata().is_err());
}

#[test]
fn a_file_that_is_no_socket_is_not_touched() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("s");
    std::fs::write(&path, "precious").expect("written");
    let finished = sendall(&["serve", &unix(&path)], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("not a socket"), "{}", finished.stderr);
    assert_eq!(std::fs::read(&path).expect("still there"), b"precious");

    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    sendall(&["serve", &unix(&link)], In::Null, Out::Collect).finish().expect(3);
    assert!(link.symlink_metadata().is_ok_and(|file| file.is_symlink()));
}

#[test]
fn another_servers_socket_of_the_same_name_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("s");
    let running = sendall(&["serve", &unix(&path)], In::Null, Out::Collect);
    running.listening(1);
    std::fs::rename(&path, dir.path().join("old")).expect("moved away");
    let _other = UnixListener::bind(&path).expect("a socket");
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect(143);
    assert!(path.symlink_metadata().is_ok(), "another server's file was removed");
}

#[test]
fn an_abstract_socket_leaves_no_file() {
    let name = format!("unix:@sendall-test-{}", std::process::id());
    let running = serve(&name);
    assert_eq!(running.listening(1)[0], name);
    let client = sendall(&["connect", &name], In::Bytes(Vec::new()), Out::Collect);
    assert_eq!(client.finish().expect(0).stdout, b"hello");
    running.finish().expect(0);
}

#[test]
fn our_two_ends_understand_each_other() {
    let dir = tempfile::tempdir().expect("a folder");
    for net in [Net::Tcp, Net::Unix] {
        let (_port, tcp) = silent_port();
        let name = if net == Net::Tcp { tcp.to_string() } else { unix(&dir.path().join("socket")) };
        let there = crate::harness::payload(3 << 20);
        let back = crate::harness::payload(2 << 20);
        let server = sendall(&["serve", &name], In::file(&back), Out::Collect);
        server.listening(1);
        let client = sendall(&["connect", &name], In::Bytes(there.clone()), Out::Collect);
        crate::harness::assert_same(&client.finish().expect(0).stdout, &back, "at the client");
        crate::harness::assert_same(&server.finish().expect(0).stdout, &there, "at the server");
    }
}

#[test]
fn a_socket_of_another_type_is_reported_with_its_use() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| format!("unix:{}", dir.path().join(name).display());
    let _datagrams = std::os::unix::net::UnixDatagram::bind(dir.path().join("datagrams")).expect("a socket");
    let _stream = UnixListener::bind(dir.path().join("stream")).expect("a socket");
    for (command, name, hint) in [
        (&["connect"][..], "datagrams", "a datagram socket: see udp-send"),
        (&["connect", "--probe"], "datagrams", "a datagram socket: see udp-send"),
        (&["udp-send"], "stream", "'connect' is for streams"),
    ] {
        let path = path(name);
        let mut words = [command, &[path.as_str()]].concat();
        words.extend((command[0] == "udp-send").then_some("x"));
        let refused = sendall(&words, In::Null, Out::Collect).finish().expect(3);
        assert!(refused.stderr.contains(hint) && !refused.stderr.contains("os error"), "{}", refused.stderr);
    }
}

#[test]
fn one_family_only() {
    for (options, due) in [
        (&["-4", "0"][..], "127.0.0.1:"),
        (&["-6", "0"], "[::1]:"),
        (&["-4", ":0"], "0.0.0.0:"),
        (&["-4", "localhost:0"], "127.0.0.1:"),
    ] {
        for command in [&["serve"][..], &["udp-listen"], &["http-hello"]] {
            let running = sendall(&[command, options].concat(), In::Null, Out::Collect);
            let names = running.listening(1);
            assert!(names[0].starts_with(due), "{command:?}: {names:?}");
            running.signal(rustix::process::Signal::TERM);
            let finished = running.finish();
            assert_eq!(finished.stderr.matches("listening on").count(), 1, "{}", finished.stderr);
        }
    }
    let listener = TestListener::bind(Net::Tcp, Default::default());
    let port = listener.name.rsplit_once(':').expect("HOST:PORT").1;
    let mut running = sendall(&["connect", "-4", &format!("localhost:{port}")], In::Open, Out::Collect);
    greeted(&mut running, &listener);
    for command in [&["connect"][..], &["upload", "Cargo.toml"], &["download"], &["udp-send"]] {
        let words =
            [command, &["127.0.0.1:1", "-6"], &["x"][..usize::from(command[0] == "udp-send")]].concat();
        let refused = sendall(&words, In::Null, Out::Collect).finish().expect(3);
        assert!(refused.stderr.contains("it has no IPv6 address (see -6)"), "{words:?}: {}", refused.stderr);
    }
    let forward =
        sendall(&["serve", "-4", "0", "--forward", &format!("localhost:{port}")], In::Null, Out::Collect);
    let mut running = sendall(&["connect", &forward.listening(1)[0]], In::Open, Out::Collect);
    greeted(&mut running, &listener);
    let lost = sendall(&["serve", "-6", "0", "--forward", &listener.name], In::Null, Out::Collect);
    let _client = tcp(&lost.listening(1)[0]);
    let is_told = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("it has no IPv6 address");
    assert!(lost.stderr.wait(crate::harness::LIMIT, is_told), "{}", lost.stderr.text());
}

/// What is said through `running` arrives.
#[track_caller]
fn greeted(running: &mut Running, listener: &TestListener) {
    running.say(b"hello");
    running.end_input();
    let mut link = listener.accept().expect("a client");
    link.expect_all(b"hello");
    link.end();
}
