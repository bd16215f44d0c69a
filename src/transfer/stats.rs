//! Statistics of a session: lines for people, events for scripts, and one exit code.

use std::time::Duration;

use super::digests::Digests;
use super::failure::{Role, describe, exit_of, retry_of};
use super::left_out::LeftOut;
use crate::error::{Error, Exit, Retry};
use crate::net::endpoint::PeerName;
use crate::proto::transfer::Digest;
use crate::proto::transfer::entry::EntryKind;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::skipped::Skipped;
use crate::report::{FileEvent, Report, Sums, amount, escape_name, sized};

/// Failures that get a line each by default: a peer must not be able to fill a log.
const MAX_REPORTED: usize = 100;

/// The outcomes of a session's entries. Its size is bounded, however many entries there are.
pub(crate) struct TransferStats {
    role: Role,
    peer: PeerName,
    report: Report,
    entries: u64,
    there: u64,
    failed: u64,
    only_files: bool,
    /// The first entry: the summary of a session with only one entry names it.
    first: Option<(Vec<u8>, EntryKind, Option<Digest>)>,
    /// Failures that were not reported yet.
    failures: Vec<(Vec<u8>, Reason, String)>,
    /// The number of reported failures.
    reported: u64,
    left_out: LeftOut,
    /// The exit code of all failures; `None` if they differ.
    exit: Option<Exit>,
    /// The best chance of any failed entry in a retry.
    retry: Retry,
    /// Bytes of files that earlier sessions had moved.
    resumed_bytes: u64,
    digests: Option<Digests>,
    /// On a client: existing files are replaced (true) or not.
    replaces: Option<bool>,
    peer_keeps: bool,
}

impl TransferStats {
    pub(crate) fn new(role: Role, peer: PeerName, report: Report) -> TransferStats {
        TransferStats {
            role,
            peer,
            report,
            entries: 0,
            there: 0,
            failed: 0,
            only_files: true,
            first: None,
            failures: Vec::new(),
            reported: 0,
            left_out: LeftOut::default(),
            exit: None,
            retry: Retry::Never,
            resumed_bytes: 0,
            digests: None,
            replaces: None,
            peer_keeps: false,
        }
    }

    /// Collects the digests of received files.
    pub(crate) fn list_digests(&mut self, digests: Option<Digests>) {
        self.digests = digests;
    }

    /// Marks the session as a client's, which replaces existing files or not.
    pub(crate) fn of_client(&mut self, replaces: bool) {
        self.replaces = Some(replaces);
    }

    /// Records that the server never replaces existing files.
    pub(crate) fn peer_keeps(&mut self, keeps: bool) {
        self.peer_keeps = keeps;
    }

    /// Returns the line of a failure, with advice.
    fn describe(&self, name: &[u8], reason: Reason, text: &str) -> String {
        let is_plain = reason == Reason::Exists && (text.is_empty() || text == reason.to_string());
        let advice = match self.replaces.filter(|_| is_plain) {
            Some(_) if self.peer_keeps => ": this server replaces nothing (--keep-existing)",
            Some(false) => ": --force replaces it",
            _ => "",
        };
        describe(name, reason, text, self.role) + advice
    }

    fn verb(&self) -> &'static str {
        match self.role {
            Role::Sender => "sent",
            Role::Receiver => "received",
        }
    }

    /// Records a skipped entry.
    pub(crate) fn skip(&mut self, skipped: &Skipped) {
        self.left_out.record(skipped, &self.report);
    }

    /// Records a closed entry. `digest` is that of a file's content, if it was computed.
    pub(crate) fn record(&mut self, closed: FinishedEntry, digest: Option<Digest>) {
        if let Some(digests) = &mut self.digests {
            digests.record(&closed, digest);
        }
        let FinishedEntry { path, kind, size, mut outcome, revokes, .. } = closed;
        if let (Role::Receiver, EntryOutcome::Failed(Reason::NotFound, text)) = (self.role, &mut outcome)
            && path.iter().any(|byte| b"*?[".contains(byte))
        {
            "patterns are not supported, 'download --list' prints the names".clone_into(text);
        }
        self.entries += u64::from(!revokes);
        self.only_files &= matches!(kind, EntryKind::File);
        let (state, reason) = match &outcome {
            EntryOutcome::Done => (self.verb(), None),
            EntryOutcome::AlreadyThere => ("there", None),
            EntryOutcome::Failed(reason, text) => ("failed", Some((reason.to_string(), text.as_str()))),
        };
        self.report.file(&FileEvent {
            path: &path,
            kind: match kind {
                EntryKind::File | EntryKind::Other(_) => "file",
                EntryKind::Folder => "folder",
                EntryKind::Link(_) => "link",
            },
            state,
            // The size of a failed entry may be unknown.
            size: (matches!(kind, EntryKind::File) && reason.is_none()).then_some(size),
            digest: digest.filter(|_| reason.is_none()),
            reason: reason.as_ref().map(|(reason, _)| reason.as_str()),
            text: reason.as_ref().map(|(_, text)| *text),
        });
        match outcome {
            EntryOutcome::Done => {}
            EntryOutcome::AlreadyThere => self.there += 1,
            EntryOutcome::Failed(reason, text) => {
                let exit = exit_of(reason, self.role);
                self.exit = if self.failed == 0 || self.exit == Some(exit) { Some(exit) } else { None };
                self.retry = self.retry.max(retry_of(reason, &text));
                self.failed += 1;
                if self.failures.len() == MAX_REPORTED && self.report.is_verbose() {
                    self.report_failures();
                }
                if self.failures.len() < MAX_REPORTED {
                    self.failures.push((path.clone(), reason, text));
                }
            }
        }
        if self.first.is_none() {
            self.first = Some((path, kind, digest));
        }
    }

    /// Records bytes of earlier sessions, which were not moved again.
    pub(crate) fn resumed(&mut self, bytes: u64) {
        self.resumed_bytes += bytes;
    }

    /// Returns whether nothing has failed so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// Records the number of entries that were recorded as done and have failed. Their names did not fit the result.
    pub(crate) fn unnamed(&mut self, failed: u64) {
        self.failed += failed;
    }

    /// Prints a line for each failure that was not reported yet. With `--json` each was an event already.
    fn report_failures(&mut self) {
        for (name, reason, text) in std::mem::take(&mut self.failures) {
            if !self.report.is_json() {
                self.reported += 1;
                self.report.warning(self.describe(&name, reason, &text));
            }
        }
    }

    /// Returns the summary line.
    fn line(&self, bytes: u64, time: Duration) -> String {
        let direction = if self.role == Role::Sender { "to" } else { "from" };
        let (verb, peer) = (self.verb(), &self.peer);
        let amount = match self.resumed_bytes {
            0 => amount(bytes, time),
            before => format!("{}, resumed after {}", amount(bytes, time), sized(before)),
        };
        let single = self.first.as_ref().filter(|_| self.entries == 1);
        let what = if self.only_files { "files" } else { "files and folders" };
        let line = match single {
            None if self.entries == 0 => format!("nothing was offered {direction} {peer}"),
            Some((name, _, digest)) if self.failed == 0 => {
                let name = escape_name(name);
                let digest = digest
                    .map_or_else(String::new, |digest| format!(", BLAKE3 {}", blake3::Hash::from(digest)));
                if self.there == 1 {
                    format!("{name} is there already, with the same content{digest}")
                } else {
                    format!("{verb} {name} {direction} {peer}: {amount}{digest}")
                }
            }
            _ if self.there == self.entries => {
                format!("all {} {what} are there already, with the same content", self.there)
            }
            _ => {
                let there =
                    if self.there > 0 { format!(", {} there already", self.there) } else { String::new() };
                let done = self.entries - self.failed;
                format!("{verb} {done} of {} {what} {direction} {peer}: {amount}{there}", self.entries)
            }
        };
        match self.left_out.total() {
            0 => line,
            count => format!("{line}; {count} left out"),
        }
    }

    /// Reports the session, which moved `bytes` bytes of bodies in `time`, and returns its result.
    pub(crate) fn conclude(&mut self, bytes: u64, time: Duration) -> Result<(), Error> {
        let arrived = self.failed < self.entries || self.entries == 0;
        let digests = self.digests.take().filter(|_| arrived);
        let listed = digests.map_or(Ok(()), |mut digests| digests.finish(&self.report));
        // The summary line of a single entry contains its failure.
        if self.entries > 1 {
            self.report_failures();
            if self.failed > self.reported && !self.report.is_json() {
                let more = self.failed - self.reported;
                self.report.warning(format_args!("and {more} more (--verbose names each that is known)"));
            }
        }
        self.left_out.report_counts(self.role, &self.report);
        let line = self.line(bytes, time);
        let single = self.first.as_ref().filter(|_| self.entries == 1);
        let (verb, peer) = (self.verb(), &self.peer);
        let sums = Sums {
            verb,
            peer,
            entries: self.entries,
            done: self.entries - self.failed,
            there: self.there,
            failed: self.failed,
            skipped: self.left_out.total(),
            bytes,
            resumed_bytes: self.resumed_bytes,
            time,
            verified: true,
            digest: single.and_then(|(_, _, digest)| *digest),
            path: single.map(|(name, ..)| name.as_slice()),
        };
        if arrived {
            self.report.summary(line, &sums);
        }
        match (self.exit(), listed) {
            (Ok(()), listed) => listed,
            (Err(error), listed) => {
                if let Err(listed) = listed {
                    self.report.warning(listed);
                }
                Err(error.with_retry(self.retry))
            }
        }
    }

    fn exit(&self) -> Result<(), Error> {
        match (self.failed, &self.failures[..]) {
            (0, _) => Ok(()),
            (1, [(name, reason, text)]) if self.entries == 1 => {
                Err(Error::new(exit_of(*reason, self.role), self.describe(name, *reason, text)))
            }
            (failed, _) if failed < self.entries => {
                Err(Error::new(Exit::Partial, format!("{failed} of {} files failed", self.entries)))
            }
            (failed, _) => {
                Err(Error::new(self.exit.unwrap_or(Exit::Failed), format!("all {failed} files failed")))
            }
        }
    }
}
