//! Options of the clients of transfers.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::options::{duration, rate};
use crate::run::serve::HANDSHAKE_LIMIT;
use crate::transfer::Limits;

/// The default time limit for the answer of a server behind a program: a person may have to type a password there. sshd(8) gives
/// them two minutes.
const REMOTE_HANDSHAKE_LIMIT: Duration = Duration::from_secs(150);

/// Limits of a transfer's client.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct TransferLimitArgs {
    /// Limit the time for each address, and for the handshake [default: 10s; 150s for the answer of a server by ssh or --via]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// Give up when nothing is sent or received for this long
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub idle_timeout: Duration,

    /// Use N connections for files over 4 MiB [default: 1; 4 if the round trip takes 10 ms or more]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub connections: Option<u8>,

    /// Limit the bytes sent and received per second, for example 500KiB or 10MB
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit_rate: Option<u64>,
}

impl TransferLimitArgs {
    /// Returns the requested number of connections: one with `--limit-rate`, because more would not be faster.
    pub(crate) fn connections(self) -> Option<usize> {
        self.connections.map(usize::from).or(self.limit_rate.map(|_| 1))
    }

    /// Returns the limits of a session with a server behind a program.
    pub(crate) fn remote_limits(self) -> Limits {
        Limits { handshake: self.timeout.unwrap_or(REMOTE_HANDSHAKE_LIMIT), ..self.limits() }
    }

    /// Returns the limits of a session.
    pub(crate) fn limits(self) -> Limits {
        let handshake = self.timeout.unwrap_or(HANDSHAKE_LIMIT);
        Limits { handshake, idle: self.idle_timeout, rate: self.limit_rate }
    }
}

/// The destination of digests.
#[derive(Args, Clone, Debug)]
pub(crate) struct DigestArgs {
    /// Write the digest of each file that arrived, in the format of b3sum --check; - is stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) digests: Option<PathBuf>,
}
