//! `LIST`: the offered entries, without their bytes.

use std::time::{Duration, Instant, SystemTime};

use super::connection::closing::{Job, LinkSession};
use super::connection::link::{Limits, Link, Received};
use super::connection::wire::{FRAME_COST_BYTES, Failure, Wire};
use super::failure::{Role, describe, exit_of, peer_error, protocol_error};
use super::left_out::LeftOut;
use super::send::offering::{Offering, OfferingItem};
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::reactor::{Context, IoHandle, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stdio::Stdio;
use crate::net::stream::Stream;
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{Frame, encode};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::proto::transfer::wanted::RequestedNames;

use crate::report::{Listed, Report, escape_name};

/// Cost of an entry in the budget of a call: it asks the file system several times.
pub(super) const ENTRY_COST_BYTES: usize = 8 << 10;
/// Bytes of lines that may wait for stdout. With more, nothing is read.
pub(super) const WAITING_BYTES: usize = 64 << 10;

/// A server session that lists entries.
pub(super) struct List {
    offering: Offering,
    entries: u32,
    /// The client has the capability SKIPPED.
    reports_skipped: bool,
    ended: bool,
}

impl List {
    pub(super) fn session<S: Stream>(
        wire: Wire<S>,
        offering: Offering,
        limits: Limits,
        reports_skipped: bool,
    ) -> LinkSession<S, List> {
        let list = List { offering, entries: 0, reports_skipped, ended: false };
        LinkSession::new(Link::new(wire, Role::Sender, limits, false), list)
    }
}

impl<S: Stream> Job<S> for List {
    /// Returns `Done` when everything is written.
    fn advance(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure> {
        let mut budget = context.budget_bytes;
        while !self.ended {
            if budget == 0 {
                return Ok(Status::Again);
            }
            budget = budget.saturating_sub(ENTRY_COST_BYTES);
            if link.wire.is_full() && !link.wire.flush()? {
                link.check_time(context.now, None)?;
                return Ok(Status::Waiting);
            }
            let frame = match self.offering.next() {
                Some(OfferingItem::Entry(offered)) => {
                    Frame::Entry { file: self.entries, entry: offered.entry }
                }
                Some(OfferingItem::Skipped(skipped)) => {
                    if self.reports_skipped {
                        link.wire.push(&encode(&Frame::Skipped(skipped)));
                    }
                    continue;
                }
                None => {
                    self.ended = true;
                    Frame::Eot { entries: self.entries.into(), bytes: 0 }
                }
            };
            self.entries += 1;
            link.wire.push(&encode(&frame));
        }
        Ok(Status::Done)
    }

    fn conclude(&mut self, _: &Link<S>, _: Instant) -> Result<(), Error> {
        Ok(())
    }
}

/// A client session that prints the entries of a server.
pub(crate) struct Printing {
    stdout: Stdio,
    lines: SendBuffer,
    report: Report,
    entries: u64,
    /// Maximum of accepted entries.
    max_entries: u32,
    /// The names asked for; `None`: everything.
    wanted: Option<RequestedNames>,
    /// The first entries that cannot be listed; further ones are counted.
    missing: Vec<Entry>,
    missing_count: u64,
    left_out: LeftOut,
    /// Both sides have the capability SKIPPED.
    expects_skipped: bool,
    ended: bool,
}

impl Printing {
    /// Creates a session that waits for ACCEPT, then accepts at most `max_entries` entries that answer these names;
    /// without names, all.
    pub(crate) fn session<S: Stream>(
        wire: Wire<S>,
        (names, max_entries): (Vec<Vec<u8>>, u32),
        limits: Limits,
        (io, report): (&IoHandle, Report),
    ) -> Result<LinkSession<S, Printing>, Error> {
        let printing = Printing {
            stdout: Stdio::open(io)?,
            lines: SendBuffer::default(),
            report,
            entries: 0,
            max_entries,
            wanted: (!names.is_empty()).then(|| RequestedNames::new(names)),
            missing: Vec::new(),
            missing_count: 0,
            left_out: LeftOut::default(),
            expects_skipped: false,
            ended: false,
        };
        Ok(LinkSession::new(Link::new(wire, Role::Receiver, limits, true), printing))
    }

    fn entry(&mut self, file: u32, entry: Entry) -> Result<(), Failure> {
        if u64::from(file) != self.entries {
            return Err(protocol_error(Violation::Contradiction("the order of the file ids")));
        }
        if file >= self.max_entries {
            return Err(protocol_error(Violation::TooManyEntries(self.max_entries)));
        }
        if let Some(wanted) = &mut self.wanted {
            wanted.check(&entry).map_err(protocol_error)?;
        }
        self.entries += 1;
        if entry.not_offered.is_some() {
            self.missing_count += 1;
            // A few are enough for the error message.
            if self.missing.len() < 100 {
                self.missing.push(entry);
            }
            return Ok(());
        }
        self.lines.push(line(&entry, self.report.is_json()).as_bytes());
        Ok(())
    }
}

impl<S: Stream> Job<S> for Printing {
    fn advance(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure> {
        let mut budget = context.budget_bytes;
        loop {
            if self.lines.pending() >= WAITING_BYTES || self.ended {
                let sent = send_all(&mut self.stdout, &mut self.lines);
                if sent.map_err(|error| cannot_write(&error))? == Sent::Blocked {
                    link.check_time(context.now, Some(frame::Phase::Syncing))?;
                    return Ok(Status::Waiting);
                }
            }
            if self.ended {
                return Ok(Status::Done);
            }
            if budget == 0 {
                return Ok(Status::Again);
            }
            budget = budget.saturating_sub(FRAME_COST_BYTES);
            let received = link.receive()?;
            self.expects_skipped |= link.accepted().is_some_and(|accept| accept.capabilities.skipped);
            match received {
                Received::Frame(Frame::Entry { file, entry }) => self.entry(file, entry)?,
                Received::Frame(Frame::Eot { entries, bytes }) => {
                    if (entries, bytes) != (self.entries, 0) {
                        return Err(protocol_error(Violation::Contradiction("the counts of EOT")));
                    }
                    if let Some(wanted) = &self.wanted {
                        wanted.finish().map_err(protocol_error)?;
                    }
                    self.ended = true;
                }
                Received::Frame(Frame::Skipped(skipped)) if self.expects_skipped => {
                    if self.left_out.total() >= self.max_entries.into() {
                        return Err(protocol_error(Violation::TooManyEntries(self.max_entries)));
                    }
                    self.left_out.record(&skipped, &self.report);
                }
                Received::Frame(Frame::Ping { .. }) => {}
                Received::Frame(Frame::Error { reason, text }) => {
                    return Err(peer_error(reason, &text, Role::Receiver));
                }
                Received::Frame(_) | Received::Data { .. } => {
                    return Err(protocol_error(Violation::OutOfTurn("a frame in a listing")));
                }
                Received::Nothing => {
                    let sent = send_all(&mut self.stdout, &mut self.lines);
                    sent.map_err(|error| cannot_write(&error))?;
                    link.wire.flush()?;
                    link.check_time(context.now, None)?;
                    return Ok(Status::Waiting);
                }
                Received::End => {
                    let text = "the connection ended before the listing was complete";
                    return Err(Error::new(Exit::Lost, text).into());
                }
            }
        }
    }

    fn conclude(&mut self, _: &Link<S>, _: Instant) -> Result<(), Error> {
        self.left_out.report_counts(Role::Receiver, &self.report);
        let failed = |entry: &Entry| {
            let (reason, text) = entry.not_offered.clone().unwrap_or((Reason::Failed, String::new()));
            Error::new(exit_of(reason, Role::Receiver), describe(&entry.path, reason, &text, Role::Receiver))
        };
        match &self.missing[..] {
            [] => Ok(()),
            [only] => Err(failed(only)),
            all => {
                for entry in all {
                    self.report.warning(failed(entry));
                }
                Err(Error::new(Exit::Partial, format!("{} names cannot be listed", self.missing_count)))
            }
        }
    }
}

/// Returns the line of an entry.
pub(super) fn line(entry: &Entry, json: bool) -> String {
    if json { json_line(entry) } else { text_line(entry) }
}

/// Returns size, time and path of an entry as text. The path of a folder ends with a slash; a link shows its target.
fn text_line(entry: &Entry) -> String {
    let size = entry.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    let path = escape_name(&entry.path);
    let path = match &entry.kind {
        EntryKind::Folder => format!("{path}/"),
        EntryKind::Link(target) => format!("{path} -> {}", escape_name(target)),
        EntryKind::File | EntryKind::Other(_) => path,
    };
    // An entry without a size has no time, either.
    let time = entry.size.map_or_else(|| "-".to_owned(), |_| time(entry.mtime_seconds));
    format!("{size:>14} {time:>20} {path}\n")
}

/// Returns everything known of an entry as a JSON object.
fn json_line(entry: &Entry) -> String {
    let (kind, target) = match &entry.kind {
        EntryKind::Folder => ("folder", None),
        EntryKind::Link(target) => ("link", Some(target.as_slice())),
        EntryKind::File | EntryKind::Other(_) => ("file", None),
    };
    let time = entry.size.and_then(|_| time_of(entry.mtime_seconds, entry.mtime_nanoseconds));
    let mtime = time.map(|time| humantime::format_rfc3339(time).to_string());
    let listed = Listed {
        path: &entry.path,
        kind,
        size: entry.size.filter(|_| kind == "file"),
        mtime: mtime.as_deref(),
        executable: kind == "file" && entry.mode & 0o100 != 0,
        target,
    };
    listed.line().unwrap_or_default()
}

/// Formats a time as `2026-01-31T12:00:00Z`, or as `@` and seconds outside the years 1970 to 9999.
fn time(seconds: i64) -> String {
    time_of(seconds, 0)
        .map_or_else(|| format!("@{seconds}"), |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// Converts a time, if its year has four digits and is not before 1970.
fn time_of(seconds: i64, nanoseconds: u32) -> Option<SystemTime> {
    const YEAR_10000: u64 = 253_402_300_800;
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds < YEAR_10000)?;
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds))
}
