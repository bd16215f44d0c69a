//! The records of a TLS connection between buffers: rustls' state machine, driven until it can do no more.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{CommonState, Error};

use super::buffers::Outgoing;

/// One side of a TLS connection.
pub(crate) enum Connection {
    /// The side that connected.
    Client(UnbufferedClientConnection),
    /// The side that accepted.
    Server(UnbufferedServerConnection),
}

/// What a call of [`Records::process`] does beside processing what has come.
pub(super) enum Request<'a> {
    /// The handshake.
    Handshake,
    /// Writes plaintext here.
    Read(&'a mut [u8]),
    /// Encrypts this.
    Write(&'a [u8]),
    /// Encrypts `close_notify`.
    Close,
}

/// How far a call of [`Records::process`] has got.
#[derive(Clone, Copy, Default)]
pub(super) struct Processed {
    /// Bytes of ciphertext that are no longer needed.
    pub(super) used: usize,
    /// Bytes of plaintext that were read or written.
    pub(super) moved: usize,
}

/// The record layer of one connection, and the plaintext that its reader had no room for.
pub(super) struct Records {
    connection: Connection,
    held: Vec<u8>,
    held_start: usize,
    received: u64,
    is_closed: bool,
}

impl Records {
    pub(super) fn new(connection: Connection) -> Records {
        Records { connection, held: Vec::new(), held_start: 0, received: 0, is_closed: false }
    }

    /// What was negotiated.
    pub(super) fn state(&self) -> &CommonState {
        match &self.connection {
            Connection::Client(client) => client,
            Connection::Server(server) => server,
        }
    }

    /// Bytes of plaintext received, read or not.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// True once the peer's `close_notify` has come: nothing follows.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// True if there is plaintext that was not read.
    pub(super) fn holds_plaintext(&self) -> bool {
        self.held_start < self.held.len()
    }

    /// Moves plaintext that was held back into `buffer`.
    pub(super) fn take_held(&mut self, buffer: &mut [u8]) -> usize {
        let held = &self.held[self.held_start..];
        let count = buffer.len().min(held.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.held_start += count;
        if !self.holds_plaintext() {
            (self.held, self.held_start) = (Vec::new(), 0);
        }
        count
    }

    /// Processes `incoming` until more of it is needed, or the request is met. On a failure the alert that names it is
    /// in `outgoing`.
    pub(super) fn process(
        &mut self,
        incoming: &mut [u8],
        outgoing: &mut Outgoing,
        mut request: Request<'_>,
    ) -> (Processed, Result<(), Error>) {
        let mut processed = Processed::default();
        loop {
            let rest = &mut incoming[processed.used..];
            let step = match &mut self.connection {
                Connection::Client(client) => step(client, rest, outgoing, &mut request),
                Connection::Server(server) => step(server, rest, outgoing, &mut request),
            };
            processed.used += step.discard;
            processed.moved += step.moved;
            self.received += step.received as u64;
            self.held.extend_from_slice(&step.surplus);
            self.is_closed |= step.is_closed;
            match step.result {
                Ok(true) => {}
                Ok(false) => return (processed, Ok(())),
                Err(error) => return (processed, Err(error)),
            }
        }
    }
}

/// rustls' two kinds of connection.
trait Unbuffered {
    type Data;

    fn next<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Unbuffered for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn next<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Unbuffered for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn next<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

/// The outcome of one state of rustls' machine.
struct Step {
    discard: usize,
    moved: usize,
    received: usize,
    /// Plaintext that the reader's buffer has no room for.
    surplus: Vec<u8>,
    is_closed: bool,
    result: Result<bool, Error>,
}

/// Takes the machine one state further. `result` is false when there is no more to do.
fn step(
    machine: &mut impl Unbuffered,
    incoming: &mut [u8],
    outgoing: &mut Outgoing,
    request: &mut Request<'_>,
) -> Step {
    let UnbufferedStatus { discard, state, .. } = machine.next(incoming);
    let mut step =
        Step { discard, moved: 0, received: 0, surplus: Vec::new(), is_closed: false, result: Ok(true) };
    match state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        step.discard += record.discard;
                        step.deliver(record.payload, request);
                    }
                    Err(error) => step.result = Err(error),
                }
            }
            step.result = step.result.map(|_| !matches!(request, Request::Read(buffer) if buffer.is_empty()));
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            step.result = outgoing.append(|room| data.encode(room)).map(|_| true);
        }
        Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
        Ok(ConnectionState::PeerClosed) => step.is_closed = true,
        Ok(ConnectionState::Closed) => (step.is_closed, step.result) = (true, Ok(false)),
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            let written = match request {
                Request::Write(bytes) => {
                    step.moved = bytes.len();
                    outgoing.append(|room| traffic.encrypt(bytes, room))
                }
                Request::Close => outgoing.append(|room| traffic.queue_close_notify(room)),
                Request::Handshake | Request::Read(_) => Ok(()),
            };
            step.result = written.map(|()| false);
        }
        Ok(ConnectionState::BlockedHandshake) => step.result = Ok(false),
        // Early data is never offered, nor accepted.
        Ok(_) => step.result = Err(Error::General("unexpected early data".into())),
        Err(error) => {
            append_alert(machine, &mut incoming[discard..], outgoing);
            step.result = Err(error);
        }
    }
    step
}

/// Appends what waits to be sent after a failure, up to the alert that names it. Beyond the alert the machine must not be
/// asked: it would fail again, with another alert. Without room the peer does not learn the reason.
fn append_alert(machine: &mut impl Unbuffered, incoming: &mut [u8], outgoing: &mut Outgoing) {
    let mut is_done = false;
    while !is_done && let Ok(ConnectionState::EncodeTlsData(mut data)) = machine.next(incoming).state {
        let appended = outgoing.append(|room| {
            let count = data.encode(room)?;
            is_done = is_alert(&room[..count]);
            Ok::<_, EncodeError>(count)
        });
        is_done |= appended.is_err();
    }
}

/// True for a record that is an alert: by its type, or, encrypted by TLS 1.3, by its length (two bytes, a type, a tag).
fn is_alert(record: &[u8]) -> bool {
    const ALERT: u8 = 21;
    const ENCRYPTED: u8 = 23;
    const ENCRYPTED_ALERT_BYTES: usize = 5 + 2 + 1 + 16;
    match record.first() {
        Some(&ALERT) => true,
        Some(&ENCRYPTED) => record.len() == ENCRYPTED_ALERT_BYTES,
        _ => false,
    }
}

impl Step {
    fn deliver(&mut self, payload: &[u8], request: &mut Request<'_>) {
        self.received += payload.len();
        let room = match request {
            Request::Read(buffer) => std::mem::take(buffer),
            _ => &mut [],
        };
        let count = payload.len().min(room.len());
        let (taken, left) = room.split_at_mut(count);
        taken.copy_from_slice(&payload[..count]);
        self.surplus.extend_from_slice(&payload[count..]);
        self.moved += count;
        if let Request::Read(buffer) = request {
            *buffer = left;
        }
    }
}
