//! Tests of admission: both machines against each other, and against all that somebody in between may do.

mod arbitrary;
mod attacks;
mod code;
mod code_line;
mod cpace;
mod example;
mod guesses;
mod machines;
mod message;

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::account::CodeAccount;
use super::client::{ClientAdmission, Credential, NotTrusted};
use super::code::Code;
use super::guesses::Uses;
use super::pin::Pin;
use super::server::{Admitted, Policy, ServerAdmission, Status};
use super::session::SessionSecret;
use super::{Channel, Rights};
use crate::proto::SessionId;

const CODE: &str = "violin-acoustic-lunar";
const SERVER_KEY: Pin = Pin([0x55; 32]);
const CLIENT_KEY: Pin = Pin([0xCC; 32]);
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// The beginning of all times in a test.
#[allow(clippy::disallowed_methods)]
fn any_time() -> Instant {
    Instant::now()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("as many bytes")
}

/// Bytes that follow from a seed.
fn random(seed: u64) -> [u8; 64] {
    Sha512::digest(seed.to_be_bytes()).into()
}

fn code() -> Code {
    Code::parse(CODE).expect("a code")
}

/// One end of the TLS connection with a number.
fn end(connection: u64, peer: Option<Pin>) -> Channel {
    let secret = random(connection ^ 0xFFFF_0000);
    let auth = *secret.first_chunk().expect("32 bytes");
    Channel { auth, session: Zeroizing::new(random(connection ^ 0xEEEE_0000)), peer }
}

/// The client's end of a connection to the server.
fn client_end(connection: u64) -> Channel {
    end(connection, Some(SERVER_KEY))
}

/// The server's end of a connection of the client.
fn server_end(connection: u64) -> Channel {
    end(connection, Some(CLIENT_KEY))
}

#[derive(Default)]
struct Server {
    open: Option<Rights>,
    keys: BTreeMap<Pin, Rights>,
    sessions: BTreeMap<SessionId, SessionSecret>,
    code: Option<Arc<CodeAccount>>,
}

impl Server {
    fn with_code(uses: Uses) -> Server {
        Server { code: Some(CodeAccount::new(code(), Rights::STORE, uses)), ..Server::default() }
    }

    fn account(&self) -> &CodeAccount {
        self.code.as_ref().expect("a code")
    }
}

impl Policy for Server {
    fn open(&self) -> Option<Rights> {
        self.open
    }

    fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    fn key(&self, key: &Pin) -> Option<Rights> {
        self.keys.get(key).copied()
    }

    fn session(&self, id: &SessionId) -> Option<SessionSecret> {
        self.sessions.get(id).cloned()
    }

    fn code(&self) -> Option<Arc<CodeAccount>> {
        self.code.clone()
    }
}

fn once() -> Uses {
    Uses::Times(NonZeroU32::MIN)
}

/// Passes bytes between both until neither has any, with answers that are held back, and returns when that was.
fn converse(
    client: &mut ClientAdmission,
    server: &mut ServerAdmission,
    policy: &Server,
    mut now: Instant,
) -> (Result<(), NotTrusted>, Instant) {
    loop {
        let sent = client.take_outgoing();
        let used = server.receive(&sent, policy, now).expect("an honest client");
        assert_eq!(used, sent.len());
        if let Some(due) = server.deadline() {
            assert!(server.take_outgoing().is_empty());
            server.advance(due - Duration::from_millis(1));
            assert!(server.take_outgoing().is_empty());
            server.advance(due);
            now = due;
        }
        let answer = server.take_outgoing();
        match client.receive(&answer) {
            Ok(used) => assert_eq!(used, answer.len()),
            Err(fault) => return (Err(fault), now),
        }
        if sent.is_empty() && answer.is_empty() {
            return (Ok(()), now);
        }
    }
}

/// A client's try on a connection of its own.
fn admit(
    policy: &Server,
    credential: Credential<'_>,
    connection: u64,
    source: IpAddr,
    now: Instant,
) -> (Result<(SessionSecret, Admitted), NotTrusted>, Instant) {
    let mut client = ClientAdmission::new(credential, client_end(connection), &random(2 * connection))
        .expect("the server is the same");
    let mut server = ServerAdmission::new(server_end(connection), source, &random(2 * connection + 1));
    let (result, now) = converse(&mut client, &mut server, policy, now);
    if let Err(fault) = result {
        assert!(!matches!(server.status(), Status::Admitted(_)));
        return (Err(fault), now);
    }
    let session = client.admission().expect("admitted").session.clone();
    (Ok((session, server.into_admitted().expect("admitted"))), now)
}
