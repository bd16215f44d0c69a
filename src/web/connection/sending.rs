//! The way of answers to the client.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::{End, Inner, Reply, State};
use crate::http::log::{LoggedAnswer, LoggedRequest};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::LingeringClose;
use crate::net::reactor::{Context, Status};
use crate::net::stream::Stream;
use crate::proto::http::{Persistence, write_head};
use crate::report::FileEvent;
use crate::web::answer::{Answer, changing};
use crate::web::body::{Failed, Outgoing, Progress};
use crate::web::worker::Buffers;

/// The time for a client that still sends after its last answer to read it.
const LONGEST_LINGER: Duration = Duration::from_secs(10);

impl Inner {
    /// Sends what is to be sent. `None`: everything was.
    pub(super) fn send(
        &mut self,
        buffers: &mut Buffers,
        budget: &mut usize,
        now: Instant,
    ) -> Result<Option<Status>, End> {
        if let State::Taking(taking) = &mut self.state {
            while !taking.interim.is_empty() {
                match self.stream.write(&taking.interim) {
                    Ok(count) => drop(taking.interim.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return if now >= self.deadline { Err(silent()) } else { Ok(Some(Status::Waiting)) };
                    }
                    Err(_) => return Err(End::Lost),
                }
            }
        }
        let State::Sending(outgoing) = &mut self.state else { return Ok(None) };
        let before = outgoing.moved_bytes;
        let progress = outgoing.send(&mut self.stream, &mut buffers.output, *budget);
        let moved = outgoing.moved_bytes - before;
        let of_body = outgoing.moved_bytes.saturating_sub(outgoing.head_bytes.max(before));
        self.client.report.metrics().moved((of_body, 0));
        *budget = budget.saturating_sub(usize::try_from(moved).unwrap_or(usize::MAX));
        if moved > 0 {
            self.deadline = now + self.worker.site.terms.idle_timeout;
            self.gone_at = None;
        }
        match progress {
            Ok(Progress::All) => {}
            Ok(Progress::Blocked) if now >= self.deadline => return Err(silent()),
            Ok(Progress::Blocked) => return Ok(Some(Status::Waiting)),
            Ok(Progress::Later) => {
                self.watch(now)?;
                return Ok(Some(Status::Again));
            }
            Ok(Progress::Paused) => return Ok(Some(Status::Again)),
            Err(Failed::Lost) => return Err(End::Lost),
            Err(Failed::Broken(why)) => return Err(End::Reset(why.0)),
        }
        self.note_end(true);
        let terms = &self.worker.site.terms;
        // The next head may have begun.
        self.deadline = now
            + match self.held.is_empty() {
                true => self.home.idle_timeout(terms),
                false => terms.head_timeout,
            };
        if !self.closes {
            self.state = State::Reading;
            return Ok(None);
        }
        if self.has_ended && self.claimed.is_none() || self.stream.finish_writing().is_err() {
            return Ok(Some(Status::Done));
        }
        let longest = LONGEST_LINGER.min(self.worker.site.terms.idle_timeout);
        self.state = State::Closing(LingeringClose::within(longest, now));
        Ok(Some(Status::Again))
    }

    /// Ends the connection after the last answer. `None`: that is not sent yet.
    pub(super) fn end(&mut self, context: Context) -> Result<Option<Status>, End> {
        if let State::Closing(close) = &mut self.state {
            let status = close.drain(&mut self.stream, context).map_err(|_| End::Lost)?;
            self.deadline = close.deadline();
            if status != Status::Done || self.claimed.is_none() {
                return Ok(Some(status));
            }
            self.deadline = context.now + self.worker.site.terms.idle_timeout;
            self.state = State::Settling(AcknowledgementWait::default());
        }
        let State::Settling(wait) = &mut self.state else { return Ok(None) };
        if wait.is_acknowledged(&mut self.stream, context.now).map_err(|_| End::Lost)? {
            if let Some(claimed) = self.claimed.take() {
                claimed.succeed();
            }
            return Ok(Some(Status::Done));
        }
        Ok(Some(if context.now >= self.deadline { Status::Done } else { Status::Waiting }))
    }

    /// Answers what is no request: the connection ends.
    pub(super) fn refuse(&mut self, status: u16, why: &str, now: Instant) {
        let reply = Reply { is_head: false, keeps_alive: false, minor: 1 };
        self.answer(Answer::text(status, why), reply, now);
    }

    pub(super) fn answer(&mut self, answer: Answer, reply: Reply, now: Instant) {
        if !answer.completes {
            self.claimed = None;
        }
        self.closes |= self.claimed.is_some() || answer.closes || !reply.keeps_alive || self.is_stopping;
        let persistence = match reply.minor {
            _ if self.closes => Persistence::Closes,
            0 => Persistence::SaysStays,
            _ => Persistence::Stays,
        };
        let mut bytes = Vec::with_capacity(1 << 10);
        self.worker.with_date(|date| {
            write_head(&mut bytes, (answer.status, date), &answer.fields, answer.length, persistence);
        });
        let head_bytes = bytes.len() as u64;
        let mut outgoing = Outgoing::new(bytes);
        let body = if reply.is_head { (None, None) } else { (answer.first, answer.rest) };
        if outgoing.add(body.0, body.1).is_err() {
            // It has changed before anything was sent: the client may ask again.
            return self.answer(changing(), reply, now);
        }
        let is_report_read = self.client.report.is_verbose() || self.client.report.is_json();
        outgoing.whole_file = answer.whole_file.filter(|_| is_report_read && !reply.is_head);
        (outgoing.status, outgoing.head_bytes) = (answer.status, head_bytes);
        self.deadline = now + self.worker.site.terms.idle_timeout;
        self.state = State::Sending(Box::new(outgoing));
    }

    /// Writes down what was sent of an answer: all of it, or what the client has had of it when it left.
    pub(super) fn note_end(&mut self, is_whole: bool) {
        let State::Sending(outgoing) = &self.state else { return };
        self.client.report.metrics().answered(outgoing.status);
        let body_bytes = outgoing.moved_bytes.saturating_sub(outgoing.head_bytes);
        if let Some(path) = outgoing.whole_file.as_ref().filter(|_| is_whole) {
            let (size, digest) = (Some(body_bytes), None);
            let event =
                FileEvent { path, kind: "file", state: "sent", size, digest, reason: None, text: None };
            self.client.report.file(&event);
        }
        if self.worker.site.log.is_none() {
            return;
        }
        let request = self.logged.take();
        let request = request.as_ref().map(|logged| LoggedRequest {
            method: &logged.method,
            target: &logged.target,
            minor: logged.minor,
        });
        let peer = &self.client.peer.to_string();
        let bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX);
        self.worker.log(&LoggedAnswer { peer, request, status: outgoing.status, bytes });
    }
}

/// The end of a client that takes nothing any more.
fn silent() -> End {
    End::Reset("the client does not read".into())
}
