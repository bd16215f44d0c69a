//! A probed port of datagrams: what comes back on one.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::result::{ProbeResult, is_shortage};
use crate::error::{Error, Exit};
use crate::net::dial::explain;
use crate::net::endpoint::PeerName;
use crate::net::local_end::LocalEnd;
use crate::net::reactor::Io;
use crate::net::udp::{DatagramSocket, Options, Peer, ReceiveBuffer, open_for};

/// The interval at which the datagram is sent again: any may be lost.
const RESEND_INTERVAL: Duration = Duration::from_secs(1);
/// The size of the receive queue: the first answer counts.
const QUEUE_BYTES: usize = 64 << 10;

/// A port that is probed at all addresses of its host at once.
pub(super) struct DatagramProbe {
    payload: Rc<[u8]>,
    /// Addresses that have not refused.
    sockets: Vec<(SocketAddr, DatagramSocket)>,
    /// The others, and how they did.
    failures: Vec<(SocketAddr, io::Error)>,
    next_send: Instant,
    /// When it counts as silent.
    end: Instant,
}

impl DatagramProbe {
    /// Opens a socket for each address, for datagrams from `local`.
    pub(super) fn new(
        addresses: &VecDeque<SocketAddr>,
        payload: Rc<[u8]>,
        local: &LocalEnd,
        limit: Duration,
        (io, now): (&Io, Instant),
    ) -> DatagramProbe {
        let options =
            Options { source: local.source, receive_queue_bytes: Some(QUEUE_BYTES), ..Options::default() };
        let (mut sockets, mut failures) = (Vec::new(), Vec::new());
        for address in addresses {
            match open_for(&Peer::Ip(*address), &options, io) {
                Ok(socket) => sockets.push((*address, socket)),
                Err(error) => failures.push((*address, error)),
            }
        }
        DatagramProbe { payload, sockets, failures, next_send: now, end: now + limit }
    }

    /// The result; `None` while there is none. `is_alone`: no other attempt can end and make room.
    pub(super) fn poll(
        &mut self,
        buffer: &mut ReceiveBuffer,
        is_alone: bool,
        now: Instant,
    ) -> Result<Option<ProbeResult>, Error> {
        let is_due = now >= self.next_send;
        if is_due {
            self.next_send = now + RESEND_INTERVAL;
        }
        let mut index = 0;
        while let Some((address, socket)) = self.sockets.get(index) {
            // Before it is sent again: an error that waits would be taken for one of the new datagram.
            let came = receive(socket, buffer).and_then(|has_answer| {
                if is_due && !has_answer {
                    send(socket, &Peer::Ip(*address), &self.payload)?;
                }
                Ok(has_answer || receive(socket, buffer)?)
            });
            match came {
                Ok(true) => return Ok(Some(Some(("answered", name_of(*address), None)))),
                Ok(false) => index += 1,
                Err(error) => {
                    let (address, _) = self.sockets.swap_remove(index);
                    self.failures.push((address, error));
                }
            }
        }
        if let Some((address, error)) = self.failures.iter().find(|(_, error)| is_shortage(error)) {
            let failed = || Error::new(Exit::NoConnection, format!("cannot send to {address}: {error}"));
            return if is_alone { Err(failed()) } else { Ok(Some(None)) };
        }
        // Where an address is silent, something may be there.
        match self.sockets.first() {
            Some((address, _)) if now >= self.end => {
                let why = "no answer came; something may be there all the same".to_owned();
                Ok(Some(Some(("silent", name_of(*address), Some(why)))))
            }
            Some(_) => Ok(None),
            None => {
                let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
                let said = self.failures.iter().find(|(_, error)| is_refused(error));
                let state = if said.is_some() { "refused" } else { "unreachable" };
                let said = said.or(self.failures.first());
                Ok(said.map(|(address, error)| Some((state, name_of(*address), Some(explain(error))))))
            }
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.next_send.min(self.end)
    }
}

/// True if an answer has come.
fn receive(socket: &DatagramSocket, buffer: &mut ReceiveBuffer) -> io::Result<bool> {
    match socket.receive(buffer, |_| {}) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            // Of a system that does not report it as readiness.
            socket.take_error().map(|()| false)
        }
        Err(error) => Err(error),
    }
}

fn send(socket: &DatagramSocket, to: &Peer, payload: &[u8]) -> io::Result<()> {
    match socket.send(to, payload, None) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}

/// The name of a port of datagrams, as it is typed.
pub(super) fn name_of(address: SocketAddr) -> PeerName {
    PeerName::from_ip(Some(address)).of_datagrams()
}
