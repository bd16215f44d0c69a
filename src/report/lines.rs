//! Log lines for stdout, written by a thread of their own: the caller never waits.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Report, write_stdout};

/// The size of the queue from which further lines are dropped, counted and reported.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// The time for which lines are collected before they are written together.
const COLLECT_TIME: Duration = Duration::from_millis(20);
/// Writes of up to this many bytes to a pipe are atomic (`PIPE_BUF`, pipe(7)), so output that is given up ends with a
/// line.
const PIECE_BYTES: usize = 4096;
/// At the end: the interval of checks whether there is time left.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// The number of checks without progress after which a blocked stdout is reported.
const MAX_IDLE_CHECKS: u32 = 50;
/// The time for the last lines when there is no time left.
const LAST_TIME: Duration = Duration::from_millis(80);

/// The queue of the thread. Clones share it.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    report: Report,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The number of lines that were added and not written yet.
    unwritten: u64,
    /// The number of lines that were dropped.
    dropped: u64,
    /// No more lines are added.
    is_ending: bool,
    /// All lines were written, or stdout has failed.
    has_ended: bool,
    failure: Option<io::Error>,
}

impl Lines {
    /// Starts the thread. It calls `on_failure` when stdout has failed; [`Lines::take_failure`] then returns the error.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(report: Report, on_failure: impl FnOnce() + Send + 'static) -> io::Result<Lines> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), report });
        let lines = Lines(Arc::clone(&shared));
        std::thread::Builder::new().spawn(move || {
            if let Err(error) = shared.write_all() {
                shared.lock().failure = Some(error);
                on_failure();
            }
            shared.lock().has_ended = true;
            shared.changed.notify_all();
        })?;
        Ok(lines)
    }

    /// Adds the line that `write` appends, with its newline. Does not wait for stdout.
    pub fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        if state.waiting.len() >= MAX_WAITING_BYTES {
            state.dropped += 1;
            let dropped = state.dropped;
            drop(state);
            // Only each time the number has doubled: one for each would be too many lines, too.
            if dropped.is_power_of_two() {
                let text = "lines of the log were left out so far: stdout takes them too slowly";
                self.0.report.warning(format_args!("{dropped} {text}"));
            }
            return;
        }
        state.unwritten += 1;
        let was_empty = state.waiting.is_empty();
        write(&mut state.waiting);
        if was_empty {
            self.0.changed.notify_all();
        }
    }

    /// Takes the error with which stdout has failed.
    pub fn take_failure(&self) -> Option<io::Error> {
        self.0.lock().failure.take()
    }

    /// Waits until all lines are written, while `has_time` returns true. Returns the number of lines that were not
    /// written.
    pub fn finish(&self, has_time: impl Fn() -> bool) -> u64 {
        let mut state = self.0.lock();
        state.is_ending = true;
        self.0.changed.notify_all();
        let (mut idle_checks, mut unwritten) = (0, state.unwritten);
        let mut is_last = false;
        while !state.has_ended && !is_last {
            is_last = !has_time();
            let limit = if is_last { LAST_TIME } else { CHECK_INTERVAL };
            let waited = self.0.changed.wait_timeout_while(state, limit, |state| !state.has_ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            idle_checks = if state.unwritten == unwritten { idle_checks + 1 } else { 0 };
            unwritten = state.unwritten;
            if idle_checks == MAX_IDLE_CHECKS {
                drop(state);
                self.0.report.notice(format_args!(
                    "{unwritten} lines of the log wait: stdout takes nothing (^C leaves them out)"
                ));
                state = self.0.lock();
            }
        }
        state.dropped + state.unwritten
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes lines until no more are added.
    fn write_all(&self) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            let state = self.lock();
            let nothing = |state: &mut State| state.waiting.is_empty() && !state.is_ending;
            let state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            let collecting = |state: &mut State| !state.is_ending;
            let waited = self.changed.wait_timeout_while(state, COLLECT_TIME, collecting);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            std::mem::swap(&mut state.waiting, &mut batch);
            let is_ending = state.is_ending;
            drop(state);
            let mut rest = &batch[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(whole_lines(rest));
                write_stdout(piece)?;
                self.lock().unwritten -= memchr::memchr_iter(b'\n', piece).count() as u64;
                rest = after;
            }
            batch.clear();
            if is_ending {
                return Ok(());
            }
        }
    }
}

/// The number of bytes to write at once: whole lines, at least one.
fn whole_lines(lines: &[u8]) -> usize {
    let first = &lines[..lines.len().min(PIECE_BYTES)];
    let end = memchr::memrchr(b'\n', first).or_else(|| memchr::memchr(b'\n', lines));
    end.map_or(lines.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_not_cut() {
        let long = [&[b'x'; 5000][..], b"\n"].concat();
        assert_eq!(whole_lines(b"a\nbc\n"), 5);
        assert_eq!(whole_lines(&[b"a\n", &long[..]].concat()), 2);
        assert_eq!(whole_lines(&[&long[..], b"a\n"].concat()), 5001);
        assert_eq!(whole_lines(&b"123456789\n".repeat(500)), 4090);
    }
}
