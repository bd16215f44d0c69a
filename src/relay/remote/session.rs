//! A session through a program: what the program says on stderr is passed on, and its end awaited.

use std::cell::RefCell;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::remote::RemoteProgram;
use crate::report::Report;

/// Time that the program has to end by itself after the session.
const END_LIMIT: Duration = Duration::from_secs(3);
/// The same when the run was stopped: then it is asked to end.
const STOP_LIMIT: Duration = Duration::from_millis(250);
/// Time after SIGTERM.
const TERMINATION_LIMIT: Duration = Duration::from_millis(500);
/// How long a line is held back: if it is the last one before a failure, it is part of the error.
const HELD: Duration = Duration::from_millis(300);
/// How often a program that may be asking at the terminal is looked at: ^Z may have stopped it.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// The longest line in bytes; longer ones are cut into several.
const MAX_LINE_BYTES: usize = 1024;
/// Bytes of stderr that are read in one turn.
const TURN_BYTES: usize = 64 << 10;

/// How the program has ended.
#[derive(Debug, Default)]
pub(crate) struct ProgramEnd {
    /// Its exit status; `None` if it had to be ended.
    pub(crate) status: Option<ExitStatus>,
    /// Its last line on stderr, if that was not passed on.
    pub(crate) last_line: Option<String>,
    /// A line was that of ssh for a host key that is not the right one.
    pub(crate) is_wrong_host: bool,
    /// A line was that of ssh for a user who may not log in.
    pub(crate) is_denied: bool,
}

/// A session, and the program that carries it.
pub(crate) struct RemoteSession<S> {
    session: Option<S>,
    result: Option<Error>,
    program: Option<RemoteProgram>,
    lines: Lines,
    /// When the program has to end.
    end_by: Option<Instant>,
    was_terminated: bool,
    /// When the program is looked at next; `None` once the server has answered.
    look_at: Option<Instant>,
    end: Rc<RefCell<ProgramEnd>>,
}

impl<S: Session> RemoteSession<S> {
    /// `name` is the server's in lines. `has_answered` is set once the server has. The end of the program is left in `end`.
    pub(crate) fn new(
        session: S,
        program: RemoteProgram,
        (name, report): (String, Report),
        has_answered: Arc<AtomicBool>,
        end: Rc<RefCell<ProgramEnd>>,
    ) -> RemoteSession<S> {
        // It may ask for a password.
        report.lend_terminal(true);
        let lines = Lines { buffer: Vec::new(), held: None, name, report, has_answered, is_muted: false };
        RemoteSession {
            session: Some(session),
            result: None,
            program: Some(program),
            lines,
            end_by: None,
            was_terminated: false,
            look_at: None,
            end,
        }
    }

    /// Reads what the program says. True if there may be more.
    fn read_words(&mut self, now: Instant) -> bool {
        let (mut buffer, mut total) = ([0; 4096], 0);
        while let Some(program) = &mut self.program
            && total < TURN_BYTES
        {
            match program.read_words(&mut buffer) {
                0 => return false,
                count => {
                    total += count;
                    self.lines.push(&buffer[..count], now, &mut self.end.borrow_mut());
                }
            }
        }
        self.program.is_some()
    }

    /// Continues a program that ^Z has stopped while it asked at the terminal.
    fn look(&mut self, now: Instant) {
        if self.session.is_none() || self.lines.has_answered.load(Ordering::Relaxed) {
            self.look_at = None;
        } else if self.look_at.is_none_or(|look_at| now >= look_at) {
            self.look_at = Some(now + LOOK_INTERVAL);
            if let Some(program) = &self.program {
                program.continue_stopped();
            }
        }
    }

    /// Waits for the end of the program, which is asked to end when its time is over.
    fn await_end(&mut self, now: Instant, has_more: bool) -> Status {
        let Some(program) = &mut self.program else { return Status::Done };
        let is_over = program.has_ended();
        if is_over && has_more {
            return Status::Again;
        }
        let limit = if self.lines.is_muted { STOP_LIMIT } else { END_LIMIT };
        let end_by = *self.end_by.get_or_insert(now + limit);
        if !is_over && now < end_by {
            return Status::Waiting;
        }
        if !is_over && !self.was_terminated {
            self.was_terminated = true;
            program.terminate();
            self.end_by = Some(now + TERMINATION_LIMIT);
            return Status::Waiting;
        }
        // One that does not end is killed when it is dropped.
        let mut end = self.end.borrow_mut();
        let program = self.program.take().filter(|_| is_over);
        end.status = program.and_then(|program| program.reap().ok()).filter(|_| !self.was_terminated);
        self.lines.finish(now, &mut end, self.result.is_some());
        Status::Done
    }
}

impl<S: Session> Session for RemoteSession<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let has_more = self.read_words(context.now);
        self.lines.release(context.now);
        self.look(context.now);
        if let Some(session) = &mut self.session {
            let result = session.advance(context);
            if self.lines.has_answered.load(Ordering::Relaxed) {
                self.lines.report.lend_terminal(false);
            }
            match result {
                Ok(Status::Done | Status::RunOver) => {}
                Ok(status) => return Ok(if has_more { Status::Again } else { status }),
                Err(error) => self.result = Some(error),
            }
            // Closes the connection.
            self.session = None;
            self.lines.report.lend_terminal(false);
        }
        match self.await_end(context.now, has_more) {
            Status::Done => self.result.take().map_or(Ok(Status::Done), Err),
            status => Ok(status),
        }
    }

    fn stop(&mut self) -> Stop {
        // What it says now is about the signal.
        self.lines.is_muted = true;
        if let Some(mut session) = self.session.take() {
            session.stop();
        }
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        let session = self.session.as_ref().and_then(Session::deadline);
        [session, self.end_by, self.look_at, self.lines.deadline()].into_iter().flatten().min()
    }
}

/// The program's stderr as lines.
struct Lines {
    /// A line that has not ended.
    buffer: Vec<u8>,
    /// The last line, and when it is passed on at the latest.
    held: Option<(String, Instant)>,
    name: String,
    report: Report,
    has_answered: Arc<AtomicBool>,
    is_muted: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8], now: Instant, end: &mut ProgramEnd) {
        for byte in bytes {
            if *byte != b'\n' {
                self.buffer.push(*byte);
            }
            if *byte == b'\n' || self.buffer.len() == MAX_LINE_BYTES {
                self.line(now, end);
            }
        }
    }

    /// Takes the line in the buffer.
    fn line(&mut self, now: Instant, end: &mut ProgramEnd) {
        let line = String::from_utf8_lossy(&self.buffer).trim_end().to_owned();
        self.buffer.clear();
        if line.is_empty() {
            return;
        }
        end.is_wrong_host |= line.starts_with("Host key verification failed");
        end.is_denied |= line.contains("Permission denied (");
        self.show();
        self.held = Some((line, now + HELD));
    }

    fn release(&mut self, now: Instant) {
        if self.held.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.show();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.held.as_ref().map(|(_, until)| *until)
    }

    /// Passes the held line on.
    fn show(&mut self) {
        let Some((line, _)) = self.held.take() else { return };
        // Once the server has answered, it says by the protocol what has failed.
        let is_known = self.has_answered.load(Ordering::Relaxed) && line.starts_with("sendall: ");
        if !self.is_muted && (!is_known || self.report.is_verbose()) {
            self.report.notice(format_args!("{}: {line}", self.name));
        }
    }

    /// The program has ended: its last line explains a failure before the server's answer.
    fn finish(&mut self, now: Instant, end: &mut ProgramEnd, has_failed: bool) {
        self.line(now, end);
        if has_failed && !self.has_answered.load(Ordering::Relaxed) {
            end.last_line = self.held.take().map(|(line, _)| line);
        }
        self.show();
    }
}
