//! The queue of records to stdout. It is bounded: while it is full nothing is received, the system's queue fills, and
//! the datagrams that the system drops are counted.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::style::Style;
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::reactor::ThreadWaker;
use crate::net::send::send;
use crate::net::stdio::Stdio;
use crate::net::stdio::write_behind::WriteBehind;
use crate::net::stream::{FdKind, Stream};
use crate::net::udp::{Datagram, MAX_DATAGRAM_BYTES};

/// The size of the queue, beside the datagrams of one call.
const QUEUE_BYTES: usize = 16 << 20;
/// The size of one write, beside the last record in it: what is queued beyond it gets a buffer of its own.
const PIECE_BYTES: usize = 256 << 10;
/// The memory that the queue takes for a record beside its bytes.
const RECORD_BYTES: usize = size_of::<(usize, usize)>();

/// Records that wait for stdout.
pub(crate) struct Output {
    stdio: Stdio,
    style: Style,
    /// The queued records, in pieces. The first bytes of the first piece are written.
    pieces: VecDeque<Vec<u8>>,
    start: usize,
    /// Bytes that are queued and not written.
    pending_bytes: usize,
    /// The sizes of the queued records and of their payloads; the number of bytes of the first one that are written.
    records: VecDeque<(usize, usize)>,
    written_bytes: usize,
    /// Written records and the bytes of their payloads since the last query.
    completed: (u64, u64),
    writer: Writer,
    failure: Option<io::Error>,
}

/// Who writes.
enum Writer {
    /// The session, as much as stdout takes at once.
    Session,
    /// A thread, which the first record starts.
    ThreadAtFirst(ThreadWaker),
    Thread(WriteBehind),
}

impl Output {
    /// A queue that its session writes, as much as stdout takes at once.
    pub(crate) fn new(stdio: Stdio, style: Style) -> Output {
        Output {
            stdio,
            style,
            pieces: VecDeque::new(),
            start: 0,
            pending_bytes: 0,
            records: VecDeque::new(),
            written_bytes: 0,
            completed: (0, 0),
            writer: Writer::Session,
            failure: None,
        }
    }

    /// A queue that a thread writes where stdout is a file, which takes everything and may take its time. `waker` wakes
    /// the session that waits for it.
    pub(crate) fn behind(stdio: Stdio, style: Style, waker: ThreadWaker) -> Output {
        let is_file = stdio.output_kind() == FdKind::File;
        let writer = if is_file { Writer::ThreadAtFirst(waker) } else { Writer::Session };
        Output { writer, ..Output::new(stdio, style) }
    }

    /// Returns whether stdin is a terminal.
    pub(crate) fn is_typed(&self) -> bool {
        self.stdio.input_kind() == FdKind::Terminal
    }

    /// Returns true if a part of the queue must be written before more is received. The session is woken when half of
    /// the queue is written.
    pub(crate) fn is_full(&mut self) -> bool {
        if !self.is_over_bound() {
            return false;
        }
        self.take_progress();
        if let Writer::Thread(thread) = &self.writer
            && self.is_over_bound()
        {
            thread.wake_at(self.pending_bytes / 2);
        }
        self.is_over_bound()
    }

    fn is_over_bound(&self) -> bool {
        self.pending_bytes + self.records.len() * RECORD_BYTES >= QUEUE_BYTES
    }

    /// Returns true if enough is queued to be worth a write.
    pub(crate) fn is_worth_a_write(&self) -> bool {
        self.pieces.len() > 1 || self.pieces.back().is_some_and(|piece| piece.len() >= PIECE_BYTES)
    }

    /// Returns whether all records are written. If not, the session is woken when they are.
    pub(crate) fn is_empty(&self) -> bool {
        if let Writer::Thread(thread) = &self.writer
            && !self.records.is_empty()
        {
            thread.wake_at(0);
        }
        self.records.is_empty()
    }

    /// Appends the record of a datagram.
    pub(crate) fn push(&mut self, datagram: &Datagram<'_>) {
        if self.pieces.back().is_none_or(|piece| piece.len() >= PIECE_BYTES) {
            self.pieces.push_back(Vec::new());
        }
        let Some(piece) = self.pieces.back_mut() else { return };
        if piece.capacity() == 0 {
            piece.reserve(PIECE_BYTES + MAX_DATAGRAM_BYTES);
        }
        let before = piece.len();
        self.style.write(datagram, |part| piece.extend_from_slice(part));
        let size = piece.len() - before;
        self.pending_bytes += size;
        self.records.push_back((size, datagram.payload.len()));
    }

    /// Writes as much as stdout accepts now, or hands it to the thread.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        if let Writer::ThreadAtFirst(waker) = &self.writer
            && self.pending_bytes > 0
        {
            // If there is no thread to be had, the session writes.
            self.writer = WriteBehind::start(waker.clone()).map_or(Writer::Session, Writer::Thread);
        }
        if let Writer::Thread(thread) = &self.writer {
            self.pieces.iter_mut().filter(|piece| !piece.is_empty()).for_each(|piece| thread.push(piece));
            self.pieces.truncate(1);
        } else {
            self.write();
        }
        self.take_progress();
        self.failure.take().map_or(Ok(()), |error| Err(cannot_write(&error)))
    }

    /// Writes as much as stdout accepts now.
    fn write(&mut self) {
        while let Some(piece) = self.pieces.front_mut() {
            if self.start == piece.len() {
                piece.clear();
                self.start = 0;
                if self.pieces.len() == 1 {
                    return;
                }
                self.pieces.pop_front();
                continue;
            }
            match send(&mut self.stdio, &piece[self.start..]) {
                Ok(count) if count > 0 => {
                    self.start += count;
                    self.advance(count);
                    continue;
                }
                Ok(_) => self.failure = Some(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => self.failure = Some(error),
            }
            return;
        }
    }

    /// Blocks until the thread has written what was flushed, for at most `limit`. Nothing more is written then.
    pub(crate) fn finish(&mut self, limit: Duration) {
        if let Writer::Thread(thread) = &self.writer {
            thread.finish(limit);
        }
        self.take_progress();
    }

    /// Counts what the thread has written, and records without a byte.
    fn take_progress(&mut self) {
        let mut count = 0;
        if let Writer::Thread(thread) = &self.writer {
            let (written, result) = thread.take_written();
            self.failure = self.failure.take().or(result.err());
            count = written;
        }
        self.advance(count);
    }

    /// Counts records of which this many more bytes are written.
    fn advance(&mut self, count: usize) {
        self.pending_bytes -= count;
        self.written_bytes += count;
        while let Some((size, payload)) = self.records.front().copied()
            && size <= self.written_bytes
        {
            self.written_bytes -= size;
            self.records.pop_front();
            self.completed.0 += 1;
            self.completed.1 += payload as u64;
        }
    }

    /// Returns how many records were written since the last call, and the bytes of their payloads.
    pub(crate) fn take_completed(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.completed)
    }

    /// Returns how many records are not written.
    pub(crate) fn unwritten(&self) -> u64 {
        self.records.len() as u64
    }

    /// Reads stdin: `Some(0)` at its end, `None` if nothing is available now.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Error> {
        match self.stdio.read(buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Error::new(Exit::Failed, format!("cannot read stdin: {error}"))),
        }
    }
}
