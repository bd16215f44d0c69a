//! `upload --wire text`: one connection for each file, one after the other.

use std::cell::RefCell;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::error::{Error, Exit};
use crate::net::connecting::Connecting;
use crate::net::endpoint::PeerName;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::proto::transfer::text_header;
use crate::relay::connector::{Connector, report_connected};
use crate::report::{FileEvent, Progress, Report, Sums, amount, escape_name};
use crate::store::SourceFile;
use crate::transfer::{Limits, SentText, TextSending, Wire};

/// A file to send.
pub(crate) struct TextFile {
    path: PathBuf,
    name: Vec<u8>,
    size: u64,
}

impl TextFile {
    /// Opens the file. A name or size that the text header cannot express is wrong usage.
    pub(crate) fn open(path: &Path) -> Result<TextFile, Error> {
        let usage = |text: &str| {
            let shown = escape_name(path.as_os_str().as_bytes());
            Error::new(Exit::Usage, format!("{shown}: {text}"))
        };
        if path.as_os_str() == "-" {
            return Err(usage("with --wire text stdin cannot be sent: its size is not known"));
        }
        if path.is_dir() {
            return Err(usage("with --wire text a folder cannot be sent: name the files in it"));
        }
        let source = SourceFile::open(path).map_err(|fault| usage(&fault.to_string()))?;
        if source.has_no_size() {
            return Err(usage(
                "with --wire text a file whose size is not known cannot be sent: send a copy of it",
            ));
        }
        let name = path.file_name().ok_or_else(|| usage("has no file name"))?.as_bytes().to_vec();
        let size = source.size_bytes();
        text_header::encode(&name, size)
            .map_err(|_| usage("with --wire text a name cannot have a '|': rename the file"))?;
        Ok(TextFile { path: path.to_owned(), name, size })
    }

    fn sent(&self) -> FileEvent<'_> {
        let (path, size) = (&self.name[..], Some(self.size));
        FileEvent { path, kind: "file", state: "sent", size, digest: None, reason: None, text: None }
    }
}

/// Sends the files. If the server refuses one, or it cannot be read, the others are sent all the same.
pub(crate) fn run(
    to: &Connector,
    files: &[TextFile],
    limits: Limits,
    report: &Report,
    signals: &Signals,
) -> Result<(), Error> {
    let count = files.len();
    let progress = Rc::new(Progress::new(report));
    progress.expect(count as u64, files.iter().map(|file| file.size).fold(0, u64::saturating_add));
    progress.all_known();
    let (mut bytes, mut time, mut last_peer) = (0, Duration::ZERO, None);
    let mut failures: Vec<Exit> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match send((to, limits), file, &progress, report, signals) {
            Ok(sent) => {
                if report.is_json() {
                    report.file(&file.sent());
                } else if count > 1 {
                    report.detail(sent_line(&escape_name(&file.name), &sent.peer, (file.size, sent.time)));
                }
                progress.done(1);
                bytes += file.size;
                time += sent.time;
                last_peer = Some(sent.peer);
            }
            Err(error) if count == 1 => return Err(error),
            Err(error) if matches!(error.exit(), Exit::Refused | Exit::Integrity | Exit::Failed) => {
                report.warning(&error);
                failures.push(error.exit());
            }
            Err(error) => {
                let done = index - failures.len();
                return Err(error.context(format!("after {done} of {count} files were sent")));
            }
        }
    }
    drop(progress);
    if let Some(peer) = last_peer {
        let done = count - failures.len();
        let single = files.first().filter(|_| count == 1);
        let what = single.map_or_else(|| format!("{done} of {count} files"), |file| escape_name(&file.name));
        let sums = sums(count, done, &peer, (bytes, time), single.map(|file| &file.name[..]));
        report.summary(sent_line(&what, &peer, (bytes, time)), &sums);
    }
    match failures[..] {
        [] => Ok(()),
        [first, ..] if failures.len() == count => {
            let exit = if failures.iter().all(|exit| *exit == first) { first } else { Exit::Failed };
            Err(Error::new(exit, format!("all {count} files failed")))
        }
        _ => Err(Error::new(Exit::Partial, format!("{} of {count} files failed", failures.len()))),
    }
}

fn sent_line(what: &str, peer: &PeerName, (bytes, time): (u64, Duration)) -> String {
    format!("sent {what} to {peer}: {}, unverified", amount(bytes, time))
}

fn sums<'a>(
    entries: usize,
    done: usize,
    peer: &'a PeerName,
    (bytes, time): (u64, Duration),
    path: Option<&'a [u8]>,
) -> Sums<'a> {
    let (entries, done) = (entries as u64, done as u64);
    let failed = entries - done;
    Sums {
        verb: "sent",
        peer,
        entries,
        done,
        there: 0,
        failed,
        skipped: 0,
        bytes,
        resumed_bytes: 0,
        time,
        verified: false,
        digest: None,
        path,
    }
}

fn send(
    (connector, limits): (&Connector, Limits),
    file: &TextFile,
    progress: &Rc<Progress>,
    report: &Report,
    signals: &Signals,
) -> Result<SentText, Error> {
    let about = |exit, text: String| Error::new(exit, format!("{}: {text}", escape_name(&file.name)));
    let source = SourceFile::open(&file.path).map_err(|fault| about(Exit::Failed, fault.to_string()))?;
    if source.size_bytes() != file.size {
        return Err(about(Exit::Integrity, "changed before it was sent".into()));
    }
    let header = text_header::encode(&file.name, file.size)
        .map_err(|fault| about(Exit::Usage, format!("the header {fault}")))?;
    let sent = Rc::new(RefCell::new(None));
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    reactor.add(|io| {
        let connecting = connector.connecting(limits.handshake, &io)?;
        let connector = connector.clone();
        let (report, name) = (report.clone(), file.name.clone());
        let outcome = (Rc::clone(progress), Rc::clone(&sent));
        Ok(Connecting::new(connecting, move |transport, now: Instant| {
            let peer = connector.server(report_connected(&transport, &report));
            let wire = Wire::new(transport, now);
            Ok(TextSending::new(wire, &header, (name, source), limits, (report, peer), outcome))
        }))
    })?;
    reactor.run()?;
    sent.take().ok_or_else(|| about(Exit::Failed, "its session ended without an outcome".into()))
}
