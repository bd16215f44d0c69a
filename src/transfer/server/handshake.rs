//! A server's side of a transfer: the handshake, then a sending or receiving session.

mod granted;
pub(crate) mod greeting;
mod joining;
pub(super) mod rejection;
mod trust;

use std::sync::Arc;
use std::time::Instant;

use self::granted::Granted;
use self::greeting::{Greeting, PLACE_LIMIT};
use self::rejection::{not_allowed, reject, superseded, too_many};
use super::sessions::{Claim, OnlySession, Registration, Sessions};
use super::share::offering;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::rate::MIN_RATE;
use crate::net::reactor::{Context, IoHandle, Session, Status, Stop};
use crate::net::stream::Handover;
use crate::proto::transfer::hello::{Accept, Capabilities, Hello, Operation};
use crate::proto::transfer::names::CleanPath;
use crate::proto::transfer::roster::{LOOK_STEP, Succession, Superseded};
use crate::report::Report;
use crate::server::descriptors::Lease;
use crate::server::places::SourceSlot;
use crate::server::trust::{Authorization, KeptSession, Success};
use crate::store::{Folder, Share};
use crate::transfer::connection::closing::Closing;
use crate::transfer::connection::link::Limits;
use crate::transfer::connection::pool::ConnectionOrigin;
use crate::transfer::connection::wire::{Failure, Wire};
use crate::transfer::digests::DigestSink;
use crate::transfer::failure::protocol_error;
use crate::transfer::list::List;
use crate::transfer::receive::{Naming, ReceiveOptions, Receiving, SpareParts};
use crate::transfer::send::{Sending, Start};

/// The uploads and downloads that a server allows.
#[derive(Clone)]
pub(crate) struct Offer {
    /// Destination of uploads, if allowed.
    pub(crate) store: Option<Folder>,
    /// Files for download, if any.
    pub(crate) share: Option<Share>,
    /// Existing files are never replaced, whatever a client asks for.
    pub(crate) keep_existing: bool,
    /// Largest accepted file, in bytes.
    pub(crate) max_size: Option<u64>,
    /// Most entries of one session.
    pub(crate) max_entries: u32,
    /// Parts that each session may have open.
    pub(crate) spare_parts: SpareParts,
    /// Sink for the digests of stored files.
    pub(crate) digests: Option<DigestSink>,
    /// The running sessions.
    pub(crate) sessions: Sessions,
    /// Present if the server serves only one session.
    pub(crate) only: Option<Arc<OnlySession>>,
}

/// One client of a transfer server.
pub(crate) struct Serving<S> {
    state: State<S>,
    /// The client's place among those of its source.
    place: Arc<SourceSlot>,
    /// Its descriptors, if it shares them with others.
    lease: Option<Lease>,
    /// Deadline for getting its place.
    place_by: Instant,
    offer: Arc<Offer>,
    limits: Limits,
    claim: Claim,
    authorization: Authorization,
    /// What follows when everything has been sent.
    success: Option<Success>,
    /// Further connections are admitted for as long as the session lasts.
    kept: Option<KeptSession>,
    context: (IoHandle, Report, PeerName),
}

enum State<S> {
    AwaitingHello(Option<Greeting<S>>),
    /// HELLO is there, and nothing was done about it.
    Greeted(Option<(Wire<S>, Hello)>),
    /// Waits for a place of its source; the time of the next look.
    AwaitingPlace(Option<(Wire<S>, Hello)>, Instant),
    /// Waits for the end of an earlier session of the same client.
    Succeeding(Option<(Wire<S>, Hello)>, Succession),
    /// Running. The session is dropped first: what it holds is free before others no longer find it.
    Session(Box<dyn Session + Send>, Arc<Registration>),
    Closing(Closing<S>),
    /// The connection was passed to another session.
    Joined,
}

impl<S: Handover + Send + 'static> Serving<S> {
    /// Serves a new client.
    pub(crate) fn new(
        stream: S,
        now: Instant,
        offer: Arc<Offer>,
        limits: Limits,
        (place, claim, authorization): (Arc<SourceSlot>, Claim, Authorization),
        context: (IoHandle, Report, PeerName),
    ) -> Serving<S> {
        let greeting = Greeting::new(stream, Arc::clone(&place), limits.handshake, now);
        let terms = ((place, None), claim, authorization);
        Serving::in_state(State::AwaitingHello(Some(greeting)), now, offer, limits, terms, context)
    }

    /// Serves a client that has said what it wants.
    pub(crate) fn greeted(
        greeted: (Wire<S>, Hello),
        now: Instant,
        offer: Arc<Offer>,
        limits: Limits,
        ((place, lease), claim, authorization): ((Arc<SourceSlot>, Lease), Claim, Authorization),
        context: (IoHandle, Report, PeerName),
    ) -> Serving<S> {
        let terms = ((place, Some(lease)), claim, authorization);
        Serving::in_state(State::Greeted(Some(greeted)), now, offer, limits, terms, context)
    }

    fn in_state(
        state: State<S>,
        now: Instant,
        offer: Arc<Offer>,
        limits: Limits,
        ((place, lease), claim, authorization): ((Arc<SourceSlot>, Option<Lease>), Claim, Authorization),
        context: (IoHandle, Report, PeerName),
    ) -> Serving<S> {
        let place_by = now + PLACE_LIMIT.min(limits.handshake);
        let (success, kept) = (None, None);
        Serving { state, place, lease, place_by, offer, limits, claim, authorization, success, kept, context }
    }

    /// Returns what the client is granted, or the reason of its refusal.
    fn choose(&self, hello: &Hello) -> Result<Granted, Failure> {
        match (hello.operation, &self.offer.store, &self.offer.share) {
            (Operation::Put { replace }, Some(folder), _) => {
                self.destination(folder, replace).map(Granted::Put)
            }
            (Operation::Get { stream }, _, Some(share)) => {
                Ok(Granted::Get(offering(share, hello).map_err(protocol_error)?, stream))
            }
            (Operation::List, _, Some(share)) => {
                Ok(Granted::List(offering(share, hello).map_err(protocol_error)?))
            }
            (Operation::Join(session), ..) => Ok(Granted::Join(session)),
            (Operation::Put { .. }, None, _) => Err(not_allowed("takes no uploads", "--store")),
            (Operation::Get { .. } | Operation::List, _, None) => {
                Err(not_allowed("offers no downloads", "--share"))
            }
        }
    }

    /// Starts the session that a client asks for, or waits for its predecessor to end.
    fn enter(
        &mut self,
        wire: Wire<S>,
        hello: Hello,
        succession: Option<Succession>,
        now: Instant,
    ) -> State<S> {
        if let Err(failure) = self.check_trust(&hello.operation) {
            return reject(wire, failure);
        }
        let is_further = matches!(hello.operation, Operation::Join(_));
        if !is_further {
            self.place.mark_identified();
        }
        if !is_further && !self.place.try_acquire() {
            if now < self.place_by {
                return State::AwaitingPlace(Some((wire, hello)), now + LOOK_STEP);
            }
            return reject(wire, too_many());
        }
        if let Some(run) = hello.run() {
            match self.offer.sessions.succeed((run, self.claim.client), succession, now) {
                Ok(None) => {}
                Ok(Some(succession)) => {
                    self.claim.begin(Some(run));
                    return State::Succeeding(Some((wire, hello)), succession);
                }
                Err(Superseded) => return reject(wire, superseded()),
            }
        }
        match self.choose(&hello) {
            Ok(granted) if granted.moves_files() && !self.claim.begin(hello.run()) => {
                reject(wire, Claim::taken())
            }
            Ok(granted) => self.begin(wire, &hello, granted, succession.is_some()),
            Err(failure) => {
                if failure.error.exit() != Exit::Refused && hello.operation != Operation::List {
                    // It is this side that cannot serve what would have been the session.
                    self.claim.begin(hello.run());
                }
                reject(wire, failure)
            }
        }
    }

    fn begin(&mut self, mut wire: Wire<S>, hello: &Hello, granted: Granted, is_successor: bool) -> State<S> {
        let stream = match &granted {
            Granted::Put(destination) => is_fresh(&destination.folder, hello.roots()),
            Granted::Get(_, stream) => *stream,
            Granted::List(_) => false,
            Granted::Join(session) => return self.join_session(wire, session),
        };
        let (mut limits, context, id) = (self.limits, self.context.clone(), crate::net::random_id());
        limits.rate = limits.rate.into_iter().chain(hello.rate.map(|rate| rate.max(MIN_RATE))).min();
        let keeps = self.offer.keep_existing && matches!(granted, Granted::Put(_));
        let capabilities = hello.capabilities.intersection(Capabilities::of_operation(hello.operation));
        let accept = Accept { refused: None, stream, capabilities, keeps, session: id };
        let waker = context.0.thread_waker();
        let registration =
            self.offer.sessions.register(id, (hello.run(), self.claim.client), context.2.ip(), move || {
                waker.wake();
            });
        let Ok(registration) = registration else { return reject(wire, superseded()) };
        wire.push(&accept.encode());
        if let Authorization::Admitted(admitted) = &mut self.authorization {
            self.kept = Some(admitted.keep(id));
            // A LIST gives its use back at once.
            self.success = admitted.take_success(&context.2).filter(|_| granted.moves_files());
        }
        let registration = Arc::new(registration);
        let origin = ConnectionOrigin::Server(Arc::clone(&registration));
        let session: Box<dyn Session + Send> = match granted {
            Granted::Put(destination) => {
                let options = ReceiveOptions { wanted: None, agreed: accept, limits, origin };
                let receiving = Receiving::session(wire, destination, options, Some(hello), context)
                    .sharing(self.lease.take());
                let digests = self.offer.digests.as_ref().map(|sink| sink.begin(Naming::AsSent));
                let receiving = match self.success.take() {
                    Some(success) => receiving.then(|| success.happened()),
                    None => receiving,
                };
                Box::new(
                    receiving.registered(Arc::clone(&registration)).succeeding(is_successor).listing(digests),
                )
            }
            Granted::Get(offering, _) => {
                let start = Start::Accepted(accept);
                Box::new(Sending::session(wire, offering, start, (limits, origin), context))
            }
            Granted::List(offering) => Box::new(List::session(wire, offering, limits, capabilities.skipped)),
            Granted::Join(_) => return State::Joined,
        };
        State::Session(session, registration)
    }
}

/// Returns whether none of the announced roots exists, so that everything can be sent in a stream.
fn is_fresh(folder: &Folder, roots: &[Vec<u8>]) -> bool {
    let is_new = |root: &Vec<u8>| {
        CleanPath::parse(root).is_ok_and(|root| root.is_single())
            && folder.has(root).is_ok_and(|has| !has)
            && !folder.has_part(root)
    };
    !roots.is_empty() && roots.iter().all(is_new)
}

impl<S: Handover + Send + 'static> Session for Serving<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let State::AwaitingHello(waiting) = &mut self.state
            && let Some(mut greeting) = waiting.take()
        {
            self.state = match greeting.advance(context.now) {
                Ok(None) => State::AwaitingHello(Some(greeting)),
                Ok(Some(hello)) => State::Greeted(Some((greeting.into_wire(), hello))),
                Err(failure) => State::Closing(greeting.fail(failure)),
            };
        }
        if let State::Greeted(greeted) = &mut self.state
            && let Some((wire, hello)) = greeted.take()
        {
            self.state = self.enter(wire, hello, None, context.now);
        }
        if let State::AwaitingPlace(awaiting_place, next_look) = &mut self.state
            && context.now >= *next_look
            && let Some((wire, hello)) = awaiting_place.take()
        {
            self.state = self.enter(wire, hello, None, context.now);
        }
        if let State::Succeeding(waiting, succession) = &mut self.state
            && context.now >= succession.next_look
            && let Some((wire, hello)) = waiting.take()
        {
            let succession = *succession;
            self.state = self.enter(wire, hello, Some(succession), context.now);
        }
        match &mut self.state {
            State::Session(session, registration) if registration.is_taken_over() => {
                session.stop();
                Err(superseded().error)
            }
            State::Session(session, _) => {
                let status = session.advance(context)?;
                if status == Status::Done
                    && let Some(success) = self.success.take()
                {
                    success.happened();
                }
                Ok(status)
            }
            State::Closing(closing) => closing.advance(context),
            State::AwaitingHello(_)
            | State::Greeted(_)
            | State::AwaitingPlace(..)
            | State::Succeeding(..) => Ok(Status::Waiting),
            State::Joined => Ok(Status::Done),
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.state {
            State::Session(session, _) => session.stop(),
            _ => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::AwaitingHello(greeting) => greeting.as_ref().map(Greeting::deadline),
            State::AwaitingPlace(_, next_look) => Some(*next_look),
            State::Succeeding(_, succession) => Some(succession.next_look),
            State::Session(session, _) => session.deadline(),
            State::Closing(closing) => Some(closing.deadline()),
            State::Greeted(_) | State::Joined => None,
        }
    }
}
