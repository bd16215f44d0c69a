//! Servers at the other end of a program: `ssh://HOST/DIR` and `--via`, from their validated arguments.

use std::cell::RefCell;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

use crate::error::{Error, Exit};
use crate::net::connecting::Connecting;
use crate::net::reactor::{Io, Reactor, Session};
use crate::net::remote::spawn;
use crate::net::signals::Signals;
use crate::net::stream::Transport;
use crate::relay::remote::outcome::{Contact, merge};
use crate::relay::remote::session::RemoteSession;
use crate::relay::remote::target::SshTarget;
use crate::relay::remote::{RemoteRole, RemoteServer, command_line, words};
use crate::report::Report;
use crate::transfer::RunState;
use std::time::Instant;

/// The environment variable with the words that start ssh.
const SSH_VARIABLE: &str = "SENDALL_SSH";

/// The validated arguments of a server behind a program.
#[derive(Clone, Debug)]
pub(crate) enum RemotePlan {
    /// The words of `--via`.
    Via(Vec<OsString>),
    /// `ssh://HOST/DIR`.
    Ssh(SshPlan),
}

/// The validated arguments of a server behind ssh.
#[derive(Clone, Debug)]
pub(crate) struct SshPlan {
    pub(crate) target: SshTarget,
    pub(crate) role: RemoteRole,
    /// The words of `--ssh`.
    pub(crate) ssh: Option<Vec<OsString>>,
    /// How the remote shell finds sendall.
    pub(crate) remote_command: String,
    /// The limit of `--timeout`, if it was typed.
    pub(crate) timeout: Option<Duration>,
}

impl RemotePlan {
    /// Reads `SENDALL_SSH`.
    pub(crate) fn server(&self, report: &Report) -> Result<RemoteServer, Error> {
        let usage = |text: &str| Error::new(Exit::Usage, text);
        let plan = match self {
            RemotePlan::Via(words) => {
                return RemoteServer::via(words).ok_or_else(|| usage("--via names no program"));
            }
            RemotePlan::Ssh(plan) => plan,
        };
        let ssh = match (&plan.ssh, std::env::var_os(SSH_VARIABLE).filter(|line| !line.is_empty())) {
            (Some(words), _) => words.clone(),
            (None, Some(line)) => words::split(&line)
                .map_err(|fault| usage(&format!("{SSH_VARIABLE} in the environment: {fault}")))?,
            (None, None) => vec!["ssh".into()],
        };
        let command = command_line(&plan.remote_command, plan.role, &plan.target.path, report.is_verbose());
        // ssh counts whole seconds.
        let seconds = plan.timeout.map(|limit| limit.as_secs() + u64::from(limit.subsec_nanos() > 0));
        RemoteServer::ssh(&ssh, &plan.target, seconds, command).ok_or_else(|| usage("--ssh names no program"))
    }
}

/// Runs one session with the server: starts its program, and waits for the end of both.
pub(super) fn run<S: Session + 'static>(
    server: &RemoteServer,
    run_state: &RunState,
    (report, signals): (&Report, &Signals),
    make: impl FnOnce(Transport, Instant, Io) -> Result<S, Error> + 'static,
) -> Result<(), Error> {
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    let end = Rc::default();
    run_state.take_contact();
    let add = |io: Io| {
        let (ready, program) = spawn(&server.program, &io)?;
        report.debug(format_args!("running {}", server.shown()));
        let session = Connecting::new(ready, move |transport, now| make(transport, now, io));
        let about = (server.name.clone(), report.clone());
        Ok(RemoteSession::new(session, program, about, run_state.answered(), Rc::clone(&end)))
    };
    let result = reactor.add(add).and_then(|()| reactor.run());
    let (has_answered, noise) = run_state.take_contact();
    let end: &RefCell<_> = &end;
    merge(result, server, &end.borrow(), &Contact { has_answered, noise })
}
