//! Many lines for stdout, written by a thread of their own: a caller never waits.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Report, write_stdout};

/// How many lines may wait. Further ones are left out, counted and reported.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// How long lines are collected before they are written together.
const COLLECT_TIME: Duration = Duration::from_millis(20);
/// A pipe takes up to this many bytes all or not at all (`PIPE_BUF`, pipe(7)): what is given up does not end within a line.
const PIECE_BYTES: usize = 4096;
/// At the end: how often is asked whether there is time left, and after how many times without a line a stdout that
/// takes nothing is reported.
const ASK_INTERVAL: Duration = Duration::from_millis(20);
const ASKS_UNTIL_TOLD: u32 = 50;
/// How long the last lines may take when there is no time left.
const LAST_TIME: Duration = Duration::from_millis(80);

/// The way to the thread. Clones share it.
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
    /// Lines that were added and are not written.
    unwritten: u64,
    lost: u64,
    /// No more lines will come.
    is_ending: bool,
    /// Everything was written, or nothing more can be.
    has_ended: bool,
    failure: Option<io::Error>,
}

impl Lines {
    /// Starts the thread. `on_failure` is called when stdout has failed: then [`Lines::take_failure`] has the reason.
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

    /// Adds what `write` appends: a line with its end. Does not wait for stdout.
    pub fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        if state.waiting.len() >= MAX_WAITING_BYTES {
            state.lost += 1;
            let lost = state.lost;
            drop(state);
            // Each time when they are twice as many: a line for each would be too many, too.
            if lost.is_power_of_two() {
                let text = "lines of the log were left out so far: stdout takes them too slowly";
                self.0.report.warning(format_args!("{lost} {text}"));
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

    /// Why stdout has failed, once.
    pub fn take_failure(&self) -> Option<io::Error> {
        self.0.lock().failure.take()
    }

    /// No more lines come: waits until they are written, as long as `has_time`. Returns how many were left out in all.
    pub fn finish(&self, has_time: impl Fn() -> bool) -> u64 {
        let mut state = self.0.lock();
        state.is_ending = true;
        self.0.changed.notify_all();
        let (mut asks, mut unwritten) = (0, state.unwritten);
        let mut is_last = false;
        while !state.has_ended && !is_last {
            is_last = !has_time();
            let limit = if is_last { LAST_TIME } else { ASK_INTERVAL };
            let waited = self.0.changed.wait_timeout_while(state, limit, |state| !state.has_ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            asks = if state.unwritten == unwritten { asks + 1 } else { 0 };
            unwritten = state.unwritten;
            if asks == ASKS_UNTIL_TOLD {
                drop(state);
                self.0.report.wait(format_args!(
                    "{unwritten} lines of the log wait: stdout takes nothing (^C leaves them out)"
                ));
                state = self.0.lock();
            }
        }
        state.lost + state.unwritten
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, until no more will.
    fn write_all(&self) -> io::Result<()> {
        let mut taken = Vec::new();
        loop {
            let state = self.lock();
            let nothing = |state: &mut State| state.waiting.is_empty() && !state.is_ending;
            let state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            let collecting = |state: &mut State| !state.is_ending;
            let waited = self.changed.wait_timeout_while(state, COLLECT_TIME, collecting);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            std::mem::swap(&mut state.waiting, &mut taken);
            let is_ending = state.is_ending;
            drop(state);
            let mut rest = &taken[..];
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(whole_lines(rest));
                write_stdout(piece)?;
                self.lock().unwritten -= memchr::memchr_iter(b'\n', piece).count() as u64;
                rest = behind;
            }
            taken.clear();
            if is_ending {
                return Ok(());
            }
        }
    }
}

/// How many bytes are written at once: whole lines, and one at least.
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
