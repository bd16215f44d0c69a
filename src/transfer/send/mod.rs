//! The sender of files: `upload`, and a server that shares files.

mod blocks;
mod content;
mod grown;
mod input;
pub(crate) mod offering;
mod prefix;
mod start;
mod totals;

use std::collections::HashMap;
use std::time::Instant;

pub(crate) use self::blocks::MAX_FILES as MAX_SENT_FILES;
use self::blocks::{Block, Blocks};
use self::content::Current;
use self::grown::Rereading;
use self::input::Input;
use self::offering::{Ahead, Key, Offering, OfferingItem};
pub(crate) use self::start::Start;
use self::start::agree;
use self::totals::TotalsReporter;
use super::connection::closing::{Job, LinkSession};
use super::connection::link::{Limits, Link, Received};
use super::connection::pool::{ConnectionOrigin, ConnectionPool};
use super::connection::wire::{FRAME_COST_BYTES, Failure, Wire};
use super::failure::{Role, peer_error, protocol_error};
use super::stats::TransferStats;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{BlockingTask, Context, IoHandle, Status, TURN_BUDGET_BYTES};
use crate::net::stream::Stream;
use crate::proto::SessionId;
use crate::proto::transfer::Digest;
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::Frame;
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::sender::{SendStep, Sender};
use crate::proto::transfer::violation::Violation;
use crate::report::{Progress, ProgressPhase, Report};
use crate::store::StoreError;

/// Cost of an offer in the budget of a call: it asks the file system several times.
const OFFER_COST_BYTES: usize = 8 << 10;

/// A session that sends files.
pub(crate) struct Sending {
    machine: Sender,
    offering: Offering,
    /// Keys to reopen the files of this round.
    keys: HashMap<u32, Key>,
    io: IoHandle,
    report: Report,
    progress: Progress,
    /// On a client: counts the totals.
    ahead: Option<Ahead>,
    /// On a server: reports the totals to its client.
    totals_reporter: Option<TotalsReporter>,
    stats: TransferStats,
    start: Instant,
    current: Option<Current>,
    blocks: Blocks,
    pool: ConnectionPool<Option<Block>>,
    session: Option<SessionId>,
    hashing: Option<BlockingTask<Result<Current, StoreError>>>,
    /// The input, once it is being read.
    input: Option<Input>,
    /// The file whose input has failed, and the reason.
    input_fault: Option<(u32, String)>,
    /// A file that has grown.
    rereading: Option<Rereading>,
    /// Digest of the file that was closed last.
    digest: Option<Digest>,
    shown_bytes: u64,
    /// When to look at the progress of the blocks.
    next_look: Instant,
    awaits_input: bool,
    peer_ended: bool,
}

impl Sending {
    /// Creates a session that sends an offering.
    pub(crate) fn session<S: Stream>(
        wire: Wire<S>,
        offering: Offering,
        start: Start,
        (limits, origin): (Limits, ConnectionOrigin),
        (io, report, peer): (IoHandle, Report, PeerName),
    ) -> LinkSession<S, Sending> {
        let mut machine = Sender::new();
        match start {
            Start::AtOnce => machine.begin(false),
            Start::AfterAccept => {}
            Start::Accepted(accept) => agree(&mut machine, &accept),
        }
        let is_client = !matches!(start, Start::Accepted(_));
        let start_time = wire.last_traffic();
        let progress = Progress::of_sending(&report);
        let sending = Sending {
            ahead: if is_client { offering.count_ahead(&progress) } else { None },
            totals_reporter: TotalsReporter::new(start, &offering, start_time),
            progress,
            stats: TransferStats::new(Role::Sender, peer, report.clone()),
            start: start_time,
            machine,
            offering,
            keys: HashMap::new(),
            pool: ConnectionPool::new(origin, Role::Sender, limits, io.clone(), report.clone()),
            io,
            report,
            blocks: Blocks::default(),
            session: None,
            current: None,
            hashing: None,
            input: None,
            input_fault: None,
            rereading: None,
            digest: None,
            shown_bytes: 0,
            next_look: start_time,
            awaits_input: false,
            peer_ended: false,
        };
        LinkSession::new(Link::new(wire, Role::Sender, limits, is_client), sending)
    }

    fn work<S: Stream>(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure> {
        let mut budget = context.budget_bytes;
        self.awaits_input = false;
        loop {
            self.receive(link, &mut budget)?;
            // Before the next frame is queued: the queue is bounded by one chunk.
            if link.wire.is_full() && !self.flush(link)? {
                return if self.peer_ended { Err(self.cut()) } else { Ok(Status::Waiting) };
            }
            self.machine.hold(!self.blocks.is_idle());
            match self.machine.next_step() {
                SendStep::PeerError { reason, text } => return Err(peer_error(reason, &text, Role::Sender)),
                SendStep::Finished => return Ok(Status::Done),
                _ if self.peer_ended => return Err(self.cut()),
                SendStep::Write(bytes) => link.wire.push(&bytes),
                SendStep::HashPrefix { file, length } => {
                    if !self.hash_prefix(file, length)? {
                        self.flush(link)?;
                        return Ok(Status::Waiting);
                    }
                }
                _ if budget == 0 => return Ok(Status::Again),
                SendStep::Offer => {
                    self.offer();
                    budget = budget.saturating_sub(OFFER_COST_BYTES);
                }
                SendStep::Body { file, offset, max_length } => {
                    match self.body(link, file, offset, max_length)? {
                        Some(count) => budget = budget.saturating_sub(count.max(FRAME_COST_BYTES)),
                        None => {
                            self.awaits_input = true;
                            self.flush(link)?;
                            return Ok(Status::Waiting);
                        }
                    }
                }
                SendStep::Blocks { file } => match self.send_blocks(link, file)? {
                    Some(count) => budget = budget.saturating_sub(count.max(FRAME_COST_BYTES)),
                    None => {
                        self.flush(link)?;
                        return Ok(Status::Waiting);
                    }
                },
                SendStep::Await if self.blocks.has_more() => {
                    if let Some(count) = self.send_block(link)? {
                        budget = budget.saturating_sub(count);
                    }
                }
                SendStep::Await => {
                    let phase =
                        self.machine.peer_phase().map_or(ProgressPhase::Waiting, |(phase, _)| shown(phase));
                    self.progress.phase(phase);
                    self.flush(link)?;
                    return Ok(Status::Waiting);
                }
            }
            self.record_closed();
        }
    }

    /// Handles the buffered frames, within the budget.
    fn receive<S: Stream>(&mut self, link: &mut Link<S>, budget: &mut usize) -> Result<(), Failure> {
        while !self.peer_ended && *budget > 0 {
            let received = link.receive()?;
            if let Some(accept) = link.accepted() {
                self.session = Some(accept.session);
                self.stats.peer_keeps(accept.keeps);
                agree(&mut self.machine, &accept);
            }
            match received {
                Received::Frame(Frame::Error { reason, text }) => {
                    return Err(peer_error(reason, &text, Role::Sender));
                }
                Received::Frame(Frame::BlockResult { file, offset, resend }) => {
                    let left_bytes = link.wire.positions().0;
                    self.block_verified(left_bytes, (file, offset, resend)).map_err(protocol_error)?;
                }
                // EOT has not left, and perhaps not all before it.
                Received::Frame(Frame::Result(_)) if !link.wire.queued().is_empty() => {
                    return Err(protocol_error(Violation::OutOfTurn("RESULT")));
                }
                Received::Frame(frame) => {
                    self.machine.receive(frame).map_err(protocol_error)?;
                    self.record_closed();
                }
                Received::Data { .. } => return Err(protocol_error(Violation::OutOfTurn("DATA"))),
                Received::Nothing => break,
                Received::End => self.peer_ended = true,
            }
            *budget = budget.saturating_sub(FRAME_COST_BYTES);
        }
        let acknowledged = self.machine.acknowledged_bytes();
        self.progress.moved(acknowledged - self.shown_bytes);
        self.shown_bytes = acknowledged;
        Ok(())
    }

    /// Sends queued bytes. If that fails, reads the reason that the peer may have sent before it closed.
    fn flush<S: Stream>(&mut self, link: &mut Link<S>) -> Result<bool, Failure> {
        link.wire.flush().map_err(|lost| {
            let mut budget = TURN_BUDGET_BYTES;
            match self.receive(link, &mut budget) {
                Err(Failure { error, .. }) if error.exit() != Exit::Lost => error.into(),
                _ => lost.into(),
            }
        })
    }

    fn cut(&self) -> Failure {
        let text = if self.machine.awaiting_result() {
            "the connection ended before the peer confirmed: whether the files arrived is unknown"
        } else {
            "the peer ended the connection before everything was sent"
        };
        Error::new(Exit::Lost, text).into()
    }

    /// Offers the next entry. In a stream its file stays open; in a round it is opened again later.
    fn offer(&mut self) {
        let next = self.offering.next();
        self.record_offered(next.as_ref());
        let offered = match next {
            Some(OfferingItem::Entry(offered)) => offered,
            Some(OfferingItem::Skipped(skipped)) => {
                self.stats.skip(&skipped);
                return self.machine.skip(skipped);
            }
            None => {
                self.progress.all_known();
                self.ahead = None;
                return self.machine.all_offered();
            }
        };
        self.progress.expect(1, offered.entry.size.unwrap_or(0));
        let file = self.machine.next_id();
        self.machine.offer(offered.entry);
        let Some((key, content)) = offered.file else { return };
        if self.machine.is_sending(file) {
            self.begin(Current::new(file, content));
        } else {
            self.keys.insert(file, key);
        }
    }

    fn begin(&mut self, current: Current) {
        if let Some(entry) = self.machine.entry(current.file) {
            self.progress.file(&entry.path, entry.size, 0);
        }
        self.progress.phase(ProgressPhase::Sending);
        self.current = Some(current);
    }

    fn record_closed(&mut self) {
        while let Some(mut closed) = self.machine.closed() {
            self.explain(&mut closed);
            self.keys.remove(&closed.file);
            self.blocks.closed(closed.file);
            self.progress.done(u64::from(!closed.revokes));
            if closed.outcome == EntryOutcome::AlreadyThere {
                self.progress.there(closed.size);
            }
            let digest = self.digest.take();
            self.stats.record(closed, digest);
        }
    }

    /// Returns the phase that keeps this side busy while nothing is sent.
    fn busy(&self) -> Option<frame::Phase> {
        match self.hashing.is_some() || self.rereading.is_some() {
            true => Some(frame::Phase::Hashing),
            false => self.awaits_input.then_some(frame::Phase::Reading),
        }
    }
}

impl<S: Stream> Job<S> for Sending {
    fn advance(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure> {
        let before = self.advance_pool(link)?;
        let looks_on = self.look_ahead(context.now);
        let status = self.work(link, context)?;
        self.set_waiting(status == Status::Waiting);
        // Work may have given the further connections something to do.
        let after = self.advance_pool(link)?;
        if before.is_alive || after.is_alive {
            link.wire.restart_idle();
        }
        self.show_blocks(link, context.now);
        if status == Status::Waiting && (before.has_more || after.has_more || after.is_alive) {
            return Ok(Status::Again);
        }
        if status == Status::Waiting {
            link.check_time(context.now, self.busy())?;
        } else if status == Status::Again && link.is_accepted() && link.wire.last_traffic() < context.now {
            // Blocks that the receiver has are read and compared: for as long as that takes, nothing is sent.
            link.check_time(context.now, Some(frame::Phase::Hashing))?;
        }
        Ok(if status == Status::Waiting && looks_on { Status::Again } else { status })
    }

    fn conclude(&mut self, _: &Link<S>, now: Instant) -> Result<(), Error> {
        if self.stats.is_clean() && self.machine.unnamed_failures() == 0 {
            // The receiver has confirmed everything, possibly without a last ACK on the way there.
            self.progress.moved(self.machine.sent_bytes() - self.shown_bytes);
        }
        self.progress.finish();
        self.stats.unnamed(self.machine.unnamed_failures());
        self.stats.conclude(self.machine.sent_bytes() + self.blocks.sent_bytes, now - self.start)
    }

    fn fail(&mut self) {
        self.progress.finish();
        // Ends a command whose output is no longer needed.
        self.input = None;
    }

    fn deadline(&self) -> Option<Instant> {
        self.pool.deadline().into_iter().chain(self.shows_blocks().then_some(self.next_look)).min()
    }
}

/// Converts a phase of the peer into one of the progress display.
pub(crate) fn shown(phase: frame::Phase) -> ProgressPhase {
    match phase {
        frame::Phase::Hashing => ProgressPhase::Hashing,
        frame::Phase::Verifying => ProgressPhase::Verifying,
        frame::Phase::Syncing => ProgressPhase::Syncing,
        frame::Phase::Reading => ProgressPhase::Waiting,
    }
}
