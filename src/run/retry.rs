//! The retry loop: a client connects again after a failure that reconnecting may fix.

use std::time::{Duration, Instant};

use crate::error::{Error, Exit, Retry};
use crate::net::reactor::{Context, Reactor, Session, Status};
use crate::net::signals::Signals;
use crate::report::Report;
use crate::transfer::RunState;

const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The tries of a client: whether there is another one after a failure, and the pause before it.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    left: u32,
    first_pause: Duration,
    pause: Duration,
    /// A failure of the kind that is tried again once has come.
    has_changed: bool,
}

impl Tries {
    /// Creates the state before the first try, which `retries` may follow. `first_pause` comes before the first of
    /// them; each further pause is twice as long, up to ten seconds or to the first one.
    pub fn new(retries: u32, first_pause: Duration) -> Tries {
        Tries { left: retries, first_pause, pause: first_pause, has_changed: false }
    }

    /// Returns the pause before the next try; `None` if the failure is final. After a try that `has_moved` content,
    /// pauses start anew.
    pub fn failed(&mut self, retry: Retry, has_moved: bool) -> Option<Duration> {
        let is_hopeless = match retry {
            Retry::Never => true,
            Retry::Once => std::mem::replace(&mut self.has_changed, true),
            Retry::Again => false,
        };
        if is_hopeless {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        if has_moved {
            self.pause = self.first_pause;
        }
        let pause = self.pause;
        self.pause = (2 * pause).min(MAX_PAUSE.max(self.first_pause));
        Some(pause)
    }
}

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
        let mut tries = Tries::new(self.retries, self.first_pause);
        for retry in 1_u32.. {
            let Err(error) = try_once(&run_state) else { break };
            let Some(pause) = tries.failed(error.retry(), run_state.take_moved()) else { return Err(error) };
            let (shown, all) = (humantime::format_duration(pause), self.retries);
            report.retry(format_args!("{error}; trying again in {shown} ({retry} of {all})"));
            wait(pause, signals)?;
        }
        Ok(())
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
