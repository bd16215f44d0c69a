//! `upload --wire text`: one connection for each file, one after the other.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Plan;
use crate::commands::opened::Opened;
use crate::commands::transfer::{SentText, TextSending, Wire, entry_of};
use crate::error::{Error, Exit};
use crate::net::dial::Dial;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::proto::entry::Entry;
use crate::proto::text_header;
use crate::report::{Progress, Report, amount, escape_bytes};
use crate::store::Source;

/// What the text header cannot say is wrong usage.
pub(super) fn check(force: bool, entries: &[Entry]) -> Result<(), Error> {
    if force {
        let text = "--force means nothing with --wire text: its header cannot ask for a file to be replaced";
        return Err(Error::new(Exit::Usage, text));
    }
    for entry in entries {
        text_header::encode(&entry.path, entry.size).map_err(|_| {
            let name = escape_bytes(&entry.path);
            Error::new(
                Exit::Usage,
                format!("{name}: with --wire text a name cannot have a '|': rename the file"),
            )
        })?;
    }
    Ok(())
}

/// Sends the files. A file that the server refuses, or that cannot be read, does not keep the others from being sent.
pub(super) fn run(plan: &Plan, report: &Report, signals: &Signals) -> Result<(), Error> {
    let count = plan.entries.len();
    let total = plan.entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    let progress = Rc::new(Progress::new(report, count, total));
    let (mut bytes, mut time, mut last_peer) = (0, Duration::ZERO, None);
    let mut failures: Vec<Exit> = Vec::new();
    for (index, (entry, path)) in plan.entries.iter().zip(&plan.paths).enumerate() {
        match send(plan, (entry, path), &progress, report, signals) {
            Ok(sent) => {
                let (name, amount) = (escape_bytes(&entry.path), amount(entry.size, sent.time));
                let line = format!("sent {name} to {}: {amount}, unverified", sent.peer);
                if count == 1 {
                    report.say(line);
                } else {
                    report.detail(line);
                }
                bytes += entry.size;
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
    if let Some(peer) = last_peer.filter(|_| count > 1) {
        let done = count - failures.len();
        let amount = amount(bytes, time);
        report.say(format_args!("sent {done} of {count} files to {peer}: {amount}, unverified"));
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

fn send(
    plan: &Plan,
    (entry, path): (&Entry, &Path),
    progress: &Rc<Progress>,
    report: &Report,
    signals: &Signals,
) -> Result<SentText, Error> {
    let about = |exit, text: String| Error::new(exit, format!("{}: {text}", escape_bytes(&entry.path)));
    let source = Source::open(path).map_err(|fault| about(Exit::Failed, fault.to_string()))?;
    if entry_of(&source, entry.path.clone()) != *entry {
        return Err(about(Exit::Integrity, "changed before it was sent".into()));
    }
    let header = text_header::encode(&entry.path, entry.size)
        .map_err(|fault| about(Exit::Usage, format!("the header {fault}")))?;
    let sent = Rc::new(RefCell::new(None));
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    reactor.add(|io| {
        let dial = Dial::new(plan.endpoint.clone(), plan.limits.handshake, io);
        let (limits, report, name) = (plan.limits, report.clone(), entry.path.clone());
        let outcome = (Rc::clone(progress), Rc::clone(&sent));
        Ok(Opened::new(dial, move |transport, now: Instant| {
            let peer = transport.peer_name();
            let wire = Wire::new(transport, now);
            Ok(TextSending::new(wire, &header, (name, source), limits, (report, peer), outcome))
        }))
    })?;
    reactor.run()?;
    sent.take().ok_or_else(|| about(Exit::Failed, "its session ended without an outcome".into()))
}
