//! Sockets, standard streams, readiness and signals: the one module that names mio, socket2, quinn-udp,
//! uapi and rustix' networking.

mod abstract_name;
pub mod access;
mod acknowledged;
pub(crate) mod acknowledgement;
pub mod activation;
pub(crate) mod ask;
mod bind;
mod blocking;
pub mod child;
pub mod clock;
pub(crate) mod coalescing;
pub(crate) mod connecting;
pub mod default_port;
pub mod dial;
pub mod endpoint;
pub(crate) mod goodbye;
pub(crate) mod handshake;
pub(crate) mod idle_clock;
mod interfaces;
mod io;
mod line;
pub mod listen;
pub mod local_end;
mod lookup;
pub mod options;
mod pacing;
mod packet;
#[cfg(all(target_os = "linux", not(sendall_portable)))]
mod pipes;
mod poll;
pub mod ports;
pub mod process;
mod process_groups;
pub mod pump;
pub mod rate;
mod raw;
pub mod reachable;
pub mod reactor;
pub(crate) mod remote;
pub mod resolve;
mod route;
pub mod send;
pub(crate) mod send_file;
pub mod services;
mod session;
pub(crate) mod session_pool;
pub mod signals;
mod socket;
mod solo;
pub mod stdio;
pub mod stream;
mod tasks;
mod terminal;
mod timers;
pub mod tls;
pub mod udp;
mod vsock;
mod wakers;
pub mod wall;
pub(crate) mod wrapper;

/// Fills a buffer with bytes that nobody can predict.
///
/// # Errors
/// The system has none.
pub fn fill_random(buffer: &mut [u8]) -> Result<(), crate::error::Error> {
    let filled = rustix::rand::getrandom(&mut *buffer, rustix::rand::GetRandomFlags::empty());
    if filled == Ok(buffer.len()) {
        return Ok(());
    }
    Err(crate::error::Error::new(crate::error::Exit::Failed, "the system has no random bytes"))
}

/// Sixteen random bytes: a session's id.
pub fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    // Only a name for people who compare logs: zeros serve where the system has no randomness.
    let _ = rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty());
    id
}

/// A crash leaves no core from now on: secrets are in memory (setrlimit(2), `RLIMIT_CORE`). Processes that are started may
/// raise the limit again.
pub fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    // Linux ignores a limit of 0 where cores go to a program (core(5)). With 1 it starts none: that is how it keeps such a
    // program from dumping itself. For a file, a byte is too little. Unlike PR_SET_DUMPABLE it leaves /proc/PID to the
    // process' own user, for ss -p, lsof and strace.
    let current = if cfg!(target_os = "linux") { 1 } else { 0 };
    if setrlimit(Resource::Core, Rlimit { current: Some(current), maximum }).is_err() {
        // No more than 0 is allowed.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}

/// How many descriptors this process may have open, if there is a limit: raised to `wanted`, as far as it may be.
pub fn raised_descriptor_limit(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if raised > current
        && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }).is_ok()
    {
        return Some(raised);
    }
    Some(current)
}

/// What this machine is called.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Repeats a call that a signal interrupted.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
