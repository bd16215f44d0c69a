//! `udp-send`: from arguments and stdin, whole or not at all, with replies.

use crate::harness::{In, Out, sendall};

#[test]
fn a_closed_port_is_exit_code_3() {
    let port = {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("an address").port().to_string()
    };
    let finished = sendall(&["udp-send", "127.0.0.1", &port, "x"], In::Null, Out::Collect).finish().expect(3);
    assert!(finished.stderr.contains("nothing listens there"), "{}", finished.stderr);
}
