//! `serve`: listens; without a mode it joins the first client to stdin and stdout, with one it transfers files.

mod clients;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args, ValueHint};

use self::clients::{ClientLimits, Clients, Running};
use super::opened::{FirstClient, Opened};
use super::options::{MAX_ENTRIES, RelayArgs, WireChoice, duration, size};
use super::relay::LocalSide;
use super::transfer::{Limits, Offer, Sessions, Share, appended};
use crate::error::{Error, Exit};
use crate::manual;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::listen::{Listener, listen};
use crate::net::reactor::{Io, Reactor};
use crate::net::signals::Signals;
use crate::report::{Report, escape_bytes};
use crate::store::{Fault, Folder, Source};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Listen; without a mode, join the first client to stdin and stdout and end with it
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::SERVE, manual::SERVE_EXAMPLES].join("\n\n"))]
#[command(group = ArgGroup::new("transfer").args(["store", "share"]).multiple(true))]
pub struct ServeArgs {
    /// Where: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; port 0 picks one
    #[arg(value_name = "ENDPOINT", required = true, value_hint = ValueHint::Hostname)]
    endpoints: Vec<String>,

    /// Take uploads into this folder, from many clients at once
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath,
        conflicts_with_all = ["send_only", "recv_only", "end_when", "no_half_close", "ToolArgs"])]
    store: Option<PathBuf>,

    /// Offer a file, or all that is in a folder, for download
    #[arg(long, value_name = "PATH",
        conflicts_with_all = ["send_only", "recv_only", "end_when", "no_half_close", "ToolArgs"])]
    share: Option<PathBuf>,

    /// With --store: what clients speak
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireChoice::Sendall, requires = "store",
        conflicts_with = "share")]
    wire: WireChoice,

    /// With --store or --share: end after the first session, with its outcome as exit code
    #[arg(long, requires = "transfer")]
    once: bool,

    /// With --store: never replace a file, even for 'upload --force'
    #[arg(long, requires = "store")]
    keep_existing: bool,

    /// With --store: refuse files that are larger
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "store")]
    max_size: Option<u64>,

    /// With --store: the most files, folders and links that one client may send
    #[arg(long, value_name = "N", default_value_t = MAX_ENTRIES, requires = "store",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_entries: u32,

    /// With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "store")]
    digests: Option<PathBuf>,

    /// With --store or --share: clients at the same time
    #[arg(long, value_name = "N", default_value_t = 100, requires = "transfer",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: u32,

    /// With --store or --share: clients at the same time from one address
    #[arg(long, value_name = "N", default_value_t = 16, requires = "transfer",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_per_source: u32,

    /// How long to wait for a client [default: for ever]; with --store or --share, for its handshake [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    relay: RelayArgs,
}

/// What was meant.
pub struct Plan {
    endpoints: Vec<Endpoint>,
    mode: Mode,
}

enum Mode {
    Relay { timeout: Option<Duration>, relay: RelayArgs },
    Transfer { offer: Offer, limits: ClientLimits },
}

impl ServeArgs {
    /// Validates everything, before anything is opened to the network.
    pub fn plan(&self) -> Result<Plan, Error> {
        let endpoints = Endpoint::parse_list(&self.endpoints, Role::Listen);
        let endpoints = endpoints.map_err(|hint| Error::new(Exit::Usage, hint))?;
        if self.store.is_none() && self.share.is_none() {
            let mode = Mode::Relay { timeout: self.timeout, relay: self.relay.clone() };
            return Ok(Plan { endpoints, mode });
        }
        if self.wire == WireChoice::Text && self.digests.is_some() {
            let text = "--wire text verifies nothing: leave --digests out";
            return Err(Error::new(Exit::Usage, text));
        }
        let offer = Offer {
            store: self.store.as_deref().map(open_store).transpose()?,
            share: self.share.as_deref().map(open_share).transpose()?,
            keep_existing: self.keep_existing,
            max_size: self.max_size,
            max_entries: self.max_entries,
            digests: self.digests.as_deref().map(appended).transpose()?,
            sessions: Sessions::default(),
        };
        let limits = ClientLimits {
            clients: self.max_clients as usize,
            per_source: self.max_per_source as usize,
            session: Limits {
                handshake: self.timeout.unwrap_or(HANDSHAKE_LIMIT),
                idle: self.relay.idle_timeout.unwrap_or(IDLE_LIMIT),
                rate: self.relay.limit_rate,
            },
            once: self.once,
            wire: self.wire,
        };
        Ok(Plan { endpoints, mode: Mode::Transfer { offer, limits: limits.within_descriptors() } })
    }
}

fn unusable(option: &str, path: &Path, fault: &Fault) -> Error {
    Error::new(Exit::Usage, format!("{option} {}: {fault}", escape_bytes(path.as_os_str().as_bytes())))
}

fn open_store(path: &Path) -> Result<Folder, Error> {
    Folder::open(path).map_err(|fault| unusable("--store", path, &fault))
}

fn open_share(path: &Path) -> Result<Share, Error> {
    let failed = |fault: Fault| unusable("--share", path, &fault);
    if path.is_dir() {
        return Ok(Share::Folder(Folder::open(path).map_err(failed)?));
    }
    Source::open(path).map_err(failed)?;
    let name = path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    Ok(Share::File { path: path.to_owned(), name })
}

impl Plan {
    /// Listens, and returns when the session is over; a transfer server ends with a signal.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        match self.mode {
            Mode::Relay { timeout, relay } => {
                let local = LocalSide::new(&relay, report)?;
                reactor.add(|io| {
                    let listeners = listen_on_all(&self.endpoints, &io, report)?;
                    let client = FirstClient::new(listeners, timeout, io.clone());
                    let report = report.clone();
                    Ok(Opened::new(client, move |transport, now: Instant| {
                        report.detail(format_args!("client {}", transport.peer_name()));
                        local.join(transport, &report, &io, now)
                    }))
                })?;
                reactor.run()
            }
            Mode::Transfer { offer, limits } => {
                let running = Running::default();
                if let Some(folder) = &offer.store {
                    folder.remove_leftovers();
                }
                reactor.add(|io| {
                    let listeners = listen_on_all(&self.endpoints, &io, report)?;
                    let context = (io, report.clone(), signals.clone());
                    Ok(Clients::new(listeners, limits, offer, running.clone(), context))
                })?;
                let result = reactor.run();
                running.wait();
                result
            }
        }
    }
}

/// Binds every endpoint, then reports each listener.
fn listen_on_all(endpoints: &[Endpoint], io: &Io, report: &Report) -> Result<Vec<Listener>, Error> {
    let mut listeners = Vec::new();
    for endpoint in endpoints {
        listeners.extend(listen(endpoint, io)?);
    }
    for listener in &listeners {
        report.listening(listener.name());
    }
    Ok(listeners)
}
