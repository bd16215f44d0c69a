//! A silent process whose client over a Unix socket has closed, with a clock that jumps.

use std::cell::Cell;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use super::*;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::report::Level;

/// A process for a client. Once it is alone, its clock is ahead by the limit.
struct Jumping {
    exec: Exec,
    is_alone: Rc<Cell<bool>>,
}

impl Jumping {
    fn lead(&self) -> Duration {
        if self.is_alone.get() { GONE_LIMIT } else { Duration::ZERO }
    }
}

impl Session for Jumping {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let result = self.exec.advance(Context { now: context.now + self.lead(), ..context });
        self.is_alone.set(self.is_alone.get() || matches!(self.exec.phase, ExecPhase::Alone(..)));
        result
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.exec.deadline()? - self.lead())
    }
}

/// Runs `script` for a client until its session is over. Returns its outcome, and whether the process was ever alone.
#[allow(clippy::disallowed_methods)]
fn run(script: &str, close: impl FnOnce(UnixStream) -> Option<UnixStream>) -> (Result<(), Error>, bool) {
    let report = Report::new(Level::Quiet, Instant::now);
    let mut reactor = Reactor::new(&Signals::install(|_, _| {}).unwrap()).unwrap();
    let (client, server) = UnixStream::pair().unwrap();
    let args = vec!["-c".into(), script.into()];
    let program = Program { name: "/bin/sh".into(), args, stdio: ChildStdio::Pipes };
    let rules = ExecRules { crlf: false, ends_with_peer: false };
    let is_alone = Rc::<Cell<bool>>::default();
    let add = |io: Io| {
        let (name, now) = (PeerName::from_unix(None), Instant::now());
        let transport: Box<dyn Stream> = Box::new(Socket::unix(server).unwrap().enroll(&io).unwrap());
        let peer = (Limited::new(transport, now), &name, &name);
        let exec = Exec::start((&program, rules), peer, None, (&io, &report), now)?;
        Ok(Jumping { exec, is_alone: Rc::clone(&is_alone) })
    };
    reactor.add(add).unwrap();
    let _client = close(client);
    (reactor.run(), is_alone.get())
}

// Elsewhere a half-close may look like a close.
#[cfg(target_os = "linux")]
#[test]
fn a_silent_process_ends_when_its_client_has_closed_both_directions() {
    let (result, is_alone) = run("exec sleep 600", |_| None);
    assert!(is_alone);
    assert!(result.is_err_and(|error| error.exit() == Exit::Lost && error.to_string().contains("for 1m")));
}

#[test]
fn a_process_that_was_sent_something_works_on_it_in_peace() {
    let (result, is_alone) = run("read line; exec sleep 0.2", |mut client| {
        std::io::Write::write_all(&mut client, b"work\n").unwrap();
        None
    });
    assert!(!is_alone && result.is_ok(), "{result:?}");
}

#[test]
fn a_process_whose_client_has_half_closed_may_be_silent() {
    let (result, is_alone) = run("cat >/dev/null; exec sleep 0.2", |client| {
        client.shutdown(Shutdown::Write).unwrap();
        Some(client)
    });
    assert!(!is_alone && result.is_ok());
}
