//! The protocol written by hand, from `PROTOCOL.md` alone, for peers that do not keep to it.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread::JoinHandle;

use rustix::event::PollFlags;

use crate::harness::{LIMIT, wait_for_fd};

pub(crate) const MAGIC: &[u8; 8] = b"\x89SALL\r\n\x1a";
pub(crate) const PUT: u8 = 1;
pub(crate) const GET: u8 = 2;
pub(crate) const ENTRY: u8 = 1;
pub(crate) const HAVE: u8 = 2;
pub(crate) const TURN: u8 = 3;
pub(crate) const DATA: u8 = 4;
pub(crate) const END: u8 = 5;
pub(crate) const EOT: u8 = 7;
pub(crate) const ACK: u8 = 8;
pub(crate) const RESULT: u8 = 9;
pub(crate) const PING: u8 = 10;
pub(crate) const ERROR: u8 = 11;

pub(crate) fn hello(operation: u8, name: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0, operation, 0, 0, 0, 0, 0]);
    bytes.extend([0xff; 12]);
    bytes.extend((name.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(name);
    bytes
}

pub(crate) fn accept() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([7; 16]);
    bytes
}

/// ACCEPT with these flags and capabilities.
pub(crate) fn accept_with(flags: u8, capabilities: u8) -> Vec<u8> {
    let mut bytes = accept();
    (bytes[11], bytes[15]) = (flags, capabilities);
    bytes
}

/// A header alone, whatever its length says.
pub(crate) fn header(kind: u8, flags: u8, file: u32, offset: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![kind, flags, 0, 0];
    bytes.extend(file.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes
}

pub(crate) fn frame(kind: u8, flags: u8, file: u32, offset: u64, body: &[u8]) -> Vec<u8> {
    [header(kind, flags, file, offset, body.len() as u64), body.to_vec()].concat()
}

pub(crate) fn entry(file: u32, name: &[u8], size: u64) -> Vec<u8> {
    entry_of_kind(1, 0o644, file, name, size)
}

pub(crate) fn entry_of_kind(kind: u8, mode: u16, file: u32, name: &[u8], size: u64) -> Vec<u8> {
    let mut body = vec![kind, 0];
    body.extend(mode.to_be_bytes());
    body.extend(size.to_be_bytes());
    body.extend(1_600_000_000_i64.to_be_bytes());
    body.extend(0_u32.to_be_bytes());
    body.extend((name.len() as u16).to_be_bytes());
    body.extend(name);
    frame(ENTRY, 0, file, 0, &body)
}

pub(crate) fn turn() -> Vec<u8> {
    frame(TURN, 0, 0, 0, b"")
}

/// WANT, from the first byte.
pub(crate) fn want(file: u32) -> Vec<u8> {
    let mut body = vec![1, 0, 0, 0];
    body.extend([0; 32]);
    frame(HAVE, 0, file, 0, &body)
}

pub(crate) fn refused(file: u32, reason: u8, text: &[u8]) -> Vec<u8> {
    let mut body = vec![3, reason];
    body.extend((text.len() as u16).to_be_bytes());
    body.extend([0; 32]);
    body.extend(text);
    frame(HAVE, 0, file, 0, &body)
}

/// KEEP of so many bytes with this digest.
pub(crate) fn keep(file: u32, size: u64, digest: &[u8; 32]) -> Vec<u8> {
    frame(HAVE, 0, file, size, &[&[2, 0, 0, 0], &digest[..]].concat())
}

/// A RESULT that names these failures, with reason 10; with `flags` 2 it may leave some out.
pub(crate) fn result_naming(flags: u8, done: u32, failed: u32, failures: &[u32]) -> Vec<u8> {
    let mut body = result(done, failed)[24..].to_vec();
    for file in failures {
        body.extend(file.to_be_bytes());
        body.extend([10, 0, 0, 1, 0, 0, b'x']);
    }
    frame(RESULT, flags, 0, 0, &body)
}

/// A whole file: DATA, if there is any, and END.
pub(crate) fn whole(file: u32, bytes: &[u8]) -> Vec<u8> {
    let data = if bytes.is_empty() { Vec::new() } else { frame(DATA, 0, file, 0, bytes) };
    [data, frame(END, 0, file, bytes.len() as u64, blake3::hash(bytes).as_bytes())].concat()
}

pub(crate) fn eot(entries: u64, bytes: u64) -> Vec<u8> {
    frame(EOT, 0, 0, 0, &[entries.to_be_bytes(), bytes.to_be_bytes()].concat())
}

pub(crate) fn result(done: u32, failed: u32) -> Vec<u8> {
    let status = if failed == 0 { 0 } else { 2 - u8::from(done > 0) };
    let mut body = vec![status, 0, 0, 0];
    body.extend(done.to_be_bytes());
    body.extend(failed.to_be_bytes());
    frame(RESULT, 0, 0, 0, &body)
}

pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 1, 0, 0, b"")
}

pub(crate) fn error(reason: u8, text: &[u8]) -> Vec<u8> {
    let mut body = vec![reason, 0];
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text);
    frame(ERROR, 0, 0, 0, &body)
}

/// A connection whose other end is the command.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    #[track_caller]
    pub(crate) fn connect(address: &str) -> Peer {
        let stream = TcpStream::connect(address).expect("a connection");
        Peer::new(stream)
    }

    /// The next client of a listener.
    #[track_caller]
    pub(crate) fn accept(listener: &TcpListener) -> Peer {
        assert!(wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT), "no client came");
        Peer::new(listener.accept().expect("a client").0)
    }

    fn new(stream: TcpStream) -> Peer {
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(LIMIT)).and(stream.set_write_timeout(Some(LIMIT))).expect("time limits");
        Peer(stream)
    }

    /// Sends as much as is taken; false if the other end has gone.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Exactly so many bytes.
    #[track_caller]
    pub(crate) fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("bytes from the command");
        bytes
    }

    /// A frame that is not DATA: its type, flags and body.
    #[track_caller]
    pub(crate) fn hear_frame(&mut self) -> (u8, u8, Vec<u8>) {
        let header = self.hear(24);
        let length = u64::from_be_bytes(header[16..].try_into().expect("8 bytes"));
        (header[0], header[1], self.hear(length as usize))
    }

    /// Frames until one of this type.
    #[track_caller]
    pub(crate) fn hear_until(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (found, _, body) = self.hear_frame();
            if found == kind {
                return body;
            }
        }
    }

    /// HELLO with its tail.
    #[track_caller]
    pub(crate) fn hear_hello(&mut self) -> Vec<u8> {
        let mut hello = self.hear(32);
        let lengths = [28, 30].map(|at| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]])));
        hello.extend(self.hear(lengths.iter().sum()));
        hello
    }

    /// Everything up to the end, or a reset.
    #[track_caller]
    pub(crate) fn hear_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => bytes,
            Err(error) => panic!("no end from the command: {error}"),
        }
    }
}

/// A server that answers one client as `script` says, on a thread of its own.
pub(crate) struct FakeServer {
    pub(crate) address: String,
    thread: JoinHandle<()>,
}

impl FakeServer {
    pub(crate) fn new(script: impl FnOnce(&mut Peer) + Send + 'static) -> FakeServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let thread = std::thread::spawn(move || {
            let mut peer = Peer::accept(&listener);
            script(&mut peer);
        });
        FakeServer { address, thread }
    }

    /// A server that hears HELLO with a name of `name_bytes` bytes, says all this, and reads on to the end.
    pub(crate) fn saying(name_bytes: usize, bytes: Vec<u8>) -> FakeServer {
        FakeServer::new(move |peer| {
            peer.hear(32 + name_bytes);
            peer.say(&bytes);
            let _ = peer.0.shutdown(std::net::Shutdown::Write);
            peer.hear_all();
        })
    }

    /// Waits until the script is through; its failure is the test's.
    pub(crate) fn join(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
