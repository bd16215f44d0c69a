//! What `serve` can be told.

mod plan;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use super::access_args::AccessArgs;
use super::exec_args::StreamExecArgs;
use super::manual;
use super::options::{MAX_ENTRIES, RelayArgs, duration, size};
use super::proxying_args::ProxyingArgs;
use super::socket_args::SocketArgs;
use crate::error::{Error, Exit};
use crate::proto::relay::conversation::{Script, Unit};
use crate::relay::modes::hub::Slow;
use crate::server::acceptor::{ClientLimits, Explicit, Full, NO_LIMIT};
use crate::server::option_files::unescape;
use crate::store::Links;
use crate::transfer::WireProtocol;

/// Where each client costs a process, or a thread and a place on the disk.
const MAX_COSTLY_CLIENTS: u32 = 100;
const MAX_COSTLY_PER_SOURCE: usize = 16;
/// Where it costs a connection or two, and a few buffers.
const MAX_CLIENTS: u32 = 16_384;

/// Listen; without a mode, join the first client to stdin and stdout and end with it
#[derive(Args, Clone, Debug)]
#[command(after_long_help = [manual::END_OF_FILE, manual::LINES_AND_MESSAGES, manual::SERVE, manual::PROCESSES, manual::SERVE_EXAMPLES].join("\n\n"))]
#[command(group = ArgGroup::new("transfer").args(["store", "share"]).multiple(true))]
#[command(group = ArgGroup::new("hub").args(["keep_open", "broker"]).multiple(true))]
#[command(group = ArgGroup::new("script").args(["greet", "answer", "otherwise", "hang_up"]).multiple(true))]
pub(crate) struct ServeArgs {
    /// Where: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; port 0 picks one;
    /// systemd:, systemd:NAME or fd:N is what whoever starts the server listens on; --store and --share need no port (7255)
    /// and no ENDPOINT (this machine only)
    #[arg(value_name = "ENDPOINT", value_hint = ValueHint::Hostname)]
    pub(crate) endpoints: Vec<String>,

    #[command(flatten)]
    pub(crate) mode: ModeArgs,

    #[command(flatten)]
    pub(crate) proxying: ProxyingArgs,

    #[command(flatten)]
    pub(crate) transfer: TransferArgs,

    #[command(flatten)]
    pub(crate) limits: ServeLimitArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    #[command(flatten)]
    pub(crate) relay: RelayArgs,

    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// What is done with each client; one at a time.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Modes")]
pub(crate) struct ModeArgs {
    /// Join many clients to stdin and stdout: stdin goes to all, what they send to stdout
    #[arg(long)]
    pub(crate) keep_open: bool,

    /// Lines say whose they are.
    #[arg(
        long,
        help = "With --keep-open: put '[ADDRESS] ' before each line that a client sends, with control characters escaped",
        requires = "keep_open",
        conflicts_with_all = ["send_only", "broker"]
    )]
    pub(crate) label: bool,

    /// Pass on what a client sends to all other clients
    #[arg(long)]
    pub(crate) broker: bool,

    /// For people at terminals.
    #[arg(
        long,
        help = "With --broker: whole lines, behind '<ADDRESS> ', with control characters escaped",
        requires = "broker",
        conflicts_with = "keep_open"
    )]
    pub(crate) chat: bool,

    /// With --broker: stdin and stdout take part, as 'server' with --chat; without it they do not
    #[arg(long, requires = "broker", conflicts_with = "keep_open")]
    pub(crate) join: bool,

    /// With --keep-open or --broker: what becomes of a client that reads too slowly
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Slow::Cut, requires = "hub",
        conflicts_with = "recv_only")]
    pub(crate) slow: Slow,

    /// Send each client what it sends
    #[arg(long)]
    pub(crate) echo: bool,

    /// Read what clients send, and throw it away
    #[arg(long)]
    pub(crate) discard: bool,

    /// Send each client this text, or what is in a file, and end; \n, \r, \t, \0, \e, \\ and \xHH are understood
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(crate) reply: Option<String>,

    /// Talk to each client by a script: say this first; escapes as for --reply
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) greet: Option<String>,

    /// Script: when a client says WHEN, say SAY; may be repeated
    #[arg(long, value_name = "WHEN=SAY", allow_hyphen_values = true)]
    pub(crate) answer: Vec<String>,

    /// Script: say this when nothing else fits
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) otherwise: Option<String>,

    /// Script: when a client says this, say its answer, if there is one, and end; may be repeated
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) hang_up: Vec<String>,

    /// Script: what counts as one thing said
    #[arg(long, value_enum, value_name = "UNIT", default_value_t = Unit::Line, requires = "script")]
    pub(crate) unit: Unit,

    #[command(flatten)]
    pub(crate) exec: StreamExecArgs,
}

impl ModeArgs {
    /// True if a conversation is scripted.
    pub(crate) fn has_script(&self) -> bool {
        let texts = self.greet.is_some() || self.otherwise.is_some();
        texts || !self.answer.is_empty() || !self.hang_up.is_empty()
    }

    /// The script, with its escapes read.
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
    /// Take uploads into this folder, from many clients at once
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,

    /// Offer a file, or all that is in a folder, for download
    #[arg(long, value_name = "PATH")]
    pub(crate) share: Option<PathBuf>,

    /// With --store: what clients speak
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireProtocol::Sendall, requires = "store",
        conflicts_with = "share")]
    pub(crate) wire: WireProtocol,

    /// With --share: what becomes of symbolic links
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Links::Skip, requires = "share")]
    pub(crate) links: Links,

    /// With --store or --share: end after the first session, with its outcome as exit code; who only connects or
    /// lists, or is refused what it asks for, is no session
    #[arg(long, requires = "transfer", conflicts_with = "count")]
    pub(crate) once: bool,

    /// With --store: never replace a file, even for 'upload --force'
    #[arg(long, requires = "store")]
    pub(crate) keep_existing: bool,

    /// With --store: refuse files that are larger
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "store")]
    pub(crate) max_size: Option<u64>,

    /// With --store: the most files, folders and links that one client may send
    #[arg(long, value_name = "N", default_value_t = MAX_ENTRIES, requires = "store",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_entries: u32,

    /// With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "store")]
    pub(crate) digests: Option<PathBuf>,

    /// With --store, --share or --socks: time limit of a client's handshake; with --accept-proxy-protocol: of its header;
    /// with --forward or --socks: of each address of a target [default: 10s]; else as --accept-timeout
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// How many clients, and for how long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access and limits")]
pub(crate) struct ServeLimitArgs {
    /// Clients at the same time, as far as there are descriptors [default: 100 with --store, --share, --exec and --sh,
    /// else 16384]; see --full for the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: Option<u32>,

    /// Clients at the same time from one IPv4 address or IPv6 /64 network [default: 16 with --store, --share, --exec and
    /// --sh, else no limit]; others are refused
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_per_source: Option<u32>,

    /// What becomes of clients over --max-clients
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Full::Wait)]
    full: Full,

    /// End when so many clients were served: with 0 if all went well, else with 9, or of one client with its own code
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Fail if there was no client for so long [default: wait for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) accept_timeout: Option<Duration>,

    /// Clients come through a proxy that writes a header of the PROXY protocol (v1 or v2) before each stream: the
    /// address in it is what is logged and what access lists see; who sends none is cut. Let nobody but the proxy
    /// reach this port
    #[arg(long)]
    pub(crate) accept_proxy_protocol: bool,

    /// Cut a client that is not done after so long [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) session_timeout: Option<Duration>,
}

impl ServeLimitArgs {
    /// For a mode with many clients, each of which costs much or little.
    pub(crate) fn of_many(&self, are_costly: bool) -> ClientLimits {
        let (clients, per_source) = match are_costly {
            true => (MAX_COSTLY_CLIENTS, MAX_COSTLY_PER_SOURCE),
            false => (MAX_CLIENTS, NO_LIMIT),
        };
        ClientLimits {
            clients: self.max_clients.unwrap_or(clients) as usize,
            clients_asked: None,
            full: self.full,
            if_full: "",
            per_source: self.max_per_source.map_or(per_source, |limit| limit as usize),
            count: self.count,
            accept_timeout: self.accept_timeout(),
            header: None,
        }
    }

    /// Which of them were chosen.
    pub(crate) fn explicit(&self) -> Explicit {
        Explicit { clients: self.max_clients.is_some(), per_source: self.max_per_source.is_some() }
    }

    fn accept_timeout(&self) -> Option<(Duration, &'static str)> {
        self.accept_timeout.map(|limit| (limit, "--accept-timeout"))
    }

    /// For the first client alone.
    pub(crate) fn of_one(&self) -> Result<ClientLimits, Error> {
        let given = [
            ("--max-clients", self.max_clients.is_some()),
            ("--max-per-source", self.max_per_source.is_some()),
            ("--count", self.count.is_some()),
            ("--full refuse", self.full == Full::Refuse),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            let text =
                format!("{option}: without a mode there is one client only (see 'sendall serve --help')");
            return Err(Error::new(Exit::Usage, text));
        }
        Ok(ClientLimits {
            clients: 1,
            clients_asked: None,
            full: Full::Wait,
            if_full: "",
            per_source: 1,
            count: Some(1),
            accept_timeout: self.accept_timeout(),
            header: None,
        })
    }
}
