//! Datagrams as a stream, as `nc -u` has them: what is read from stdin at once is one datagram.

use std::collections::VecDeque;
use std::io;

use crate::net::stream::{SocketState, Stream};
use crate::net::udp::{DatagramSocket, Dropped, Peer, ReceiveBuffer};
use crate::proto::relay::half_close_timer::Delivery;

/// The most bytes of a datagram that is sent: the size of nc's buffer.
const MAX_SENT_BYTES: usize = 16 << 10;

/// A peer that sends and receives datagrams.
pub(super) struct DatagramPeer {
    socket: DatagramSocket,
    /// Where datagrams are sent; `None`: nowhere.
    peer: Option<Peer>,
    /// Datagrams of everybody are read, not only those of the peer.
    hears_all: bool,
    buffer: ReceiveBuffer,
    received: VecDeque<Vec<u8>>,
}

impl DatagramPeer {
    /// The peer of a socket that is connected to it; without a peer datagrams are only received.
    pub(super) fn new(socket: DatagramSocket, peer: Option<Peer>) -> DatagramPeer {
        let hears_all = peer.is_none();
        DatagramPeer { socket, peer, hears_all, buffer: ReceiveBuffer::default(), received: VecDeque::new() }
    }

    /// The same, whose datagrams are answered from other addresses: a group, or a network.
    #[must_use]
    pub(super) fn hearing_all(self, hears_all: bool) -> DatagramPeer {
        DatagramPeer { hears_all: self.hears_all || hears_all, ..self }
    }

    /// Adds datagrams that were received before.
    #[must_use]
    pub(super) fn after(self, received: VecDeque<Vec<u8>>) -> DatagramPeer {
        DatagramPeer { received, ..self }
    }

    /// The socket.
    pub(super) fn socket(&self) -> &DatagramSocket {
        &self.socket
    }

    /// Receives what is there. Datagrams of others, sent before the socket was connected, are not for this session; empty
    /// ones are not an end.
    fn receive(&mut self) -> io::Result<()> {
        let (peer, hears_all, received) = (&self.peer, self.hears_all, &mut self.received);
        self.socket.receive(&mut self.buffer, |datagram| {
            let is_foreign =
                matches!((peer, &datagram.peer), (Some(peer @ Peer::Ip(_)), from) if peer != from);
            if (hears_all || !is_foreign) && !datagram.payload.is_empty() {
                received.push_back(datagram.payload.to_vec());
            }
        })
    }
}

impl Stream for DatagramPeer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.received.is_empty() {
            self.receive()?;
        }
        let Some(mut datagram) = self.received.pop_front() else { return Ok(0) };
        let count = datagram.len().min(buffer.len());
        buffer[..count].copy_from_slice(&datagram[..count]);
        if count < datagram.len() {
            self.received.push_front(datagram.split_off(count));
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(peer) = &self.peer else { return Err(io::ErrorKind::NotConnected.into()) };
        let datagram = &bytes[..bytes.len().min(MAX_SENT_BYTES)];
        self.socket.send(peer, datagram, None)?;
        Ok(datagram.len())
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SocketState for DatagramPeer {
    fn take_error(&mut self) -> io::Result<()> {
        self.socket.take_error()
    }

    fn has_hung_up(&self) -> bool {
        false
    }

    fn reset_on_close(&mut self, _reset: bool) -> io::Result<()> {
        Ok(())
    }

    /// True unless a loss is known: nobody acknowledges a datagram.
    fn is_acknowledged(&mut self) -> io::Result<bool> {
        self.socket.take_error()?;
        match self.socket.dropped() {
            Some(Dropped { count, .. }) if count > 0 => {
                let text = format!("{count} datagrams were dropped by the system: stdout was too slow");
                Err(io::Error::other(text))
            }
            _ => Ok(true),
        }
    }

    fn delivery(&self) -> Option<Delivery> {
        None
    }

    fn pace(&mut self, _bytes_per_second: u64) -> io::Result<bool> {
        Ok(false)
    }
}

crate::without!([] DatagramPeer; KernelEnds Timed RelayHints);
