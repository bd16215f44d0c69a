//! Arbitrary bytes, in pieces, to both sides of SOCKS5 and HTTP CONNECT, and to a proxy that forwards requests.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use sendall::proto::handshake::{Credentials, Handshake, Users};
use sendall::proto::http_connect::HttpClient;
use sendall::proto::http_forward::AnswerHead;
use sendall::proto::proxy_server::ProxyServer;
use sendall::proto::socks::client::SocksClient;
use sendall::proto::target::Target;

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (piece, side, bytes) = input;
    let piece = usize::from(piece).max(1);
    let target = Target::parse("example.org:80").expect("a target");
    let ann = Credentials::new(b"ann", b"secret").expect("a user");
    match side % 5 {
        0 => drop(feed(&mut ProxyServer::new(None), &bytes, piece)),
        1 => {
            let users = Users::parse(b"ann:secret").expect("a user");
            let mut server = ProxyServer::new(Some(Rc::new(users)));
            feed(&mut server, &bytes, piece);
            if let Some(target) = server.target() {
                assert_eq!(Target::parse(&target.to_string()).as_ref(), Some(target));
            }
        }
        2 => drop(feed(&mut SocksClient::new(target, Some(ann)), &bytes, piece)),
        3 => drop(feed(&mut AnswerHead::new(piece as u8 % 2), &bytes, piece)),
        _ => drop(feed(&mut HttpClient::new(&target, Some(&ann)), &bytes, piece)),
    }
});

/// How much was taken does not depend on the pieces.
fn feed(machine: &mut impl Handshake, bytes: &[u8], piece: usize) -> usize {
    let mut used = 0;
    for part in bytes.chunks(piece) {
        let wanted = machine.wanted();
        match machine.receive(part) {
            Ok(count) => {
                assert!(count == part.len() || machine.wanted() == 0);
                assert!(count > 0 || wanted == 0);
                used += count;
            }
            Err(_) => return used,
        }
        machine.take_outgoing();
    }
    used
}
