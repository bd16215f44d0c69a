//! A tunnel in seeded worlds: two peers that talk, half-close, are reset, or take no more.

use std::time::{Duration, Instant};

use sendall::error::{Error, Exit};
use sendall::net::rate::Limited;
use sendall::net::reactor::{Context, Status};
use sendall::relay::tunnel::Tunnel;

use crate::shared::Shared;
use crate::world::{End, Fate, Random, in_every_world};

const SEEDS: u64 = 400;
const MAX_EVENTS: usize = 200_000;
/// What one direction may hold: its buffer.
const MAX_HELD_BYTES: usize = 256 << 10;
/// What passes a limit of the rate at once.
const BURST: Duration = Duration::from_millis(200);

struct World {
    seed: u64,
    random: Random,
    client: Shared,
    target: Shared,
    /// Bytes for each side before those of the other.
    to_client: Vec<u8>,
    to_target: Vec<u8>,
    rate: Option<u64>,
    /// One of these may be the client's or the target's.
    fault: Option<Fate>,
    start: Instant,
    now: Instant,
}

impl World {
    #[allow(clippy::disallowed_methods)]
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let longest = [0, 1, 100, 20_000, 600_000][random.below(5)];
        let (mut client, mut target) = (End::new(&mut random, longest), End::new(&mut random, longest));
        // Some answer only after the other's end.
        if random.chance(30) {
            target.answers_from = Some(random.below(target.script.len() + 1));
        } else if random.chance(30) {
            client.answers_from = Some(random.below(client.script.len() + 1));
        }
        for end in [&mut client, &mut target] {
            end.resets_on_close = true;
            // Much in the smallest pieces would take its time.
            end.capacity = end.capacity.max(longest / 300);
        }
        let words = |random: &mut Random| vec![b'!'; [0, 0, 1, 5000][random.below(4)]];
        let (to_client, to_target) = (words(&mut random), words(&mut random));
        let fault = [None, None, Some(Fate::Reset), Some(Fate::Unwritable)][random.below(4)];
        let rate = (longest <= 20_000 && random.chance(20)).then(|| 1024 << random.below(6));
        let now = Instant::now();
        let (client, target) = (Shared::new(client), Shared::new(target));
        World { seed, client, target, to_client, to_target, rate, fault, start: now, now, random }
    }

    /// Both directions: the source, what stands before its bytes, and the sink.
    fn directions(&self) -> [(&Shared, &[u8], &Shared); 2] {
        [(&self.client, &self.to_target, &self.target), (&self.target, &self.to_client, &self.client)]
    }

    fn is_well(&self) -> bool {
        [&self.client, &self.target].iter().all(|side| side.see().fate == Fate::Well)
    }

    fn check(&self, tunnel: &Tunnel<Shared, Shared>) {
        let seed = self.seed;
        for (source, preface, sink) in self.directions() {
            let (source, sink) = (source.see(), sink.see());
            let preface_bytes = sink.written.len().min(preface.len());
            assert_eq!(sink.written[..preface_bytes], preface[..preface_bytes], "seed {seed}: the preface");
            let passed = sink.written.len() - preface_bytes;
            assert_eq!(sink.written[preface_bytes..], source.script[..passed], "seed {seed}: other bytes");
            assert!(source.read - passed <= MAX_HELD_BYTES || !self.is_well(), "seed {seed}: too much held");
            if sink.half_closes > 0 {
                assert!(source.end_arrived, "seed {seed}: a half-close that the other side has not made");
                assert_eq!(passed, source.script.len(), "seed {seed}: a half-close before the last byte");
            }
            assert!(sink.resets_on_close || sink.acknowledged, "seed {seed}: an end that was none");
        }
        let (client, moved) = (self.client.see(), tunnel.moved());
        let preface_bytes = client.written.len().min(self.to_client.len());
        assert_eq!(
            moved.0,
            (client.written.len() - preface_bytes) as u64,
            "seed {seed}: the count to the client"
        );
        assert!(moved.1 <= client.read as u64, "seed {seed}: the count from the client");
        if self.is_well() {
            assert_eq!(moved.1, client.read as u64, "seed {seed}: the count from the client");
        }
        if let Some(rate) = self.rate {
            let time = self.now - self.start + BURST;
            let most = (time.as_secs_f64() * rate as f64) as usize + 1;
            assert!(client.read.max(client.written.len()) <= most, "seed {seed}: faster than {rate}");
        }
    }

    /// Checks that a tunnel that waits has nothing to do.
    fn check_no_stall(&self) {
        if !self.is_well() || self.rate.is_some() {
            return;
        }
        let seed = self.seed;
        for (source, preface, sink) in self.directions() {
            let (source, sink) = (source.see(), sink.see());
            if !sink.has_room() {
                continue;
            }
            assert!(!source.is_readable(), "seed {seed}: bytes or an end, and room: nothing moved");
            assert_eq!(sink.written.len(), preface.len() + source.read, "seed {seed}: held, and room");
            assert_eq!(sink.half_closes > 0, source.end_read, "seed {seed}: the end was not passed on");
        }
    }

    fn check_success(&self) {
        let seed = self.seed;
        for (source, preface, sink) in self.directions() {
            let (source, sink) = (source.see(), sink.see());
            assert_eq!(sink.written.len(), preface.len() + source.script.len(), "seed {seed}: not all");
            assert!(sink.half_closes == 1 && sink.acknowledged, "seed {seed}: over before it was over");
            assert!(!sink.resets_on_close, "seed {seed}: a success that ends with a reset");
            assert!(!matches!(sink.fate, Fate::Reset | Fate::Reported), "seed {seed}: success after a reset");
        }
    }

    fn check_failure(&self, error: &Error, has_lost_target: bool) {
        let seed = self.seed;
        assert_eq!(error.exit(), Exit::Lost, "seed {seed}: {error}");
        let (failed, other, before) = if has_lost_target {
            (&self.target, &self.client, &self.to_client)
        } else {
            (&self.client, &self.target, &self.to_target)
        };
        let (failed, other) = (failed.see(), other.see());
        assert!(failed.fate != Fate::Well, "seed {seed}: {error}, but it is the other one");
        if failed.fate == Fate::Unwritable {
            let all = before.len() + failed.script.len();
            assert_eq!(other.written.len(), all, "seed {seed}: the rest of what it has sent");
        }
        assert!(other.resets_on_close || other.acknowledged, "seed {seed}: an orderly end of half of it");
    }

    /// Something happens outside; if nothing can, time passes.
    fn happen(&mut self, deadline: Option<Instant>) {
        if let Some(fault) = self.fault
            && self.random.chance(1)
        {
            let side = if self.random.chance(50) { self.client.clone() } else { self.target.clone() };
            // A side that has received the end has taken all.
            let is_late = fault == Fate::Unwritable && side.see().half_closes > 0;
            if !is_late {
                side.get().fate = fault;
            }
            self.fault = None;
            return;
        }
        let first = self.random.below(4);
        for event in (0..4).map(|event| (first + event) % 4) {
            let happened = match event {
                0 => self.client.get().deliver(),
                1 => self.target.get().deliver(),
                2 => self.client.get().consume(),
                _ => self.target.get().consume(),
            };
            if happened {
                self.now += Duration::from_micros(self.random.below(5000) as u64);
                return;
            }
        }
        let seed = self.seed;
        let later = deadline.unwrap_or_else(|| panic!("seed {seed}: nothing will ever happen"));
        self.now = self.now.max(later);
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let mut client = Limited::new(world.client.clone(), world.now);
    client.limit_rate(world.rate, 0);
    let mut tunnel = Tunnel::of(client, world.target.clone(), "it".to_owned());
    tunnel.send_first_to_target(&world.to_target);
    tunnel.send_first_to_client(&world.to_client);
    for event in 0..MAX_EVENTS {
        let budget_bytes = 1 + world.random.below(100_000);
        let status = tunnel.advance(Context { now: world.now, budget_bytes });
        // To compare all of it each time would take its time.
        if event % 16 == 0 || !matches!(status, Ok(Status::Waiting | Status::Again)) {
            world.check(&tunnel);
        }
        match status {
            Ok(Status::Done | Status::RunOver) => return world.check_success(),
            Err(error) => return world.check_failure(&error, tunnel.has_lost_target()),
            Ok(Status::Again) if world.random.chance(50) => continue,
            Ok(Status::Again) => {}
            Ok(Status::Waiting) => {
                world.check_no_stall();
                let spins = tunnel.deadline().is_some_and(|deadline| deadline <= world.now);
                assert!(!spins, "seed {seed}: waits for a time that is over");
                if world.random.chance(5) {
                    continue;
                }
            }
        }
        world.happen(tunnel.deadline());
    }
    panic!("seed {seed}: not over\n{:?}\n{:?}", world.client.see(), world.target.see());
}

#[test]
fn a_tunnel_keeps_the_contract_in_every_world() {
    in_every_world("a_tunnel", SEEDS, run);
}
