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

#[cfg(all(test, target_os = "linux", not(sendall_portable)))]
mod tests {
    use crate::net::endpoint::{Endpoint, EndpointUse};
    use crate::net::reactor::{Context, Reactor, Session, Status};
    use crate::net::signals::Signals;
    use crate::net::udp::{Options, Peer, listen};

    struct Nothing;

    impl Session for Nothing {
        fn advance(&mut self, _: Context) -> Result<Status, crate::error::Error> {
            Ok(Status::Done)
        }
    }

    #[test]
    fn what_nobody_receives_is_dropped_and_counted_until_the_end() {
        let mut reactor = Reactor::new(&Signals::install(|_, _| {}).unwrap()).unwrap();
        let endpoint = Endpoint::parse("127.0.0.1:0", EndpointUse::Listen).unwrap();
        let options = Options { receive_queue_bytes: Some(4096), ..Options::default() };
        let added = reactor.add(|io| {
            let socket = listen(&endpoint, &options, &io)?.remove(0);
            let Peer::Ip(address) = socket.local_address().clone() else {
                panic!("{:?}", socket.local_address())
            };
            let read = socket.drop_reader();
            assert_eq!(read(), Some(0));
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            for _ in 0..20 {
                sender.send_to(&[0; 1000], address).unwrap();
            }
            let dropped = std::thread::spawn(move || (read(), read)).join().unwrap();
            assert!(matches!(dropped.0, Some(1..20)), "{:?}", dropped.0);
            drop(socket);
            assert_eq!((dropped.1)(), None);
            Ok(Nothing)
        });
        added.unwrap();
    }
}
