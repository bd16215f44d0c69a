//! A SOCKS5 server.

use std::rc::Rc;

use super::*;
use crate::proto::handshake::Handshake;
use crate::proto::proxy::answer::{Denial, Misuse};
use crate::proto::proxy::users::Users;

/// The server's machine.
pub struct SocksServer {
    users: Option<Rc<Users>>,
    state: SocksState,
    target: Option<ProxyTarget>,
    outgoing: Vec<u8>,
    inbox: Vec<u8>,
    needed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SocksState {
    Methods,
    Credentials,
    Request,
    Over,
}

impl SocksServer {
    /// Creates a machine. With `users`, clients must authenticate.
    pub fn new(users: Option<Rc<Users>>) -> SocksServer {
        SocksServer {
            users,
            state: SocksState::Methods,
            target: None,
            outgoing: Vec::new(),
            inbox: Vec::new(),
            needed: 2,
        }
    }

    /// Returns the client's target, once it is known.
    pub fn target(&self) -> Option<&ProxyTarget> {
        self.target.as_ref()
    }

    /// Encodes the reply: connected, from an address where it is known; or the reason of the denial.
    pub fn answer(&self, outcome: Result<Option<SocketAddr>, Denial>) -> Vec<u8> {
        let reply = match outcome {
            Ok(_) => ReplyCode::Succeeded,
            Err(Denial::NotAllowed) => ReplyCode::NotAllowed,
            Err(Denial::Refused) => ReplyCode::Refused,
            Err(Denial::Unreachable) => ReplyCode::HostUnreachable,
            Err(Denial::TimedOut) => ReplyCode::TimedOut,
            Err(Denial::BadAnswer | Denial::Failed) => ReplyCode::Failure,
        };
        let bound = outcome.ok().flatten().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
        encode_reply(reply, ProxyTarget::of(bound))
    }

    fn choose_method(&mut self) -> Result<(), Misuse> {
        let method = if self.users.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
        if !self.inbox[2..].contains(&method) {
            let text = match &self.users {
                Some(_) => "does not offer a user and a password",
                None => "does not want to be served without a user and a password",
            };
            return Err(Misuse::of_credentials(text, vec![VERSION, NO_METHOD]));
        }
        self.outgoing.extend([VERSION, method]);
        self.enter(if self.users.is_some() { SocksState::Credentials } else { SocksState::Request });
        Ok(())
    }

    /// Checks the credentials: version, length, user, length, password.
    fn check_credentials(&mut self) -> Result<(), Misuse> {
        let user_end = 2 + usize::from(self.inbox[1]);
        let Some(length) = self.inbox.get(user_end) else {
            self.needed = user_end + 1;
            return Ok(());
        };
        let end = user_end + 1 + usize::from(*length);
        if self.inbox.len() < end {
            self.needed = end;
            return Ok(());
        }
        let (user, password) = (&self.inbox[2..user_end], &self.inbox[user_end + 1..]);
        if !self.users.as_ref().is_some_and(|users| users.know(user, password)) {
            return Err(Misuse::of_credentials("gives a wrong user or password", vec![AUTH_VERSION, 1]));
        }
        self.outgoing.extend([AUTH_VERSION, 0]);
        self.enter(SocksState::Request);
        Ok(())
    }

    fn parse_request(&mut self) -> Result<(), Misuse> {
        let refuse = |text, reply| {
            let unspecified = ProxyTarget::of((Ipv4Addr::UNSPECIFIED, 0).into());
            Err(Misuse::of_request(text, encode_reply(reply, unspecified)))
        };
        let (command, kind) = (self.inbox[1], self.inbox[3]);
        if command != CONNECT {
            return refuse("wants another command than CONNECT", ReplyCode::NoSuchCommand);
        }
        let target = match parse_address(kind, &self.inbox[HEAD_BYTES..]) {
            None => return refuse("gives an address of an unknown kind", ReplyCode::NoSuchAddressType),
            Some(Err(missing)) => {
                self.needed = HEAD_BYTES + missing;
                return Ok(());
            }
            Some(Ok(Address::Ip(address))) => {
                ProxyTarget::new(&address.ip().to_canonical().to_string(), address.port())
            }
            Some(Ok(Address::Name(name, port))) => {
                std::str::from_utf8(name).ok().and_then(|name| ProxyTarget::new(name, port))
            }
        };
        if target.is_none() {
            return refuse("gives a host or port that nothing can have", ReplyCode::Failure);
        }
        self.target = target;
        self.state = SocksState::Over;
        Ok(())
    }

    fn enter(&mut self, state: SocksState) {
        self.inbox.clear();
        self.state = state;
        self.needed = if state == SocksState::Request { HEAD_BYTES } else { 2 };
    }
}

fn encode_reply(reply: ReplyCode, bound: ProxyTarget) -> Vec<u8> {
    [&[VERSION, reply.code(), 0][..], &encode_target(&bound)].concat()
}

impl Handshake for SocksServer {
    type Error = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        if self.state == SocksState::Over { 0 } else { self.needed - self.inbox.len() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        self.inbox.extend(piece);
        let version = if self.state == SocksState::Credentials { AUTH_VERSION } else { VERSION };
        if self.inbox.first().is_some_and(|first| *first != version) {
            return Err(Misuse::of_request("does not speak SOCKS5", Vec::new()));
        }
        if self.wanted() > 0 {
            return Ok(());
        }
        match self.state {
            SocksState::Methods => {
                self.needed = 2 + usize::from(self.inbox[1]);
                if self.wanted() > 0 { Ok(()) } else { self.choose_method() }
            }
            SocksState::Credentials => self.check_credentials(),
            SocksState::Request => self.parse_request(),
            SocksState::Over => Ok(()),
        }
    }
}
