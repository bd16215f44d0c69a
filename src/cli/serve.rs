//! Options of `serve`.

mod forward;
mod plan;
mod stdio;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use super::access_args::AccessArgs;
use super::exec_args::StreamExecArgs;
use super::manual;
use super::metrics_args::MetricsArgs;
use super::options::{MAX_ENTRIES, RelayArgs, duration, size};
use super::proxying_args::ProxyingArgs;
use super::socket_args::SocketArgs;
use super::tls_args::ServerTlsArgs;
use super::trust_args::ServerTrustArgs;
use super::values::workers;
use super::web_args::WebArgs;
use crate::error::{Error, Exit};
use crate::proto::relay::conversation::{Script, Unit};
use crate::relay::modes::hub::Slow;
use crate::run::workers::Workers;
use crate::server::acceptor::{ClientLimits, ExplicitLimits, NO_LIMIT, OverloadPolicy};
use crate::server::option_files::unescape;
use crate::store::SymlinkPolicy;
use crate::transfer::WireProtocol;

/// Default limits of modes in which each client costs a process, or a thread and files.
const MAX_COSTLY_CLIENTS: u32 = 100;
const MAX_COSTLY_PER_SOURCE: usize = 16;
/// The same with HTTP: browsers, and programs that mirror a folder, open a connection for each of many files. It leaves
/// room for clients of other sources.
const MAX_WEB_PER_SOURCE: usize = 80;
/// The default limit of modes in which each client costs a connection or two, and a few buffers.
const MAX_CLIENTS: u32 = 16_384;

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str =
    "Listen; without a mode, connect the first client to stdin and stdout, and end with it";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = [manual::END_OF_FILE, manual::LINES_AND_MESSAGES, manual::SERVE, manual::WEB, manual::PROCESSES, manual::SERVE_EXAMPLES].join("\n\n"))]
#[command(group = ArgGroup::new("transfer").args(["store", "share"]).multiple(true))]
#[command(group = ArgGroup::new("hub").args(["keep_open", "broker"]).multiple(true))]
#[command(group = ArgGroup::new("script").args(["greet", "answer", "otherwise", "hang_up"]).multiple(true))]
pub(crate) struct ServeArgs {
    /// Where to listen: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; port 0 picks a
    /// free one; with --forward udp: the same after udp:; systemd:, systemd:NAME and fd:N are sockets that are passed to the
    /// server; with --store and --share stdio: is one client at stdin and stdout; with --store and --share the port
    /// may be left out (7255), and so may ENDPOINT (this machine only)
    #[arg(value_name = "ENDPOINT", value_hint = ValueHint::Hostname)]
    pub(crate) endpoints: Vec<String>,

    #[command(flatten)]
    pub(crate) mode: ModeArgs,

    #[command(flatten)]
    pub(crate) proxying: ProxyingArgs,

    #[command(flatten)]
    pub(crate) transfer: TransferArgs,

    #[command(flatten)]
    pub(crate) web: WebArgs,

    #[command(flatten)]
    pub(crate) limits: ServeLimitArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,

    #[command(flatten)]
    pub(crate) trust: ServerTrustArgs,

    #[command(flatten)]
    pub(crate) tls: ServerTlsArgs,

    #[command(flatten)]
    pub(crate) relay: RelayArgs,

    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// The modes, of which one can be chosen.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Modes")]
pub(crate) struct ModeArgs {
    /// Connect many clients to stdin and stdout: stdin goes to all of them, and what they send goes to stdout
    #[arg(long)]
    pub(crate) keep_open: bool,

    /// Labels on lines.
    #[arg(
        long,
        help = "With --keep-open: put '[ADDRESS] ' before each line from a client, and escape control characters",
        requires = "keep_open",
        conflicts_with_all = ["send_only", "broker"]
    )]
    pub(crate) label: bool,

    /// Send what each client sends to all other clients
    #[arg(long)]
    pub(crate) broker: bool,

    /// A chat of people at terminals.
    #[arg(
        long,
        help = "With --broker: send whole lines, put '<ADDRESS> ' before each, and escape control characters",
        requires = "broker",
        conflicts_with = "keep_open"
    )]
    pub(crate) chat: bool,

    /// With --broker: let stdin and stdout take part as one more client, called 'server' with --chat
    #[arg(long, requires = "broker", conflicts_with = "keep_open")]
    pub(crate) join: bool,

    /// With --keep-open or --broker: choose what happens to a client that reads too slowly
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Slow::Cut, requires = "hub",
        conflicts_with = "recv_only")]
    pub(crate) slow: Slow,

    /// Send back to each client what it sends
    #[arg(long)]
    pub(crate) echo: bool,

    /// Read and discard what clients send
    #[arg(long)]
    pub(crate) discard: bool,

    /// Send this text or file to each client, and end; \n, \r, \t, \0, \e, \\ and \xHH are escapes
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(crate) reply: Option<String>,

    /// Script: send this first; the escapes are those of --reply
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) greet: Option<String>,

    /// Script: when a client sends WHEN, answer SAY; may be repeated
    #[arg(long, value_name = "WHEN=SAY", allow_hyphen_values = true)]
    pub(crate) answer: Vec<String>,

    /// Script: answer this when nothing else matches
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) otherwise: Option<String>,

    /// Script: when a client sends this, send its answer, if it has one, and end; may be repeated
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) hang_up: Vec<String>,

    /// Script: choose what is compared with WHEN
    #[arg(long, value_enum, value_name = "UNIT", default_value_t = Unit::Line, requires = "script")]
    pub(crate) unit: Unit,

    #[command(flatten)]
    pub(crate) exec: StreamExecArgs,
}

impl ModeArgs {
    /// True if an option of a script was typed.
    pub(crate) fn has_script(&self) -> bool {
        let texts = self.greet.is_some() || self.otherwise.is_some();
        texts || !self.answer.is_empty() || !self.hang_up.is_empty()
    }

    /// Parses the script, with its escapes.
    pub(crate) fn script(&self) -> Result<Script, Error> {
        let read = |text: &str, option: &str| {
            unescape(text).map_err(|hint| Error::new(Exit::Usage, format!("{option}: {hint}")))
        };
        let answer = |text: &String| {
            let (when, say) = text.split_once('=').ok_or_else(|| {
                Error::new(Exit::Usage, format!("--answer '{text}': type WHEN=SAY, as in --answer '0=null'"))
            })?;
            Ok((read(when, "--answer")?, read(say, "--answer")?))
        };
        let script = Script {
            unit: self.unit,
            greeting: read(self.greet.as_deref().unwrap_or_default(), "--greet")?,
            answers: self.answer.iter().map(answer).collect::<Result<_, Error>>()?,
            otherwise: read(self.otherwise.as_deref().unwrap_or_default(), "--otherwise")?,
            hang_up: self.hang_up.iter().map(|text| read(text, "--hang-up")).collect::<Result<_, Error>>()?,
        };
        Ok(script.completed())
    }
}

/// Transfer of files.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "File transfer")]
pub(crate) struct TransferArgs {
    /// Store uploads from many clients in this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,

    /// Offer a file, or everything in a folder, for download
    #[arg(long, value_name = "PATH")]
    pub(crate) share: Option<PathBuf>,

    /// With --store: choose the protocol of clients
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireProtocol::Sendall, requires = "store",
        conflicts_with = "share")]
    pub(crate) wire: WireProtocol,

    /// With --share: choose what happens to symbolic links
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SymlinkPolicy::Skip, requires = "share")]
    pub(crate) links: SymlinkPolicy,

    /// With --store or --share: end after the first session, with its outcome as exit code; a client that only connects or
    /// lists, or whose request is refused, does not count
    #[arg(long, requires = "transfer", conflicts_with = "count")]
    pub(crate) once: bool,

    /// With --store: never replace a file, not even for 'upload --force'
    #[arg(long, requires = "store")]
    pub(crate) keep_existing: bool,

    /// With --store: refuse larger files
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "store")]
    pub(crate) max_size: Option<u64>,

    /// With --store: accept at most N files, folders and links from one client
    #[arg(long, value_name = "N", default_value_t = MAX_ENTRIES, requires = "store",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_entries: u32,

    /// With --store: append the digest of each stored file, in the format of b3sum --check; - is stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "store")]
    pub(crate) digests: Option<PathBuf>,

    /// With --store or --share: run transfers on N threads; others take the place of those that wait for a disk; auto is one per
    /// core [default: auto]
    #[arg(long, value_name = "N|auto", value_parser = workers, requires = "transfer")]
    pub(crate) workers: Option<Workers>,

    /// Limit the time for a client's handshake (--store, --share, --socks), for its header (--accept-proxy-protocol) and for
    /// each address of a target (--forward, --socks) [default: 10s]; in other modes the same as --accept-timeout
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Limits on clients.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access and limits")]
pub(crate) struct ServeLimitArgs {
    /// Serve at most N clients at a time, as far as descriptors allow [default: 100 with --store, --share, --exec and --sh,
    /// else 16384]; see --full for the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: Option<u32>,

    /// Serve at most N clients at a time from one IPv4 address or IPv6 /64 network, and refuse more [default: 16 with
    /// --store, --share, --exec and --sh, 80 with --http, else no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_per_source: Option<u32>,

    /// Choose what happens to clients over --max-clients [default: wait; with --forward udp: the one that is silent for longest
    /// makes way]
    #[arg(long, value_name = "WHAT", value_enum)]
    full: Option<OverloadPolicy>,

    /// End after N clients: with 0 if all went well, else with 9; with N=1, with the code of that client
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Fail if no client connects for this long [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) accept_timeout: Option<Duration>,

    /// Expect a header of the PROXY protocol (v1 or v2) from a proxy before each stream. Logs and access lists use the
    /// address in it. Clients without one are disconnected. Let only the proxy reach this port
    #[arg(long)]
    pub(crate) accept_proxy_protocol: bool,

    /// Disconnect a client that is not done after this long [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) session_timeout: Option<Duration>,
}

impl ServeLimitArgs {
    /// Returns the limits of a mode with many clients.
    pub(crate) fn for_many_clients(&self, are_costly: bool, has_http: bool) -> ClientLimits {
        let (clients, per_source) = match (are_costly, has_http) {
            (_, true) => (MAX_COSTLY_CLIENTS, MAX_WEB_PER_SOURCE),
            (true, false) => (MAX_COSTLY_CLIENTS, MAX_COSTLY_PER_SOURCE),
            (false, false) => (MAX_CLIENTS, NO_LIMIT),
        };
        ClientLimits {
            max_clients: self.max_clients.unwrap_or(clients) as usize,
            requested_max_clients: None,
            overload: self.full.unwrap_or(OverloadPolicy::Queue),
            full_hint: "",
            per_source: self.max_per_source.map_or(per_source, |limit| limit as usize),
            total_clients: self.count,
            accept_timeout: self.accept_timeout(),
            proxy_header_timeout: None,
        }
    }

    /// Returns which limits were typed.
    pub(crate) fn explicit(&self) -> ExplicitLimits {
        ExplicitLimits { max_clients: self.max_clients.is_some(), per_source: self.max_per_source.is_some() }
    }

    /// The first option that was typed of those for many clients.
    fn of_many_clients(&self) -> Option<&'static str> {
        let given = [
            ("--max-clients", self.max_clients.is_some()),
            ("--max-per-source", self.max_per_source.is_some()),
            ("--count", self.count.is_some()),
            ("--full refuse", self.full == Some(OverloadPolicy::Reset)),
        ];
        given.iter().find(|(_, is_given)| *is_given).map(|(option, _)| *option)
    }

    fn accept_timeout(&self) -> Option<(Duration, &'static str)> {
        self.accept_timeout.map(|limit| (limit, "--accept-timeout"))
    }

    /// Returns the limits of a server for one client.
    pub(crate) fn for_single_client(&self) -> Result<ClientLimits, Error> {
        if let Some(option) = self.of_many_clients() {
            let text =
                format!("{option}: without a mode there is one client only (see 'sendall serve --help')");
            return Err(Error::new(Exit::Usage, text));
        }
        Ok(ClientLimits {
            max_clients: 1,
            requested_max_clients: None,
            overload: OverloadPolicy::Queue,
            full_hint: "",
            per_source: 1,
            total_clients: Some(1),
            accept_timeout: self.accept_timeout(),
            proxy_header_timeout: None,
        })
    }
}
