//! A client: a session after the other, as its tries allow.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use sendall::error::Retry;
use sendall::proto::transfer::hello::{Accept, Hello, RunId};
use sendall::proto::transfer::time_limits::{Overdue, TimeLimits};
use sendall::run::retry::Tries;

use super::server::Visit;
use super::{HANDSHAKE_LIMIT, IDLE_LIMITS, World};
use crate::transfer::sending::{Sending, Source};
use crate::world::Random;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Client {
    number: usize,
    pub(super) source: IpAddr,
    pub(super) sources: Vec<Source>,
    run: Option<RunId>,
    retries: u32,
    first_pause: Duration,
    tries: Tries,
    /// Tries that have begun.
    begun: u32,
    last_pause: Option<Duration>,
    idle: Duration,
    pub(super) state: State,
    /// Something has happened that it waits for.
    pub(super) is_ready: bool,
    /// The disk was slow to notice the end of one of its sessions.
    pub(super) has_lingered: bool,
}

pub(super) enum State {
    Pausing(Instant),
    Talking(Box<Talk>),
    /// The outcome: whether everything was said to be done, or how the last try has failed.
    Over(Result<(), Failed>),
}

/// A session from the client's side.
pub(super) struct Talk {
    pub(super) visit: usize,
    pub(super) sending: Sending,
    times: TimeLimits,
    last_traffic: Instant,
    /// The client's side of the network has noticed that the connection is gone.
    is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Lost,
    TimedOut(Overdue),
    Peer(Retry),
}

impl Failed {
    fn retry(self) -> Retry {
        match self {
            Failed::Lost | Failed::TimedOut(_) => Retry::Again,
            Failed::Peer(retry) => retry,
        }
    }
}

impl Client {
    pub(super) fn new(
        number: usize,
        source: IpAddr,
        sources: Vec<Source>,
        random: &mut Random,
        now: Instant,
    ) -> Client {
        let retries = [0, 3, 20][random.below(3)];
        let first_pause = Duration::from_millis([50, 1000, 15_000][random.below(3)]);
        let latest = [1, 3000, 40_000][random.below(3)];
        let begins = now + Duration::from_millis(random.below(latest) as u64);
        Client {
            number,
            source,
            sources,
            run: (retries > 0).then_some([1 + number as u8; 16]),
            retries,
            first_pause,
            tries: Tries::new(retries, first_pause),
            begun: 0,
            last_pause: None,
            idle: IDLE_LIMITS[random.below(3)],
            state: State::Pausing(begins),
            is_ready: false,
            has_lingered: false,
        }
    }

    /// It is told that its connection is gone.
    pub(super) fn is_cut(&mut self, visit: usize) {
        if let State::Talking(talk) = &mut self.state
            && talk.visit == visit
        {
            talk.is_cut = true;
            self.is_ready = true;
        }
    }

    pub(super) fn has_run(&self) -> bool {
        self.run.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Pausing(until) => Some(*until),
            State::Talking(talk) => Some(talk.times.deadline(talk.last_traffic)),
            State::Over(_) => None,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let can_be = !matches!(self.state, State::Pausing(_) | State::Over(_));
        self.is_ready && can_be || self.deadline().is_some_and(|time| now >= time)
    }

    /// A try has failed: there is another one, or this was the last.
    fn failed(&mut self, failed: Failed, has_moved: bool, (seed, now): (u64, Instant)) {
        let pause = self.tries.failed(failed.retry(), has_moved);
        let has_more = self.begun <= self.retries;
        assert_eq!(pause.is_some(), failed.retry() == Retry::Again && has_more, "seed {seed}: tries");
        self.state = match pause {
            None => State::Over(Err(failed)),
            Some(pause) => {
                let due = match self.last_pause {
                    Some(last) if !has_moved => (2 * last).min(LONGEST_PAUSE.max(self.first_pause)),
                    _ => self.first_pause,
                };
                assert_eq!(pause, due, "seed {seed}: the pause before try {}", self.begun);
                self.last_pause = Some(pause);
                State::Pausing(now + pause)
            }
        };
    }
}

impl Talk {
    /// Works. `None`: it goes on.
    fn advance(
        &mut self,
        visit: &mut Visit,
        random: &mut Random,
        now: Instant,
    ) -> Option<Result<(), Failed>> {
        let line = &mut visit.line;
        let mut moved = false;
        if self.is_cut || line.is_reset {
            return Some(Err(Failed::Lost));
        }
        if self.times.awaits_accept()
            && let Some(accept) = line.wire.back.message(Accept::parse)
        {
            if let Some(reason) = accept.refused {
                // Of an earlier try, it would have come too late to be heard.
                panic!("the only connection of a client is refused: {reason}");
            }
            self.times.accepted();
            moved = true;
        }
        for _ in 0..1 + random.below(8) {
            if self.times.awaits_accept() {
                break;
            }
            let step = self.sending.advance(0, &mut line.wire, random);
            if !step.unwrap_or_else(|violation| panic!("a client hears {violation:?}")) {
                break;
            }
            moved = true;
        }
        self.last_traffic = self.last_traffic.max(line.moved_at.unwrap_or(self.last_traffic));
        if moved {
            self.last_traffic = now;
        }
        if self.sending.has_finished {
            return Some(Ok(()));
        }
        if let Some(reason) = self.sending.peer_error {
            return Some(Err(Failed::Peer(reason.retry())));
        }
        if line.server_left && line.passes(now) && line.wire.back.is_drained() && !moved {
            return Some(Err(Failed::Lost));
        }
        if moved {
            return None;
        }
        let overdue = self.times.overdue(now, self.last_traffic);
        let is_late = overdue.is_some();
        assert!(
            is_late || self.times.deadline(self.last_traffic) > now,
            "a client waits for a time that is over"
        );
        let was_well = !line.was_silent && !visit.was_stuck;
        assert!(!(is_late && was_well), "{overdue:?} of a client whose server was well");
        overdue.map(|overdue| Err(Failed::TimedOut(overdue)))
    }
}

impl World {
    pub(super) fn advance_a_client(&mut self) -> bool {
        let now = self.now;
        let due = |client: &Client| client.is_due(now);
        let Some(index) = Self::pick(&mut self.random, &self.clients, due) else { return false };
        let client = &mut self.clients[index];
        match &mut client.state {
            State::Over(_) => {}
            State::Pausing(_) => self.begin(index),
            State::Talking(talk) => {
                let visit = &mut self.visits[talk.visit];
                let outcome = talk.advance(visit, &mut self.random, now);
                // It is called again as long as something moves.
                client.is_ready = outcome.is_none() && talk.last_traffic == now;
                let Some(outcome) = outcome else { return true };
                visit.line.client_left = true;
                visit.is_ready = true;
                self.ended(index, outcome);
            }
        }
        true
    }

    fn begin(&mut self, index: usize) {
        let (now, client) = (self.now, &mut self.clients[index]);
        client.begun += 1;
        let seed = self.seed;
        assert!(client.begun <= client.retries + 1, "seed {seed}: more tries than were asked for");
        let mut hello = Hello::put(false, None, None);
        if let Some(run) = client.run {
            hello = hello.of_run(run);
        }
        let idle = IDLE_LIMITS[self.random.below(3)];
        let mut visit = Visit::new(self.visits.len(), client.number, client.source, idle, now);
        visit.line.wire.there.push(hello.encode());
        let talk = Talk {
            visit: self.visits.len(),
            sending: Sending::new(&client.sources, false),
            times: TimeLimits::new(client.idle, Some(now + HANDSHAKE_LIMIT)),
            last_traffic: now,
            is_cut: false,
        };
        client.state = State::Talking(Box::new(talk));
        client.is_ready = true;
        self.visits.push(visit);
    }

    fn ended(&mut self, index: usize, outcome: Result<(), Failed>) {
        let client = &mut self.clients[index];
        let State::Talking(talk) = std::mem::replace(&mut client.state, State::Over(outcome)) else { return };
        match outcome {
            Ok(()) => self.check_result(index, &talk.sending),
            Err(failed) => {
                let has_moved = talk.sending.sent_bytes > 0;
                client.failed(failed, has_moved, (self.seed, self.now));
            }
        }
    }
}
