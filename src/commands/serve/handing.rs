//! `--exec-socket`: each client's connection is given to a process.

use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Instant;

use super::entrance::Terms;
use crate::commands::attended::{Attended, StayLimits};
use crate::commands::door::{Guest, Host};
use crate::commands::exec::Exec;
use crate::commands::lost;
use crate::net::child::Program;
use crate::net::reactor::Io;

/// Gives each client to a process of its own.
pub(super) struct Handing {
    io: Io,
    terms: Terms,
    program: Program,
}

impl Handing {
    pub(super) fn new(io: &Io, terms: Terms, program: Program) -> Handing {
        Handing { io: io.clone(), terms, program }
    }
}

impl Host for Handing {
    fn welcome(&mut self, guest: Guest, now: Instant) -> bool {
        let Guest { socket, pass, .. } = guest;
        if let Err(error) = self.terms.socket.apply(socket.as_fd()) {
            pass.report.detail(lost(&error));
            return false;
        }
        let pass = Rc::new(pass);
        let spawned = self.io.spawn(|io| {
            let exec = Exec::handed_over(&self.program, socket, &pass.peer, (&io, &pass.report))?;
            // What passes is not seen, so it cannot be limited.
            let stay = StayLimits { idle: None, session: self.terms.stay.session };
            Ok(Attended::new(exec, Rc::clone(&pass), stay, now))
        });
        if let Err(error) = spawned {
            pass.fail(error);
        }
        true
    }
}
