//! `--retry`: how often a client tries again.

use std::time::Duration;

use clap::Args;

use super::options::duration;
use crate::run::retry::RetryLimits;

/// How often a client tries again.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RetryArgs {
    /// Try again so often after a failure that a new connection can mend
    #[arg(long, value_name = "N", default_value_t = 0, group = "trying")]
    pub(crate) retry: u32,

    /// The pause before that; each is twice as long as the one before, up to 10s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "250ms", requires = "trying")]
    pub(crate) retry_delay: Duration,
}

impl RetryArgs {
    pub(crate) fn limits(self) -> RetryLimits {
        RetryLimits { retries: self.retry, first_pause: self.retry_delay }
    }
}
