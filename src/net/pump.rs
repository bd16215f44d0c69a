//! Moves the bytes of one lane: inside the kernel where both ends allow it, else through a buffer.

use std::io;

use super::stream::Stream;
use super::zero_copy::{self, KernelWay, Step};
use crate::proto::lane::Lane;

const BUFFER_BYTES: usize = 256 << 10;

/// Which side of a lane failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the bytes come from.
    Source,
    /// Where they go.
    Sink,
}

/// A failure while bytes were moved.
#[derive(Debug)]
pub struct Fault {
    /// Whose failure it is.
    pub side: Side,
    /// What failed.
    pub error: io::Error,
}

/// What a pump could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// All that was possible.
    Blocked,
    /// As much as the budget allowed: there is more.
    More,
}

/// One direction between two streams.
pub struct Pump {
    lane: Lane,
    way: Way,
}

enum Way {
    Copy(Buffer),
    Kernel(KernelWay),
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Pump {
    /// A pump from `source` to `sink` by the cheapest way that their kinds allow.
    pub fn new(source: &impl Stream, sink: &impl Stream) -> Pump {
        let kinds = source.reading_end().map(|end| end.kind).zip(sink.writing_end().map(|end| end.kind));
        match kinds.and_then(|(from, to)| KernelWay::between(from, to)) {
            Some(way) => Pump { lane: Lane::new(zero_copy::CHUNK_BYTES), way: Way::Kernel(way) },
            None => Pump::copying(),
        }
    }

    /// A pump that copies, for any two streams.
    pub fn copying() -> Pump {
        Pump { lane: Lane::new(BUFFER_BYTES), way: Way::Copy(Buffer::default()) }
    }

    /// The lane's numbers.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The lane, to end its source or to note a half-close.
    pub fn lane_mut(&mut self) -> &mut Lane {
        &mut self.lane
    }

    /// Moves what can be moved now, at most about `budget_bytes`.
    pub fn advance(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        budget_bytes: usize,
    ) -> Result<Pumped, Fault> {
        let end = self.lane.delivered() + budget_bytes as u64;
        while self.lane.delivered() < end {
            if self.lane.is_drained() {
                return Ok(Pumped::Blocked);
            }
            let step = match &mut self.way {
                Way::Copy(buffer) => buffer.step(&mut self.lane, source, sink)?,
                Way::Kernel(way) => match (source.reading_end(), sink.writing_end()) {
                    (Some(from), Some(to)) => way.step(&mut self.lane, from, to)?,
                    _ => Step::Unsupported,
                },
            };
            match step {
                Step::Moved => {}
                Step::Blocked => return Ok(Pumped::Blocked),
                Step::Unclear => return Ok(Pumped::More),
                Step::Unsupported => self.fall_back()?,
            }
        }
        Ok(Pumped::More)
    }

    /// From inside the kernel to copying. What a kernel pipe still holds moves into the buffer.
    fn fall_back(&mut self) -> Result<(), Fault> {
        let mut buffer = Buffer::default();
        if let Way::Kernel(way) = &mut self.way {
            buffer.bytes =
                way.take_held(self.lane.held()).map_err(|error| Fault { side: Side::Source, error })?;
            buffer.end = buffer.bytes.len();
        }
        self.way = Way::Copy(buffer);
        Ok(())
    }
}

impl Buffer {
    fn step(
        &mut self,
        lane: &mut Lane,
        source: &mut impl Stream,
        sink: &mut impl Stream,
    ) -> Result<Step, Fault> {
        let mut moved = false;
        if lane.held() == 0 && lane.room() > 0 {
            // Allocated when first needed, and never smaller than what a fallback left in it.
            self.bytes.resize(BUFFER_BYTES, 0);
            match source.read(&mut self.bytes) {
                Ok(0) => lane.end_source(),
                Ok(count) => {
                    (self.start, self.end) = (0, count);
                    lane.filled(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Step::Blocked),
                Err(error) => return Err(Fault { side: Side::Source, error }),
            }
            moved = true;
        }
        if lane.held() > 0 {
            match super::send::send(sink, &self.bytes[self.start..self.end]) {
                Ok(0) => return Err(Fault { side: Side::Sink, error: io::ErrorKind::WriteZero.into() }),
                Ok(count) => {
                    self.start += count;
                    lane.drained(count);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Fault { side: Side::Sink, error }),
            }
        }
        Ok(if moved { Step::Moved } else { Step::Blocked })
    }
}
