//! From the last byte to the name: compared, synced, renamed, and the folder synced.

use super::Receiving;
use crate::commands::transfer::outcome::{Role, reason_of};
use crate::commands::transfer::wire::Failure;
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::reason::Reason;
use crate::report::Phase;
use crate::store::{Fault, Meta};

impl<S: Stream> Receiving<S> {
    /// A file has come: compares its digest, then brings it to disk and into place, aside.
    pub(super) fn commit(&mut self, file: u32, digest: Digest) -> Result<(), Failure> {
        let entry = self.machine.entry(file).cloned();
        if let Err(fault) = self.needed_part(file) {
            let outcome = Err(reason_of(&fault, Role::Receiver));
            self.machine.committed(file, outcome);
            return Ok(());
        }
        let (Some(incoming), Some(entry)) = (self.files.remove(&file), entry) else {
            self.machine.committed(file, Err((Reason::Failed, "its part is gone".into())));
            return Ok(());
        };
        let have = match &incoming.part {
            Some(_) => incoming.hasher.finalize().into(),
            None => incoming.in_place.unwrap_or_default(),
        };
        if let Some(progress) = &self.progress {
            progress.done(1);
        }
        if have != digest {
            self.machine.committed(file, Err((Reason::DigestMismatch, Reason::DigestMismatch.to_string())));
            return Ok(());
        }
        self.digests.insert(file, digest);
        let Some(part) = incoming.part else {
            self.in_place.push(file);
            return Ok(());
        };
        self.phase(Phase::Syncing);
        let meta = Meta {
            executable: entry.executable,
            mtime_seconds: entry.mtime_seconds,
            mtime_nanoseconds: entry.mtime_nanoseconds,
        };
        let replace = self.destination.replace;
        self.commits.push((file, self.io.aside(move || part.commit(meta, replace))?));
        Ok(())
    }

    /// An empty file has no body that would have created its part; one that is in place already needs none.
    fn needed_part(&mut self, file: u32) -> Result<(), Fault> {
        match self.files.get(&file) {
            Some(incoming) if incoming.in_place.is_none() => self.part(file).map(|_| ()),
            _ => Ok(()),
        }
    }

    pub(super) fn collect_commits(&mut self) -> Result<(), Failure> {
        let mut index = 0;
        while index < self.commits.len() {
            match self.commits[index].1.take() {
                None => index += 1,
                Some(result) => {
                    let (file, _) = self.commits.swap_remove(index);
                    match result? {
                        Ok(()) => self.in_place.push(file),
                        Err(fault) => self.machine.committed(file, Err(reason_of(&fault, Role::Receiver))),
                    }
                }
            }
        }
        Ok(())
    }

    /// Once all files are in place: the folder is synced, and only then are they done. True when they are.
    pub(super) fn sync_folder(&mut self) -> Result<bool, Failure> {
        if let Some(aside) = &mut self.syncing {
            let Some(result) = aside.take() else { return Ok(false) };
            self.syncing = None;
            let result = result?;
            for file in self.in_place.drain(..) {
                self.machine.committed(
                    file,
                    result.as_ref().map(|_| ()).map_err(|fault| reason_of(fault, Role::Receiver)),
                );
            }
            return Ok(true);
        } else if self.machine.all_files_ended() && self.commits.is_empty() && !self.in_place.is_empty() {
            let folder = self.destination.folder.clone();
            self.syncing = Some(self.io.aside(move || folder.sync())?);
        }
        Ok(false)
    }
}
