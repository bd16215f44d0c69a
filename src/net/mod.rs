//! Sockets, standard streams, readiness and signals: the one module that names mio, socket2, quinn-udp,
//! uapi and rustix' networking.

mod abstract_name;
mod acknowledged;
pub mod dial;
pub mod endpoint;
mod io;
pub mod listen;
mod pacing;
pub mod pump;
pub mod rate;
pub mod reactor;
pub mod send;
pub mod signals;
pub mod stdio;
pub mod stream;
mod timers;
pub mod udp;
mod zero_copy;

/// Sixteen random bytes: a session's id.
pub fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    // Only a name for people who compare logs: zeros serve where the system has no randomness.
    let _ = rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty());
    id
}

/// How many descriptors this process may have open, if there is a limit.
pub fn descriptor_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}
