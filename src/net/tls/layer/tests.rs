//! Two layers joined by wires of any width, and a layer with a peer that breaks the rules.

mod ends;
mod hostile;
mod wire;

use self::wire::{End, Shape, joined, pair};
use super::*;

const SHAPES: [Shape; 4] = [
    Shape { capacity: 1, piece: 1, blocks: true },
    Shape { capacity: 7, piece: 3, blocks: true },
    Shape { capacity: 100, piece: 1 << 20, blocks: true },
    Shape { capacity: 1 << 20, piece: 1 << 20, blocks: false },
];

fn payload(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes).map(|index| (index * 7 + index / 251) as u8).collect()
}

/// Sends `bytes` both ways at once, with a reader that takes `reads` bytes at a time.
fn exchange(left: &mut End, right: &mut End, bytes: &[u8], reads: usize) {
    let (mut sent, mut got) = ([0; 2], [Vec::new(), Vec::new()]);
    let mut buffer = vec![0; reads];
    let mut turns = 0;
    while got.iter().any(|got| got.len() < bytes.len()) {
        for (end, index) in [(&mut *left, 0), (&mut *right, 1)] {
            if sent[index] < bytes.len() {
                sent[index] += end.write(&bytes[sent[index]..]).unwrap_or(0);
            } else {
                end.try_flush().expect("the wire is there");
            }
            match end.read(&mut buffer) {
                Ok(count) => got[1 - index].extend_from_slice(&buffer[..count]),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
        }
        turns += 1;
        assert!(turns < 1_000_000, "nothing moves: {:?}", got.map(|got| got.len()));
    }
    assert!(got.iter().all(|got| got == bytes));
}

#[test]
fn bytes_arrive_whole_both_ways_over_wires_of_any_width() {
    for shape in SHAPES {
        for (size_bytes, reads) in [(1, 1), (700, 7), (20_000, 4096)] {
            let size_bytes = if shape.capacity == 1 { size_bytes.min(2000) } else { size_bytes };
            let (mut left, mut right) = joined(shape);
            exchange(&mut left, &mut right, &payload(size_bytes), reads);
            assert_eq!(left.layer.received(), size_bytes as u64);
        }
    }
    let (mut left, mut right) = joined(SHAPES[3]);
    exchange(&mut left, &mut right, &payload(3 << 20), 256 << 10);
    let (mut left, mut right) = joined(Shape { capacity: 300 << 10, piece: 1 << 20, blocks: true });
    exchange(&mut left, &mut right, &payload(1 << 20), 1000);
}

#[test]
fn one_direction_ends_after_its_last_byte_while_the_other_continues() {
    for shape in SHAPES {
        let (mut left, mut right) = joined(shape);
        assert!(left.layer.can_half_close());
        left.write_all(b"question", &mut right);
        left.finish_writing().expect("an end");
        assert_eq!(right.read_to_end(&mut left).expect("an end in order"), b"question");
        assert_eq!(right.read(&mut [0]).expect("the end stays"), 0);
        right.write_all(b"answer", &mut left);
        right.finish_writing().expect("an end");
        assert_eq!(left.read_to_end(&mut right).expect("an end in order"), b"answer");
        for end in [&mut left, &mut right] {
            assert!(end.try_flush().expect("room"));
            assert!(end.layer.is_flushed() && end.to_peer.borrow().has_ended);
        }
    }
}

#[test]
fn ciphertext_that_waits_is_flushed_by_a_read_or_by_a_flush() {
    for by_read in [false, true] {
        let (mut left, right) = joined(SHAPES[3]);
        left.shape.capacity = 10;
        assert_eq!(left.write(&[1; 1000]).expect("all is encrypted"), 1000);
        assert!(!left.layer.is_flushed());
        assert_eq!(left.write(&[2]).expect_err("not before").kind(), io::ErrorKind::WouldBlock);
        left.finish_writing().expect("an end that waits");
        assert!(!left.layer.is_flushed() && !left.to_peer.borrow().has_ended);
        left.shape.capacity = 1 << 20;
        if by_read {
            assert_eq!(left.read(&mut [0]).expect_err("nothing").kind(), io::ErrorKind::WouldBlock);
        } else {
            assert!(left.try_flush().expect("room"));
        }
        assert!(left.layer.is_flushed() && left.to_peer.borrow().has_ended, "by a read: {by_read}");
        drop(right);
    }
}

#[test]
fn an_idle_connection_keeps_no_buffer() {
    let (mut left, mut right) = joined(SHAPES[3]);
    exchange(&mut left, &mut right, &payload(1 << 20), 64 << 10);
    for end in [&left, &right] {
        assert_eq!(end.layer.incoming.capacity(), 0);
        assert!(end.layer.is_flushed() && !end.layer.records.holds_plaintext());
    }
    assert!(size_of::<Layer>() < 8 << 10, "{}", size_of::<Layer>());
    // A reader that is slow keeps about a record, however much the peer sends.
    left.write(&payload(256 << 10)).expect("written");
    right.read(&mut [0]).expect("a byte");
    let kept = right.layer.incoming.len() + right.from_peer.borrow().bytes.len();
    assert!(kept > 200 << 10 && right.layer.incoming.len() < 40 << 10, "{}", right.layer.incoming.len());
}

/// The server with the other key of a pair of clients: what a client does that expects a pinned one.
#[test]
fn a_server_with_another_key_is_sent_an_alert_and_nothing_else() {
    let (mut client, mut server) = pair(SHAPES[3], |settings| {
        settings.check = crate::net::tls::client::ServerCheck::Pins(vec![Pin([7; 32])]);
    });
    let error = loop {
        match client.handshake() {
            Err(error) => break error,
            Ok(is_complete) => assert!(!is_complete),
        }
        let _ = server.handshake();
    };
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<Error>()).expect("ours");
    assert_eq!(inner.exit(), Exit::Untrusted);
    assert!(inner.to_string().contains("its key is sha256:"), "{inner}");
    assert!(
        client.write(b"secret").is_err()
            && client.finish_writing().is_err()
            && client.read(&mut [0]).is_err()
    );
    let error = server.handshake().expect_err("an alert");
    assert!(error.to_string().contains("refused TLS"), "{error}");
}
