//! The client's side of protocols that begin in the clear and change to TLS: what is said before the TLS handshake.
//!
//! A server says nothing between its consent and the TLS handshake of its client. What comes all the same was put there by
//! somebody in between, to be taken for a part of the encrypted stream (CVE-2011-0411, CVE-2021-23222): it is refused.
//! A server that does not offer TLS, or refuses it, is refused as well: nothing is sent in the clear instead.

mod ldap;
mod lines;
mod xmpp;

use std::fmt::{self, Display, Formatter};

use self::ldap::ExtendedResponse;
use self::lines::{Dialogue, Lines};
use self::xmpp::Streams;
use crate::proto::handshake::Handshake;

/// Bytes that are read at a time.
const PIECE_BYTES: usize = 512;
/// The most that a server may say before TLS.
const MAX_BYTES: usize = 64 << 10;

/// A protocol with its own way to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTlsProtocol {
    /// Submission of mail (RFC 3207).
    Smtp,
    /// Mailboxes (RFC 9051, 6.2.1).
    Imap,
    /// Mailboxes (RFC 2595, 4).
    Pop3,
    /// Directories (RFC 4511, 4.14).
    Ldap,
    /// PostgreSQL (its manual, "Message Flow", SSL Session Encryption).
    Postgres,
    /// Messages, as a client sends them (RFC 6120, 5).
    Xmpp,
}

impl StartTlsProtocol {
    /// All of them.
    pub const ALL: [StartTlsProtocol; 6] = [
        StartTlsProtocol::Smtp,
        StartTlsProtocol::Imap,
        StartTlsProtocol::Pop3,
        StartTlsProtocol::Ldap,
        StartTlsProtocol::Postgres,
        StartTlsProtocol::Xmpp,
    ];
}

impl Display for StartTlsProtocol {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartTlsProtocol::Smtp => "SMTP",
            StartTlsProtocol::Imap => "IMAP",
            StartTlsProtocol::Pop3 => "POP3",
            StartTlsProtocol::Ldap => "LDAP",
            StartTlsProtocol::Postgres => "PostgreSQL",
            StartTlsProtocol::Xmpp => "XMPP",
        })
    }
}

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartTlsFault {
    /// The server speaks something else.
    NotSpoken,
    /// The server says too much.
    Endless,
    /// TLS is not among what the server offers.
    NotOffered,
    /// The server refuses, in its own words.
    Refused(String),
    /// There are bytes after the server's consent.
    Injected,
}

impl Display for StartTlsFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            StartTlsFault::NotSpoken => f.write_str("the server does not speak this protocol"),
            StartTlsFault::Endless => f.write_str("the server says too much before TLS"),
            StartTlsFault::NotOffered => {
                f.write_str("the server does not offer TLS, or somebody in between has taken the offer out")
            }
            StartTlsFault::Refused(words) => write!(f, "the server refuses TLS: {words}"),
            StartTlsFault::Injected => f.write_str(
                "there are bytes between the server's consent and TLS: somebody in between put them there",
            ),
        }
    }
}

/// The dialogue before the TLS handshake of one connection.
///
/// It takes whatever has come, also what stands after the dialogue: that is a fault, and never a part of the stream.
pub struct StartTls {
    machine: Machine,
    /// Bytes that are not understood yet.
    received: Vec<u8>,
    received_bytes: usize,
    outgoing: Vec<u8>,
    is_over: bool,
}

enum Machine {
    Lines(Lines),
    Ldap,
    Postgres,
    Xmpp(Streams),
}

/// How far a machine has got.
enum Progress {
    /// It needs more bytes.
    More,
    /// It has used this many, and says this.
    Used(usize, Vec<u8>),
    /// It has used this many, with the server's consent at their end.
    Consent(usize),
}

impl StartTls {
    /// The dialogue of `protocol` with a server that is called `host`.
    pub fn new(protocol: StartTlsProtocol, host: &str) -> StartTls {
        let (machine, outgoing) = match protocol {
            StartTlsProtocol::Smtp => (Machine::Lines(Lines::new(Dialogue::Smtp)), Vec::new()),
            StartTlsProtocol::Imap => (Machine::Lines(Lines::new(Dialogue::Imap)), Vec::new()),
            StartTlsProtocol::Pop3 => (Machine::Lines(Lines::new(Dialogue::Pop3)), Vec::new()),
            StartTlsProtocol::Ldap => (Machine::Ldap, ldap::REQUEST.to_vec()),
            StartTlsProtocol::Postgres => (Machine::Postgres, SSL_REQUEST.to_vec()),
            StartTlsProtocol::Xmpp => (Machine::Xmpp(Streams::default()), xmpp::opening(host)),
        };
        StartTls { machine, received: Vec::new(), received_bytes: 0, outgoing, is_over: false }
    }

    fn advance(&mut self) -> Result<(), StartTlsFault> {
        loop {
            let progress = match &mut self.machine {
                Machine::Lines(lines) => lines.take(&self.received)?,
                Machine::Ldap => match ldap::parse(&self.received)? {
                    Some((ExtendedResponse::Success, used)) => Progress::Consent(used),
                    Some((ExtendedResponse::Refused(words), _)) => return Err(StartTlsFault::Refused(words)),
                    None => Progress::More,
                },
                Machine::Postgres => match self.received.first() {
                    Some(b'S') => Progress::Consent(1),
                    Some(b'N') => return Err(StartTlsFault::Refused("it has no TLS".into())),
                    Some(_) => return Err(StartTlsFault::NotSpoken),
                    None => Progress::More,
                },
                Machine::Xmpp(streams) => streams.take(&self.received)?,
            };
            match progress {
                Progress::More if self.received_bytes >= MAX_BYTES => return Err(StartTlsFault::Endless),
                Progress::More => return Ok(()),
                Progress::Used(used, said) => {
                    self.received.drain(..used);
                    self.outgoing.extend(said);
                }
                Progress::Consent(used) if used < self.received.len() => return Err(StartTlsFault::Injected),
                Progress::Consent(_) => {
                    self.received = Vec::new();
                    self.is_over = true;
                    return Ok(());
                }
            }
        }
    }
}

/// `SSLRequest`: a length of 8 and the code 80877103 (PostgreSQL, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

impl Handshake for StartTls {
    type Error = StartTlsFault;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        if self.is_over { 0 } else { PIECE_BYTES }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), StartTlsFault> {
        self.received_bytes += piece.len();
        self.received.extend_from_slice(piece);
        self.advance()
    }
}

#[cfg(test)]
mod tests;
