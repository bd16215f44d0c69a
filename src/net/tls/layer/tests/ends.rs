//! Ends at every place: of a record, between records, of a hello.

use super::super::*;
use super::wire::{End, Shape, pair, shake_hands};

const WIDE: Shape = Shape { capacity: 1 << 20, piece: 1 << 20, blocks: false };
const RECORDS: [&[u8]; 3] = [b"first", b"second record", b"3"];

fn joined(accepts_bare_end: bool) -> (End, End) {
    let (mut client, mut server) = pair(WIDE, |settings| settings.accepts_bare_end = accepts_bare_end);
    shake_hands(&mut client, &mut server);
    (client, server)
}

/// The ciphertext of [`RECORDS`], and where each of them ends.
fn ciphertext_of(client: &mut End) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let ends = RECORDS.map(|record| {
        client.write(record).expect("written");
        bytes.extend(client.take_sent());
        bytes.len()
    });
    (bytes, ends.to_vec())
}

/// Cuts the stream at each byte, from the client to the server and the other way round.
#[test]
fn an_end_without_close_notify_is_a_loss_wherever_it_comes() {
    let mut cut = 0;
    let mut last = usize::MAX;
    while cut <= last {
        for (is_lax, from_server) in [(false, cut % 2 == 0), (true, cut % 2 == 1)] {
            let (client, server) = joined(is_lax);
            let (mut sender, mut reader) = if from_server { (server, client) } else { (client, server) };
            let (bytes, ends) = ciphertext_of(&mut sender);
            last = bytes.len();
            reader.deliver(&bytes[..cut]);
            reader.end_peer();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let expected = RECORDS[..whole].concat();
            match reader.read_to_end(&mut sender) {
                Ok(got) => assert!(is_lax && got == expected, "cut at {cut}: {got:?}"),
                Err((got, error)) => {
                    assert!(!is_lax && got == expected, "cut at {cut}: {got:?}, {error}");
                    assert_eq!(error.exit(), Exit::Lost, "cut at {cut}: {error}");
                    assert!(error.to_string().contains("--lax-end"), "{error}");
                    // The failure stays.
                    assert!(reader.read(&mut [0; 9]).is_err() && reader.write(b"more").is_err());
                }
            }
        }
        cut += 1;
    }
}

#[test]
fn what_follows_close_notify_is_ignored() {
    let (mut client, mut server) = joined(false);
    client.write(b"all").expect("written");
    client.finish_writing().expect("an end");
    let (bytes, garbage) = (client.take_sent(), [0x17; 3000]);
    server.deliver(&bytes);
    server.deliver(&garbage);
    assert_eq!(server.read_to_end(&mut client).expect("an end in order"), b"all");
    assert_eq!(server.read(&mut [0; 10]).expect("the end stays"), 0);
    server.write(b"answer").expect("our direction is open");
    assert_eq!(client.read(&mut [0; 10]).expect("it arrives"), 6);
}

#[test]
fn a_byte_that_was_changed_is_never_taken_for_content() {
    let mut at = 0;
    let mut length = usize::MAX;
    while at < length {
        for mask in [1, 0x80] {
            let (mut client, mut server) = joined(false);
            client.write(b"content").expect("written");
            let mut bytes = client.take_sent();
            length = bytes.len();
            bytes[at] ^= mask;
            client.write(&[b'x'; 40_000]).expect("written");
            bytes.extend(client.take_sent());
            server.deliver(&bytes);
            server.end_peer();
            let what = format!("byte {at} of {length}, {mask:#x}");
            match server.read_to_end(&mut client) {
                Err((got, error)) if got.is_empty() => {
                    assert_eq!(error.exit(), Exit::Untrusted, "{what}: {error}")
                }
                // RFC 8446, 5.1 and 5.2: a header's type and version mean nothing once there are keys.
                Err((got, error)) => {
                    assert!([0, 2].contains(&at) && got.starts_with(b"contentxxx"), "{what}: {error}");
                    continue;
                }
                Ok(got) => panic!("{what}: an end after {} bytes", got.len()),
            }
            assert!(!server.take_sent().is_empty(), "{what}: the peer is not sent the reason");
        }
        at += 1;
    }
}

/// The client's first flight.
fn hello() -> (End, End, Vec<u8>) {
    let (mut client, server) = pair(WIDE, |_| {});
    assert!(!client.handshake().expect("a hello"));
    let hello = client.take_sent();
    (client, server, hello)
}

#[test]
fn a_hello_that_is_cut_is_a_loss_and_one_in_pieces_is_answered() {
    let mut length = hello().2.len();
    let mut cut = 0;
    while cut < length {
        let (mut client, mut server, hello) = hello();
        length = hello.len();
        server.deliver(&hello[..cut]);
        assert!(!server.handshake().expect("it waits"));
        assert_eq!(server.layer.has_received(), cut > 0);
        assert!(server.take_sent().is_empty(), "an answer to {cut} bytes");
        if cut % 97 == 0 {
            server.deliver(&hello[cut..]);
            shake_hands(&mut client, &mut server);
        } else {
            server.end_peer();
            let error = server.handshake().expect_err("it is cut").downcast::<Error>().expect("ours");
            assert_eq!(error.exit(), Exit::Lost, "cut at {cut}: {error}");
        }
        cut += 1;
    }
}

#[test]
fn what_is_not_tls_is_named() {
    for text in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\x89sendall\r\n\x1a\n\0\0\0\0\0\0",
        b"SSH-2.0-x\r\n",
        &[0; 100],
    ] {
        let (mut client, mut server, _) = hello();
        for end in [&mut server, &mut client] {
            end.from_peer.borrow_mut().bytes.clear();
            end.deliver(text);
            let error = end.handshake().expect_err("it is no TLS").downcast::<Error>().expect("ours");
            assert_eq!(error.exit(), Exit::Untrusted, "{error}");
            assert!(error.to_string().contains("is not TLS"), "{error}");
        }
    }
}
