//! One TLS connection over a socket: plaintext above, records below, and the ends of both directions. It reads no clock.

use std::io;

use rustls::{CommonState, ProtocolVersion};

use super::buffers::{Below, Outgoing, PIECE_BYTES, RECORD_BYTES, ciphertext, give_back, lend};
use super::certificate::pin_of;
use super::exporter::Exporter;
use super::failure::{CLIENT_OPTIONS, END_IN_HANDSHAKE, SERVER_OPTIONS, TlsOptions, bare_end, failure_of};
use super::records::{Connection, Processed, Records, Request};
use crate::error::{Error, Exit};
use crate::proto::secure::pin::Pin;

/// The beginning of a hello that is kept until the rest is here. Those of browsers have up to 2 KB, most of it keys.
const MAX_HELLO_BYTES: usize = 16 << 10;
const HELLO_TOO_LONG: &str = "the TLS handshake begins with a message of more than 16 KiB";

/// How far the end of our direction has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OurEnd {
    Open,
    /// `close_notify` is encrypted; the socket's end follows it.
    Queued,
    Sent,
}

/// TLS over one connection.
///
/// Errors have an [`Error`] inside: exit code 8 for a failed handshake and for a record that is not authentic; 5 for an end in
/// the handshake, for one without `close_notify`, and for the alerts `user_canceled` and `internal_error`. Errors of the
/// socket are passed on as they are. The first failure stays.
pub(crate) struct Layer {
    records: Records,
    /// Received ciphertext that is not processed: part of a record, as a rule.
    incoming: Vec<u8>,
    outgoing: Outgoing,
    our_end: OurEnd,
    /// The socket's end counts as the peer's, also without `close_notify`.
    accepts_bare_end: bool,
    has_ended: bool,
    has_received: bool,
    failure: Option<(Exit, String)>,
    exporter: Option<Exporter>,
    options: &'static TlsOptions,
}

impl Layer {
    /// The layer of a connection whose handshake is still to come.
    pub(crate) fn new(connection: Connection, accepts_bare_end: bool) -> Layer {
        let options = match &connection {
            Connection::Client(_) => &CLIENT_OPTIONS,
            Connection::Server(_) => &SERVER_OPTIONS,
        };
        Layer {
            records: Records::new(connection),
            incoming: Vec::new(),
            outgoing: Outgoing::default(),
            our_end: OurEnd::Open,
            accepts_bare_end,
            has_ended: false,
            has_received: false,
            failure: None,
            exporter: None,
            options,
        }
    }

    /// The same, whose failures name these options.
    #[must_use]
    pub(super) fn with_options(self, options: &'static TlsOptions) -> Layer {
        Layer { options, ..self }
    }

    /// The same with an exporter, which is its connection's key log.
    #[must_use]
    pub(super) fn with_exporter(self, exporter: Exporter) -> Layer {
        Layer { exporter: Some(exporter), ..self }
    }

    /// Fills `output` with keying material that only the two ends have. None: there is no exporter, or the handshake is
    /// not complete.
    pub(crate) fn export(&self, label: &[u8], output: &mut [u8]) -> Option<()> {
        let suite = self.state().negotiated_cipher_suite()?;
        self.exporter.as_ref()?.export(suite, label, output)
    }

    /// Forgets what keying material is made of.
    pub(super) fn erase_exporter(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.erase();
        }
    }

    /// The pin of the key that the peer has presented. None: it has presented none.
    pub(crate) fn peer_pin(&self) -> Option<Pin> {
        self.state().peer_certificates()?.first().and_then(pin_of)
    }

    /// What was negotiated.
    pub(crate) fn state(&self) -> &CommonState {
        self.records.state()
    }

    /// Bytes of plaintext received, read or not.
    pub(crate) fn received(&self) -> u64 {
        self.records.received()
    }

    /// True if one direction can end before the other: from TLS 1.3 on (RFC 8446, 6.1).
    pub(crate) fn can_half_close(&self) -> bool {
        self.state().protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// True once the peer's end has been read.
    pub(crate) fn has_peer_ended(&self) -> bool {
        self.records.is_closed() || self.has_ended
    }

    /// True if the peer has sent anything at all.
    pub(crate) fn has_received(&self) -> bool {
        self.has_received
    }

    /// True once the socket has everything that was written, our end included if there is one.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outgoing.is_empty() && self.our_end != OurEnd::Queued
    }

    /// Bytes of ciphertext that the socket has not taken yet.
    pub(crate) fn unflushed_bytes(&self) -> usize {
        self.outgoing.len()
    }

    /// Advances the handshake. True once it is complete, and our part of it sent.
    pub(crate) fn handshake(&mut self, below: &mut impl Below) -> io::Result<bool> {
        self.check()?;
        loop {
            let mut incoming = std::mem::take(&mut self.incoming);
            let (processed, result) =
                self.records.process(&mut incoming, &mut self.outgoing, Request::Handshake);
            self.keep(&incoming[processed.used..]);
            self.settle(result, below)?;
            let is_flushed = self.try_flush(below)?;
            if !self.state().is_handshaking() {
                return Ok(is_flushed);
            }
            if self.incoming.len() > MAX_HELLO_BYTES && self.state().protocol_version().is_none() {
                return Err(self.fail(Exit::Lost, HELLO_TOO_LONG));
            }
            match self.receive_handshake(below) {
                Ok(0) => return Err(self.fail(Exit::Lost, END_IN_HANDSHAKE)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_handshake(&mut self, below: &mut impl Below) -> io::Result<usize> {
        let mut piece = [0; 4 << 10];
        let count = below.read(&mut piece)?;
        self.has_received |= count > 0;
        self.incoming.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    /// Reads plaintext; 0 is the peer's end.
    pub(crate) fn read(&mut self, buffer: &mut [u8], below: &mut impl Below) -> io::Result<usize> {
        // The next write reports a broken socket; received bytes are read first.
        let _ = self.try_flush(below);
        let count = self.records.take_held(buffer);
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        self.check()?;
        let mut lent = lend();
        let mut end = self.incoming.len();
        lent[..end].copy_from_slice(&self.incoming);
        self.incoming = Vec::new();
        let (start, result) = self.read_into(buffer, &mut lent, &mut end, below);
        self.keep(&lent[start..end]);
        give_back(lent);
        result
    }

    /// Decrypts what is in `lent`, and reads more of it until there is plaintext. Returns where the rest begins.
    fn read_into(
        &mut self,
        buffer: &mut [u8],
        lent: &mut [u8],
        end: &mut usize,
        below: &mut impl Below,
    ) -> (usize, io::Result<usize>) {
        let mut start = 0;
        loop {
            let request = Request::Read(&mut *buffer);
            let (Processed { used, moved }, result) =
                self.records.process(&mut lent[start..*end], &mut self.outgoing, request);
            start += used;
            if let Err(error) = self.settle(result, below) {
                return (start, if moved > 0 { Ok(moved) } else { Err(error) });
            }
            if moved > 0 || self.has_peer_ended() {
                return (start, Ok(moved));
            }
            if start > 0 {
                lent.copy_within(start..*end, 0);
                (start, *end) = (0, *end - start);
            }
            // No more than the reader has room for, so that little has to be kept.
            let room = ciphertext(buffer.len().clamp(RECORD_BYTES, PIECE_BYTES)).min(lent.len() - *end);
            match below.read(&mut lent[*end..*end + room]) {
                Ok(0) if self.accepts_bare_end => self.has_ended = true,
                Ok(0) => return (start, Err(self.fail(Exit::Lost, &bare_end(self.options)))),
                Ok(count) => *end += count,
                Err(error) => return (start, Err(error)),
            }
        }
    }

    /// Encrypts and writes some bytes. `WouldBlock` while the socket has not taken what was written before.
    pub(crate) fn write(&mut self, bytes: &[u8], below: &mut impl Below) -> io::Result<usize> {
        self.check()?;
        self.outgoing.flush(below)?;
        let bytes = &bytes[..bytes.len().min(PIECE_BYTES)];
        let count = self.encrypt(Request::Write(bytes), below)?;
        self.try_flush(below)?;
        match count {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    /// Ends our direction: `close_notify`, then the socket's end as soon as that was taken.
    pub(crate) fn finish_writing(&mut self, below: &mut impl Below) -> io::Result<()> {
        self.check()?;
        if self.our_end == OurEnd::Open {
            self.encrypt(Request::Close, below)?;
            self.our_end = OurEnd::Queued;
        }
        self.try_flush(below).map(drop)
    }

    fn encrypt(&mut self, request: Request<'_>, below: &mut impl Below) -> io::Result<usize> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let (processed, result) = self.records.process(&mut incoming, &mut self.outgoing, request);
        self.keep(&incoming[processed.used..]);
        self.settle(result, below).map(|()| processed.moved)
    }

    /// Hands to the socket what it had no room for. True if it has everything now.
    pub(crate) fn try_flush(&mut self, below: &mut impl Below) -> io::Result<bool> {
        match self.outgoing.flush(below) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if self.our_end == OurEnd::Queued {
            self.our_end = OurEnd::Sent;
            below.finish_writing()?;
        }
        Ok(true)
    }

    fn keep(&mut self, rest: &[u8]) {
        self.incoming = rest.to_vec();
    }

    fn settle(&mut self, result: Result<(), rustls::Error>, below: &mut impl Below) -> io::Result<()> {
        let Err(error) = result else { return Ok(()) };
        // The alert that names the reason goes out, if the socket has room.
        let _ = self.outgoing.flush(below);
        let (exit, text) = failure_of(&error, self.options);
        Err(self.fail(exit, &text))
    }

    fn fail(&mut self, exit: Exit, text: &str) -> io::Error {
        self.failure.get_or_insert_with(|| (exit, text.to_owned()));
        io::Error::other(Error::new(exit, text))
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            Some((exit, text)) => Err(io::Error::other(Error::new(*exit, text))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
