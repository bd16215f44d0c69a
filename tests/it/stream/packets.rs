//! Unix sockets that keep packets apart, with Python at the other end.

use crate::harness::{In, Out, assert_same, payload, sendall, start};
use crate::transfer::xfer::Place;

/// A client that sends packets of these sizes, and some without bytes, ends, and prints what comes back.
const CLIENT: &str = r#"
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
s.settimeout(20)
s.connect(sys.argv[1].replace("@", "\0", 1))
data = sys.stdin.buffer.read()
for size in map(int, sys.argv[2:]):
    s.send(b"")
    s.send(data[:size])
    s.send(b"")
    data = data[size:]
s.shutdown(socket.SHUT_WR)
while True:
    piece = s.recv(1 << 20)
    if not piece:
        break
    sys.stdout.buffer.write(piece)
"#;

fn python(name: &str, sizes: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    let mut args = vec!["-c", CLIENT, name];
    args.extend(sizes.iter().map(String::as_str));
    let finished = start("python3", &args, In::Bytes(payload(400_000)), Out::Collect).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished.stdout
}

/// Also a packet that is larger than what is read at once.
const SIZES: [usize; 5] = [1, 70_000, 299_000, 929, 30_070];

#[test]
fn every_mode_takes_packets_of_any_size() {
    let place = Place::new();
    for (name, mode) in
        [(place.at("socket"), "--echo"), ("@sendall-packets".into(), "--echo"), (place.at("plain"), "")]
    {
        let endpoint = format!("unix-seqpacket:{name}");
        let args = ["serve", &endpoint, mode, "--count", "1"];
        let args = if mode.is_empty() { &args[..2] } else { &args[..] };
        let server = sendall(args, In::Bytes(payload(150_000)), Out::Collect);
        assert_eq!(server.listening(1), [endpoint.as_str()]);
        let heard = python(&name, &SIZES);
        let finished = server.finish().expect(0);
        if mode.is_empty() {
            assert_same(&heard, &payload(150_000), "what the client heard");
            assert_same(&finished.stdout, &payload(400_000), "stdout");
        } else {
            assert_same(&heard, &payload(400_000), "the echo");
        }
    }
}

#[test]
fn connect_and_serve_meet_over_packets() {
    let place = Place::new();
    let endpoint = format!("unix-seqpacket:{}", place.at("socket"));
    let server = sendall(&["serve", &endpoint], In::Bytes(payload(3_000_000)), Out::Collect);
    server.listening(1);
    let client = sendall(&["connect", &endpoint], In::Bytes(payload(2_000_000)), Out::Collect);
    assert_same(&client.finish().expect(0).stdout, &payload(3_000_000), "at the client");
    assert_same(&server.finish().expect(0).stdout, &payload(2_000_000), "at the server");
    place.expect_names(&[]);
    let wrong =
        sendall(&["connect", &format!("unix-seqpacket:{}", place.at("socket"))], In::Null, Out::Collect);
    wrong.finish().expect(3);
}

#[test]
fn a_socket_of_another_kind_is_named() {
    let place = Place::new();
    let path = place.at("socket");
    let connect = |kind: &str| {
        let finished = sendall(&["connect", &format!("{kind}:{path}")], In::Null, Out::Collect).finish();
        finished.expect(3).stderr
    };
    let datagrams = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    for kind in ["unix", "unix-seqpacket"] {
        let text = connect(kind);
        assert!(text.ends_with(": it is a datagram socket: see udp-send\n"), "{text}");
    }
    assert!(
        datagrams.set_nonblocking(true).is_ok() && datagrams.recv(&mut [0]).is_err(),
        "it has heard of it"
    );
    std::fs::remove_file(&path).expect("the socket's name");
    let server = sendall(&["serve", &format!("unix-seqpacket:{path}"), "--echo"], In::Null, Out::Collect);
    server.listening(1);
    assert!(connect("unix").contains("type unix-seqpacket:"));
    drop(server);
    let path = place.at("other");
    let server = sendall(&["serve", &format!("unix:{path}"), "--echo"], In::Null, Out::Collect);
    server.listening(1);
    let finished =
        sendall(&["connect", &format!("unix-seqpacket:{path}")], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("type unix: instead"), "{}", finished.stderr);
}
