//! Arbitrary bytes in arbitrary cuts, to the parsers and to both machines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::entry::{Entry, Kind};
use sendall::proto::frame::{self, ParsedFrame};
use sendall::proto::have::Verdict;
use sendall::proto::hello::{Accept, Hello, Parsed};
use sendall::proto::receiver::{ReceiveStep, Receiver};
use sendall::proto::sender::{Ended, SendStep, Sender};

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (cut, bytes) = input;
    let cut = usize::from(cut).max(1);
    whole_or_cut(&bytes, cut, Hello::parse);
    whole_or_cut(&bytes, cut, Accept::parse);
    converse(&bytes, cut);
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

fn converse(bytes: &[u8], cut: usize) {
    let file = |path: &[u8], size| Entry {
        kind: Kind::File,
        executable: false,
        size,
        mtime_seconds: 0,
        mtime_nanoseconds: 0,
        path: path.to_vec(),
        not_offered: None,
    };
    let mut sender = Sender::new(vec![file(b"a", 3), file(b"b", 0)]);
    let mut receiver = Receiver::new(4, None);
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

/// Answers what the machines ask, until both wait.
fn drive(sender: &mut Sender, receiver: &mut Receiver) {
    loop {
        match sender.step() {
            SendStep::Write(_) => {}
            SendStep::HashPrefix { .. } => sender.prefix_hashed([0; 32]),
            SendStep::Body { room: 0, .. } => drop(sender.end(Ended::Digest([0; 32]))),
            SendStep::Body { .. } => drop(sender.data(1)),
            SendStep::Await | SendStep::PeerError { .. } | SendStep::Finished => break,
        }
    }
    loop {
        match receiver.step() {
            ReceiveStep::Write(_) | ReceiveStep::Abandon { .. } => {}
            ReceiveStep::Judge { file } => receiver.judged(file, Verdict::WHOLE),
            ReceiveStep::Commit { file, .. } => receiver.committed(file, Ok(())),
            ReceiveStep::Await | ReceiveStep::PeerError { .. } | ReceiveStep::Finished => break,
        }
    }
}
