//! The queue of records to stdout. It is bounded: while it is full nothing is received, the system's queue fills, and
//! the datagrams that the system drops are counted.

use std::collections::VecDeque;

use super::style::Style;
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::send::{SendBuffer, send_all};
use crate::net::stdio::Stdio;
use crate::net::stream::{FdKind, Stream};
use crate::net::udp::Datagram;

/// The size of the queue, beside the datagrams of one call.
const QUEUE_BYTES: usize = 1 << 20;
/// The size from which the queue is written before more is received: fewer and larger writes.
const PIECE_BYTES: usize = 256 << 10;

/// Records that wait for stdout.
pub(crate) struct Output {
    stdio: Stdio,
    style: Style,
    queue: SendBuffer,
    /// The sizes of the queued records and of their payloads; the number of bytes of the first one that are written.
    records: VecDeque<(usize, usize)>,
    written_bytes: usize,
    /// Written records and the bytes of their payloads since the last query.
    completed: (u64, u64),
}

impl Output {
    pub(crate) fn new(stdio: Stdio, style: Style) -> Output {
        Output {
            stdio,
            style,
            queue: SendBuffer::default(),
            records: VecDeque::new(),
            written_bytes: 0,
            completed: (0, 0),
        }
    }

    /// Returns whether stdin is a terminal.
    pub(crate) fn is_typed(&self) -> bool {
        self.stdio.input_kind() == FdKind::Terminal
    }

    /// Returns true if a part of the queue must be written before more is received.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.pending() >= QUEUE_BYTES
    }

    /// Returns true if enough is queued to be worth a write.
    pub(crate) fn is_worth_a_write(&self) -> bool {
        self.queue.pending() >= PIECE_BYTES
    }

    /// Returns whether all records are written.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Appends the record of a datagram.
    pub(crate) fn push(&mut self, datagram: &Datagram<'_>) {
        let before = self.queue.pending();
        self.style.write(datagram, |part| self.queue.push(part));
        self.records.push_back((self.queue.pending() - before, datagram.payload.len()));
    }

    /// Writes as much as stdout accepts now.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let before = self.queue.pending();
        let result = send_all(&mut self.stdio, &mut self.queue);
        self.written_bytes += before - self.queue.pending();
        while let Some((size, payload)) = self.records.front().copied()
            && size <= self.written_bytes
        {
            self.written_bytes -= size;
            self.records.pop_front();
            self.completed.0 += 1;
            self.completed.1 += payload as u64;
        }
        result.map(|_| ()).map_err(|error| cannot_write(&error))
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
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Error::new(Exit::Failed, format!("cannot read stdin: {error}"))),
        }
    }
}
