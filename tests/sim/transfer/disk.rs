//! A disk on which names and contents are safe only when they were synced.

use std::collections::BTreeMap;

use sendall::proto::transfer::Digest;

use super::wire::Run;
use crate::world::Random;

/// A content that nobody has sent: what was not synced before the power went.
const GARBAGE: u64 = 1 << 61;

/// What has come of a file, by place; runs touch each other where they belong together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content(BTreeMap<u64, Run>);

impl Content {
    /// Writes over what stood there.
    pub(crate) fn write(&mut self, at: u64, run: Run) {
        let end = at + run.length;
        let covered: Vec<(u64, Run)> = self.0.range(..end).map(|(at, run)| (*at, *run)).collect();
        for (start, old) in covered.into_iter().filter(|(start, old)| start + old.length > at) {
            self.0.remove(&start);
            if start < at {
                self.0.insert(start, Run { length: at - start, ..old });
            }
            if start + old.length > end {
                let (offset, length) = (old.offset + end - start, start + old.length - end);
                self.0.insert(end, Run { offset, length, ..old });
            }
        }
        self.0.insert(at, run);
    }

    /// The bytes from `offset` on, if they are there and of one content, in their place in it.
    pub(crate) fn run(&self, offset: u64, length: u64) -> Option<Run> {
        let (start, first) = self.0.range(..=offset).next_back()?;
        if first.offset != *start {
            return None;
        }
        let (content, mut at) = (first.content, offset);
        for (start, run) in self.0.range(*start..) {
            if *start > at || run.content != content || run.offset != *start {
                break;
            }
            at = start + run.length;
            if at >= offset + length {
                return Some(Run { content, offset, length });
            }
        }
        None
    }

    pub(crate) fn digest(&self, offset: u64, length: u64) -> Digest {
        let of_nothing = || Run { content: GARBAGE, offset, length };
        if length == 0 {
            Run { content: 0, offset, length }.digest()
        } else {
            self.run(offset, length).unwrap_or_else(of_nothing).digest()
        }
    }

    /// How much of it there is without a gap, from its beginning on.
    pub(crate) fn length(&self) -> u64 {
        let mut end = 0;
        for (at, run) in &self.0 {
            if *at > end {
                break;
            }
            end = end.max(at + run.length);
        }
        end
    }
}

/// What has a name.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) size: u64,
    pub(crate) is_folder: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) names: BTreeMap<String, Node>,
    /// Names as they will be after a loss of power.
    pub(crate) durable: BTreeMap<String, Node>,
    /// What sessions have left unfinished.
    pub(crate) parts: BTreeMap<String, Content>,
    /// The sessions that hold a part, by path: others cannot open it.
    pub(crate) holders: BTreeMap<String, u64>,
}

impl Disk {
    /// Opens a part for a session. False: another one holds it.
    pub(crate) fn hold(&mut self, path: &str, session: u64) -> bool {
        *self.holders.entry(path.to_owned()).or_insert(session) == session
    }

    /// A session gives its part back.
    pub(crate) fn free(&mut self, path: &str, session: u64) {
        if self.holders.get(path) == Some(&session) {
            self.holders.remove(path);
        }
    }

    /// The power goes: names that were not synced are gone, and parts may hold anything.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        self.names = self.durable.clone();
        self.holders.clear();
        for content in self.parts.values_mut() {
            let length = content.length();
            if length > 0 && random.chance(30) {
                let offset = random.below(length as usize) as u64;
                let run = Run { content: GARBAGE, offset, length: (length - offset).min(1 << 20) };
                content.write(offset, run);
            }
        }
    }
}
