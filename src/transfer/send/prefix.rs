//! Prefixes that the receiver already has: hashed for the comparison.

use super::Sending;
use super::content::Current;
use super::offering::{Content, is_as_offered};
use crate::net::reactor::LongWork;
use crate::proto::transfer::sender::Ended;
use crate::report::ProgressPhase;
use crate::store::StoreError;
use crate::transfer::connection::wire::Failure;

/// A prefix up to this size is hashed at once, a longer one in a blocking task.
const SMALL_PREFIX_BYTES: u64 = 1 << 20;

impl Sending {
    /// Hashes a prefix. Returns true once the machine has its answer.
    pub(super) fn hash_prefix(&mut self, file: u32, length: u64) -> Result<bool, Failure> {
        let Some(task) = &mut self.hashing else {
            if let Some(entry) = self.machine.entry(file) {
                self.progress.file(&entry.path, entry.size, 0);
            }
            self.progress.phase(ProgressPhase::Hashing);
            match self.open(file) {
                Ok(current) if length <= SMALL_PREFIX_BYTES => {
                    let hashed = current.hashed(length, || true);
                    self.prefix_hashed(file, hashed);
                    return Ok(true);
                }
                Ok(current) => {
                    let work = move |long: &LongWork<'_>| current.hashed(length, || long.goes_on());
                    self.hashing = Some(self.io.spawn_long(work)?);
                }
                Err(ended) => {
                    self.machine.end(ended);
                    return Ok(true);
                }
            }
            return Ok(false);
        };
        let Some(result) = task.take() else { return Ok(false) };
        self.hashing = None;
        self.prefix_hashed(file, result?);
        Ok(true)
    }

    fn prefix_hashed(&mut self, file: u32, hashed: Result<Current, StoreError>) {
        match hashed {
            Ok(current) => {
                let digest = current.digest();
                self.digest = Some(digest);
                self.current = Some(current);
                self.machine.prefix_hashed(digest);
            }
            Err(fault) => {
                self.report.detail(fault);
                let ended = self.open(file).err().unwrap_or(Ended::Unreadable);
                self.machine.end(ended);
            }
        }
    }

    /// Opens a file again and compares it with its entry.
    pub(super) fn open(&mut self, file: u32) -> Result<Current, Ended> {
        let (Some(key), Some(entry)) = (self.keys.get(&file), self.machine.entry(file)) else {
            return Err(Ended::Unreadable);
        };
        match self.offering.open(key) {
            Ok(Content::File(source)) if entry.size.is_none() => {
                Ok(Current::new(file, Content::Unsized(source)))
            }
            Ok(Content::File(source)) if !is_as_offered(&source, entry, key) => Err(Ended::Changed),
            Ok(content) => Ok(Current::new(file, content)),
            Err(fault) => {
                self.report.detail(fault);
                Err(Ended::Unreadable)
            }
        }
    }
}
