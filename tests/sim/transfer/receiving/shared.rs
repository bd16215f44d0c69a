//! What a session shares with the others of its server: parts that only one can hold, and the wait for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sendall::proto::transfer::contention::{Backoff, Version, version};
use sendall::proto::transfer::have::HaveReply;
use sendall::proto::transfer::reason::Reason;
use sendall::proto::transfer::roster::Registration;

use super::{Receiving, path_of};
use crate::transfer::disk::{Content, Disk};

/// Files up to this size have no part.
const SMALL_BYTES: u64 = 1 << 20;

/// A session's own side of a server.
pub(crate) struct Shared {
    pub(crate) number: u64,
    pub(crate) registration: Registration<()>,
    pub(crate) backoff: Backoff,
    pub(crate) is_successor: bool,
    pub(crate) now: Instant,
    /// How long the next part takes to be hashed.
    pub(crate) hash_time: Duration,
    /// The part that is hashed, and when that has ended.
    pub(crate) hashing: Option<(String, Instant)>,
    /// The paths of all large files.
    paths: BTreeMap<u32, String>,
    /// Parts for which other sessions may ask, and the versions of their files.
    pub(crate) held: BTreeMap<String, Version>,
    /// Start of the wait for the name that is decided.
    waits_since: Option<Instant>,
    /// A name was refused after a wait: later ones do not wait.
    has_refused: bool,
    /// The last refusal of a name that another session holds.
    pub(crate) refusal: Option<Refusal>,
}

/// A name that another session holds, as it was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) waited: Duration,
    pub(crate) is_first: bool,
    pub(crate) is_successor: bool,
}

impl Shared {
    pub(crate) fn new(
        number: u64,
        registration: Registration<()>,
        is_successor: bool,
        now: Instant,
    ) -> Shared {
        Shared {
            number,
            registration,
            backoff: Backoff::new(is_successor),
            is_successor,
            now,
            hash_time: Duration::ZERO,
            hashing: None,
            paths: BTreeMap::new(),
            held: BTreeMap::new(),
            waits_since: None,
            has_refused: false,
            refusal: None,
        }
    }

    /// The name that is decided is not to be looked at yet.
    pub(super) fn is_early(&self, path: &str) -> bool {
        if let Some((hashed, until)) = &self.hashing {
            assert_eq!(*hashed, path, "another file is decided while one is hashed");
            return self.now < *until;
        }
        self.backoff.is_early(self.now)
    }

    /// It waits for another session.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waits_since.is_some()
    }
}

impl Receiving {
    fn number(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.number)
    }

    pub(super) fn is_hashing(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.hashing.is_some())
    }

    /// Opens the part of a large file. `None`: it is open and known; else whether the session waits.
    pub(super) fn try_part(&mut self, file: u32, disk: &mut Disk) -> Option<bool> {
        let entry = self.machine.entry(file)?;
        let (path, size, version) = (path_of(entry), entry.size.unwrap_or(0), version(entry));
        let shared = self.shared.as_mut()?;
        let now = shared.now;
        if shared.hashing.take().is_some() {
            return None;
        }
        if size > SMALL_BYTES && !disk.hold(&path, shared.number) {
            let registration = &shared.registration;
            let want = |is_own: &_| registration.want(path.as_bytes(), version, is_own, now);
            let since = *shared.waits_since.get_or_insert(now);
            if shared.backoff.waits(want, now) {
                return Some(true);
            }
            shared.refusal = Some(Refusal {
                path,
                version,
                waited: now - since,
                is_first: !std::mem::replace(&mut shared.has_refused, true),
                is_successor: std::mem::replace(&mut shared.is_successor, false),
            });
            self.end_wait();
            self.machine.decided(file, HaveReply::Refused(Reason::Exists, String::new()));
            return Some(false);
        }
        if size > SMALL_BYTES {
            shared.held.insert(path.clone(), version);
            shared.paths.insert(file, path.clone());
        }
        let is_resumed = disk.parts.get(&path).is_some_and(|part| part.length() > 0);
        let until = now + shared.hash_time;
        if is_resumed && until > now {
            shared.hashing = Some((path, until));
        }
        let hashes = shared.hashing.is_some();
        self.end_wait();
        hashes.then_some(true)
    }

    /// The name is decided, or its part is here: nothing is waited for.
    pub(super) fn end_wait(&mut self) {
        if let Some(shared) = &mut self.shared {
            let waited = shared.backoff.end(shared.now);
            let since = shared.waits_since.take();
            assert_eq!(waited, since.map_or(Duration::ZERO, |since| shared.now - since), "another wait");
        }
    }

    /// Leaves a part for a later session.
    pub(super) fn keep_part(&mut self, path: String, content: Content, disk: &mut Disk) {
        let holder = disk.holders.get(&path).copied();
        if self.shared.is_none() || holder == Some(self.number()) {
            disk.parts.insert(path, content);
        }
    }

    /// What is whole is on its way to the disk: who asks for its name need not wait long.
    pub(super) fn let_go(&mut self, path: &str) {
        if let Some(shared) = &mut self.shared {
            shared.held.remove(path);
        }
    }

    /// Gives back the part of a file.
    pub(super) fn free(&mut self, file: u32, disk: &mut Disk) {
        let Some(path) = self.shared.as_mut().and_then(|shared| shared.paths.remove(&file)) else { return };
        self.let_go(&path);
        disk.free(&path, self.number());
    }

    /// Gives back all parts; one that is hashed is held until that has ended.
    pub(super) fn free_all(&mut self, disk: &mut Disk) {
        let number = self.number();
        let hashed = self.shared.as_ref().and_then(|shared| shared.hashing.as_ref()).map(|(path, _)| path);
        disk.holders.retain(|path, holder| *holder != number || Some(path) == hashed);
    }
}
