//! The slots of each source of clients: for clients, and for their further connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::descriptors::Lease;
use crate::net::endpoint::PeerName;
use crate::proto;

/// Further connections of a source, for each client slot: as many as a client has by default.
const FURTHER_PER_PLACE: usize = 3;
/// A source may have this many in any case: as many as one session takes.
const MIN_FURTHER: usize = 15;

/// The source of a client.
pub(super) fn source_of(peer: &PeerName) -> Option<IpAddr> {
    peer.ip().map(proto::source_of)
}

/// The slots of all sources. Clones are the same: an acceptor and the threads of its clients share them.
#[derive(Clone)]
pub(crate) struct SourceSlots(Arc<Shared>);

struct Shared {
    per_source: usize,
    taken: Mutex<HashMap<IpAddr, Taken>>,
}

#[derive(Clone, Copy, Default)]
struct Taken {
    clients: usize,
    further: usize,
}

impl SourceSlots {
    /// Allows `per_source` clients at a time from one source.
    pub(crate) fn new(per_source: usize) -> SourceSlots {
        SourceSlots(Arc::new(Shared { per_source, taken: Mutex::default() }))
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, Taken>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a client of this address, not acquired yet.
    pub(crate) fn slot(&self, peer: &PeerName) -> SourceSlot {
        let (sources, source) = (self.clone(), source_of(peer));
        SourceSlot {
            sources,
            source,
            is_acquired: false.into(),
            is_further: false.into(),
            is_identified: false.into(),
        }
    }

    fn release(&self, source: IpAddr, give: impl FnOnce(&mut Taken)) {
        let mut all = self.taken();
        if let Some(taken) = all.get_mut(&source) {
            give(taken);
            if taken.clients + taken.further == 0 {
                all.remove(&source);
            }
        }
    }
}

/// A client's slot among those of its source, released when this is dropped. Peers without an IP address are not counted.
pub(crate) struct SourceSlot {
    sources: SourceSlots,
    source: Option<IpAddr>,
    is_acquired: AtomicBool,
    is_further: AtomicBool,
    is_identified: AtomicBool,
}

impl SourceSlot {
    /// Acquires the slot. False if its source has used all of its slots.
    pub(crate) fn try_acquire(&self) -> bool {
        let mut all = self.sources.taken();
        if !self.is_acquired.load(Ordering::Relaxed)
            && let Some(source) = self.source
        {
            let count = all.get(&source).map_or(0, |taken| taken.clients);
            if count >= self.sources.0.per_source {
                return false;
            }
            all.entry(source).or_default().clients += 1;
        }
        self.is_acquired.store(true, Ordering::Relaxed);
        true
    }

    /// True while the slot is acquired.
    pub(crate) fn is_acquired(&self) -> bool {
        self.is_acquired.load(Ordering::Relaxed)
    }

    /// True for a further connection of a client.
    pub(crate) fn is_further(&self) -> bool {
        self.is_further.load(Ordering::Relaxed)
    }

    /// Notes that the handshake has shown whether this is a client or a further connection.
    pub(crate) fn mark_identified(&self) {
        self.is_identified.store(true, Ordering::Relaxed);
    }

    /// True after [`SourceSlot::mark_identified`].
    pub(crate) fn is_identified(&self) -> bool {
        self.is_identified.load(Ordering::Relaxed)
    }

    /// Releases the slot, and counts the connection, with its descriptor, as a further one of another client. None if its source has too many of
    /// these.
    pub(crate) fn convert_to_further(&self, lease: Option<Lease>) -> Option<Further> {
        self.release();
        self.is_further.store(true, Ordering::Relaxed);
        if let Some(source) = self.source {
            let most = self.sources.0.per_source.saturating_mul(FURTHER_PER_PLACE).max(MIN_FURTHER);
            let mut all = self.sources.taken();
            if all.get(&source).is_some_and(|taken| taken.further >= most) {
                return None;
            }
            all.entry(source).or_default().further += 1;
        }
        Some(Further { sources: self.sources.clone(), source: self.source, _lease: lease })
    }

    /// Releases the slot early.
    pub(crate) fn release(&self) {
        if self.is_acquired.swap(false, Ordering::Relaxed)
            && let Some(source) = self.source
        {
            self.sources.release(source, |taken| taken.clients -= 1);
        }
    }
}

impl Drop for SourceSlot {
    fn drop(&mut self) {
        self.release();
    }
}

/// Counts a further connection until it is dropped.
pub(crate) struct Further {
    sources: SourceSlots,
    source: Option<IpAddr>,
    /// Its descriptor.
    _lease: Option<Lease>,
}

impl Drop for Further {
    fn drop(&mut self) {
        if let Some(source) = self.source {
            self.sources.release(source, |taken| taken.further -= 1);
        }
    }
}
