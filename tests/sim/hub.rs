//! A hub in seeded worlds: clients that come and leave, are slow, are reset; stdin and stdout. A session is advanced only
//! if something has happened on its own stream, at its deadline, or when another has woken it: so no wake-up may be missing.

mod checks;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sendall::error::Error;
use sendall::net::rate::Limited;
use sendall::net::reactor::{Context, Session, Status, WakeList};
use sendall::net::stream::FdKind;
use sendall::relay::modes::hub::{CloseOnDrop, Hub, Slow};
use sendall::relay::modes::stdio_client::{StdioClient, StdioDirections};
use sendall::relay::modes::subscriber::{Audience, Labelling, Subscriber, SubscriberOptions};

use crate::shared::Shared;
use crate::world::{End, Fate, Random, in_every_world};

const SEEDS: u64 = 160;
const MAX_EVENTS: usize = 400_000;
/// The number of stdin and stdout among the sessions; clients follow.
const STDIO: usize = 0;

/// A client, or the standard streams.
struct Party {
    stream: Shared,
    session: Option<Box<dyn Session>>,
    has_joined: bool,
    result: Option<Result<(), Error>>,
    /// Bytes that each other party had sent by the time when this one joined.
    joined_at: Vec<usize>,
    /// The same when its direction was ended.
    ended_at: Option<Vec<usize>>,
    /// It takes nothing until then.
    pauses_until: Instant,
    /// How much it had been sent at which time.
    progress: Vec<(Instant, usize)>,
}

struct World {
    seed: u64,
    random: Random,
    slow: Slow,
    options: SubscriberOptions,
    directions: Option<StdioDirections>,
    /// The end of stdin is passed on to the clients.
    passes_end: bool,
    hub: Hub,
    closing: Option<CloseOnDrop>,
    wake_list: WakeList,
    parties: Vec<Party>,
    /// Of those that fail, how many still may.
    faults: usize,
    /// About so many events come before the next of them.
    calm: usize,
    pauses: Duration,
    /// This one pauses often.
    sloth: Option<usize>,
    now: Instant,
}

/// The script of number `sender`. Its bytes, or its lines, can be distinguished from those of others.
fn script(random: &mut Random, labelling: Labelling, sender: usize, longest: usize) -> Vec<u8> {
    let length = random.below(longest + 1);
    if labelling == Labelling::Raw {
        let mark = (sender << 4) as u8;
        let bytes = (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes());
        return bytes.take(length).map(|byte| mark | byte & 15).collect();
    }
    let mut text = Vec::new();
    while text.len() < length {
        let padding = "x".repeat(random.below(200));
        text.extend_from_slice(format!("{} {padding}\n", text.len()).as_bytes());
    }
    // The last line may lack its end.
    text.truncate(length);
    text
}

impl World {
    #[allow(clippy::disallowed_methods)]
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let now = Instant::now();
        let slow = [Slow::Drop, Slow::Wait, Slow::Cut][random.below(3)];
        let labelling =
            [Labelling::Raw, Labelling::Raw, Labelling::Labelled, Labelling::Chat][random.below(4)];
        let directions = StdioDirections { reads: random.chance(70), writes: random.chance(70) };
        let keeps_open = if directions.writes { Audience::Output } else { Audience::None };
        let (audience, directions) = match random.below(3) {
            0 => (Audience::Others, None),
            1 => (Audience::All, Some(StdioDirections { reads: true, writes: true })),
            _ => (keeps_open, Some(directions)),
        };
        let is_broker = matches!(audience, Audience::All | Audience::Others);
        let longest = [0, 100, 20_000, 250_000, 250_000][random.below(5)];
        let count = 2 + random.below(4);
        let parties = (0..count).map(|number| {
            let mut end = End::new(&mut random, 0);
            end.script = script(&mut random, labelling, number, longest);
            end.capacity = 1000 + random.below(60_000);
            end.resets_on_close = true;
            Party {
                stream: Shared::new(end),
                session: None,
                has_joined: false,
                result: None,
                joined_at: Vec::new(),
                ended_at: None,
                pauses_until: now,
                progress: Vec::new(),
            }
        });
        let parties = parties.collect();
        World {
            seed,
            slow,
            options: SubscriberOptions { audience, labelling, closes_at_eof: is_broker },
            directions,
            passes_end: false,
            hub: Hub::new(slow),
            closing: None,
            wake_list: WakeList::default(),
            parties,
            faults: [0, 1, 2, 3][random.below(4)],
            calm: [20, 200, 1000][random.below(3)],
            pauses: Duration::from_millis([10, 300, 5000][random.below(3)]),
            sloth: random.chance(70).then(|| random.below(count + 2) % count),
            now,
            random,
        }
    }

    /// The standard streams take part, and clients are accepted.
    fn open(&mut self) {
        self.closing = Some(CloseOnDrop::new(&self.hub));
        let Some(directions) = self.directions else { return };
        let kind = [FdKind::Pipe, FdKind::Terminal, FdKind::Null][self.random.below(3)];
        let count = self.parties.len();
        let party = &mut self.parties[STDIO];
        if kind == FdKind::Null || !directions.reads {
            party.stream.get().script.clear();
        }
        // A terminal may send nothing more, and have no end.
        party.stream.get().ends = kind == FdKind::Pipe;
        let hub = (&self.hub, self.wake_list.waker(STDIO));
        let stdio = StdioClient::of(party.stream.clone(), kind, hub, self.options, directions);
        self.passes_end = stdio.input_can_end() && self.options.audience != Audience::All;
        self.options.closes_at_eof |= !stdio.input_can_end();
        party.session = Some(Box::new(stdio));
        party.has_joined = true;
        party.joined_at = vec![0; count];
    }

    /// The next client comes, if one is left. After the last none is accepted any more.
    fn join(&mut self) -> Option<usize> {
        let number = (1..self.parties.len()).find(|number| !self.parties[*number].has_joined);
        let Some(number) = number else {
            self.closing.take()?;
            return Some(STDIO);
        };
        let sent = (0..self.parties.len()).map(|sender| self.sent(sender).len()).collect();
        let party = &mut self.parties[number];
        let peer = Limited::new(party.stream.clone(), self.now);
        let (waker, name) = (self.wake_list.waker(number), format!("c{number}"));
        let subscriber = Subscriber::join(peer, waker, name, &self.hub, self.options);
        party.session = Some(Box::new(subscriber));
        (party.has_joined, party.joined_at) = (true, sent);
        Some(number)
    }

    /// Advances one. True if it wants another turn.
    fn advance(&mut self, number: usize) -> bool {
        let budget_bytes = 1 + self.random.below(100_000);
        let (now, seed) = (self.now, self.seed);
        let Some(session) = &mut self.parties[number].session else { return false };
        let status = session.advance(Context { now, budget_bytes });
        let spins = session.deadline().is_some_and(|deadline| deadline <= now);
        assert!(
            !spins || !matches!(status, Ok(Status::Waiting)),
            "seed {seed}: {number} waits for what is over"
        );
        self.note_progress(number);
        match status {
            Ok(Status::Waiting) => return false,
            Ok(Status::Again) => return true,
            Ok(Status::Done | Status::RunOver) => self.parties[number].result = Some(Ok(())),
            Err(error) => self.parties[number].result = Some(Err(error)),
        }
        self.check_result(number);
        self.leave(number);
        false
    }

    /// The session is dropped, as the reactor does.
    fn leave(&mut self, number: usize) {
        self.parties[number].session = None;
    }

    /// Something happens outside. Returns who sees it; None: nothing can happen.
    fn happen(&mut self) -> Option<usize> {
        let percent = if self.sloth.is_some() { 10 } else { 1 };
        if self.random.chance(percent) {
            let anybody = self.random.below(self.parties.len());
            let number = self.sloth.filter(|_| self.random.chance(80)).unwrap_or(anybody);
            let pause = self.random.below(self.pauses.as_millis() as usize) as u64;
            self.parties[number].pauses_until = self.now + Duration::from_millis(pause);
        }
        if self.random.chance(1)
            && let Some(number) = self.join()
        {
            return Some(number);
        }
        let first = self.random.below(2 * self.parties.len());
        let count = self.parties.len();
        for event in (0..2 * count).map(|event| (first + event) % (2 * count)) {
            let party = &self.parties[event / 2];
            let is_there = party.has_joined && party.session.is_some();
            let mut end = party.stream.get();
            let happened = match event % 2 {
                0 => is_there && end.deliver(),
                _ => is_there && self.now >= party.pauses_until && end.consume(),
            };
            if happened {
                self.now += Duration::from_micros(self.random.below(3000) as u64);
                // Readiness comes with bytes, and with room that was missed; not with an acknowledgement.
                let is_told = event % 2 == 0 || std::mem::take(&mut end.awaits_room);
                return Some(if is_told { event / 2 } else { usize::MAX });
            }
        }
        self.join()
    }

    /// A client is reset, or its session is ended by a limit.
    fn strike(&mut self) -> Option<usize> {
        if self.faults == 0 || self.random.below(self.calm) > 0 {
            return None;
        }
        let number = 1 + self.random.below(self.parties.len() - 1);
        self.faults -= 1;
        if self.random.chance(50) {
            self.leave(number);
            return None;
        }
        self.parties[number].stream.get().fate = Fate::Reset;
        Some(number)
    }

    /// The earliest time at which something happens by itself.
    fn next_time(&self) -> Option<Instant> {
        let sessions = self.parties.iter().filter_map(|party| party.session.as_ref());
        let deadlines = sessions.filter_map(|session| session.deadline());
        let pauses = self.parties.iter().map(|party| party.pauses_until);
        deadlines.chain(pauses).filter(|time| *time > self.now).min()
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.open();
    let mut ready = BTreeSet::from([STDIO]);
    for _ in 0..MAX_EVENTS {
        // In any order, as far as the reactor's books go.
        if let Some(number) = ready.iter().copied().nth(world.random.below(ready.len().max(1))) {
            ready.remove(&number);
            if world.advance(number) {
                ready.insert(number);
            }
            ready.extend(world.wake_list.take());
            if world.random.chance(50) {
                continue;
            }
        }
        ready.extend(world.strike());
        ready.extend(world.wake_list.take());
        match world.happen() {
            Some(number) => ready.extend(Some(number).filter(|number| *number < world.parties.len())),
            None if !ready.is_empty() => {}
            None => match world.next_time() {
                Some(time) => world.now = time,
                None => return world.check_end(),
            },
        }
        ready.extend(world.wake_list.take());
        let now = world.now;
        let due = |party: &Party| party.session.as_ref().and_then(|session| session.deadline()) <= Some(now);
        let has_deadline = |party: &Party| party.session.as_ref().is_some_and(|s| s.deadline().is_some());
        let numbered = world.parties.iter().enumerate();
        ready.extend(
            numbered.filter(|(_, party)| has_deadline(party) && due(party)).map(|(number, _)| number),
        );
    }
    panic!("seed {seed}: not over");
}

#[test]
fn a_hub_keeps_the_contract_in_every_world() {
    in_every_world("a_hub", SEEDS, run);
}
