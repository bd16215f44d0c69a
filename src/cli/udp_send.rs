//! Options of `udp-send`.

use std::collections::VecDeque;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueHint};

use super::manual;
use super::options::{duration, rate};
use super::socket_args::FamilyArgs;
use super::values::split_at;
use crate::datagram::send::input::DatagramSource;
use crate::datagram::send::session::ReplyWait;
use crate::datagram::style::{LengthPrefix, PrintFormat, Style};
use crate::datagram::{check, too_large};
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::net::local_end::SourceAddress;
use crate::net::udp::Options;
use crate::proto::datagram::pace::Pace;
use crate::proto::datagram::records::{MAX_DATAGRAM_BYTES, SplitAt};
use crate::run::udp_send::Plan;
use crate::server::option_files::unescape;

/// The default of `--wait`.
const DEFAULT_REPLY_WAIT: Duration = Duration::from_secs(10);

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str = "Send datagrams from arguments or stdin, and wait for replies if asked";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = manual::UDP_SEND)]
pub(crate) struct UdpSendArgs {
    /// The receiver, and texts.
    #[arg(help = "The receiver (HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT), and texts; each text is a \
        datagram, with \\n, \\r, \\t, \\0 and \\xHH as escapes", value_name = "ENDPOINT [TEXT...]", required = true, value_hint = ValueHint::Hostname)]
    words: Vec<String>,

    /// Split stdin at each line, not at all (all), at length prefixes (u16be), after SIZE bytes, or at each object of --print
    /// json (json) [default: line, for text only]
    #[arg(long, value_name = "line|SIZE|all|u16be|json", value_parser = split_at)]
    each: Option<SplitAt>,

    /// Expect a length before each datagram on stdin, and put one before each reply
    #[arg(long, value_enum, value_name = "PREFIX", conflicts_with_all = ["each", "print", "label"])]
    frame: Option<LengthPrefix>,

    /// Print replies until this long after the last datagram was sent; fail if none comes
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,

    /// Print replies, and end after N; fail if fewer come within --wait [default: 10s]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    replies: Option<u64>,

    /// Choose the form of each reply on stdout [default: line]
    #[arg(long, value_enum, value_name = "FORM")]
    print: Option<PrintFormat>,

    /// Put the peer's address and a space before each reply
    #[arg(long)]
    label: bool,

    /// Send each datagram N times
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
        value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,

    /// Interval between datagrams
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    interval: Option<Duration>,

    /// Limit the bytes sent per second, for example 500KiB or 10MB
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit_rate: Option<u64>,

    /// End at this line of stdin, without sending it
    #[arg(long, value_name = "LINE")]
    until: Option<String>,

    /// Treat stdin as ended when it and the peer are silent for this long; fail if nothing was sent at all
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    idle_timeout: Option<Duration>,

    /// The local address of datagrams.
    #[arg(
        long,
        help = "Send from this local address, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT; or from the Unix socket unix:/path",
        value_name = "ADDR|unix:PATH",
        value_parser = parse_source
    )]
    source: Option<SourceArg>,

    #[command(flatten)]
    family: FamilyArgs,

    /// Set the time to live (hop limit) of datagrams [default: the system's; 1 for a multicast group]
    #[arg(long, visible_alias = "hops", value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,

    /// Allow a broadcast address, and accept replies from any address
    #[arg(long)]
    broadcast: bool,

    /// Choose whether this machine receives its own datagrams to a multicast group [default: on]
    #[arg(long = "loop", value_name = "on|off", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    multicast_loop: Option<bool>,
}

impl UdpSendArgs {
    /// Validates the arguments.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let (first, second) = (&self.words[0], self.words.get(1).map(String::as_str));
        let (endpoint, used) = Endpoint::parse_first(first, second, EndpointUse::Connect).map_err(usage)?;
        check(&endpoint)?;
        let texts = &self.words[used..];
        let has_stdin_options = self.each.is_some() || self.until.is_some() || self.idle_timeout.is_some();
        if !texts.is_empty() && has_stdin_options {
            let text = "--each, --until and --idle-timeout are about stdin: leave them out, or the texts";
            return Err(usage(text.into()));
        }
        let wants_replies = self.wait.is_some() || self.replies.is_some();
        if !(texts.is_empty() || wants_replies) && self.frame.is_some() {
            return Err(usage("--frame is about stdin and replies: add --wait or --replies".into()));
        }
        if !wants_replies && (self.print.is_some() || self.label) {
            return Err(usage("--print and --label are about replies: add --wait or --replies".into()));
        }
        if self.label && self.print == Some(PrintFormat::Json) {
            return Err(usage("--print json already has the peer: leave --label out".into()));
        }
        let (source, unix_bind_path) = self.source_for(&endpoint)?;
        let mut payloads = VecDeque::new();
        for (text, number) in texts.iter().zip(1..) {
            let datagram = unescape(text).map_err(|hint| usage(format!("text {number}: {hint}")))?;
            if datagram.len() > MAX_DATAGRAM_BYTES {
                return Err(too_large(&format!("text {number}")));
            }
            payloads.push_back(datagram);
        }
        let datagrams = if texts.is_empty() {
            let split_at = self.each.or_else(|| self.frame.map(|LengthPrefix::U16be| SplitAt::U16be));
            DatagramSource::stdin(split_at, self.until.clone(), self.repeat)
        } else {
            DatagramSource::texts(payloads, self.repeat)
        };
        let style = Style::new(self.print.unwrap_or(PrintFormat::Line), self.frame, self.label);
        Ok(Plan {
            endpoint,
            options: Options {
                is_timed: style.is_timed(),
                family: self.family.family(),
                source,
                unix_bind_path,
                ttl: self.ttl,
                broadcast: self.broadcast,
                multicast_loop: self.multicast_loop,
                ..Options::default()
            },
            source: datagrams,
            reply_wait: wants_replies
                .then(|| ReplyWait { replies: self.replies, wait: self.wait.unwrap_or(DEFAULT_REPLY_WAIT) }),
            style,
            pace: Pace::new(self.interval, self.limit_rate),
            idle: self.idle_timeout,
        })
    }

    /// Returns the value of `--source`: an address for an IP socket, a name for a Unix socket.
    fn source_for(&self, endpoint: &Endpoint) -> Result<(Option<SourceAddress>, Option<Endpoint>), Error> {
        let is_unix = !matches!(endpoint, Endpoint::Tcp { .. });
        let hint = match &self.source {
            None => return Ok((None, None)),
            Some(SourceArg::Address(source)) if !is_unix => return Ok((Some(*source), None)),
            Some(SourceArg::Unix(name)) if is_unix => return Ok((None, Some(name.clone()))),
            Some(SourceArg::Address(_)) => {
                format!("{endpoint} receives from Unix sockets only: type --source unix:/path")
            }
            Some(SourceArg::Unix(_)) => {
                format!("{endpoint} is not a Unix socket: type --source ADDRESS, ADDRESS:PORT or :PORT")
            }
        };
        Err(Error::new(Exit::Usage, hint))
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    if humantime::parse_duration(text).is_ok_and(|interval| interval.is_zero()) {
        return Err("there is no pause by default: leave the option out".into());
    }
    duration(text)
}

/// The value of `--source`.
#[derive(Clone, Debug)]
enum SourceArg {
    Address(SourceAddress),
    /// The name of a Unix socket.
    Unix(Endpoint),
}

fn parse_source(text: &str) -> Result<SourceArg, String> {
    if text.starts_with("unix:") {
        return Endpoint::parse(text, EndpointUse::Listen).map(SourceArg::Unix);
    }
    text.parse().map(SourceArg::Address).map_err(|hint: String| hint + ", or unix:/path")
}
