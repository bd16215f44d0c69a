//! Sockets, standard streams, readiness and signals: the one module that names mio, socket2 and rustix' networking.

mod acknowledged;
pub mod dial;
pub mod endpoint;
pub mod listen;
pub mod pump;
pub mod reactor;
pub mod send;
pub mod signals;
pub mod stdio;
pub mod stream;
mod timers;
mod zero_copy;
