//! The end of a fetch: the file gets its name once it is whole and synced, and is reported.

use std::time::Duration;

use super::place::Place;
use super::stream::Stream;
use super::{FetchTarget, Fetching, Step, Turn};
use crate::error::Error;
use crate::net::reactor::BlockingTask;
use crate::report::{FileEvent, Sums, amount, sized};
use crate::store::{Meta, Part, StoreError, StoreErrorKind};

/// The time that a stopped session gives its commit.
const COMMIT_LIMIT: Duration = Duration::from_millis(600);

/// What became of a file.
#[derive(Clone, Copy)]
enum Placed {
    Received,
    /// It was there before, with the same content, and is on the disk.
    There,
}

/// A file on its way to its name.
pub(super) struct Committing {
    task: BlockingTask<Result<Placed, StoreError>>,
    digest: [u8; 32],
    size: u64,
    is_verified: bool,
}

impl Fetching {
    /// Takes a file that has come whole, and is what is known of it.
    pub(super) fn arrived(&mut self, stream: Stream) -> Result<Turn, Error> {
        let digest = stream.hasher.finalize().into();
        let is_verified = self.expected(stream.known.as_ref()).is_some();
        match stream.place {
            Place::Stdout(_) => self.conclude(Placed::Received, digest, stream.at, is_verified),
            Place::Part(part) => self.commit(part, (digest, stream.at), stream.modified, is_verified),
        }
    }

    /// Begins to give a file its name.
    pub(super) fn commit(
        &mut self,
        mut part: Part,
        (digest, size): ([u8; 32], u64),
        modified: Option<i64>,
        is_verified: bool,
    ) -> Result<Turn, Error> {
        for (_, lane) in &mut self.lanes {
            lane.close();
        }
        let FetchTarget::Folder { folder, staging } = self.options.target.clone() else {
            return Err(self.exists());
        };
        part.keep_if_dropped(false);
        let (name, replace) = (self.options.name.clone(), self.options.replace);
        let task = self.io.spawn_blocking(move || {
            if !replace && let Some(is_same) = folder.holds(&name, size, &digest, &mut |_| true)? {
                return if is_same { Ok(Placed::There) } else { Err(StoreError::exists()) };
            }
            let written = part.meta_as_written()?;
            let meta = match modified {
                Some(seconds) => Meta { mtime_seconds: seconds, mtime_nanoseconds: 0, ..written },
                None => written,
            };
            staging.commit_part(part, meta, replace).map(|()| Placed::Received)
        })?;
        Ok(Turn::Wait(Step::Committing(Box::new(Committing { task, digest, size, is_verified }))))
    }

    pub(super) fn committing(&mut self, mut committing: Box<Committing>) -> Result<Turn, Error> {
        let Some(result) = committing.task.take() else {
            return Ok(Turn::Wait(Step::Committing(committing)));
        };
        let placed = result?.map_err(|fault| match fault.kind {
            StoreErrorKind::Exists => self.exists(),
            _ => self.store_error(&fault),
        })?;
        self.conclude(placed, committing.digest, committing.size, committing.is_verified)
    }

    /// The file is there already, and on the disk.
    pub(super) fn is_there(&mut self, digest: [u8; 32], size: u64) -> Result<Turn, Error> {
        self.conclude(Placed::There, digest, size, true)
    }

    /// Reports the file.
    fn conclude(
        &mut self,
        placed: Placed,
        digest: [u8; 32],
        size: u64,
        is_verified: bool,
    ) -> Result<Turn, Error> {
        self.progress.done(1);
        self.progress.finish();
        let (name, path) = (self.shown(), &self.options.name[..]);
        let is_there = matches!(placed, Placed::There);
        let state = if is_there { "there" } else { "received" };
        self.report.file(&FileEvent {
            path,
            kind: "file",
            state,
            size: Some(size),
            digest: Some(digest),
            reason: None,
            text: None,
        });
        let time = self.now.saturating_duration_since(self.start);
        let peer = self.peer();
        let amount = match self.resumed_bytes {
            0 => amount(self.moved_bytes, time),
            before => format!("{}, resumed after {}", amount(self.moved_bytes, time), sized(before)),
        };
        let hex = blake3::Hash::from(digest);
        let line = match (is_there, is_verified) {
            (true, _) => format!("{name} is there already, with the same content, BLAKE3 {hex}"),
            (false, true) => format!("received {name} from {peer}: {amount}, BLAKE3 {hex}"),
            (false, false) => format!("received {name} from {peer}: {amount}, unverified, BLAKE3 {hex}"),
        };
        let sums = Sums {
            verb: "received",
            peer: &peer,
            entries: 1,
            done: 1,
            there: u64::from(is_there),
            failed: 0,
            skipped: 0,
            bytes: self.moved_bytes,
            resumed_bytes: self.resumed_bytes,
            time,
            verified: is_verified,
            digest: Some(digest),
            path: Some(path),
        };
        self.report.summary(line, &sums);
        self.outcome.borrow_mut().digest = Some(digest);
        Ok(Turn::Next(Step::Over))
    }

    /// The servers that the file is from, as they are named in the summary.
    fn peer(&self) -> String {
        let is_source = |index: &usize| self.only.map_or(self.is_used(*index), |only| only == *index);
        let used = (0..self.mirrors.len()).filter(is_source);
        let origins: Vec<String> = used.map(|index| self.options.mirrors[index].origin()).collect();
        match &origins[..] {
            [] => String::new(),
            [one] => one.clone(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
        }
    }

    /// A signal ends the session.
    pub(super) fn stopped(&mut self) {
        if let Step::Committing(committing) = std::mem::replace(&mut self.step, Step::Over) {
            committing.task.wait(COMMIT_LIMIT);
        }
    }
}
