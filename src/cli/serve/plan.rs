//! What `serve` was told, validated. Nothing is opened here.

use std::rc::Rc;

use super::ServeArgs;
use crate::cli::options::RECORDS;
use crate::error::{Error, Exit};
use crate::net::child::{ChildStdio, Program};
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::relay::modes::stdio_client::Ways;
use crate::relay::modes::subscriber::Words;
use crate::run::serve::{HANDSHAKE_LIMIT, IDLE_LIMIT, Mode, Plan, TransferPlan};
use crate::server::client_session::SessionLimits;
use crate::transfer::{Limits, WireProtocol};

impl ServeArgs {
    /// Validates everything that was typed.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        // First: a command in the wrong place is taken for endpoints.
        let program = self.mode.exec.plan()?;
        let endpoints = self.endpoints().map_err(|hint| Error::new(Exit::Usage, hint))?;
        let socket = self.socket.options_for(&endpoints)?;
        let mode = self.mode(program)?;
        let mut limits = match &mode {
            Mode::Single(_) => self.limits.of_one()?,
            _ => self.limits.of_many(mode.is_costly()),
        };
        if self.limits.accept_proxy_protocol {
            limits.proxy_header_timeout = Some(self.transfer.timeout.unwrap_or(HANDSHAKE_LIMIT));
        } else if !matches!(mode, Mode::Transfer(_) | Mode::Forward(_) | Mode::Socks(_)) {
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
        let invitation = self.invitation(&mode);
        let relay = self.relay.options();
        Ok(Plan {
            endpoints,
            hosts_alone: self.hosts_alone(),
            invitation,
            limits,
            explicit: self.limits.explicit(),
            access: self.access.sources(),
            session_limits: SessionLimits { idle: relay.idle_timeout, session: self.limits.session_timeout },
            rate: relay.limit_rate,
            socket,
            records: relay.records,
            mode,
        })
    }

    /// What people are told to type elsewhere, with ADDR for the address. Nothing where a proxy stands in between.
    fn invitation(&self, mode: &Mode) -> &'static str {
        match mode {
            _ if self.limits.accept_proxy_protocol => "",
            Mode::Transfer(plan) if plan.wire == WireProtocol::Text => "sendall upload --wire text FILE ADDR",
            Mode::Transfer(_) if self.transfer.share.is_none() => "sendall upload FILE ADDR",
            Mode::Transfer(_) if self.transfer.store.is_none() => "sendall download ADDR",
            Mode::Transfer(_) => "sendall upload FILE ADDR, or sendall download ADDR",
            Mode::Socks(_) => "sendall connect --proxy socks5://ADDR HOST:PORT",
            _ => "sendall connect ADDR",
        }
    }

    /// True if files are transferred.
    fn is_transfer(&self) -> bool {
        self.transfer.store.is_some() || self.transfer.share.is_some()
    }

    /// Words that stand for a host and the default port: a file or folder of that name may have been meant.
    fn hosts_alone(&self) -> Vec<String> {
        let words = self.endpoints.iter().filter(|word| !Endpoint::is_whole(word, EndpointUse::Listen));
        if self.is_transfer() { words.cloned().collect() } else { Vec::new() }
    }

    /// Where to listen. Transfers need not be told.
    fn endpoints(&self) -> Result<Vec<Endpoint>, String> {
        match (self.is_transfer(), &self.endpoints[..]) {
            (true, []) => Ok(vec![Endpoint::transfers_here()]),
            (true, words) => Endpoint::parse_list_of_transfers(words, EndpointUse::Listen),
            (false, []) => {
                Err("type where to listen: PORT for this machine only, or :PORT for every interface".into())
            }
            (false, words) => Endpoint::parse_list(words, EndpointUse::Listen),
        }
    }

    /// The one mode that was asked for.
    fn mode(&self, program: Option<Program>) -> Result<Mode, Error> {
        let (modes, transfer) = (&self.mode, &self.transfer);
        let asked = [
            ("--store", transfer.store.is_some()),
            ("--share", transfer.share.is_some() && transfer.store.is_none()),
            ("--keep-open", modes.keep_open),
            ("--broker", modes.broker),
            ("--forward", self.proxying.forward.is_some()),
            ("--socks", self.proxying.socks),
            ("--echo", modes.echo),
            ("--discard", modes.discard),
            ("--reply", modes.reply.is_some()),
            ("a script (--greet, --answer, --otherwise, --hang-up)", modes.has_script()),
            ("--exec, --sh or --exec-socket", program.is_some()),
        ];
        let asked: Vec<&str> =
            asked.iter().filter(|(_, is_asked)| *is_asked).map(|(name, _)| *name).collect();
        match asked[..] {
            [] => return Ok(Mode::Single(self.relay.options())),
            ["--store" | "--share"] => self.relay.refuse_with(asked[0], &[])?,
            ["--keep-open"] => {
                self.relay
                    .refuse_with("--keep-open", &[&["--recv-only", "--send-only"], RECORDS].concat())?;
            }
            // It has rules of its own.
            [_] if program.is_some() => {}
            [mode] => self.relay.refuse_with(mode, RECORDS)?,
            [one, other, ..] => {
                let text = format!("{one} and {other} are modes of their own: type one of them");
                return Err(Error::new(Exit::Usage, text));
            }
        }
        let timeout = transfer.timeout.unwrap_or(HANDSHAKE_LIMIT);
        if let Some(word) = &self.proxying.forward {
            return Ok(Mode::Forward(self.proxying.destination(
                word,
                timeout,
                self.socket.options().family,
            )?));
        }
        let lines = |is_asked, words| if is_asked { words } else { Words::Raw };
        if let Some(program) = program {
            let rules = self.relay.exec_rules(&program)?;
            return Ok(Mode::Exec(program, rules));
        }
        Ok(match &modes.reply {
            Some(reply) => Mode::Reply(reply.clone()),
            None if modes.keep_open => Mode::KeepOpen {
                slow: modes.slow,
                words: lines(modes.label, Words::Labelled),
                ways: Ways { reads: !self.relay.recv_only, writes: !self.relay.send_only },
            },
            None if modes.broker => {
                Mode::Broker { slow: modes.slow, words: lines(modes.chat, Words::Chat), joins: modes.join }
            }
            None if modes.has_script() => Mode::Script(Rc::new(modes.script()?)),
            None if self.proxying.socks => Mode::Socks(self.proxying.socks(timeout)),
            None if modes.echo => Mode::Echo,
            None if modes.discard => Mode::Discard,
            None => Mode::Transfer(self.transfer_plan()?),
        })
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
            is_for_one: transfer.once,
            limits: Limits {
                handshake: transfer.timeout.unwrap_or(HANDSHAKE_LIMIT),
                idle: self.relay.idle_timeout.unwrap_or(IDLE_LIMIT),
                rate: self.relay.limit_rate,
            },
            wire: transfer.wire,
        })
    }
}
