//! Faults: on the way, in the peer, in the disk, in the system.

pub(crate) mod block_faults;
pub(crate) mod block_peers;
pub(crate) mod burdens;
pub(crate) mod claims;
pub(crate) mod crash;
pub(crate) mod cuts;
pub(crate) mod failing;
pub(crate) mod flips;
pub(crate) mod hostile_clients;
pub(crate) mod hostile_servers;
pub(crate) mod injected;
pub(crate) mod planted;
pub(crate) mod power;
pub(crate) mod scarce;
pub(crate) mod siege;
pub(crate) mod slow_disk;
pub(crate) mod space;
pub(crate) mod trace;
pub(crate) mod vanish;
