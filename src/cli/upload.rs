//! The options of `upload`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueHint};

use super::exec_args::program;
use super::manual;
use super::pinned::{PinnedEndpoint, is_pinned, may_be_port};
use super::proxy_args::{ProxyArgs, connector};
use super::remote_args::{RemoteArgs, Unusable};
use super::retry_args::RetryArgs;
use super::socket_args::LocalArgs;
use super::transfer_args::{DigestArgs, TransferLimitArgs};
use super::trust_args::TransferTrustArgs;
use crate::error::{Error, Exit};
use crate::net::child::{ChildStdio, Program};
use crate::proto::transfer::names::CleanPath;
use crate::relay::remote::RemoteRole;
use crate::report::escape_name;
use crate::run::dialer::ServerPlan;
use crate::run::upload::{Item, Plan, Upload, UploadPlan, UploadTask};
use crate::store::{Filter, SymlinkPolicy};
use crate::transfer::WireProtocol;

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str =
    "Send files and folders to 'sendall serve --store', verified and synced before success is reported";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = [manual::UPLOAD, manual::OVER_SSH, manual::UPLOAD_BY_TEXT].join("\n\n"))]
#[command(override_usage = "sendall upload [OPTIONS] <PATH>... <ENDPOINT>")]
pub(crate) struct UploadArgs {
    /// Files and folders, - for stdin (with --name); last, the server.
    // One list, because options may stand between its words.
    #[arg(help = manual::PATHS_AND_WHERE_TO, value_name = "PATH... ENDPOINT", required_unless_present = "via",
        value_hint = ValueHint::AnyPath)]
    words: Vec<OsString>,

    /// Replace existing files that have other content
    #[arg(short, long)]
    force: bool,

    /// Store stdin, or the output of a command, under this name
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    name: Option<OsString>,

    /// Send the output of a command as NAME, stored only if the command ends with 0: --exec -- CMD ARG...
    #[arg(long, requires = "name")]
    exec: bool,

    /// Send the output of a shell command in the same way: /bin/sh -c LINE
    #[arg(long, value_name = "LINE", value_hint = ValueHint::CommandString, conflicts_with = "exec",
        requires = "name")]
    sh: Option<OsString>,

    /// Command and arguments, after --
    #[arg(last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,

    /// Choose what happens to symbolic links in folders
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SymlinkPolicy::Skip)]
    links: SymlinkPolicy,

    /// Send only the files in folders that match PATTERN, written as in a .gitignore; may be repeated
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,

    /// Leave out files and folders that match PATTERN, written as in a .gitignore; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,

    /// List what would be sent, without connecting
    #[arg(long, conflicts_with_all = ["retry", "digests"])]
    dry_run: bool,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    digests: DigestArgs,

    /// Choose the protocol of the server
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireProtocol::Sendall)]
    wire: WireProtocol,

    #[command(flatten)]
    limits: TransferLimitArgs,

    #[command(flatten)]
    remote: RemoteArgs,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    local: LocalArgs,

    #[command(flatten)]
    trust: TransferTrustArgs,
}

fn usage(hint: impl Into<String>) -> Error {
    Error::new(Exit::Usage, hint.into())
}

impl UploadArgs {
    /// Validates the arguments, for both readings of the last two words. `run` looks at files and chooses.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        // First: a command in the wrong place is taken for paths.
        let program = program(self.exec, self.sh.as_ref(), &self.command, ChildStdio::Pipes)?;
        let words = &self.words;
        if let Some(plan) = self.remote_plan(program.as_ref())? {
            return Ok(Plan { words: Vec::new(), host_and_port: None, last_word: Ok(plan) });
        }
        let min_words = if program.is_some() { 1 } else { 2 };
        let (last, before) = words
            .split_last()
            .filter(|(last, _)| words.len() >= min_words && *last != "-")
            .ok_or_else(|| usage("type the files and the server, as in 'sendall upload FILE HOST'"))?;
        let last = last.to_string_lossy();
        let parse = PinnedEndpoint::parse_first_of_transfer;
        let host_and_paths = before.split_last().filter(|_| words.len() > min_words);
        let host_and_port = match host_and_paths {
            Some((host, paths)) => {
                let host = host.to_string_lossy();
                match parse(&host, Some(&last)) {
                    Ok((server, 2)) => Some(self.plan_for(&server, paths, program.clone())),
                    // The colon stands with one of the two.
                    Err(hint) if host.ends_with(':') || last.starts_with(':') => return Err(usage(hint)),
                    // A key that is none, or two.
                    Err(hint) if may_be_port(&last) && (is_pinned(&host) || is_pinned(&last)) => {
                        Some(Err(usage(hint)))
                    }
                    _ => None,
                }
            }
            None => None,
        };
        let last_word = parse(&last, None).map_err(usage);
        let last_word = last_word.and_then(|(server, _)| self.plan_for(&server, before, program));
        Ok(Plan { words: words.clone(), host_and_port, last_word })
    }

    /// The plan for a server behind a program, if one is named.
    fn remote_plan(&self, program: Option<&Program>) -> Result<Option<UploadPlan>, Error> {
        let via = self.remote.has_via();
        let server = self.words.last().filter(|_| !via);
        let plan = self.remote.plan(server.map(OsString::as_os_str), RemoteRole::Store, &self.unusable())?;
        let Some(plan) = plan else { return Ok(None) };
        let paths = &self.words[..self.words.len() - usize::from(!via)];
        if paths.is_empty() && program.is_none() {
            return Err(usage("type the files, as in 'sendall upload FILE ssh://HOST/DIR'"));
        }
        if self.wire == WireProtocol::Text {
            return Err(usage("--wire text is for a server on the network: leave it out"));
        }
        let paths = paths.iter().map(PathBuf::from).collect();
        let task = self.task(paths, program.cloned())?;
        let server = ServerPlan::Remote(plan);
        Ok(Some(UploadPlan { server, task, limits: self.limits.remote_limits(), connections: Some(1) }))
    }

    fn unusable(&self) -> Unusable<'_> {
        Unusable { proxy: &self.proxy, local: &self.local, trust: &self.trust, limits: &self.limits }
    }

    /// What is done with these paths, by the native protocol.
    fn task(&self, paths: Vec<PathBuf>, program: Option<Program>) -> Result<UploadTask, Error> {
        let upload = Upload {
            filter: Arc::new(Filter::new(&self.include, &self.exclude).map_err(usage)?),
            items: self.items(paths, program)?,
            links: self.links,
            replaces: self.force,
            retry: self.retry.limits(),
            digests: self.digests.digests.clone(),
        };
        Ok(if self.dry_run { UploadTask::DryRun(upload) } else { UploadTask::Send(upload) })
    }

    /// Validates the options for these paths and this server.
    fn plan_for(
        &self,
        typed: &PinnedEndpoint,
        paths: &[OsString],
        program: Option<Program>,
    ) -> Result<UploadPlan, Error> {
        let paths = paths.iter().map(PathBuf::from).collect();
        let mut server = connector(&typed.endpoint, &self.proxy, &self.local)?;
        server.trust = match self.wire {
            WireProtocol::Sendall => Some(self.trust.plan_for(typed)?),
            WireProtocol::Text if typed.pin.is_some() => {
                return Err(usage("--wire text knows no encryption: leave #sha256:... out"));
            }
            WireProtocol::Text if self.trust.is_explicit() => {
                return Err(usage(
                    "--wire text knows no encryption: leave --code, --pin and --trust-new out",
                ));
            }
            WireProtocol::Text => None,
        };
        let connections = self.local.connections(self.limits.connections())?;
        let task = match self.wire {
            WireProtocol::Text => UploadTask::Text(self.without_options_of_transfers(paths)?),
            WireProtocol::Sendall => self.task(paths, program)?,
        };
        let server = ServerPlan::Network(Box::new(server));
        Ok(UploadPlan { server, task, limits: self.limits.limits(), connections })
    }

    /// Returns the items to send; stdin and the output of a command get the name of `--name`.
    fn items(&self, paths: Vec<PathBuf>, program: Option<Program>) -> Result<Vec<Item>, Error> {
        let sends_stdin = paths.iter().any(|path| path.as_os_str() == "-");
        let mut items = Vec::new();
        for path in paths {
            items.push(match &self.name {
                _ if path.as_os_str() != "-" => Item::Path(path),
                Some(name) => Item::Stdin { name: clean_name(name)? },
                None => {
                    return Err(usage(
                        "stdin needs a name on the server: type --name NAME (or ./- for a file called -)",
                    ));
                }
            });
        }
        match (&self.name, program) {
            (Some(_), Some(_)) if sends_stdin => {
                return Err(usage("stdin and a command need a name each: send them one after the other"));
            }
            (Some(name), Some(program)) => items.push(Item::Command { name: clean_name(name)?, program }),
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
        Ok(items)
    }

    /// Returns the paths for `--wire text`, which excludes most options.
    fn without_options_of_transfers(&self, paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, Error> {
        let without = [
            (self.force, "--force"),
            (self.dry_run, "--dry-run"),
            (self.name.is_some(), "--name"),
            (self.exec || self.sh.is_some(), "--exec and --sh"),
            (self.retry.retry > 0, "--retry"),
            (self.limits.connections.is_some(), "--connections"),
            (self.digests.digests.is_some(), "--digests"),
            (!self.include.is_empty() || !self.exclude.is_empty(), "--include and --exclude"),
            (self.links != SymlinkPolicy::Skip, "--links"),
        ];
        match without.iter().find(|(is_given, _)| *is_given) {
            Some((_, option)) => {
                Err(usage(format!("--wire text sends single files as they are: leave {option} out")))
            }
            None => Ok(paths),
        }
    }
}

fn clean_name(name: &OsStr) -> Result<Vec<u8>, Error> {
    let name = name.as_bytes().to_vec();
    let unclean = |fault| usage(format!("--name {}: the name {fault}", escape_name(&name)));
    CleanPath::parse(&name).map_err(unclean)?;
    Ok(name)
}
