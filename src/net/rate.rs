//! A stream with a rate limit in bytes per second, for each direction.
//!
//! The kernel paces sending where it can, packet by packet. A stream of ours gives it no more than a fraction of a
//! second's worth at once, so that the rate holds from the first byte on, and the last bytes do not queue after a whole
//! socket buffer. Receiving cannot be paced by this side's kernel: the bytes are read slowly, and the peer's window
//! closes.

use std::io;
use std::time::{Duration, Instant};

use super::stream::{KernelEnd, KernelEnds, Stream, Timed};

/// The lowest rate that can be requested, in bytes per second.
pub const MIN_RATE: u64 = 1 << 10;
/// The lowest rate in force, so that each piece holds at least one byte.
const MIN_BUCKET_RATE: u64 = 64;
/// The smallest piece that passes at once, as time at the rate: larger pieces make fewer calls.
const MIN_PIECE: Duration = Duration::from_millis(20);
/// The largest piece that passes at once, as time at the rate, where the kernel does not pace it.
const MAX_BURST: Duration = Duration::from_millis(50);
/// The same where the kernel paces sending, and for bytes that the kernel has received already: a process that had to
/// wait for a processor or the disk may catch up.
const MAX_PACED_BURST: Duration = Duration::from_millis(200);

/// A stream with or without a rate limit. It does not read the clock: [`Timed::tick`] sets the time.
pub struct Limited<S> {
    stream: S,
    now: Instant,
    limit: Option<Limit>,
}

struct Limit {
    reading: TokenBucket,
    writing: TokenBucket,
    /// The number of bytes that may still be written without being counted.
    free_bytes: usize,
    wake_up: Option<Instant>,
}

/// A token bucket, kept as the time at which it was empty.
struct TokenBucket {
    rate: u64,
    burst: Duration,
    empty_at: Instant,
}

impl TokenBucket {
    fn bytes_in(&self, time: Duration) -> usize {
        let bytes = time.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The time in which this many bytes may pass, rounded up.
    fn time_for(&self, bytes: usize) -> Duration {
        let nanoseconds = (bytes as u128 * 1_000_000_000).div_ceil(self.rate.into());
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Returns the number of bytes that may pass now, or else the time at which some may.
    fn allowed(&self, now: Instant) -> Result<usize, Instant> {
        let level = self.bytes_in(now.saturating_duration_since(self.empty_at).min(self.burst));
        let piece = self.bytes_in(MIN_PIECE);
        if level >= piece { Ok(level) } else { Err(self.empty_at + self.time_for(piece)) }
    }

    /// Counts bytes that have passed.
    fn spend(&mut self, count: usize, now: Instant) {
        let full_at = now.checked_sub(self.burst).unwrap_or(now);
        self.empty_at = self.empty_at.max(full_at) + self.time_for(count);
    }
}

impl Limit {
    fn blocked_until(&mut self, time: Instant) -> io::Error {
        self.wake_up = Some(self.wake_up.map_or(time, |other| other.min(time)));
        io::ErrorKind::WouldBlock.into()
    }
}

impl<S: Stream> Limited<S> {
    /// Wraps a stream, without a limit.
    pub fn new(stream: S, now: Instant) -> Limited<S> {
        Limited { stream, now, limit: None }
    }

    /// Limits each direction to this rate from now on; `None` removes the limit. The next `free_bytes` bytes written
    /// are not counted.
    pub fn limit_rate(&mut self, bytes_per_second: Option<u64>, free_bytes: usize) {
        self.limit = bytes_per_second.map(|rate| {
            // If the kernel refuses, it does not pace.
            let is_paced = self.stream.pace(rate).unwrap_or(false);
            let bucket = |burst| TokenBucket { rate: rate.max(MIN_BUCKET_RATE), burst, empty_at: self.now };
            Limit {
                reading: bucket(MAX_PACED_BURST),
                writing: bucket(if is_paced { MAX_PACED_BURST } else { MAX_BURST }),
                free_bytes,
                wake_up: None,
            }
        });
    }

    /// Changes the rate, which may be below [`MIN_RATE`]. The bytes that may pass now stay about the same.
    pub fn change_rate(&mut self, bytes_per_second: u64) {
        let Some(limit) = &mut self.limit else { return };
        // As in `limit_rate`.
        let _ = self.stream.pace(bytes_per_second);
        for bucket in [&mut limit.reading, &mut limit.writing] {
            bucket.rate = bytes_per_second.max(MIN_BUCKET_RATE);
        }
    }

    /// The stream itself, without a limit from now on.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// The stream itself: what passes there is not counted.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: Stream> Stream for Limited<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(limit) = &mut self.limit else { return self.stream.read(buffer) };
        let allowed = limit.reading.allowed(self.now).map_err(|time| limit.blocked_until(time))?;
        let length = buffer.len().min(allowed);
        let count = self.stream.read(&mut buffer[..length])?;
        limit.reading.spend(count, self.now);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(limit) = &mut self.limit else { return self.stream.write(bytes) };
        if limit.free_bytes > 0 {
            let count = self.stream.write(&bytes[..bytes.len().min(limit.free_bytes)])?;
            limit.free_bytes -= count;
            return Ok(count);
        }
        let allowed = limit.writing.allowed(self.now).map_err(|time| limit.blocked_until(time))?;
        let count = self.stream.write(&bytes[..bytes.len().min(allowed)])?;
        limit.writing.spend(count, self.now);
        Ok(count)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.finish_writing()
    }
}

crate::forwarding!([S: Stream] Limited<S>, this => this.stream; SocketState RelayHints);

impl<S: Stream> Timed for Limited<S> {
    fn tick(&mut self, now: Instant) {
        self.now = now;
        if let Some(limit) = &mut self.limit {
            limit.wake_up = None;
        }
        self.stream.tick(now);
    }

    fn wake_up(&self) -> Option<Instant> {
        let limit = self.limit.as_ref().and_then(|limit| limit.wake_up);
        limit.into_iter().chain(self.stream.wake_up()).min()
    }
}

// With a limit every byte must pass through this process.
impl<S: Stream> KernelEnds for Limited<S> {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        self.stream.reading_end().filter(|_| self.limit.is_none())
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        self.stream.writing_end().filter(|_| self.limit.is_none())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A stream that fills each buffer and takes all bytes.
    pub(crate) struct Endless;

    impl Stream for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn finish_writing(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    crate::without!([] Endless; KernelEnds SocketState Timed RelayHints);

    #[allow(clippy::disallowed_methods)]
    fn limited(rate: u64, free_bytes: usize) -> (Limited<Endless>, Instant) {
        let start = Instant::now();
        let mut stream = Limited::new(Endless, start);
        stream.limit_rate(Some(rate), free_bytes);
        (stream, start)
    }

    /// The bytes that pass in a minute, from wake-up to wake-up, and the largest piece.
    fn in_a_minute(
        rate: u64,
        mut pass: impl FnMut(&mut Limited<Endless>) -> io::Result<usize>,
    ) -> (u64, u64) {
        let (mut stream, start) = limited(rate, 0);
        let (mut passed, mut largest) = (0, 0);
        let mut now = start;
        while now < start + Duration::from_secs(60) {
            stream.tick(now);
            let mut piece = 0;
            while let Ok(count) = pass(&mut stream) {
                piece += count as u64;
            }
            (passed, largest) = (passed + piece, largest.max(piece));
            let next = stream.wake_up().unwrap();
            assert!(next > now, "a wake-up that stands still");
            now = next;
        }
        (passed, largest)
    }

    #[test]
    fn a_minute_brings_a_minutes_worth_in_small_pieces() {
        for rate in [1024, 1025, 1_000_003, 1 << 30] {
            let bytes = vec![0; 1 << 20];
            for (passed, largest) in [
                in_a_minute(rate, |stream| stream.write(&bytes)),
                in_a_minute(rate, |stream| stream.read(&mut vec![0; 1 << 20])),
            ] {
                let ideal = 60 * rate;
                assert!(passed <= ideal && passed > ideal - rate / 10, "{passed} of {ideal}");
                assert!(largest <= rate / 20, "{largest} at once with {rate}");
            }
        }
    }

    #[test]
    fn a_share_of_the_lowest_rate_is_kept() {
        let shares = 16;
        let (mut stream, start) = limited(MIN_RATE, 0);
        stream.change_rate(MIN_RATE / shares);
        let (mut passed, mut now) = (0, start);
        while now < start + Duration::from_secs(60) {
            stream.tick(now);
            while let Ok(count) = stream.write(&[0; 4000]) {
                assert!(count > 0, "a write that stands still");
                passed += count as u64;
            }
            now = stream.wake_up().unwrap();
        }
        let ideal = 60 * MIN_RATE / shares;
        assert!(passed <= ideal && passed > ideal * 9 / 10, "{passed} of {ideal}");
    }

    #[test]
    fn a_pause_is_made_up_for_by_one_burst_only() {
        let (mut stream, start) = limited(10_000, 0);
        stream.tick(start + Duration::from_secs(9));
        assert_eq!(stream.write(&[0; 4000]).ok(), Some(500));
        assert!(stream.write(&[0; 4000]).is_err());
        assert_eq!(stream.read(&mut [0; 4000]).ok(), Some(2000));
    }

    #[test]
    fn free_bytes_pass_at_once_and_without_a_limit_all_do() {
        let (mut stream, _) = limited(1024, 300);
        assert_eq!(stream.write(&[0; 4000]).ok(), Some(300));
        assert!(stream.write(&[0; 4000]).is_err() && stream.wake_up().is_some());
        stream.limit_rate(None, 0);
        assert_eq!(stream.write(&[0; 4000]).ok(), Some(4000));
        assert_eq!(stream.wake_up(), None);
    }
}
