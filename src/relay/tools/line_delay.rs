//! `--line-delay`: a stream that gives one line at a time, with a pause before each.

use std::io;
use std::time::{Duration, Instant};

use crate::net::stream::{RelayHints, Stream, Timed};

const BUFFER_BYTES: usize = 64 << 10;

/// A stream that is read line by line. The first pause begins at the first read; the end comes at once.
pub struct LineDelay<S> {
    stream: S,
    delay: Duration,
    held: Vec<u8>,
    start: usize,
    end: usize,
    now: Instant,
    /// `None` before the first read.
    next_at: Option<Instant>,
    waits: bool,
}

impl<S: Stream> LineDelay<S> {
    /// A stream with `delay` before each line.
    pub fn new(stream: S, delay: Duration, now: Instant) -> LineDelay<S> {
        LineDelay { stream, delay, held: Vec::new(), start: 0, end: 0, now, next_at: None, waits: false }
    }
}

impl<S: Stream> Stream for LineDelay<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next_at = *self.next_at.get_or_insert(self.now + self.delay);
        if self.start == self.end {
            self.held.resize(BUFFER_BYTES, 0);
            (self.start, self.end) = (0, 0);
            self.end = self.stream.read(&mut self.held)?;
            if self.end == 0 {
                return Ok(0);
            }
        }
        if self.now < next_at {
            self.waits = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let held = &self.held[self.start..self.end];
        let line = held.iter().position(|byte| *byte == b'\n').map_or(held.len(), |end| end + 1);
        let count = line.min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.start += count;
        if held[count - 1] == b'\n' {
            self.next_at = Some(self.now + self.delay);
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.finish_writing()
    }
}

crate::forwarding!([S: Stream] LineDelay<S>, this => this.stream; WritingEnd SocketState);

impl<S: Stream> Timed for LineDelay<S> {
    fn tick(&mut self, now: Instant) {
        self.now = now;
        self.waits = false;
        self.stream.tick(now);
    }

    fn wake_up(&self) -> Option<Instant> {
        let next = self.next_at.filter(|_| self.waits);
        next.into_iter().chain(self.stream.wake_up()).min()
    }
}

impl<S: Stream> RelayHints for LineDelay<S> {
    fn received_bytes(&self) -> Option<u64> {
        self.stream.received_bytes()
    }

    fn is_exhausted(&self) -> bool {
        self.start == self.end && self.stream.is_exhausted()
    }

    fn survives_broken_pipe(&mut self) -> bool {
        self.stream.survives_broken_pipe()
    }
}
