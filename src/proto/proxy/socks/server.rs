//! A SOCKS5 server.

use std::rc::Rc;

use super::*;
use crate::proto::proxy::answer::{Denial, Misuse};
use crate::proto::proxy::handshake::{Handshake, Users};

/// The server's machine.
pub struct SocksServer {
    users: Option<Rc<Users>>,
    step: Step,
    target: Option<Target>,
    outgoing: Vec<u8>,
    inbox: Vec<u8>,
    needed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
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
            step: Step::Methods,
            target: None,
            outgoing: Vec::new(),
            inbox: Vec::new(),
            needed: 2,
        }
    }

    /// Returns the client's target, once it is known.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Encodes the reply: connected, from an address where it is known; or the reason of the denial.
    pub fn answer(&self, outcome: Result<Option<SocketAddr>, Denial>) -> Vec<u8> {
        let reply = match outcome {
            Ok(_) => Reply::Succeeded,
            Err(Denial::NotAllowed) => Reply::NotAllowed,
            Err(Denial::Refused) => Reply::Refused,
            Err(Denial::Unreachable) => Reply::HostUnreachable,
            Err(Denial::TimedOut) => Reply::TimedOut,
            Err(Denial::BadAnswer | Denial::Failed) => Reply::Failure,
        };
        let bound = outcome.ok().flatten().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
        encode_reply(reply, Target::of(bound))
    }

    fn greeted(&mut self) -> Result<(), Misuse> {
        let method = if self.users.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
        if !self.inbox[2..].contains(&method) {
            let text = match &self.users {
                Some(_) => "does not offer a user and a password",
                None => "does not want to be served without a user and a password",
            };
            return Err(Misuse::of_credentials(text, vec![VERSION, NO_METHOD]));
        }
        self.outgoing.extend([VERSION, method]);
        self.next(if self.users.is_some() { Step::Credentials } else { Step::Request });
        Ok(())
    }

    /// Checks the credentials: version, length, user, length, password.
    fn presented(&mut self) -> Result<(), Misuse> {
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
        self.next(Step::Request);
        Ok(())
    }

    fn requested(&mut self) -> Result<(), Misuse> {
        let refuse = |text, reply| {
            let unspecified = Target::of((Ipv4Addr::UNSPECIFIED, 0).into());
            Err(Misuse::of_request(text, encode_reply(reply, unspecified)))
        };
        let (command, kind) = (self.inbox[1], self.inbox[3]);
        if command != CONNECT {
            return refuse("wants another command than CONNECT", Reply::NoSuchCommand);
        }
        let target = match parse_address(kind, &self.inbox[HEAD_BYTES..]) {
            None => return refuse("gives an address of an unknown kind", Reply::NoSuchAddressType),
            Some(Err(missing)) => {
                self.needed = HEAD_BYTES + missing;
                return Ok(());
            }
            Some(Ok(Address::Ip(address))) => {
                Target::new(&address.ip().to_canonical().to_string(), address.port())
            }
            Some(Ok(Address::Name(name, port))) => {
                std::str::from_utf8(name).ok().and_then(|name| Target::new(name, port))
            }
        };
        if target.is_none() {
            return refuse("gives a host or port that nothing can have", Reply::Failure);
        }
        self.target = target;
        self.step = Step::Over;
        Ok(())
    }

    fn next(&mut self, step: Step) {
        self.inbox.clear();
        self.step = step;
        self.needed = if step == Step::Request { HEAD_BYTES } else { 2 };
    }
}

fn encode_reply(reply: Reply, bound: Target) -> Vec<u8> {
    [&[VERSION, reply.code(), 0][..], &encode_target(&bound)].concat()
}

impl Handshake for SocksServer {
    type Fault = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        if self.step == Step::Over { 0 } else { self.needed - self.inbox.len() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        self.inbox.extend(piece);
        let version = if self.step == Step::Credentials { AUTH_VERSION } else { VERSION };
        if self.inbox.first().is_some_and(|first| *first != version) {
            return Err(Misuse::of_request("does not speak SOCKS5", Vec::new()));
        }
        if self.wanted() > 0 {
            return Ok(());
        }
        match self.step {
            Step::Methods => {
                self.needed = 2 + usize::from(self.inbox[1]);
                if self.wanted() > 0 { Ok(()) } else { self.greeted() }
            }
            Step::Credentials => self.presented(),
            Step::Request => self.requested(),
            Step::Over => Ok(()),
        }
    }
}
