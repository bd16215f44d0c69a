//! `--exec-socket`: each client's connection is given to a process.

use std::rc::Rc;
use std::time::Instant;

use crate::error::lost;
use crate::net::child::Program;
use crate::net::reactor::Io;
use crate::relay::exec::Exec;
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::client_session::{ClientSession, SessionLimits, begin};
use crate::server::setup::ClientOptions;

/// Gives each client to a process of its own.
pub(crate) struct ExecSocket {
    io: Io,
    options: ClientOptions,
    program: Program,
}

impl ExecSocket {
    pub(crate) fn new(io: &Io, options: ClientOptions, program: Program) -> ExecSocket {
        ExecSocket { io: io.clone(), options, program }
    }
}

impl Handler for ExecSocket {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let IncomingClient { socket, permit, .. } = incoming;
        let permit = Rc::new(permit);
        begin(&self.io, (socket, &self.options.socket), Some(&permit), |transport, io| {
            let socket = transport.into_socket().map_err(|error| lost(&error))?;
            let exec = Exec::handed_over(&self.program, socket, &permit.peer, (&io, &permit.report))?;
            // The bytes are not seen here, so their silence cannot be limited.
            let session_limits = SessionLimits { idle: None, session: self.options.session_limits.session };
            Ok(ClientSession::new(exec, Rc::clone(&permit), session_limits, now))
        })
    }
}
