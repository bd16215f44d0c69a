//! A stream whose bytes are changed where they are read.

use std::io;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::net::reactor::TURN_BUDGET_BYTES;
use crate::net::stream::{RelayHints, Stream, Timed};

/// Most bytes of one read, and of output before more is read.
const CHUNK_BYTES: usize = 64 << 10;

/// A change of bytes.
pub trait Stage {
    /// Takes one byte or more, returns their number, and appends their result to `output`. If it fails, `output` is read
    /// before the failure.
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error>;

    /// Ends the input, and appends the rest.
    fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Error>;
}

/// A stream whose reads go through a stage. Writes pass as they are.
pub struct Filtered<S, F> {
    stream: S,
    stage: F,
    input: Vec<u8>,
    start: usize,
    end: usize,
    output: Vec<u8>,
    given: usize,
    ended: bool,
    /// Returned after all output before it.
    failure: Option<Error>,
    received_bytes: u64,
    now: Instant,
    turn_bytes: usize,
    yields: bool,
}

impl<S: Stream, F: Stage> Filtered<S, F> {
    /// A filtered stream, in a turn that began at `now`.
    pub fn new(stream: S, stage: F, now: Instant) -> Filtered<S, F> {
        Filtered {
            stream,
            stage,
            input: Vec::new(),
            start: 0,
            end: 0,
            output: Vec::new(),
            given: 0,
            ended: false,
            failure: None,
            received_bytes: 0,
            now,
            turn_bytes: 0,
            yields: false,
        }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream itself.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// True if it holds bytes that were read from the stream and not from here.
    pub fn holds_output(&self) -> bool {
        self.given < self.output.len() || self.start < self.end
    }

    /// Reads bytes, or the end.
    fn fill(&mut self) -> io::Result<()> {
        // A stage may swallow bytes, which no budget of the relay counts: other sessions must have their turn all the same.
        if self.turn_bytes >= TURN_BUDGET_BYTES {
            self.yields = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.resize(CHUNK_BYTES, 0);
        let count = self.stream.read(&mut self.input)?;
        (self.start, self.end) = (0, count);
        self.received_bytes += count as u64;
        self.turn_bytes += count;
        if count == 0 {
            self.ended = true;
            self.failure = self.stage.end(&mut self.output).err();
        }
        Ok(())
    }

    fn change(&mut self) {
        while self.start < self.end && self.output.len() < CHUNK_BYTES && self.failure.is_none() {
            match self.stage.take(&self.input[self.start..self.end], &mut self.output) {
                Ok(count) => self.start += count,
                Err(failure) => self.failure = Some(failure),
            }
        }
    }
}

impl<S: Stream, F: Stage> Stream for Filtered<S, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() {
            self.output.clear();
            self.given = 0;
            if let Some(failure) = self.failure.take() {
                return Err(io::Error::other(failure));
            }
            if self.ended {
                return Ok(0);
            }
            if self.start == self.end {
                self.fill()?;
            }
            self.change();
        }
        let count = buffer.len().min(self.output.len() - self.given);
        buffer[..count].copy_from_slice(&self.output[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.finish_writing()
    }
}

crate::forwarding!([S: Stream, F: Stage] Filtered<S, F>, this => this.stream; WritingEnd SocketState);

impl<S: Stream, F: Stage> Timed for Filtered<S, F> {
    fn tick(&mut self, now: Instant) {
        self.now = now;
        self.turn_bytes = 0;
        self.yields = false;
        self.stream.tick(now);
    }

    fn wake_up(&self) -> Option<Instant> {
        // The next turn: as soon as the clock has moved.
        let next = self.yields.then(|| self.now + Duration::from_nanos(1));
        next.into_iter().chain(self.stream.wake_up()).min()
    }
}

impl<S: Stream, F: Stage> RelayHints for Filtered<S, F> {
    fn received_bytes(&self) -> Option<u64> {
        self.stream.received_bytes().or(Some(self.received_bytes))
    }

    fn is_exhausted(&self) -> bool {
        !self.holds_output() && self.stream.is_exhausted()
    }

    fn survives_broken_pipe(&mut self) -> bool {
        self.stream.survives_broken_pipe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::rate::tests::Endless;

    struct Swallow;

    impl Stage for Swallow {
        fn take(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<usize, Error> {
            Ok(input.len())
        }

        fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_stage_that_swallows_all_leaves_others_their_turn() {
        let start = Instant::now();
        let mut stream = Filtered::new(Endless, Swallow, start);
        let context = TURN_BUDGET_BYTES as u64;
        for number in 1..4 {
            let now = start + Duration::from_secs(number);
            stream.tick(now);
            assert_eq!(stream.wake_up(), None);
            let blocked = stream.read(&mut [0; 10]).map_err(|error| error.kind());
            assert_eq!(blocked, Err(io::ErrorKind::WouldBlock));
            assert!(stream.wake_up().is_some_and(|next| next > now && next < now + Duration::from_millis(1)));
            assert_eq!(stream.received_bytes(), Some(number * context));
        }
    }
}
