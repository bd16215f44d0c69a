//! The arguments of `serve`, validated. Nothing is opened here.

use std::rc::Rc;
use std::time::Duration;

use super::ServeArgs;
use crate::cli::datagram_endpoints::parse_listeners;
use crate::cli::options::RECORDS;
use crate::error::{Error, Exit};
use crate::net::child::ChildStdio;
use crate::net::endpoint::{Endpoint, EndpointUse, Inherited};
use crate::proto::secure::Rights;
use crate::relay::modes::stdio_client::StdioDirections;
use crate::relay::modes::subscriber::Labelling;
use crate::run::serve::mode::{Mode, TransferPlan};
use crate::run::serve::{HANDSHAKE_LIMIT, IDLE_LIMIT, Plan};
use crate::run::trust::{AdmissionNeed, ServerTrustPlan};
use crate::run::workers::Workers;
use crate::server::client_session::SessionLimits;
use crate::transfer::{Limits, WireProtocol};

/// A mode of `serve`.
struct ServeMode {
    /// The options that request it, as error lines name them.
    name: &'static str,
    /// The options of a relay that it uses; `None` if `plan` checks them.
    relay_options: Option<&'static [&'static [&'static str]]>,
    /// Validates its arguments; `None` if the mode was not requested.
    plan: fn(&ServeArgs) -> Option<Result<Mode, Error>>,
}

/// Every mode that has an option. `mode()` reads this table only: a mode is one entry.
const MODES: &[ServeMode] = &[
    ServeMode {
        name: "--store",
        relay_options: Some(&[]),
        plan: |args| args.transfer.store.is_some().then(|| args.transfer_plan().map(Mode::Transfer)),
    },
    ServeMode {
        name: "--share",
        relay_options: Some(&[]),
        plan: |args| {
            let is_requested = args.transfer.share.is_some() && args.transfer.store.is_none();
            is_requested.then(|| args.transfer_plan().map(Mode::Transfer))
        },
    },
    ServeMode {
        name: "--keep-open",
        relay_options: Some(&[&["--recv-only", "--send-only"], RECORDS]),
        plan: |args| {
            let mode = Mode::KeepOpen {
                slow: args.mode.slow,
                labelling: if args.mode.label { Labelling::Labelled } else { Labelling::Raw },
                directions: StdioDirections { reads: !args.relay.recv_only, writes: !args.relay.send_only },
            };
            args.mode.keep_open.then_some(Ok(mode))
        },
    },
    ServeMode {
        name: "--broker",
        relay_options: Some(&[RECORDS]),
        plan: |args| {
            args.mode.broker.then(|| {
                let labelling = if args.mode.chat { Labelling::Chat } else { Labelling::Raw };
                Ok(Mode::Broker { slow: args.mode.slow, labelling, joins: args.mode.join })
            })
        },
    },
    ServeMode { name: "--forward", relay_options: Some(&[RECORDS]), plan: ServeArgs::plan_forward },
    ServeMode {
        name: "--socks",
        relay_options: Some(&[RECORDS]),
        plan: |args| {
            args.proxying.socks.then(|| Ok(Mode::Socks(args.proxying.socks(args.handshake_timeout()))))
        },
    },
    ServeMode {
        name: "--echo",
        relay_options: Some(&[RECORDS]),
        plan: |args| args.mode.echo.then_some(Ok(Mode::Echo)),
    },
    ServeMode {
        name: "--discard",
        relay_options: Some(&[RECORDS]),
        plan: |args| args.mode.discard.then_some(Ok(Mode::Discard)),
    },
    ServeMode {
        name: "--reply",
        relay_options: Some(&[RECORDS]),
        plan: |args| args.mode.reply.clone().map(|text| Ok(Mode::Reply(text))),
    },
    ServeMode {
        name: "a script (--greet, --answer, --otherwise, --hang-up)",
        relay_options: Some(&[RECORDS]),
        plan: |args| {
            args.mode.has_script().then(|| args.mode.script().map(|script| Mode::Script(Rc::new(script))))
        },
    },
    ServeMode { name: "--exec, --sh or --exec-socket", relay_options: None, plan: ServeArgs::plan_exec },
];

impl ServeArgs {
    /// Validates the arguments.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        // First: a command in the wrong place is taken for endpoints.
        self.mode.exec.plan()?;
        let endpoints = self.endpoints().map_err(|hint| Error::new(Exit::Usage, hint))?;
        let socket = self.socket.options_for(&endpoints)?;
        let mode = self.mode()?;
        if endpoints.contains(&Endpoint::Inherited(Inherited::Stdio)) {
            self.check_stdio(&endpoints, &mode)?;
        }
        let tls = self.tls.plan(self.handshake_timeout());
        if tls.is_some() {
            self.check_tls(&endpoints, &mode)?;
        }
        let trust = self.trust_plan(&endpoints, &mode, tls.is_some())?;
        let mut limits = match mode.serves_many() {
            true => self.limits.for_many_clients(mode.is_costly(), self.web.plan()?.is_some()),
            false => self.limits.for_single_client()?,
        };
        if self.limits.accept_proxy_protocol {
            limits.proxy_header_timeout = Some(self.transfer.timeout.unwrap_or(HANDSHAKE_LIMIT));
        } else if !mode.has_handshake() && tls.is_none() && trust.is_none() {
            if limits.accept_timeout.is_some() && self.transfer.timeout.is_some() {
                let text = "--timeout and --accept-timeout are the same here: type one of them";
                return Err(Error::new(Exit::Usage, text));
            }
            limits.accept_timeout =
                limits.accept_timeout.or(self.transfer.timeout.map(|limit| (limit, "--timeout")));
        }
        if let Mode::Exec(program, rules) = &mode
            && program.stdio != ChildStdio::Socket
            && !rules.ends_with_peer
        {
            limits.full_hint = "; with --end-when peer silent processes end when their clients have";
        }
        let client_command = self.client_command(&mode);
        let relay = self.relay.options();
        Ok(Plan {
            endpoints,
            endpoints_without_port: self.endpoints_without_port(),
            client_command,
            limits,
            explicit: self.limits.explicit(),
            access: self.access.sources(),
            metrics: self.metrics.endpoint()?,
            session_limits: SessionLimits { idle: relay.idle_timeout, session: self.limits.session_timeout },
            rate: relay.limit_rate,
            socket,
            records: relay.records,
            tls,
            trust,
            mode,
        })
    }

    /// The admission of clients, if it was requested.
    fn trust_plan(
        &self,
        endpoints: &[Endpoint],
        mode: &Mode,
        has_tls: bool,
    ) -> Result<Option<ServerTrustPlan>, Error> {
        let usage = |text: &str| Error::new(Exit::Usage, text);
        let rights = match mode {
            Mode::Transfer(plan) => {
                let store = if plan.store.is_some() { Rights::STORE } else { Rights::NONE };
                store.and(if plan.share.is_some() { Rights::SHARE } else { Rights::NONE })
            }
            _ => Rights::STREAM,
        };
        let is_text = matches!(mode, Mode::Transfer(plan) if plan.wire == WireProtocol::Text);
        // Files that others can fetch or replace are not for everybody on the network.
        // Behind a proxy all clients may be others.
        let has_tcp = endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Tcp { .. }));
        let is_for_others = endpoints.iter().any(|endpoint| !endpoint.is_local())
            || has_tcp && self.limits.accept_proxy_protocol;
        // Of a socket that was passed on, the address is not known yet.
        let may_be_for_others =
            is_for_others || endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Inherited(_)));
        let wants_code = may_be_for_others && !is_text && matches!(mode, Mode::Transfer(_));
        let terms = (self.transfer.once, wants_code);
        let plan = self.trust.plan(self.handshake_timeout(), rights, terms).map_err(usage)?;
        let Some(mut plan) = plan else { return Ok(None) };
        let is_typed = self.trust.encrypts();
        plan.when = match (is_typed, is_for_others) {
            (true, _) => AdmissionNeed::Requested,
            (false, true) => AdmissionNeed::Reached,
            (false, false) => AdmissionNeed::IfReached { typed: self.trust.typed_terms() },
        };
        if has_tls {
            return Err(usage("--tls excludes --code, --clients and --open: leave it out"));
        }
        let is_socket = matches!(mode, Mode::Exec(program, _) if program.stdio == ChildStdio::Socket);
        let may_be_tcp =
            |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { .. } | Endpoint::Inherited(_));
        if is_typed && !endpoints.iter().all(may_be_tcp) {
            return Err(usage(
                "--code, --clients and --open are for TCP: leave them out with Unix sockets and vsock",
            ));
        }
        match (is_text, is_socket) {
            (true, _) => Err(usage("--wire text knows no codes: leave --code, --clients and --open out")),
            (_, true) => {
                Err(usage("--exec-socket gives the process the socket itself: type --exec with --code"))
            }
            _ => Ok(Some(plan)),
        }
    }

    /// Fails where there is no TLS.
    fn check_tls(&self, endpoints: &[Endpoint], mode: &Mode) -> Result<(), Error> {
        let text = match mode {
            Mode::Transfer(_) => "--tls is for raw streams: leave it out with --store and --share",
            Mode::Exec(program, _) if program.stdio == ChildStdio::Socket => {
                "--exec-socket gives the process the socket itself: type --exec for a process with --tls"
            }
            _ if !endpoints
                .iter()
                .all(|endpoint| matches!(endpoint, Endpoint::Tcp { .. } | Endpoint::Inherited(_))) =>
            {
                "--tls is for TCP: leave it out with Unix sockets and vsock"
            }
            _ => return Ok(()),
        };
        Err(Error::new(Exit::Usage, text))
    }

    /// The command that a client types, with ADDR for the address. Empty if clients connect through a proxy.
    fn client_command(&self, mode: &Mode) -> &'static str {
        if self.limits.accept_proxy_protocol {
            return "";
        }
        match mode {
            Mode::Transfer(plan) if plan.wire == WireProtocol::Text => "sendall upload --wire text FILE ADDR",
            Mode::Transfer(_) if self.transfer.share.is_none() => "sendall upload FILE ADDR",
            Mode::Transfer(_) if self.transfer.store.is_none() => "sendall download ADDR",
            Mode::Transfer(_) => "sendall upload FILE ADDR, or sendall download ADDR",
            _ if self.trust.code.is_typed() => "sendall connect --code ADDR",
            Mode::Socks(_) => "sendall connect --proxy socks5://ADDR HOST:PORT",
            Mode::Datagrams(_) => "sendall udp-send ADDR",
            Mode::Single(_)
            | Mode::Echo
            | Mode::Discard
            | Mode::Reply(_)
            | Mode::Forward(_)
            | Mode::Script(_)
            | Mode::Broker { .. }
            | Mode::KeepOpen { .. }
            | Mode::Exec(..) => "sendall connect ADDR",
        }
    }

    /// True for `--store` and `--share`.
    fn is_transfer(&self) -> bool {
        self.transfer.store.is_some() || self.transfer.share.is_some()
    }

    /// The endpoints of a transfer that were typed without a port: each may be the name of a file or folder instead.
    fn endpoints_without_port(&self) -> Vec<String> {
        let words = self.endpoints.iter().filter(|word| !Endpoint::is_whole(word, EndpointUse::Listen));
        if self.is_transfer() { words.cloned().collect() } else { Vec::new() }
    }

    /// The endpoints to listen on. Transfers have a default.
    fn endpoints(&self) -> Result<Vec<Endpoint>, String> {
        if self.forwards_datagrams() {
            return parse_listeners(&self.endpoints);
        }
        self.check_listeners()?;
        match (self.is_transfer(), &self.endpoints[..]) {
            (true, []) => Ok(vec![Endpoint::transfers_here()]),
            (true, words) => Endpoint::parse_list_of_transfers(words, EndpointUse::Listen),
            (false, []) => {
                Err("type where to listen: PORT for this machine only, or :PORT for every interface".into())
            }
            (false, words) => Endpoint::parse_list(words, EndpointUse::Listen),
        }
    }

    /// The requested mode, or `Mode::Single` if none was requested.
    fn mode(&self) -> Result<Mode, Error> {
        let mut requested = MODES.iter().filter_map(|mode| Some((mode, (mode.plan)(self)?)));
        let Some((mode, plan)) = requested.next() else { return Ok(Mode::Single(self.relay.options())) };
        if let Some((other, _)) = requested.next() {
            let text = format!("{} and {} are modes of their own: type one of them", mode.name, other.name);
            return Err(Error::new(Exit::Usage, text));
        }
        if let Some(used) = mode.relay_options {
            self.relay.reject_relay_options_except(mode.name, &used.concat())?;
        }
        plan
    }

    fn plan_exec(&self) -> Option<Result<Mode, Error>> {
        let program = self.mode.exec.plan().transpose()?;
        Some(program.and_then(|program| {
            let rules = self.relay.exec_rules(&program)?;
            Ok(Mode::Exec(program, rules))
        }))
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        self.transfer.timeout.unwrap_or(HANDSHAKE_LIMIT)
    }

    fn transfer_plan(&self) -> Result<TransferPlan, Error> {
        let transfer = &self.transfer;
        if transfer.wire == WireProtocol::Text && transfer.digests.is_some() {
            let text = "--wire text verifies nothing: leave --digests out";
            return Err(Error::new(Exit::Usage, text));
        }
        Ok(TransferPlan {
            store: transfer.store.clone(),
            share: transfer.share.clone(),
            links: transfer.links,
            keep_existing: transfer.keep_existing,
            max_size: transfer.max_size,
            max_entries: transfer.max_entries,
            digests: transfer.digests.clone(),
            once: transfer.once,
            workers: transfer.workers.unwrap_or(Workers::OnePerCore),
            limits: Limits {
                handshake: self.handshake_timeout(),
                idle: self.relay.idle_timeout.unwrap_or(IDLE_LIMIT),
                rate: self.relay.limit_rate,
            },
            wire: transfer.wire,
            web: self.web.plan()?,
        })
    }
}
