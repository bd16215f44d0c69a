//! A flow: the socket of one peer to the target, and the session that brings back what comes on it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use super::target::Target;
use crate::datagram::stats::DatagramStats;
use crate::datagram::turn_cost;
use crate::error::Error;
use crate::net::reactor::{Context, Session, Status, Waker};
use crate::net::udp::{Datagram, DatagramSocket, Peer, ReceiveBuffer, ReplyBatch};
use crate::proto::datagram::flows::FlowTable;
use crate::report::Report;
use crate::server::places::SourceSlot;

/// What the sessions of a relay share.
pub(crate) struct Shared {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) flows: RefCell<FlowTable<FlowKey, Rc<Flow>>>,
    pub(crate) target: RefCell<Target>,
    pub(crate) stats: RefCell<DatagramStats>,
    /// For the replies of all flows, one after the other.
    pub(crate) buffer: RefCell<ReceiveBuffer>,
    /// Of the session that takes datagrams from clients.
    pub(crate) intake: Waker,
    /// The first reply that could not be sent was reported.
    has_reported_reply: Cell<bool>,
    report: Report,
}

/// A socket that clients send to.
pub(crate) struct Listener {
    pub(crate) socket: DatagramSocket,
    /// Replies that the system had no room for, and those of one turn.
    replies: RefCell<ReplyBatch>,
    /// Flows that wait until these are sent.
    waiting: RefCell<Vec<Waker>>,
}

/// A flow is that of a peer with one address of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey {
    /// The index of the listener.
    pub(crate) listener: usize,
    pub(crate) peer: Peer,
    /// The address that it sends to, where the listener has several.
    pub(crate) local: Option<IpAddr>,
}

/// One flow. It is closed when its last reference is dropped.
pub(crate) struct Flow {
    pub(crate) number: u64,
    pub(crate) key: FlowKey,
    pub(crate) target: Peer,
    /// Connected to the target.
    pub(crate) socket: DatagramSocket,
    /// The target has answered.
    pub(crate) has_answered: Cell<bool>,
    /// It has expired, or has made way.
    pub(crate) is_over: Cell<bool>,
    /// The intake waits for room in its socket.
    pub(crate) is_awaited: Cell<bool>,
    /// Of its session.
    pub(crate) waker: Waker,
    /// Its place among those of its source.
    pub(crate) slot: SourceSlot,
}

impl Listener {
    pub(crate) fn new(socket: DatagramSocket) -> Listener {
        Listener { socket, replies: RefCell::default(), waiting: RefCell::default() }
    }
}

impl Shared {
    pub(crate) fn new(
        listeners: Vec<Listener>,
        flows: FlowTable<FlowKey, Rc<Flow>>,
        target: Target,
        intake: Waker,
        report: &Report,
    ) -> Shared {
        Shared {
            listeners,
            flows: RefCell::new(flows),
            target: RefCell::new(target),
            stats: RefCell::default(),
            buffer: RefCell::default(),
            intake,
            has_reported_reply: Cell::default(),
            report: report.clone(),
        }
    }

    /// The sockets that clients send to.
    pub(crate) fn sockets(&self) -> Vec<&DatagramSocket> {
        self.listeners.iter().map(|listener| &listener.socket).collect()
    }

    /// Shows what was counted so far, if there is a page for it.
    pub(crate) fn show_counts(&self) {
        let metrics = self.report.metrics();
        if metrics.are_shown() {
            self.stats.borrow().show(true, metrics);
            metrics.datagrams.flows.set(self.flows.borrow().len() as u64);
        }
    }

    /// Ends a flow that is no longer in the table.
    pub(crate) fn end(&self, flow: &Flow) {
        flow.is_over.set(true);
        flow.slot.release();
        flow.waker.wake();
        if flow.is_awaited.replace(false) {
            self.intake.wake();
        }
        self.stats.borrow_mut().unwritten += flow.socket.dropped().map_or(0, |dropped| dropped.count);
    }

    /// Takes a flow out of the table, and ends it.
    pub(crate) fn remove(&self, flow: &Flow) {
        if self.flows.borrow_mut().remove(flow.number).is_some() {
            self.end(flow);
        }
    }

    /// Handles a datagram that the target's system has refused. If the target has another address, the peer's next datagram
    /// goes there, unless this one has answered before.
    pub(crate) fn refused(&self, flow: &Flow, error: &io::Error, now: Instant) {
        self.stats.borrow_mut().undelivered += 1;
        self.target.borrow_mut().failed(&flow.target, error, now);
        if !flow.has_answered.get() && self.target.borrow().address_count() > 1 {
            self.remove(flow);
        }
    }

    /// Sends the replies of a listener. Returns whether all were sent; else those that wait are woken when they are.
    pub(crate) fn send_replies(&self, listener: &Listener) -> bool {
        let mut replies = listener.replies.borrow_mut();
        if replies.is_empty() {
            return true;
        }
        // One client of a Unix socket that does not read must not hold up the others: nothing says when it has room.
        let waits = matches!(listener.socket.local_address(), Peer::Ip(_));
        let are_sent = listener.socket.send_replies_with_room(&mut replies, waits, |peer, result| {
            let mut stats = self.stats.borrow_mut();
            match result {
                Ok(bytes) => {
                    stats.received += 1;
                    stats.received_bytes += bytes as u64;
                }
                Err(error) => {
                    stats.withheld += 1;
                    if !self.has_reported_reply.replace(true) {
                        self.report.warning(format_args!("no answer to {peer}: {error} (reported once)"));
                    }
                }
            }
        });
        if are_sent {
            listener.waiting.take().iter().for_each(Waker::wake);
        }
        are_sent
    }
}

/// The session of a flow: what the target sends goes to the peer.
pub(crate) struct FlowSession {
    shared: Rc<Shared>,
    flow: Rc<Flow>,
}

impl FlowSession {
    pub(crate) fn new(shared: &Rc<Shared>, flow: Rc<Flow>) -> FlowSession {
        FlowSession { shared: Rc::clone(shared), flow }
    }

    /// Receives until nothing is there, the listener's system has no room for more, or the budget is used up.
    fn bring_back(&self, Context { now, mut budget_bytes }: Context) -> Status {
        let (shared, flow) = (&*self.shared, &*self.flow);
        let listener = &shared.listeners[flow.key.listener];
        let mut buffer = shared.buffer.borrow_mut();
        let mut has_more = true;
        loop {
            if !shared.send_replies(listener) {
                listener.waiting.borrow_mut().push(flow.waker.clone());
                return Status::Waiting;
            }
            if !has_more || budget_bytes == 0 {
                return if has_more { Status::Again } else { Status::Waiting };
            }
            while has_more && budget_bytes > 0 && !listener.replies.borrow().is_large() {
                let result = flow.socket.receive(&mut buffer, |datagram| {
                    budget_bytes = budget_bytes.saturating_sub(turn_cost(datagram.payload));
                    self.queue_reply(listener, &datagram);
                });
                has_more = match result {
                    Ok(()) => {
                        self.answered(now);
                        true
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                    // The next datagram to it shows whether it is there.
                    Err(_) if matches!(flow.target, Peer::Unix(_)) => false,
                    Err(error) => {
                        shared.refused(flow, &error, now);
                        !flow.is_over.get()
                    }
                };
            }
        }
    }

    fn queue_reply(&self, listener: &Listener, datagram: &Datagram<'_>) {
        let FlowKey { peer, local, .. } = &self.flow.key;
        if datagram.is_truncated {
            self.shared.stats.borrow_mut().truncated += 1;
        } else if matches!(peer, Peer::Unix(unix) if unix.is_unnamed()) {
            self.shared.stats.borrow_mut().withheld += 1;
        } else {
            listener.replies.borrow_mut().push(peer, *local, datagram.payload);
        }
    }

    fn answered(&self, now: Instant) {
        self.shared.flows.borrow_mut().touch(self.flow.number, now);
        if !self.flow.has_answered.replace(true) || self.shared.target.borrow().is_reported() {
            self.shared.target.borrow_mut().answered(&self.flow.target);
        }
    }
}

impl Session for FlowSession {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let flow = &*self.flow;
        if !flow.is_over.get() && flow.is_awaited.get() && flow.socket.is_writable() {
            flow.is_awaited.set(false);
            self.shared.intake.wake();
        }
        let status = if flow.is_over.get() { Status::Done } else { self.bring_back(context) };
        self.shared.show_counts();
        Ok(if flow.is_over.get() { Status::Done } else { status })
    }
}
