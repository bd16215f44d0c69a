//! What `serve` can be told.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use crate::commands::admission::AccessArgs;
use crate::commands::door::DoorLimits;
use crate::commands::options::{MAX_ENTRIES, RelayArgs, WireChoice, duration, size};
use crate::error::{Error, Exit};
use crate::manual;

const MAX_CLIENTS: u32 = 100;
const MAX_PER_SOURCE: u32 = 16;

/// Listen; without a mode, join the first client to stdin and stdout and end with it
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::SERVE, manual::SERVE_EXAMPLES].join("\n\n"))]
#[command(group = ArgGroup::new("transfer").args(["store", "share"]).multiple(true))]
pub struct ServeArgs {
    /// Where: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; port 0 picks one
    #[arg(value_name = "ENDPOINT", required = true, value_hint = ValueHint::Hostname)]
    pub(super) endpoints: Vec<String>,

    #[command(flatten)]
    pub(super) mode: ModeArgs,

    #[command(flatten)]
    pub(super) transfer: TransferArgs,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    #[command(flatten)]
    pub(super) relay: RelayArgs,
}

/// What is done with each client; one at a time.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Modes")]
pub(super) struct ModeArgs {
    /// Send each client what it sends
    #[arg(long)]
    pub(super) echo: bool,

    /// Read what clients send, and throw it away
    #[arg(long)]
    pub(super) discard: bool,

    /// Send each client this text, or what is in a file, and end; \n, \r, \t, \0, \e, \\ and \xHH are understood
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(super) reply: Option<String>,
}

/// Transfer of files.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "File transfer")]
pub(super) struct TransferArgs {
    /// Take uploads into this folder, from many clients at once
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) store: Option<PathBuf>,

    /// Offer a file, or all that is in a folder, for download
    #[arg(long, value_name = "PATH")]
    pub(super) share: Option<PathBuf>,

    /// With --store: what clients speak
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireChoice::Sendall, requires = "store",
        conflicts_with = "share")]
    pub(super) wire: WireChoice,

    /// With --store or --share: end after the first session, with its outcome as exit code
    #[arg(long, requires = "transfer", conflicts_with = "count")]
    pub(super) once: bool,

    /// With --store: never replace a file, even for 'upload --force'
    #[arg(long, requires = "store")]
    pub(super) keep_existing: bool,

    /// With --store: refuse files that are larger
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "store")]
    pub(super) max_size: Option<u64>,

    /// With --store: the most files, folders and links that one client may send
    #[arg(long, value_name = "N", default_value_t = MAX_ENTRIES, requires = "store",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_entries: u32,

    /// With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "store")]
    pub(super) digests: Option<PathBuf>,

    /// With --store or --share: time limit of a client's handshake [default: 10s]; else as --accept-timeout
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
}

/// How many clients, and for how long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access and limits")]
pub(super) struct LimitArgs {
    /// Clients at the same time [default: 100]; others wait
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: Option<u32>,

    /// Clients at the same time from one address [default: 16]; others are refused
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_per_source: Option<u32>,

    /// End when so many clients were served: with 0 if all went well, with 9 if some failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Fail if there was no client for so long [default: wait for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) accept_timeout: Option<Duration>,

    /// Cut a client that is not done after so long [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) session_timeout: Option<Duration>,
}

impl LimitArgs {
    /// For a mode with many clients.
    pub(super) fn of_many(&self) -> DoorLimits {
        DoorLimits {
            clients: self.max_clients.unwrap_or(MAX_CLIENTS) as usize,
            per_source: self.max_per_source.unwrap_or(MAX_PER_SOURCE) as usize,
            count: self.count,
            accept_timeout: self.accept_timeout,
        }
    }

    /// For the first client alone.
    pub(super) fn of_one(&self) -> Result<DoorLimits, Error> {
        let given = [
            ("--max-clients", self.max_clients.is_some()),
            ("--max-per-source", self.max_per_source.is_some()),
            ("--count", self.count.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            let text =
                format!("{option}: without a mode there is one client only (see 'sendall serve --help')");
            return Err(Error::new(Exit::Usage, text));
        }
        Ok(DoorLimits { clients: 1, per_source: 1, count: Some(1), accept_timeout: self.accept_timeout })
    }
}
