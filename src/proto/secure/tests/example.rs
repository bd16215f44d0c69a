//! The example of "Admission" in `PROTOCOL.md`: its bytes are what both machines say, with the scalars that it names.

use zeroize::Zeroizing;

use super::super::Channel;
use super::super::client::{ClientAdmission, Credential};
use super::super::server::ServerAdmission;
use super::super::{Pin, Rights};
use super::{CLIENT_KEY, HOME, SERVER_KEY, Server, any_time, code, once};
use crate::proto::secure::account::CodeAccount;

const PROTOCOL: &str = include_str!("../../../../PROTOCOL.md");

/// The bytes of each side in turn, the client first.
fn example() -> Vec<Vec<u8>> {
    let (_, example) = PROTOCOL.split_once("### An admission, byte for byte").expect("the example");
    let block = example.split("```").nth(1).expect("a block in the example");
    let mut turns: Vec<Vec<u8>> = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        if let Some(side) = line.strip_suffix(':') {
            assert!(side.starts_with(["client", "server"][turns.len() % 2]), "the sides take turns");
            turns.push(Vec::new());
            continue;
        }
        let bytes = line.split('|').next().expect("bytes").split_whitespace();
        let bytes = bytes.map(|byte| u8::from_str_radix(byte, 16).expect("hex digits"));
        turns.last_mut().expect("a side before its bytes").extend(bytes);
    }
    turns
}

/// Random bytes that make a scalar of 31 bytes from `first` on.
fn scalar(first: u8) -> [u8; 64] {
    core::array::from_fn(|at| if at < 31 { first + at as u8 } else { 0 })
}

/// An end of a connection whose exporter counts from `first`.
fn end(first: u8, peer: Pin) -> Channel {
    let auth = core::array::from_fn(|at| first + at as u8);
    Channel { auth, session: Zeroizing::new([0; 64]), peer: Some(peer) }
}

#[test]
fn the_example_of_the_protocol_is_what_both_machines_say() {
    let turns = example();
    assert_eq!(turns.len(), 6);
    let mut policy = Server::with_code(once());
    policy.code = Some(CodeAccount::new(code(), Rights::STORE.and(Rights::SHARE), once()));
    let code = code();
    let mut client =
        ClientAdmission::new(Credential::Code(&code), end(0x40, SERVER_KEY), &scalar(0x01)).expect("begins");
    let mut server = ServerAdmission::new(end(0x40, CLIENT_KEY), HOME, &scalar(0x21));
    for turn in turns[..4].chunks(2) {
        assert_eq!(client.take_outgoing(), turn[0]);
        server.receive(&turn[0], &policy, any_time()).expect("an honest client");
        assert_eq!(server.take_outgoing(), turn[1]);
        client.receive(&turn[1]).expect("an honest server");
    }
    let session = client.admission().expect("admitted").session.clone();
    let kept = server.into_admitted().expect("admitted").session;
    let id = core::array::from_fn(|at| 0xA0 + at as u8);
    policy.sessions.insert(id, kept);
    let further = Credential::Session { id, session: &session };
    let mut client = ClientAdmission::new(further, end(0x60, SERVER_KEY), &scalar(0)).expect("begins");
    let mut server = ServerAdmission::new(end(0x60, CLIENT_KEY), HOME, &scalar(0));
    assert_eq!(client.take_outgoing(), turns[4]);
    server.receive(&turns[4], &policy, any_time()).expect("an honest client");
    assert_eq!(server.take_outgoing(), turns[5]);
    client.receive(&turns[5]).expect("an honest server");
    assert_eq!(client.admission().expect("admitted").rights, Rights::STORE.and(Rights::SHARE));
}
