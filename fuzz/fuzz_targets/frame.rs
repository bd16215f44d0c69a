//! Frames that are nearly right, in arbitrary cuts, to the parsers and to both machines.
//!
//! The input is a script of pieces, not bytes: so most of what is tried gets past the header's checks.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sendall::proto::Parsed;
use sendall::proto::transfer::entry::{Entry, EntryKind};
use sendall::proto::transfer::frame;
use sendall::proto::transfer::frame::ParsedFrame;
use sendall::proto::transfer::have::HaveReply;
use sendall::proto::transfer::hello::{Accept, Capabilities, Hello, MAGIC};
use sendall::proto::transfer::outcome::EntryOutcome;
use sendall::proto::transfer::receiver::{ReceiveStep, Receiver};
use sendall::proto::transfer::sender::{Ended, SendStep, Sender};

/// The types of frames, and 0.
const KINDS: u8 = frame::MAX_TYPE + 1;

/// What a peer sends, and in which cuts.
#[derive(Arbitrary, Debug)]
struct Script {
    greeting: Greeting,
    cut: u8,
    streaming: bool,
    pieces: Vec<Piece>,
}

/// HELLO or ACCEPT: what stands behind the magic and the version.
#[derive(Arbitrary, Debug)]
struct Greeting {
    operation: u8,
    flags: u8,
    fixed: [u8; 16],
    name: Vec<u8>,
    extensions: Vec<(Code, Vec<u8>)>,
}

/// The type of an extension: those of HELLO and ENTRY, and any other.
#[derive(Arbitrary, Debug)]
enum Code {
    Root,
    Rate,
    Run,
    Name,
    Reason,
    Target,
    Other(u16),
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Frame {
        kind: u8,
        flags: u8,
        file: u8,
        offset: Size,
        body: Body,
    },
    Data {
        file: u8,
        offset: Size,
        length: u16,
    },
    /// A header whose length is not that of what follows.
    Header {
        kind: u8,
        length: u64,
    },
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Body {
    Entry {
        kind: u8,
        mode: u16,
        size: Size,
        mtime: i64,
        nanoseconds: u32,
        path: Path,
        extensions: Vec<(Code, Vec<u8>)>,
    },
    Have {
        reply: u8,
        reason: u8,
        digest: u8,
        text: Vec<u8>,
    },
    /// Of EOT and TOTALS.
    Eot {
        entries: u8,
        bytes: Size,
    },
    Result {
        status: u8,
        done: u8,
        failed: u8,
        failures: Vec<(u8, Path, u8, Vec<u8>)>,
    },
    Error {
        reason: u8,
        text: Vec<u8>,
    },
    Values {
        count: u8,
        value: u8,
    },
    Empty,
    Raw(Vec<u8>),
}

/// A size or an offset, around those that mean something.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Size {
    Small(u8),
    Blocks(u8, i8),
    Unknown,
    Other(u64),
}

#[derive(Arbitrary, Debug)]
enum Path {
    Offered(u8),
    Parent,
    Bytes(Vec<u8>),
}

fuzz_target!(|script: Script| {
    let cut = usize::from(script.cut).max(1);
    let greeting = script.greeting.bytes();
    whole_or_cut(&greeting, cut, Hello::parse);
    whole_or_cut(&greeting, cut, Accept::parse);
    let bytes: Vec<u8> = script.pieces.iter().flat_map(Piece::bytes).collect();
    converse(&bytes, cut, script.streaming);
});

impl Greeting {
    fn bytes(&self) -> Vec<u8> {
        let extensions = extensions(&self.extensions);
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0, self.operation % 6, self.flags]);
        bytes.extend(self.fixed);
        bytes.extend(length(&self.name));
        bytes.extend(length(&extensions));
        bytes.extend(&self.name);
        bytes.extend(extensions);
        bytes
    }
}

fn extensions(list: &[(Code, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (code, value) in list {
        let code = match code {
            Code::Reason => 1,
            Code::Root => 2,
            Code::Rate => 3,
            Code::Run => 5,
            Code::Name | Code::Target => 0x8001,
            Code::Other(code) => *code,
        };
        bytes.extend(u16::to_be_bytes(code));
        bytes.extend(length(value));
        bytes.extend(value);
    }
    bytes
}

fn length(bytes: &[u8]) -> [u8; 2] {
    (bytes.len() as u16).to_be_bytes()
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::Frame { kind, flags, file, offset, body } => {
                let body = body.bytes();
                [&header(*kind % KINDS, *flags, *file, offset.bytes(), body.len() as u64)[..], &body].concat()
            }
            Piece::Data { file, offset, length } => {
                let header = header(4, 0, *file, offset.bytes(), u64::from(*length));
                [&header[..], &vec![b'x'; usize::from(*length)]].concat()
            }
            Piece::Header { kind, length } => header(*kind % KINDS, 0, 0, 0, *length),
            Piece::Raw(bytes) => bytes.clone(),
        }
    }
}

fn header(kind: u8, flags: u8, file: u8, offset: u64, length: u64) -> Vec<u8> {
    let mut header = vec![kind, flags, 0, 0];
    header.extend(u32::from(file).to_be_bytes());
    header.extend(offset.to_be_bytes());
    header.extend(length.to_be_bytes());
    header
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Body::Entry { kind, mode, size, mtime, nanoseconds, path, extensions: list } => {
                let path = path.bytes();
                let mut body = vec![*kind % 6, 0];
                body.extend(mode.to_be_bytes());
                body.extend(size.bytes().to_be_bytes());
                body.extend(mtime.to_be_bytes());
                body.extend(nanoseconds.to_be_bytes());
                body.extend(length(&path));
                body.extend(path);
                body.extend(extensions(list));
                body
            }
            Body::Have { reply, reason, digest, text } => {
                let mut body = vec![*reply % 5, *reason];
                body.extend(length(text));
                body.extend([*digest; 32]);
                body.extend(text);
                body
            }
            Body::Eot { entries, bytes } => {
                [u64::from(*entries).to_be_bytes(), bytes.bytes().to_be_bytes()].concat()
            }
            Body::Result { status, done, failed, failures } => {
                let mut body = vec![*status, 0, 0, 0];
                body.extend(u32::from(*done).to_be_bytes());
                body.extend(u32::from(*failed).to_be_bytes());
                for (file, path, reason, text) in failures {
                    let path = path.bytes();
                    body.extend(u32::from(*file).to_be_bytes());
                    body.extend([*reason, 0]);
                    body.extend(length(&path));
                    body.extend(length(text));
                    body.extend(path);
                    body.extend(text);
                }
                body
            }
            Body::Error { reason, text } => [&[*reason, 0], &length(text)[..], text].concat(),
            Body::Values { count, value } => vec![*value; 32 * usize::from(*count)],
            Body::Empty => Vec::new(),
            Body::Raw(bytes) => bytes.clone(),
        }
    }
}

impl Size {
    fn bytes(self) -> u64 {
        match self {
            Size::Small(size) => size.into(),
            Size::Blocks(count, more) => (u64::from(count) << 22).saturating_add_signed(more.into()),
            Size::Unknown => u64::MAX,
            Size::Other(size) => size,
        }
    }
}

impl Path {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Path::Offered(number) => vec![b'd', b'/', b'a' + number % 8],
            Path::Parent => b"../x".to_vec(),
            Path::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// A prefix is read as the whole is, or asks for more than it has.
fn whole_or_cut<T, E>(bytes: &[u8], cut: usize, parse: impl Fn(&[u8]) -> Result<Parsed<T>, E>) {
    let prefix = &bytes[..cut.min(bytes.len())];
    if let Ok(Parsed::Incomplete { needed }) = parse(prefix) {
        assert!(needed > prefix.len());
    }
    if let Ok(Parsed::Complete { used, .. }) = parse(bytes) {
        assert!(used <= bytes.len());
    }
}

fn converse(bytes: &[u8], cut: usize, streaming: bool) {
    let mut sender = Sender::new();
    sender.begin(streaming);
    let mut receiver = Receiver::new(4, None);
    if streaming {
        receiver.expect_stream();
    }
    sender.agree(Capabilities::ALL);
    receiver.agree(Capabilities::ALL);
    let (mut buffer, mut skip) = (Vec::new(), 0);
    for chunk in bytes.chunks(cut) {
        buffer.extend_from_slice(chunk);
        loop {
            let skipped = buffer.len().min(skip);
            buffer.drain(..skipped);
            skip -= skipped;
            drive(&mut sender, &mut receiver);
            match frame::parse(&buffer) {
                Err(_) => return,
                Ok(ParsedFrame::Incomplete { needed }) => {
                    assert!(needed > buffer.len());
                    break;
                }
                Ok(ParsedFrame::Data { file, offset, length, used }) => {
                    buffer.drain(..used);
                    skip = length as usize;
                    let _ = receiver.data(file, offset, length);
                }
                Ok(ParsedFrame::Frame { frame, used }) => {
                    buffer.drain(..used);
                    let _ = sender.receive(frame.clone());
                    let _ = receiver.receive(frame);
                }
            }
        }
    }
}

/// What the sender has, one after the other: a file, one of unknown size, a link, a folder, and a file in blocks.
fn offered(id: u32) -> Option<Entry> {
    let (path, kind, size) = match id {
        0 => (b"d/a", EntryKind::File, Some(3)),
        1 => (b"d/b", EntryKind::File, None),
        2 => (b"d/c", EntryKind::Link(b"a".to_vec()), Some(0)),
        3 => (b"d/d", EntryKind::Folder, Some(0)),
        4 => (b"d/e", EntryKind::File, Some(9 << 20)),
        _ => return None,
    };
    Some(Entry {
        kind,
        mode: 0o644,
        size,
        mtime_seconds: 0,
        mtime_nanoseconds: 0,
        path: path.to_vec(),
        not_offered: None,
    })
}

/// Answers what the machines ask, until both wait.
fn drive(sender: &mut Sender, receiver: &mut Receiver) {
    loop {
        match sender.next_step() {
            SendStep::Write(_) => {}
            SendStep::Offer => match offered(sender.next_id()) {
                Some(entry) => sender.offer(entry),
                None => sender.all_offered(),
            },
            SendStep::HashPrefix { .. } => sender.prefix_hashed([0; 32]),
            SendStep::Body { max_length: 0, .. } | SendStep::Body { offset: 3.., .. } => {
                sender.end(Ended::Digest([0; 32]));
            }
            SendStep::Body { .. } => assert!(sender.data(1).is_some()),
            SendStep::Blocks { file } => {
                let _ = sender.theirs(file);
                sender.end(Ended::Digest([0; 32]));
            }
            SendStep::Await | SendStep::PeerError { .. } | SendStep::Finished => break,
        }
        while sender.closed().is_some() {}
    }
    loop {
        match receiver.next_step() {
            ReceiveStep::Write(_) | ReceiveStep::Abandon { .. } => {}
            ReceiveStep::Decide { file } => receiver.decided(file, HaveReply::WHOLE),
            ReceiveStep::Commit { file, .. } | ReceiveStep::Place { file, .. } => {
                receiver.committed(file, Ok(EntryOutcome::Done));
            }
            ReceiveStep::Await | ReceiveStep::PeerError { .. } | ReceiveStep::Finished => break,
        }
        while receiver.closed().is_some() {}
    }
}
