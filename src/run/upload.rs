//! `upload`: sends files, folders or stdin to a `serve --store`.

mod words;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::words::Plan;
use super::dialer::{Opened, Server, ServerPlan};
use super::retry::RetryLimits;
use super::upload_text;
use crate::error::{Error, Exit};
use crate::net::child::Program;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::check_stdin;
use crate::proto::transfer::hello::Hello;
use crate::report::{Report, escape_name};
use crate::store::{Filter, Folder, SourceFile, StoreErrorKind, SymlinkPolicy};
use crate::transfer::{
    ConnectionOrigin, DryRun, Limits, Naming, Offering, Root, Sending, Start, Wire, replaced,
};

/// The validated arguments of `upload`, for one reading of its words.
pub(crate) struct UploadPlan {
    pub(crate) server: ServerPlan,
    pub(crate) task: UploadTask,
    pub(crate) limits: Limits,
    /// The number of connections that was requested.
    pub(crate) connections: Option<usize>,
}

/// The operation on the named files.
pub(crate) enum UploadTask {
    Send(Upload),
    /// Only print what would be sent.
    DryRun(Upload),
    /// Send files with the text header.
    Text(Vec<PathBuf>),
}

/// The items to send, and the options about them.
pub(crate) struct Upload {
    pub(crate) items: Vec<Item>,
    pub(crate) links: SymlinkPolicy,
    pub(crate) filter: Arc<Filter>,
    /// True if existing files are replaced.
    pub(crate) replaces: bool,
    pub(crate) retry: RetryLimits,
    /// The file that gets the digests, or `-`.
    pub(crate) digests: Option<PathBuf>,
}

/// An item to send.
pub(crate) enum Item {
    Path(PathBuf),
    Stdin {
        name: Vec<u8>,
    },
    /// The output of a command.
    Command {
        name: Vec<u8>,
        program: Program,
    },
}

/// The items, opened.
struct Roots {
    roots: Vec<Root>,
    /// Their names on the server.
    names: HashSet<Vec<u8>>,
    /// The size of all files; `None` if it is not known.
    total: Option<u64>,
}

fn usage(hint: impl Into<String>) -> Error {
    Error::new(Exit::Usage, hint.into())
}

impl Upload {
    /// Opens each item. An item that cannot be read is wrong usage, and so are two of one name.
    fn roots(&self) -> Result<Roots, Error> {
        let (mut roots, mut names, mut total) = (Vec::new(), HashSet::new(), Some(0_u64));
        for item in &self.items {
            let (name, root, size) = item.root()?;
            total = total.zip(size).map(|(total, size)| total.saturating_add(size));
            if !names.insert(name.clone()) {
                let name = escape_name(&name);
                return Err(usage(format!(
                    "two of them would be called {name} there: send them separately, to different folders"
                )));
            }
            roots.push(root);
        }
        Ok(Roots { roots, names, total })
    }

    /// Creates the offering of one attempt.
    fn offering(&self, roots: &[Root]) -> Offering {
        Offering::new(roots.to_vec(), self.links, Arc::clone(&self.filter))
    }
}

impl Item {
    /// Opens the item. Returns its name on the server, its root, and the size of a file.
    fn root(&self) -> Result<(Vec<u8>, Root, Option<u64>), Error> {
        let path = match self {
            Item::Path(path) => path,
            Item::Stdin { name } => {
                check_stdin()?;
                return Ok((name.clone(), Root::Stdin { name: name.clone() }, None));
            }
            Item::Command { name, program } => {
                let root = Root::Command { name: name.clone(), program: program.clone() };
                return Ok((name.clone(), root, None));
            }
        };
        let shown = escape_name(path.as_os_str().as_bytes());
        let cannot = |fault| usage(format!("cannot upload {shown}: {fault}"));
        if path.is_dir() {
            let name = folder_name(path)
                .ok_or_else(|| usage(format!("{shown} has no name: type the names of its contents")))?;
            let folder = Folder::open(path).map_err(cannot)?;
            return Ok((name.clone(), Root::Folder { folder, name }, None));
        }
        let source = SourceFile::open(path).map_err(|fault| match fault.kind {
            StoreErrorKind::NotRegular => usage(format!(
                "cannot upload {shown}: {fault}: to send its contents, type - --name NAME as PATH, and <{shown}"
            )),
            _ => cannot(fault),
        })?;
        let size = Some(source.size_bytes()).filter(|_| !source.has_no_size());
        let name = path.file_name().ok_or_else(|| usage(format!("{shown} has no file name")))?;
        let name = name.as_bytes().to_vec();
        Ok((name.clone(), Root::File { path: path.to_owned(), name }, size))
    }
}

/// Returns the name of a folder, also of `.` or `..`.
fn folder_name(path: &Path) -> Option<Vec<u8>> {
    let name = path.file_name().map(OsStr::to_owned);
    let name = name.or_else(|| path.canonicalize().ok()?.file_name().map(OsStr::to_owned));
    name.map(OsString::into_vec)
}

impl Plan {
    /// Sends everything, and returns when the server has confirmed that everything is on its disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        self.choose()?.run(report, signals)
    }
}

impl UploadPlan {
    fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let server = self.server.server(report)?;
        match (&self.task, &server) {
            (UploadTask::Text(_), Server::Remote(_)) => {
                Err(usage("--wire text is for a server on the network"))
            }
            (UploadTask::Text(paths), Server::Network(connector)) => {
                let files = paths.iter().map(|path| upload_text::TextFile::open(path));
                let files: Vec<_> = files.collect::<Result<_, _>>()?;
                upload_text::run(connector, &files, self.limits, report, signals)
            }
            (UploadTask::DryRun(upload), _) => {
                let offering = upload.offering(&upload.roots()?.roots);
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                reactor.add(|io| DryRun::new(offering, &io, report))?;
                reactor.run()
            }
            (UploadTask::Send(upload), _) => self.send(&server, upload, report, signals),
        }
    }

    fn send(
        &self,
        server: &Server,
        upload: &Upload,
        report: &Report,
        signals: &Signals,
    ) -> Result<(), Error> {
        let Roots { roots, names, total } = upload.roots()?;
        let has_folders = roots.iter().any(|root| matches!(root, Root::Folder { .. }));
        let count = u32::try_from(roots.len()).ok().filter(|_| !has_folders);
        let hello = Hello::put(upload.replaces, total.filter(|_| !has_folders), count);
        let (hello, start) = if has_folders {
            (hello.with_roots(names.into_iter().collect()), Start::AfterAccept)
        } else {
            (hello, Start::AtOnce)
        };
        let digests = upload.digests.as_deref().map(replaced).transpose()?;
        let (limits, connections, replaces) = (self.limits, self.connections, upload.replaces);
        let attempts = || {
            upload.retry.run(report, signals, |run_state| {
                let (offering, hello) = (upload.offering(&roots), run_state.next_hello(hello.clone()));
                let digests = digests.as_ref().map(|sink| sink.begin(Naming::AsSent));
                let (to_report, state) = (report.clone(), run_state.clone());
                server.run((limits.handshake, true), run_state, (report, signals), move |opened| {
                    let Opened { transport, now, peer, dialer, io } = opened;
                    let origin = ConnectionOrigin::Client { dialer, connections };
                    let mut wire = Wire::new(transport, now).tracked(&state);
                    wire.push(&hello);
                    let context = (io.handle(), to_report, peer);
                    let sending = Sending::session(wire, offering, start, (limits, origin), context);
                    Ok(sending.replacing(replaces).listing(digests))
                })
            })
        };
        server.retry_with_code(attempts)
    }
}
