//! A client's side: one file for each connection, because such servers read beyond the end of a file.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Context, Session, Status};
use crate::net::stream::Stream;
use crate::proto::transfer::text_header::is_refusal;
use crate::report::{Progress, ProgressPhase, Report, escape_bytes, escape_name};
use crate::store::SourceFile;
use crate::transfer::connection::link::Limits;
use crate::transfer::connection::wire::{CHUNK_BYTES, Filled, Wire};

/// Bytes of the server's text that are kept; the rest is discarded.
const MAX_TALK_BYTES: usize = 1024;

/// A file that was sent, as far as the protocol can confirm it.
pub(crate) struct SentText {
    pub(crate) peer: PeerName,
    pub(crate) time: Duration,
}

/// A session that sends one file.
pub(crate) struct TextSending<S> {
    wire: Wire<S>,
    state: State,
    source: SourceFile,
    name: Vec<u8>,
    limits: Limits,
    start: Instant,
    peer: PeerName,
    /// The server's text.
    talk: Vec<u8>,
    peer_ended: bool,
    acknowledgement: AcknowledgementWait,
    report: Report,
    progress: Rc<Progress>,
    sent: Rc<RefCell<Option<SentText>>>,
}

#[derive(Clone, Copy)]
enum State {
    /// The header was sent.
    Answer,
    /// This many bytes of the file were not read yet.
    Body(u64),
    /// Everything was sent, and this side has ended.
    End,
}

impl<S: Stream> TextSending<S> {
    /// Sends `header`, then all of `source`, and sets `sent` on success.
    pub(crate) fn new(
        mut wire: Wire<S>,
        header: &[u8],
        (name, source): (Vec<u8>, SourceFile),
        limits: Limits,
        (report, peer): (Report, PeerName),
        (progress, sent): (Rc<Progress>, Rc<RefCell<Option<SentText>>>),
    ) -> TextSending<S> {
        // A server must not take the death of this process for the end of the file.
        wire.reset_on_close(true);
        wire.push(header);
        wire.limit_rate(limits.rate);
        progress.file(&name, Some(source.size_bytes()), 0);
        progress.phase(ProgressPhase::Waiting);
        TextSending {
            start: wire.last_traffic(),
            wire,
            state: State::Answer,
            source,
            name,
            limits,
            peer,
            talk: Vec::new(),
            peer_ended: false,
            acknowledgement: AcknowledgementWait::default(),
            report,
            progress,
            sent,
        }
    }

    fn work(&mut self, context: Context) -> Result<Status, Error> {
        let mut budget = context.budget_bytes;
        loop {
            if self.listen(context.budget_bytes)? {
                return Ok(Status::Again);
            }
            match self.state {
                State::Answer => {
                    self.wire.flush()?;
                    if self.talk.is_empty() {
                        return self.unanswered(context.now);
                    }
                    self.report("answered");
                    self.progress.phase(ProgressPhase::Sending);
                    self.state = State::Body(self.source.size_bytes());
                }
                State::Body(rest) => {
                    if !self.wire.flush()? {
                        return self.wait(context.now, None);
                    }
                    if rest == 0 {
                        self.wire.finish_writing()?;
                        self.progress.phase(ProgressPhase::Waiting);
                        self.state = State::End;
                    } else if self.peer_ended {
                        let text = "the peer closed the connection before everything was sent";
                        return Err(Error::new(Exit::Lost, text));
                    } else if budget == 0 {
                        return Ok(Status::Again);
                    } else {
                        let count = self.read(rest)?;
                        budget = budget.saturating_sub(count);
                        self.state = State::Body(rest - count as u64);
                    }
                }
                State::End => return self.ending(context.now),
            }
        }
    }

    /// Reads the server's text meanwhile. Returns whether there is more than fits the budget.
    fn listen(&mut self, budget_bytes: usize) -> Result<bool, Error> {
        let mut received = 0;
        while received < budget_bytes && !self.peer_ended {
            match self.wire.fill(1)? {
                Filled::Blocked => break,
                Filled::Ended => self.peer_ended = true,
                Filled::Enough => {
                    let bytes = self.wire.incoming();
                    let free = MAX_TALK_BYTES.saturating_sub(self.talk.len());
                    self.talk.extend(bytes.iter().take(free));
                    let count = bytes.len();
                    self.wire.consume(count);
                    received += count;
                }
            }
        }
        match self.talk.split(|byte| *byte == b'\n').find(|line| is_refusal(line)) {
            Some(line) => {
                Err(Error::new(Exit::Refused, format!("the peer said: {}", escape_bytes(line.trim_ascii()))))
            }
            None => Ok(received >= budget_bytes),
        }
    }

    /// Prints the server's text and clears it.
    fn report(&mut self, verb: &str) {
        let words = std::mem::take(&mut self.talk);
        self.report.detail(format_args!("{} {verb}: {}", self.peer, escape_bytes(words.trim_ascii())));
    }

    fn unanswered(&self, now: Instant) -> Result<Status, Error> {
        if self.peer_ended {
            let text = "the peer closed the connection instead of answering the header";
            return Err(Error::new(Exit::Lost, text));
        }
        if now >= self.start + self.limits.handshake {
            let limit = humantime::format_duration(self.limits.handshake);
            let text = format!("the peer did not answer the header within {limit} (see --timeout)");
            return Err(Error::new(Exit::TimedOut, text));
        }
        self.wait(now, None)
    }

    /// Queues the next chunk of the file.
    fn read(&mut self, rest: u64) -> Result<usize, Error> {
        let changed = || Error::new(Exit::Integrity, "changed while it was sent");
        let count = CHUNK_BYTES.min(usize::try_from(rest).unwrap_or(CHUNK_BYTES));
        let outgoing = self.wire.outgoing();
        let read =
            self.source.read(outgoing.space(count)).map_err(|fault| Error::new(Exit::Failed, fault))?;
        // Before the last chunk is sent: without it the server has fewer bytes than announced.
        if read < count || (count as u64 == rest && self.source.changed().unwrap_or(true)) {
            return Err(changed());
        }
        outgoing.filled(count);
        self.progress.moved(count as u64);
        Ok(count)
    }

    /// Waits until the server has ended its side in order and its system has acknowledged all bytes: then it has
    /// everything.
    fn ending(&mut self, now: Instant) -> Result<Status, Error> {
        let unknown = "whether it has the file is unknown";
        if !self.peer_ended {
            return self.wait(now, Some(unknown));
        }
        if !self.wire.is_acknowledged(&mut self.acknowledgement)? {
            return self.wait(now, Some(unknown));
        }
        if !self.talk.is_empty() {
            self.report("said");
        }
        *self.sent.borrow_mut() = Some(SentText { peer: self.peer.clone(), time: now - self.start });
        Ok(Status::Done)
    }

    fn wait(&self, now: Instant, so: Option<&str>) -> Result<Status, Error> {
        if now < self.wire.last_traffic() + self.limits.idle {
            return Ok(Status::Waiting);
        }
        let limit = humantime::format_duration(self.limits.idle);
        let so = so.map_or_else(String::new, |so| format!("; {so}"));
        let text = format!("nothing was sent or received for {limit} (see --idle-timeout){so}");
        Err(Error::new(Exit::TimedOut, text))
    }
}

impl<S: Stream> Session for TextSending<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.wire.tick(context.now);
        self.work(context).map_err(|error| {
            // If sending failed, the server's last text may give the reason.
            let error = match self.listen(context.budget_bytes) {
                Err(refusal) if refusal.exit() == Exit::Refused => refusal,
                _ => error,
            };
            error.context(escape_name(&self.name))
        })
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = self.wire.last_traffic() + self.limits.idle;
        let answer = matches!(self.state, State::Answer).then(|| self.start + self.limits.handshake);
        [answer, self.acknowledgement.deadline(), self.wire.wake_up()]
            .into_iter()
            .flatten()
            .chain([idle])
            .min()
    }
}
