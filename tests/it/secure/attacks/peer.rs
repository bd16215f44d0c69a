//! TLS and admission as anybody can speak them: ends that do what the test likes, and keep all that was said to them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use rustls::{DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use sendall::net::tls::certificate::{certified_key, pin_of};
use sendall::net::tls::key::Key;
use sendall::proto::secure::pin::Pin;
use sendall::proto::secure::{ALPN, AUTH_EXPORTER, Channel, SESSION_EXPORTER};
use socket2::{Domain, Socket, Type};
use zeroize::Zeroizing;

use crate::harness::{LIMIT, wait_for_fd};

/// A server that is not the one which is meant.
pub(super) struct Impostor {
    listener: TcpListener,
    pub(super) address: String,
    config: Arc<ServerConfig>,
    /// Its key.
    pub(super) pin: Pin,
}

/// An end of a TLS connection.
pub(super) struct Peer {
    tls: Connection,
    pub(super) socket: TcpStream,
    /// All that was decrypted.
    pub(super) heard: Vec<u8>,
    /// How much of it the test has taken.
    taken: usize,
}

impl Impostor {
    pub(super) fn new() -> Impostor {
        Impostor::with(&TLS13, &[ALPN])
    }

    /// One that speaks this version of TLS, with these protocols inside.
    pub(super) fn with(version: &'static SupportedProtocolVersion, protocols: &[&[u8]]) -> Impostor {
        let key = Key::generate().expect("a key");
        let certified = certified_key(&key, &[]).expect("a certificate");
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.send_tls13_tickets = 0;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        Impostor { listener, address, config: Arc::new(config), pin: key.pin() }
    }

    /// Accepts a client, whose first bytes are still to come.
    #[track_caller]
    pub(super) fn accept_raw(&self) -> TcpStream {
        assert!(wait_for_fd(self.listener.as_fd(), PollFlags::IN, LIMIT), "no client");
        let (socket, _) = self.listener.accept().expect("a client");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        socket.set_nodelay(true).expect("an option");
        socket
    }

    /// Accepts a client, and does the handshake as far as it goes.
    #[track_caller]
    pub(super) fn accept(&self) -> Peer {
        self.accept_as(self)
    }

    /// The same with the key of another one.
    #[track_caller]
    pub(super) fn accept_as(&self, other: &Impostor) -> Peer {
        let tls = ServerConnection::new(Arc::clone(&other.config)).expect("a connection");
        let mut peer = Peer { tls: tls.into(), socket: self.accept_raw(), heard: Vec::new(), taken: 0 };
        peer.handshake();
        peer
    }

    /// True if a client waits.
    pub(super) fn has_client(&self) -> bool {
        wait_for_fd(self.listener.as_fd(), PollFlags::IN, std::time::Duration::ZERO)
    }
}

/// A connection to a server from an address of this machine's own.
pub(super) fn connect_from(host: u8, address: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, host], 0)).into()).expect("an address");
    let to: SocketAddr = address.parse().expect("an address");
    socket.connect(&to.into()).expect("a connection");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.set_nodelay(true).expect("an option");
    stream
}

impl Peer {
    /// A client of a server, with a key or without one. It trusts anybody.
    pub(super) fn connect(address: &str, key: Option<&Key>) -> Peer {
        Peer::over(connect_from(1, address), key)
    }

    /// The same over this connection.
    pub(super) fn over(socket: TcpStream, key: Option<&Key>) -> Peer {
        Peer::with(socket, key, &TLS13, &[ALPN])
    }

    /// The same with another version of TLS, and other protocols inside.
    pub(super) fn with(
        socket: TcpStream,
        key: Option<&Key>,
        version: &'static SupportedProtocolVersion,
        protocols: &[&[u8]],
    ) -> Peer {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody));
        let mut config = match key {
            None => builder.with_no_client_auth(),
            Some(key) => {
                let certified = certified_key(key, &[]).expect("a certificate");
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a connection");
        let mut peer = Peer { tls: tls.into(), socket, heard: Vec::new(), taken: 0 };
        peer.handshake();
        peer
    }

    fn handshake(&mut self) {
        while self.tls.is_handshaking() && self.tls.complete_io(&mut self.socket).is_ok() {}
        self.flush();
    }

    /// True if both have keys.
    pub(super) fn is_joined(&self) -> bool {
        !self.tls.is_handshaking()
    }

    fn flush(&mut self) -> bool {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.socket).is_err() {
                return false;
            }
        }
        true
    }

    /// The facts that admission is bound to.
    pub(super) fn channel(&self) -> Channel {
        let auth = self.tls.export_keying_material([0; 32], AUTH_EXPORTER, Some(b"")).expect("an exporter");
        let session =
            self.tls.export_keying_material([0; 64], SESSION_EXPORTER, Some(b"")).expect("an exporter");
        let peer =
            self.tls.peer_certificates().and_then(|chain: &[CertificateDer<'_>]| pin_of(chain.first()?));
        Channel { auth, session: Zeroizing::new(session), peer }
    }

    /// Sends. The other side may have gone.
    pub(super) fn say(&mut self, bytes: &[u8]) -> bool {
        // No more than its buffer takes.
        bytes.chunks(16 << 10).all(|piece| self.tls.writer().write_all(piece).is_ok() && self.flush())
    }

    /// True if the other side has ended the connection. A write after its end succeeds until its reset has come.
    pub(super) fn has_gone(&self) -> bool {
        match self.socket.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Decrypts what comes. False: there is no more.
    fn pull(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.tls.reader().read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.heard.extend_from_slice(&buffer[..count]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
            let is_over = !matches!(self.tls.read_tls(&mut self.socket), Ok(1..));
            if is_over || self.tls.process_new_packets().is_err() {
                return false;
            }
            self.flush();
        }
    }

    /// The next `count` bytes, or those that came before the end.
    pub(super) fn hear(&mut self, count: usize) -> Vec<u8> {
        while self.heard.len() < self.taken + count && self.pull() {}
        let end = self.heard.len().min(self.taken + count);
        let bytes = self.heard[self.taken..end].to_vec();
        self.taken = end;
        bytes
    }

    /// All that comes.
    pub(super) fn hear_all(&mut self) -> Vec<u8> {
        while self.pull() {}
        let bytes = self.heard[self.taken..].to_vec();
        self.taken = self.heard.len();
        bytes
    }

    /// A message of admission, or what came of it.
    pub(super) fn hear_message(&mut self) -> Vec<u8> {
        let mut message = self.hear(4);
        if let [_, _, high, low] = message[..] {
            message.extend(self.hear(usize::from(u16::from_be_bytes([high, low]))));
        }
        message
    }

    /// Changes our key, and asks the other side to do the same (KeyUpdate). False if it has gone.
    pub(super) fn renew_keys(&mut self) -> bool {
        self.tls.refresh_traffic_keys().is_ok() && self.flush()
    }

    /// Ends our direction in order.
    pub(super) fn close(&mut self) {
        self.tls.send_close_notify();
        self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Resets the connection.
    pub(super) fn reset(self) {
        let linger = Some(std::time::Duration::ZERO);
        socket2::SockRef::from(&self.socket).set_linger(linger).expect("an option");
    }
}

/// Trusts each server.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
