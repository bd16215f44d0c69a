//! `connect --tls` and `serve --tls`.

mod ends;
mod options;
mod peers;
mod server;
mod servers;
mod trust;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::harness::identity::IdentityFiles;
use crate::harness::{LIMIT, wait_for_fd};

/// A server of the test, of which each byte that it receives is kept.
struct TestServer {
    listener: TcpListener,
    address: String,
    config: Arc<ServerConfig>,
}

/// One of its connections.
struct TestLink {
    tls: ServerConnection,
    socket: Recorder,
}

struct Recorder {
    tcp: TcpStream,
    received: Vec<u8>,
}

impl Read for Recorder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.tcp.read(buffer)?;
        self.received.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl TestServer {
    fn new(certificate: &Path, key: &Path) -> TestServer {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).expect("a file").collect();
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain.expect("certificates"), key)
            .expect("a key of the certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        TestServer { listener, address, config: Arc::new(config) }
    }

    fn of(identity: &IdentityFiles) -> TestServer {
        TestServer::new(identity.certificate.as_ref(), identity.key.as_ref())
    }

    /// The next connection, before its handshake.
    fn accept(&self) -> TestLink {
        use std::os::fd::AsFd as _;
        assert!(wait_for_fd(self.listener.as_fd(), PollFlags::IN, LIMIT), "no client");
        let (tcp, _) = self.listener.accept().expect("a client");
        tcp.set_read_timeout(Some(LIMIT)).expect("a limit");
        tcp.set_write_timeout(Some(LIMIT)).expect("a limit");
        let tls = ServerConnection::new(Arc::clone(&self.config)).expect("a connection");
        TestLink { tls, socket: Recorder { tcp, received: Vec::new() } }
    }
}

impl TestLink {
    /// The whole handshake.
    fn handshake(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.tls.complete_io(&mut self.socket)?;
        }
        self.flush();
        Ok(())
    }

    fn flush(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket).expect("written");
        }
    }

    fn stream(&mut self) -> rustls::Stream<'_, ServerConnection, Recorder> {
        rustls::Stream::new(&mut self.tls, &mut self.socket)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).expect("written");
        self.flush();
    }

    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        self.stream().read_exact(&mut got).expect("read");
        assert!(got == bytes, "other bytes");
    }

    /// Reads until `close_notify`.
    #[track_caller]
    fn expect_all(&mut self, bytes: &[u8]) {
        let mut got = Vec::new();
        self.stream().read_to_end(&mut got).expect("an end in order");
        assert!(got == bytes, "{} bytes where {} were due", got.len(), bytes.len());
    }

    /// Sends `close_notify`.
    fn close(&mut self) {
        self.tls.send_close_notify();
        self.flush();
    }

    /// The socket's end.
    fn end(&self) {
        self.socket.tcp.shutdown(Shutdown::Write).expect("an end");
    }

    /// The records that came in, as their types and lengths.
    fn records(&self) -> Vec<(u8, usize)> {
        let mut rest = &self.socket.received[..];
        let mut records = Vec::new();
        while let [kind, _, _, high, low, body @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            records.push((*kind, length));
            rest = body.get(length..).unwrap_or_default();
        }
        records
    }
}
