//! `upload`: sends files, folders or stdin to a `serve --store`.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueHint};

use super::retry::RetryArgs;
use crate::cli::manual;
use crate::cli::options::{LimitArgs, LinkChoice, WireChoice};
use crate::cli::socket_args::LocalArgs;
use crate::error::{Error, Exit};
use crate::net::child::ChildStdio;
use crate::net::connecting::Connecting;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::check_stdin;
use crate::proto::transfer::hello::Hello;
use crate::proto::transfer::names::CleanPath;
use crate::relay::connector::{Connector, tell};
use crate::relay::exec;
use crate::relay::proxies::ProxyArgs;
use crate::report::{Report, escape_name};
use crate::store::{FaultKind, Filter, Folder, Links, Source};
use crate::transfer::{
    DigestArgs, DigestSink, DryRun, Limits, Naming, Offering, Origin, Root, Sending, Start, Wire,
};

/// Send files and folders to a 'sendall serve --store', verified and synced before success is reported
#[derive(Args, Clone, Debug)]
#[command(after_long_help = manual::UPLOAD)]
#[command(override_usage = "sendall upload [OPTIONS] <PATH>... <ENDPOINT>")]
pub struct UploadArgs {
    /// Files and folders, - for stdin (with --name); last, where to.
    // One list, because options may stand between its words.
    #[arg(help = manual::PATHS_AND_WHERE_TO, value_name = "PATH... ENDPOINT", required = true,
        value_hint = ValueHint::AnyPath)]
    words: Vec<OsString>,

    /// Replace files that exist there with other content
    #[arg(short, long)]
    force: bool,

    /// The name there of stdin, or of what a command prints
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    name: Option<OsString>,

    /// Send what a command prints, as --name: --exec -- CMD ARG...; it is stored only if the command ends with 0
    #[arg(long, requires = "name")]
    exec: bool,

    /// The same for a line of shell: /bin/sh -c LINE
    #[arg(long, value_name = "LINE", value_hint = ValueHint::CommandString, conflicts_with = "exec",
        requires = "name")]
    sh: Option<OsString>,

    /// With --exec: the command and its arguments
    #[arg(last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,

    /// What becomes of symbolic links in folders
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = LinkChoice::Skip)]
    links: LinkChoice,

    /// Send only files of a folder that match, as a line of a .gitignore does; may be given again
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,

    /// Leave out what matches, as a line of a .gitignore does; may be given again
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,

    /// Print what would be sent, and do not connect
    #[arg(long, conflicts_with_all = ["retry", "digests"])]
    dry_run: bool,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    digests: DigestArgs,

    /// What the server speaks
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireChoice::Sendall)]
    wire: WireChoice,

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
    task: Task,
    limits: Limits,
    connections: Option<usize>,
    retry: RetryArgs,
}

enum Task {
    Send {
        recipe: Recipe,
        replaces: bool,
        hello: Hello,
        start: Start,
        digests: Option<DigestSink>,
    },
    /// Only print what would be sent.
    Rehearse(Offering),
    /// With the text header.
    Text(Vec<super::upload_text::TextFile>),
}

/// What an offering is made of, for each try a new one.
struct Recipe {
    roots: Vec<Root>,
    links: Links,
    filter: Arc<Filter>,
}

impl Recipe {
    fn offering(&self) -> Offering {
        Offering::new(self.roots.clone(), self.links, Arc::clone(&self.filter))
    }
}

fn usage(hint: impl Into<String>) -> Error {
    Error::new(Exit::Usage, hint.into())
}

impl UploadArgs {
    /// Validates everything, each path included, before anything is opened to the network.
    pub fn plan(&self) -> Result<Plan, Error> {
        // First: a command in the wrong place is taken for paths.
        let program = exec::program(self.exec, self.sh.as_ref(), &self.command, ChildStdio::Pipes)?;
        let (endpoint, paths) = self.split(program.is_some())?;
        let (limits, retry) = (self.limits.limits(), self.retry);
        let connector = Connector::new(&endpoint, &self.proxy, &self.local)?;
        let connections = self.local.connections(self.limits.connections())?;
        if self.wire == WireChoice::Text {
            let task = Task::Text(self.text_files(&paths)?);
            return Ok(Plan { connector, task, limits, connections, retry });
        }
        let filter = Filter::new(&self.include, &self.exclude).map_err(usage)?;
        let (mut roots, mut names) = (Vec::new(), HashSet::new());
        // None as soon as something's size or number is not known.
        let mut total = Some(0_u64);
        for path in &paths {
            let (name, root, size) = self.root(path)?;
            total = total.zip(size).map(|(total, size)| total.saturating_add(size));
            if !names.insert(name.clone()) {
                let name = escape_name(&name);
                return Err(usage(format!(
                    "two of them would be called {name} there: send them one after the other to different folders"
                )));
            }
            roots.push(root);
        }
        let sends_stdin = paths.iter().any(|path| path.as_os_str() == "-");
        match (&self.name, program) {
            (Some(_), Some(_)) if sends_stdin => {
                return Err(usage("stdin and a command need a name each: send them one after the other"));
            }
            (Some(name), Some(program)) => {
                let name = clean_name(name)?;
                names.insert(name.clone());
                roots.push(Root::Command { name, program });
                total = None;
            }
            (Some(_), None) if !sends_stdin => {
                return Err(usage(
                    "--name is for stdin and commands: type 'sendall upload - --name NAME HOST:PORT <FILE' to send a file under another name",
                ));
            }
            _ => {}
        }
        if sends_stdin && self.retry.retry > 0 {
            return Err(usage("stdin can be read only once: leave --retry out"));
        }
        let has_folders = roots.iter().any(|root| matches!(root, Root::Folder { .. }));
        let count = u32::try_from(roots.len()).ok().filter(|_| !has_folders);
        let hello = Hello::put(self.force, total.filter(|_| !has_folders), count);
        let (hello, start) = if has_folders {
            (hello.with_roots(names.into_iter().collect()), Start::AfterAccept)
        } else {
            (hello, Start::AtOnce)
        };
        let recipe = Recipe { roots, links: self.links.into(), filter: Arc::new(filter) };
        let task = match self.dry_run {
            true => Task::Rehearse(recipe.offering()),
            false => Task::Send { recipe, replaces: self.force, hello, start, digests: self.digests.sink()? },
        };
        Ok(Plan { connector, task, limits, connections, retry })
    }

    /// The files of `--wire text`.
    fn text_files(&self, paths: &[PathBuf]) -> Result<Vec<super::upload_text::TextFile>, Error> {
        let without = [
            (self.force, "--force"),
            (self.dry_run, "--dry-run"),
            (self.name.is_some(), "--name"),
            (self.exec || self.sh.is_some(), "--exec and --sh"),
            (self.retry.retry > 0, "--retry"),
            (self.limits.connections.is_some(), "--connections"),
            (self.digests.digests.is_some(), "--digests"),
            (!self.include.is_empty() || !self.exclude.is_empty(), "--include and --exclude"),
            (self.links != LinkChoice::Skip, "--links"),
        ];
        if let Some((_, option)) = without.iter().find(|(is_given, _)| *is_given) {
            return Err(usage(format!("--wire text sends single files as they are: leave {option} out")));
        }
        paths.iter().map(|path| super::upload_text::TextFile::open(path)).collect()
    }

    /// The endpoint is the last word, or the last two; the paths are the rest.
    fn split(&self, has_program: bool) -> Result<(Endpoint, Vec<PathBuf>), Error> {
        let missing = || usage("type what to send and where to, as in 'sendall upload FILE HOST'");
        let least = if has_program { 1 } else { 2 };
        let words = &self.words;
        let (last, before) = words
            .split_last()
            .filter(|(last, _)| words.len() >= least && *last != "-")
            .ok_or_else(missing)?;
        let last = last.to_string_lossy();
        let two = before.split_last().filter(|_| words.len() > least).and_then(|(host, paths)| {
            match Endpoint::parse_first_of_transfer(&host.to_string_lossy(), Some(&last), Role::Connect) {
                Ok((endpoint, 2)) if !Path::new(host).exists() => Some(Ok((endpoint, paths))),
                // The colon stands with one of the two.
                Err(hint) if host.as_bytes().ends_with(b":") || last.starts_with(':') => Some(Err(hint)),
                _ => None,
            }
        });
        if let Some(hint) = misplaced(&last, before).filter(|_| two.is_none()) {
            return Err(usage(hint));
        }
        let parsed = two.unwrap_or_else(|| {
            Endpoint::parse_first_of_transfer(&last, None, Role::Connect)
                .map(|(endpoint, _)| (endpoint, before))
        });
        let (endpoint, paths) = parsed.map_err(usage)?;
        Ok((endpoint, paths.iter().map(PathBuf::from).collect()))
    }

    /// What a path is, under which name it is sent, and a file's size.
    fn root(&self, path: &Path) -> Result<(Vec<u8>, Root, Option<u64>), Error> {
        let shown = escape_name(path.as_os_str().as_bytes());
        if path.as_os_str() == "-" {
            let Some(name) = &self.name else {
                return Err(usage("stdin needs a name there: type --name NAME (or ./- for a file called -)"));
            };
            let name = clean_name(name)?;
            check_stdin()?;
            return Ok((name.clone(), Root::Stdin { name }, None));
        }
        let cannot = |fault| usage(format!("cannot upload {shown}: {fault}"));
        if path.is_dir() {
            let name =
                folder_name(path).ok_or_else(|| usage(format!("{shown} has no name: name what is in it")))?;
            let folder = Folder::open(path).map_err(cannot)?;
            return Ok((name.clone(), Root::Folder { folder, name }, None));
        }
        let source = Source::open(path).map_err(|fault| match fault.kind {
            FaultKind::NotRegular => usage(format!(
                "cannot upload {shown}: {fault}: to send what is read from it, type - --name NAME as PATH, and <{shown}"
            )),
            _ => cannot(fault),
        })?;
        let size = Some(source.size_bytes()).filter(|_| !source.has_no_size());
        let name = path.file_name().ok_or_else(|| usage(format!("{shown} has no file name")))?;
        let name = name.as_bytes().to_vec();
        Ok((name.clone(), Root::File { path: path.to_owned(), name }, size))
    }
}

/// What to type where the last word, which should be the server, is a file here or the server comes first.
fn misplaced(last: &str, before: &[OsString]) -> Option<String> {
    if Endpoint::is_whole(last, Role::Connect) {
        return None;
    }
    let first = before.first().map(|word| word.to_string_lossy());
    let server = first.filter(|word| !Path::new(&**word).exists() && Endpoint::is_whole(word, Role::Connect));
    let shown = escape_name(last.as_bytes());
    if let Some(server) = server {
        let path = if before.len() == 1 { &shown } else { "PATH..." };
        return Some(format!("the server comes last: type 'sendall upload {path} {server}'"));
    }
    let path = Path::new(last);
    let also = if last.contains('/') {
        String::new()
    } else {
        format!(", or with its port if it is called {shown}, too")
    };
    (path.is_file() || path.is_dir()).then(|| {
        format!(
            "{shown} is here, and no server is named: type it last, as in 'sendall upload {shown} HOST'{also}"
        )
    })
}

fn clean_name(name: &OsStr) -> Result<Vec<u8>, Error> {
    let name = name.as_bytes().to_vec();
    let unclean = |fault| usage(format!("--name {}: the name {fault}", escape_name(&name)));
    CleanPath::parse(&name).map_err(unclean)?;
    Ok(name)
}

/// The name of a folder, also where it is given as `.` or `..`.
fn folder_name(path: &Path) -> Option<Vec<u8>> {
    let name = path.file_name().map(OsStr::to_owned);
    let name = name.or_else(|| path.canonicalize().ok()?.file_name().map(OsStr::to_owned));
    name.map(OsString::into_vec)
}

impl Plan {
    /// Sends everything, and returns when the server has confirmed that it is on its disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let Plan { connector, task, limits, connections, retry } = self;
        match task {
            Task::Text(files) => super::upload_text::run(&connector, &files, limits, report, signals),
            Task::Rehearse(offering) => {
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                reactor.add(|io| DryRun::new(offering, &io, report))?;
                reactor.run()
            }
            Task::Send { recipe, replaces, hello, start, digests } => {
                retry.run(report, signals, |run_state| {
                    let mut reactor =
                        Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                    let (offering, hello) = (recipe.offering(), run_state.greeting(hello.clone()));
                    let digests = digests.as_ref().map(|sink| sink.begin(Naming::AsSent));
                    reactor.add(|io| {
                        let opening = connector.connecting(limits.handshake, &io)?;
                        let (report, run_state) = (report.clone(), run_state.clone());
                        let dialer = Box::new(connector.clone());
                        Ok(Connecting::new(opening, move |transport, now: Instant| {
                            let peer = dialer.server(tell(&transport, &report));
                            let origin = Origin::Client { dialer, connections };
                            let mut wire = Wire::new(transport, now).tracked(&run_state);
                            wire.push(&hello);
                            let context = (io, report, peer);
                            let sending = Sending::new(wire, offering, start, (limits, origin), context);
                            Ok(sending.replacing(replaces).listing(digests))
                        }))
                    })?;
                    reactor.run()
                })
            }
        }
    }
}
