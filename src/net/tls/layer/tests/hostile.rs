//! A server that breaks the rules: rustls' other interface, and records that are made by hand.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::super::*;
use super::wire::{End, Shape, client_settings, identity};
use crate::net::tls::client::ClientTls;
use crate::net::tls::provider;

const WIDE: Shape = Shape { capacity: 16 << 20, piece: 16 << 20, blocks: false };

/// A client of ours, and a server that is driven by hand.
fn with_server(version: &'static SupportedProtocolVersion) -> (End, ServerConnection) {
    let (key, identity) = identity();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .unwrap();
    config.enable_secret_extraction = true;
    config.send_tls13_tickets = 0;
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let client = ClientTls::new(client_settings(&key)).unwrap().layer("a.example").unwrap();
    let mut client = End::new(client, WIDE, (&Default::default(), &Default::default()));
    while !client.handshake().unwrap() || server.is_handshaking() {
        pass(&mut client, &mut server);
    }
    (client, server)
}

/// Passes what both have sent.
fn pass(client: &mut End, server: &mut ServerConnection) {
    let sent = client.take_sent();
    let mut rest = &sent[..];
    while !rest.is_empty() {
        server.read_tls(&mut rest).unwrap();
        server.process_new_packets().unwrap();
    }
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer).unwrap();
    }
    client.deliver(&answer);
}

fn failure(result: io::Result<usize>) -> Error {
    result.expect_err("a failure").downcast::<Error>().expect("ours")
}

#[test]
fn new_keys_are_followed_and_answered_with_one_update() {
    let (mut client, mut server) = with_server(&rustls::version::TLS13);
    let mut buffer = [0; 10];
    for round in 0..40 {
        server.refresh_traffic_keys().unwrap();
        server.writer().write_all(b"new").unwrap();
        pass(&mut client, &mut server);
        assert_eq!(client.read(&mut buffer).unwrap(), 3, "round {round}");
        client.write(b"answer").unwrap();
        pass(&mut client, &mut server);
        assert_eq!(server.reader().read(&mut buffer).unwrap(), 6, "round {round}");
    }
}

#[test]
fn a_flood_of_key_updates_ends_the_connection() {
    let (mut client, mut server) = with_server(&rustls::version::TLS13);
    for _ in 0..1000 {
        server.refresh_traffic_keys().unwrap();
    }
    pass(&mut client, &mut server);
    let error = failure(client.read(&mut [0; 10]));
    assert_eq!(error.exit(), Exit::Untrusted, "{error}");
    // Whatever answer there is to them, it is short.
    assert!(client.take_sent().len() < 2000);
}

#[test]
fn key_updates_while_nothing_can_be_sent_are_kept_short() {
    let (mut client, mut server) = with_server(&rustls::version::TLS13);
    client.shape.capacity = 0;
    client.write(&[1; 256 << 10]).unwrap();
    for _ in 0..1000 {
        server.refresh_traffic_keys().unwrap();
        server.writer().write_all(b"x").unwrap();
        pass(&mut client, &mut server);
        assert_eq!(client.read(&mut [0; 10]).unwrap(), 1);
    }
    client.finish_writing().unwrap();
    client.shape.capacity = 16 << 20;
    assert!(client.try_flush().unwrap());
    let (mut got, mut buffer) = (0, vec![0; 300 << 10]);
    let sent = client.take_sent();
    assert!(sent.len() < 300 << 10);
    let mut rest = &sent[..];
    while !rest.is_empty() {
        server.read_tls(&mut rest).unwrap();
        server.process_new_packets().unwrap();
        got += server.reader().read(&mut buffer).unwrap_or(0);
    }
    assert_eq!(got, 256 << 10);
}

#[test]
fn tls_1_2_has_no_half_close() {
    let (mut client, mut server) = with_server(&rustls::version::TLS12);
    assert!(!client.layer.can_half_close());
    client.write(b"question").unwrap();
    pass(&mut client, &mut server);
    let mut buffer = [0; 10];
    assert_eq!(server.reader().read(&mut buffer).unwrap(), 8);
    server.writer().write_all(b"answer").unwrap();
    server.send_close_notify();
    pass(&mut client, &mut server);
    assert_eq!(client.read(&mut buffer).unwrap(), 6);
    assert_eq!(client.read(&mut buffer).unwrap(), 0);
}

/// The server's key for what it sends, and records made with it (RFC 8446, 5.2 and 5.3).
struct Forger {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Forger {
    fn of(server: ServerConnection) -> Forger {
        let (sequence, secrets) = server.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else { panic!("another suite") };
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap());
        Forger { key, iv: iv.as_ref().try_into().unwrap(), sequence }
    }

    fn record(&mut self, content: &[u8], content_type: u8, padding: usize) -> Vec<u8> {
        let mut nonce = self.iv;
        for (place, byte) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *place ^= byte;
        }
        self.sequence += 1;
        let mut inner = [content, &[content_type], &vec![0; padding][..]].concat();
        let length = (inner.len() + 16) as u16;
        let header = [0x17, 3, 3, (length >> 8) as u8, length as u8];
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut inner)
            .unwrap();
        [&header[..], &inner].concat()
    }
}

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

#[test]
fn empty_and_padded_records_are_no_end() {
    let (mut client, server) = with_server(&rustls::version::TLS13);
    let mut forger = Forger::of(server);
    client.deliver(&forger.record(b"", APPLICATION_DATA, 0));
    assert_eq!(client.read(&mut [0; 10]).expect_err("nothing yet").kind(), io::ErrorKind::WouldBlock);
    client.deliver(&forger.record(b"", APPLICATION_DATA, 1000));
    client.deliver(&forger.record(b"content", APPLICATION_DATA, 1000));
    assert_eq!(client.read(&mut [0; 10]).unwrap(), 7);
}

/// A reader must come back to its caller, however fast such records come.
#[test]
fn a_flood_of_empty_records_does_not_hold_the_reader() {
    let (mut client, server) = with_server(&rustls::version::TLS13);
    let mut forger = Forger::of(server);
    for _ in 0..100_000 {
        client.deliver(&forger.record(b"", APPLICATION_DATA, 0));
    }
    let error = failure(client.read(&mut [0; 1000]));
    assert_eq!(error.exit(), Exit::Untrusted, "{error}");
}

#[test]
fn alerts_end_the_connection_and_a_flood_of_warnings_too() {
    for (level, description, exit) in
        [(2, 80, Exit::Lost), (2, 40, Exit::Untrusted), (2, 20, Exit::Untrusted)]
    {
        let (mut client, server) = with_server(&rustls::version::TLS13);
        client.deliver(&Forger::of(server).record(&[level, description], ALERT, 0));
        let error = failure(client.read(&mut [0; 10]));
        assert_eq!(error.exit(), exit, "{error}");
    }
    let (mut client, server) = with_server(&rustls::version::TLS13);
    let mut forger = Forger::of(server);
    for _ in 0..100 {
        // user_canceled, a warning.
        client.deliver(&forger.record(&[1, 90], ALERT, 0));
    }
    failure(client.read(&mut [0; 10]));
}
