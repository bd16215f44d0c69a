//! Random hostile sessions beside honest ones: the honest ones are served, and the server is afterwards as it was.
//! A few in each run; thousands with `SENDALL_SLOW=1`.

use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{LIMIT, payload, wait_until};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, address, descriptors, is_slow_wanted, run, serve, status_kib};

/// Numbers that are the same in every run (xorshift).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn size(&mut self) -> u64 {
        let sizes = [0, 1, 3, 31, 65_536, 4 << 20, (4 << 20) + 1, 9 << 20, 1 << 40, 1 << 63, u64::MAX];
        sizes[self.below(sizes.len() as u64) as usize]
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(80)).map(|_| self.below(256) as u8).collect()
    }

    fn frame(&mut self) -> Vec<u8> {
        let file = self.below(4) as u32;
        match self.below(10) {
            0 => entry(file, b"f", self.size()),
            1 => entry(file, format!("d{}/x", self.below(5)).as_bytes(), self.size()),
            2 => entry_of_kind(self.below(6) as u8, self.below(65_536) as u16, file, b"../f", self.size()),
            3 => turn(),
            4 => frame(DATA, 0, file, self.size(), &payload(1 + self.below(5000) as usize)),
            5 => whole(file, &payload(self.below(3000) as usize)),
            6 => eot(self.below(3), self.size()),
            7 => header(self.below(14) as u8, self.below(256) as u8, file, self.size(), self.size()),
            8 => want(file),
            _ => frame(self.below(12) as u8, self.below(4) as u8, file, self.size(), &self.bytes()),
        }
    }

    /// A session's bytes: nearly right as a rule, cut anywhere, a byte flipped now and then.
    fn session(&mut self) -> Vec<u8> {
        let mut bytes = match self.below(10) {
            0 => self.bytes(),
            1 => hello(self.below(6) as u8, &self.bytes()),
            2..=5 => hello(GET, b"shared"),
            _ => hello(PUT, b""),
        };
        for _ in 0..self.below(8) {
            bytes.extend(self.frame());
        }
        if self.below(3) == 0 && !bytes.is_empty() {
            let at = self.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.below(8);
        }
        let cut = self.below(4) == 0;
        bytes.truncate(if cut { self.below(bytes.len() as u64 + 1) as usize } else { bytes.len() });
        bytes
    }
}

fn attack(to: &str, seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut peer = Peer::connect(to);
    peer.say(&random.session());
    match random.below(3) {
        // It leaves at once; it ends and listens; it says more when it has been answered.
        0 => {}
        1 => {
            let _ = peer.0.shutdown(Shutdown::Write);
            drop(peer.hear_all());
        }
        _ => {
            let _ = peer.0.set_read_timeout(Some(Duration::from_millis(20)));
            let _ = std::io::Read::read(&mut peer.0, &mut [0; 4096]);
            peer.say(&random.session());
        }
    }
}

#[test]
fn honest_sessions_beside_hostile_ones_are_served() {
    let slow = is_slow_wanted("8000 hostile sessions, not 150");
    let (hostile, honest) = if slow { (8000, 400) } else { (150, 8) };
    let (there, here) = (Place::new(), Place::new());
    std::fs::write(there.path("shared"), payload(200_000)).expect("written");
    let server = serve(&[
        "--store",
        there.arg(),
        "--share",
        &there.at("shared"),
        "--timeout",
        "2s",
        "--idle-timeout",
        "2s",
        "--max-per-source",
        "64",
    ]);
    let to = address(&server);
    let before = descriptors(server.id());
    let (attacks, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(seed) = next(&attacks, hostile) {
                    attack(&to, seed as u64);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(turn) = next(&turns, honest) {
                    serve_honest(turn, &to, (&there, &here));
                }
            });
        }
    });
    assert!(wait_until(LIMIT, || descriptors(server.id()) <= before), "{} open", descriptors(server.id()));
    let peak = status_kib(server.id(), "VmHWM");
    assert!(peak < 96 << 10, "{peak} KiB");
    server.signal(rustix::process::Signal::TERM);
    let finished = server.finish().ended(143);
    for line in finished.stderr.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

fn next(counter: &AtomicUsize, limit: usize) -> Option<usize> {
    Some(counter.fetch_add(1, Ordering::Relaxed)).filter(|turn| *turn < limit)
}

/// An upload or a download, and what arrived.
fn serve_honest(turn: usize, to: &str, (there, here): (&Place, &Place)) {
    let name = format!("mine{turn}");
    if turn.is_multiple_of(2) {
        let own = here.write(&name, &payload(70_000 + turn));
        run(&["upload", "--retry", "3", &own, to]).ended(0);
        there.expect(&name, &payload(70_000 + turn));
    } else {
        run(&["download", "--retry", "3", to, "shared", "-o", &here.at(&name)]).ended(0);
        here.expect(&name, &payload(200_000));
    }
}
