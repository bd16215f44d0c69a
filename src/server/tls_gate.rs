//! The gate for clients of a server with TLS: nothing is done for a client before its handshake is complete and, where the
//! server asks who it is, before it was admitted (PROTOCOL.md, "Admission"). Clients of Unix sockets pass, and so do those
//! without TLS where the server admits them (`--plain`).

mod machine;
mod passing;
mod refusal;
mod terms;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use self::machine::{AdmissionHandshake, negotiated_admission, not_admitted, put_off};
use self::passing::Places;
use self::refusal::GateRefusal;
pub(crate) use self::terms::{GateTerms, is_http};
use super::acceptor::{ClientLimits, Handler, IncomingClient};
use super::arrivals::{Arrival, Arrivals, Stage};
use super::permits::{Permit, Rejection};
use super::trust::{AdmittedClient, Authorization};
use crate::error::{Error, Exit, lost};
use crate::net::handshake::{HandshakeDriver, HandshakeFailure};
use crate::net::reactor::{Context, Io, Session, Status, Waker};
use crate::net::stream::{Socket, SocketState, Transport};
use crate::net::tls::negotiated;
use crate::proto::secure::server::Status as AdmissionStatus;
use crate::report::Refusal;

/// The first byte of TLS: a record of its handshake (RFC 8446, 5.1).
const TLS_BYTE: u8 = 0x16;

/// Does the handshake of each client that has to do one, and hands its connection to the handler within.
pub(crate) struct TlsGate<H> {
    handler: H,
    places: Places,
    gate: Rc<GateState>,
    io: Io,
}

struct GateState {
    terms: GateTerms,
    arrivals: Arrivals,
    passed: RefCell<VecDeque<IncomingClient>>,
    acceptor: Waker,
}

impl<H: Handler> TlsGate<H> {
    /// A gate before `handler`, which serves clients within these limits. The session of `io` is the acceptor.
    pub(crate) fn new(handler: H, terms: GateTerms, limits: &ClientLimits, io: &Io) -> TlsGate<H> {
        let gate = Rc::new(GateState {
            terms,
            arrivals: Arrivals::new(limits.max_clients),
            passed: RefCell::default(),
            acceptor: io.waker(),
        });
        TlsGate { handler, places: Places::new(limits), gate, io: io.clone() }
    }
}

impl<H: Handler> Handler for TlsGate<H> {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        if !matches!(incoming.socket, Socket::Tcp(_)) {
            // Only this machine's users reach it, as the file's mode says.
            return self.handler.accept(incoming, now);
        }
        let IncomingClient { socket, destination, permit, .. } = incoming;
        if matches!(self.gate.terms, GateTerms::Admission { .. }) {
            // The gate has a limit of its own. The client takes a place, and one of its source, once it is admitted.
            permit.slot.release();
            permit.begin_arriving();
        }
        let peer = permit.peer.clone();
        let mut permit = Some(permit);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let mut transport = socket.enroll(&io).map_err(|error| lost(&error))?;
            is_there = true;
            transport.reset_on_close(true).map_err(|error| lost(&error))?;
            let state = State::First(transport);
            let waker = io.waker();
            let arrival = self.gate.arrivals.add(&peer, now, move || waker.wake());
            let deadline = now + self.gate.terms.limit();
            Ok(Arriving {
                state,
                arrival,
                looked_at: now,
                permit: permit.take(),
                destination,
                deadline,
                next_look: None,
                gate: Rc::clone(&self.gate),
            })
        });
        match (spawned, permit) {
            (Err(error), Some(permit)) if is_there => permit.fail_before(error, Refusal::Tls),
            (Err(error), Some(permit)) => permit.report.detail(error),
            _ => {}
        }
        is_there
    }

    fn may_exceed_source_limit(&self) -> bool {
        self.handler.may_exceed_source_limit()
    }

    fn count_may_decrease(&self) -> bool {
        self.handler.count_may_decrease()
    }

    fn has_room(&self) -> bool {
        // Those who were let through and wait for a place come first.
        let is_clear = self.gate.passed.borrow().is_empty();
        is_clear && (!matches!(self.gate.terms, GateTerms::Admission { .. }) || self.gate.arrivals.has_room())
    }

    fn close(&mut self) {
        if matches!(self.gate.terms, GateTerms::Admission { .. }) {
            self.gate.arrivals.dismiss();
        }
        self.handler.close();
    }

    fn reject(&mut self, socket: Socket, why: Rejection, now: Instant) {
        // A client that expects admission could make nothing of a reason in the clear: it is reset. After `GateTerms::Tls` the
        // handler has no reason to send.
        if !matches!(&self.gate.terms, GateTerms::Admission { trust, .. } if !trust.is_plain) {
            self.handler.reject(socket, why, now);
        }
    }

    fn may_close(&self) -> bool {
        self.handler.may_close()
    }

    fn deadline(&self) -> Option<Instant> {
        self.handler.deadline()
    }

    fn advance(&mut self, now: Instant) -> Result<Status, Error> {
        // First: places become free in it.
        let status = self.handler.advance(now)?;
        self.serve_passed(now);
        Ok(status)
    }
}

/// A client that was not let through yet.
struct Arriving {
    state: State,
    arrival: Rc<Arrival>,
    /// The time of the last step.
    looked_at: Instant,
    permit: Option<Permit>,
    destination: Option<SocketAddr>,
    deadline: Instant,
    /// When its hello may be read, if others of its source come first.
    next_look: Option<Instant>,
    gate: Rc<GateState>,
}

enum State {
    /// Nothing was read.
    First(Transport),
    Handshake(Transport),
    Admission(Transport, Box<HandshakeDriver<AdmissionHandshake>>),
    /// It does not encrypt.
    Refusal(GateRefusal),
    Over,
}

impl State {
    /// When an answer that is held back is due: that of a wrong code. It is given, however late.
    fn held_answer(&self) -> Option<Instant> {
        match self {
            State::Admission(_, driver) => driver.machine.admission.deadline(),
            State::First(_) | State::Handshake(_) | State::Refusal(_) | State::Over => None,
        }
    }
}

/// The outcome of one step.
enum Step {
    Next(State),
    Wait(State),
    Pass(Transport, Authorization),
}

impl Arriving {
    fn first(&self, transport: Transport) -> Result<Step, Error> {
        let terms = &self.gate.terms;
        if let GateTerms::Tls { terms, is_http: false } = terms {
            return secured(transport, terms.current.borrow().layer()?);
        }
        match (transport.peek(), terms) {
            (Ok(None), _) => Ok(Step::Wait(State::First(transport))),
            (Ok(Some(first)), GateTerms::Tls { .. }) if first.is_ascii_alphabetic() => {
                Ok(Step::Next(State::Refusal(GateRefusal::of_https(transport))))
            }
            (Ok(Some(_)), GateTerms::Tls { terms, .. }) => {
                secured(transport, terms.current.borrow().layer()?)
            }
            (Ok(Some(TLS_BYTE)), GateTerms::Admission { trust, .. }) => {
                secured(transport, trust.tls.server_layer()?)
            }
            (Ok(Some(first)), GateTerms::Admission { speaks_http: true, .. }) if is_http(first) => {
                Ok(Step::Pass(transport, Authorization::NotAsked))
            }
            (Ok(Some(_)), GateTerms::Admission { trust, .. }) if trust.is_plain => {
                Ok(Step::Pass(transport, Authorization::NotAsked))
            }
            (Ok(Some(first)), GateTerms::Admission { is_for_transfers: true, .. }) => {
                Ok(Step::Next(State::Refusal(GateRefusal::of_transfers(transport, first))))
            }
            (Ok(Some(_)), GateTerms::Admission { .. }) => Err(Error::new(
                Exit::Refused,
                "the client does not encrypt: it needs the code (connect --code)",
            )),
            (Err(error), _) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Error::new(Exit::Lost, "the client left before TLS began").of_health_check())
            }
            (Err(error), _) => Err(lost(&error).of_health_check()),
        }
    }

    fn handshake(&mut self, mut transport: Transport, now: Instant) -> Result<Step, Error> {
        self.next_look = self.gate.arrivals.may_not_read_before(&self.arrival, now);
        if self.next_look.is_some() {
            return Ok(Step::Wait(State::Handshake(transport)));
        }
        let result = transport.handshake();
        if transport.tls().is_some_and(|layer| layer.state().protocol_version().is_some()) {
            self.arrival.reach(Stage::Hello);
        }
        match result {
            Ok(false) => return Ok(Step::Wait(State::Handshake(transport))),
            Ok(true) => self.arrival.reach(Stage::Secured),
            Err(error) => {
                // The client is sent the reason, not a reset.
                let _ = transport.reset_on_close(false);
                let has_sent_nothing = transport.tls().is_some_and(|layer| !layer.has_received());
                let error = lost(&error);
                return Err(if has_sent_nothing { error.of_health_check() } else { error });
            }
        }
        let text = transport.tls().map(negotiated).unwrap_or_default();
        if let Some(permit) = &self.permit {
            permit.report.debug(format_args!("{text}"));
        }
        match &self.gate.terms {
            GateTerms::Tls { .. } => Ok(Step::Pass(transport, Authorization::NotAsked)),
            GateTerms::Admission { speaks_http: true, .. } if !negotiated_admission(&transport) => {
                Ok(Step::Pass(transport, Authorization::NotAsked))
            }
            GateTerms::Admission { trust, .. } => {
                let address = self.permit.as_ref().and_then(|permit| permit.peer.ip());
                let machine = AdmissionHandshake::new(&transport, address, trust, now)?;
                Ok(Step::Next(State::Admission(transport, Box::new(HandshakeDriver::new(machine)))))
            }
        }
    }

    fn admission(
        &self,
        mut transport: Transport,
        mut driver: Box<HandshakeDriver<AdmissionHandshake>>,
        now: Instant,
    ) -> Result<Step, Error> {
        driver.machine.now = now;
        driver.machine.admission.advance(now);
        let is_sent = driver.advance(&mut transport).map_err(|failure| match failure {
            // A client without a code only tests whether the server is there; it asks its user, then connects again.
            HandshakeFailure::Lost(error) if lost(&error).exit() == Exit::Untrusted => lost(&error),
            HandshakeFailure::Lost(_) | HandshakeFailure::Ended => {
                Error::new(Exit::Lost, "the client left during admission").of_health_check()
            }
            HandshakeFailure::Fault(why) => Error::new(Exit::Refused, format!("the client sent {why}")),
        })?;
        match driver.machine.admission.status() {
            AdmissionStatus::Refused(refusal) if is_sent => {
                let why = not_admitted(refusal, &driver.machine);
                Ok(Step::Next(State::Refusal(GateRefusal::after_answer(transport, why))))
            }
            AdmissionStatus::Admitted(_) if is_sent => {
                let AdmissionHandshake { admission, policy, .. } = driver.machine;
                let Some(admitted) = admission.into_admitted() else {
                    return Err(Error::new(Exit::Refused, "not admitted"));
                };
                let mut client = Box::new(AdmittedClient::new(admitted, &policy));
                if let (Some(permit), false) = (&self.permit, self.gate.terms.is_for_transfers()) {
                    permit.uses_up(client.take_code_use());
                }
                Ok(Step::Pass(transport, Authorization::Admitted(client)))
            }
            _ => Ok(Step::Wait(State::Admission(transport, driver))),
        }
    }

    /// Advances until the client waits or is through: `Done`.
    fn step(&mut self, context: Context) -> Result<Status, Error> {
        let now = context.now;
        self.looked_at = now;
        loop {
            let step = match std::mem::replace(&mut self.state, State::Over) {
                State::First(transport) => self.first(transport),
                State::Handshake(transport) => self.handshake(transport, now),
                State::Admission(transport, driver) => self.admission(transport, driver, now),
                State::Refusal(refusal) => return self.refuse(refusal, context),
                State::Over => return Ok(Status::Done),
            };
            match step? {
                Step::Next(state) => self.state = state,
                Step::Pass(transport, authorization) => {
                    return self.hand_over(transport, authorization).map(|()| Status::Done);
                }
                Step::Wait(state) if state.held_answer().is_none() && self.is_evicted(now) => {
                    let text = "it was too slow, and was dropped for others";
                    self.state = put_off(state, Error::new(Exit::Refused, text).of_health_check())?;
                }
                Step::Wait(state) if now >= self.deadline && state.held_answer().is_none() => {
                    self.state = put_off(state, self.gate.terms.over_limit())?;
                }
                Step::Wait(state) => {
                    self.state = state;
                    return Ok(Status::Waiting);
                }
            }
        }
    }

    fn refuse(&mut self, mut refusal: GateRefusal, context: Context) -> Result<Status, Error> {
        match refusal.advance(context) {
            // It has had its answer, and is the first to be evicted.
            status
                if status == Status::Done
                    || context.now >= self.deadline
                    || self.gate.arrivals.are_many(&self.arrival) =>
            {
                Err(refusal.why)
            }
            status => {
                self.state = State::Refusal(refusal);
                Ok(status)
            }
        }
    }

    fn is_evicted(&self, now: Instant) -> bool {
        self.arrival.is_evicted()
            || now >= self.arrival.grace_until() && self.gate.arrivals.are_many(&self.arrival)
    }

    fn hand_over(&mut self, mut transport: Transport, authorization: Authorization) -> Result<(), Error> {
        let Some(permit) = self.permit.take() else { return Ok(()) };
        // From here on the client's session decides how the connection ends.
        match transport.reset_on_close(false).and_then(|()| transport.into_socket()) {
            Ok(socket) => {
                let client = IncomingClient { socket, destination: self.destination, authorization, permit };
                self.gate.passed.borrow_mut().push_back(client);
                self.gate.acceptor.wake();
            }
            Err(error) => permit.fail(lost(&error)),
        }
        Ok(())
    }
}

fn secured(transport: Transport, layer: crate::net::tls::layer::Layer) -> Result<Step, Error> {
    Ok(Step::Next(State::Handshake(transport.with_tls(layer).map_err(|error| lost(&error))?)))
}

impl Session for Arriving {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        match self.step(context) {
            Ok(Status::Done) => {}
            Ok(status) => return Ok(status),
            Err(error) => {
                if let Some(permit) = self.permit.take() {
                    permit.fail_before(error, self.arrival.refusal());
                }
            }
        }
        Ok(Status::Done)
    }

    fn deadline(&self) -> Option<Instant> {
        if let Some(answer) = self.state.held_answer() {
            return Some(answer);
        }
        if let State::Refusal(refusal) = &self.state {
            return refusal.deadline().into_iter().chain([self.deadline]).min();
        }
        // Looked at once: a deadline must not stay due.
        let grace = Some(self.arrival.grace_until()).filter(|grace| self.looked_at < *grace);
        grace.into_iter().chain(self.next_look).chain([self.deadline]).min()
    }
}
