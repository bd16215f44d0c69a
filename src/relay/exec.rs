//! `--exec` and `--sh`: a command that is run for a connection, its process and the peer joined.

mod local;
#[cfg(test)]
mod tests;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use self::local::Local;
use super::options::RelayOptions;
use super::session::Relay;
use super::tools::{Filtered, ToCrlf, Tools};
use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::child;
use crate::net::child::{ChildStdio, Program, describe, environment};
use crate::net::endpoint::PeerName;
use crate::net::goodbye::LINGER;
use crate::net::process::Process;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::{Socket, SocketState, Stream, Transport};
use crate::proto::relay::ending::{EndWhen, Ending, HalfClose, InputKind};
use crate::proto::relay::lane::Lane;
use crate::report::Report;
use crate::server::client_session::CountedSession;

/// Between SIGTERM and SIGKILL, when the peer has gone.
const GRACE: Duration = Duration::from_secs(2);
/// The same when a signal has ended the command, which is to stop within a second.
const LAST_GRACE: Duration = Duration::from_millis(500);
/// How long what the process has left behind may keep its output open and say nothing.
const HELD_LIMIT: Duration = Duration::from_secs(10);
/// How long a process may say nothing once its peer has ended, with `--end-when peer`.
const SILENCE_LIMIT: Duration = Duration::from_secs(2);

/// How long a process that was sent nothing may be silent once its peer on a Unix socket has closed: about as long as
/// the keepalive takes to find that out over TCP.
const GONE_LIMIT: Duration = Duration::from_secs(60);

type Joined = Relay<Box<dyn Local>, Limited<Box<dyn Stream>>>;

/// How a process and its peer are joined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExecRules {
    /// The process's line ends are sent as CR LF.
    pub(crate) crlf: bool,
    /// A process whose peer has ended, and that falls silent, is ended.
    pub(crate) ends_with_peer: bool,
}

/// A process and its peer.
pub(crate) struct Exec {
    /// None when the connection is over, or the process's own: what is left is the process.
    relay: Option<Joined>,
    /// The relay when both ends have ended in order. A process may let go of its terminal before it ends: to close our
    /// end of it then would hang up.
    over: Option<Joined>,
    process: Option<Process>,
    /// How it has ended, once it was reaped.
    status: Option<ExitStatus>,
    phase: Phase,
    end: Termination,
    /// Bytes that were sent and received.
    moved: (u64, u64),
    failure: Option<Error>,
    /// It was ended by us, because of a signal or because nobody was there any more: how it ends says nothing.
    is_stopped: bool,
    /// With `--end-when peer`.
    ends_with_peer: bool,
    /// With `--exec-socket`: the process has the connection.
    is_handed_over: bool,
    report: Report,
}

/// Where the relay stands in relation to the process.
enum Phase {
    /// The process runs.
    Running,
    /// The same after the peer's end, with `--end-when peer`, or after it has closed both directions: bytes that have come
    /// from both sides, and when the last one did.
    Alone(u64, Instant),
    /// It has ended, but others have its output: so many bytes have come, the last one then.
    Held(u64, Instant),
    /// They have said nothing for so long that their output is not read any more.
    Abandoned,
    /// It has ended, and the peer was told. The peer's end is waited for until then.
    Lingering(Instant),
    /// The peer's end is not waited for.
    Closing,
}

/// Whether the process is made to end.
enum Termination {
    /// It ends by itself.
    ByItself,
    /// It is to be sent SIGTERM, and to be given so much time.
    Due(Duration),
    /// It was sent SIGTERM, and will be sent SIGKILL then.
    Termed(Instant),
    /// It was sent SIGKILL.
    Killed,
}

impl Exec {
    /// Starts the program for a connection that was dialled. A program that cannot be started resets it.
    pub(crate) fn dialled(
        (program, rules, tools): (&Program, ExecRules, &Tools),
        mut transport: Transport,
        options: &RelayOptions,
        (io, report): (&Io, &Report),
        now: Instant,
    ) -> Result<Exec, Error> {
        let names = (transport.peer_name(), transport.local_name());
        if program.stdio == ChildStdio::Socket {
            let socket = transport.into_socket().map_err(|error| lost(&error))?;
            return Exec::handed_over(program, socket, &names.0, (io, report));
        }
        // Until the session has ended in order.
        transport.reset_on_close(true).map_err(|error| lost(&error))?;
        let mut peer = Limited::new(tools.recorded(transport, None, now)?, now);
        peer.limit_rate(options.limit_rate, 0);
        let idle = options.idle_timeout;
        let mut exec = Exec::start((program, rules), (peer, &names.0, &names.1), idle, (io, report), now)?;
        exec.relay = exec.relay.map(|relay| relay.with(names.0));
        // A server may take the end of the process's output for a hang-up; the clients of a server wait for it.
        exec.relay.iter_mut().for_each(|relay| relay.set_half_close(HalfClose::Politely));
        Ok(exec)
    }

    /// Starts the program for a connection. The caller tells how many bytes were sent and received.
    pub(crate) fn start(
        (program, rules): (&Program, ExecRules),
        (peer, name, local): (Limited<Box<dyn Stream>>, &PeerName, &PeerName),
        idle_timeout: Option<Duration>,
        (io, report): (&Io, &Report),
        now: Instant,
    ) -> Result<Exec, Error> {
        let (stream, process) = child::spawn(program, &environment(name, local), io)?;
        let ending = Ending {
            input: InputKind::Real,
            end_when: EndWhen::Both,
            half_close: HalfClose::AtOnce,
            linger: None,
        };
        let stream: Box<dyn Local> = match rules.crlf {
            true => Box::new(Filtered::new(stream, ToCrlf::default(), now)),
            false => Box::new(stream),
        };
        let relay = Relay::new(stream, peer, ending, idle_timeout, report.clone(), now);
        Ok(Exec {
            ends_with_peer: rules.ends_with_peer,
            relay: Some(relay),
            ..Exec::of(program, process, report)
        })
    }

    /// Starts the program with the connection as its stdin and stdout: what passes is its own affair.
    pub(crate) fn handed_over(
        program: &Program,
        socket: Socket,
        name: &PeerName,
        (io, report): (&Io, &Report),
    ) -> Result<Exec, Error> {
        let environment = environment(name, &socket.local_name());
        let process = child::spawn_on(program, &environment, socket, io)?;
        Ok(Exec { is_handed_over: true, ..Exec::of(program, process, report) })
    }

    fn of(program: &Program, process: Process, report: &Report) -> Exec {
        report.detail(format_args!("process {} runs '{}'", process.id(), program.name.display()));
        Exec {
            relay: None,
            over: None,
            process: Some(process),
            status: None,
            phase: Phase::Running,
            end: Termination::ByItself,
            moved: (0, 0),
            failure: None,
            is_stopped: false,
            ends_with_peer: false,
            is_handed_over: false,
            report: report.clone(),
        }
    }

    /// True if a process that falls silent must end, because its peer's end is enough for that.
    fn is_ended_with_peer(&self) -> bool {
        self.ends_with_peer && self.relay.as_ref().is_some_and(|relay| relay.lanes()[1].is_finished())
    }

    fn silence_limit(&self) -> Duration {
        if self.is_ended_with_peer() { SILENCE_LIMIT } else { GONE_LIMIT }
    }

    /// Ends a process without a peer, once it has fallen silent. What it says before is sent.
    fn follow_running(&mut self, now: Instant) -> bool {
        let (is_ended_with_peer, limit) = (self.is_ended_with_peer(), self.silence_limit());
        let Some(relay) = self.relay.as_mut() else { return false };
        let [output, input] = relay.lanes();
        let moved = output.delivered() + output.held() as u64 + input.delivered();
        let has_sent_nothing = input.has_source_ended() && input.delivered() + input.held() as u64 == 0;
        match self.phase {
            // From now on only the process is waited for. One that was sent something may still work on it.
            Phase::Running
                if is_ended_with_peer || has_sent_nothing && !output.is_finished() && relay.has_hung_up() =>
            {
                self.phase = Phase::Alone(moved, now);
            }
            // It speaks, or the peer is slow.
            Phase::Alone(before, _)
                if before != moved
                    || output.held() > 0
                    || relay.is_delivering()
                    || relay.local_mut().has_output() =>
            {
                self.phase = Phase::Alone(moved, now);
            }
            Phase::Alone(_, since) if now >= since + limit && !is_ended_with_peer => {
                let limit = humantime::format_duration(limit);
                let text =
                    format!("the peer closed the connection, and the process sent nothing for {limit}");
                self.failure = Some(Error::new(Exit::Lost, text));
                (self.relay, self.end) = (None, Termination::Due(GRACE));
                return true;
            }
            Phase::Alone(_, since) if now >= since + limit => {
                self.report.detail("the client has ended, and so must the process (see --end-when)");
                self.end = Termination::Due(GRACE);
                self.is_stopped = true;
                // Whether that was all, nobody knows: a peer that still waits for an answer hears a reset, not an end.
                let _ = relay.report_summary(now);
                self.relay = None;
                return true;
            }
            _ => {}
        }
        false
    }

    /// What the end of the process means for the connection. True if the relay is to be advanced once more.
    fn follow(&mut self, now: Instant) -> Result<bool, Error> {
        if !self.process.as_mut().is_none_or(Process::has_ended) {
            return Ok(self.follow_running(now));
        }
        let Some(relay) = self.relay.as_mut() else { return Ok(false) };
        // What waits for room in its stdin waits no longer, and nothing else would tell the relay so.
        let has_just_ended = matches!(self.phase, Phase::Running | Phase::Alone(..));
        relay.local_mut().discard_input();
        // Nor does anybody wait for an answer.
        relay.set_half_close(HalfClose::AtOnce);
        let [output, _] = relay.lanes();
        let moved = output.delivered() + output.held() as u64;
        let is_told = output.is_finished();
        match self.phase {
            Phase::Lingering(until) if now >= until => {
                relay.stop_receiving();
                self.phase = Phase::Closing;
                return Ok(true);
            }
            Phase::Lingering(_) | Phase::Closing => {}
            _ if is_told => {
                self.phase = Phase::Lingering(now + LINGER);
                self.reap()?;
            }
            Phase::Running | Phase::Alone(..) => self.phase = Phase::Held(moved, now),
            // The peer is slow, not the output silent.
            Phase::Held(before, _) if before != moved || relay.local_mut().has_output() => {
                self.phase = Phase::Held(moved, now);
            }
            Phase::Held(_, since) if now >= since + HELD_LIMIT => {
                let text = "the process has ended, but others kept its output open: they are ended";
                self.report.warning(text);
                self.end = Termination::Due(GRACE);
                relay.stop_sending();
                self.phase = Phase::Abandoned;
                return Ok(true);
            }
            Phase::Held(..) | Phase::Abandoned => {}
        }
        Ok(has_just_ended)
    }

    /// Ends the process, if that is due.
    fn end_process(&mut self, now: Instant) {
        let Some(process) = &self.process else { return };
        match self.end {
            Termination::Due(grace) => {
                process.terminate();
                self.end = Termination::Termed(now + grace);
            }
            Termination::Termed(limit) if now >= limit => {
                process.kill();
                self.end = Termination::Killed;
            }
            _ => {}
        }
    }

    /// Reaps the process, and tells how it has ended.
    fn reap(&mut self) -> Result<(), Error> {
        let Some(process) = self.process.take() else { return Ok(()) };
        if !matches!(self.end, Termination::ByItself) {
            // What it has started and did not end with it.
            process.kill();
        }
        let id = process.id();
        let status = process.reap().map_err(|error| {
            Error::new(Exit::Failed, format!("cannot find out how process {id} ended: {error}"))
        })?;
        self.report.child(id, status.code(), status.signal(), &describe(status));
        self.status = Some(status);
        Ok(())
    }

    /// What became of the stream, or else of the process.
    fn outcome(&mut self) -> Result<Status, Error> {
        match (self.failure.take(), self.status) {
            (Some(failure), _) => Err(failure),
            (None, Some(status)) if !status.success() && !self.is_stopped => {
                Err(Error::new(Exit::Failed, format!("the process {}", describe(status))))
            }
            _ => Ok(Status::Done),
        }
    }
}

impl Session for Exec {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let Some(relay) = &mut self.relay {
            let moved = relay.advance(context).and_then(|status| relay.check_peer().map(|()| status));
            let [sent, received] = relay.lanes().map(Lane::delivered);
            self.moved = (sent, received);
            match moved {
                Ok(Status::Done) => self.over = self.relay.take(),
                Ok(status) => {
                    let again = self.follow(context.now)?;
                    self.end_process(context.now);
                    return Ok(if again { Status::Again } else { status });
                }
                Err(error) => {
                    // Closes the connection and the pipes.
                    self.relay = None;
                    self.failure = Some(error);
                    self.end = Termination::Due(GRACE);
                }
            }
        }
        self.end_process(context.now);
        if self.process.as_mut().is_some_and(|process| !process.has_ended()) {
            return Ok(Status::Waiting);
        }
        self.reap()?;
        self.outcome()
    }

    fn stop(&mut self) -> Stop {
        if self.process.is_none() {
            return Stop::Now;
        }
        (self.relay, self.over) = (None, None);
        self.failure = None;
        self.is_stopped = true;
        self.end = Termination::Due(LAST_GRACE);
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Held(_, since) if self.relay.is_some() => Some(since + HELD_LIMIT),
            Phase::Alone(_, since) if self.relay.is_some() => Some(since + self.silence_limit()),
            Phase::Lingering(until) if self.relay.is_some() => Some(until),
            _ => None,
        };
        let end = match self.end {
            Termination::Termed(limit) => Some(limit),
            _ => None,
        };
        let relay = self.relay.as_ref().and_then(Session::deadline);
        [phase, end, relay].into_iter().flatten().min()
    }
}

impl CountedSession for Exec {
    fn moved(&self) -> (u64, u64) {
        self.moved
    }

    fn is_more_than_a_check(&self) -> bool {
        // What a process says costs more than a greeting.
        self.moved.0 > 0
    }

    fn is_counted(&self) -> bool {
        !self.is_handed_over
    }
}
