//! Inherited listening sockets, as with systemd, and the notification of a service manager.

use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::harness::link::Link;
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, file_of, sendall, start, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_sendall");

/// Starts `serve` with one socket as descriptor 3, perhaps another as 4, and these environment variables.
fn serve_inherited(first: OwnedFd, second: Option<OwnedFd>, variables: &str, args: &[&str]) -> Running {
    start_with_sockets("serve", first, second, variables, args)
}

/// Starts any command in the same way.
fn start_with_sockets(
    command: &str,
    first: OwnedFd,
    second: Option<OwnedFd>,
    variables: &str,
    args: &[&str],
) -> Running {
    let script = format!("exec 3<&0 4>&1 </dev/null; {variables} exec \"$0\" \"$@\"");
    let output = second.map_or(Out::Collect, Out::Fd);
    start("sh", &[&["-c", &script, BINARY, command], args].concat(), In::Fd(first), output)
}

fn tcp() -> (OwnedFd, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let name = listener.local_addr().expect("an address").to_string();
    (listener.into(), name)
}

#[test]
fn an_inherited_socket_is_served() {
    for (variables, endpoint) in [
        ("LISTEN_PID=$$ LISTEN_FDS=1", "systemd:"),
        ("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a", "systemd:a"),
        ("", "fd:3"),
    ] {
        let (socket, name) = tcp();
        let running = serve_inherited(socket, None, variables, &[endpoint]);
        assert_eq!(running.listening(1), [name], "{endpoint}");
        let mut link = Link::connect(running.port());
        link.send(b"hello");
        link.end();
        link.expect_all(b"");
        assert_eq!(running.finish().expect(0).stdout, b"hello", "{endpoint}");
    }
}

#[test]
fn datagrams_to_an_inherited_socket_are_received() {
    // As systemd binds them by default: one socket for both families.
    let dual = Socket::new(Domain::IPV6, Type::DGRAM, None).expect("a socket");
    dual.set_only_v6(false).expect("both families");
    dual.bind(&"[::]:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("a port");
    let single = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for (socket, variables, endpoint) in
        [(OwnedFd::from(dual), "LISTEN_PID=$$ LISTEN_FDS=1", "systemd:"), (OwnedFd::from(single), "", "fd:3")]
    {
        let options = [endpoint, "--echo", "--count", "1", "--label", "--deny", "192.0.2.0/24"];
        let running = start_with_sockets("udp-listen", socket, None, variables, &options);
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
        client.set_read_timeout(Some(LIMIT)).expect("a limit");
        client.send_to(b"hello", ("127.0.0.1", running.port())).expect("sent");
        let mut buffer = [0; 16];
        let (count, from) = client.recv_from(&mut buffer).expect("an answer");
        assert_eq!((&buffer[..count], from.port()), (&b"hello"[..], running.port()), "{endpoint}");
        let label = format!("{} hello\n", client.local_addr().expect("an address"));
        assert_eq!(running.finish().expect(0).stdout, label.as_bytes(), "{endpoint}");
    }
    let (listening, _) = tcp();
    let refused = start_with_sockets("udp-listen", listening, None, "", &["fd:3"]).finish().expect(3);
    assert!(refused.stderr.contains("ListenDatagram="), "{}", refused.stderr);
}

/// Sends a datagram to a relay, and an answer back.
#[track_caller]
fn assert_relayed(relay: std::net::SocketAddr, target: &UdpSocket) {
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let mut buffer = [0; 16];
    for socket in [&client, target] {
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    }
    client.send_to(b"hello", relay).expect("sent");
    let (count, from) = target.recv_from(&mut buffer).expect("a datagram");
    target.send_to(&buffer[..count], from).expect("sent");
    let (count, from) = client.recv_from(&mut buffer).expect("an answer");
    assert_eq!((&buffer[..count], from), (&b"hello"[..], relay));
}

#[test]
fn datagrams_to_an_inherited_socket_are_relayed() {
    let target = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let name = format!("udp:{}", target.local_addr().expect("an address"));
    for (variables, endpoint) in [("LISTEN_PID=$$ LISTEN_FDS=1", "systemd:"), ("", "fd:3")] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let running = serve_inherited(socket.into(), None, variables, &["--forward", &name, endpoint]);
        assert_relayed(running.listening(1)[0].parse().expect("an address"), &target);
    }
    let finished = serve_inherited(tcp().0, None, "", &["--forward", &name, "fd:3"]).finish().expect(3);
    assert!(finished.stderr.contains("ListenDatagram="), "{}", finished.stderr);
    if installed("systemd-socket-activate").is_some() {
        // Nobody else has a port at this address.
        let place = UdpSocket::bind("127.0.49.4:0").expect("a socket").local_addr().expect("an address");
        let place = place.to_string();
        let args = ["--datagram", "-l", &place, BINARY, "serve", "--forward", &name, "systemd:"];
        let running = start("systemd-socket-activate", &args, In::Null, Out::Collect);
        let bound = |text: &[u8], _| String::from_utf8_lossy(text).contains("Listening on");
        assert!(running.stderr.wait(LIMIT, bound), "{}", running.stderr.text());
        assert_relayed(place.parse().expect("an address"), &target);
    }
}

#[test]
fn a_service_manager_is_notified_when_datagrams_can_be_received() {
    let dir = tempfile::tempdir().expect("a folder");
    let manager = UnixDatagram::bind(dir.path().join("notify")).expect("a socket");
    manager.set_read_timeout(Some(LIMIT)).expect("a limit");
    let script = format!("NOTIFY_SOCKET='{}' exec \"$0\" udp-listen 0", dir.path().join("notify").display());
    let running = start("sh", &["-c", &script, BINARY], In::Null, Out::Collect);
    let mut buffer = [0; 64];
    for (number, state) in [b"READY=1".as_slice(), b"STOPPING=1"].into_iter().enumerate() {
        let count = manager.recv(&mut buffer).expect("a state");
        assert_eq!(&buffer[..count], state);
        if number == 0 {
            running.listening(1);
            running.signal(Signal::TERM);
        }
    }
    assert_eq!(running.finish().code, 143);
}

#[test]
fn sockets_are_chosen_by_their_names() {
    for (endpoint, chosen) in [("systemd:a", &[0][..]), ("systemd:b", &[1]), ("systemd:", &[0, 1])] {
        let ((first, first_name), (second, second_name)) = (tcp(), tcp());
        let variables = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=a:b";
        let running = serve_inherited(first, Some(second), variables, &[endpoint]);
        let names = [first_name, second_name];
        let expected: Vec<String> = chosen.iter().map(|&index: &usize| names[index].clone()).collect();
        assert_eq!(running.listening(chosen.len()), expected, "{endpoint}");
    }
}

#[test]
fn what_cannot_be_listened_on_is_refused_with_a_hint() {
    let variables = "LISTEN_PID=$$ LISTEN_FDS=1";
    let (listening, _) = tcp();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let (connected, _peer) = UnixStream::pair().expect("a pair");
    for (fd, variables, endpoints, hint) in [
        (file_of(b"").into(), variables, &["systemd:"][..], "is not a socket"),
        (udp.into(), variables, &["systemd:"], "ListenStream="),
        (connected.into(), variables, &["systemd:"], "Accept=no"),
        (listening.try_clone().expect("a clone"), "", &["systemd:"], "LISTEN_FDS"),
        (listening.try_clone().expect("a clone"), "LISTEN_PID=1 LISTEN_FDS=1", &["systemd:"], "process 1,"),
        (listening.try_clone().expect("a clone"), variables, &["systemd:web"], "LISTEN_FDNAMES"),
        (listening.try_clone().expect("a clone"), variables, &["systemd:", "fd:3"], "taken before"),
        (listening, "", &["fd:77"], "is not open"),
    ] {
        let finished = serve_inherited(fd, None, variables, endpoints).finish().expect(3);
        assert!(finished.stderr.contains(hint), "{endpoints:?}: {}", finished.stderr);
        assert!(finished.stderr.contains("cannot listen on"), "{}", finished.stderr);
    }
    // Descriptors of our own are not for sale.
    for number in 3..16 {
        let endpoint = format!("fd:{number}");
        sendall(&["serve", &endpoint, "0"], In::Null, Out::Collect).finish().expect(3);
    }
}

#[test]
fn systemds_own_tool_starts_a_server_with_its_first_client() {
    if installed("systemd-socket-activate").is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("socket");
    let name = path.to_str().expect("UTF-8");
    let line =
        "echo hello $LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES; for fd in /proc/$$/fd/*; do echo ${fd##*/}; done";
    let args = ["-l", name, "--fdname=web", BINARY, "serve", "systemd:web", "--sh", line];
    let running = start("systemd-socket-activate", &args, In::Null, Out::Collect);
    for _ in 0..2 {
        let mut client = None;
        assert!(wait_until(LIMIT, || {
            client = UnixStream::connect(&path).ok();
            client.is_some()
        }));
        let mut text = String::new();
        let mut client = client.expect("connected");
        client.set_read_timeout(Some(LIMIT)).expect("a limit");
        client.read_to_string(&mut text).expect("an answer");
        let lines: Vec<&str> = text.lines().collect();
        assert!(matches!(lines[..], ["hello", "0", "1", "2"] | ["hello", "0", "1", "2", "3"]), "{text:?}");
    }
    running.signal(Signal::TERM);
    running.finish().expect(143);
    assert!(path.exists(), "the socket's file is not ours");
}

#[test]
fn a_service_manager_is_notified_of_the_start_and_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("notify");
    let name = format!("sendall-test-{}", std::process::id());
    let hidden = SocketAddr::from_abstract_name(&name).expect("an address");
    for (socket, address) in [
        (UnixDatagram::bind(&path), path.to_str().expect("UTF-8").to_owned()),
        (UnixDatagram::bind_addr(&hidden), format!("@{name}")),
    ] {
        let socket = socket.expect("a socket");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        let variable = format!("NOTIFY_SOCKET={address}");
        let next = || {
            let mut bytes = [0; 100];
            let count = socket.recv(&mut bytes).expect("a message");
            String::from_utf8_lossy(&bytes[..count]).into_owned()
        };
        let running = start("env", &[&variable, BINARY, "serve", "127.0.0.1:0"], In::Null, Out::Collect);
        assert_eq!(next(), "READY=1");
        // It was notified after the line, so a client can connect.
        let port = running.port();
        let client = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        running.signal(Signal::TERM);
        assert_eq!(next(), "STOPPING=1");
        running.finish().expect(143);
        drop(client);
    }
}

#[test]
fn a_missing_service_manager_is_a_warning() {
    let args = ["NOTIFY_SOCKET=/nonexistent/notify", BINARY, "serve", "127.0.0.1:0"];
    let running = start("env", &args, In::Null, Out::Collect);
    let mut link = Link::connect(running.port());
    link.end();
    link.expect_all(b"");
    let finished = running.finish();
    assert_eq!((finished.code, finished.errors().len()), (0, 1), "{}", finished.stderr);
    assert!(finished.stderr.contains("NOTIFY_SOCKET"), "{}", finished.stderr);
}
