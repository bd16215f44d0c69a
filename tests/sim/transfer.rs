//! Transfers in seeded worlds: both machines, up to four connections that are cut at any byte, a disk that forgets what was
//! not synced, and runs that go on where the last one ended.

mod contention;
mod disk;
mod receiving;
mod sending;
mod wire;

use std::collections::HashSet;

use sendall::proto::transfer::outcome::EntryOutcome;
use sendall::proto::transfer::receiver::ReceiveStep;
use sendall::proto::transfer::sender::{Ended, SendStep};

use crate::world::{Random, in_every_world};
use disk::Disk;
use receiving::Receiving;
use sending::{Sending, Source};
use wire::Connection;

const SEEDS: u64 = 700;
const MAX_EVENTS: usize = 200_000;
const MAX_RUNS: usize = 8;
/// For so many events nothing has happened on any way: both wait.
const IDLE_EVENTS: usize = 600;

struct World {
    seed: u64,
    random: Random,
    sources: Vec<Source>,
    /// Paths that cannot be brought to the disk.
    full: HashSet<String>,
    streaming: bool,
    /// Some bodies are damaged on their way.
    damages: bool,
    /// So many pieces at most: a block that is damaged a fourth time ends its session.
    damages_left: usize,
    disk: Disk,
}

/// How a run may fail.
struct Plan {
    /// The first connection is cut when about so many events have happened.
    cut_at: Option<usize>,
    /// Then the receiver's machine loses its power.
    crashes: bool,
    /// Further connections are cut now and then.
    cuts_further: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let mut full = HashSet::new();
        let count = random.below(12);
        let has_faults = random.chance(40);
        let sources = (0..count).map(|number| {
            let size = match random.below(6) {
                0 => 0,
                1 | 2 => random.below(100),
                3 => random.below(3 << 20),
                4 => (4 << 20) + 1,
                _ => (4 << 20) + random.below(30 << 20),
            };
            let path = format!("f{number}");
            let is_folder = random.chance(10);
            let fault = match random.below(10) {
                0 if has_faults => Some(Ended::Changed),
                1 if has_faults => Some(Ended::Unreadable),
                _ => None,
            };
            if has_faults && random.chance(10) {
                full.insert(path.clone());
            }
            let size = if is_folder { 0 } else { size as u64 };
            // What has no content cannot be told from what has another.
            let content = if size == 0 { 0 } else { 1 + number as u64 };
            Source { path, is_folder, size, content, fault: fault.filter(|_| !is_folder) }
        });
        let sources = sources.collect();
        World {
            seed,
            sources,
            full,
            streaming: random.chance(20),
            damages: random.chance(15),
            damages_left: 3,
            disk: Disk::default(),
            random,
        }
    }

    /// One run. True: the sender has heard the result.
    fn session(&mut self, plan: &Plan) -> bool {
        let seed = self.seed;
        let mut connections: Vec<Connection> =
            (0..1 + self.random.below(4)).map(|_| Connection::default()).collect();
        let mut sending = Sending::new(&self.sources, self.streaming);
        let mut receiving = Receiving::new(self.streaming, self.full.clone());
        let mut idle = 0;
        for event in 0..MAX_EVENTS {
            if sending.has_finished {
                receiving.has_finished |= receiving.machine.next_step() == ReceiveStep::Finished;
                self.check_result(&sending, &receiving);
                self.check_economy(&sending, &receiving, plan);
                receiving.leave(&mut self.disk, true);
                return true;
            }
            if plan.cut_at.is_some_and(|time| event >= time) {
                self.cut(sending, receiving, connections, plan);
                return false;
            }
            let number = self.random.below(connections.len());
            if plan.cuts_further && number > 0 && self.random.below(200) == 0 {
                connections[number].is_lost = true;
                sending.lost(number);
            }
            let moved = self.happen(number, &mut connections[number], &mut sending, &mut receiving);
            idle = if moved { 0 } else { idle + 1 };
            assert!(idle < IDLE_EVENTS, "seed {seed}: both wait: {connections:?}");
            // To look at all of them each time would take its time.
            if event % 32 == 0 {
                self.check_names();
            }
        }
        panic!("seed {seed}: not over");
    }

    /// Something happens on a connection, or on the disk. False: nothing could.
    fn happen(
        &mut self,
        number: usize,
        connection: &mut Connection,
        sending: &mut Sending,
        receiving: &mut Receiving,
    ) -> bool {
        let seed = self.seed;
        let event = self.random.below(5);
        let damages = self.damages && self.damages_left > 0 && event == 2 && self.random.chance(2);
        self.damages_left -= usize::from(damages);
        // What was sent before a loss may still come, and is written.
        let result = match event {
            0 if connection.is_lost => Ok(false),
            0 => sending.advance(number, connection, &mut self.random),
            1 => receiving.advance(number, connection, &mut self.disk),
            2 => Ok(connection.there.deliver(&mut self.random, damages)),
            3 => Ok(!connection.is_lost && connection.back.deliver(&mut self.random, false)),
            _ => Ok(receiving.commit(&mut self.disk)),
        };
        assert_eq!(sending.peer_error, None, "seed {seed}");
        result.unwrap_or_else(|violation| panic!("seed {seed}: on {number}: {violation:?}"))
    }

    /// The first connection is cut. What has arrived by then, the receiver may still hear.
    fn cut(
        &mut self,
        mut sending: Sending,
        mut receiving: Receiving,
        mut connections: Vec<Connection>,
        plan: &Plan,
    ) {
        let seed = self.seed;
        for _ in 0..self.random.below(100) {
            let number = self.random.below(connections.len());
            let connection = &mut connections[number];
            let result = receiving.advance(number, connection, &mut self.disk);
            assert!(result.is_ok(), "seed {seed}: {result:?}");
            if self.random.chance(20) {
                receiving.commit(&mut self.disk);
            }
        }
        if receiving.has_finished {
            let has_heard = sending.machine.next_step() == SendStep::Finished;
            let unknown = has_heard || sending.machine.awaiting_result();
            assert!(
                unknown,
                "seed {seed}: the receiver is done, and the sender does not know that it may be"
            );
        }
        assert!(!sending.has_finished, "seed {seed}: a result that has not come");
        let durable = self.disk.durable.len();
        receiving.leave(&mut self.disk, !plan.crashes);
        if plan.crashes {
            self.disk.crash(&mut self.random);
        }
        assert!(self.disk.durable.len() >= durable, "seed {seed}: what was safe is gone");
        self.check_names();
    }

    /// Between two runs a file that has no name yet may become another one.
    fn change_source(&mut self) {
        if self.sources.is_empty() || self.random.chance(80) {
            return;
        }
        let number = self.random.below(self.sources.len());
        let source = &mut self.sources[number];
        let is_named = self.disk.names.contains_key(&source.path);
        if !is_named && source.size > 0 {
            source.content += 100;
            source.size += [0, 0, 1, 5 << 20][self.random.below(4)];
        }
    }

    /// A final name is whole.
    fn check_names(&self) {
        let seed = self.seed;
        for (path, node) in self.disk.names.iter().chain(&self.disk.durable) {
            let source = self.sources.iter().find(|source| source.path == *path);
            let Some(source) = source else { panic!("seed {seed}: {path} was never sent") };
            let is_whole = source.size == 0 || node.content.run(0, source.size) == Some(source.whole());
            assert!(is_whole && node.size == source.size, "seed {seed}: {path} is not whole: {node:?}");
            assert_eq!(node.is_folder, source.is_folder, "seed {seed}: {path}");
        }
    }

    /// What the sender counts as done is what the receiver has named, and is safe.
    fn check_result(&self, sending: &Sending, receiving: &Receiving) {
        let seed = self.seed;
        self.check_names();
        assert!(receiving.has_finished, "seed {seed}: a result before the end");
        let counts = (sending.closed.len(), receiving.closed.len());
        assert_eq!(counts, (self.sources.len(), self.sources.len()), "seed {seed}: each has an outcome");
        assert_eq!(sending.machine.unnamed_failures(), 0, "seed {seed}: failures without a name");
        assert_eq!(sending.machine.sent_bytes(), receiving.machine.received_bytes(), "seed {seed}: bytes");
        for (file, source) in (0..).zip(&self.sources) {
            let (there, here) = (&sending.closed[&file].outcome, &receiving.closed[&file].outcome);
            assert_eq!(there.is_failed(), here.is_failed(), "seed {seed}: {source:?}: {there:?}, {here:?}");
            assert_eq!(sending.closed[&file].path, source.path.as_bytes(), "seed {seed}: {source:?}");
            let is_safe = self.disk.durable.contains_key(&source.path);
            assert!(here.is_failed() || is_safe, "seed {seed}: {source:?} is done and not safe");
            let may_fail = source.fault.is_some() || self.full.contains(&source.path) || self.damages;
            let was_there = *there == EntryOutcome::AlreadyThere;
            assert!(!there.is_failed() || may_fail || self.streaming, "seed {seed}: {source:?}: {there:?}");
            assert!(!was_there || is_safe, "seed {seed}: {source:?} was there and is not safe");
        }
    }

    /// What was there is not sent again; what was not there is sent once.
    fn check_economy(&self, sending: &Sending, receiving: &Receiving, plan: &Plan) {
        if plan.cuts_further || self.damages || self.sources.iter().any(|source| source.fault.is_some()) {
            return;
        }
        let seed = self.seed;
        let good = receiving.told.iter().filter(|(file, length, value)| {
            let source = &self.sources[*file as usize];
            (0..source.size).step_by(4 << 20).any(|at| source.run(at, *length).digest() == *value)
        });
        let good: u64 = good.map(|(_, length, _)| length).sum();
        assert_eq!(sending.resumed_bytes, good, "seed {seed}: what was there was sent again");
        let in_blocks = |file: &u32| self.sources[*file as usize].size > 4 << 20;
        let done = sending
            .closed
            .iter()
            .filter(|(file, closed)| in_blocks(file) && closed.outcome != EntryOutcome::AlreadyThere);
        let size: u64 = done.map(|(file, _)| self.sources[*file as usize].size).sum();
        assert_eq!(sending.sent_bytes + sending.resumed_bytes, size, "seed {seed}: each block once");
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for attempt in 0..MAX_RUNS {
        let is_last = attempt + 1 == MAX_RUNS;
        let time = [50, 500, 5000][world.random.below(3)];
        let plan = Plan {
            cut_at: (!is_last && world.random.chance(70)).then(|| world.random.below(time)),
            crashes: world.random.chance(30),
            cuts_further: world.random.chance(50),
        };
        if world.session(&plan) {
            return;
        }
        world.change_source();
    }
    panic!("seed {seed}: the last run was cut");
}

#[test]
fn transfers_keep_the_contract_in_every_world() {
    in_every_world("transfers", SEEDS, run);
}
