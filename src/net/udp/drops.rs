//! The datagrams that the system has dropped at a socket, for other threads.

use std::sync::Arc;

use super::{DatagramSocket, SocketKind, ip};

impl DatagramSocket {
    /// A function that reads how many datagrams the system has dropped, from any thread. `None` once the socket is closed, or
    /// where the system does not count.
    pub fn drop_reader(&self) -> Box<dyn Fn() -> Option<u64> + Send> {
        let (fd, is_ip) = (Arc::downgrade(&self.fd), matches!(self.kind, SocketKind::Ip(_)));
        Box::new(move || ip::drops(&*fd.upgrade().filter(|_| is_ip)?))
    }
}
