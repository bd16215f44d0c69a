//! Moves the bytes of one lane: inside the kernel where both ends allow it, else through a buffer.

mod zero_copy;

use std::cell::RefCell;
use std::io;
use std::time::Instant;

use self::zero_copy::{KernelWay, Step};
use super::coalescing::Coalescing;
use super::reactor::Context;
use super::stream::{FdKind, KernelEnd, Stream};
use crate::proto::relay::lane::Lane;

const BUFFER_BYTES: usize = 256 << 10;
/// Between two sockets the kernel moves the bytes when at least this many come at once; for fewer, two calls that copy are
/// quicker than the five that move.
const MANY_BYTES: u64 = 64 << 10;
const FEW_BYTES: u64 = 16 << 10;

thread_local! {
    /// What all pumps of a thread read into. A lane only has memory of its own for what its sink did not take at once.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::default();
}

/// The side of a lane that failed.
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
    coalescing: Coalescing,
}

enum Way {
    Copy(Buffer),
    Kernel(KernelWay),
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Pump {
    /// A pump from `source` to `sink` by the cheapest way that their kinds allow.
    pub fn new(source: &impl Stream, sink: &impl Stream) -> Pump {
        let kinds = source.reading_end().map(|end| end.kind).zip(sink.writing_end().map(|end| end.kind));
        let joins_sockets = kinds == Some((FdKind::Socket, FdKind::Socket));
        match kinds.and_then(|(from, to)| KernelWay::between(from, to)) {
            Some(way) => {
                let way = if joins_sockets { Way::Copy(Buffer::default()) } else { Way::Kernel(way) };
                let lane = Lane::new(zero_copy::CHUNK_BYTES);
                Pump { lane, way, joins_sockets, coalescing: Coalescing::default() }
            }
            None => Pump::copying(),
        }
    }

    /// A pump that copies, for any two streams.
    pub fn copying() -> Pump {
        let (lane, way) = (Lane::new(BUFFER_BYTES), Way::Copy(Buffer::default()));
        Pump { lane, way, joins_sockets: false, coalescing: Coalescing::default() }
    }

    /// The lane's numbers.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The lane, to end its source or to note a half-close.
    pub fn lane_mut(&mut self) -> &mut Lane {
        &mut self.lane
    }

    /// Moves what can be moved now, at most about the turn's budget. To be called again at [`Pump::wake_up`], too.
    pub fn advance(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        context: Context,
    ) -> Result<Pumped, Fault> {
        self.advance_between(&mut Two(source, sink), context)
    }

    /// The same from a stream back to itself.
    pub fn advance_within(&mut self, stream: &mut impl Stream, context: Context) -> Result<Pumped, Fault> {
        self.advance_between(&mut One(stream), context)
    }

    /// Ends the sink, if the source has ended and everything was moved.
    pub fn pass_end(&mut self, sink: &mut impl Stream) -> io::Result<()> {
        if self.lane.half_close_pending() {
            sink.finish_writing()?;
            self.lane.finish_sink();
        }
        Ok(())
    }

    /// When to advance it if no readiness comes before.
    pub fn wake_up(&self) -> Option<Instant> {
        self.coalescing.wake_up()
    }

    fn advance_between(&mut self, ends: &mut impl Ends, context: Context) -> Result<Pumped, Fault> {
        let result = self.move_between(ends, context);
        if result.is_err() {
            // Nobody may ask it to go on: then it must not ask to be asked.
            self.coalescing = Coalescing::default();
        }
        result
    }

    fn move_between(&mut self, ends: &mut impl Ends, context: Context) -> Result<Pumped, Fault> {
        let end = self.lane.delivered() + context.budget_bytes as u64;
        if let (Some(from), Some(to)) = ends.in_kernel() {
            self.coalescing.tick(context.now, (from, to));
        }
        while self.lane.delivered() < end {
            if self.lane.is_drained() {
                self.rest();
                return Ok(Pumped::Blocked);
            }
            let taken_before = self.taken_bytes();
            let step = match &mut self.way {
                Way::Copy(buffer) => buffer.step(&mut self.lane, ends)?,
                Way::Kernel(way) => match ends.in_kernel() {
                    (Some(from), Some(to)) => way.step(&mut self.lane, from, to)?,
                    _ => Step::Unsupported,
                },
            };
            let taken = self.taken_bytes() - taken_before;
            match step {
                Step::Moved if self.joins_sockets => {
                    if let (Some(from), Some(to)) = ends.in_kernel() {
                        self.coalescing.took(taken, context.now, (from, to));
                    }
                    self.choose_way(taken);
                }
                Step::Moved => {}
                Step::Blocked => {
                    if self.lane.held() == 0 {
                        self.coalescing.wait(context.now);
                    }
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

    /// A lane that holds nothing and waits needs no pipe: another one takes it.
    fn rest(&mut self) {
        if self.lane.held() == 0
            && let Way::Kernel(way) = &mut self.way
        {
            way.rest();
        }
    }

    /// From inside the kernel to copying. What a kernel pipe still holds moves into the buffer.
    fn fall_back(&mut self) -> Result<(), Fault> {
        let mut buffer = Buffer::default();
        if let Way::Kernel(way) = &mut self.way {
            buffer.bytes =
                way.take_held(self.lane.held()).map_err(|error| Fault { side: Side::Source, error })?;
        }
        self.way = Way::Copy(buffer);
        Ok(())
    }
}

/// Where a pump takes bytes from and where it puts them: two streams, or one.
trait Ends {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn in_kernel(&self) -> (Option<KernelEnd<'_>>, Option<KernelEnd<'_>>);
}

struct Two<'a, A, B>(&'a mut A, &'a mut B);

impl<A: Stream, B: Stream> Ends for Two<'_, A, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        super::send::send(self.1, bytes)
    }

    fn in_kernel(&self) -> (Option<KernelEnd<'_>>, Option<KernelEnd<'_>>) {
        (self.0.reading_end(), self.1.writing_end())
    }
}

struct One<'a, S>(&'a mut S);

impl<S: Stream> Ends for One<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        super::send::send(self.0, bytes)
    }

    fn in_kernel(&self) -> (Option<KernelEnd<'_>>, Option<KernelEnd<'_>>) {
        (self.0.reading_end(), self.0.writing_end())
    }
}

impl Buffer {
    fn step(&mut self, lane: &mut Lane, ends: &mut impl Ends) -> Result<Step, Fault> {
        if lane.held() == 0 && lane.room() > 0 {
            let mut scratch = SCRATCH.take();
            let step = self.pass(&mut scratch, lane, ends);
            SCRATCH.set(scratch);
            return step;
        }
        let count = Buffer::give(&self.bytes[self.start..], lane, ends)?;
        self.start += count;
        if lane.held() == 0 {
            *self = Buffer::default();
        }
        Ok(if count > 0 { Step::Moved } else { Step::Blocked })
    }

    /// Reads, hands over what the sink takes, and keeps the rest.
    fn pass(&mut self, scratch: &mut Vec<u8>, lane: &mut Lane, ends: &mut impl Ends) -> Result<Step, Fault> {
        scratch.resize(BUFFER_BYTES, 0);
        match ends.read(scratch) {
            Ok(0) => lane.end_source(),
            Ok(count) => {
                lane.filled(count);
                let given = Buffer::give(&scratch[..count], lane, ends);
                // What the sink did not take is kept, also if it fails: it may go on all the same.
                let taken = *given.as_ref().unwrap_or(&0);
                *self = Buffer { bytes: scratch[taken..count].to_vec(), start: 0 };
                given?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Step::Blocked),
            Err(error) => return Err(Fault { side: Side::Source, error }),
        }
        Ok(Step::Moved)
    }

    /// How many of `bytes` the sink took.
    fn give(bytes: &[u8], lane: &mut Lane, ends: &mut impl Ends) -> Result<usize, Fault> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match ends.write(bytes) {
            Ok(0) => Err(Fault { side: Side::Sink, error: io::ErrorKind::WriteZero.into() }),
            Ok(count) => {
                lane.drained(count);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(Fault { side: Side::Sink, error }),
        }
    }
}
