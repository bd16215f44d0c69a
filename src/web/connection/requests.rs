//! Requests in the received bytes, and what begins with each.

use std::rc::Rc;
use std::time::Instant;

use super::parts::{End, Logged, Reply};
use super::working::Working;
use super::{Inner, State, Taking};
use crate::proto::http::{Method, ParseEvent, RequestHead, no_fields};
use crate::web::answer::{Answer, taken};
use crate::web::request::{Request, Route};
use crate::web::route::{logged_target, route};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Inner {
    /// Parses until more is needed or there is an answer: true. Returns the number of bytes used.
    pub(super) fn parse(&mut self, input: &[u8], now: Instant) -> Result<(usize, bool), End> {
        let mut at = 0;
        loop {
            let mut fields = no_fields();
            let was_at_head = self.exchange.is_at_head();
            let (used, event) = self.exchange.next_event(&input[at..], &mut fields);
            match event {
                ParseEvent::More => return Ok((at, false)),
                ParseEvent::Skipped => at += used,
                ParseEvent::Head(head) => {
                    let is_answered = match self.begin(&head, now) {
                        Err(End::Moves) => {
                            self.held = input[at..].to_vec();
                            return Err(End::Moves);
                        }
                        result => result?,
                    };
                    at += used;
                    if is_answered {
                        return Ok((at, true));
                    }
                }
                ParseEvent::Rewritten(_) => {
                    self.refuse(400, "the request is not as RFC 9112 has it", now);
                    return Ok((at, true));
                }
                ParseEvent::Body(piece) => {
                    at += used;
                    self.client.report.metrics().moved((0, piece.len() as u64));
                    if let State::Taking(taking) = &mut self.state
                        && let Err(answer) = taking.intake.take(piece)
                    {
                        let reply = taking.reply;
                        self.answer((*answer).closing(), reply, now);
                        return Ok((at, true));
                    }
                }
                ParseEvent::End => {
                    at += used;
                    if let State::Taking(taking) = std::mem::replace(&mut self.state, State::Reading) {
                        let answer = taking.intake.finish();
                        self.answer(answer, taking.reply, now);
                        return Ok((at, true));
                    }
                }
                ParseEvent::Refused(why) => {
                    let is_head = was_at_head && input[at..].starts_with(b"HEAD ");
                    let reply = Reply { is_head, keeps_alive: false, minor: 1 };
                    self.state = State::Reading;
                    self.answer(Answer::text(why.0, ""), reply, now);
                    return Ok((at, true));
                }
            }
        }
    }

    /// Claims the only transfer, if there is only one. False: another client has it.
    fn claim(&mut self) -> bool {
        let Some(once) = &self.worker.site.once else { return true };
        self.claimed = self.claimed.take().or_else(|| once.begin());
        self.claimed.is_some()
    }

    /// Answers a request of whose body, if there is one, nothing is taken.
    pub(super) fn conclude(&mut self, answer: Answer, reply: Reply, has_body: bool, now: Instant) {
        let is_refused = answer.completes && !reply.is_head && !self.claim();
        let answer = if is_refused { taken() } else { answer };
        self.answer(if has_body { answer.closing() } else { answer }, reply, now);
    }

    /// Begins a request. True: it is answered.
    fn begin(&mut self, head: &RequestHead<'_, '_>, now: Instant) -> Result<bool, End> {
        let worker = Rc::clone(&self.worker);
        let reply =
            Reply { is_head: head.method == Method::Head, keeps_alive: head.keeps_alive, minor: head.minor };
        // Before anything is done for it: another client may have begun the only transfer.
        let changes = !matches!(head.method_text, "GET" | "HEAD" | "OPTIONS");
        if changes && self.home.is_thread() && !self.claim() {
            self.answer(taken().closing(), reply, now);
            return Ok(true);
        }
        let request = Request {
            head,
            site: &worker.site,
            client: &self.client,
            now_seconds: worker.unix_seconds(),
            may_block: self.home.is_thread(),
            is_private: false,
            waker: self.home.waker(),
        };
        let logged = worker.site.log.as_ref().map(|_| Logged {
            method: head.method_text.to_owned(),
            target: logged_target(&request).to_owned(),
            minor: head.minor,
        });
        self.logged = logged.map(Box::new);
        match route(&request) {
            Route::Move => Err(End::Moves),
            Route::Work(work) => {
                self.state = State::Working(Working { work, reply, has_body: head.has_body });
                Ok(true)
            }
            Route::Answer(answer) => {
                self.conclude(answer, reply, head.has_body, now);
                Ok(true)
            }
            Route::Take(intake) if head.has_body => {
                let mut interim = if head.minor > 0 { intake.interim() } else { Vec::new() };
                if head.expects_continue {
                    interim.extend_from_slice(CONTINUE);
                }
                self.state = State::Taking(Box::new(Taking { intake, reply, interim }));
                self.deadline = now + worker.site.terms.idle_timeout;
                Ok(false)
            }
            Route::Take(intake) => {
                let answer = intake.finish();
                self.answer(answer, reply, now);
                Ok(true)
            }
        }
    }
}
