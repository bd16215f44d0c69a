//! A handshake over a stream: what is to be sent goes out, what belongs to it is read, and not a byte more.

use std::io;

use crate::net::send::{Outgoing, Sent, send_all};
use crate::net::stream::Stream;
use crate::proto::handshake::Handshake;

/// Read at a time.
const PIECE_BYTES: usize = 512;

/// A machine and what it still has to send.
pub(crate) struct Exchange<M> {
    pub(crate) machine: M,
    outgoing: Outgoing,
}

/// Why a handshake cannot go on.
pub(crate) enum Broken<F> {
    /// The connection was lost.
    Lost(io::Error),
    /// The other side has ended it.
    Ended,
    /// For what the other side said.
    Fault(F),
}

impl<M: Handshake> Exchange<M> {
    pub(crate) fn new(machine: M) -> Exchange<M> {
        Exchange { machine, outgoing: Outgoing::default() }
    }

    /// Goes on as far as it can now. True if everything is said and nothing more is to be heard.
    pub(crate) fn advance(&mut self, stream: &mut impl Stream) -> Result<bool, Broken<M::Fault>> {
        loop {
            let said = self.machine.take_outgoing();
            self.outgoing.push(&said);
            let sent = send_all(stream, &mut self.outgoing).map_err(Broken::Lost)?;
            let wanted = self.machine.wanted().min(PIECE_BYTES);
            if wanted == 0 {
                return Ok(sent == Sent::All);
            }
            let mut piece = [0; PIECE_BYTES];
            match stream.read(&mut piece[..wanted]) {
                Ok(0) => return Err(Broken::Ended),
                Ok(count) => self.machine.take(&piece[..count]).map_err(Broken::Fault)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Broken::Lost(error)),
            }
        }
    }
}
