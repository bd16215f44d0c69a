//! Sessions of `nc`: a connection joined to stdin and stdout, or to a process, as OpenBSD's nc does it.
//!
//! Relays and processes are those of `connect` and `serve`. What nc has of its own is here: which end of file ends a
//! session, silence as an end, ports one after the other, and its words.

pub(crate) mod client;
mod datagram_peer;
pub(crate) mod datagrams;
pub(crate) mod listener;
mod stdio;
mod words;

use std::rc::Rc;
use std::time::{Duration, Instant};

use self::stdio::{NcStdio, ReceiveLimit};
pub(crate) use self::words::{Words, reworded};
use super::exec::{Exec, ExecRules};
use super::options::RelayOptions;
use super::session::Relay;
use super::tools::{self, Tools};
use crate::error::{Error, lost};
use crate::net::child::Program;
use crate::net::reactor::{Io, Session};
use crate::net::stdio::Stdio;
use crate::net::stream::{FdKind, SocketState as _, Stream, Transport};
use crate::proto::relay::ending::{EndWhen, Ending, HalfClose, InputKind};
use crate::report::Report;

/// How a connection is joined, and what ends it.
pub(crate) struct NcOptions {
    /// Tools, the limit on silence (`-w`), whether stdin is read (`-d`).
    pub(crate) relay: RelayOptions,
    /// `-N`: the end of stdin is passed on.
    pub(crate) passes_end: bool,
    /// `-q`: the session ends when stdin has ended and the peer has been silent for this long.
    pub(crate) quit: Option<Duration>,
    /// `-W`: the session ends after this many receives.
    pub(crate) max_receives: Option<u64>,
    /// `-e`, `-c`: the program in the place of stdin and stdout.
    pub(crate) program: Option<Rc<Program>>,
}

/// The role of a session, as far as its end depends on it.
#[derive(Clone, Copy)]
pub(crate) struct Role {
    /// The peer's end is enough, once what stdin has at that time was sent.
    pub(crate) is_listener: bool,
    /// Other sessions follow, which need stdout.
    pub(crate) has_followers: bool,
}

impl NcOptions {
    /// The rules for the end of a session.
    fn ending(&self, input: InputKind) -> Ending {
        let leaves_at_once = self.quit == Some(Duration::ZERO);
        let end_when = match self.max_receives {
            _ if leaves_at_once => EndWhen::Input,
            Some(_) => EndWhen::Peer,
            None => EndWhen::Both,
        };
        let half_close =
            if self.passes_end || self.quit.is_some() { HalfClose::AtOnce } else { HalfClose::Never };
        Ending { input, end_when, half_close, linger: self.quit.filter(|_| !leaves_at_once) }
    }

    /// A session between a connection and the program, or else stdin and stdout.
    fn join(
        &self,
        mut transport: Transport,
        role: Role,
        (io, report): (&Io, &Report),
        now: Instant,
    ) -> Result<Box<dyn Session>, Error> {
        if let Some(program) = &self.program {
            let rules = ExecRules { crlf: self.relay.tools.crlf, ends_with_peer: false };
            let tools = Tools::default();
            let what = (&**program, rules, &tools);
            return Ok(Box::new(Exec::dialled(what, transport, &self.relay, (io, report), now)?));
        }
        // Until the session has ended in order: a killed process must not look like one that has sent everything.
        transport.reset_on_close(true).map_err(|error| lost(&error))?;
        self.join_stdio(Box::new(transport), role, (io, report), now)
    }

    /// A session between any peer and stdin and stdout.
    fn join_stdio(
        &self,
        peer: Box<dyn Stream>,
        role: Role,
        (io, report): (&Io, &Report),
        now: Instant,
    ) -> Result<Box<dyn Session>, Error> {
        let stdio = Stdio::open(io)?;
        let kind = stdio.input_kind();
        let input = if kind == FdKind::Terminal { InputKind::Terminal } else { InputKind::Real };
        let rules = self.ending(input);
        let has_end = matches!(kind, FdKind::File | FdKind::Null | FdKind::Terminal);
        let local = Box::new(NcStdio::new(stdio, role.is_listener && !has_end, role.has_followers));
        let peer = match self.max_receives {
            Some(limit) => Box::new(ReceiveLimit::new(peer, limit)),
            None => peer,
        };
        let (local, peer) = tools::wrap(local, peer, &self.relay, rules, (report, now));
        let relay = Relay::new(local, peer, rules, self.relay.idle_timeout, report.clone(), now);
        let relay = relay.ending_when_idle();
        let reads_nothing = self.relay.recv_only && !self.relay.tools.telnet;
        Ok(Box::new(if reads_nothing { relay.without_input() } else { relay }))
    }
}
