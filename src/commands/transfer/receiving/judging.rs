//! Whether a file is wanted, and under which name.

use std::fs::File;

use super::{Incoming, Naming, Receiving};
use crate::commands::transfer::outcome::{Role, reason_of};
use crate::commands::transfer::wire::Failure;
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::entry::Entry;
use crate::proto::have::Verdict;
use crate::proto::names::CleanPath;
use crate::proto::reason::Reason;
use crate::report::{Phase, Progress};
use crate::store::{Fault, Part, hash_prefix};

/// Files created before their bytes come, so that of several sessions with one name all but the first hear so early.
/// Each holds a descriptor.
const MAX_EARLY_PARTS: usize = 4;

impl<S: Stream> Receiving<S> {
    /// Decides about a file. None while a file that is in place is hashed.
    pub(super) fn judge(&mut self, file: u32) -> Result<Option<Verdict>, Failure> {
        let Some(entry) = self.machine.entry(file).cloned() else { return Ok(Some(Verdict::WHOLE)) };
        if let Some(aside) = &mut self.hashing {
            let Some(result) = aside.take() else { return Ok(None) };
            self.hashing = None;
            return Ok(Some(match result? {
                Ok(digest) => self.known(file, &entry, digest),
                Err(fault) => refused(&fault),
            }));
        }
        if self.progress.is_none() {
            let count = self.machine.entry_count();
            let sizes = (0..count as u32).filter_map(|file| self.machine.entry(file)).map(|entry| entry.size);
            let progress = Progress::new(&self.report);
            progress.expect(count as u64, sizes.fold(0, u64::saturating_add));
            progress.all_known();
            self.progress = Some(progress);
        }
        let name = match self.local_name(&entry) {
            Ok(name) => name,
            Err((reason, text)) => return Ok(Some(Verdict::Refused(reason, text))),
        };
        if let Some(limit) = self.destination.max_size.filter(|limit| entry.size > *limit) {
            return Ok(Some(Verdict::Refused(Reason::TooLarge, format!("at most {limit} bytes are taken"))));
        }
        let existing = match self.destination.folder.existing(&name) {
            Ok(existing) => existing,
            Err(fault) => return Ok(Some(refused(&fault))),
        };
        match existing {
            Some((content, size)) if size == entry.size => self.hash_existing(content, size).map(|()| None),
            Some(_) if !self.destination.replace => {
                Ok(Some(Verdict::Refused(Reason::Exists, Reason::Exists.to_string())))
            }
            _ => Ok(Some(self.consent(file, name, &entry))),
        }
    }

    fn hash_existing(&mut self, content: File, size: u64) -> Result<(), Failure> {
        self.phase(Phase::Hashing);
        let work = move || hash_prefix(&content, size, &mut |_| {}).map(|hasher| hasher.finalize().into());
        self.hashing = Some(self.io.aside(work)?);
        Ok(())
    }

    /// A file of the same name and size is in place, with this digest.
    fn known(&mut self, file: u32, entry: &Entry, digest: Digest) -> Verdict {
        self.digests.insert(file, digest);
        if !self.destination.replace {
            return Verdict::Keep { size: entry.size, digest };
        }
        let Ok(name) = self.local_name(entry) else { return Verdict::WHOLE };
        let hasher = blake3::Hasher::new();
        self.files.insert(file, Incoming { name, part: None, hasher, in_place: Some(digest) });
        if entry.size == 0 { Verdict::WHOLE } else { Verdict::Want { offset: entry.size, digest } }
    }

    fn consent(&mut self, file: u32, name: Vec<u8>, entry: &Entry) -> Verdict {
        let wanted = self.consented_bytes.saturating_add(entry.size);
        if self.destination.folder.free_bytes().is_ok_and(|free| free < wanted) {
            return Verdict::Refused(Reason::NoSpace, Reason::NoSpace.to_string());
        }
        let part = if self.files.len() < MAX_EARLY_PARTS {
            match Part::create(&self.destination.folder, &name) {
                Ok(part) => Some(part),
                Err(fault) => return refused(&fault),
            }
        } else {
            None
        };
        self.consented_bytes = wanted;
        self.files.insert(file, Incoming { name, part, hasher: blake3::Hasher::new(), in_place: None });
        Verdict::WHOLE
    }

    /// The name that a file gets here: the receiver chooses it.
    fn local_name(&self, entry: &Entry) -> Result<Vec<u8>, (Reason, String)> {
        let path = CleanPath::parse(&entry.path).map_err(|fault| (Reason::UnsafeName, fault.to_string()))?;
        match &self.destination.naming {
            Naming::AsSent if path.is_single() => Ok(path.as_bytes().to_vec()),
            Naming::AsSent => Err((Reason::NotAllowed, "names with folders are not taken".into())),
            Naming::LastComponent => Ok(path.file_name().to_vec()),
            Naming::Fixed(name) if self.machine.entry_count() == 1 => Ok(name.clone()),
            Naming::Fixed(_) => Err((
                Reason::NotAskedFor,
                format!("{} files are offered: name one, or give a folder", self.machine.entry_count()),
            )),
        }
    }
}

fn refused(fault: &Fault) -> Verdict {
    let (reason, text) = reason_of(fault, Role::Receiver);
    Verdict::Refused(reason, text)
}
