//! Frames: a header of 24 bytes and a body, see "Frames" in `PROTOCOL.md`.

mod fields;

pub use self::fields::{EndState, FileEnd, Phase, Totals};
use super::Digest;
use super::entry;
use super::entry::Entry;
use super::have;
use super::have::HaveReply;
use super::reason::Reason;
use super::skipped;
use super::skipped::Skipped;
use super::summary;
use super::summary::Summary;
use super::violation::Violation;
use super::wire::{FieldReader, MAX_TEXT_BYTES, clipped, length_u16};

/// The size of a header, in bytes.
pub const HEADER_BYTES: usize = 24;
/// The longest body of a `DATA` frame, in bytes.
pub const MAX_DATA_BYTES: u32 = 16 << 20;
/// The longest body of any other frame, in bytes.
pub const MAX_CONTROL_BYTES: usize = 65_536;

/// Values that one `BLOCK` holds at most.
pub const MAX_BLOCK_VALUES: usize = MAX_CONTROL_BYTES / 32;
/// Flags of an `ACK`.
const AGAIN: u8 = 1;
const OF_A_BLOCK: u8 = 2;

const ENTRY: u8 = 1;
const HAVE: u8 = 2;
const TURN: u8 = 3;
const DATA: u8 = 4;
const END: u8 = 5;
const BLOCK: u8 = 6;
const EOT: u8 = 7;
const ACK: u8 = 8;
const RESULT: u8 = 9;
const PING: u8 = 10;
const ERROR: u8 = 11;
const SKIPPED: u8 = 12;
const TOTALS: u8 = 13;
/// The largest type of a frame. The types count from 1.
pub const MAX_TYPE: u8 = TOTALS;
/// A flag of `TOTALS`.
const COMPLETE: u8 = 1;

/// Every frame but `DATA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// An entry of the sender.
    Entry {
        /// Its file id.
        file: u32,
        /// The entry.
        entry: Entry,
    },
    /// The receiver's answer to an entry.
    Have {
        /// The file id of the entry.
        file: u32,
        /// The answer.
        reply: HaveReply,
    },
    /// The end of a side's turn.
    Turn,
    /// The end of a file.
    End(FileEnd),
    /// The end of all files.
    Eot {
        /// Files that ended as [`EndState::Whole`].
        entries: u64,
        /// Bytes of all bodies.
        bytes: u64,
    },
    /// The chaining values of consecutive blocks: from the sender, of the one it has sent; from the receiver, of those
    /// it has.
    Block {
        /// The file id.
        file: u32,
        /// Where the first of them begins in the file.
        offset: u64,
        /// Their chaining values: 1 to [`MAX_BLOCK_VALUES`].
        values: Vec<Digest>,
    },
    /// The receiver's progress.
    Ack {
        /// Body bytes received in this session, without those of blocks.
        bytes: u64,
    },
    /// The receiver's answer to a block.
    BlockResult {
        /// The file id.
        file: u32,
        /// Where it begins in the file.
        offset: u64,
        /// The block does not match its chaining value: send it again.
        resend: bool,
    },
    /// The receiver's result of the session.
    Result(Summary),
    /// A phase without traffic continues.
    Ping {
        /// The phase; `None` if this side does not know it.
        phase: Option<Phase>,
        /// Bytes done in it.
        done: u64,
    },
    /// The end of the session for both sides.
    Error {
        /// Why.
        reason: Reason,
        /// The same for people.
        text: String,
    },
    /// A skipped entry.
    Skipped(Skipped),
    /// The sender's totals so far.
    Totals(Totals),
}

/// The beginning of a buffer, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedFrame {
    /// The frame is not complete.
    Incomplete {
        /// How many bytes the buffer must hold in all, at least.
        needed: usize,
    },
    /// A frame with its body.
    Frame {
        /// The frame.
        frame: Frame,
        /// How many bytes it took.
        used: usize,
    },
    /// The header of a `DATA` frame. Its body of `length` bytes follows after the `used` ones.
    Data {
        /// The file id.
        file: u32,
        /// Where in the file the body belongs, in bytes.
        offset: u64,
        /// The length of the body: 1 to [`MAX_DATA_BYTES`].
        length: u32,
        /// How many bytes the header took: 24.
        used: usize,
    },
}

/// Parses the frame at the beginning of `bytes`. A length is checked as soon as the header is complete.
///
/// # Errors
/// An unknown type, a length out of bounds, or a body that cannot be read.
pub fn parse(bytes: &[u8]) -> Result<ParsedFrame, Violation> {
    if bytes.len() < HEADER_BYTES {
        return Ok(ParsedFrame::Incomplete { needed: HEADER_BYTES });
    }
    let mut fields = FieldReader::new(bytes);
    let kind = fields.u8()?;
    let flags = fields.u8()?;
    fields.u16()?;
    let (file, offset, length) = (fields.u32()?, fields.u64()?, fields.u64()?);
    let (what, smallest, largest) = bounds(kind)?;
    let refused = Violation::Length { what, length };
    let body_length = usize::try_from(length).map_err(|_| refused)?;
    if body_length < smallest || body_length > largest {
        return Err(refused);
    }
    if kind == DATA {
        let length = u32::try_from(length).map_err(|_| refused)?;
        return Ok(ParsedFrame::Data { file, offset, length, used: HEADER_BYTES });
    }
    let needed = HEADER_BYTES + body_length;
    if bytes.len() < needed {
        return Ok(ParsedFrame::Incomplete { needed });
    }
    let frame = parse_body(kind, flags, file, offset, fields.bytes(body_length)?)?;
    Ok(ParsedFrame::Frame { frame, used: needed })
}

/// Returns the name of a type, and the smallest and largest length of its body.
fn bounds(kind: u8) -> Result<(&'static str, usize, usize), Violation> {
    Ok(match kind {
        ENTRY => ("ENTRY", entry::MIN_BYTES, MAX_CONTROL_BYTES),
        HAVE => ("HAVE", have::MIN_BYTES, have::MAX_BYTES),
        TURN => ("TURN", 0, 0),
        DATA => ("DATA", 1, MAX_DATA_BYTES as usize),
        END => ("END", 32, 32),
        BLOCK => ("BLOCK", 32, MAX_CONTROL_BYTES),
        EOT => ("EOT", 16, 16),
        ACK => ("ACK", 0, 0),
        RESULT => ("RESULT", summary::MIN_BYTES, MAX_CONTROL_BYTES),
        PING => ("PING", 0, 0),
        ERROR => ("ERROR", 4, 4 + MAX_TEXT_BYTES),
        SKIPPED => ("SKIPPED", skipped::MIN_BYTES, skipped::MAX_BYTES),
        TOTALS => ("TOTALS", 16, 16),
        _ => return Err(Violation::FrameType(kind)),
    })
}

fn parse_body(kind: u8, flags: u8, file: u32, offset: u64, body: &[u8]) -> Result<Frame, Violation> {
    let mut fields = FieldReader::new(body);
    Ok(match kind {
        ENTRY => Frame::Entry { file, entry: Entry::parse(flags, body)? },
        HAVE => Frame::Have { file, reply: HaveReply::parse(offset, body)? },
        TURN => Frame::Turn,
        END => {
            Frame::End(FileEnd { file, size: offset, state: EndState::parse(flags), digest: fields.array()? })
        }
        EOT => Frame::Eot { entries: fields.u64()?, bytes: fields.u64()? },
        BLOCK => Frame::Block { file, offset, values: block_values(body)? },
        ACK if flags & OF_A_BLOCK != 0 => Frame::BlockResult { file, offset, resend: flags & AGAIN != 0 },
        ACK => Frame::Ack { bytes: offset },
        RESULT => Frame::Result(Summary::parse(flags, body)?),
        PING => Frame::Ping { phase: Phase::parse(flags), done: offset },
        ERROR => {
            let reason = Reason::from_code(fields.u8()?);
            fields.u8()?;
            let length = fields.u16()?;
            let text = fields.text(length.into())?;
            fields.finish()?;
            Frame::Error { reason, text }
        }
        SKIPPED => Frame::Skipped(Skipped::parse(body)?),
        TOTALS => {
            let (entries, bytes) = (fields.u64()?, fields.u64()?);
            Frame::Totals(Totals { entries, bytes, complete: flags & COMPLETE != 0 })
        }
        _ => return Err(Violation::FrameType(kind)),
    })
}

fn block_values(body: &[u8]) -> Result<Vec<Digest>, Violation> {
    let (values, rest) = body.as_chunks::<32>();
    if rest.is_empty() { Ok(values.to_vec()) } else { Err(Violation::Malformed("a part of a block's value")) }
}

/// Encodes a frame. Texts are cut to 1024 bytes.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let (flags, file, offset, body) = match frame {
        Frame::Entry { file, entry } => (entry.flags(), *file, 0, entry.body()),
        Frame::Have { file, reply } => (0, *file, reply.offset(), reply.body()),
        Frame::Turn => (0, 0, 0, Vec::new()),
        Frame::End(end) => (end.state.flags(), end.file, end.size, end.digest.to_vec()),
        Frame::Eot { entries, bytes } => (0, 0, 0, two(*entries, *bytes)),
        Frame::Block { file, offset, values } => (0, *file, *offset, values.concat()),
        Frame::Ack { bytes } => (0, 0, *bytes, Vec::new()),
        Frame::BlockResult { file, offset, resend } => {
            (OF_A_BLOCK | (u8::from(*resend) * AGAIN), *file, *offset, Vec::new())
        }
        Frame::Result(summary) => (summary.flags(), 0, 0, summary.body()),
        Frame::Ping { phase, done } => (phase.map_or(0, |phase| phase as u8), 0, *done, Vec::new()),
        Frame::Error { reason, text } => {
            let text = clipped(text).as_bytes();
            (0, 0, 0, [&[reason.code(), 0], length_u16(text).as_slice(), text].concat())
        }
        Frame::Skipped(skipped) => (0, 0, 0, skipped.body()),
        Frame::Totals(totals) => {
            (u8::from(totals.complete) * COMPLETE, 0, 0, two(totals.entries, totals.bytes))
        }
    };
    let mut bytes = header(frame.kind(), flags, file, offset, body.len() as u64).to_vec();
    bytes.extend(body);
    bytes
}

fn two(first: u64, second: u64) -> Vec<u8> {
    [first.to_be_bytes(), second.to_be_bytes()].concat()
}

/// Encodes the header of a `DATA` frame; `length` bytes of the file from `offset` follow it.
pub fn data_header(file: u32, offset: u64, length: u32) -> [u8; HEADER_BYTES] {
    header(DATA, 0, file, offset, length.into())
}

fn header(kind: u8, flags: u8, file: u32, offset: u64, length: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = kind;
    header[1] = flags;
    header[4..8].copy_from_slice(&file.to_be_bytes());
    header[8..16].copy_from_slice(&offset.to_be_bytes());
    header[16..].copy_from_slice(&length.to_be_bytes());
    header
}

impl Frame {
    fn kind(&self) -> u8 {
        match self {
            Frame::Entry { .. } => ENTRY,
            Frame::Have { .. } => HAVE,
            Frame::Turn => TURN,
            Frame::End(_) => END,
            Frame::Eot { .. } => EOT,
            Frame::Block { .. } => BLOCK,
            Frame::Ack { .. } | Frame::BlockResult { .. } => ACK,
            Frame::Result(_) => RESULT,
            Frame::Ping { .. } => PING,
            Frame::Error { .. } => ERROR,
            Frame::Skipped(_) => SKIPPED,
            Frame::Totals(_) => TOTALS,
        }
    }

    /// Returns the violation of sending this frame in the wrong phase.
    pub(crate) fn out_of_turn(&self) -> Violation {
        Violation::OutOfTurn(bounds(self.kind()).map_or("a frame", |(name, ..)| name))
    }
}
