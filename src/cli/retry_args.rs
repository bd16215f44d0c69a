//! `--retry`: retries of a client.

use std::time::Duration;

use clap::Args;

use super::options::duration;
use crate::run::retry::RetryLimits;

/// Retries of a client.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RetryArgs {
    /// Retry up to N times after a failure that reconnecting may fix
    #[arg(long, value_name = "N", default_value_t = 0, group = "trying")]
    pub(crate) retry: u32,

    /// Pause before the first retry; each further pause is twice as long, up to 10s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "250ms", requires = "trying")]
    pub(crate) retry_delay: Duration,
}

impl RetryArgs {
    pub(crate) fn limits(self) -> RetryLimits {
        RetryLimits { retries: self.retry, first_pause: self.retry_delay }
    }
}
