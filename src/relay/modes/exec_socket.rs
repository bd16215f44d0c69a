//! `--exec-socket`: each client's connection is given to a process.

use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Instant;

use crate::error::lost;
use crate::net::child::Program;
use crate::net::reactor::Io;
use crate::relay::exec::Exec;
use crate::server::acceptor::{Handler, Incoming};
use crate::server::client_session::{ClientSession, SessionLimits};
use crate::server::setup::ClientTerms;

/// Gives each client to a process of its own.
pub(crate) struct ExecSocket {
    io: Io,
    terms: ClientTerms,
    program: Program,
}

impl ExecSocket {
    pub(crate) fn new(io: &Io, terms: ClientTerms, program: Program) -> ExecSocket {
        ExecSocket { io: io.clone(), terms, program }
    }
}

impl Handler for ExecSocket {
    fn accept(&mut self, incoming: Incoming, now: Instant) -> bool {
        let Incoming { socket, permit, .. } = incoming;
        if let Err(error) = self.terms.socket.apply(socket.as_fd()) {
            permit.report.detail(lost(&error));
            return false;
        }
        let permit = Rc::new(permit);
        let spawned = self.io.spawn(|io| {
            let exec = Exec::handed_over(&self.program, socket, &permit.peer, (&io, &permit.report))?;
            // What passes is not seen, so it cannot be limited.
            let session_limits = SessionLimits { idle: None, session: self.terms.session_limits.session };
            Ok(ClientSession::new(exec, Rc::clone(&permit), session_limits, now))
        });
        if let Err(error) = spawned {
            permit.fail(error);
        }
        true
    }
}
