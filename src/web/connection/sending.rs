//! The way of answers to the client.

use std::time::Instant;

use super::{End, Inner, Reply, State};
use crate::net::goodbye::LingeringClose;
use crate::net::reactor::Status;
use crate::net::stream::Stream;
use crate::proto::http::{Persistence, write_head};
use crate::web::answer::Answer;
use crate::web::body::{Failed, Outgoing, Progress};
use crate::web::worker::Buffers;

impl Inner {
    /// Sends what is to be sent. `None`: everything was.
    pub(super) fn send(
        &mut self,
        buffers: &mut Buffers,
        budget: &mut usize,
        now: Instant,
    ) -> Result<Option<Status>, End> {
        if let State::Taking(taking) = &mut self.state
            && !taking.interim.is_empty()
        {
            // A few bytes: there is room, or the client has gone.
            self.transport.write(&taking.interim).map_err(|_| End::Lost)?;
            taking.interim.clear();
        }
        let State::Sending(outgoing) = &mut self.state else { return Ok(None) };
        let before = outgoing.moved_bytes;
        let progress = outgoing.send(&mut self.transport, &mut buffers.output, *budget);
        let moved = outgoing.moved_bytes - before;
        *budget = budget.saturating_sub(usize::try_from(moved).unwrap_or(usize::MAX));
        let has_moved = moved > 0;
        match progress {
            Ok(Progress::All) => {}
            Ok(Progress::Blocked) if has_moved => {
                self.deadline = now + self.worker.site.terms.idle_timeout;
                return Ok(Some(Status::Waiting));
            }
            Ok(Progress::Blocked) if now >= self.deadline => {
                return Err(End::Reset("the client does not read".into()));
            }
            Ok(Progress::Blocked) => return Ok(Some(Status::Waiting)),
            Ok(Progress::Paused) => return Ok(Some(Status::Again)),
            Err(Failed::Lost) => return Err(End::Lost),
            Err(Failed::Broken(why)) => return Err(End::Reset(why.0)),
        }
        self.deadline = now + self.worker.site.terms.idle_timeout;
        if !self.closes {
            self.state = State::Reading;
            return Ok(None);
        }
        if self.has_ended || self.transport.finish_writing().is_err() {
            return Ok(Some(Status::Done));
        }
        self.state = State::Closing(LingeringClose::within(self.worker.site.terms.idle_timeout, now));
        Ok(Some(Status::Again))
    }

    /// Answers what is no request: the connection ends.
    pub(super) fn refuse(&mut self, status: u16, why: &str, now: Instant) {
        let reply = Reply { is_head: false, keeps_alive: false, minor: 1 };
        self.answer(Answer::text(status, why), reply, now);
    }

    pub(super) fn answer(&mut self, answer: Answer, reply: Reply, now: Instant) {
        self.closes |= answer.closes || !reply.keeps_alive || self.is_stopping;
        let persistence = match reply.minor {
            _ if self.closes => Persistence::Closes,
            0 => Persistence::SaysStays,
            _ => Persistence::Stays,
        };
        let mut bytes = Vec::with_capacity(1 << 10);
        self.worker.with_date(|date| {
            write_head(&mut bytes, (answer.status, date), &answer.fields, answer.length, persistence);
        });
        let mut outgoing = Outgoing::new(bytes);
        let body = if reply.is_head { (None, None) } else { (answer.first, answer.rest) };
        if outgoing.add(body.0, body.1).is_err() {
            // It has changed before anything was sent: the client may ask again.
            let mut bytes = Vec::new();
            let changed = Answer::text(503, "the file is changing").with("Retry-After", "1");
            self.worker.with_date(|date| {
                write_head(&mut bytes, (503, date), &changed.fields, changed.length, persistence);
            });
            outgoing = Outgoing::new(bytes);
            let _ = outgoing.add(changed.first, None);
        }
        self.deadline = now + self.worker.site.terms.idle_timeout;
        self.state = State::Sending(Box::new(outgoing));
    }
}
