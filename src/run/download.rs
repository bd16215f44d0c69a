//! `download`: fetches what a `serve --share` offers.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueHint};

use super::retry::RetryArgs;
use crate::cli::manual;
use crate::cli::options::{LimitArgs, MAX_ENTRIES, size};
use crate::cli::socket_args::LocalArgs;
use crate::error::{Error, Exit};
use crate::net::connecting::Connecting;
use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::{check_stdout, replace_stdout};
use crate::proto::transfer::hello::{Hello, Operation};
use crate::proto::transfer::names::CleanPath;
use crate::relay::connector::{Connector, describe, tell};
use crate::relay::proxies::ProxyArgs;
use crate::report::{Report, escape_name};
use crate::store::{Folder, StagingFolder, sink};
use crate::transfer::{
    Destination, DigestArgs, DigestSink, Limits, Naming, Origin, Printing, Receiving, Terms, Wire,
};

/// Fetch files and folders from a 'sendall serve --share', verified and synced before they get their names
#[derive(Args, Clone, Debug)]
#[command(after_long_help = manual::DOWNLOAD)]
pub struct DownloadArgs {
    /// Where from.
    #[arg(help = manual::WHERE_FROM, value_name = "ENDPOINT", required = true, value_hint = ValueHint::Hostname)]
    endpoint: String,

    /// What to fetch [default: everything]
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    names: Vec<OsString>,

    /// Where to: a folder that exists, or the name for a single file; - is stdout, and a FIFO or device takes its bytes
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    output: PathBuf,

    /// Replace files that exist here with other content
    #[arg(short, long)]
    force: bool,

    /// Refuse files that are larger
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,

    /// The most files, folders and links that are taken
    #[arg(long, value_name = "N", default_value_t = MAX_ENTRIES, value_parser = clap::value_parser!(u32).range(1..))]
    max_entries: u32,

    /// Print what is offered, and fetch nothing
    #[arg(long, conflicts_with_all = ["output", "force", "limit_rate", "retry", "digests"])]
    list: bool,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    digests: DigestArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    local: LocalArgs,
}

/// What was meant.
pub struct Plan {
    connector: Connector,
    names: Vec<Vec<u8>>,
    task: Task,
    limits: Limits,
    connections: Option<usize>,
}

enum Task {
    /// So many entries at most.
    List(u32),
    Fetch(Recipe, RetryArgs),
}

/// What a destination is made of, for each try a new one.
struct Recipe {
    folder: Folder,
    naming: Naming,
    replace: bool,
    max_size: Option<u64>,
    max_entries: u32,
    digests: Option<DigestSink>,
}

impl Recipe {
    fn destination(&self) -> Result<Destination, Error> {
        Ok(Destination {
            folder: self.folder.clone(),
            stage: StagingFolder::new(&self.folder)
                .map_err(|fault| Error::new(Exit::Usage, format!("-o: {fault}")))?,
            naming: self.naming.clone(),
            replace: self.replace,
            max_size: self.max_size,
            max_entries: self.max_entries,
        })
    }
}

impl DownloadArgs {
    /// Validates everything, the destination included, before anything is opened to the network.
    pub fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let second = self.names.first().and_then(|name| name.to_str());
        if let Some(hint) = self.misplaced() {
            return Err(usage(hint));
        }
        let (endpoint, used) =
            Endpoint::parse_first_of_transfer(&self.endpoint, second, Role::Connect).map_err(usage)?;
        let names = self.names[used - 1..].iter().map(without_slashes);
        let names: Vec<Vec<u8>> = names.collect();
        let mut local = HashSet::new();
        let all: HashSet<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let is_below_another = |name: &Vec<u8>| {
            name.iter().enumerate().any(|(at, byte)| *byte == b'/' && all.contains(&name[..at]))
        };
        for name in &names {
            let path = CleanPath::parse(name).map_err(|fault| {
                usage(format!("'{}' is not a name to ask for: it {fault}", escape_name(name)))
            })?;
            if !local.insert(path.file_name().to_vec()) {
                let name = escape_name(path.file_name());
                return Err(usage(format!(
                    "two files would be called {name} here: fetch them into different folders"
                )));
            }
            if is_below_another(name) {
                let name = escape_name(name);
                return Err(usage(format!(
                    "{name} comes with the folder that is asked for, too: leave it out"
                )));
            }
        }
        Hello::get(Operation::List, names.clone()).map_err(|error| usage(error.to_string()))?;
        let limits = self.limits.limits();
        let connector = Connector::new(&endpoint, &self.proxy, &self.local)?;
        let connections = self.local.connections(self.limits.connections())?;
        if self.list {
            let task = Task::List(self.max_entries);
            return Ok(Plan { connector, names, task, limits, connections });
        }
        let (folder, naming) = self.destination(&names)?;
        let (replace, max_size, max_entries) = (self.force, self.max_size, self.max_entries);
        let digests = self.digests.sink()?;
        if matches!((&naming, &digests), (Naming::Stdout, Some(DigestSink::Stdout))) {
            return Err(usage("stdout takes the file or the digests: give one of them another place".into()));
        }
        let recipe = Recipe { folder, naming, replace, max_size, max_entries, digests };
        recipe.destination()?;
        Ok(Plan { connector, names, task: Task::Fetch(recipe, self.retry), limits, connections })
    }

    /// What to type where the server comes last, as for an upload.
    fn misplaced(&self) -> Option<String> {
        let last = self.names.last()?.to_str()?;
        let is_server = |word: &str| Endpoint::is_whole(word, Role::Connect);
        let second = self.names.first().and_then(|name| name.to_str());
        let is_two_words = Endpoint::parse_first_of_transfer(&self.endpoint, second, Role::Connect)
            .is_ok_and(|(_, used)| used == 2);
        if is_two_words || is_server(&self.endpoint) || !is_server(last) {
            return None;
        }
        let first = escape_name(self.endpoint.as_bytes());
        let names = if self.names.len() == 1 { &first } else { "NAME..." };
        Some(format!(
            "the server comes first: type 'sendall download {last} {names}', or {first}:{TRANSFER_PORT} if that is the server"
        ))
    }

    /// The folder that `-o` names, or the folder of the file that it names.
    fn destination(&self, names: &[Vec<u8>]) -> Result<(Folder, Naming), Error> {
        let shown = escape_name(self.output.as_os_str().as_bytes());
        let usage = |text: String| Error::new(Exit::Usage, text);
        let is_stdout = self.output.as_os_str() == "-";
        let target = if is_stdout || names.len() > 1 { Ok(None) } else { sink(&self.output) };
        let target = target.map_err(|fault| usage(format!("-o {shown}: {fault}")))?;
        if is_stdout || target.is_some() {
            if names.len() > 1 {
                return Err(usage("stdout takes one file: name one".into()));
            }
            if self.retry.retry > 0 {
                let what = if is_stdout { "stdout" } else { "a FIFO or device" };
                return Err(usage(format!("what {what} was given cannot be taken back: leave --retry out")));
            }
            let Some(target) = target else { return self.to_stdout() };
            if self.digests.digests.as_ref().is_some_and(|path| path.as_os_str() == "-") {
                return Err(usage(format!("-o {shown} goes without --digests -: give the digests a file")));
            }
            replace_stdout(&target).map_err(|error| usage(format!("-o {shown}: {error}")))?;
            return self.to_stdout();
        }
        if self.output.is_dir() {
            let naming = if names.is_empty() { Naming::AsSent } else { Naming::Wanted(names.to_vec()) };
            let folder = Folder::open(&self.output).map_err(|fault| usage(format!("-o {shown}: {fault}")))?;
            return Ok((folder, naming));
        }
        let names_a_file = !self.output.as_os_str().as_bytes().ends_with(b"/");
        let Some(name) = self.output.file_name().filter(|_| names_a_file) else {
            return Err(usage(format!(
                "-o {shown}: there is no such folder: create it first with mkdir {shown}"
            )));
        };
        if names.len() > 1 {
            let hint = if self.output.exists() {
                String::new()
            } else {
                format!(": create it first with mkdir {shown}")
            };
            return Err(usage(format!("-o {shown} is not a folder, and several files are asked for{hint}")));
        }
        let parent = self.output.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let folder =
            Folder::open(parent).map_err(|fault| usage(format!("-o {shown}: its folder {fault}")))?;
        Ok((folder, Naming::Fixed(name.as_bytes().to_vec())))
    }

    /// The one file goes to stdout: nothing is written to the folder.
    fn to_stdout(&self) -> Result<(Folder, Naming), Error> {
        check_stdout()?;
        let root =
            Folder::open(Path::new("/")).map_err(|fault| Error::new(Exit::Usage, fault.to_string()))?;
        Ok((root, Naming::Stdout))
    }
}

impl Plan {
    /// Fetches what was asked for, and returns when it is on the disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let Plan { connector, names, task, limits, connections } = self;
        let hello = |operation, names| {
            Hello::get(operation, names).map_err(|error| Error::new(Exit::Usage, error.to_string()))
        };
        match task {
            Task::List(max_entries) => {
                check_stdout()?;
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                let (report, hello) = (report.clone(), hello(Operation::List, names.clone())?.encode());
                reactor.add(|io| {
                    let opening = connector.connecting(limits.handshake, &io)?;
                    Ok(Connecting::new(opening, move |transport, now: Instant| {
                        describe(&transport, &report);
                        let mut wire = Wire::new(transport, now);
                        wire.push(&hello);
                        Printing::new(wire, (names, max_entries), limits, (&io, report))
                    }))
                })?;
                reactor.run()
            }
            Task::Fetch(recipe, retry) => retry.run(report, signals, |run_state| {
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                let destination = recipe.destination()?;
                destination.folder.remove_leftovers();
                let digests = recipe.digests.as_ref().map(|sink| sink.begin(recipe.naming.clone()));
                reactor.add(|io| {
                    let opening = connector.connecting(limits.handshake, &io)?;
                    let (report, run_state, names) = (report.clone(), run_state.clone(), names.clone());
                    let dialer = Box::new(connector.clone());
                    Ok(Connecting::new(opening, move |transport, now: Instant| {
                        let peer = dialer.server(tell(&transport, &report));
                        let origin = Origin::Client { dialer, connections };
                        let mut wire = Wire::new(transport, now).tracked(&run_state);
                        let may_stream = is_fresh(&destination, &names);
                        let hello = hello(Operation::Get { stream: may_stream }, names.clone())?;
                        let mut hello = hello.with_rate(limits.rate);
                        // stdout takes bytes in their order.
                        hello.tree = !matches!(destination.naming, Naming::Stdout);
                        let is_successor = run_state.has_greeted();
                        wire.push(&run_state.greeting(hello));
                        let wanted = (!names.is_empty()).then_some(names);
                        let terms =
                            Terms { wanted, stream: false, tree: false, skipped: false, limits, origin };
                        let context = (io, report, peer);
                        let receiving = Receiving::new(wire, destination, terms, None, context);
                        Ok(receiving.succeeding(is_successor).listing(digests))
                    }))
                })?;
                reactor.run()
            }),
        }
    }
}

/// A folder's name, also as it is listed: with a slash behind it.
fn without_slashes(name: &OsString) -> Vec<u8> {
    let mut name = name.clone().into_vec();
    while name.len() > 1 && name.ends_with(b"/") {
        name.pop();
    }
    name
}

/// Whether nothing of what is asked for is there, so that it can all come without being asked for again.
fn is_fresh(destination: &Destination, names: &[Vec<u8>]) -> bool {
    let folder = &destination.folder;
    match destination.naming {
        Naming::AsSent => folder.is_empty().unwrap_or(false),
        Naming::Wanted(_) => names.iter().all(|name| {
            let local = CleanPath::parse(name).map(|name| name.file_name().to_vec()).unwrap_or_default();
            folder.has(&local).is_ok_and(|has| !has) && !folder.has_part(&local)
        }),
        Naming::Fixed(_) | Naming::Stdout => false,
    }
}
