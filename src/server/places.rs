//! The places that a source has: how many clients may be in from it, and how many further connections of theirs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::endpoint::PeerName;

/// Further connections of a source, for each client that may be in from it: as many as a client has by default.
const FURTHER_PER_PLACE: usize = 3;
/// So many it has at least: one client may have all that a session takes.
const MIN_FURTHER: usize = 15;

/// What counts as one source: an IPv4 address, or an IPv6 network of 64 bits, which is what one subscriber or machine
/// has at least, RFC 6177.
fn source_of(peer: &PeerName) -> Option<IpAddr> {
    const INTERFACE_BITS: u32 = 64;
    Some(match peer.ip()?.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> INTERFACE_BITS << INTERFACE_BITS).into(),
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// The places of all sources; shared by an acceptor and the threads of its clients.
#[derive(Clone)]
pub(crate) struct Places(Arc<Shared>);

struct Shared {
    per_source: usize,
    taken: Mutex<HashMap<IpAddr, Taken>>,
}

#[derive(Clone, Copy, Default)]
struct Taken {
    clients: usize,
    further: usize,
}

impl Places {
    /// So many clients at a time from one source.
    pub(crate) fn new(per_source: usize) -> Places {
        Places(Arc::new(Shared { per_source, taken: Mutex::default() }))
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, Taken>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a client of this address, which is not taken yet.
    pub(crate) fn place(&self, peer: &PeerName) -> SourceSlot {
        let (places, source) = (self.clone(), source_of(peer));
        SourceSlot {
            places,
            source,
            is_taken: false.into(),
            is_further: false.into(),
            is_identified: false.into(),
        }
    }

    fn give_back(&self, source: IpAddr, give: impl FnOnce(&mut Taken)) {
        let mut all = self.taken();
        if let Some(taken) = all.get_mut(&source) {
            give(taken);
            if taken.clients + taken.further == 0 {
                all.remove(&source);
            }
        }
    }
}

/// A client's place among those of its source, if it has one; given back when it is dropped. Peers without an IP address
/// are not counted.
pub(crate) struct SourceSlot {
    places: Places,
    source: Option<IpAddr>,
    is_taken: AtomicBool,
    is_further: AtomicBool,
    is_identified: AtomicBool,
}

impl SourceSlot {
    /// Takes the place. False if its source has all that it may have.
    pub(crate) fn take(&self) -> bool {
        let mut all = self.places.taken();
        if !self.is_taken.load(Ordering::Relaxed)
            && let Some(source) = self.source
        {
            let count = all.get(&source).map_or(0, |taken| taken.clients);
            if count >= self.places.0.per_source {
                return false;
            }
            all.entry(source).or_default().clients += 1;
        }
        self.is_taken.store(true, Ordering::Relaxed);
        true
    }

    /// True while it is taken.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::Relaxed)
    }

    /// True for a further connection, which is no client.
    pub(crate) fn is_further(&self) -> bool {
        self.is_further.load(Ordering::Relaxed)
    }

    /// Whose it is, a client's or a further connection's, is known from now on.
    pub(crate) fn mark_identified(&self) {
        self.is_identified.store(true, Ordering::Relaxed);
    }

    /// Whether that is known.
    pub(crate) fn is_identified(&self) -> bool {
        self.is_identified.load(Ordering::Relaxed)
    }

    /// The connection is a further one of another client's: gives the place back and has one of those instead. None if
    /// its source has all of them that it may have.
    pub(crate) fn convert_to_further(&self) -> Option<Further> {
        self.give_back();
        self.is_further.store(true, Ordering::Relaxed);
        if let Some(source) = self.source {
            let most = self.places.0.per_source.saturating_mul(FURTHER_PER_PLACE).max(MIN_FURTHER);
            let mut all = self.places.taken();
            if all.get(&source).is_some_and(|taken| taken.further >= most) {
                return None;
            }
            all.entry(source).or_default().further += 1;
        }
        Some(Further { places: self.places.clone(), source: self.source })
    }

    /// Gives it back before it is dropped.
    pub(crate) fn give_back(&self) {
        if self.is_taken.swap(false, Ordering::Relaxed)
            && let Some(source) = self.source
        {
            self.places.give_back(source, |taken| taken.clients -= 1);
        }
    }
}

impl Drop for SourceSlot {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What a further connection holds for as long as it is there.
pub(crate) struct Further {
    places: Places,
    source: Option<IpAddr>,
}

impl Drop for Further {
    fn drop(&mut self) {
        if let Some(source) = self.source {
            self.places.give_back(source, |taken| taken.further -= 1);
        }
    }
}
