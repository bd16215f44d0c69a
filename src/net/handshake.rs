//! A handshake over a stream: sends its messages, and reads those of the peer and not a byte more.

use std::io;

use super::send::{SendBuffer, Sent, send_all};
use super::stream::Stream;
use crate::proto::handshake::Handshake;

/// Read at a time.
const PIECE_BYTES: usize = 512;

/// A machine and what it still has to send.
pub(crate) struct HandshakeDriver<M> {
    pub(crate) machine: M,
    outgoing: SendBuffer,
}

/// Why a handshake has failed.
pub(crate) enum HandshakeFailure<F> {
    /// The connection was lost.
    Lost(io::Error),
    /// The other side has ended it.
    Ended,
    /// For what the other side said.
    Fault(F),
}

impl<M: Handshake> HandshakeDriver<M> {
    pub(crate) fn new(machine: M) -> HandshakeDriver<M> {
        HandshakeDriver { machine, outgoing: SendBuffer::default() }
    }

    /// True if the stream has everything that the machine has to send for now.
    pub(crate) fn is_sent(&self) -> bool {
        self.outgoing.pending() == 0
    }

    /// Advances as far as it can now. True when it is complete.
    pub(crate) fn advance(&mut self, stream: &mut impl Stream) -> Result<bool, HandshakeFailure<M::Error>> {
        loop {
            let said = self.machine.take_outgoing();
            self.outgoing.push(&said);
            let sent = send_all(stream, &mut self.outgoing).map_err(HandshakeFailure::Lost)?;
            let wanted = self.machine.wanted().min(PIECE_BYTES);
            if wanted == 0 {
                return Ok(sent == Sent::All);
            }
            let mut piece = [0; PIECE_BYTES];
            match stream.read(&mut piece[..wanted]) {
                Ok(0) => return Err(HandshakeFailure::Ended),
                Ok(count) => self.machine.take(&piece[..count]).map_err(HandshakeFailure::Fault)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(HandshakeFailure::Lost(error)),
            }
        }
    }
}
