//! Options of `connect`.

use std::rc::Rc;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use super::datagram_endpoints::is_datagram;
use super::exec_args::StreamExecArgs;
use super::manual;
use super::options::{RelayArgs, duration};
use super::pinned::PinnedEndpoint;
use super::proxy_args::{ProxyArgs, connector};
use super::retry_args::RetryArgs;
use super::socket_args::LocalArgs;
use super::tls_args::ClientTlsArgs;
use super::trust_args::CodeArgs;
use crate::datagram::too_large;
use crate::error::{Error, Exit};
use crate::net::child::ChildStdio;
use crate::net::endpoint::Endpoint;
use crate::net::ports;
use crate::proto::datagram::records::MAX_DATAGRAM_BYTES;
use crate::relay::probe::ProbePlan;
use crate::run::connect::{ConnectTask, Plan, ProbeEndpoint, RelayPlan};
use crate::server::option_files::unescape;

/// The default of `--timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for an answer to a datagram: most ports are silent, and one that answers does so at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str = "Connect stdin and stdout to a server";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = [manual::END_OF_FILE, manual::LINES_AND_MESSAGES, manual::CONNECT, manual::PROCESSES,
    manual::CONNECT_EXAMPLES]
    .join("\n\n"))]
#[command(group = ArgGroup::new("trying").multiple(true))]
#[command(group = ArgGroup::new("secured").multiple(true))]
pub(crate) struct ConnectArgs {
    /// The server.
    #[arg(help = manual::WHERE_TO, value_name = "ENDPOINT", required = true, num_args = 1..,
        value_hint = ValueHint::Hostname)]
    endpoint: Vec<String>,

    /// Only check whether connections are accepted; ENDPOINT may have several ports, for example HOST:20-25,80, and may be
    /// udp:HOST:PORT, to see whether a datagram is answered
    #[arg(long, conflicts_with_all = ["idle_timeout", "limit_rate", "send_only", "recv_only", "end_when",
        "no_half_close", "linger", "wait_greeting", "crlf", "line_delay", "telnet", "frame", "each",
        "frame_out", "max_message", "tee_in", "tee_out", "hex_dump", "tee_append", "exec", "sh", "exec_socket", "secured", "code", "code_file", "key"])]
    probe: bool,

    /// With --probe: retry until all are open, for at most this long
    #[arg(long, value_name = "DURATION", value_parser = duration, group = "trying")]
    within: Option<Duration>,

    /// With --probe: send this to ports of udp: instead of an empty datagram; \n, \r, \t, \0, \e, \ and \xHH are escapes
    #[arg(long, value_name = "TEXT", requires = "probe", allow_hyphen_values = true)]
    send: Option<String>,

    /// Limit the time for each address; with --proxy, the time until the server is reached [default: 10s; with --probe udp:,
    /// 3s for an answer]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    code: CodeArgs,

    #[command(flatten)]
    tls: ClientTlsArgs,

    #[command(flatten)]
    relay: RelayArgs,

    #[command(flatten)]
    local: LocalArgs,

    /// Wait for the first bytes of stdin, and send them with the packet that opens the connection (TCP Fast Open)
    #[arg(long, help_heading = "Socket options", conflicts_with_all = ["probe", "secured", "code", "code_file", "proxies",
        "proxy_password_file", "recv_only", "wait_greeting", "crlf", "line_delay", "telnet", "frame", "each", "frame_out",
        "max_message", "exec", "sh", "exec_socket"])]
    fastopen: bool,

    #[command(flatten)]
    exec: StreamExecArgs,
}

impl ConnectArgs {
    /// Validates the arguments.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        // First: a command in the wrong place is taken for an endpoint.
        let program = self.exec.plan()?.map(Rc::new);
        let rules = program.as_ref().map(|program| self.relay.exec_rules(program)).transpose()?;
        let timeout = self.timeout.unwrap_or(CONNECT_TIMEOUT);
        // The parser does not check this: it skips requirements of options that conflict with typed ones.
        if self.within.is_some() && !self.probe {
            return Err(usage("--within goes with --probe: type --timeout to limit connecting".into()));
        }
        if self.send.is_some() && !self.probe {
            return Err(usage("--send goes with --probe, for udp:HOST:PORT".into()));
        }
        if let Some(option) = self.tls.typed_without_tls() {
            return Err(usage(format!("{option} goes with --tls")));
        }
        let (is_tls, is_code) = (self.tls.is_typed(), self.code.is_typed());
        if !self.tls.pin.is_empty() && !is_tls && !is_code {
            return Err(usage("--pin goes with --tls or --code".into()));
        }
        if self.probe {
            return self.plan_probe();
        }
        let pinned = PinnedEndpoint::parse_only(&self.endpoint).map_err(usage)?;
        if self.fastopen && !matches!(pinned.endpoint, Endpoint::Tcp { .. }) {
            return Err(usage(format!(
                "--fastopen is for TCP: leave it out with {}",
                shown(&pinned.endpoint)
            )));
        }
        if program.as_ref().is_some_and(|program| program.stdio == ChildStdio::Socket)
            && is_line(&pinned.endpoint)
        {
            return Err(usage("--exec-socket is for sockets: type --exec with a line".into()));
        }
        let mut server = connector(&pinned.endpoint, &self.proxy, &self.local)?;
        if is_tls && is_code {
            return Err(usage(
                "--tls and --code exclude each other: type --code to reach 'serve --code'".into(),
            ));
        }
        let is_secure = is_tls || is_code;
        if pinned.pin.is_some() && !is_secure {
            let text = "the endpoint names the server's key (#sha256:...), which goes with --tls or --code";
            return Err(usage(text.into()));
        }
        server.tls = self.tls.plan(&pinned).map_err(usage)?;
        server.trust = self.code.client_plan(&pinned, &self.tls.pin).map_err(usage)?;
        if is_secure && program.as_ref().is_some_and(|program| program.stdio == ChildStdio::Socket) {
            let text = "--exec-socket gives the process the socket itself: type --exec with --tls or --code";
            return Err(usage(text.into()));
        }
        if is_secure && !matches!(pinned.endpoint, Endpoint::Tcp { .. }) {
            let what = shown(&pinned.endpoint);
            return Err(usage(format!("--tls and --code are for TCP: leave them out with {what}")));
        }
        let (retry, relay, first) =
            (self.retry.limits(), self.relay.options(), self.fastopen.then(Rc::default));
        let program = program.zip(rules);
        let plan = RelayPlan { server, timeout, retry, program, relay, first };
        Ok(Plan(ConnectTask::Relay(Box::new(plan))))
    }

    /// Validates the arguments of a probe.
    fn plan_probe(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let send = unescape(self.send.as_deref().unwrap_or_default());
        let send: Rc<[u8]> = send.map_err(|hint| usage(format!("--send: {hint}")))?.into();
        if send.len() > MAX_DATAGRAM_BYTES {
            return Err(too_large("--send"));
        }
        let mut targets = Vec::new();
        for words in self.endpoint.chunk_by(|one, other| !is_datagram(one) && !is_datagram(other)) {
            let port = words[0].strip_prefix("udp:");
            let streams = if port.is_some() { &[][..] } else { words };
            let named = port.map(|word| vec![word.to_owned()]);
            let typed = self.proxy.is_typed().then_some("--proxy").or(self.local.typed_for_streams());
            if let (Some(_), Some(option)) = (port, typed) {
                return Err(usage(format!("{option} is for streams: leave it out with udp:")));
            }
            for (endpoint, ports) in ports::parse_all(named.as_deref().unwrap_or(streams)).map_err(usage)? {
                if port.is_some() && !matches!(endpoint, Endpoint::Tcp { .. }) {
                    return Err(usage(format!("udp: has a host and a port, and {endpoint} has none")));
                }
                if is_line(&endpoint) {
                    return Err(usage(format!(
                        "--probe is for servers, and {endpoint} is a line: leave it out"
                    )));
                }
                let datagram = port.map(|_| Rc::clone(&send));
                let server = connector(&endpoint, &self.proxy, &self.local)?;
                targets.push(ProbeEndpoint { server, ports, datagram });
            }
        }
        if self.send.is_some() && targets.iter().all(|target| target.datagram.is_none()) {
            return Err(usage("--send is for datagrams: type udp:HOST:PORT".into()));
        }
        let total_timeout = self.within;
        // Only the time limits the retries.
        let is_endless = total_timeout.is_some() && self.retry.retry == 0;
        let options = ProbePlan {
            targets: Vec::new(),
            connect_timeout: self.timeout.unwrap_or(CONNECT_TIMEOUT),
            answer_timeout: self.timeout.unwrap_or(ANSWER_TIMEOUT),
            retries: if is_endless { u32::MAX } else { self.retry.retry },
            retry_interval: self.retry.retry_delay,
            total_timeout,
        };
        Ok(Plan(ConnectTask::Probe { targets, options }))
    }
}

/// An endpoint that is not TCP, in an error.
fn shown(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Special(special) => special.to_string(),
        _ => "a Unix socket".into(),
    }
}

/// True for a serial line or a pseudoterminal.
fn is_line(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Special(special) if special.is_terminal())
}
