//! Where datagrams of clients go: each to the flow of its peer, which opens with its first one.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::flow::{Flow, FlowKey, FlowSession, Shared};
use crate::datagram::listen::peers::Peers;
use crate::datagram::{cannot_send, is_no_way};
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::raised_descriptor_limit;
use crate::net::reactor::Io;
use crate::net::udp::{Batch, Datagram, Peer};
use crate::report::Report;
use crate::server::places::{SourceSlot, SourceSlots};

/// The retry interval for a device with a full queue: it does not report when there is room.
const ROOM_WAIT: Duration = Duration::from_millis(1);
/// The refusals of one datagram that may have been caused by earlier ones.
const MAX_REFUSALS: usize = 2;

/// The most flows that open in one turn: those that make way for them are closed after it.
const MAX_NEW_FLOWS: usize = 256;

/// The same where descriptors are short: these flows, and as many that have made way, take half of the limit (`ulimit -n`).
pub(crate) fn max_new_flows() -> usize {
    let wanted = 4 * MAX_NEW_FLOWS;
    let limit = raised_descriptor_limit(wanted as u64).map_or(wanted, |limit| limit as usize);
    (limit / 4).clamp(1, MAX_NEW_FLOWS)
}

/// The limits on new flows.
pub(crate) struct FlowRules {
    /// The addresses of peers that are accepted.
    pub(crate) access: Access,
    pub(crate) sources: SourceSlots,
    /// No flow opens after this many.
    pub(crate) count: Option<u64>,
    pub(crate) max_flows: usize,
    /// See [`max_new_flows`].
    pub(crate) max_new_flows: usize,
}

/// Takes datagrams of clients.
pub(crate) struct Intake {
    pub(crate) rules: FlowRules,
    shared: Rc<Shared>,
    io: Io,
    /// Datagrams for the last flow.
    batch: Batch,
    last: Option<Rc<Flow>>,
    /// Received datagrams that wait for room in the socket of the last flow, or for the next turn.
    pending: VecDeque<(FlowKey, Vec<u8>)>,
    retry_at: Option<Instant>,
    /// The number of flows that were opened in this turn.
    opened: usize,
    peers: Peers,
    /// The reasons that were reported: each is reported once.
    reported: BTreeSet<&'static str>,
    report: Report,
    now: Instant,
}

impl Intake {
    pub(crate) fn new(
        rules: FlowRules,
        shared: Rc<Shared>,
        (io, report): (&Io, &Report),
        now: Instant,
    ) -> Intake {
        Intake {
            rules,
            shared,
            io: io.clone(),
            batch: Batch::default(),
            last: None,
            pending: VecDeque::new(),
            retry_at: None,
            opened: 0,
            peers: Peers::new(report, now),
            reported: BTreeSet::new(),
            report: report.clone(),
            now,
        }
    }

    /// Sends what is waiting. Returns whether all of it was sent, and more may be received.
    pub(crate) fn advance(&mut self, now: Instant) -> bool {
        (self.now, self.opened) = (now, 0);
        // A flow that has ended is closed.
        self.last.take_if(|flow| flow.is_over.get() && self.batch.count() == 0);
        self.retry_at = self.retry_at.filter(|at| now < *at);
        if self.retry_at.is_some() || !self.flush() {
            return false;
        }
        while let Some((key, payload)) = self.pending.pop_front() {
            if !self.route(&key, &payload) {
                self.pending.push_front((key, payload));
                return false;
            }
        }
        self.flush()
    }

    /// When to try again to send.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// True if something waits for the next turn.
    pub(crate) fn wants_turn(&self) -> bool {
        !self.is_empty() && self.opened >= self.rules.max_new_flows
    }

    /// True if nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.count() == 0 && self.pending.is_empty()
    }

    /// Handles a received datagram.
    pub(crate) fn accept(&mut self, datagram: Datagram<'_>, listener: usize) {
        if datagram.is_truncated {
            self.shared.stats.borrow_mut().truncated += 1;
            return;
        }
        let local = self.shared.listeners[listener].socket.reply_source(datagram.local);
        let key = FlowKey { listener, peer: datagram.peer, local };
        if !self.pending.is_empty() || !self.route(&key, datagram.payload) {
            self.pending.push_back((key, datagram.payload.to_vec()));
        }
    }

    /// Sends a datagram with the flow of its peer. False if it has to wait: for room, or for the next turn.
    fn route(&mut self, key: &FlowKey, payload: &[u8]) -> bool {
        let is_last = self.last.as_ref().is_some_and(|flow| flow.key == *key && !flow.is_over.get());
        if !is_last {
            // Before another flow is opened, which may end the last one.
            if !self.flush() {
                return false;
            }
            let known = self.shared.flows.borrow_mut().touch_key(key, self.now).cloned();
            if known.is_none() && self.opened >= self.rules.max_new_flows {
                return false;
            }
            let Some(flow) = known.or_else(|| self.open(key, payload)) else { return true };
            self.last = Some(flow);
        }
        let Some(flow) = self.last.clone() else { return true };
        let limit = flow.socket.batch_limit();
        if self.batch.push(payload, limit) {
            return true;
        }
        if !self.flush() {
            return false;
        }
        self.batch.push(payload, limit)
    }

    /// Sends the batch. False if the system has no room for all of it.
    pub(crate) fn flush(&mut self) -> bool {
        let Some(flow) = self.last.clone() else { return true };
        let mut refusals = 0;
        let has_sent = self.batch.count() > 0;
        while self.batch.count() > 0 {
            let before = self.batch.bytes().len();
            match send(&flow, &mut self.batch) {
                Ok(count) => {
                    let mut stats = self.shared.stats.borrow_mut();
                    stats.sent += count as u64;
                    stats.sent_bytes += (before - self.batch.bytes().len()) as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !flow.is_over.get() => {
                    flow.is_awaited.set(true);
                    return false;
                }
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                    self.retry_at = Some(self.now + ROOM_WAIT);
                    return false;
                }
                // It answers an earlier datagram, and this one was not sent: again.
                Err(error) if is_refusal(&error) && refusals < MAX_REFUSALS => {
                    refusals += 1;
                    self.refused(&flow, &error);
                    if flow.is_over.get() {
                        self.drop_batch();
                    }
                }
                Err(error) => {
                    self.shared.refused(&flow, &error, self.now);
                    self.batch.remove_first();
                }
            }
        }
        if has_sent {
            self.shared.flows.borrow_mut().touch(flow.number, self.now);
        }
        true
    }

    /// Counts what was for a flow that has ended as lost.
    fn drop_batch(&mut self) {
        self.shared.stats.borrow_mut().undelivered += self.batch.count() as u64;
        while self.batch.count() > 0 {
            self.batch.remove_first();
        }
    }

    fn refused(&self, flow: &Flow, error: &io::Error) {
        match &flow.target {
            // Another socket may have this name now.
            Peer::Unix(_) => {
                if let Err(error) = flow.socket.connect(&flow.target) {
                    self.shared.target.borrow_mut().failed(&flow.target, &error, self.now);
                }
            }
            Peer::Ip(_) => self.shared.refused(flow, error, self.now),
        }
    }

    /// Opens a flow for the first datagram of a peer. `None` if the datagram needs none any more: it was sent, or is lost and
    /// was counted.
    fn open(&mut self, key: &FlowKey, payload: &[u8]) -> Option<Rc<Flow>> {
        let addresses = self.shared.target.borrow().address_count();
        for is_last in (1..=addresses).map(|number| number == addresses) {
            let slot = self.admit(key)?;
            self.make_room()?;
            let flow = self.open_one(key, slot)?;
            let is_sent = if addresses == 1 { Ok(false) } else { self.try_address(&flow, payload) };
            match is_sent {
                // A name has an address of each family as a rule, and a server may listen on one of them only.
                Err(error) if !is_last => {
                    self.shared.target.borrow_mut().refused(&flow.target);
                    self.report.detail(cannot_send(&flow.target, &error));
                    self.shared.remove(&flow);
                    continue;
                }
                Err(error) => {
                    self.shared.refused(&flow, &error, self.now);
                    return None;
                }
                Ok(_) => {}
            }
            let local = self.shared.listeners[key.listener].socket.local_address();
            self.peers.on_datagram(&key.peer, local, &self.report, self.now);
            self.shared.stats.borrow_mut().flows += 1;
            return Some(flow).filter(|_| matches!(is_sent, Ok(false)));
        }
        None
    }

    /// Sends the first datagram to one of several addresses. False if it was not sent.
    ///
    /// # Errors
    /// Nothing is there: on this machine, that is known at once.
    fn try_address(&self, flow: &Flow, payload: &[u8]) -> io::Result<bool> {
        match flow.socket.send(&flow.target, payload, None) {
            Ok(()) => flow.socket.take_error()?,
            Err(error) if is_no_way(&error) => return Err(error),
            Err(_) => return Ok(false),
        }
        let mut stats = self.shared.stats.borrow_mut();
        stats.sent += 1;
        stats.sent_bytes += payload.len() as u64;
        Ok(true)
    }

    /// The place of a new flow among those of its source. `None` if the rules do not admit the peer.
    fn admit(&mut self, key: &FlowKey) -> Option<SourceSlot> {
        let rules = &self.rules;
        let listener = self.shared.listeners[key.listener].socket.local_address();
        let is_unnamed = matches!(&key.peer, Peer::Unix(unix) if unix.is_unnamed());
        let is_forged = !is_unnamed && key.peer.no_host_reason(listener, key.local).is_some();
        let is_over = rules.count.is_some_and(|count| self.shared.stats.borrow().flows >= count);
        if is_over || is_forged || !key.peer.ip().is_none_or(|ip| rules.access.admits(ip)) {
            self.shared.stats.borrow_mut().filtered += 1;
            return None;
        }
        let slot = rules.sources.slot(&key.peer.to_name());
        if !slot.try_acquire() {
            let text = format!("{} has too many flows (see --max-per-source)", key.peer);
            return self.lose("--max-per-source", &text);
        }
        Some(slot)
    }

    /// Makes room for a flow. `None` if there is none.
    fn make_room(&mut self) -> Option<()> {
        let evicted = self.shared.flows.borrow_mut().make_room();
        let places = self.rules.max_flows;
        match evicted {
            Ok(None) => {}
            Ok(Some(evicted)) => {
                self.shared.end(&evicted);
                let text =
                    format!("all {places} flows are taken: the one that is silent for longest makes way");
                self.report_once("full", &format!("{text} (see --max-clients and --full)"));
            }
            Err(_) => {
                let text = format!("all {places} flows are taken: peers without one are refused");
                return self.lose("full", &format!("{text} (see --max-clients and --full)"));
            }
        }
        Some(())
    }

    /// Opens a flow to the first address that there is a way to.
    fn open_one(&mut self, key: &FlowKey, slot: SourceSlot) -> Option<Rc<Flow>> {
        self.opened += 1;
        let (shared, now) = (&self.shared, self.now);
        let mut opened = None;
        let result = self.io.spawn(|io| {
            let found = shared.target.borrow_mut().open(&shared.sockets(), &io, now);
            let (target, socket) = found.map_err(|error| Error::new(Exit::NoConnection, error))?;
            let mut flows = shared.flows.borrow_mut();
            let flow = Rc::new(Flow {
                number: flows.next_number(),
                key: key.clone(),
                target,
                socket,
                has_answered: Cell::default(),
                is_over: Cell::default(),
                is_awaited: Cell::default(),
                waker: io.waker(),
                slot,
            });
            flows.insert(key.clone(), now, Rc::clone(&flow));
            opened = Some(Rc::clone(&flow));
            Ok(FlowSession::new(shared, flow))
        });
        // A failure was reported as one of the target.
        shared.stats.borrow_mut().undelivered += u64::from(result.is_err());
        opened
    }

    /// Counts a lost datagram, and reports the first one of each reason.
    fn lose<T>(&mut self, reason: &'static str, text: &str) -> Option<T> {
        self.shared.stats.borrow_mut().undelivered += 1;
        self.report_once(reason, text);
        None
    }

    fn report_once(&mut self, reason: &'static str, text: &str) {
        if self.reported.insert(reason) {
            self.report.warning(format_args!("{text} (reported once)"));
        }
    }
}

/// Sends datagrams of a batch. Returns their number.
fn send(flow: &Flow, batch: &mut Batch) -> io::Result<usize> {
    match (&flow.target, batch.first()) {
        // By its name another socket could be reached, whose answers the connected one does not take.
        (Peer::Unix(_), Some(datagram)) => {
            flow.socket.send_to_connected(datagram)?;
            batch.remove_first();
            Ok(1)
        }
        _ => flow.socket.send_batch(&flow.target, batch),
    }
}

/// True for an error that a connected socket has from the peer's system.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::CONNREFUSED | Errno::CONNRESET | Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::PROTO)
    )
}
