//! The retry loop: a client connects again after a failure that reconnecting may fix.

use std::time::{Duration, Instant};

use crate::error::{Error, Exit, Retry};
use crate::net::reactor::{Context, Reactor, Session, Status};
use crate::net::signals::Signals;
use crate::report::Report;
use crate::transfer::RunState;

const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The number of retries, and the pause before them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryLimits {
    /// The number of retries after the first attempt.
    pub(crate) retries: u32,
    /// The pause before the first retry. Each further pause is twice as long, up to ten seconds or to the first pause.
    pub(crate) first_pause: Duration,
}

impl RetryLimits {
    /// Calls `try_once` until it succeeds, fails for good, or was called for the last time. Returns its last result.
    ///
    /// `try_once` gets the state that survives a retry.
    pub(crate) fn run(
        self,
        report: &Report,
        signals: &Signals,
        mut try_once: impl FnMut(&RunState) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let run_state = RunState::new(self.retries > 0);
        let longest = MAX_PAUSE.max(self.first_pause);
        let (mut pause, mut has_changed) = (self.first_pause, false);
        for retry in 1..=self.retries {
            let Err(error) = try_once(&run_state) else { return Ok(()) };
            let is_hopeless = match error.retry() {
                Retry::Never => true,
                Retry::Once => std::mem::replace(&mut has_changed, true),
                Retry::Again => false,
            };
            if is_hopeless {
                return Err(error);
            }
            if run_state.take_moved() {
                pause = self.first_pause;
            }
            let (shown, all) = (humantime::format_duration(pause), self.retries);
            report.again(format_args!("{error}; trying again in {shown} ({retry} of {all})"));
            wait(pause, signals)?;
            pause = (2 * pause).min(longest);
        }
        try_once(&run_state)
    }
}

/// Waits for this long. A signal ends the wait.
fn wait(length: Duration, signals: &Signals) -> Result<(), Error> {
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    reactor.add_at_start(|_, now| Ok(Pause { until: now + length }))?;
    reactor.run()
}

/// A session that only waits.
struct Pause {
    until: Instant,
}

impl Session for Pause {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        Ok(if context.now >= self.until { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.until)
    }
}
