//! A SOCKS5 client.

use super::*;
use crate::proto::handshake::Handshake;
use crate::proto::proxy::fault::{Cause, ProxyFault};
use crate::proto::proxy::users::Credentials;

/// The client's machine, for one target.
pub struct SocksClient {
    target: ProxyTarget,
    credentials: Option<Credentials>,
    state: SocksState,
    outgoing: Vec<u8>,
    inbox: Vec<u8>,
    needed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SocksState {
    Method,
    Status,
    Reply,
    Over,
}

impl SocksClient {
    /// Creates a machine. It offers authentication only with credentials.
    pub fn new(target: ProxyTarget, credentials: Option<Credentials>) -> SocksClient {
        let methods: &[u8] = match credentials {
            Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
            None => &[VERSION, 1, NO_AUTHENTICATION],
        };
        let outgoing = methods.to_vec();
        SocksClient { target, credentials, state: SocksState::Method, outgoing, inbox: Vec::new(), needed: 2 }
    }

    fn use_method(&mut self, method: u8) -> Result<(), ProxyFault> {
        match (method, &self.credentials) {
            (NO_AUTHENTICATION, _) => self.send_request(),
            (USER_AND_PASSWORD, Some(credentials)) => {
                self.outgoing.push(AUTH_VERSION);
                for value in [credentials.user(), credentials.password()] {
                    self.outgoing.push(value.len() as u8);
                    self.outgoing.extend(value);
                }
                (self.state, self.needed) = (SocksState::Status, 2);
            }
            (NO_METHOD, Some(_)) => {
                return Err(ProxyFault::Untrusted(
                    "takes neither user and password nor a client without".into(),
                ));
            }
            (NO_METHOD, None) => return Err(ProxyFault::wants_credentials()),
            _ => return Err(ProxyFault::Protocol("chose a method that was not offered")),
        }
        Ok(())
    }

    fn send_request(&mut self) {
        self.outgoing.extend([VERSION, CONNECT, 0]);
        self.outgoing.extend(encode_target(&self.target));
        (self.state, self.needed) = (SocksState::Reply, HEAD_BYTES);
    }

    fn parse_reply(&mut self) -> Result<(), ProxyFault> {
        let (code, kind) = (self.inbox[1], self.inbox[3]);
        if self.inbox[0] != VERSION {
            return Err(NO_SOCKS);
        }
        // A refusal is reported at once, whatever its address is.
        if code != 0 {
            return Err(refusal(ReplyCode::of(code), code));
        }
        match parse_address(kind, &self.inbox[HEAD_BYTES..]) {
            None => Err(ProxyFault::Protocol("replied with an address of an unknown kind")),
            Some(Err(missing)) => {
                self.needed = HEAD_BYTES + missing;
                Ok(())
            }
            Some(Ok(_)) => {
                self.state = SocksState::Over;
                Ok(())
            }
        }
    }
}

const NO_SOCKS: ProxyFault = ProxyFault::Protocol("does not speak SOCKS5");

fn refusal(reply: ReplyCode, code: u8) -> ProxyFault {
    match reply {
        ReplyCode::NetworkUnreachable => {
            ProxyFault::unreachable(Cause::Other, "the network is unreachable from there")
        }
        ReplyCode::HostUnreachable => {
            ProxyFault::unreachable(Cause::Other, "the host is unreachable from there, or has no address")
        }
        ReplyCode::Refused => ProxyFault::unreachable(Cause::Refused, "connection refused"),
        ReplyCode::TimedOut => ProxyFault::unreachable(Cause::TimedOut, "no answer in time"),
        ReplyCode::NotAllowed => ProxyFault::Refused("does not allow this target".into()),
        ReplyCode::NoSuchCommand => {
            ProxyFault::Refused("does not connect to targets (command not supported)".into())
        }
        ReplyCode::NoSuchAddressType => ProxyFault::Refused("does not know this kind of address".into()),
        ReplyCode::Failure | ReplyCode::Succeeded => {
            ProxyFault::unreachable(Cause::Other, &format!("failure of the server (code {code})"))
        }
    }
}

impl Handshake for SocksClient {
    type Error = ProxyFault;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        if self.state == SocksState::Over { 0 } else { self.needed - self.inbox.len() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ProxyFault> {
        self.inbox.extend(piece);
        // Bytes that cannot become an answer end the wait.
        let version = if self.state == SocksState::Status { AUTH_VERSION } else { VERSION };
        if self.inbox.first().is_some_and(|first| *first != version) {
            return Err(NO_SOCKS);
        }
        if self.wanted() > 0 {
            return Ok(());
        }
        match self.state {
            SocksState::Method => {
                let method = self.inbox[1];
                self.inbox.clear();
                self.use_method(method)
            }
            SocksState::Status if self.inbox[1] != 0 => {
                Err(ProxyFault::Untrusted("does not accept the user and the password".into()))
            }
            SocksState::Status => {
                self.inbox.clear();
                self.send_request();
                Ok(())
            }
            SocksState::Reply => self.parse_reply(),
            SocksState::Over => Ok(()),
        }
    }
}
