//! `serve`: listens. Without a mode it joins the first client to stdin and stdout; with one it serves many.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::options::{RECORDS, RelayArgs};
pub use crate::cli::serve::ServeArgs;
use crate::error::{Error, Exit};
use crate::net::child::{ChildStdio, Program};
use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Work;
use crate::net::signals::Signals;
use crate::net::stdio::{check_stdout, has_stdin};
use crate::proto::relay::conversation::Script;
use crate::relay::exec::{Exec, ExecRules};
use crate::relay::modes::conversation::Conversation;
use crate::relay::modes::echo::Echo;
use crate::relay::modes::exec_socket::ExecSocket;
use crate::relay::modes::forward::{Destination, Forward};
use crate::relay::modes::hub::{Hub, Slow};
use crate::relay::modes::reply::{Answer, Reply};
use crate::relay::modes::single_client::SingleClient;
use crate::relay::modes::socks::{Rules, Socks};
use crate::relay::modes::stdio_client::Ways;
use crate::relay::modes::subscriber::{Hearers, Manners, Subscriber, Words};
use crate::relay::session::LocalSide;
use crate::relay::tools::Tools;
use crate::report::{Report, escape_name};
use crate::server::acceptor::{DESCRIPTORS_RESERVED, DescriptorBudget};
use crate::server::client_session::SessionLimits;
use crate::server::setup::{ClientTerms, ServerSetup};
pub(crate) use crate::server::setup::{listen_on_all, tell_ready};
use crate::store::{Fault, Folder, Links, Source};
use crate::transfer::server::clients::{Clients, STOP_LIMIT};
use crate::transfer::{Limits, Offer, Sessions, Share, WireProtocol, appended};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// What was meant.
pub struct Plan {
    pub(crate) setup: ServerSetup,
    mode: Mode,
}

enum Mode {
    Plain(RelayArgs),
    Transfer(Offer, Limits, WireProtocol),
    Echo,
    Discard,
    Reply(Answer),
    Forward(Destination),
    Socks(Rules),
    Script(Rc<Script>),
    Broker { slow: Slow, words: Words, joins: bool },
    KeepOpen { slow: Slow, words: Words, ways: Ways },
    Exec(Program, ExecRules),
}

impl Mode {
    /// DescriptorBudget that one client needs at most.
    fn descriptors_per_client(&self) -> u64 {
        match self {
            Mode::Transfer(..) => crate::transfer::server::clients::DESCRIPTORS_PER_CLIENT,
            // Its own, its target's, an attempt beside that one, and the thread that resolves a name.
            Mode::Forward(_) | Mode::Socks(_) => 4,
            // Two pipes, and what tells the end of the process.
            Mode::Exec(..) => 4,
            // Its own, and the file.
            Mode::Reply(_) => 2,
            _ => 1,
        }
    }

    /// True where each client has a process, or a thread and files.
    fn is_costly(&self) -> bool {
        matches!(self, Mode::Transfer(..) | Mode::Exec(..))
    }
}

impl ServeArgs {
    /// Validates everything, before anything is opened to the network.
    pub fn plan(&self) -> Result<Plan, Error> {
        // First: a command in the wrong place is taken for endpoints.
        let program = self.mode.exec.plan()?;
        let endpoints = self.endpoints().map_err(|hint| Error::new(Exit::Usage, hint))?;
        let socket = self.socket.options_for(&endpoints)?;
        let mode = self.mode(program)?;
        let mut limits = match &mode {
            Mode::Plain(_) => self.limits.of_one()?,
            _ => {
                let budget = DescriptorBudget { per_client: mode.descriptors_per_client(), others: 0 };
                self.limits.of_many(mode.is_costly()).within_descriptors(budget, self.limits.explicit())
            }
        };
        if let Mode::Transfer(..) = mode {
            // Never more clients than there are descriptors for, and as many for each as it may come to hold.
            let most = (limits.clients as u64)
                .saturating_mul(crate::transfer::server::clients::MOST_DESCRIPTORS_PER_CLIENT);
            crate::net::raised_descriptor_limit(most.saturating_add(DESCRIPTORS_RESERVED));
        }
        if self.limits.accept_proxy_protocol {
            limits.header = Some(self.transfer.timeout.unwrap_or(HANDSHAKE_LIMIT));
        } else if !matches!(mode, Mode::Transfer(..) | Mode::Forward(_) | Mode::Socks(_)) {
            if limits.accept_timeout.is_some() && self.transfer.timeout.is_some() {
                let text = "--timeout and --accept-timeout are the same here: type one of them";
                return Err(Error::new(Exit::Usage, text));
            }
            limits.accept_timeout =
                limits.accept_timeout.or(self.transfer.timeout.map(|limit| (limit, "--timeout")));
        }
        let setup = ServerSetup {
            endpoints,
            invitation: self.invitation(&mode),
            limits,
            access: self.access.load()?,
            access_args: self.access.clone(),
            terms: ClientTerms {
                session_limits: SessionLimits {
                    idle: self.relay.idle_timeout,
                    session: self.limits.session_timeout,
                },
                rate: self.relay.limit_rate,
                socket,
                tools: Tools::default(),
            },
            tool_args: self.relay.tools.clone(),
        };
        Ok(Plan { setup, mode })
    }

    /// What people are told to type elsewhere, with ADDR for the address. Nothing where a proxy stands in between.
    fn invitation(&self, mode: &Mode) -> &'static str {
        match mode {
            _ if self.limits.accept_proxy_protocol => "",
            Mode::Transfer(_, _, WireProtocol::Text) => "sendall upload --wire text FILE ADDR",
            Mode::Transfer(..) if self.transfer.share.is_none() => "sendall upload FILE ADDR",
            Mode::Transfer(..) if self.transfer.store.is_none() => "sendall download ADDR",
            Mode::Transfer(..) => "sendall upload FILE ADDR, or sendall download ADDR",
            Mode::Socks(_) => "sendall connect --proxy socks5://ADDR HOST:PORT",
            _ => "sendall connect ADDR",
        }
    }

    /// Where to listen. Transfers need not be told.
    fn endpoints(&self) -> Result<Vec<Endpoint>, String> {
        let is_here = |word: &&String| {
            !Endpoint::is_whole(word, Role::Listen) && (Path::new(word).is_file() || Path::new(word).is_dir())
        };
        if self.transfer.store.is_none() && self.transfer.share.is_none() {
            if self.endpoints.is_empty() {
                return Err(
                    "type where to listen: PORT for this machine only, or :PORT for every interface".into()
                );
            }
            return Endpoint::parse_list(&self.endpoints, Role::Listen);
        }
        if let Some(word) = self.endpoints.iter().find(is_here) {
            let word = escape_name(word.as_bytes());
            return Err(format!(
                "{word} is a file or folder here: --store and --share take one each; as a host type {word}:{TRANSFER_PORT}"
            ));
        }
        match self.endpoints[..] {
            [] => Ok(vec![Endpoint::transfers_here()]),
            _ => Endpoint::parse_list_of_transfers(&self.endpoints, Role::Listen),
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
            [] => return Ok(Mode::Plain(self.relay.clone())),
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
            let rules = ExecRules::plan(&self.relay, &program)?;
            return Ok(Mode::Exec(program, rules));
        }
        Ok(match &modes.reply {
            Some(reply) => Mode::Reply(Answer::read(reply)?),
            None if modes.keep_open => Mode::KeepOpen {
                slow: modes.slow,
                words: lines(modes.label, Words::Labelled),
                ways: Ways { reads: !self.relay.recv_only, writes: !self.relay.send_only },
            },
            None if modes.broker => {
                Mode::Broker { slow: modes.slow, words: lines(modes.chat, Words::Chat), joins: modes.join }
            }
            None if modes.has_script() => Mode::Script(Rc::new(modes.script()?)),
            None if self.proxying.socks => Mode::Socks(self.proxying.rules(timeout)?),
            None if modes.echo => Mode::Echo,
            None if modes.discard => Mode::Discard,
            None => self.transfer_mode()?,
        })
    }

    fn transfer_mode(&self) -> Result<Mode, Error> {
        let transfer = &self.transfer;
        if transfer.wire == WireProtocol::Text && transfer.digests.is_some() {
            let text = "--wire text verifies nothing: leave --digests out";
            return Err(Error::new(Exit::Usage, text));
        }
        let offer = Offer {
            store: transfer.store.as_deref().map(open_store).transpose()?,
            share: transfer.share.as_deref().map(|path| open_share(path, transfer.links)).transpose()?,
            keep_existing: transfer.keep_existing,
            max_size: transfer.max_size,
            max_entries: transfer.max_entries,
            digests: transfer.digests.as_deref().map(appended).transpose()?,
            sessions: Sessions::default(),
            only: transfer.once.then(Arc::default),
        };
        let limits = Limits {
            handshake: transfer.timeout.unwrap_or(HANDSHAKE_LIMIT),
            idle: self.relay.idle_timeout.unwrap_or(IDLE_LIMIT),
            rate: self.relay.limit_rate,
        };
        Ok(Mode::Transfer(offer, limits, transfer.wire))
    }
}

fn unusable(option: &str, path: &Path, fault: &Fault) -> Error {
    Error::new(Exit::Usage, format!("{option} {}: {fault}", escape_name(path.as_os_str().as_bytes())))
}

fn open_store(path: &Path) -> Result<Folder, Error> {
    Folder::open(path).map_err(|fault| unusable("--store", path, &fault))
}

fn open_share(path: &Path, links: Links) -> Result<Share, Error> {
    let failed = |fault: Fault| unusable("--share", path, &fault);
    if path.is_dir() {
        return Ok(Share::Folder(Folder::open(path).map_err(failed)?, links));
    }
    Source::open(path).map_err(failed)?;
    let name = path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    Ok(Share::File { path: path.to_owned(), name })
}

impl Plan {
    /// Listens, and returns when the clients that were asked for were served; else a signal ends it.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let Plan { setup, mode } = self;
        match mode {
            Mode::Plain(relay) => {
                let local = LocalSide::new(&relay, report)?;
                setup.open(report, signals, |io, terms| Ok(SingleClient::new(io, terms, local)))
            }
            Mode::Transfer(offer, limits, wire) => transfer(setup, (offer, limits, wire), report, signals),
            Mode::Echo => setup.each(report, signals, |client| Ok(Box::new(Echo::new(client)))),
            Mode::Discard => setup.each(report, signals, |client| Ok(Box::new(Reply::discard(client)))),
            Mode::Reply(answer) => {
                setup.each(report, signals, move |client| Ok(Box::new(Reply::new(client, &answer)?)))
            }
            Mode::Forward(destination) => {
                setup.each(report, signals, move |client| Ok(Box::new(Forward::new(client, &destination))))
            }
            Mode::Socks(rules) => {
                if rules.users.is_none() && setup.is_open_to_others() {
                    report.warning("whoever can connect can use this proxy: see --socks-users and --allow");
                }
                setup.each(report, signals, move |client| Ok(Box::new(Socks::new(client, &rules))))
            }
            Mode::Script(script) => {
                setup.each(report, signals, move |client| Ok(Box::new(Conversation::new(client, &script))))
            }
            Mode::Broker { slow, words, joins: false } => {
                if has_stdin() {
                    report.warning("stdin and stdout take no part in --broker: see --join");
                }
                let hub = Hub::new(slow);
                let manners = Manners { hearers: Hearers::Others, words, leaves_with_its_end: true };
                setup
                    .each(report, signals, move |client| Ok(Box::new(Subscriber::new(client, &hub, manners))))
            }
            Mode::Broker { slow, words, joins: true } => {
                check_stdout()?;
                let manners = Manners { hearers: Hearers::All, words, leaves_with_its_end: true };
                let ways = Ways { reads: true, writes: true };
                setup.keep_open(report, signals, Hub::new(slow), manners, ways)
            }
            Mode::KeepOpen { slow, words, ways } => {
                if ways.writes {
                    check_stdout()?;
                }
                let hearers = if ways.writes { Hearers::Output } else { Hearers::None };
                let manners = Manners { hearers, words, leaves_with_its_end: false };
                setup.keep_open(report, signals, Hub::new(slow), manners, ways)
            }
            Mode::Exec(program, _) if program.stdio == ChildStdio::Socket => {
                setup.open(report, signals, |io, terms| Ok(ExecSocket::new(io, terms, program)))
            }
            Mode::Exec(program, rules) => setup.each(report, signals, move |client| {
                let (context, names) = ((&client.io, &client.report), (&client.name, &client.local));
                let peer = (client.peer, names.0, names.1);
                Ok(Box::new(Exec::start((&program, rules), peer, None, context, client.now)?))
            }),
        }
    }
}

/// Transfer sessions, until the command is stopped or the only one is over.
fn transfer(
    setup: ServerSetup,
    (offer, limits, wire): (Offer, Limits, WireProtocol),
    report: &Report,
    signals: &Signals,
) -> Result<(), Error> {
    let (running, is_for_one) = (Work::default(), offer.only.is_some());
    if let Some(folder) = &offer.store {
        folder.remove_leftovers();
    }
    let result = setup.open(report, signals, |io, terms| {
        let context = (io.clone(), report.clone(), signals.clone());
        Ok(Clients::new((limits, terms, wire), offer, running.clone(), context))
    });
    let is_stopped = matches!(&result, Err(error) if matches!(error.exit(), Exit::Signal(_)));
    // When the only session is over, nobody else has anything to clean up.
    if is_stopped || !is_for_one {
        running.await_end_within(STOP_LIMIT);
    }
    result.or_else(|error| if error.exit() == Exit::Done { Ok(()) } else { Err(error) })
}
