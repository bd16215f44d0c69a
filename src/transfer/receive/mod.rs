//! The receiver of files: `download`, and a server that stores uploads.

pub(crate) mod block_assembly;
mod blocks;
pub(crate) mod body;
pub(crate) mod commits;
pub(crate) mod contention;
mod counting;
pub(crate) mod decision;
mod descriptors;
mod options;
mod parts;
mod space;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use self::block_assembly::{BlockAssembly, FilesInBlocks, IncomingFrame};
use self::body::Bodies;
use self::commits::Commits;
use self::counting::ACK_INTERVAL;
use self::decision::{Decided, Decisions};
use self::descriptors::PartDescriptors;
pub(crate) use self::options::{Naming, ReceiveFolder, ReceiveOptions};
pub(crate) use self::parts::SpareParts;
use super::connection::closing::{Job, LinkSession};
use super::connection::link::{Link, Received};
use super::connection::pool::{ConnectionOrigin, ConnectionPool};
use super::connection::wire::{FRAME_COST_BYTES, Failure, Wire};
use super::digests::Digests;
use super::failure::{Role, peer_error, protocol_error};
use super::send::shown;
use super::server::sessions::Registration;
use super::stats::TransferStats;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Context, IoHandle, Status};
use crate::net::stream::Stream;
use crate::proto::SessionId;
use crate::proto::transfer::Digest;
use crate::proto::transfer::contention::Backoff;
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{Frame, Totals};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::hello::{Accept, Hello};
use crate::proto::transfer::receiver::{ReceiveStep, Receiver};
use crate::report::{Progress, ProgressPhase, Report};
use crate::server::descriptors::Lease;

/// Cost of a decision in the budget of a call: it asks the file system several times.
const DECISION_COST_BYTES: usize = 8 << 10;

/// A session that receives files.
pub(crate) struct Receiving {
    machine: Receiver,
    decisions: Decisions,
    bodies: Bodies,
    assembly: FilesInBlocks,
    /// State of the first connection.
    incoming: IncomingFrame,
    pool: ConnectionPool<IncomingFrame>,
    session: Option<SessionId>,
    commits: Commits,
    /// Digests of files that are not closed yet.
    digests: HashMap<u32, Digest>,
    progress: Progress,
    /// The totals were announced.
    is_announced: bool,
    stats: TransferStats,
    /// Called when all has arrived.
    then: Option<Box<dyn FnOnce() + Send>>,
    start: Instant,
    shown_bytes: u64,
    descriptors: PartDescriptors,
    next_ack: Instant,
}

impl Receiving {
    /// Creates a session that stores files in `destination`. A client waits for ACCEPT; a server knows the client's
    /// HELLO.
    pub(crate) fn session<S: Stream>(
        wire: Wire<S>,
        destination: ReceiveFolder,
        options: ReceiveOptions,
        hello: Option<&Hello>,
        (io, report, peer): (IoHandle, Report, PeerName),
    ) -> LinkSession<S, Receiving> {
        let progress = Progress::of_receiving(&report);
        let announced = hello.and_then(|hello| hello.entries.zip(hello.total_size));
        if let Some((entries, bytes)) = announced {
            progress.expect(entries.into(), bytes);
            progress.all_known();
        }
        let mut machine = Receiver::new(destination.max_entries, options.wanted);
        agree(&mut machine, &options.agreed);
        let is_client = matches!(options.origin, ConnectionOrigin::Client { .. });
        let mut stats = TransferStats::new(Role::Receiver, peer, report.clone());
        if is_client {
            stats.of_client(destination.replace);
        }
        let receiving = Receiving {
            start: wire.last_traffic(),
            next_ack: wire.last_traffic() + ACK_INTERVAL,
            machine,
            commits: Commits::new(destination.staging.clone(), destination.replace, io.clone()),
            pool: ConnectionPool::new(options.origin, Role::Receiver, options.limits, io.clone(), report),
            decisions: Decisions::new(destination, io),
            bodies: Bodies::default(),
            assembly: FilesInBlocks::default(),
            incoming: IncomingFrame::default(),
            session: None,
            digests: HashMap::new(),
            progress,
            is_announced: announced.is_some(),
            stats,
            then: None,
            shown_bytes: 0,
            descriptors: PartDescriptors::default(),
        };
        LinkSession::new(Link::new(wire, Role::Receiver, options.limits, is_client), receiving)
    }

    /// Decides on a file. Returns `None` while hashing, or waiting for another session.
    fn decide(&mut self, file: u32, now: Instant) -> Result<Option<Decided>, Failure> {
        match self.machine.entry(file) {
            Some(entry) => self.decisions.decide(file, entry, (&self.machine, &self.progress), now),
            None => Ok(Some(HaveReply::WHOLE.into())),
        }
    }

    fn work<S: Stream>(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure> {
        let mut budget = context.budget_bytes;
        self.bodies.awaits_output = false;
        loop {
            self.collect_commits()?;
            self.record_closed();
            // Before the next frame is queued: the queue is bounded.
            if link.wire.is_full() && !link.wire.flush()? {
                return Ok(Status::Waiting);
            }
            match self.machine.next_step() {
                ReceiveStep::PeerError { reason, text } => {
                    return Err(peer_error(reason, &text, Role::Receiver));
                }
                ReceiveStep::Write(bytes) => link.wire.push(&bytes),
                ReceiveStep::Decide { .. } if budget == 0 => return Ok(Status::Again),
                ReceiveStep::Decide { .. } | ReceiveStep::Await if self.lacks_descriptors() => {
                    return self.await_descriptors(link);
                }
                ReceiveStep::Decide { file } => {
                    match self.decide(file, context.now)? {
                        Some(Decided::Reply(reply)) => {
                            if let HaveReply::Keep { digest, .. } = &reply {
                                self.digests.insert(file, *digest);
                            }
                            self.machine.decided(file, reply);
                        }
                        Some(Decided::InBlocks(values)) => self.machine.decided_in_blocks(file, &values),
                        // Hashing is useless without a peer.
                        None if link.wire.has_ended()? => return Err(cut()),
                        None => {
                            link.wire.flush()?;
                            return Ok(Status::Waiting);
                        }
                    }
                    if self.machine.comes_in_blocks(file) == Some(true) {
                        self.pool.grow(self.session, link.round_trip());
                    }
                    budget = budget.saturating_sub(DECISION_COST_BYTES);
                }
                ReceiveStep::Commit { file, entry, digest } => self.arrived(file, entry, digest)?,
                ReceiveStep::Place { file, entry } => self.place(file, entry),
                ReceiveStep::Abandon { file, .. } => self.forget(file),
                ReceiveStep::Finished => {
                    // Before the peer learns of it: it may come again at once.
                    if let Some(then) = self.then.take_if(|_| self.stats.is_clean()) {
                        then();
                    }
                    // All is in place: losing the peer now changes nothing.
                    let is_sent = link.wire.flush().unwrap_or(true);
                    return Ok(if is_sent { Status::Done } else { Status::Waiting });
                }
                ReceiveStep::Await => {
                    let last = self.machine.all_files_ended();
                    if last {
                        self.progress.all_known();
                    }
                    if last && self.fail_unfinished() {
                        continue;
                    }
                    let is_short = self.is_short_of_parts();
                    self.commits.start(last || is_short)?;
                    if self.commits.is_busy() && (last || is_short || self.commits.is_full()) {
                        self.progress.phase(ProgressPhase::Syncing);
                        link.wire.flush()?;
                        return Ok(Status::Waiting);
                    }
                    if budget == 0 {
                        return Ok(Status::Again);
                    }
                    match self.receive(link)? {
                        Some(count) => budget = budget.saturating_sub(count.max(FRAME_COST_BYTES)),
                        None => {
                            self.acknowledge(link, context.now);
                            link.wire.flush()?;
                            return Ok(Status::Waiting);
                        }
                    }
                    self.acknowledge(link, context.now);
                }
            }
        }
    }

    /// Returns the phase that keeps the peer waiting.
    fn busy(&self) -> Option<frame::Phase> {
        if self.decisions.is_hashing() {
            Some(frame::Phase::Hashing)
        } else if self.commits.is_busy() || self.bodies.awaits_output {
            Some(frame::Phase::Syncing)
        } else if self.decisions.backoff.next_look().is_some() || self.descriptors.is_waiting() {
            Some(frame::Phase::Reading)
        } else {
            None
        }
    }

    /// Receives a frame or a chunk of a body, and returns its cost in the budget; `None` if nothing is buffered.
    fn receive<S: Stream>(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        if self.bodies.frame.is_some() {
            return self.receive_body(link);
        }
        if self.incoming.is_open() {
            return self.receive_block(link);
        }
        let received = link.receive()?;
        if let Some(accept) = link.accepted() {
            agree(&mut self.machine, &accept);
            self.session = Some(accept.session);
        }
        match received {
            Received::Frame(Frame::Block { file, offset, values }) => {
                self.end_block(link, (file, offset, &values))?;
            }
            Received::Frame(frame) => {
                if let Frame::Entry { entry, .. } = &frame {
                    self.decisions.naming.expect_another(self.machine.entry_count())?;
                    self.descriptors.expect(entry);
                    if !self.is_announced {
                        self.progress.expect(1, entry.size.unwrap_or(0));
                    }
                }
                self.machine.receive(frame).map_err(protocol_error)?;
                if let Some(skipped) = self.machine.skipped() {
                    self.stats.skip(&skipped);
                }
                if let Some(Totals { entries, bytes, complete }) = self.machine.totals() {
                    self.progress.found(entries, bytes, complete);
                }
            }
            Received::Data { file, offset, length } if self.is_of_a_block(file) => {
                self.begin_block(file, offset, length)?;
            }
            Received::Data { file, offset, length } => {
                let restart = self.machine.data(file, offset, length).map_err(protocol_error)?;
                self.begin_body(file, offset, length, restart)?;
            }
            Received::Nothing => {
                if let Some((phase, _)) = self.machine.peer_phase() {
                    self.progress.phase(shown(phase));
                }
                return Ok(None);
            }
            Received::End => return Err(cut()),
        }
        Ok(Some(FRAME_COST_BYTES))
    }

    /// Releases everything after a failure: whole files are still committed, parts are left for a later session.
    fn release(&mut self) {
        self.progress.finish();
        if let Some(arriving) = self.bodies.current.take() {
            arriving.keep();
        }
        self.decisions.keep();
        self.assembly.drain().for_each(BlockAssembly::keep);
        self.commits.finish();
    }

    /// Removes this session from the server's list.
    fn unregister(&mut self) {
        if let Some(registration) = self.decisions.registration.take() {
            registration.unregister();
        }
    }
}

/// Applies the capabilities that both sides have.
fn agree(machine: &mut Receiver, accept: &Accept) {
    if accept.stream {
        machine.expect_stream();
    }
    machine.agree(accept.capabilities);
}

fn cut() -> Failure {
    Error::new(Exit::Lost, "the connection ended before everything had arrived").into()
}

impl<S> LinkSession<S, Receiving> {
    /// Registers it as one of a server's sessions.
    pub(super) fn registered(mut self, registration: Arc<Registration>) -> Self {
        self.job.decisions.registration = Some(registration);
        self
    }

    /// Shares the descriptors of `lease` with other sessions.
    pub(crate) fn sharing(mut self, lease: Option<Lease>) -> Self {
        self.job.descriptors.share(lease);
        self
    }

    /// Marks it as the successor of a session that may still hold files.
    pub(crate) fn succeeding(mut self, is_successor: bool) -> Self {
        self.job.decisions.backoff = Backoff::new(is_successor);
        self
    }

    /// Calls `then` when all has arrived and is in place.
    pub(crate) fn then(mut self, then: impl FnOnce() + Send + 'static) -> Self {
        self.job.then = Some(Box::new(then));
        self
    }

    /// Collects the digests of the received files.
    pub(crate) fn listing(mut self, digests: Option<Digests>) -> Self {
        self.job.stats.list_digests(digests);
        self
    }
}

impl<S: Stream> Job<S> for Receiving {
    fn advance(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure> {
        let before = self.advance_pool(link)?;
        let status = self.work(link, context)?;
        // Work may have opened files that a further connection waits for.
        let after = self.advance_pool(link)?;
        // This connection may now get the data of a lost one: restart its idle limit.
        let lost = before.lost.len() + after.lost.len();
        if before.is_alive || after.is_alive || lost > 0 {
            link.wire.restart_idle();
        }
        self.show(link);
        if status == Status::Waiting && (before.has_more || after.has_more || after.is_alive) {
            return Ok(Status::Again);
        }
        if status == Status::Waiting {
            link.check_time(context.now, self.busy())?;
            self.make_way(link.wire.last_traffic(), context.now)?;
        }
        Ok(status)
    }

    fn conclude(&mut self, link: &Link<S>, now: Instant) -> Result<(), Error> {
        self.record_closed();
        self.show(link);
        self.progress.finish();
        self.unregister();
        self.stats.resumed(self.assembly.resumed_bytes);
        let bytes = self.machine.received_bytes() + self.assembly.received_bytes;
        self.stats.conclude(bytes, now - self.start)
    }

    fn fail(&mut self) {
        self.release();
        self.unregister();
    }

    fn deadline(&self) -> Option<Instant> {
        self.pool.deadline().into_iter().chain(self.decisions.backoff.next_look()).min()
    }
}

/// Counts a dropped session as failed, as when the process is asked to stop.
impl Drop for Receiving {
    fn drop(&mut self) {
        self.release();
    }
}
