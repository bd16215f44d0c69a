//! The body of an answer, on its way to the client.

use std::io;

use crate::net::rate::Limited;
use crate::net::send_file::send_file;
use crate::net::stream::{Stream, Transport};
use crate::store::{SourceFile, StoreError};

/// The last bytes of a file wait in memory until it is known that the file has not changed: then the client sees no end.
pub(super) const HELD_BACK_BYTES: u64 = 64 << 10;
/// The bytes after which it is looked whether the file has changed, so that a long one is not sent in vain.
const LOOK_EVERY_BYTES: u64 = 16 << 20;
/// The bytes that are read at a time where the kernel cannot send a file by itself.
const READ_BYTES: usize = 256 << 10;

const CHANGED: &str = "the file has changed while it was sent";

/// A piece of a body.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// Bytes of a file, up to an offset.
    File {
        source: Box<SourceFile>,
        at: u64,
        end: u64,
    },
    /// Nothing yet: what comes next takes more than this step.
    Later,
}

/// The pieces of a body that follow the first one.
pub(super) trait Pieces {
    /// Returns the next piece.
    ///
    /// # Errors
    /// Something has changed: the body cannot be what was announced.
    fn next(&mut self) -> Result<Option<Piece>, Broken>;
}

/// The body cannot be sent as it was announced: the connection must be reset, so that nobody takes it for whole.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

/// The failure of sending.
pub(super) enum Failed {
    /// The connection is lost.
    Lost,
    /// See [`Broken`].
    Broken(Broken),
}

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Failed {
        Failed::Lost
    }
}

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything was handed to the kernel.
    All,
    /// There is no room for now.
    Blocked,
    /// The budget is used up.
    Paused,
    /// What comes next is not there yet, and was worked on.
    Later,
}

/// An answer on its way: the head and what follows.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    file: Option<(Box<SourceFile>, u64, u64)>,
    rest: Option<Box<dyn Pieces>>,
    /// The bytes that the kernel has taken.
    pub(super) moved_bytes: u64,
    pub(super) status: u16,
    /// The length of the head.
    pub(super) head_bytes: u64,
    /// The path of the file that is sent whole, if somebody reads of it.
    pub(super) whole_file: Option<Vec<u8>>,
}

impl Outgoing {
    /// An answer that begins with these bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Outgoing {
        Outgoing { bytes, ..Outgoing::default() }
    }

    /// Adds the body. Small files are read at once, so that head and body are one packet.
    pub(super) fn add(&mut self, first: Option<Piece>, rest: Option<Box<dyn Pieces>>) -> Result<(), Broken> {
        self.rest = rest;
        match first {
            None => Ok(()),
            Some(piece) => self.begin(piece),
        }
    }

    fn begin(&mut self, piece: Piece) -> Result<(), Broken> {
        match piece {
            Piece::Bytes(bytes) => self.bytes.extend_from_slice(&bytes),
            Piece::File { source, at, end } if end - at <= HELD_BACK_BYTES => {
                self.read_tail(&source, at, end)?;
            }
            Piece::File { source, at, end } => self.file = Some((source, at, end)),
            Piece::Later => {}
        }
        Ok(())
    }

    /// Reads the end of a file's part, and checks that the file is still what it was.
    fn read_tail(&mut self, source: &SourceFile, at: u64, end: u64) -> Result<(), Broken> {
        match source.append_unchanged(at, end, &mut self.bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Broken(CHANGED.into())),
            Err(fault) => Err(Broken(fault.to_string())),
        }
    }

    /// Sends as much as there is room for, up to `budget_bytes`.
    pub(super) fn send(
        &mut self,
        stream: &mut Limited<Transport>,
        buffer: &mut Vec<u8>,
        budget_bytes: usize,
    ) -> Result<Progress, Failed> {
        let begun = self.moved_bytes;
        loop {
            while self.sent < self.bytes.len() {
                match stream.write(&self.bytes[self.sent..]) {
                    Ok(count) => {
                        self.sent += count;
                        self.moved_bytes += count as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Blocked),
                    Err(error) => return Err(error.into()),
                }
            }
            self.sent = 0;
            self.bytes.clear();
            if self.moved_bytes - begun >= budget_bytes as u64 {
                return Ok(Progress::Paused);
            }
            if let Some((source, at, end)) = self.file.take() {
                match self.send_file((source, at, end), stream, buffer)? {
                    Some(progress) => return Ok(progress),
                    None => continue,
                }
            }
            match self.rest.as_mut().map(|rest| rest.next()) {
                Some(Ok(Some(Piece::Later))) => {
                    stream.get_mut().flush()?;
                    return Ok(Progress::Later);
                }
                Some(Ok(Some(piece))) => self.begin(piece).map_err(Failed::Broken)?,
                Some(Err(broken)) => return Err(Failed::Broken(broken)),
                Some(Ok(None)) | None => {
                    self.rest = None;
                    return Ok(if stream.get_mut().flush()? == 0 {
                        Progress::All
                    } else {
                        Progress::Blocked
                    });
                }
            }
        }
    }

    /// Sends a step of a file. `None`: go on.
    fn send_file(
        &mut self,
        (mut source, at, end): (Box<SourceFile>, u64, u64),
        stream: &mut Limited<Transport>,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Progress>, Failed> {
        let shrunk = || Failed::Broken(Broken("the file has shrunk while it was sent".into()));
        let broken = |fault: StoreError| Failed::Broken(Broken(fault.to_string()));
        if end - at <= HELD_BACK_BYTES {
            return self.read_tail(&source, at, end).map(|()| None).map_err(Failed::Broken);
        }
        let most = end - at - HELD_BACK_BYTES;
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(1 << 20);
        let sent = match send_file(stream, source.file(), at, count) {
            Ok(Some(0)) => return Err(shrunk()),
            Ok(Some(sent)) => Ok(sent),
            Ok(None) => {
                if buffer.len() < READ_BYTES {
                    buffer.resize(READ_BYTES, 0);
                }
                source.seek(at);
                let wanted = count.min(READ_BYTES);
                let read = source.read(&mut buffer[..wanted]);
                let read = read.map_err(broken)?;
                if read == 0 {
                    return Err(shrunk());
                }
                stream.write(&buffer[..read])
            }
            Err(error) => Err(error),
        };
        match sent {
            Ok(sent) => {
                self.moved_bytes += sent as u64;
                let next = at + sent as u64;
                if at / LOOK_EVERY_BYTES != next / LOOK_EVERY_BYTES && source.changed().map_err(broken)? {
                    return Err(Failed::Broken(Broken(CHANGED.into())));
                }
                self.file = Some((source, next, end));
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.file = Some((source, at, end));
                Ok(Some(Progress::Blocked))
            }
            Err(error) => Err(error.into()),
        }
    }
}
