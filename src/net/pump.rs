//! Moves the bytes of one lane: inside the kernel where both ends allow it, else through a buffer.

use std::cell::RefCell;
use std::io;

use super::stream::{FdKind, KernelEnd, Stream};
use super::zero_copy::{self, KernelWay, Step};
use crate::proto::lane::Lane;

const BUFFER_BYTES: usize = 256 << 10;
/// Buffers that a thread keeps while no lane needs them.
const MOST_FREE_BUFFERS: usize = 4;
/// Between two sockets: from so many bytes at once on, the kernel moves them; for fewer than that, two calls that copy
/// are quicker than the five that move.
const MANY_BYTES: u64 = 64 << 10;
const FEW_BYTES: u64 = 16 << 10;

thread_local! {
    static FREE_BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

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
    /// Both ends are sockets: the way follows from how much comes at once.
    joins_sockets: bool,
}

enum Way {
    Copy(Buffer),
    Kernel(KernelWay),
}

/// Memory while it holds something, and none while it does not.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// The two ends of a lane: two streams, or one that is told what it says.
trait Ends {
    type Source: Stream;
    type Sink: Stream;

    fn source(&mut self) -> &mut Self::Source;
    fn sink(&mut self) -> &mut Self::Sink;
    fn in_kernel(&self) -> Option<(KernelEnd<'_>, KernelEnd<'_>)>;
}

struct Two<'a, A, B>(&'a mut A, &'a mut B);

impl<A: Stream, B: Stream> Ends for Two<'_, A, B> {
    type Source = A;
    type Sink = B;

    fn source(&mut self) -> &mut A {
        self.0
    }

    fn sink(&mut self) -> &mut B {
        self.1
    }

    fn in_kernel(&self) -> Option<(KernelEnd<'_>, KernelEnd<'_>)> {
        self.0.reading_end().zip(self.1.writing_end())
    }
}

struct Echo<'a, S>(&'a mut S);

impl<S: Stream> Ends for Echo<'_, S> {
    type Source = S;
    type Sink = S;

    fn source(&mut self) -> &mut S {
        self.0
    }

    fn sink(&mut self) -> &mut S {
        self.0
    }

    fn in_kernel(&self) -> Option<(KernelEnd<'_>, KernelEnd<'_>)> {
        self.0.reading_end().zip(self.0.writing_end())
    }
}

impl Pump {
    /// A pump from `source` to `sink` by the cheapest way that their kinds allow. For an echo both are one stream.
    pub fn new(source: &impl Stream, sink: &impl Stream) -> Pump {
        let kinds = source.reading_end().map(|end| end.kind).zip(sink.writing_end().map(|end| end.kind));
        let joins_sockets = kinds == Some((FdKind::Socket, FdKind::Socket));
        match kinds.and_then(|(from, to)| KernelWay::between(from, to)) {
            Some(way) => {
                let way = if joins_sockets { Way::Copy(Buffer::default()) } else { Way::Kernel(way) };
                Pump { lane: Lane::new(zero_copy::CHUNK_BYTES), way, joins_sockets }
            }
            None => Pump::copying(),
        }
    }

    /// A pump that copies, for any two streams.
    pub fn copying() -> Pump {
        Pump { lane: Lane::new(BUFFER_BYTES), way: Way::Copy(Buffer::default()), joins_sockets: false }
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
        self.run(Two(source, sink), budget_bytes)
    }

    /// The same for a stream that is both: it is told what it says.
    pub fn advance_echo(&mut self, stream: &mut impl Stream, budget_bytes: usize) -> Result<Pumped, Fault> {
        self.run(Echo(stream), budget_bytes)
    }

    fn run(&mut self, mut ends: impl Ends, budget_bytes: usize) -> Result<Pumped, Fault> {
        let end = self.lane.delivered() + budget_bytes as u64;
        while self.lane.delivered() < end {
            if self.lane.is_drained() {
                self.rest();
                return Ok(Pumped::Blocked);
            }
            let taken_before = self.taken_bytes();
            let step = match &mut self.way {
                Way::Copy(buffer) => buffer.step(&mut self.lane, &mut ends)?,
                Way::Kernel(way) => match ends.in_kernel() {
                    Some((from, to)) => way.step(&mut self.lane, from, to)?,
                    None => Step::Unsupported,
                },
            };
            match step {
                Step::Moved if self.joins_sockets => self.choose_way(self.taken_bytes() - taken_before),
                Step::Moved => {}
                Step::Blocked => {
                    self.rest();
                    return Ok(Pumped::Blocked);
                }
                Step::Unclear => return Ok(Pumped::More),
                Step::Unsupported => self.fall_back()?,
            }
        }
        Ok(Pumped::More)
    }

    fn taken_bytes(&self) -> u64 {
        self.lane.delivered() + self.lane.held() as u64
    }

    /// The way of the next bytes between two sockets, after so many have come at once. None is left in the old one.
    fn choose_way(&mut self, count: u64) {
        if self.lane.held() > 0 {
            return;
        }
        let way = match &self.way {
            Way::Copy(_) if count >= MANY_BYTES => {
                KernelWay::between(FdKind::Socket, FdKind::Socket).map(Way::Kernel)
            }
            Way::Kernel(_) if (1..FEW_BYTES).contains(&count) => Some(Way::Copy(Buffer::default())),
            _ => None,
        };
        if let Some(way) = way {
            self.rest();
            self.way = way;
        }
    }

    /// A lane that holds nothing and waits needs neither memory nor a pipe: another one takes them.
    fn rest(&mut self) {
        if self.lane.held() > 0 {
            return;
        }
        match &mut self.way {
            Way::Copy(buffer) => buffer.give_back(),
            Way::Kernel(way) => way.rest(),
        }
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
    fn step(&mut self, lane: &mut Lane, ends: &mut impl Ends) -> Result<Step, Fault> {
        let mut moved = false;
        if lane.held() == 0 && lane.room() > 0 {
            self.allocate();
            match ends.source().read(&mut self.bytes) {
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
            match super::send::send(ends.sink(), &self.bytes[self.start..self.end]) {
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

    /// Never smaller than what a fallback left in it.
    fn allocate(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = FREE_BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        self.bytes.resize(BUFFER_BYTES, 0);
    }

    fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            FREE_BUFFERS.with_borrow_mut(|free| {
                if free.len() < MOST_FREE_BUFFERS {
                    free.push(bytes);
                }
            });
        }
    }
}
