//! A TCP connection with TLS on it.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::TcpStream;

use super::layer::{Below, Layer};
use crate::net::reactor::Readiness;
use crate::net::stream::{receive, send};

/// A connected TCP socket and the TLS layer on it. The handshake may still be to come.
pub struct TlsSocket {
    tcp: TcpStream,
    layer: Layer,
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
        TlsSocket { tcp, layer }
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

    /// See [`Layer::finish_writing`].
    pub(crate) fn finish_writing(&mut self, readiness: &Readiness) -> io::Result<()> {
        self.layer.finish_writing(&mut Raw { tcp: &self.tcp, readiness })
    }

    /// See [`Layer::try_flush`].
    pub(crate) fn try_flush(&mut self, readiness: &Readiness) -> io::Result<bool> {
        self.layer.try_flush(&mut Raw { tcp: &self.tcp, readiness })
    }
}

impl AsFd for TlsSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}
