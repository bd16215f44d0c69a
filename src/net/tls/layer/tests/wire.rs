//! Wires in memory, and layers at both ends of a pair of them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::super::*;
use crate::net::tls::certificate::self_signed;
use crate::net::tls::client::{ClientSettings, ClientTls, ServerCheck};
use crate::net::tls::identity::Identity;
use crate::net::tls::key::Key;
use crate::net::tls::server::{ServerSettings, ServerTls};

/// What a wire lets through.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Bytes that are on the way at most.
    pub(super) capacity: usize,
    /// Bytes that one call moves at most.
    pub(super) piece: usize,
    /// After each call that moves something, one would block.
    pub(super) blocks: bool,
}

/// One direction.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) bytes: VecDeque<u8>,
    pub(super) has_ended: bool,
}

type Shared = Rc<RefCell<Wire>>;

/// A layer and its socket.
pub(super) struct End {
    pub(super) layer: Layer,
    pub(super) shape: Shape,
    pub(super) from_peer: Shared,
    pub(super) to_peer: Shared,
    is_tired: bool,
}

struct Socket<'a> {
    shape: Shape,
    from_peer: &'a Shared,
    to_peer: &'a Shared,
    is_tired: &'a mut bool,
}

impl Socket<'_> {
    fn turn(&mut self, count: usize) -> io::Result<usize> {
        if count == 0 || std::mem::take(self.is_tired) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *self.is_tired = self.shape.blocks;
        Ok(count.min(self.shape.piece))
    }
}

impl Below for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "a read into nothing looks like an end");
        let waiting = self.from_peer.borrow().bytes.len();
        if waiting == 0 && self.from_peer.borrow().has_ended {
            return Ok(0);
        }
        let count = self.turn(waiting.min(buffer.len()))?;
        for (place, byte) in buffer.iter_mut().zip(self.from_peer.borrow_mut().bytes.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(
            !bytes.is_empty() && !self.to_peer.borrow().has_ended,
            "a write of nothing, or after the end"
        );
        let room = self.shape.capacity.saturating_sub(self.to_peer.borrow().bytes.len());
        let count = self.turn(room.min(bytes.len()))?;
        self.to_peer.borrow_mut().bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.to_peer.borrow_mut().has_ended = true;
        Ok(())
    }
}

impl End {
    pub(super) fn new(layer: Layer, shape: Shape, (from_peer, to_peer): (&Shared, &Shared)) -> End {
        End { layer, shape, from_peer: Rc::clone(from_peer), to_peer: Rc::clone(to_peer), is_tired: false }
    }

    fn with<T>(&mut self, call: impl FnOnce(&mut Layer, &mut Socket<'_>) -> T) -> T {
        let End { layer, shape, from_peer, to_peer, is_tired } = self;
        call(layer, &mut Socket { shape: *shape, from_peer, to_peer, is_tired })
    }

    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        self.with(|layer, socket| layer.handshake(socket))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|layer, socket| layer.read(buffer, socket))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|layer, socket| layer.write(bytes, socket))
    }

    pub(super) fn finish_writing(&mut self) -> io::Result<()> {
        self.with(|layer, socket| layer.finish_writing(socket))
    }

    pub(super) fn try_flush(&mut self) -> io::Result<bool> {
        self.with(|layer, socket| layer.try_flush(socket))
    }

    /// Writes all, while the peer takes it in.
    pub(super) fn write_all(&mut self, mut bytes: &[u8], peer: &mut End) {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
            // Takes ciphertext in, and keeps what it holds for its reader.
            peer.with(|layer, socket| {
                let mut piece = [0; 64];
                if let Ok(count) = socket.read(&mut piece) {
                    layer.incoming.extend_from_slice(&piece[..count]);
                }
            });
        }
    }

    /// Reads until the end or a failure, while the peer sends what waits there.
    pub(super) fn read_to_end(&mut self, peer: &mut End) -> Result<Vec<u8>, (Vec<u8>, Error)> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 100];
        for _ in 0..1_000_000 {
            let _ = peer.try_flush();
            match self.read(&mut buffer) {
                Ok(0) => return Ok(bytes),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err((bytes, error.downcast::<Error>().expect("ours"))),
            }
        }
        panic!("neither an end nor a failure");
    }

    /// What is on its way to the peer, taken off the wire.
    pub(super) fn take_sent(&self) -> Vec<u8> {
        self.to_peer.borrow_mut().bytes.drain(..).collect()
    }

    /// Puts bytes on the wire as if the peer had sent them.
    pub(super) fn deliver(&self, bytes: &[u8]) {
        self.from_peer.borrow_mut().bytes.extend(bytes);
    }

    /// Ends the peer's wire.
    pub(super) fn end_peer(&self) {
        self.from_peer.borrow_mut().has_ended = true;
    }
}

/// A key and a certificate for it.
pub(super) fn identity() -> (Key, Identity) {
    let key = Key::generate().unwrap();
    let chain = vec![self_signed(&key, &[]).unwrap()];
    let der = key.to_der().unwrap();
    (key, Identity { chain, key: der })
}

/// The settings of a client for a server with this key.
pub(super) fn client_settings(key: &Key) -> ClientSettings {
    ClientSettings {
        check: ServerCheck::Pins(vec![key.pin()]),
        identity: None,
        alpn: Vec::new(),
        accepts_bare_end: false,
        options: &CLIENT_OPTIONS,
    }
}

/// A client and a server before their handshake.
pub(super) fn pair(shape: Shape, change: impl FnOnce(&mut ClientSettings)) -> (End, End) {
    let (key, identity) = identity();
    let mut settings = client_settings(&key);
    change(&mut settings);
    let accepts_bare_end = settings.accepts_bare_end;
    let client = ClientTls::new(settings).unwrap().layer("a.example").unwrap();
    let server = ServerTls::new(ServerSettings {
        identity,
        client_authorities: None,
        alpn: Vec::new(),
        accepts_bare_end,
    });
    let server = server.unwrap().layer().unwrap();
    let (there, back) = (Shared::default(), Shared::default());
    (End::new(client, shape, (&back, &there)), End::new(server, shape, (&there, &back)))
}

/// Completes the handshake of both.
pub(super) fn shake_hands(left: &mut End, right: &mut End) {
    for _ in 0..100_000 {
        let is_complete = [left.handshake().expect("a handshake"), right.handshake().expect("a handshake")];
        if is_complete == [true; 2] {
            return;
        }
    }
    panic!("the handshake does not end");
}

/// A client and a server after their handshake.
pub(super) fn joined(shape: Shape) -> (End, End) {
    let (mut left, mut right) = pair(shape, |_| {});
    shake_hands(&mut left, &mut right);
    (left, right)
}
