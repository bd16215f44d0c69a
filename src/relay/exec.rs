//! `--exec` and `--sh`: a process for each connection, and the relay between them.

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

/// Time from SIGTERM to SIGKILL, when the peer has ended.
const GRACE: Duration = Duration::from_secs(2);
/// The same when a signal has ended the command, which must stop within a second.
const LAST_GRACE: Duration = Duration::from_millis(500);
/// Longest silence of the processes that keep the output open after the process has ended.
const HELD_LIMIT: Duration = Duration::from_secs(10);
/// Longest silence of a process whose peer has ended, with `--end-when peer`.
const SILENCE_LIMIT: Duration = Duration::from_secs(2);
/// Longest silence of a process that was sent nothing, once its peer on a Unix socket has closed: about the time in which
/// the keepalive notices that over TCP.
const GONE_LIMIT: Duration = Duration::from_secs(60);

type ProcessRelay = Relay<Box<dyn Local>, Limited<Box<dyn Stream>>>;

/// Options of the relay between a process and its peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExecRules {
    /// The process's line ends are sent as CR LF.
    pub(crate) crlf: bool,
    /// A process whose peer has ended, and that falls silent, is ended.
    pub(crate) ends_with_peer: bool,
}

/// A process and its peer.
pub(crate) struct Exec {
    /// `None` when the connection is over, or the process's own: only the process is left.
    relay: Option<ProcessRelay>,
    /// The relay after both sides have ended in order. It is kept because a process may close its terminal before it
    /// ends: to close our side then would hang it up.
    over: Option<ProcessRelay>,
    process: Option<Process>,
    /// Its exit status, once it was reaped.
    status: Option<ExitStatus>,
    phase: ExecPhase,
    termination: Termination,
    /// Bytes that were sent and received.
    moved: (u64, u64),
    failure: Option<Error>,
    /// It was ended by us, because of a signal or because its peer had ended: its status is not reported as a failure.
    is_stopped: bool,
    /// With `--end-when peer`.
    ends_with_peer: bool,
    /// With `--exec-socket`: the process has the connection.
    is_handed_over: bool,
    report: Report,
}

/// The state of the process, as far as the relay depends on it.
enum ExecPhase {
    /// The process runs.
    Running,
    /// The process runs, and the peer has ended (`--end-when peer`) or has closed both directions. Bytes that both sides
    /// have sent, and the time of the last one.
    Alone(u64, Instant),
    /// It has ended, but other processes have its output: bytes so far, and the time of the last one.
    Held(u64, Instant),
    /// These were silent for too long: their output is not read any more.
    Abandoned,
    /// It has ended, and the end was passed on. The peer's end is waited for until this time.
    Lingering(Instant),
    /// The peer's end is not waited for.
    Closing,
}

/// The ending of the process by signals.
enum Termination {
    /// It ends by itself.
    ByItself,
    /// SIGTERM must be sent, and SIGKILL after this time.
    Due(Duration),
    /// SIGTERM was sent. SIGKILL follows at this time.
    Terminated(Instant),
    /// SIGKILL was sent.
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

    /// Starts the program for a connection. The caller reports the number of bytes.
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

    /// Starts the program with the connection as its stdin and stdout. Its bytes are not seen here.
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
            phase: ExecPhase::Running,
            termination: Termination::ByItself,
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

    /// Ends a process without a peer, once it was silent for too long. Its output before is sent. True if the relay must be
    /// advanced once more.
    fn limit_silence(&mut self, now: Instant) -> bool {
        let (is_ended_with_peer, limit) = (self.is_ended_with_peer(), self.silence_limit());
        let Some(relay) = self.relay.as_mut() else { return false };
        let [output, input] = relay.lanes();
        let moved = output.delivered() + output.held() as u64 + input.delivered();
        let has_sent_nothing = input.has_source_ended() && input.delivered() + input.held() as u64 == 0;
        match self.phase {
            // From now on only the process is waited for. A process that was sent something may still work on it.
            ExecPhase::Running
                if is_ended_with_peer || has_sent_nothing && !output.is_finished() && relay.has_hung_up() =>
            {
                self.phase = ExecPhase::Alone(moved, now);
            }
            // It sends something, or the peer is slow.
            ExecPhase::Alone(before, _)
                if before != moved
                    || output.held() > 0
                    || relay.is_delivering()
                    || relay.local_mut().has_output() =>
            {
                self.phase = ExecPhase::Alone(moved, now);
            }
            ExecPhase::Alone(_, since) if now >= since + limit && !is_ended_with_peer => {
                let limit = humantime::format_duration(limit);
                let text =
                    format!("the peer closed the connection, and the process sent nothing for {limit}");
                self.failure = Some(Error::new(Exit::Lost, text));
                (self.relay, self.termination) = (None, Termination::Due(GRACE));
                return true;
            }
            ExecPhase::Alone(_, since) if now >= since + limit => {
                self.report.detail("the client has ended, and so must the process (see --end-when)");
                self.termination = Termination::Due(GRACE);
                self.is_stopped = true;
                // That may not have been all: a peer that still waits for an answer gets a reset, not an end.
                let _ = relay.report_summary(now);
                self.relay = None;
                return true;
            }
            _ => {}
        }
        false
    }

    /// Follows the process: passes its end on to the connection. True if the relay must be advanced once more.
    fn follow_process(&mut self, now: Instant) -> Result<bool, Error> {
        if !self.process.as_mut().is_none_or(Process::has_ended) {
            return Ok(self.limit_silence(now));
        }
        let Some(relay) = self.relay.as_mut() else { return Ok(false) };
        // Bytes that wait for room in its stdin are discarded: no event would come for them.
        let has_just_ended = matches!(self.phase, ExecPhase::Running | ExecPhase::Alone(..));
        relay.local_mut().discard_input();
        // No process waits for an answer.
        relay.set_half_close(HalfClose::AtOnce);
        let [output, _] = relay.lanes();
        let moved = output.delivered() + output.held() as u64;
        let has_peer_end = output.is_finished();
        match self.phase {
            ExecPhase::Lingering(until) if now >= until => {
                relay.stop_receiving();
                self.phase = ExecPhase::Closing;
                return Ok(true);
            }
            ExecPhase::Lingering(_) | ExecPhase::Closing => {}
            _ if has_peer_end => {
                self.phase = ExecPhase::Lingering(now + LINGER);
                self.reap()?;
            }
            ExecPhase::Running | ExecPhase::Alone(..) => self.phase = ExecPhase::Held(moved, now),
            // The peer is slow, not the output silent.
            ExecPhase::Held(before, _) if before != moved || relay.local_mut().has_output() => {
                self.phase = ExecPhase::Held(moved, now);
            }
            ExecPhase::Held(_, since) if now >= since + HELD_LIMIT => {
                let text = "the process has ended, but others kept its output open: they are ended";
                self.report.warning(text);
                self.termination = Termination::Due(GRACE);
                relay.stop_sending();
                self.phase = ExecPhase::Abandoned;
                return Ok(true);
            }
            ExecPhase::Held(..) | ExecPhase::Abandoned => {}
        }
        Ok(has_just_ended)
    }

    /// Ends the process, if that is due.
    fn end_process(&mut self, now: Instant) {
        let Some(process) = &self.process else { return };
        match self.termination {
            Termination::Due(grace) => {
                process.terminate();
                self.termination = Termination::Terminated(now + grace);
            }
            Termination::Terminated(limit) if now >= limit => {
                process.kill();
                self.termination = Termination::Killed;
            }
            _ => {}
        }
    }

    /// Reaps the process, and reports its exit status.
    fn reap(&mut self) -> Result<(), Error> {
        let Some(process) = self.process.take() else { return Ok(()) };
        if !matches!(self.termination, Termination::ByItself) {
            // Processes that it has started, and that did not end with it.
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

    /// The failure of the stream, or else that of the process.
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
                    let again = self.follow_process(context.now)?;
                    self.end_process(context.now);
                    return Ok(if again { Status::Again } else { status });
                }
                Err(error) => {
                    // Closes the connection and the pipes.
                    self.relay = None;
                    self.failure = Some(error);
                    self.termination = Termination::Due(GRACE);
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
        self.termination = Termination::Due(LAST_GRACE);
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            ExecPhase::Held(_, since) if self.relay.is_some() => Some(since + HELD_LIMIT),
            ExecPhase::Alone(_, since) if self.relay.is_some() => Some(since + self.silence_limit()),
            ExecPhase::Lingering(until) if self.relay.is_some() => Some(until),
            _ => None,
        };
        let end = match self.termination {
            Termination::Terminated(limit) => Some(limit),
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
        // The output of a process costs more than a greeting.
        self.moved.0 > 0
    }

    fn is_counted(&self) -> bool {
        !self.is_handed_over
    }
}
