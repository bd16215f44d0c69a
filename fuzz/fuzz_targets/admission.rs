//! Messages of admission that are nearly right, in pieces, to a client with each credential and to a server with each
//! policy. Nobody who has no code, key or session is admitted, and no server without the code is trusted by one that has it.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sendall::proto::secure::account::CodeAccount;
use sendall::proto::secure::client::{ClientAdmission, Credential};
use sendall::proto::secure::code::Code;
use sendall::proto::secure::guesses::Uses;
use sendall::proto::secure::message::{ClientMessage, MAX_MESSAGE_BYTES, ServerMessage};
use sendall::proto::secure::server::{By, Policy, ServerAdmission, Status};
use sendall::proto::secure::session::SessionSecret;
use sendall::proto::secure::pin::Pin;
use sendall::proto::secure::{Channel, Rights};
use sendall::proto::{Parsed, SessionId};
use zeroize::Zeroizing;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const KEY: Pin = Pin([7; 32]);

static CODE: LazyLock<Code> = LazyLock::new(|| Code::from_random(&[1; 6]));
/// What a client has after it was admitted on another connection.
static SESSION: LazyLock<SessionSecret> = LazyLock::new(|| {
    let mut client = ClientAdmission::new(Credential::Key, channel(9), &[9; 64]).expect("begins");
    client.receive(&[0x80, 0, 0, 1, 7]).expect("admitted");
    client.admission().expect("admitted").session.clone()
});

/// A message, or what resembles one.
#[derive(Arbitrary, Debug)]
enum Message {
    Empty { kind: u8 },
    Share([u8; 32], bool),
    /// The neutral element, or another share that is one.
    Known(u8),
    Tag(u8, [u8; 32]),
    Session([u8; 16], [u8; 32]),
    /// As it is, with a right length.
    Body(u8, Vec<u8>),
    Raw(Vec<u8>),
}

fuzz_target!(|input: (u8, u8, Vec<Message>)| {
    let (piece, setup, messages) = input;
    let bytes: Vec<u8> = messages.iter().flat_map(Message::bytes).collect();
    let piece = usize::from(piece).max(1);
    parse(&bytes);
    be_client(&bytes, piece, setup);
    be_server(&bytes, piece, setup);
});

impl Message {
    fn bytes(&self) -> Vec<u8> {
        let with = |kind: u8, body: &[u8]| [&[kind, 0], &(body.len() as u16).to_be_bytes()[..], body].concat();
        match self {
            Message::Empty { kind } => with(if kind % 2 == 0 { 1 } else { 4 }, &[]),
            Message::Share(share, is_server) => with(if *is_server { 0x82 } else { 2 }, share),
            Message::Known(which) => {
                let mut share = [0; 32];
                share[0] = which & 0xFE;
                with(if which % 2 == 0 { 0x82 } else { 2 }, &share)
            }
            Message::Tag(kind, half) => with(if kind % 2 == 0 { 0x83 } else { 3 }, &[*half, *half].concat()),
            Message::Session(id, half) => with(5, &[&id[..], half, half].concat()),
            Message::Body(kind, body) => with(0x80 | kind % 16, &body[..body.len().min(2000)]),
            Message::Raw(bytes) => bytes.clone(),
        }
    }
}

fn channel(connection: u8) -> Channel {
    Channel { auth: [connection; 32], session: Zeroizing::new([connection; 64]), peer: Some(KEY) }
}

fn parse(bytes: &[u8]) {
    match ClientMessage::parse(bytes) {
        Ok(Parsed::Complete { value, used }) => assert_eq!(value.encode(), bytes[..used]),
        Ok(Parsed::Incomplete { needed }) => assert!(needed > bytes.len() && needed <= MAX_MESSAGE_BYTES),
        Err(_) => {}
    }
    match ServerMessage::parse(bytes) {
        Ok(Parsed::Complete { value, used }) => {
            let again = value.encode();
            let Ok(Parsed::Complete { value: same, .. }) = ServerMessage::parse(&again) else { panic!("a message") };
            assert!(same == value || used > MAX_MESSAGE_BYTES - 1024);
        }
        Ok(Parsed::Incomplete { needed }) => assert!(needed > bytes.len() && needed <= MAX_MESSAGE_BYTES),
        Err(_) => {}
    }
}

fn be_client(bytes: &[u8], piece: usize, setup: u8) {
    let credential = match setup % 4 {
        0 | 1 => Credential::Code(&CODE),
        2 => Credential::Session { id: [3; 16], session: &SESSION },
        _ => Credential::Open,
    };
    let mut client = ClientAdmission::new(credential, channel(1), &[setup; 64]).expect("begins");
    let mut sent = client.take_outgoing().len();
    for part in bytes.chunks(piece) {
        let wanted = client.wanted();
        match client.receive(part) {
            Ok(used) => assert!(used == part.len() || client.wanted() == 0),
            Err(_) => break,
        }
        assert!(wanted > 0 || client.admission().is_some());
        sent += client.take_outgoing().len();
    }
    assert!(client.admission().is_none() || !matches!(credential, Credential::Code(_)));
    assert!(sent <= 104);
}

/// A server with a code, with keys, both, or open.
struct Server {
    account: Option<Arc<CodeAccount>>,
    setup: u8,
}

impl Policy for Server {
    fn open(&self) -> Option<Rights> {
        (self.setup & 1 != 0).then_some(Rights::SHARE)
    }

    fn has_keys(&self) -> bool {
        self.setup & 2 != 0
    }

    fn key(&self, _: &Pin) -> Option<Rights> {
        None
    }

    fn session(&self, id: &SessionId) -> Option<SessionSecret> {
        (id[0] & 1 != 0).then(|| SESSION.clone())
    }

    fn code(&self) -> Option<Arc<CodeAccount>> {
        self.account.clone()
    }
}

fn be_server(bytes: &[u8], piece: usize, setup: u8) {
    let uses = Uses::Times(NonZeroU32::MIN);
    let account = (setup & 4 != 0).then(|| CodeAccount::new(CODE.clone(), Rights::ALL, uses));
    let policy = Server { account: account.clone(), setup };
    let mut now = Instant::now();
    let mut server = ServerAdmission::new(channel(2), PEER, &[!setup; 64]);
    let mut wrong_proofs = 0;
    for part in bytes.chunks(piece) {
        match server.receive(part, &policy, now) {
            Ok(used) => assert!(used == part.len() || server.wanted() == 0),
            Err(_) => break,
        }
        if let Some(due) = server.deadline() {
            assert!(due > now && due <= now + Duration::from_secs(5));
            wrong_proofs += 1;
            now = due;
            server.advance(now);
            assert!(matches!(server.status(), Status::Refused(_)));
        }
        assert!(server.take_outgoing().len() <= MAX_MESSAGE_BYTES);
    }
    if let Some(account) = account {
        assert_eq!(account.wrong_proofs(), wrong_proofs);
    }
    if let Some(admitted) = server.into_admitted() {
        assert!(admitted.by == By::Open && policy.open().is_some());
    }
}
