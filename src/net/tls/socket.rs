//! A TCP connection with TLS on it.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::TcpStream;

use super::buffers::Below;
use super::layer::Layer;
use crate::net::acknowledged::delivery;
use crate::net::raw::{receive, send};
use crate::net::reactor::Readiness;

/// A connected TCP socket and the TLS layer on it. The handshake may still be to come.
pub struct TlsSocket {
    tcp: TcpStream,
    layer: Layer,
    /// The peer has ended, and its system had acknowledged all that was sent before our end: see
    /// [`TlsSocket::finish_writing`].
    may_reject_our_end: bool,
}

/// The socket of one call.
struct Raw<'a> {
    tcp: &'a TcpStream,
    readiness: &'a Readiness,
}

impl Below for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        receive(self.tcp.as_fd(), self.readiness, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        send(self.tcp.as_fd(), self.readiness, bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Write)
    }
}

impl TlsSocket {
    pub(crate) fn new(tcp: TcpStream, layer: Layer) -> TlsSocket {
        TlsSocket { tcp, layer, may_reject_our_end: false }
    }

    /// The socket below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The same, to register it.
    pub(crate) fn tcp_mut(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// The layer above.
    pub(crate) fn layer(&self) -> &Layer {
        &self.layer
    }

    /// See [`Layer::handshake`].
    pub(crate) fn handshake(&mut self, readiness: &Readiness) -> io::Result<bool> {
        self.layer.handshake(&mut Raw { tcp: &self.tcp, readiness })
    }

    /// See [`Layer::read`].
    pub(crate) fn read(&mut self, buffer: &mut [u8], readiness: &Readiness) -> io::Result<usize> {
        self.layer.read(buffer, &mut Raw { tcp: &self.tcp, readiness })
    }

    /// See [`Layer::write`].
    pub(crate) fn write(&mut self, bytes: &[u8], readiness: &Readiness) -> io::Result<usize> {
        self.layer.write(bytes, &mut Raw { tcp: &self.tcp, readiness })
    }

    /// See [`Layer::finish_writing`]. A peer that has closed its socket after its own end answers our `close_notify` with a
    /// reset: no failure, if its system had acknowledged all that came before.
    pub(crate) fn finish_writing(&mut self, readiness: &Readiness) -> io::Result<()> {
        // A reset before our end says that the peer has not read all of it.
        self.take_error()?;
        let has_everything = || delivery(self.tcp.as_fd()).is_some_and(|delivery| !delivery.is_pending);
        self.may_reject_our_end |= self.layer.has_peer_ended() && self.layer.is_flushed() && has_everything();
        let result = self.layer.finish_writing(&mut Raw { tcp: &self.tcp, readiness });
        self.unless_rejected(result, ())
    }

    /// See [`Layer::try_flush`].
    pub(crate) fn try_flush(&mut self, readiness: &Readiness) -> io::Result<bool> {
        let result = self.layer.try_flush(&mut Raw { tcp: &self.tcp, readiness });
        self.unless_rejected(result, true)
    }

    /// See [`SocketState::take_error`](crate::net::stream::SocketState::take_error).
    pub(crate) fn take_error(&self) -> io::Result<()> {
        let result = self.tcp.take_error().and_then(|error| error.map_or(Ok(()), Err));
        self.unless_rejected(result, ())
    }

    fn unless_rejected<T>(&self, result: io::Result<T>, value: T) -> io::Result<T> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
        match result {
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected) => {
                if self.may_reject_our_end { Ok(value) } else { Err(error) }
            }
            result => result,
        }
    }
}

impl AsFd for TlsSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}
