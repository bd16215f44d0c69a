//! The server's side of a connection: the handshake, the wait for an earlier session of the same client, and a session that
//! holds names which others want.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sendall::proto::transfer::contention::makes_way;
use sendall::proto::transfer::frame::{Frame, Phase};
use sendall::proto::transfer::hello::{Accept, Capabilities, Hello};
use sendall::proto::transfer::reason::Reason;
use sendall::proto::transfer::roster::{Roster, Succession, Superseded};
use sendall::proto::transfer::time_limits::TimeLimits;

use super::{HANDSHAKE_LIMIT, Line, World};
use crate::transfer::disk::Disk;
use crate::transfer::receiving::{Receiving, Shared};
use crate::world::Random;

pub(super) struct Visit {
    number: usize,
    pub(super) client: usize,
    pub(super) source: IpAddr,
    pub(super) line: Line,
    idle: Duration,
    stage: Stage,
    woken: Arc<AtomicBool>,
    pub(super) is_ready: bool,
    /// Its thread is held up by the system.
    pub(super) stuck_until: Option<Instant>,
    pub(super) was_stuck: bool,
}

enum Stage {
    Hello { by: Instant },
    Succeeding(Hello, Succession),
    Running(Box<Running>),
    Gone,
}

pub(super) struct Running {
    pub(super) receiving: Receiving,
    times: TimeLimits,
    pub(super) last_traffic: Instant,
    /// Names of which it has told another session that they are its own, and since when.
    pub(super) told: BTreeMap<String, Instant>,
    /// When it last looked what others want.
    pub(super) heard_at: Option<Instant>,
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Lost,
    TakenOver,
    Late,
    MadeWay,
}

impl Running {
    pub(super) fn shared(&self) -> &Shared {
        self.receiving.shared.as_deref().unwrap_or_else(|| panic!("a session without others"))
    }

    fn shared_mut(&mut self) -> &mut Shared {
        self.receiving.shared.as_deref_mut().unwrap_or_else(|| panic!("a session without others"))
    }

    /// Works until there is nothing to do. `None`: it waits, and whether anything moved.
    fn advance(
        &mut self,
        line: &mut Line,
        disk: &mut Disk,
        random: &mut Random,
        now: Instant,
    ) -> (Option<End>, bool) {
        let shared = self.shared_mut();
        shared.now = now;
        if shared.registration.is_taken_over() {
            return (Some(End::TakenOver), true);
        }
        if line.is_reset {
            return (Some(End::Lost), true);
        }
        self.last_traffic = self.last_traffic.max(line.moved_at.unwrap_or(self.last_traffic));
        for _ in 0..1 + random.below(8) {
            let hash_time = [0, 100, 3000, 20_000][random.below(4)];
            self.shared_mut().hash_time = Duration::from_millis(hash_time);
            let moved = self.receiving.advance(0, &mut line.wire, disk);
            if !moved.unwrap_or_else(|violation| panic!("a server hears {violation:?}")) {
                return (self.wait(line, now), false);
            }
            self.last_traffic = now;
            if self.receiving.has_finished {
                return (Some(End::Done), true);
            }
        }
        (None, true)
    }

    /// Nothing can be done: are there limits that have passed, or others that want a name?
    fn wait(&mut self, line: &mut Line, now: Instant) -> Option<End> {
        if line.client_left && line.passes(now) && line.wire.there.is_drained() {
            return Some(End::Lost);
        }
        let shared = self.shared();
        let is_busy = shared.hashing.is_some() || shared.backoff.next_look().is_some();
        if is_busy || self.receiving.has_commits() {
            if self.times.busy(now) {
                line.wire.back.say(&Frame::Ping { phase: Some(Phase::Reading), done: 0 });
            }
            self.last_traffic = now;
        } else if self.times.overdue(now, self.last_traffic).is_some() {
            return Some(End::Late);
        }
        let last_traffic = self.last_traffic;
        self.heard_at = Some(now);
        let mut told = std::mem::take(&mut self.told);
        let shared = self.shared_mut();
        shared.backoff.put_off(now);
        for wanted in shared.registration.wanted(last_traffic) {
            let path = String::from_utf8_lossy(&wanted.path).into_owned();
            let Some(version) = shared.held.get(&path) else { continue };
            let is_own = wanted.is_own(*version);
            if makes_way(now - last_traffic, is_own).is_some() {
                return Some(End::MadeWay);
            }
            if is_own {
                told.entry(path).or_insert(now);
            }
        }
        let is_waiting = shared.is_waiting();
        let looks = shared.backoff.next_look().is_some();
        self.told = told;
        assert_eq!(looks, is_waiting, "it looks again, and waits for nothing");
        let deadline = self.deadline();
        assert!(deadline > now, "a session waits for a time that is over");
        None
    }

    fn deadline(&self) -> Instant {
        let shared = self.shared();
        let hashed = shared.hashing.as_ref().map(|(_, until)| *until);
        let times = [Some(self.times.deadline(self.last_traffic)), shared.backoff.next_look(), hashed];
        times.into_iter().flatten().min().unwrap_or(shared.now)
    }
}

impl Visit {
    pub(super) fn new(number: usize, client: usize, source: IpAddr, idle: Duration, now: Instant) -> Visit {
        Visit {
            number,
            client,
            source,
            line: Line::default(),
            idle,
            stage: Stage::Hello { by: now + HANDSHAKE_LIMIT },
            woken: Arc::default(),
            is_ready: false,
            stuck_until: None,
            was_stuck: false,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.stage, Stage::Gone)
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.stage {
            Stage::Running(running) => Some(running),
            _ => None,
        }
    }

    pub(super) fn has_commits(&self) -> bool {
        self.running().is_some_and(|running| running.receiving.has_commits())
    }

    pub(super) fn commit(&mut self, disk: &mut Disk) {
        if let Stage::Running(running) = &mut self.stage {
            running.receiving.commit(disk);
        }
    }

    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let due = match &self.stage {
            Stage::Hello { by } => Some(*by),
            Stage::Succeeding(_, succession) => Some(succession.next_look),
            Stage::Running(running) => Some(running.deadline()),
            Stage::Gone => None,
        };
        let stuck = self.stuck_until.filter(|time| *time > now);
        due.map(|due| stuck.map_or(due, |stuck| stuck.max(due)))
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_called = self.is_ready || self.woken.load(Ordering::Relaxed);
        let is_stuck = self.stuck_until.is_some_and(|time| now < time);
        !self.is_gone() && !is_stuck && (is_called || self.deadline(now).is_some_and(|time| now >= time))
    }

    /// The machine has lost its power.
    pub(super) fn vanish(&mut self, disk: &mut Disk) {
        if let Stage::Running(running) = std::mem::replace(&mut self.stage, Stage::Gone) {
            running.receiving.leave(disk, false);
        }
        self.line.server_left = true;
        self.line.was_silent = true;
        self.line.is_reset |= !self.line.is_dead;
    }

    /// The handshake, as far as it has come.
    fn enter(&mut self, roster: &Roster<()>, now: Instant) {
        let (hello, succession) = match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Hello { by } => match self.line.wire.there.message(Hello::parse) {
                Some(hello) => (hello, None),
                None if now >= by || self.line.client_left => return self.line.server_left = true,
                None => return self.stage = Stage::Hello { by },
            },
            Stage::Succeeding(hello, succession) if now >= succession.next_look => (hello, Some(succession)),
            other => return self.stage = other,
        };
        if let Some(run) = hello.run() {
            match roster.succeed((run, self.number as u64), succession, now) {
                Ok(None) => {}
                Ok(Some(succession)) => {
                    assert!(succession.next_look > now, "a successor waits for a time that is over");
                    return self.stage = Stage::Succeeding(hello, succession);
                }
                Err(Superseded) => {
                    self.line.wire.back.push(Accept::refusal(Reason::Stopped).encode());
                    return self.line.server_left = true;
                }
            }
        }
        let capabilities = Capabilities::of_operation(hello.operation);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(1 + self.number as u64).to_be_bytes());
        let woken = Arc::clone(&self.woken);
        let wake = move || woken.store(true, Ordering::Relaxed);
        let run = (hello.run(), self.number as u64);
        let registration = roster.register(id, run, Some(self.source), wake);
        let Ok(registration) = registration else { panic!("nobody came between") };
        let number = 1 + self.number as u64;
        let mut receiving = Receiving::new(false, HashSet::new());
        receiving.shared = Some(Box::new(Shared::new(number, registration, succession.is_some(), now)));
        self.line.wire.back.push(Accept { capabilities, session: id, ..Accept::plain() }.encode());
        let times = TimeLimits::new(self.idle, None);
        self.stage = Stage::Running(Box::new(Running {
            receiving,
            times,
            last_traffic: now,
            told: BTreeMap::new(),
            heard_at: None,
        }));
        self.is_ready = true;
    }
}

impl World {
    pub(super) fn advance_a_visit(&mut self) -> bool {
        let now = self.now;
        let due = |visit: &Visit| visit.is_due(now);
        let Some(index) = Self::pick(&mut self.random, &self.visits, due) else { return false };
        let visit = &mut self.visits[index];
        (visit.is_ready, visit.stuck_until) = (false, None);
        visit.woken.store(false, Ordering::Relaxed);
        let Stage::Running(running) = &mut visit.stage else {
            visit.enter(&self.roster, now);
            self.check_runs(index);
            return true;
        };
        let (end, moved) = running.advance(&mut visit.line, &mut self.disk, &mut self.random, now);
        visit.is_ready = moved;
        // What was pushed may leave.
        self.clients[visit.client].is_ready = true;
        let refusal = running.shared_mut().refusal.take();
        if let Some(refusal) = refusal {
            self.check_refusal(index, &refusal);
        }
        if let Some(end) = end {
            self.end(index, end);
        }
        true
    }

    /// A session is over: what is whole gets its name, parts are left, and the others no longer find it.
    fn end(&mut self, index: usize, end: End) {
        let visit = &mut self.visits[index];
        let Stage::Running(running) = std::mem::replace(&mut visit.stage, Stage::Gone) else { return };
        let reason = match end {
            End::Late | End::MadeWay => Some(Reason::TimeLimit),
            End::TakenOver => Some(Reason::Stopped),
            End::Done | End::Lost => None,
        };
        if let Some(reason) = reason {
            visit.line.wire.back.say(&Frame::Error { reason, text: String::new() });
        }
        let number = running.shared().number;
        let hashing = running.shared().hashing.clone();
        running.receiving.leave(&mut self.disk, true);
        visit.line.server_left = true;
        if let Some((path, until)) = hashing {
            // Nobody wants the hash any more: a slow disk notices it late.
            let is_slow = self.random.chance(20);
            let soon = self.now + Duration::from_millis(self.random.below(700) as u64);
            self.lingering.push((path, number, if is_slow { until } else { soon.min(until) }));
            self.clients[visit.client].has_lingered |= is_slow;
        }
    }
}
