//! SIGHUP as an event: for a session that reloads something.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;

use signal_hook::consts::SIGHUP;

use super::{Signals, has_terminal};
use crate::net::reactor::{IoHandle, Readiness};

/// The SIGHUP events of a session. Without one of these the signal stops the process.
pub struct Hangups {
    source: mio::net::UnixStream,
    readiness: Readiness,
    signals: Signals,
}

impl Hangups {
    /// Installs the handler; the session of `io` is advanced when the signal comes.
    pub fn install(io: &IoHandle, signals: &Signals) -> io::Result<Hangups> {
        let (read, written) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGHUP, written)?;
        for id in signals.on_hangup.iter() {
            signal_hook::low_level::unregister(*id);
        }
        read.set_nonblocking(true)?;
        let mut source = mio::net::UnixStream::from_std(read);
        let readiness = io.register(&mut source)?;
        Ok(Hangups { source, readiness, signals: signals.clone() })
    }

    /// True if the signal came since the last call. A signal that came because the terminal of the process was closed
    /// stops the process instead.
    pub fn came(&mut self) -> bool {
        if !self.readiness.is_readable() {
            return false;
        }
        let (mut came, mut bytes) = (false, [0; 64]);
        while matches!(self.source.read(&mut bytes), Ok(1..)) {
            came = true;
        }
        self.readiness.clear_readable();
        if came && self.signals.had_terminal && !has_terminal() {
            self.signals.stop(SIGHUP);
            return false;
        }
        came
    }
}
