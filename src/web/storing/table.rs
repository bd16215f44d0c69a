//! The uploads that have a URL of their own: a few, each for a limited time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::running::{HANDOVER_LIMIT, Run};
use super::upload::Upload;

/// The most uploads at a time.
const MAX_UPLOADS: usize = 64;
/// The descriptors that these have open between two requests: a part and its folder each.
pub(crate) const IDLE_DESCRIPTORS: u64 = 2 * MAX_UPLOADS as u64;
/// The seconds for which an upload is kept after its last request.
pub(super) const MAX_AGE_SECONDS: u64 = 3600;

/// How often what is idle for too long is looked for.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// What names an upload: nobody can guess it.
pub(super) type UploadId = [u8; 16];

/// The uploads that have a URL.
#[derive(Default)]
pub(crate) struct Table {
    entries: Mutex<HashMap<UploadId, Entry>>,
    changed: Condvar,
    /// The number of requests that have ended.
    requests: AtomicU64,
    /// The thread that sweeps ends when this is dropped.
    sweeper: Mutex<Option<Sender<()>>>,
}

struct Entry {
    path: Vec<u8>,
    slot: Slot,
    /// The seconds since 1970 at which it was seen without a request; `None`: it was not yet.
    idle_since: Option<u64>,
    /// The number of requests that had ended when its last one did.
    order: u64,
}

enum Slot {
    /// A request has it.
    Away(Arc<Run>),
    /// It can be continued, and has this length.
    Idle(Box<Upload>, Option<u64>),
    /// The file has its name.
    Done(Arc<Finished>),
}

/// The end of an upload, for clients that have not heard of it.
pub(super) struct Finished {
    /// The size of the file.
    pub(super) offset: u64,
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// What the claim of an upload finds.
pub(super) enum Found {
    /// There is no such upload.
    None,
    /// Another request has it, and does not let go.
    Busy,
    /// The upload and its length: it must be given back, or removed.
    Upload(Box<Upload>, Option<u64>),
    Done(Arc<Finished>),
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sweeps each `interval` from now on, whether requests come or not. `unix_seconds` is the time since 1970. Without a
    /// thread for it only requests sweep.
    pub(super) fn start_sweeping(self: &Arc<Self>, interval: Duration, unix_seconds: fn() -> u64) {
        let mut sweeper = self.sweeper.lock().unwrap_or_else(PoisonError::into_inner);
        if sweeper.is_some() {
            return;
        }
        let (end, ended) = channel();
        let table = Arc::downgrade(self);
        let sweep = move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let Some(table) = table.upgrade() else { return };
                table.sweep(unix_seconds());
            }
        };
        if std::thread::Builder::new().name("sweep".into()).spawn(sweep).is_ok() {
            *sweeper = Some(end);
        }
    }

    /// Removes what was idle for too long, with its parts.
    pub(super) fn sweep(&self, now_seconds: u64) {
        let mut expired = Vec::new();
        self.lock().retain(|_, entry| {
            if matches!(entry.slot, Slot::Away(_)) {
                return true;
            }
            let since = *entry.idle_since.get_or_insert(now_seconds);
            if now_seconds.saturating_sub(since) < MAX_AGE_SECONDS {
                return true;
            }
            let nothing = Slot::Done(Arc::new(Finished::nothing()));
            expired.push(std::mem::replace(&mut entry.slot, nothing));
            false
        });
        // Without the lock, because it takes a while.
        for slot in expired {
            if let Slot::Idle(mut upload, _) = slot {
                upload.discard();
            }
        }
    }

    /// Ends the upload of a path that no request has. Its part is kept for a request that continues it.
    pub(super) fn end_idle(&self, path: &[u8]) {
        let mut entries = self.lock();
        let idle =
            |(_, entry): &(&UploadId, &Entry)| entry.path == path && matches!(entry.slot, Slot::Idle(..));
        let id = entries.iter().find(idle).map(|(id, _)| *id);
        let ended = id.and_then(|id| entries.remove(&id));
        drop(entries);
        drop(ended);
    }

    /// Adds an upload, which a request has. One that is over gives way, or else the one that waits longest for a request: its
    /// part is kept. False: there are too many. Blocks.
    pub(super) fn insert(&self, id: UploadId, upload: &Upload) -> bool {
        let mut entries = self.lock();
        let mut evicted = None;
        if entries.len() >= MAX_UPLOADS {
            let waiting = entries.iter().filter(|(_, entry)| !matches!(entry.slot, Slot::Away(_)));
            let oldest = waiting.min_by_key(|(_, entry)| (matches!(entry.slot, Slot::Idle(..)), entry.order));
            let Some(oldest) = oldest.map(|(id, _)| *id) else { return false };
            evicted = entries.remove(&oldest);
        }
        let (path, slot) = (upload.path().to_vec(), Slot::Away(upload.run()));
        entries.insert(id, Entry { path, slot, idle_since: None, order: 0 });
        drop(entries);
        // Without the lock, because it takes a while.
        drop(evicted);
        true
    }

    /// Takes an upload. The request that has it ends first: this waits until it has.
    pub(super) fn claim(&self, id: &UploadId, path: &[u8]) -> Found {
        let mut entries = self.lock();
        if let Some(Entry { slot: Slot::Away(run), .. }) = entries.get(id).filter(|entry| entry.path == path)
        {
            run.end();
            let is_away = |entries: &mut HashMap<UploadId, Entry>| {
                matches!(entries.get(id), Some(Entry { slot: Slot::Away(_), .. }))
            };
            let waited = self.changed.wait_timeout_while(entries, HANDOVER_LIMIT, is_away);
            entries = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let Some(entry) = entries.get_mut(id).filter(|entry| entry.path == path) else {
            return Found::None;
        };
        let away = match &entry.slot {
            Slot::Away(_) => return Found::Busy,
            Slot::Done(finished) => return Found::Done(Arc::clone(finished)),
            Slot::Idle(upload, _) => Slot::Away(upload.run()),
        };
        match std::mem::replace(&mut entry.slot, away) {
            Slot::Idle(upload, length) => Found::Upload(upload, length),
            Slot::Away(_) | Slot::Done(_) => Found::Busy,
        }
    }

    /// Notes which request has an upload.
    pub(super) fn set_run(&self, id: &UploadId, run: Arc<Run>) {
        self.set(id, Slot::Away(run));
    }

    /// Gives an upload back.
    pub(super) fn give_back(&self, id: &UploadId, upload: Box<Upload>, length: Option<u64>) {
        self.set(id, Slot::Idle(upload, length));
    }

    /// The file has its name.
    pub(super) fn finish(&self, id: &UploadId, finished: Finished) {
        self.set(id, Slot::Done(Arc::new(finished)));
    }

    /// An upload that a request had is not there any more.
    pub(super) fn remove(&self, id: &UploadId) {
        let removed = self.lock().remove(id);
        self.changed.notify_all();
        drop(removed);
    }

    fn set(&self, id: &UploadId, slot: Slot) {
        let mut entries = self.lock();
        let before = match entries.get_mut(id) {
            Some(entry) => {
                entry.idle_since = None;
                entry.order = self.requests.fetch_add(1, Ordering::SeqCst);
                std::mem::replace(&mut entry.slot, slot)
            }
            None => slot,
        };
        drop(entries);
        self.changed.notify_all();
        drop(before);
    }
}

impl Finished {
    fn nothing() -> Finished {
        Finished { offset: 0, status: 404, fields: Vec::new(), body: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::upload::tests::Surroundings;
    use super::*;

    #[test]
    fn what_is_idle_for_too_long_is_removed_with_its_part() {
        let surroundings = Surroundings::new();
        let mut upload = Box::new(surroundings.begin(b"f", Some(9)));
        upload.write(b"content").unwrap();
        let (table, id) = (Table::default(), [7; 16]);
        assert!(table.insert(id, &upload));
        // A request may take as long as it likes.
        for seconds in [5, 5 + 2 * MAX_AGE_SECONDS] {
            table.sweep(seconds);
        }
        table.give_back(&id, upload, Some(9));
        for seconds in [10, 9 + MAX_AGE_SECONDS] {
            table.sweep(seconds);
            assert!(surroundings.folder.has_part(b"f"));
        }
        table.sweep(10 + MAX_AGE_SECONDS);
        assert!(!surroundings.folder.has_part(b"f") && surroundings.running.find(b"f").is_none());
        assert!(matches!(table.claim(&id, b"f"), Found::None));
    }

    #[test]
    fn it_is_removed_without_a_request_as_well() {
        static SECONDS: AtomicU64 = AtomicU64::new(0);
        let surroundings = Surroundings::new();
        let mut upload = Box::new(surroundings.begin(b"f", Some(9)));
        upload.write(b"content").unwrap();
        let (table, id) = (Arc::new(Table::default()), [7; 16]);
        assert!(table.insert(id, &upload));
        table.give_back(&id, upload, Some(9));
        // An hour each time.
        let clock = || SECONDS.fetch_add(MAX_AGE_SECONDS, Ordering::SeqCst);
        let begun = crate::net::clock::read_clock();
        table.start_sweeping(Duration::from_millis(1), clock);
        while surroundings.folder.has_part(b"f") {
            assert!(begun.elapsed() < Duration::from_secs(20), "it stays");
            std::thread::yield_now();
        }
    }

    #[test]
    fn only_what_no_request_has_gives_way_and_its_part_stays() {
        let surroundings = Surroundings::new();
        let table = Table::default();
        let mut uploads: Vec<(UploadId, Box<Upload>)> = Vec::new();
        for index in 0..MAX_UPLOADS as u8 {
            let mut upload = Box::new(surroundings.begin(&[b'a', b'0' + index], Some(9)));
            upload.write(b"content").unwrap();
            assert!(table.insert([index; 16], &upload));
            uploads.push(([index; 16], upload));
        }
        let newer = surroundings.begin(b"newer", Some(9));
        assert!(!table.insert([100; 16], &newer), "all have a request");
        let (third, upload) = uploads.remove(3);
        table.give_back(&third, upload, Some(9));
        let (first, upload) = uploads.remove(0);
        table.give_back(&first, upload, Some(9));
        // The one that has waited longer.
        assert!(table.insert([100; 16], &newer));
        assert!(matches!(table.claim(&third, b"a3"), Found::None));
        assert!(surroundings.folder.has_part(b"a3"));
        // One that is over, before one that can be continued.
        let (done, mut upload) = uploads.remove(0);
        upload.commit().unwrap();
        table.finish(&done, Finished::nothing());
        assert!(table.insert([101; 16], &newer));
        assert!(matches!(table.claim(&done, b"a1"), Found::None));
        assert!(matches!(table.claim(&first, b"a0"), Found::Upload(..)));
    }
}
