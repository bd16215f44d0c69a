//! A relay between a local stream and a peer, by the end-of-file contract.

use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

use super::connector::describe;
use super::options::RelayOptions;
use super::send_only::SendOnly;
use super::tools;
use super::tools::Tools;
use crate::error::{Error, Exit};
use crate::error::{cannot_write, lost, with_original_name};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::idle_clock::IdleClock;
use crate::net::pump::{Pump, PumpError, Pumped, Side};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Io, Session, Status};
use crate::net::stdio::Stdio;
use crate::net::stream::{FdKind, SocketState, Stream, Transport};
use crate::proto::relay::ending::{EndWhen, Ending, HalfClose, InputKind};
use crate::proto::relay::half_close_timer::HalfCloseTimer;
use crate::proto::relay::lane::Lane;
use crate::report::Report;

/// A local side and a peer, joined.
pub struct Relay<L, P> {
    local: L,
    peer: P,
    outbound: Pump,
    inbound: Pump,
    ending: Ending,
    half_close_timer: HalfCloseTimer,
    /// The input is not read before the peer has sent something.
    waits_for_greeting: bool,
    start: Instant,
    idle: IdleClock,
    /// Silence for as long as its limit ends the session in order.
    ends_when_idle: bool,
    /// The sending direction has failed; what the peer still sent is written before the command ends.
    failure: Option<Error>,
    acknowledgement: AcknowledgementWait,
    report: Report,
    /// The peer's name in reports.
    peer_name: String,
}

impl<L: Stream, P: Stream> Relay<L, P> {
    /// A relay that begins at `now`.
    pub fn new(
        local: L,
        peer: P,
        ending: Ending,
        idle_timeout: Option<Duration>,
        report: Report,
        now: Instant,
    ) -> Relay<L, P> {
        Relay {
            outbound: Pump::new(&local, &peer),
            inbound: Pump::new(&peer, &local),
            local,
            peer,
            ending,
            half_close_timer: HalfCloseTimer::default(),
            waits_for_greeting: false,
            start: now,
            idle: IdleClock::new(idle_timeout, now),
            ends_when_idle: false,
            failure: None,
            acknowledgement: AcknowledgementWait::default(),
            report,
            peer_name: String::new(),
        }
    }

    /// Sets the peer's name for the report. Without a name its end is not reported.
    #[must_use]
    pub fn with(mut self, peer: impl Display) -> Relay<L, P> {
        self.peer_name = peer.to_string();
        self
    }

    /// With `waits`, the input is not read before the peer has sent something, or ended.
    #[must_use]
    pub fn after_greeting(mut self, waits: bool) -> Relay<L, P> {
        self.waits_for_greeting = waits;
        self
    }

    /// Silence for as long as the idle limit is an end in order, if nothing is on its way in either direction then.
    #[must_use]
    pub fn ending_when_idle(mut self) -> Relay<L, P> {
        self.ends_when_idle = true;
        self
    }

    /// The input is not read at all.
    #[must_use]
    pub fn without_input(mut self) -> Relay<L, P> {
        self.outbound.lane_mut().end_source();
        self
    }

    /// The local side's stream.
    pub fn local_mut(&mut self) -> &mut L {
        &mut self.local
    }

    /// The lane from the local side to the peer, and that from the peer.
    pub fn lanes(&self) -> [&Lane; 2] {
        [self.outbound.lane(), self.inbound.lane()]
    }

    /// Fails if the connection has, even while received bytes wait on this side. For a local side that must not have them.
    pub fn check_peer(&mut self) -> Result<(), Error> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.peer.take_error().map_err(|error| lost(&error)),
        }
    }

    /// True if the peer is known to have closed both directions.
    pub fn has_hung_up(&self) -> bool {
        self.peer.has_hung_up()
    }

    /// Sets how the end of the input is passed on.
    pub fn set_half_close(&mut self, half_close: HalfClose) {
        self.ending.half_close = half_close;
    }

    /// Stops reading the local side.
    pub fn stop_sending(&mut self) {
        self.outbound.lane_mut().end_source();
    }

    /// Stops reading the peer.
    pub fn stop_receiving(&mut self) {
        self.inbound.lane_mut().end_source();
    }

    fn pump_out(&mut self, context: Context) -> Result<Pumped, Error> {
        if self.failure.is_some() || self.waits_for_greeting {
            return Ok(Pumped::Blocked);
        }
        match self.outbound.advance(&mut self.local, &mut self.peer, context) {
            Ok(pumped) => Ok(pumped),
            Err(PumpError { side: Side::Source, error }) => Err(with_original_name(error, |error| {
                Error::new(Exit::Failed, format!("cannot read stdin: {error}"))
            })),
            Err(PumpError { side: Side::Sink, error }) => match error.downcast::<Error>() {
                Ok(ours) => Err(ours),
                Err(error) => {
                    self.failure = Some(lost(&error));
                    Ok(Pumped::Blocked)
                }
            },
        }
    }

    fn pump_in(&mut self, context: Context) -> Result<Pumped, Error> {
        let pumped = match self.inbound.advance(&mut self.peer, &mut self.local, context) {
            Ok(pumped) => pumped,
            Err(PumpError { side: Side::Source, error }) => return Err(with_original_name(error, lost)),
            Err(PumpError { side: Side::Sink, error })
                if error.kind() == io::ErrorKind::BrokenPipe && self.local.survives_broken_pipe() =>
            {
                Pumped::More
            }
            Err(PumpError { side: Side::Sink, error }) => {
                return Err(with_original_name(error, cannot_write));
            }
        };
        self.inbound.pass_end(&mut self.local).map_err(|error| cannot_write(&error))?;
        if self.ending.abandons_input(self.inbound.lane()) {
            self.outbound.lane_mut().end_source();
        }
        Ok(pumped)
    }

    /// Bytes that were read from the peer.
    fn received_bytes(&self) -> u64 {
        let lane = self.inbound.lane();
        self.peer.received_bytes().unwrap_or_else(|| lane.delivered() + lane.held() as u64)
    }

    /// Passes the end of the input on, if it is time for that. `received`: the result of this turn's reading.
    fn pass_input_end(&mut self, received: Pumped, now: Instant) {
        let lane = self.outbound.lane();
        let is_exhausted = lane.held() == 0 && self.local.is_exhausted();
        if self.failure.is_some() || !(lane.is_drained() || is_exhausted) {
            self.half_close_timer.put_off();
            return;
        }
        let (lanes, received_bytes) = ((self.outbound.lane(), self.inbound.lane()), self.received_bytes());
        // Bytes left in the socket for want of room on stdout were sent by the peer, too.
        let is_unread = self.peer.reading_end().is_some_and(|end| end.readiness.is_readable());
        let waits = !lanes.1.has_source_ended() && (is_unread || received == Pumped::More);
        let delivery = || self.peer.delivery();
        self.half_close_timer.observe(now, received_bytes, waits || lanes.1.held() > 0, delivery);
        if self.ending.passes_end_on(lanes, &mut self.half_close_timer, now, delivery) {
            if let Err(error) = self.outbound.pass_end(&mut self.peer) {
                self.failure = Some(lost(&error));
                return;
            }
            self.half_close_timer.passed(now);
        }
        let limit = self.ending.linger.filter(|_| is_exhausted);
        if limit.is_some_and(|limit| self.half_close_timer.has_lingered(now, limit, || self.peer.delivery()))
        {
            self.outbound.lane_mut().end_source();
        }
    }

    /// Passes the end on, if that was not done yet. True when the peer's system has everything.
    fn is_acknowledged(&mut self, now: Instant) -> Result<bool, Error> {
        self.outbound.pass_end(&mut self.peer).map_err(|error| lost(&error))?;
        self.acknowledgement.is_acknowledged(&mut self.peer, now)
    }

    fn check_idle(&mut self, now: Instant) -> Result<(), Error> {
        let (lane, inbound) = (self.outbound.lane(), self.inbound.lane());
        let is_empty = lane.held() == 0 && inbound.held() == 0;
        let moved = lane.delivered() + lane.held() as u64 + self.received_bytes();
        match self.idle.check(moved, now) {
            Err(_) if self.ends_when_idle && is_empty && !self.is_delivering() => {
                self.stop_sending();
                self.stop_receiving();
                // For the acknowledgement of our end.
                self.idle.restart(now);
                Ok(())
            }
            result => result,
        }
    }

    /// True while the peer's system has not acknowledged all that was sent, as far as ours reports that.
    pub fn is_delivering(&self) -> bool {
        self.peer.delivery().is_some_and(|delivery| delivery.is_pending)
    }

    /// Reports the bytes moved, for a session whose end is not waited for. Fails as the session has.
    pub fn report_summary(&mut self, now: Instant) -> Result<(), Error> {
        self.finish(now).map(drop)
    }

    fn finish(&mut self, now: Instant) -> Result<Status, Error> {
        let sent = self.outbound.lane().delivered();
        let received = self.peer.received_bytes().unwrap_or_else(|| self.inbound.lane().delivered());
        let ended = self.failure.take().map_or(Ok(Status::Done), Err);
        if !self.peer_name.is_empty() {
            let ended_after = self.half_close_timer.ended_after();
            self.report.relayed(&self.peer_name, (sent, received), now - self.start, ended_after);
        }
        ended
    }
}

impl<L: Stream, P: Stream> Session for Relay<L, P> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.local.tick(context.now);
        self.peer.tick(context.now);
        let sent = self.pump_out(context)?;
        let ended_before = self.inbound.lane().has_source_ended();
        let received = self.pump_in(context)?;
        let just_ended = !ended_before && self.inbound.lane().has_source_ended();
        if just_ended {
            self.half_close_timer.peer_ended(context.now);
        }
        let is_greeted = self.waits_for_greeting && (just_ended || self.received_bytes() > 0);
        self.waits_for_greeting &= !is_greeted;
        self.pass_input_end(received, context.now);
        self.check_idle(context.now)?;
        if self.inbound.lane().has_source_ended() {
            if self.failure.is_some() {
                return self.finish(context.now);
            }
            // A read does not report a reset that comes after the peer's end.
            self.peer.take_error().map_err(|error| lost(&error))?;
        }
        let lanes = (self.outbound.lane(), self.inbound.lane());
        if !self.ending.is_over(lanes, &mut self.half_close_timer, context.now, || self.peer.delivery()) {
            // With `--end-when input` a stuck stdout postpones the end again: a query that is due would stay due.
            self.acknowledgement.put_off();
        } else if self.is_acknowledged(context.now)? {
            return self.finish(context.now);
        }
        let more = just_ended || is_greeted || sent == Pumped::More || received == Pumped::More;
        Ok(if more { Status::Again } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        let pumps = [self.outbound.wake_up(), self.inbound.wake_up()];
        let wake_ups = [self.local.wake_up(), self.peer.wake_up()].into_iter().chain(pumps);
        [self.idle.deadline(), self.acknowledgement.deadline(), self.half_close_timer.deadline()]
            .into_iter()
            .chain(wake_ups)
            .flatten()
            .min()
    }
}

/// The rules for a relay of the given input, as options and kind of input set them.
pub fn ending(options: &RelayOptions, input: InputKind) -> Ending {
    let end_when = match options.end_when {
        Some(choice) => choice,
        None if options.send_only => EndWhen::Input,
        None => EndWhen::Both,
    };
    let input = match (options.recv_only, options.end_when, input) {
        (true, ..) => InputKind::Nothing,
        // The rule was set by hand: a terminal is an input like any other.
        (_, Some(_), InputKind::Terminal) => InputKind::Real,
        _ => input,
    };
    let half_close = match (options.no_half_close, options.send_only) {
        (true, _) => HalfClose::Never,
        // No answer is waited for.
        (_, true) => HalfClose::AtOnce,
        _ => HalfClose::Politely,
    };
    Ending { input, end_when, half_close, linger: options.linger }
}

/// A relay between stdin and stdout and a connection.
pub type StdioRelay = Relay<Box<dyn Stream>, Box<dyn Stream>>;

/// Stdin, stdout and the tools between them and a connection, ready before there is one.
pub struct LocalSide {
    options: RelayOptions,
    tools: Tools,
}

impl LocalSide {
    /// Fails before anything is opened to the network if a stream or a file that will be needed cannot be used.
    pub fn new(options: &RelayOptions, report: &Report) -> Result<LocalSide, Error> {
        if options.linger.is_some() && options.end_when == Some(EndWhen::Input) {
            let text = "--end-when input leaves at once: type --linger alone to give the peer some time";
            return Err(Error::new(Exit::Usage, text));
        }
        if !options.send_only {
            crate::net::stdio::check_stdout()?;
        }
        Ok(LocalSide { options: options.clone(), tools: Tools::new(&options.records, report)? })
    }

    /// A relay between stdin and stdout and a connection.
    pub fn relay_to(
        &self,
        transport: Transport,
        report: &Report,
        io: &Io,
        now: Instant,
    ) -> Result<StdioRelay, Error> {
        let stdio = Stdio::open(io)?;
        let kind = stdio.input_kind();
        self.relay_between((stdio, kind), transport, report, now)
    }

    /// A relay between a connection and a stream in the place of stdin and stdout, with the kind of its input.
    pub fn relay_between(
        &self,
        (local, input): (impl Stream + 'static, FdKind),
        mut transport: Transport,
        report: &Report,
        now: Instant,
    ) -> Result<StdioRelay, Error> {
        let options = &self.options;
        let input = match input {
            FdKind::Null => InputKind::Nothing,
            FdKind::Terminal => InputKind::Terminal,
            _ => InputKind::Real,
        };
        let mut rules = ending(options, input);
        if transport.tls().is_some_and(|layer| !layer.can_half_close()) {
            // TLS 1.2's end is that of both directions: it waits for the peer's.
            rules.half_close = HalfClose::Never;
        }
        let local: Box<dyn Stream> = match options.send_only {
            true => Box::new(SendOnly::new(local, report.clone())),
            false => Box::new(local),
        };
        // Until the session has ended in order: a killed process must not look like one that has sent everything.
        transport.reset_on_close(true).map_err(|error| lost(&error))?;
        describe(&transport, report);
        let peer_name = transport.peer_name();
        let mut peer = Limited::new(self.tools.recorded(transport, None, now)?, now);
        peer.limit_rate(options.limit_rate, 0);
        let (local, peer) = tools::wrap(local, Box::new(peer), options, rules, (report, now));
        let relay = Relay::new(local, peer, rules, options.idle_timeout, report.clone(), now)
            .with(peer_name)
            .after_greeting(options.wait_greeting);
        // With --telnet the input ends when the peer has, even if there is none: until then refusals may be due.
        Ok(if options.recv_only && !options.tools.telnet { relay.without_input() } else { relay })
    }
}
