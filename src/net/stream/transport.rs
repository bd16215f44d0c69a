//! A connected stream socket as a stream.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::PollFlags;

use super::{
    FdKind, Handover, KernelEnd, KernelEnds, RelayHints, Socket, SocketState, Stream, Timed, would_block,
};
use crate::error::Error;
use crate::net::endpoint::PeerName;
use crate::net::options::{InForce, SocketOptions};
use crate::net::raw::{peek, receive, send};
use crate::net::reactor::{IoHandle, Readiness};
use crate::net::tls::layer::Layer;
use crate::net::uninterrupted;
use crate::proto::relay::half_close_timer::Delivery;

/// The peer's first bytes, if they are not for the reader: the answer to what was sent without waiting for it.
pub(crate) trait Opening {
    /// How many more bytes surely belong to it. 0: it is over.
    ///
    /// # Errors
    /// It has failed: nothing may be read any more.
    fn wanted(&self) -> Result<usize, Error>;

    /// Takes a piece of at most that length.
    fn take(&mut self, piece: &[u8]);

    /// The failure of a peer that ends before it is over.
    fn ended(&self) -> Error;
}

/// The longest piece of an [`Opening`], in bytes.
const PIECE_BYTES: usize = 512;

/// A connected TCP or Unix stream socket, registered with a reactor.
pub struct Transport {
    socket: Socket,
    readiness: Readiness,
    /// How many of the first bytes to be written the kernel has already (TCP Fast Open, RFC 7413).
    sent_bytes: usize,
    /// Comes before what is read.
    opening: Option<Box<dyn Opening + Send>>,
}

impl Socket {
    /// Registers the socket of a client, with these options.
    ///
    /// # Errors
    /// Of an option that the kernel refuses, by name; of registering.
    pub fn register_with(self, options: &SocketOptions, io: &IoHandle) -> io::Result<Transport> {
        options.apply(self.as_fd())?;
        self.enroll(io)
    }

    /// Registers the socket as it is.
    pub(crate) fn enroll(mut self, io: &IoHandle) -> io::Result<Transport> {
        let readiness = match &mut self {
            Socket::Tcp(tcp) => io.register(tcp)?,
            Socket::Unix(unix) => io.register(unix)?,
            Socket::Packet(packet) => io.register(packet.socket())?,
            Socket::Tls(tls) => io.register(tls.tcp_mut())?,
            Socket::Vsock(vsock) => io.register(vsock)?,
            Socket::Line(line) => line.register(io)?,
        };
        Ok(Transport { socket: self, readiness, sent_bytes: 0, opening: None })
    }
}

impl Transport {
    /// The kernel has sent this many of the first bytes already: writing them only counts.
    pub(in crate::net) fn with_sent_bytes(self, sent_bytes: usize) -> Transport {
        Transport { sent_bytes, ..self }
    }

    /// The peer's first bytes are for `opening`. Its failure is that of the first read.
    pub(crate) fn with_opening(self, opening: Box<dyn Opening + Send>) -> Transport {
        Transport { opening: Some(opening), ..self }
    }

    /// Reads what is for the opening.
    fn read_opening(&mut self, opening: &mut dyn Opening) -> io::Result<()> {
        let mut piece = [0; PIECE_BYTES];
        loop {
            let wanted = opening.wanted().map_err(io::Error::other)?.min(PIECE_BYTES);
            if wanted == 0 {
                return Ok(());
            }
            match self.read(&mut piece[..wanted])? {
                0 => return Err(io::Error::other(opening.ended())),
                count => opening.take(&piece[..count]),
            }
        }
    }

    /// True once a connection that was started is there; an error if it failed.
    pub(crate) fn is_connected(&mut self) -> io::Result<bool> {
        if !matches!(self.socket, Socket::Line(_)) && !self.readiness.is_writable() {
            return Ok(false);
        }
        self.take_error()?;
        let Some(tcp) = self.socket.tcp() else { return Ok(true) };
        match tcp.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// From now on the end of what is written ends a serial line, which has no other end.
    pub(crate) fn end_with_input(&mut self) {
        if let Socket::Line(line) = &mut self.socket {
            line.end_with_input();
        }
    }

    /// The peer's address.
    pub fn peer_name(&self) -> PeerName {
        self.socket.peer_name()
    }

    /// The address on this side.
    pub fn local_name(&self) -> PeerName {
        self.socket.local_name()
    }

    /// The socket's options: asked for when it is shown.
    pub fn options_in_force(&self) -> InForce<'_> {
        InForce(self.socket.as_fd())
    }

    /// The connection, for another session of the same reactor. Readiness of unread bytes will come again.
    pub fn into_socket(self) -> io::Result<Socket> {
        let Transport { mut socket, readiness, .. } = self;
        match &mut socket {
            Socket::Tcp(tcp) => readiness.release(tcp)?,
            Socket::Unix(unix) => readiness.release(unix)?,
            Socket::Packet(packet) => readiness.release(packet.socket())?,
            Socket::Tls(tls) => readiness.release(tls.tcp_mut())?,
            Socket::Vsock(vsock) => readiness.release(vsock)?,
            Socket::Line(line) => line.release(readiness)?,
        }
        Ok(socket)
    }

    /// The last read left room in its buffer, and the caller needs no more for now. True if readiness will come with
    /// the next bytes: then no read has to meet `WouldBlock` first.
    pub(crate) fn drained(&self) -> bool {
        // A record may wait above the socket.
        if self.socket.tls().is_some() {
            return false;
        }
        // epoll(7): a short read of a stream shows that there was no more; what comes later is a new event. An end
        // that came before the read is none.
        self.readiness.clear_drained()
    }

    /// Hands to the kernel what waits above it, as far as there is room. Returns how many bytes still wait.
    pub(crate) fn flush(&mut self) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Tls(tls) => {
                tls.try_flush(&self.readiness)?;
                Ok(tls.layer().unflushed_bytes())
            }
            Socket::Tcp(_) | Socket::Unix(_) | Socket::Packet(_) | Socket::Vsock(_) | Socket::Line(_) => {
                Ok(0)
            }
        }
    }

    /// The TLS layer, if there is one.
    pub(crate) fn tls(&self) -> Option<&Layer> {
        self.socket.tls()
    }

    /// See [`Socket::with_tls`].
    pub(crate) fn with_tls(self, layer: Layer) -> io::Result<Transport> {
        Ok(Transport { socket: self.socket.with_tls(layer)?, ..self })
    }

    /// The first byte that was received and not read, which stays unread. None: nothing has come yet.
    pub(crate) fn peek(&self) -> io::Result<Option<u8>> {
        peek(self.socket.as_fd())
    }

    /// Advances the TLS handshake. True once it is complete, or if there is no TLS.
    ///
    /// # Errors
    /// See [`Layer::handshake`].
    pub(crate) fn handshake(&mut self) -> io::Result<bool> {
        match &mut self.socket {
            Socket::Tls(tls) => tls.handshake(&self.readiness),
            Socket::Tcp(_) | Socket::Unix(_) | Socket::Packet(_) | Socket::Vsock(_) | Socket::Line(_) => {
                Ok(true)
            }
        }
    }

    /// The descriptor, if the kernel can move its bytes: not with TLS.
    fn end(&self) -> Option<KernelEnd<'_>> {
        let kind = match &self.socket {
            Socket::Tcp(_) | Socket::Unix(_) => FdKind::Socket,
            Socket::Packet(_) | Socket::Vsock(_) => FdKind::Other,
            Socket::Tls(_) | Socket::Line(_) => return None,
        };
        Some(KernelEnd { fd: self.socket.as_fd(), kind, readiness: &self.readiness })
    }
}

impl Stream for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(mut opening) = self.opening.take()
            && let Err(error) = self.read_opening(&mut *opening)
        {
            self.opening = Some(opening);
            return Err(error);
        }
        let packet = match &mut self.socket {
            Socket::Tcp(_) | Socket::Unix(_) | Socket::Vsock(_) => {
                return receive(self.socket.as_fd(), &self.readiness, buffer);
            }
            Socket::Tls(tls) => return tls.read(buffer, &self.readiness),
            Socket::Line(line) => return line.read(buffer, &self.readiness),
            Socket::Packet(packet) => packet,
        };
        if !self.readiness.is_readable() && !packet.has_held() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| packet.read(buffer));
        if would_block(&result) {
            self.readiness.clear_readable();
        }
        result
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.sent_bytes > 0 {
            let count = bytes.len().min(self.sent_bytes);
            self.sent_bytes -= count;
            return Ok(count);
        }
        let packet = match &mut self.socket {
            Socket::Tcp(_) | Socket::Unix(_) | Socket::Vsock(_) => {
                return send(self.socket.as_fd(), &self.readiness, bytes);
            }
            Socket::Tls(tls) => return tls.write(bytes, &self.readiness),
            Socket::Line(line) => return line.write(bytes, &self.readiness),
            Socket::Packet(packet) => packet,
        };
        if !self.readiness.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| packet.write(bytes));
        if would_block(&result) {
            self.readiness.clear_writable();
        }
        result
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Socket::Unix(unix) | Socket::Vsock(unix) => unix.shutdown(Shutdown::Write),
            Socket::Packet(packet) => packet.get_ref().shutdown(Shutdown::Write),
            Socket::Tls(tls) => tls.finish_writing(&self.readiness),
            Socket::Line(line) => {
                line.finish_writing();
                Ok(())
            }
        }
    }
}

impl Handover for Transport {
    fn into_socket(self) -> io::Result<Socket> {
        Transport::into_socket(self)
    }
}

impl SocketState for Transport {
    fn take_error(&mut self) -> io::Result<()> {
        let error = match &self.socket {
            Socket::Tcp(tcp) => tcp.take_error()?,
            Socket::Unix(unix) => unix.take_error()?,
            Socket::Vsock(vsock) => vsock.take_error()?.map(crate::net::vsock::explained),
            Socket::Line(_) => None,
            Socket::Packet(packet) => packet.get_ref().take_error()?,
            Socket::Tls(tls) => return tls.take_error(),
        };
        error.map_or(Ok(()), Err)
    }

    fn has_hung_up(&self) -> bool {
        match &self.socket {
            Socket::Tcp(_) | Socket::Tls(_) => false,
            // poll(2): POLLHUP and POLLERR need not be asked for. After a half-close the first is not set.
            socket => crate::net::poll::is_ready(socket.as_fd(), PollFlags::empty()),
        }
    }

    fn reset_on_close(&mut self, reset: bool) -> io::Result<()> {
        self.socket.reset_on_close(reset)
    }

    fn is_acknowledged(&mut self) -> io::Result<bool> {
        // A TCP socket loses its peer's name when both ends have been seen and acknowledged. While the peer
        // still sends, the socket's state shows whether our end was acknowledged: FIN_WAIT2.
        if let Socket::Tls(tls) = &mut self.socket
            && !tls.try_flush(&self.readiness)?
        {
            return Ok(false);
        }
        if let Socket::Line(line) = &mut self.socket {
            return line.is_delivered();
        }
        let acknowledged = self.socket.tcp().is_none_or(|tcp| {
            tcp.peer_addr().is_err_and(|error| error.kind() == io::ErrorKind::NotConnected)
                || crate::net::acknowledged::is_half_closed(tcp.as_fd())
        });
        // Asked last: a reset takes the peer's name away too, and may come between the two questions.
        self.take_error()?;
        Ok(acknowledged)
    }

    fn delivery(&self) -> Option<Delivery> {
        let delivery = crate::net::acknowledged::delivery(self.socket.tcp()?.as_fd())?;
        Some(match self.socket.tls() {
            // The kernel counts ciphertext.
            Some(layer) => Delivery {
                is_pending: delivery.is_pending || !layer.is_flushed(),
                acknowledged_bytes: None,
                ..delivery
            },
            None => delivery,
        })
    }

    fn pace(&mut self, bytes_per_second: u64) -> io::Result<bool> {
        self.socket.tcp().map_or(Ok(false), |tcp| crate::net::pacing::pace(tcp, bytes_per_second))
    }
}

impl Timed for Transport {
    fn tick(&mut self, _now: Instant) {
        // Ciphertext waits here for room, also while its session has nothing more to write and nothing to read.
        if let Socket::Tls(tls) = &mut self.socket {
            // The next write reports a failure.
            let _ = tls.try_flush(&self.readiness);
        }
    }

    fn wake_up(&self) -> Option<Instant> {
        None
    }
}

impl RelayHints for Transport {
    fn received_bytes(&self) -> Option<u64> {
        self.tls().map(Layer::received)
    }

    fn is_exhausted(&self) -> bool {
        false
    }

    fn survives_broken_pipe(&mut self) -> bool {
        false
    }
}

impl KernelEnds for Transport {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        self.end()
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        self.end().filter(|_| self.sent_bytes == 0)
    }
}
