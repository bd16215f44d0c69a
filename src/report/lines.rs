//! Many lines for stdout, written by a thread of their own: whoever has one to write never waits.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Report;

/// Lines that are waiting at most. More are left out, counted, and told about.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// How long lines are gathered before they are written together.
const GATHER_TIME: Duration = Duration::from_millis(20);

/// The way to the thread. Clones share it.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    /// No more lines will come.
    is_ending: bool,
    /// Everything was written, or nothing more can be.
    has_ended: bool,
    failure: Option<io::Error>,
}

impl Lines {
    /// Starts the thread. `on_failure` is called when stdout has failed; then [`Lines::take_failure`] has the reason.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(report: Report, on_failure: impl FnOnce() + Send + 'static) -> io::Result<Lines> {
        let shared = Arc::new(Shared::default());
        let lines = Lines(Arc::clone(&shared));
        std::thread::Builder::new().spawn(move || {
            if let Err(error) = shared.write_all(&report) {
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
            return;
        }
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

    /// No more lines come: waits until they are written, for `limit` at most.
    pub fn finish(&self, limit: Duration) {
        let mut state = self.0.lock();
        state.is_ending = true;
        self.0.changed.notify_all();
        // Whether it ran out of time or not, nothing can be done about it any more.
        let _ = self.0.changed.wait_timeout_while(state, limit, |state| !state.has_ended);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, until no more will.
    fn write_all(&self, report: &Report) -> io::Result<()> {
        let (mut taken, mut told) = (Vec::new(), 0);
        loop {
            let state = self.lock();
            let nothing = |state: &mut State| state.waiting.is_empty() && !state.is_ending;
            let state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            let gathering = |state: &mut State| !state.is_ending;
            let waited = self.changed.wait_timeout_while(state, GATHER_TIME, gathering);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            std::mem::swap(&mut state.waiting, &mut taken);
            let (lost, is_ending) = (state.lost, state.is_ending);
            drop(state);
            let mut stdout = io::stdout().lock();
            stdout.write_all(&taken)?;
            stdout.flush()?;
            drop(stdout);
            taken.clear();
            // Each time when they are twice as many: a line for each would be too many, too.
            if lost >= 2 * told && lost > 0 {
                told = lost;
                report.warning(format_args!(
                    "{lost} lines of the log were left out: stdout takes them too slowly"
                ));
            }
            if is_ending {
                return Ok(());
            }
        }
    }
}
