//! A pump moves the bytes of one lane: inside the kernel where both ends allow it, else through a buffer.

mod zero_copy;

use std::cell::RefCell;
use std::io;
use std::time::Instant;

use self::zero_copy::{CopyProgress, ZeroCopy};
use super::coalescing::Coalescing;
use super::reactor::Context;
use super::stream::{FdKind, KernelEnd, Stream};
use crate::proto::relay::lane::Lane;

const BUFFER_BYTES: usize = 256 << 10;
/// Between two sockets the kernel moves the bytes once at least this many arrive at once. For fewer, the two calls that
/// copy are faster than the five that splice.
const MANY_BYTES: u64 = 64 << 10;
const FEW_BYTES: u64 = 16 << 10;

thread_local! {
    /// The read buffer of all pumps of a thread. A lane has memory of its own only for what its sink did not take at
    /// once.
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
pub struct PumpError {
    /// The side that failed.
    pub side: Side,
    /// The error of the call.
    pub error: io::Error,
}

/// The reason why a pump stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing more can be moved now.
    Blocked,
    /// The budget is used up, or readiness is unclear: call again.
    More,
}

/// One direction between two streams.
pub struct Pump {
    lane: Lane,
    mode: CopyMode,
    /// Both ends are sockets: the mode depends on how much arrives at once.
    joins_sockets: bool,
    coalescing: Coalescing,
}

enum CopyMode {
    Copy(Buffer),
    ZeroCopy(ZeroCopy),
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Pump {
    /// A pump from `source` to `sink`, in the cheapest mode that their kinds allow.
    pub fn new(source: &impl Stream, sink: &impl Stream) -> Pump {
        let kinds = source.reading_end().map(|end| end.kind).zip(sink.writing_end().map(|end| end.kind));
        let joins_sockets = kinds == Some((FdKind::Socket, FdKind::Socket));
        match kinds.and_then(|(from, to)| ZeroCopy::between(from, to)) {
            Some(zero_copy) => {
                let mode = if joins_sockets {
                    CopyMode::Copy(Buffer::default())
                } else {
                    CopyMode::ZeroCopy(zero_copy)
                };
                let lane = Lane::new(zero_copy::CHUNK_BYTES);
                Pump { lane, mode, joins_sockets, coalescing: Coalescing::default() }
            }
            None => Pump::copying(),
        }
    }

    /// A pump that copies, for any two streams.
    pub fn copying() -> Pump {
        let (lane, mode) = (Lane::new(BUFFER_BYTES), CopyMode::Copy(Buffer::default()));
        Pump { lane, mode, joins_sockets: false, coalescing: Coalescing::default() }
    }

    /// The lane's numbers.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The lane, to end its source or to note a half-close.
    pub fn lane_mut(&mut self) -> &mut Lane {
        &mut self.lane
    }

    /// Moves what can be moved now, up to about the turn's budget. Call it at [`Pump::wake_up`], too.
    pub fn advance(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        context: Context,
    ) -> Result<Pumped, PumpError> {
        self.advance_between(&mut Two(source, sink), context)
    }

    /// The same from a stream back to itself.
    pub fn advance_within(
        &mut self,
        stream: &mut impl Stream,
        context: Context,
    ) -> Result<Pumped, PumpError> {
        self.advance_between(&mut One(stream), context)
    }

    /// Half-closes the sink, if the source has ended and everything was moved.
    pub fn pass_end(&mut self, sink: &mut impl Stream) -> io::Result<()> {
        if self.lane.half_close_pending() {
            sink.finish_writing()?;
            self.lane.finish_sink();
        }
        Ok(())
    }

    /// When to advance the pump if no event comes before.
    pub fn wake_up(&self) -> Option<Instant> {
        self.coalescing.wake_up()
    }

    fn advance_between(&mut self, ends: &mut impl PumpIo, context: Context) -> Result<Pumped, PumpError> {
        let result = self.move_between(ends, context);
        if result.is_err() {
            // The caller may stop advancing this pump: it must not have a deadline any more.
            self.coalescing = Coalescing::default();
        }
        result
    }

    fn move_between(&mut self, ends: &mut impl PumpIo, context: Context) -> Result<Pumped, PumpError> {
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
            let step = match &mut self.mode {
                CopyMode::Copy(buffer) => buffer.step(&mut self.lane, ends)?,
                CopyMode::ZeroCopy(kernel) => match ends.in_kernel() {
                    (Some(from), Some(to)) => kernel.step(&mut self.lane, from, to)?,
                    _ => CopyProgress::Unsupported,
                },
            };
            let taken = self.taken_bytes() - taken_before;
            match step {
                CopyProgress::Moved if self.joins_sockets => {
                    if let (Some(from), Some(to)) = ends.in_kernel() {
                        self.coalescing.on_read(taken, context.now, (from, to));
                    }
                    self.choose_mode(taken);
                }
                CopyProgress::Moved => {}
                CopyProgress::Blocked => {
                    if self.lane.held() == 0 {
                        self.coalescing.on_wait(context.now);
                    }
                    self.rest();
                    return Ok(Pumped::Blocked);
                }
                CopyProgress::Unclear => return Ok(Pumped::More),
                CopyProgress::Unsupported => self.fall_back()?,
            }
        }
        Ok(Pumped::More)
    }

    fn taken_bytes(&self) -> u64 {
        self.lane.delivered() + self.lane.held() as u64
    }

    /// Chooses the mode of the next bytes between two sockets, after `count` bytes have arrived at once. Keeps the mode
    /// while the lane holds bytes.
    fn choose_mode(&mut self, count: u64) {
        if self.lane.held() > 0 {
            return;
        }
        let mode = match &self.mode {
            CopyMode::Copy(_) if count >= MANY_BYTES => {
                ZeroCopy::between(FdKind::Socket, FdKind::Socket).map(CopyMode::ZeroCopy)
            }
            CopyMode::ZeroCopy(_) if (1..FEW_BYTES).contains(&count) => {
                Some(CopyMode::Copy(Buffer::default()))
            }
            _ => None,
        };
        if let Some(mode) = mode {
            self.rest();
            self.mode = mode;
        }
    }

    /// Gives back the pipe of an empty lane, for others to use.
    fn rest(&mut self) {
        if self.lane.held() == 0
            && let CopyMode::ZeroCopy(kernel) = &mut self.mode
        {
            kernel.rest();
        }
    }

    /// Changes from zero copy to copying. Bytes in a pipe of our own move into the buffer.
    fn fall_back(&mut self) -> Result<(), PumpError> {
        let mut buffer = Buffer::default();
        if let CopyMode::ZeroCopy(kernel) = &mut self.mode {
            buffer.bytes = kernel
                .take_held(self.lane.held())
                .map_err(|error| PumpError { side: Side::Source, error })?;
        }
        self.mode = CopyMode::Copy(buffer);
        Ok(())
    }
}

/// The source and the sink of a pump: two streams, or one.
trait PumpIo {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn in_kernel(&self) -> (Option<KernelEnd<'_>>, Option<KernelEnd<'_>>);
}

struct Two<'a, A, B>(&'a mut A, &'a mut B);

impl<A: Stream, B: Stream> PumpIo for Two<'_, A, B> {
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

impl<S: Stream> PumpIo for One<'_, S> {
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
    fn step(&mut self, lane: &mut Lane, ends: &mut impl PumpIo) -> Result<CopyProgress, PumpError> {
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
        Ok(if count > 0 { CopyProgress::Moved } else { CopyProgress::Blocked })
    }

    /// Reads, hands over what the sink takes, and keeps the rest.
    fn pass(
        &mut self,
        scratch: &mut Vec<u8>,
        lane: &mut Lane,
        ends: &mut impl PumpIo,
    ) -> Result<CopyProgress, PumpError> {
        scratch.resize(BUFFER_BYTES, 0);
        match ends.read(scratch) {
            Ok(0) => lane.end_source(),
            Ok(count) => {
                lane.filled(count);
                let given = Buffer::give(&scratch[..count], lane, ends);
                // The rest is kept even if the sink fails: a relay may continue to discard.
                let taken = *given.as_ref().unwrap_or(&0);
                *self = Buffer { bytes: scratch[taken..count].to_vec(), start: 0 };
                given?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(CopyProgress::Blocked),
            Err(error) => return Err(PumpError { side: Side::Source, error }),
        }
        Ok(CopyProgress::Moved)
    }

    /// Writes `bytes`. Returns how many of them the sink took.
    fn give(bytes: &[u8], lane: &mut Lane, ends: &mut impl PumpIo) -> Result<usize, PumpError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match ends.write(bytes) {
            Ok(0) => Err(PumpError { side: Side::Sink, error: io::ErrorKind::WriteZero.into() }),
            Ok(count) => {
                lane.drained(count);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(PumpError { side: Side::Sink, error }),
        }
    }
}
