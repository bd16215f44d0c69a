//! A server's side: header, answer, body, next header, until the client ends.
//!
//! A received body is not answered: such clients would take that for the answer to their next header. A file that fails
//! after its body is reported all the same, and ends the connection.

use std::time::{Duration, Instant};

use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{BlockingTask, Context, IoHandle, Session, Status};
use crate::net::stream::Stream;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::text_header::{ACCEPTED, ParsedText, TextHeader, parse, refusal};
use crate::report::{FileEvent, Progress, ProgressPhase, Report, amount, escape_name};
use crate::store::{Folder, Part, StoreError};
use crate::transfer::Claim;
use crate::transfer::connection::closing::Closing;
use crate::transfer::connection::link::Limits;
use crate::transfer::connection::wire::{CHUNK_BYTES, Failure, Filled, Wire};
use crate::transfer::failure::{Role, exit_of, local_failure};

/// A header has no end mark: it is complete if it parses and nothing has followed for this long.
const HEADER_PAUSE: Duration = Duration::from_millis(50);
/// Time limit of a stopped session for a file that is being committed.
const COMMIT_LIMIT: Duration = Duration::from_millis(600);

/// One client that announces its files with text headers. Existing files are never replaced.
pub(crate) struct TextReceiving<S> {
    wire: Option<Wire<S>>,
    state: State,
    folder: Folder,
    max_size: Option<u64>,
    /// Maximum of files of one client.
    max_entries: u32,
    limits: Limits,
    /// Deadline of the header: of the first from the start of the connection, of others from their first byte.
    header_by: Option<Instant>,
    /// Time of the last byte of a possible header.
    quiet_since: Option<Instant>,
    files_in_place: u64,
    claim: Claim,
    io: IoHandle,
    report: Report,
    peer: PeerName,
    closing: Option<Closing<S>>,
}

enum State {
    Header,
    Body(Arriving),
    Commit(Arrived),
}

struct Arriving {
    header: TextHeader,
    received: u64,
    part: Part,
    progress: Progress,
    start: Instant,
}

struct Arrived {
    header: TextHeader,
    start: Instant,
    commit: BlockingTask<Result<(), StoreError>>,
    _progress: Progress,
}

enum WriteProgress {
    /// This many bytes were moved.
    Moved(usize),
    /// Waits for the client or the disk.
    Waits,
    /// More can be done in the next call.
    Again,
    /// The client has ended, and everything is in place.
    Over,
}

impl<S: Stream> TextReceiving<S> {
    /// Serves a new client or, with `busy`, rejects it with the reason.
    pub(crate) fn new(
        stream: S,
        now: Instant,
        (folder, max_size, max_entries): (Folder, Option<u64>, u32),
        limits: Limits,
        (busy, claim): (bool, Claim),
        (io, report, peer): (IoHandle, Report, PeerName),
    ) -> TextReceiving<S> {
        let mut wire = Wire::new(stream, now);
        // An orderly end means that the files are in place. A killed process must not send one.
        wire.reset_on_close(true);
        wire.limit_rate(limits.rate);
        let mut session = TextReceiving {
            wire: None,
            state: State::Header,
            folder,
            max_size,
            max_entries,
            limits,
            header_by: Some(now + limits.handshake),
            quiet_since: None,
            files_in_place: 0,
            claim,
            io,
            report,
            peer,
            closing: None,
        };
        if busy {
            session.end(wire, Err(refused(Reason::Busy, "too many clients".into())));
        } else {
            session.wire = Some(wire);
        }
        session
    }

    fn work(&mut self, wire: &mut Wire<S>, context: Context) -> Result<Status, Failure> {
        let mut budget = context.budget_bytes;
        loop {
            // A complete file is committed first.
            if !matches!(self.state, State::Commit(_)) {
                wire.flush()?;
            }
            let step = match std::mem::replace(&mut self.state, State::Header) {
                State::Header => self.header(wire, context.now)?,
                State::Body(file) if file.received == file.header.size => self.commit(file)?,
                State::Body(file) if budget == 0 => {
                    self.state = State::Body(file);
                    return Ok(Status::Again);
                }
                State::Body(file) => self.body(wire, file)?,
                State::Commit(file) => self.committed(wire, file, context.now)?,
            };
            match step {
                WriteProgress::Moved(count) => budget = budget.saturating_sub(count),
                WriteProgress::Waits => {
                    self.check_time(wire, context.now)?;
                    return Ok(Status::Waiting);
                }
                WriteProgress::Again => return Ok(Status::Again),
                WriteProgress::Over => return Ok(Status::Done),
            }
        }
    }

    fn header(&mut self, wire: &mut Wire<S>, now: Instant) -> Result<WriteProgress, Failure> {
        loop {
            let parsed = parse(wire.incoming())
                .map_err(|fault| refused(fault.reason(), format!("the header {fault}")))?;
            let count = wire.incoming().len();
            if count > 0 {
                self.header_by.get_or_insert(now + self.limits.handshake);
            }
            let is_silent = count == 0 && self.files_in_place == 0;
            let left = |error: Error| match is_silent && error.exit() == Exit::Lost {
                true => error.of_health_check(),
                false => error,
            };
            return match (wire.fill(count + 1).map_err(left)?, parsed) {
                (Filled::Enough, _) => continue,
                (Filled::Ended, ParsedText::Incomplete) if count == 0 && self.files_in_place > 0 => {
                    Ok(WriteProgress::Over)
                }
                (Filled::Ended, ParsedText::Incomplete) => {
                    let text = "the client closed the connection before its header was complete";
                    let to_peer = (count > 0).then(|| (Reason::Protocol, "the header is cut".to_owned()));
                    Err(Failure { error: left(Error::new(Exit::Lost, text)), to_peer })
                }
                // Bytes held back by the rate limit do not count as a pause of the client.
                (Filled::Blocked, _) if wire.wake_up().is_some() => {
                    self.quiet_since = None;
                    Ok(WriteProgress::Waits)
                }
                // The turn's time is from before its reads, perhaps long before: the pause begins with the next.
                (Filled::Blocked, ParsedText::Complete(_)) if wire.last_traffic() == now => {
                    self.quiet_since = None;
                    Ok(WriteProgress::Again)
                }
                (Filled::Blocked, ParsedText::Complete(_))
                    if now < *self.quiet_since.get_or_insert(now) + HEADER_PAUSE =>
                {
                    Ok(WriteProgress::Waits)
                }
                (Filled::Blocked, ParsedText::Incomplete) => {
                    self.quiet_since = None;
                    Ok(WriteProgress::Waits)
                }
                (Filled::Blocked | Filled::Ended, ParsedText::Complete(header)) => {
                    wire.consume(count);
                    self.begin(wire, header, now)
                }
            };
        }
    }

    fn begin(
        &mut self,
        wire: &mut Wire<S>,
        header: TextHeader,
        now: Instant,
    ) -> Result<WriteProgress, Failure> {
        (self.header_by, self.quiet_since) = (None, None);
        if !self.claim.begin(None) {
            return Err(Claim::taken());
        }
        let name = header.name.as_bytes();
        let shown = escape_name(name);
        let no = |reason, text: &str| {
            let error = Error::new(exit_of(reason, Role::Receiver), format!("{shown}: {text}"));
            Failure { error, to_peer: Some((reason, text.to_owned())) }
        };
        let fault = |fault: StoreError| local_failure(Role::Receiver, &shown, &fault);
        if self.files_in_place >= u64::from(self.max_entries) {
            return Err(no(Reason::TooLarge, &format!("more than {} files", self.max_entries)));
        }
        if let Some(limit) = self.max_size.filter(|limit| header.size > *limit) {
            return Err(no(Reason::TooLarge, &format!("too large: at most {limit} bytes are taken")));
        }
        if self.folder.existing(name).map_err(fault)?.is_some() {
            return Err(no(Reason::Exists, "a file of that name exists"));
        }
        if self.folder.free_bytes(name).is_some_and(|free| free < header.size) {
            return Err(no(Reason::NoSpace, &Reason::NoSpace.to_string()));
        }
        let part = Part::create(&self.folder, name).map_err(fault)?;
        wire.push(ACCEPTED);
        let progress = Progress::of_receiving(&self.report);
        progress.expect(1, header.size);
        progress.all_known();
        progress.file(name, Some(header.size), 0);
        progress.phase(ProgressPhase::Receiving);
        self.state = State::Body(Arriving { header, received: 0, part, progress, start: now });
        Ok(WriteProgress::Moved(0))
    }

    fn body(&mut self, wire: &mut Wire<S>, mut file: Arriving) -> Result<WriteProgress, Failure> {
        let rest = file.header.size - file.received;
        let count = CHUNK_BYTES.min(usize::try_from(rest).unwrap_or(CHUNK_BYTES));
        let shown = || escape_name(file.header.name.as_bytes());
        match wire.fill(count).map_err(|error| error.context(shown()))? {
            Filled::Enough => {}
            Filled::Blocked => {
                self.state = State::Body(file);
                return Ok(WriteProgress::Waits);
            }
            Filled::Ended => {
                let received = file.received + wire.incoming().len() as u64;
                let text = format!("the connection ended after {received} of {} bytes", file.header.size);
                let error = Error::new(Exit::Lost, format!("{}: {text}", shown()));
                return Err(Failure { error, to_peer: Some((Reason::Protocol, text)) });
            }
        }
        let written = file.part.write_all(&wire.incoming()[..count]);
        written.map_err(|fault| local_failure(Role::Receiver, shown(), &fault))?;
        wire.consume(count);
        file.received += count as u64;
        file.progress.moved(count as u64);
        self.state = State::Body(file);
        Ok(WriteProgress::Moved(count))
    }

    /// Commits a file in a blocking task.
    fn commit(&mut self, file: Arriving) -> Result<WriteProgress, Failure> {
        let Arriving { header, part, progress, start, .. } = file;
        progress.phase(ProgressPhase::Syncing);
        let folder = self.folder.clone();
        let commit = self.io.spawn_blocking(move || {
            let meta = part.meta_as_written()?;
            part.commit(meta, false)?;
            folder.sync()
        })?;
        self.state = State::Commit(Arrived { header, start, commit, _progress: progress });
        Ok(WriteProgress::Moved(0))
    }

    fn committed(
        &mut self,
        wire: &mut Wire<S>,
        mut file: Arrived,
        now: Instant,
    ) -> Result<WriteProgress, Failure> {
        // The client waits for the disk: its idle limit does not run.
        wire.restart_idle();
        let Some(result) = file.commit.take() else {
            self.state = State::Commit(file);
            return Ok(WriteProgress::Waits);
        };
        let (size, name) = (file.header.size, escape_name(file.header.name.as_bytes()));
        result?.map_err(|fault| local_failure(Role::Receiver, &name, &fault))?;
        self.files_in_place += 1;
        let amount = amount(size, now - file.start);
        if self.report.is_json() {
            let (path, size) = (file.header.name.as_bytes(), Some(size));
            let (kind, state) = ("file", "received");
            self.report.file(&FileEvent { path, kind, state, size, digest: None, reason: None, text: None });
        }
        self.report.info(format_args!("received {name} from {}: {amount}, unverified", self.peer));
        Ok(WriteProgress::Moved(0))
    }

    fn check_time(&self, wire: &Wire<S>, now: Instant) -> Result<(), Failure> {
        let late = |what: &str, limit: Duration, option| {
            let text = format!("{what} {} (see {option})", humantime::format_duration(limit));
            refused(Reason::TimeLimit, text)
        };
        if self.header_by.is_some_and(|time| now >= time) {
            return Err(late("the client's header took over", self.limits.handshake, "--timeout"));
        }
        if now >= wire.last_traffic() + self.limits.idle {
            return Err(late("nothing was sent or received for", self.limits.idle, "--idle-timeout"));
        }
        Ok(())
    }

    fn end(&mut self, mut wire: Wire<S>, result: Result<(), Failure>) {
        // An unfinished part is removed now, not after the client got the error.
        self.state = State::Header;
        let (error, to_peer) = match result {
            Ok(()) => (None, None),
            Err(Failure { error, to_peer }) => (Some(error), to_peer),
        };
        let is_late = matches!(to_peer, Some((Reason::TimeLimit, _)));
        if let Some((reason, text)) = to_peer {
            wire.push(&refusal(reason, &text));
        }
        wire.reset_on_close(false);
        let refuses = error.is_some();
        let closing = wire.close_queued(is_late, error);
        // A client that does not read would take an orderly end for success.
        self.closing = Some(if refuses { closing.with_reset() } else { closing });
    }
}

/// Failure of the whole connection rather than of a file.
fn refused(reason: Reason, text: String) -> Failure {
    let exit = match reason {
        Reason::TimeLimit => Exit::TimedOut,
        // Bytes that are no header are of another protocol.
        _ => Exit::Refused,
    };
    Failure { error: Error::new(exit, &text), to_peer: Some((reason, text)) }
}

/// Waits for the file that is being committed: it must get its final name, or lose its temporary one, before a stopped
/// process ends.
impl<S> Drop for TextReceiving<S> {
    fn drop(&mut self) {
        if let State::Commit(file) = std::mem::replace(&mut self.state, State::Header) {
            file.commit.wait(COMMIT_LIMIT);
        }
    }
}

impl<S: Stream> Session for TextReceiving<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let Some(mut wire) = self.wire.take() {
            wire.tick(context.now);
            match self.work(&mut wire, context) {
                Ok(Status::Done) => self.end(wire, Ok(())),
                Ok(status) => {
                    self.wire = Some(wire);
                    return Ok(status);
                }
                Err(failure) => self.end(wire, Err(failure)),
            }
        }
        self.closing.as_mut().map_or(Ok(Status::Done), |closing| closing.advance(context))
    }

    fn deadline(&self) -> Option<Instant> {
        let Some(wire) = &self.wire else {
            return self.closing.as_ref().map(Closing::deadline);
        };
        let idle = wire.last_traffic() + self.limits.idle;
        let quiet = self.quiet_since.map(|time| time + HEADER_PAUSE);
        [self.header_by, quiet, wire.wake_up()].into_iter().flatten().chain([idle]).min()
    }
}
