//! Many connections at once that are refused: others are served beside them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{LIMIT, wait_until};
use crate::transfer::xfer::serve;

/// More than a few turns of the acceptor take, and fewer than the system keeps in its queue.
const FLOOD: usize = 250;
/// The clients that an acceptor takes in two turns.
const TWO_TURNS: usize = 128;

fn connect(from: u8, to: &str) -> Link {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)), 0);
    socket.bind(&from.into()).expect("bound");
    let to: SocketAddr = to.parse().expect("an address");
    socket.connect(&to.into()).expect("connected");
    socket.set_read_timeout(Some(LIMIT)).expect("a time limit");
    Link::Tcp(socket.into())
}

/// The connections that are established at the server's side, whether it has accepted them or not (proc(5), `/proc/net/tcp`).
fn server_sides(address: &str) -> usize {
    let port = address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).expect("a port");
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of connections");
    // 127.0.0.1, in the order of bytes of this machine. Clients of other addresses may have this port, too.
    let local = format!("{:08X}:{port:04X}", u32::from_ne_bytes([127, 0, 0, 1]));
    let is_of_it = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|field| field == local) && fields.nth(1) == Some("01")
    };
    table.lines().filter(is_of_it).count()
}

#[test]
fn a_flood_that_is_refused_holds_up_neither_sessions_nor_other_listeners() {
    let limits = [
        ["--deny", "127.0.0.2", "refused by"],
        ["--max-per-source", "1", "too many clients from"],
        ["--max-clients", "2", "see --max-clients"],
    ];
    for [option, value, refusal] in limits {
        let server = serve(&["127.0.0.1:0", "--echo", "-v", "--full", "refuse", option, value]);
        let addresses = server.listening(2);
        let (flooded, other) = (&addresses[0], &addresses[1]);
        let (mut session, mut held) = (connect(1, other), None);
        session.send(b"x");
        session.expect(b"x");
        if option != "--deny" {
            let mut link = connect(2, flooded);
            link.send(b"x");
            link.expect(b"x");
            held = Some(link);
        }
        // All of it is there when the server has its next turn.
        server.signal(Signal::STOP);
        let state = format!("/proc/{}/stat", server.id());
        let is_stopped = || std::fs::read_to_string(&state).is_ok_and(|stat| stat.contains(") T "));
        assert!(wait_until(LIMIT, is_stopped));
        let flood: Vec<Link> = (0..FLOOD).map(|_| connect(2, flooded)).collect();
        let new = connect(3, other);
        // What was sent over loopback may still be on its way.
        let are_there = || server_sides(flooded) >= FLOOD && server_sides(other) == 2;
        assert!(wait_until(LIMIT, are_there));
        session.reset();
        assert!(wait_until(LIMIT, || server_sides(other) == 1));
        server.signal(Signal::CONT);
        let is_over = |text: &[u8], ended: bool| {
            ended || String::from_utf8_lossy(text).matches(refusal).count() >= FLOOD
        };
        assert!(server.stderr.wait(LIMIT, is_over), "{option}: {}", server.stderr.text());
        // The order of the lines is that of what was done.
        let text = server.stderr.text();
        let refused_before = |line: &str| {
            let before = text.split_once(line).unwrap_or_else(|| panic!("{option}: no {line}: {text}")).0;
            before.matches(refusal).count()
        };
        let session_ends = refused_before("sent 1 bytes, received 1 bytes");
        assert!(session_ends <= TWO_TURNS, "{option}: a session ends after {session_ends} were refused");
        // It is one of them where it comes before the session has ended.
        let new_comes = refused_before(" 127.0.0.3:");
        assert!(new_comes <= TWO_TURNS, "{option}: a new client comes after {new_comes} were refused");
        drop((flood, new, held));
        assert!(!server.ends_within(Duration::ZERO));
    }
}
