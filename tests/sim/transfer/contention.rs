//! Several clients of one server in seeded worlds: they want the same names, fall silent, are cut off, come back and take
//! over from themselves, and the server may lose its power. What decides is the code itself; disk and network are models.

mod checks;
mod client;
mod server;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use sendall::proto::transfer::roster::Roster;

use self::client::{Client, State};
use self::server::Visit;
use super::disk::Disk;
use super::sending::Source;
use super::wire::Connection;
use crate::world::{Random, in_every_world};

const SEEDS: u64 = 1200;
const MAX_EVENTS: usize = 60_000;
/// Longer than a server or a client lets a connection be silent here.
const IDLE_LIMITS: [Duration; 3] = [Duration::from_secs(8), Duration::from_secs(25), Duration::from_secs(60)];
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// A connection, and what has happened to it.
#[derive(Debug, Default)]
pub(super) struct Line {
    wire: Connection,
    /// Nothing passes until then.
    silent_until: Option<Instant>,
    /// Nothing passes any more, and nobody is told.
    is_dead: bool,
    /// Both were told that it is cut.
    is_reset: bool,
    /// It was silent at some time.
    was_silent: bool,
    /// When bytes were last moved.
    moved_at: Option<Instant>,
    client_left: bool,
    server_left: bool,
}

impl Line {
    fn passes(&self, now: Instant) -> bool {
        !self.is_dead && !self.is_reset && self.silent_until.is_none_or(|time| now >= time)
    }
}

pub(super) struct World {
    seed: u64,
    random: Random,
    now: Instant,
    start: Instant,
    clients: Vec<Client>,
    /// A connection each, from the server's side.
    visits: Vec<Visit>,
    roster: Roster<()>,
    disk: Disk,
    /// Parts that the work of sessions which are over still holds.
    lingering: Vec<(String, u64, Instant)>,
    /// Ends of power that are still to come.
    crashes: usize,
    /// How long an event takes, in microseconds at most.
    pace: usize,
    mishaps: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed ^ 0x5eed);
        // The one look at the real clock: a base for offsets, since an Instant cannot be made up.
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let count = 2 + random.below(3);
        let mut clients: Vec<Client> = Vec::new();
        for number in 0..count {
            // The same command typed again, from the same machine.
            let again =
                clients.last().filter(|_| random.chance(40)).map(|last| (last.source, last.sources.clone()));
            let (source, sources) = again.unwrap_or_else(|| {
                let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, random.below(2) as u8));
                (address, sources(number as u64, &mut random))
            });
            clients.push(Client::new(number, source, sources, &mut random, now));
        }
        World {
            seed,
            now,
            start: now,
            clients,
            visits: Vec::new(),
            roster: Roster::default(),
            disk: Disk::default(),
            lingering: Vec::new(),
            crashes: usize::from(random.chance(10)),
            pace: [10, 1000, 40_000][random.below(3)],
            mishaps: [0, 10, 40][random.below(3)],
            random,
        }
    }

    /// Something happens. False: nothing can before time passes.
    fn happen(&mut self) -> bool {
        let kinds = 4;
        let first = self.random.below(kinds);
        for kind in (0..kinds).map(|kind| (first + kind) % kinds) {
            let happened = match kind {
                0 => self.deliver(),
                1 => self.advance_a_client(),
                2 => self.advance_a_visit(),
                _ => self.advance_the_disk(),
            };
            if happened {
                self.now += Duration::from_micros(self.random.below(self.pace) as u64);
                return true;
            }
        }
        false
    }

    /// One of those that `which` picks, at random.
    fn pick<T>(random: &mut Random, all: &[T], which: impl Fn(&T) -> bool) -> Option<usize> {
        let picked: Vec<usize> = (0..all.len()).filter(|index| which(&all[*index])).collect();
        if picked.is_empty() { None } else { Some(picked[random.below(picked.len())]) }
    }

    fn deliver(&mut self) -> bool {
        let now = self.now;
        let moves = |visit: &Visit| {
            let Line { wire, .. } = &visit.line;
            visit.line.passes(now) && !(wire.there.is_drained() && wire.back.is_drained())
        };
        let Some(index) = Self::pick(&mut self.random, &self.visits, moves) else { return false };
        let visit = &mut self.visits[index];
        let there = visit.line.wire.there.deliver(&mut self.random, false);
        let back = visit.line.wire.back.deliver(&mut self.random, false);
        visit.line.moved_at = Some(now);
        // Each hears what has come, and that there is room again.
        visit.is_ready = true;
        self.clients[visit.client].is_ready = true;
        there || back
    }

    fn advance_the_disk(&mut self) -> bool {
        let Some(index) = Self::pick(&mut self.random, &self.visits, Visit::has_commits) else {
            return false;
        };
        let visit = &mut self.visits[index];
        visit.commit(&mut self.disk);
        visit.is_ready = true;
        true
    }

    /// Times pass, until one is reached for which somebody waits.
    fn wait(&mut self) {
        let visits = self.visits.iter().filter_map(|visit| visit.deadline(self.now));
        let clients = self.clients.iter().filter_map(|client| client.deadline());
        let silent = self.visits.iter().filter_map(|visit| visit.line.silent_until);
        let lingering = self.lingering.iter().map(|(_, _, until)| *until);
        let later =
            visits.chain(clients).chain(silent.chain(lingering)).filter(|time| *time > self.now).min();
        let seed = self.seed;
        self.now = later.unwrap_or_else(|| panic!("seed {seed}: nothing will ever happen: {self:?}"));
        self.let_go();
    }

    /// Work of sessions that are over ends, and gives its parts back.
    fn let_go(&mut self) {
        let (now, disk) = (self.now, &mut self.disk);
        self.lingering.retain(|(path, number, until)| {
            if now >= *until {
                disk.free(path, *number);
            }
            now < *until
        });
    }

    /// What nobody has planned.
    fn mishap(&mut self) {
        self.mishaps -= 1;
        let is_open = |visit: &Visit| !visit.is_gone() && !visit.line.is_dead && !visit.line.is_reset;
        let Some(index) = Self::pick(&mut self.random, &self.visits, is_open) else { return };
        let (now, random) = (self.now, &mut self.random);
        let visit = &mut self.visits[index];
        match random.below(6) {
            0 => visit.line.is_reset = true,
            1 => {
                visit.line.is_dead = true;
                visit.line.was_silent = true;
            }
            2 | 3 => {
                visit.line.silent_until = Some(now + Duration::from_millis(random.below(20_000) as u64));
                visit.line.was_silent = true;
            }
            4 => {
                visit.stuck_until = Some(now + Duration::from_millis(random.below(6_000) as u64));
                visit.was_stuck = true;
            }
            _ if self.crashes > 0 => {
                self.crashes -= 1;
                return self.crash();
            }
            // The network notices on the client's side only.
            _ => {
                visit.line.client_left = true;
                visit.line.is_dead = random.chance(50);
                visit.line.was_silent = true;
                let client = &mut self.clients[visit.client];
                client.is_cut(index);
            }
        }
        visit.is_ready = true;
        self.clients[visit.client].is_ready = true;
    }

    /// The server's machine loses its power, and comes back.
    fn crash(&mut self) {
        for visit in &mut self.visits {
            visit.vanish(&mut self.disk);
            self.clients[visit.client].is_ready = true;
        }
        self.roster = Roster::default();
        self.lingering.clear();
        self.disk.crash(&mut self.random);
        self.check_names();
    }
}

/// What a client sends: names that others want as well.
fn sources(number: u64, random: &mut Random) -> Vec<Source> {
    let mut names: Vec<usize> = (0..4).collect();
    let count = 1 + random.below(3);
    (0..count)
        .map(|_| {
            let name = names.remove(random.below(names.len()));
            let size = match random.below(4) {
                0 => random.below(1 << 20),
                1 => (1 << 20) + 1 + random.below(3 << 20),
                _ => (4 << 20) + random.below(20 << 20),
            } as u64;
            // Some have the same file as another one.
            let content = if random.chance(20) { 1 + name as u64 } else { 100 * (1 + number) + name as u64 };
            let size = if content < 100 { (5 << 20) + content } else { size };
            let content = if size == 0 { 0 } else { content };
            Source { path: format!("f{name}"), is_folder: false, size, content, fault: None }
        })
        .collect()
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for event in 0..MAX_EVENTS {
        world.let_go();
        if world.mishaps > 0 && world.random.below(60) == 0 {
            world.mishap();
        }
        if !world.happen() {
            if world.clients.iter().all(|client| matches!(client.state, State::Over(_))) {
                world.check_end();
                return;
            }
            world.wait();
        }
        if event % 16 == 0 {
            world.check_names();
        }
    }
    panic!("seed {seed}: not over: {world:?}");
}

#[test]
fn clients_of_one_server_keep_the_contract_in_every_world() {
    in_every_world("clients", SEEDS, run);
}
