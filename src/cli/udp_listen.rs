//! Options of `udp-listen`.

use std::net::IpAddr;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use super::access_args::AccessArgs;
use super::exec_args::ExecArgs;
use super::manual;
use super::metrics_args::MetricsArgs;
use super::options::{duration, size};
use super::socket_args::FamilyArgs;
use super::values::split_at;
use crate::datagram::check;
use crate::datagram::listen::answers::Answers;
use crate::datagram::listen::processes::ProcessOptions;
use crate::datagram::listen::session::ReceiveLimits;
use crate::datagram::style::{LengthPrefix, PrintFormat, Style};
use crate::error::{Error, Exit};
use crate::net::child::ChildStdio;
use crate::net::endpoint::{Endpoint, EndpointUse, Host};
use crate::net::udp::{Group, Options};
use crate::proto::datagram::guard::ReplyLimits;
use crate::proto::datagram::records::SplitAt;
use crate::run::udp_listen::Plan;
use crate::server::option_files::TextOrFile;

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str = "Receive datagrams from any number of peers, and answer them if asked";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = [manual::UDP_LISTEN, manual::UDP_LISTEN_EXAMPLES].join("\n\n"))]
#[command(mut_arg("pty", |arg| arg.hide(true)))]
#[command(mut_arg("allow", |arg| arg.visible_alias("from")
    .help("Accept datagrams only from the networks, addresses and names that are listed; @FILE has one per line, and is read again on SIGHUP")))]
#[command(mut_arg("deny", |arg| arg
    .help("Ignore this network, address or name; if several entries match, the longest prefix decides")))]
#[command(group = ArgGroup::new("answer").args(["echo", "reply", "interactive", "exec", "sh"]))]
#[command(group = ArgGroup::new("process").args(["exec", "sh"]))]
pub(crate) struct UdpListenArgs {
    /// Where to listen: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name, systemd:, fd:N; port 0 picks a free one
    #[arg(value_name = "ENDPOINT", required = true, value_hint = ValueHint::Hostname)]
    endpoints: Vec<String>,

    /// Choose the form of each datagram on stdout [default: line]
    #[arg(long, value_enum, value_name = "FORM")]
    each: Option<PrintFormat>,

    /// Put a length before each payload, instead of --each
    #[arg(long, value_enum, value_name = "PREFIX", conflicts_with = "each")]
    frame: Option<LengthPrefix>,

    /// Put the peer's address and a space before each payload
    #[arg(long, conflicts_with = "frame")]
    label: bool,

    /// End after N datagrams
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End when nothing arrives for this long; a failure if nothing came at all, or fewer than --count
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    idle_timeout: Option<Duration>,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    metrics: MetricsArgs,

    /// Leave out larger datagrams
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,

    /// Send each datagram back
    #[arg(long)]
    echo: bool,

    /// Answer each datagram with this text, with \n, \r, \t and \xHH as escapes, or with a file
    #[arg(long, value_name = "TEXT|@FILE")]
    reply: Option<String>,

    /// Send lines of stdin to the peer that sent last
    #[arg(long)]
    interactive: bool,

    /// With --interactive: send lines to this peer
    // Conflicts are named as well: the parser does not ask for what would conflict with something that is there.
    #[arg(long, value_name = "ENDPOINT", requires = "interactive", conflicts_with_all = ["echo", "reply", "exec", "sh"],
        value_hint = ValueHint::Hostname)]
    to: Option<String>,

    /// With --interactive: end at this line of stdin, or at its end
    #[arg(long, value_name = "LINE", requires = "interactive", conflicts_with_all = ["echo", "reply", "exec", "sh"])]
    until: Option<String>,

    #[command(flatten)]
    exec: ExecArgs,

    /// With --exec or --sh: split a process's output into datagrams at each line, at its end (all), at each write (raw), at
    /// length prefixes (u16be), after SIZE bytes, or at each object of --each json (json) [default: as --each and --frame]
    #[arg(long, value_name = "line|SIZE|all|raw|u16be|json", value_parser = OutputSplit::parse, requires = "process")]
    answer_each: Option<OutputSplit>,

    /// With --exec or --sh: run at most N processes at a time
    #[arg(long, value_name = "N", default_value_t = 100, requires = "process", value_parser = clap::value_parser!(u32).range(1..))]
    max_peers: u32,

    /// With --exec or --sh: end a process when neither it nor its peer sends anything for this long
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s", requires = "process")]
    peer_timeout: Duration,

    /// Allow answers larger than the datagram they answer; only where every peer is known
    #[arg(long, requires = "answer", conflicts_with = "to")]
    amplify_ok: bool,

    /// Send at most N answers per second to one peer
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "answer", conflicts_with = "to",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_answers: u32,

    #[command(flatten)]
    family: FamilyArgs,

    /// Join a multicast group, on INTERFACE if one is named; may be repeated
    #[arg(long, value_name = "GROUP[%INTERFACE]", value_parser = Group::parse)]
    join: Vec<Group>,

    /// With --join: receive from this sender only (source-specific multicast); may be repeated
    #[arg(long, value_name = "ADDRESS", requires = "join")]
    source_filter: Vec<IpAddr>,

    /// Accept datagrams only from the peer that sends the first one
    #[arg(long)]
    connected: bool,
}

/// The boundaries in the output of a process; `None`: each read is a datagram.
#[derive(Clone, Copy, Debug)]
struct OutputSplit(Option<SplitAt>);

impl OutputSplit {
    fn parse(text: &str) -> Result<OutputSplit, String> {
        match text {
            "raw" => Ok(OutputSplit(None)),
            _ => split_at(text)
                .map(|boundary| OutputSplit(Some(boundary)))
                .map_err(|hint| hint.replace("type line", "type line, raw")),
        }
    }
}

impl UdpListenArgs {
    /// Validates the arguments.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let endpoints = Endpoint::parse_list(&self.endpoints, EndpointUse::Listen).map_err(usage)?;
        endpoints.iter().try_for_each(check)?;
        if self.label && self.each == Some(PrintFormat::Json) {
            return Err(usage("--each json already has the peer: leave --label out".into()));
        }
        let is_unix = |endpoint: &Endpoint| !matches!(endpoint, Endpoint::Tcp { .. });
        let is_local = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { host: Host::Loopback, .. });
        if !self.join.is_empty() && endpoints.iter().any(|endpoint| is_local(endpoint) || is_unix(endpoint)) {
            return Err(usage("multicast groups need every interface: type :PORT with --join".into()));
        }
        let style = Style::new(self.each.unwrap_or(PrintFormat::Line), self.frame, self.label);
        Ok(Plan {
            endpoints,
            options: Options {
                is_timed: style.is_timed(),
                family: self.family.family(),
                groups: self.join.clone(),
                sources: self.source_filter.clone(),
                ..Options::default()
            },
            access: self.access.sources(),
            metrics: self.metrics.endpoint()?,
            style,
            limits: ReceiveLimits {
                count: self.count,
                idle_timeout: self.idle_timeout,
                max_size: self.max_size,
                is_connected: self.connected,
            },
            answers: self.answers(style)?,
            reply: self.reply.as_deref().map(|reply| TextOrFile::parse(reply, "--reply")).transpose()?,
            reply_limits: ReplyLimits { amplify: self.amplify_ok, per_second: self.max_answers },
        })
    }

    fn answers(&self, style: Style) -> Result<Answers, Error> {
        if let Some(program) = self.exec.plan()? {
            if program.stdio == ChildStdio::Terminal {
                return Err(Error::new(Exit::Usage, "a terminal cannot carry datagrams: leave --pty out"));
            }
            let split_at = self.answer_each.map_or_else(|| style.split_at(), |split| split.0);
            let (idle, max_processes) = (self.peer_timeout, self.max_peers as usize);
            return Ok(Answers::Run(ProcessOptions {
                program,
                style,
                may_cut: self.each.is_some(),
                split_at,
                idle,
                max_processes,
            }));
        }
        Ok(if self.echo {
            Answers::Echo
        } else if self.interactive {
            let to = self.to.as_deref().map(|to| Endpoint::parse(to, EndpointUse::Connect)).transpose();
            let to = to.map_err(|hint| Error::new(Exit::Usage, hint))?;
            Answers::Typed { to, until: self.until.clone() }
        } else {
            Answers::None
        })
    }
}
