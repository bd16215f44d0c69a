//! The test's own end of a connection, and how it is connected to the binary.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::harness::{A_WHILE, In, LIMIT, Out, Running, assert_same, sendall, wait_for_fd};

/// Which command is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Serve,
    Connect,
}

/// The kind of socket between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    Tcp,
    Unix,
}

/// A command, and the kind of socket between it and the test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) side: Side,
    pub(crate) net: Net,
}

/// All combinations.
pub(crate) const WAYS: [Way; 4] = [
    Way { side: Side::Serve, net: Net::Tcp },
    Way { side: Side::Connect, net: Net::Tcp },
    Way { side: Side::Serve, net: Net::Unix },
    Way { side: Side::Connect, net: Net::Unix },
];

impl Way {
    /// Starts the binary with these options, and connects the test to it.
    #[track_caller]
    pub(crate) fn open(self, options: &[&str], input: In, output: Out) -> (Running, Link) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("socket");
        let unix = format!("unix:{}", path.display());
        let (mut running, link) = match self.side {
            Side::Serve => {
                let endpoint = if self.net == Net::Tcp { "127.0.0.1:0" } else { &unix };
                let running = sendall(&[&["serve", endpoint], options].concat(), input, output);
                running.listening(1);
                let link = match self.net {
                    Net::Tcp => Link::connect(running.port()),
                    Net::Unix => Link::Unix(UnixStream::connect(&path).expect("a connection")),
                };
                (running, link)
            }
            Side::Connect => {
                let listener = TestListener::bind(self.net, path);
                let running = sendall(&[&["connect", &listener.name], options].concat(), input, output);
                let link =
                    listener.accept().unwrap_or_else(|| panic!("no client: {}", running.stderr.text()));
                (running, link)
            }
        };
        running.dir = Some(dir);
        link.limit_waits(LIMIT);
        (running, link)
    }
}

/// The test's own listener.
pub(crate) struct TestListener {
    kind: ListenerKind,
    pub(crate) name: String,
}

impl From<TcpListener> for TestListener {
    fn from(tcp: TcpListener) -> TestListener {
        let name = tcp.local_addr().expect("an address").to_string();
        TestListener { kind: ListenerKind::Tcp(tcp), name }
    }
}

enum ListenerKind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl TestListener {
    pub(crate) fn bind(net: Net, path: PathBuf) -> TestListener {
        match net {
            Net::Tcp => TcpListener::bind("127.0.0.1:0").expect("a port").into(),
            Net::Unix => {
                let name = format!("unix:{}", path.display());
                let unix = UnixListener::bind(path).expect("a socket");
                TestListener { kind: ListenerKind::Unix(unix), name }
            }
        }
    }

    /// True if a client is waiting to be accepted.
    pub(crate) fn has_client(&self) -> bool {
        let fd = match &self.kind {
            ListenerKind::Tcp(tcp) => tcp.as_fd(),
            ListenerKind::Unix(unix) => unix.as_fd(),
        };
        wait_for_fd(fd, PollFlags::IN, Duration::ZERO)
    }

    /// Accepts the next client, if one connects in time.
    pub(crate) fn accept(&self) -> Option<Link> {
        let link = match &self.kind {
            ListenerKind::Tcp(tcp) => {
                wait_for_fd(tcp.as_fd(), PollFlags::IN, LIMIT).then(|| tcp.accept().map(|c| Link::Tcp(c.0)))
            }
            ListenerKind::Unix(unix) => wait_for_fd(unix.as_fd(), PollFlags::IN, LIMIT)
                .then(|| unix.accept().map(|c| Link::Unix(c.0))),
        };
        link?.ok().inspect(|link| link.limit_waits(LIMIT))
    }
}

/// The test's own end of a connection.
pub(crate) enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection that its peer has reset. One that rejects a client may do so before the client's connect(2) returns,
/// which then takes the error: this one shows it at the next call, as if the client had been quicker.
fn just_reset() -> TcpStream {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let tcp = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (peer, _) = listener.accept().expect("a client");
    Link::Tcp(peer).reset();
    assert!(wait_for_fd(tcp.as_fd(), PollFlags::HUP, LIMIT), "a reset");
    tcp
}

impl Link {
    #[track_caller]
    pub(crate) fn connect(port: u16) -> Link {
        Link::from_address(([127, 0, 0, 1], port).into())
    }

    #[track_caller]
    pub(crate) fn from_address(address: SocketAddr) -> Link {
        let tcp = match TcpStream::connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => just_reset(),
            tcp => tcp.expect("a connection"),
        };
        let link = Link::Tcp(tcp);
        link.limit_waits(LIMIT);
        link
    }

    fn limit_waits(&self, limit: Duration) {
        let socket = socket2::SockRef::from(self);
        socket.set_read_timeout(Some(limit)).and(socket.set_write_timeout(Some(limit))).expect("time limits");
    }

    pub(crate) fn try_clone(&self) -> Link {
        match self {
            Link::Tcp(tcp) => Link::Tcp(tcp.try_clone().expect("a clone")),
            Link::Unix(unix) => Link::Unix(unix.try_clone().expect("a clone")),
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("the command takes it");
    }

    /// Half-closes: this end sends no more.
    #[track_caller]
    pub(crate) fn end(&self) {
        self.try_end().expect("a half-close");
    }

    /// As [`Link::end`], of a connection that may be gone already.
    pub(crate) fn try_end(&self) -> io::Result<()> {
        match self {
            Link::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Link::Unix(unix) => unix.shutdown(Shutdown::Write),
        }
    }

    /// Closes with a reset. A Unix socket does that only if something was not read.
    pub(crate) fn reset(self) {
        match &self {
            Link::Tcp(tcp) => socket2::SockRef::from(tcp).set_linger(Some(Duration::ZERO)).expect("linger"),
            Link::Unix(unix) => {
                assert!(wait_for_fd(unix.as_fd(), PollFlags::IN, LIMIT), "a Unix socket with nothing unread");
            }
        }
    }

    /// Reads exactly `expected`; the connection stays open.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        self.read_exact(&mut bytes).expect("bytes from the command");
        assert_same(&bytes, expected, "at the peer");
    }

    /// Reads exactly `expected`, then the end.
    #[track_caller]
    pub(crate) fn expect_all(&mut self, expected: &[u8]) {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).expect("bytes and the end from the command");
        assert_same(&bytes, expected, "at the peer");
    }

    /// Asserts that neither bytes nor an end arrive for a while.
    #[track_caller]
    pub(crate) fn assert_quiet(&self) {
        assert!(!wait_for_fd(self.as_fd(), PollFlags::IN, A_WHILE), "bytes or an end came");
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Link::Tcp(tcp) => tcp.as_fd(),
            Link::Unix(unix) => unix.as_fd(),
        }
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Link::Tcp(tcp) => tcp.read(buffer),
            Link::Unix(unix) => unix.read(buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Link::Tcp(tcp) => tcp.write(bytes),
            Link::Unix(unix) => unix.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
