//! `serve`: listens. Without a mode it connects the first client to stdin and stdout; with one it serves many.

pub(crate) mod datagrams;
pub(crate) mod mode;
mod stdio;
mod transfers;

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use self::mode::{Mode, SocksPlan};
use super::tls::{IdentityFiles, ServerTlsPlan};
use super::trust::ServerTrustPlan;
use crate::error::{Error, Exit};
use crate::http::metrics::{METRICS_DESCRIPTORS, MetricsServer};
use crate::net::child::ChildStdio;
use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::{Endpoint, Inherited};
use crate::net::listen::check_tcp;
use crate::net::options::SocketOptions;
use crate::net::reactor::Io;
use crate::net::signals::Signals;
use crate::net::stdio::{check_stdout, has_stdin};
use crate::proto::proxy::users::Users;
use crate::relay::exec::Exec;
use crate::relay::modes::conversation::Conversation;
use crate::relay::modes::echo::Echo;
use crate::relay::modes::exec_socket::ExecSocket;
use crate::relay::modes::forward::Forward;
use crate::relay::modes::hub::Hub;
use crate::relay::modes::keep_open;
use crate::relay::modes::per_client::{PerClient, RelayClient};
use crate::relay::modes::reply::{ReplySession, ReplySource};
use crate::relay::modes::single_client::SingleClient;
use crate::relay::modes::socks::{ProxyRules, Socks};
use crate::relay::modes::stdio_client::StdioDirections;
use crate::relay::modes::subscriber::{Audience, Subscriber, SubscriberOptions};
use crate::relay::options::RecordOptions;
use crate::relay::session::LocalSide;
use crate::relay::tools::Tools;
use crate::report::{Report, Shown, escape_name};
use crate::server::acceptor::{ClientLimits, DescriptorBudget, ExplicitLimits, Handler};
use crate::server::access_sources::AccessSources;
use crate::server::client_session::{CountedSession, SessionLimits};
use crate::server::option_files::bytes_of;
use crate::server::setup::{ClientOptions, ServerSetup};
use crate::server::tls_gate::GateTerms;
use crate::transfer::WireProtocol;

/// The default time limit of a handshake.
pub(crate) const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// The default limit of a transfer's silence.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// The validated arguments of `serve`.
pub struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    /// Endpoints that were typed without a port, which may be the names of files instead.
    pub(crate) endpoints_without_port: Vec<String>,
    /// The command that a client types, with ADDR for the address.
    pub(crate) client_command: &'static str,
    pub(crate) limits: ClientLimits,
    /// The limits that were typed.
    pub(crate) explicit: ExplicitLimits,
    pub(crate) access: AccessSources,
    /// Where the page of counts is.
    pub(crate) metrics: Option<Endpoint>,
    pub(crate) session_limits: SessionLimits,
    /// The bytes per second of a client, in each direction.
    pub(crate) rate: Option<u64>,
    pub(crate) socket: SocketOptions,
    pub(crate) records: RecordOptions,
    pub(crate) tls: Option<ServerTlsPlan>,
    /// Clients are admitted over TLS.
    pub(crate) trust: Option<ServerTrustPlan>,
    pub(crate) mode: Mode,
}

impl SocksPlan {
    /// Reads the files of users and targets.
    fn load(&self) -> Result<ProxyRules, Error> {
        let users = self.users.as_ref().map(|path| {
            let users = Users::parse(&bytes_of(path, "--socks-users")?);
            users.map(Rc::new).map_err(|fault| Error::new(Exit::Usage, format!("--socks-users: {fault}")))
        });
        Ok(ProxyRules { users: users.transpose()?, targets: self.targets.load()?, timeout: self.timeout })
    }
}

/// Starts the page of counts, if it was asked for.
fn start_metrics(
    (endpoint, mode): (&Option<Endpoint>, &Mode),
    report: &Report,
    signals: &Signals,
) -> Result<Option<MetricsServer>, Error> {
    let are_datagrams = matches!(mode, Mode::Datagrams(_));
    let shown = Shown {
        clients: !are_datagrams,
        http: matches!(mode, Mode::Transfer(plan) if plan.web.is_some()),
        datagrams: are_datagrams,
        flows: are_datagrams,
    };
    MetricsServer::start_if(endpoint.as_ref(), shown, (report, signals))
}

/// Descriptors of the files that clients of HTTP fetch at a time, where there are too few for all.
const OPEN_FILES: u64 = 64;
/// Sessions of transfers come first, up to this number.
const MIN_SESSIONS: usize = 8;

/// A server that is about to listen.
struct Server<'a> {
    setup: ServerSetup,
    records: RecordOptions,
    report: &'a Report,
    signals: &'a Signals,
}

impl Server<'_> {
    /// Serves all clients by one handler.
    fn open<H: Handler + 'static>(
        self,
        handler: impl FnOnce(&Io, ClientOptions) -> Result<H, Error>,
    ) -> Result<(), Error> {
        self.setup.open(self.report, self.signals, handler)
    }

    /// Serves each client by its own session.
    fn each<F>(self, make: F) -> Result<(), Error>
    where
        F: FnMut(RelayClient) -> Result<Box<dyn CountedSession>, Error> + 'static,
    {
        let tools = Tools::new(&self.records, self.report)?;
        self.open(|io, terms| Ok(PerClient::new(io, terms, tools, make)))
    }

    /// Serves clients that share stdin and stdout.
    fn keep_open(
        self,
        hub: Hub,
        options: SubscriberOptions,
        directions: StdioDirections,
    ) -> Result<(), Error> {
        let tools = Tools::new(&self.records, self.report)?;
        keep_open::run(self.setup, tools, (self.report, self.signals), hub, options, directions)
    }
}

impl Plan {
    /// Listens, and returns when `--count` clients were served, or a signal arrives.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        if let (Mode::Transfer(plan), [Endpoint::Inherited(Inherited::Stdio)]) =
            (&self.mode, &self.endpoints[..])
        {
            return stdio::serve(plan, self.session_limits, report, signals);
        }
        self.check_hosts()?;
        let asked = self.limits.max_clients;
        let (mut limits, sessions) = self.limits_within_descriptors();
        if let Mode::Transfer(_) = self.mode {
            // Reported for the default as well: it is fewer clients than expected.
            limits.requested_max_clients = (limits.max_clients < asked).then_some(asked);
        }
        if sessions < limits.max_clients && matches!(self.mode, Mode::Transfer(_)) {
            report.warning(format_args!(
                "the limit on descriptors (ulimit -n) has room for {sessions} large transfers at a time; others wait"
            ));
        }
        if let Mode::Datagrams(_) = self.mode {
            return datagrams::relay(self, limits, (report, signals));
        }
        let terms =
            ClientOptions { session_limits: self.session_limits, rate: self.rate, socket: self.socket };
        let is_for_transfers = matches!(self.mode, Mode::Transfer(_));
        let web = match &self.mode {
            Mode::Transfer(plan) => plan.web.as_ref(),
            _ => None,
        };
        let behind_proxy = self.limits.proxy_header_timeout.is_some();
        let gate = match (&self.trust, &self.tls) {
            (Some(plan), _) => match plan.load(&self.endpoints, behind_proxy, report)? {
                Some(mut trust) => {
                    if let Some(web) = web {
                        let identity = web.identity.as_ref().map(IdentityFiles::load).transpose()?;
                        trust.tls = trust.tls.with_http(identity)?;
                    }
                    let (trust, speaks_http) = (Rc::new(trust), web.is_some());
                    Some(GateTerms::Admission { trust, is_for_transfers, speaks_http })
                }
                None => None,
            },
            (None, Some(plan)) => {
                check_tcp(&self.endpoints, "--tls")?;
                Some(GateTerms::Tls { terms: plan.terms()?, is_http: false })
            }
            (None, None) => None,
        };
        if gate.is_none() && web.is_some_and(|web| web.identity.is_some()) {
            let text = "--http-cert is for other machines, and only this one reaches the server: listen on :PORT, or type --open";
            return Err(Error::new(Exit::Usage, text));
        }
        let access = self.access.load()?;
        let _metrics = start_metrics((&self.metrics, &self.mode), report, signals)?;
        let setup = ServerSetup {
            endpoints: self.endpoints,
            invitation: self.client_command,
            limits,
            access,
            access_sources: self.access,
            terms,
            gate,
            web: None,
        };
        let server = Server { setup, records: self.records, report, signals };
        match self.mode {
            Mode::Single(options) => {
                let local = LocalSide::new(&options, report)?;
                server.open(|io, terms| Ok(SingleClient::new(io, terms, local)))
            }
            Mode::Transfer(plan) => transfers::transfer(server, &plan, sessions),
            Mode::Echo => server.each(|client| Ok(Box::new(Echo::new(client)))),
            Mode::Discard => server.each(|client| Ok(Box::new(ReplySession::discard(client)))),
            Mode::Reply(text) => {
                let answer = ReplySource::read(&text)?;
                server.each(move |client| Ok(Box::new(ReplySession::new(client, &answer)?)))
            }
            Mode::Forward(plan) => {
                let destination = plan.load()?;
                server.each(move |client| Ok(Box::new(Forward::new(client, &destination))))
            }
            // Returned above.
            Mode::Datagrams(_) => Ok(()),
            Mode::Socks(plan) => {
                let rules = plan.load()?;
                if rules.users.is_none() && server.setup.is_open_to_others() {
                    report.warning(
                        "everyone who can connect can use this proxy: see --socks-users and --allow",
                    );
                }
                server.each(move |client| Ok(Box::new(Socks::new(client, &rules))))
            }
            Mode::Script(script) => {
                server.each(move |client| Ok(Box::new(Conversation::new(client, &script))))
            }
            Mode::Broker { slow, labelling, joins: false } => {
                if has_stdin() {
                    report.warning("stdin and stdout do not take part in --broker: see --join");
                }
                let hub = Hub::new(slow);
                let options =
                    SubscriberOptions { audience: Audience::Others, labelling, closes_at_eof: true };
                server.each(move |client| Ok(Box::new(Subscriber::new(client, &hub, options))))
            }
            Mode::Broker { slow, labelling, joins: true } => {
                check_stdout()?;
                let options = SubscriberOptions { audience: Audience::All, labelling, closes_at_eof: true };
                server.keep_open(Hub::new(slow), options, StdioDirections { reads: true, writes: true })
            }
            Mode::KeepOpen { slow, labelling, directions } => {
                if directions.writes {
                    check_stdout()?;
                }
                let audience = if directions.writes { Audience::Output } else { Audience::None };
                let options = SubscriberOptions { audience, labelling, closes_at_eof: false };
                server.keep_open(Hub::new(slow), options, directions)
            }
            Mode::Exec(program, _) if program.stdio == ChildStdio::Socket => {
                server.open(|io, terms| Ok(ExecSocket::new(io, terms, program)))
            }
            Mode::Exec(program, rules) => server.each(move |client| {
                let (context, names) = ((&client.io, &client.report), (&client.name, &client.local));
                let peer = (client.peer, names.0, names.1);
                Ok(Box::new(Exec::start((&program, rules), peer, None, context, client.now)?))
            }),
        }
    }

    /// Fails if an endpoint is the name of a file: a pattern of the shell gave several words for one option.
    fn check_hosts(&self) -> Result<(), Error> {
        let is_here = |word: &&String| Path::new(word).is_file() || Path::new(word).is_dir();
        let Some(word) = self.endpoints_without_port.iter().find(is_here) else { return Ok(()) };
        let word = escape_name(word.as_bytes());
        let text = format!(
            "{word} is a file or folder here: --store and --share take only one; if it is a host, type {word}:{TRANSFER_PORT}"
        );
        Err(Error::new(Exit::Usage, text))
    }

    /// Returns the limits, with at most as many clients as there are descriptors for, and the most sessions of transfers.
    fn limits_within_descriptors(&self) -> (ClientLimits, usize) {
        if !self.mode.serves_many() {
            return (self.limits.clone(), 1);
        }
        let mut budget = self.mode.descriptors();
        budget.fixed += self.metrics.as_ref().map_or(0, |_| METRICS_DESCRIPTORS);
        let within = |budget| self.limits.clone().within_descriptors(budget, self.explicit);
        let limits = within(budget);
        let sessions = limits.max_clients;
        let plan = match &self.mode {
            Mode::Transfer(plan) if plan.wire == WireProtocol::Sendall => plan,
            _ => return (limits, sessions),
        };
        if sessions == self.limits.max_clients {
            return (limits, sessions);
        }
        if plan.web.is_none() {
            // A third of them is for sessions, and enough for one. A client that has not said what it wants has none.
            let fixed = budget.fixed + budget.per_client;
            let mut more = within(DescriptorBudget { per_client: 1, fixed });
            let most = within(DescriptorBudget { per_client: 3, fixed }).max_clients.saturating_mul(2);
            more.cap(most.max(sessions));
            return (more, sessions);
        }
        // Where there are too few, a third of them is for sessions. A client of HTTP that is idle, or fetches a file, has none.
        let third = DescriptorBudget { per_client: 3 * budget.per_client, ..budget };
        let sessions = within(third).max_clients.max(sessions.min(MIN_SESSIONS));
        let fixed = budget.fixed + budget.per_client * sessions as u64 + OPEN_FILES;
        let mut more = within(DescriptorBudget { per_client: 1, fixed });
        more.max_clients = more.max_clients.max(sessions);
        (more, sessions)
    }
}
