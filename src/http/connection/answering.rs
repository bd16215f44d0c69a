//! Turns the requests of a connection into responses.

use std::rc::Rc;
use std::sync::Arc;

use super::Connection;
use crate::http::log::{LoggedAnswer, LoggedRequest};
use crate::http::site::{Due, refusal};
use crate::http::worker::{AnswerCount, Ticket};
use crate::proto::http::{Method, ParseEvent, Persistence, RequestHead, Response, RewrittenHead, no_fields};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request that is not answered yet.
pub(super) struct Begun {
    due: Due,
    method: String,
    target: String,
    minor: u8,
    is_head: bool,
    keeps_alive: bool,
    /// The received part of its body, if the body is echoed.
    kept: Vec<u8>,
}

impl Connection {
    /// Handles a head: answers it at once, unless a body or a delay follows.
    pub(super) fn request(&mut self, head: &RequestHead<'_, '_>, bytes: &[u8], output: &mut Vec<u8>) {
        let worker = Rc::clone(&self.worker);
        let due = worker.site.due(head, &self.client.addresses);
        let is_head = head.method == Method::Head;
        if !head.has_body && worker.site.delay.is_none() {
            if let Due::Ready(answer) = due
                && head.keeps_alive
                && head.minor == 1
            {
                worker.remember(bytes, head, answer);
            }
            let request = LoggedRequest { method: head.method_text, target: head.target, minor: head.minor };
            self.answer(due, &[], request, (is_head, head.keeps_alive), output);
            return;
        }
        if head.expects_continue {
            output.extend_from_slice(CONTINUE);
        }
        self.begun = Some(Box::new(Begun {
            due,
            method: head.method_text.into(),
            target: head.target.into(),
            minor: head.minor,
            is_head,
            keeps_alive: head.keeps_alive,
            kept: Vec::new(),
        }));
    }

    /// Handles a head that was rewritten. Returns the number of input bytes used; 0 if it is incomplete or refused.
    pub(super) fn rewritten_request(
        &mut self,
        rewritten: &RewrittenHead,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> usize {
        let mut fields = no_fields();
        let (used, event) = self.exchange.next_event(&rewritten.bytes, &mut fields);
        let used = rewritten.used.unwrap_or(used);
        match event {
            ParseEvent::Head(head) if rewritten.has_bare_line_feeds && head.has_body => {
                self.refuse(400, input, output)
            }
            ParseEvent::Head(mut head) => {
                head.keeps_alive &= !rewritten.has_bare_line_feeds;
                self.request(&head, &input[..used], output);
                return used;
            }
            ParseEvent::Refused(why) => self.refuse(why.0, input, output),
            _ => {}
        }
        0
    }

    /// Keeps a part of a body, if the body is echoed.
    pub(super) fn keep(&mut self, part: &[u8], output: &mut Vec<u8>) {
        self.worker.counts.received_alone(part.len());
        let Some(begun) = &mut self.begun else { return };
        if !matches!(begun.due, Due::Echo(_)) {
            return;
        }
        if self.worker.reserve(part.len()) {
            self.kept_bytes += part.len();
            begun.kept.extend_from_slice(part);
        } else {
            self.refuse(503, &[], output);
        }
    }

    /// Answers the waiting request.
    pub(super) fn answer_begun(&mut self, output: &mut Vec<u8>) {
        let Some(begun) = self.begun.take() else { return };
        let Begun { due, method, target, minor, is_head, keeps_alive, kept } = *begun;
        let request = LoggedRequest { method: &method, target: &target, minor };
        self.answer(due, &kept, request, (is_head, keeps_alive), output);
    }

    pub(super) fn answer(
        &mut self,
        due: Due,
        body: &[u8],
        request: LoggedRequest<'_>,
        (is_head, keeps_alive): (bool, bool),
        output: &mut Vec<u8>,
    ) {
        let worker = Rc::clone(&self.worker);
        let ticket = worker.stats.as_ref().map(AnswerCount::take_ticket);
        if ticket == Some(Ticket::None) {
            self.closes = true;
            return;
        }
        self.tickets += u64::from(ticket.is_some());
        self.closes |= !keeps_alive || self.is_stopping || ticket == Some(Ticket::Last);
        let persistence = match request.minor {
            _ if self.closes => Persistence::Closes,
            0 => Persistence::SaysStays,
            _ => Persistence::Stays,
        };
        let mut made = match due {
            Due::Ready(index) => {
                let write = |answer: &Response| {
                    (answer.write(output, persistence, is_head), answer.status(), answer.body_bytes())
                };
                let (large, status, bytes) = worker.with_ready(index, write);
                self.sent(large, Some(request), status, if is_head { 0 } else { bytes });
                return;
            }
            Due::Made(answer) => answer,
            Due::Echo(kind) => worker.site.echo(&kind, body),
        };
        worker.date(&mut made);
        let large = made.write(output, persistence, is_head);
        self.sent(large, Some(request), made.status(), if is_head { 0 } else { made.body_bytes() });
    }

    /// Sends an error response; nothing more is read. `rest` begins with the refused head, unless a body is refused.
    pub(super) fn refuse(&mut self, status: u16, rest: &[u8], output: &mut Vec<u8>) {
        self.closes = true;
        // RFC 9110, 9.3.2: no answer to HEAD has a body.
        let is_head = self.begun.as_ref().map_or_else(|| rest.starts_with(b"HEAD "), |begun| begun.is_head);
        let mut answer = refusal(status);
        self.worker.date(&mut answer);
        answer.write(output, Persistence::Closes, is_head);
        self.sent(None, None, status, if is_head { 0 } else { answer.body_bytes() });
    }

    fn sent(
        &mut self,
        large: Option<Arc<[u8]>>,
        request: Option<LoggedRequest<'_>>,
        status: u16,
        bytes: usize,
    ) {
        self.unsent.set_large(large);
        self.worker.counts.answered_alone(status, bytes);
        if self.worker.log.is_some() {
            self.worker.log(&LoggedAnswer { peer: &self.client.addresses.peer, request, status, bytes });
        }
    }
}
