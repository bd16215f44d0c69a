//! `--retry`: a client that tries again after a failure which a new connection can mend.

use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::options::duration;
use crate::error::{Error, Exit, Retry};
use crate::net::reactor::{Context, Reactor, Session, Status};
use crate::net::signals::Signals;
use crate::report::Report;
use crate::transfer::RunState;

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often a client tries again.
#[derive(Args, Clone, Copy, Debug)]
pub struct RetryArgs {
    /// Try again so often after a failure that a new connection can mend
    #[arg(long, value_name = "N", default_value_t = 0, group = "trying")]
    pub retry: u32,

    /// The pause before that; each is twice as long as the one before, up to 10s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "250ms", requires = "trying")]
    pub retry_delay: Duration,
}

impl RetryArgs {
    /// Tries until it is done, cannot be mended, or was tried often enough: the result of the last try.
    ///
    /// `try_once` makes anew what a session uses up. It is given the place where that session leaves its traces.
    pub(crate) fn run(
        self,
        report: &Report,
        signals: &Signals,
        mut try_once: impl FnMut(&RunState) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let run_state = RunState::new(self.retry > 0);
        let longest = LONGEST_PAUSE.max(self.retry_delay);
        let (mut pause, mut has_changed) = (self.retry_delay, false);
        for retry in 1..=self.retry {
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
                pause = self.retry_delay;
            }
            let (shown, all) = (humantime::format_duration(pause), self.retry);
            report.again(format_args!("{error}; trying again in {shown} ({retry} of {all})"));
            wait(pause, signals)?;
            pause = (2 * pause).min(longest);
        }
        try_once(&run_state)
    }
}

/// Waits, unless a signal comes.
fn wait(length: Duration, signals: &Signals) -> Result<(), Error> {
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    reactor.add_at_start(|_, now| Ok(Pause { until: now + length }))?;
    reactor.run()
}

/// Nothing, for a while.
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
