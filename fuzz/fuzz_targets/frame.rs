//! Arbitrary bytes in arbitrary cuts, to the parsers and to both machines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::entry::{Entry, Kind};
use sendall::proto::frame::{self, ParsedFrame};
use sendall::proto::have::Verdict;
use sendall::proto::hello::{Accept, Hello, Parsed};
use sendall::proto::outcome::FileOutcome;
use sendall::proto::receiver::{ReceiveStep, Receiver};
use sendall::proto::sender::{Ended, SendStep, Sender};

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (choice, bytes) = input;
    let cut = usize::from(choice / 2).max(1);
    whole_or_cut(&bytes, cut, Hello::parse);
    whole_or_cut(&bytes, cut, Accept::parse);
    converse(&bytes, cut, choice % 2 == 0);
});

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
    sender.allow_blocks();
    receiver.allow_blocks();
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
        0 => (b"d/a", Kind::File, Some(3)),
        1 => (b"d/b", Kind::File, None),
        2 => (b"d/c", Kind::Link(b"a".to_vec()), Some(0)),
        3 => (b"d/d", Kind::Folder, Some(0)),
        4 => (b"d/e", Kind::File, Some(9 << 20)),
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
        match sender.step() {
            SendStep::Write(_) => {}
            SendStep::Offer => match offered(sender.next_id()) {
                Some(entry) => sender.offer(entry),
                None => sender.all_offered(),
            },
            SendStep::HashPrefix { .. } => sender.prefix_hashed([0; 32]),
            SendStep::Body { room: 0, .. } | SendStep::Body { offset: 3.., .. } => {
                sender.end(Ended::Digest([0; 32]));
            }
            SendStep::Body { .. } => drop(sender.data(1)),
            SendStep::Blocks { file } => {
                let _ = sender.theirs(file);
                sender.end(Ended::Digest([0; 32]));
            }
            SendStep::Await | SendStep::PeerError { .. } | SendStep::Finished => break,
        }
        while sender.closed().is_some() {}
    }
    loop {
        match receiver.step() {
            ReceiveStep::Write(_) | ReceiveStep::Abandon { .. } => {}
            ReceiveStep::Judge { file } => receiver.judged(file, Verdict::WHOLE),
            ReceiveStep::Commit { file, .. } | ReceiveStep::Place { file, .. } => {
                receiver.committed(file, Ok(FileOutcome::Done));
            }
            ReceiveStep::Await | ReceiveStep::PeerError { .. } | ReceiveStep::Finished => break,
        }
        while receiver.closed().is_some() {}
    }
}
