//! The two ends of a relay as a seeded world plays them, and the numbers that decide what happens.

use std::io;
use std::time::Duration;

use sendall::net::stream::{SocketState, Stream};
use sendall::proto::relay::half_close_timer::Delivery;

/// splitmix64: small, seeded, the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end`, exclusive.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Runs the worlds of so many seeds, or that of `SEED` alone; with `SENDALL_SLOW` twenty times as many. Says which one fails.
pub(crate) fn in_every_world(test: &str, seeds: u64, run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        return run(seed);
    }
    let seeds = if std::env::var_os("SENDALL_SLOW").is_some() { 20 * seeds } else { seeds };
    for seed in 0..seeds {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "failed: replay it with SEED={seed} cargo test --test sim {test}");
    }
}

/// The fate of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    /// A reset came, and no call has reported it yet.
    Reset,
    /// A reset came, and a call has reported it: from now on reads end and writes fail.
    Reported,
    /// It takes nothing more, and still sends.
    Unwritable,
}

/// One stream of the relay: a pipe in each direction, as the kernel would keep them.
pub(crate) struct End {
    random: Random,
    /// What the relay is to read, all of it.
    pub(crate) script: Vec<u8>,
    /// How much of it has arrived in the kernel so far, and how much was read.
    pub(crate) arrived: usize,
    pub(crate) read: usize,
    /// Whether the script's end is followed by the end of the stream, and whether that has arrived.
    pub(crate) ends: bool,
    pub(crate) end_arrived: bool,
    pub(crate) end_read: bool,
    /// The bytes that the relay has written, and how many of them the reader has taken.
    pub(crate) written: Vec<u8>,
    pub(crate) taken: usize,
    /// How much may wait in the kernel.
    pub(crate) capacity: usize,
    pub(crate) half_closes: usize,
    pub(crate) acknowledged: bool,
    pub(crate) fate: Fate,
    /// What of the script comes only when the relay has passed its end on.
    pub(crate) answers_from: Option<usize>,
    /// The system reports acknowledgements and the round trip.
    pub(crate) round_trip: Option<Duration>,
    /// A write has met a full pipe: there will be an event when it has room again.
    pub(crate) awaits_room: bool,
    /// A close now is a reset.
    pub(crate) resets_on_close: bool,
}

impl End {
    pub(crate) fn new(random: &mut Random, longest: usize) -> End {
        let length = random.below(longest + 1);
        let script = (0..length).map(|_| random.next() as u8).collect();
        End {
            script,
            arrived: 0,
            read: 0,
            ends: true,
            end_arrived: false,
            end_read: false,
            written: Vec::new(),
            taken: 0,
            capacity: 1 + random.below(4000),
            half_closes: 0,
            acknowledged: false,
            fate: Fate::Well,
            answers_from: None,
            round_trip: None,
            awaits_room: false,
            resets_on_close: false,
            random: Random::new(random.next()),
        }
    }

    pub(crate) fn waiting_for_reader(&self) -> usize {
        self.written.len() - self.taken
    }

    /// Some bytes, or the end, arrive from outside. True if anything did.
    pub(crate) fn deliver(&mut self) -> bool {
        // A stream that takes nothing will not get an end.
        let is_asked = self.half_closes > 0 || self.fate == Fate::Unwritable;
        let due = self.answers_from.filter(|_| !is_asked).unwrap_or(self.script.len());
        let rest = due.saturating_sub(self.arrived);
        let room = self.capacity - (self.arrived - self.read).min(self.capacity);
        if matches!(self.fate, Fate::Reset | Fate::Reported) {
            false
        } else if rest > 0 && room > 0 {
            self.arrived += 1 + self.random.below(rest.min(room));
            true
        } else if rest == 0 && self.ends && !self.end_arrived && (is_asked || self.answers_from.is_none()) {
            self.end_arrived = true;
            true
        } else {
            false
        }
    }

    /// The reader takes some bytes. True if there were any.
    pub(crate) fn consume(&mut self) -> bool {
        let waiting = self.waiting_for_reader();
        if waiting > 0 {
            self.taken += 1 + self.random.below(waiting);
        } else if self.half_closes > 0 && !self.acknowledged {
            self.acknowledged = true;
            return true;
        }
        waiting > 0
    }

    /// True if a read would bring bytes, the end or an error.
    pub(crate) fn is_readable(&self) -> bool {
        self.arrived > self.read || (self.end_arrived && !self.end_read) || self.fate == Fate::Reset
    }

    pub(crate) fn has_room(&self) -> bool {
        self.fate != Fate::Well || self.waiting_for_reader() < self.capacity
    }

    fn fail(&mut self) -> io::Result<()> {
        if self.fate == Fate::Reset {
            self.fate = Fate::Reported;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Stream for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waiting = self.arrived - self.read;
        if waiting > 0 {
            let count = (1 + self.random.below(waiting)).min(buffer.len());
            buffer[..count].copy_from_slice(&self.script[self.read..self.read + count]);
            self.read += count;
            return Ok(count);
        }
        self.fail()?;
        if self.end_arrived || self.fate == Fate::Reported {
            self.end_read = true;
            return Ok(0);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert_eq!(self.half_closes, 0, "written after the half-close");
        assert!(!bytes.is_empty(), "an empty write");
        self.fail()?;
        if matches!(self.fate, Fate::Reported | Fate::Unwritable) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = self.capacity - self.waiting_for_reader();
        if room == 0 {
            self.awaits_room = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = 1 + self.random.below(bytes.len().min(room));
        self.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.half_closes += 1;
        assert_eq!(self.half_closes, 1, "a second half-close");
        if self.fate == Fate::Reported { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

sendall::without!([] End; KernelEnds Timed RelayHints);

impl SocketState for End {
    fn take_error(&mut self) -> io::Result<()> {
        self.fail()
    }

    fn has_hung_up(&self) -> bool {
        false
    }

    fn reset_on_close(&mut self, reset: bool) -> io::Result<()> {
        self.resets_on_close = reset;
        Ok(())
    }

    fn delivery(&self) -> Option<Delivery> {
        let is_pending = self.waiting_for_reader() > 0;
        let acknowledged_ago = Duration::from_secs(3600);
        self.round_trip.map(|round_trip| Delivery {
            round_trip,
            is_pending,
            acknowledged_ago,
            acknowledged_bytes: None,
        })
    }

    fn is_acknowledged(&mut self) -> io::Result<bool> {
        self.fail()?;
        Ok(self.acknowledged)
    }

    fn pace(&mut self, _bytes_per_second: u64) -> io::Result<bool> {
        Ok(false)
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (script, written) = (self.script.len(), self.written.len());
        write!(f, "script {script}, arrived {}, read {}, ", self.arrived, self.read)?;
        write!(f, "ends {} {} {}, ", self.ends, self.end_arrived, self.end_read)?;
        write!(f, "written {written}, taken {}, half-closes {}, ", self.taken, self.half_closes)?;
        write!(f, "acknowledged {}, {:?}", self.acknowledged, self.fate)
    }
}
