//! SIGINT and SIGTERM: the first stops in order, the second at once. SIGHUP, for those who ask for it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

use super::reactor::{Io, Readiness, read_clock};

/// What comes so soon after a signal is the same one.
const REPEATED_WITHIN: Duration = Duration::from_millis(300);

/// Tells every reactor of the process that a signal asked it to stop.
///
/// Clones are the same. A thread writes to a socket that all reactors poll and none reads, so that one signal wakes them all.
#[derive(Clone)]
pub struct Signals {
    number: Arc<AtomicUsize>,
    wakes: Arc<UnixStream>,
}

impl Signals {
    /// Installs the handlers, once for the process. When a signal comes once more, the processes that were started are
    /// killed and `at_once`, which is to end this one, is called on another thread.
    ///
    /// A signal that is repeated at once is one: timeout(1) sends each to a process and then to its group.
    pub fn install(at_once: impl FnOnce(i32) + Send + 'static) -> io::Result<Signals> {
        let number = Arc::new(AtomicUsize::new(0));
        let (wakes, mut written) = UnixStream::pair()?;
        // A file size limit is to be an error of write(2), EFBIG, and not the end of the process. And where the parent
        // ignores SIGCHLD, processes would be reaped by the system.
        for signal in [SIGXFSZ, SIGCHLD] {
            signal_hook::flag::register(signal, Arc::default())?;
        }
        let mut caught = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let first = Arc::clone(&number);
        let watch = move || {
            let mut signals = caught.forever();
            let Some(signal) = signals.next() else { return };
            first.store(signal as usize, Ordering::SeqCst);
            // Fails only when all reactors are gone.
            let _ = written.write_all(&[0]);
            let end = read_clock() + REPEATED_WITHIN;
            if let Some(again) = signals.find(|_| read_clock() >= end) {
                super::process::kill_all();
                at_once(again);
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(Signals { number, wakes: Arc::new(wakes) })
    }

    /// The number of the last signal, if one came.
    pub fn received(&self) -> Option<i32> {
        match self.number.load(Ordering::SeqCst) {
            0 => None,
            number => Some(number as i32),
        }
    }

    /// A descriptor that becomes readable, for ever, when a signal comes.
    pub(crate) fn wake_source(&self) -> io::Result<mio::net::UnixStream> {
        let clone = self.wakes.try_clone()?;
        clone.set_nonblocking(true)?;
        Ok(mio::net::UnixStream::from_std(clone))
    }
}

/// A signal's name, as people know it.
pub fn name(number: i32) -> String {
    signal_hook::low_level::signal_name(number).map_or_else(|| format!("signal {number}"), String::from)
}

/// SIGHUP, for a session that reads something again then. Without one the signal ends the process, as always.
pub struct Hangups {
    source: mio::net::UnixStream,
    readiness: Readiness,
}

impl Hangups {
    /// Installs the handler; the session of `io` is advanced when the signal comes.
    pub fn install(io: &Io) -> io::Result<Hangups> {
        let (read, written) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGHUP, written)?;
        read.set_nonblocking(true)?;
        let mut source = mio::net::UnixStream::from_std(read);
        let readiness = io.register(&mut source)?;
        Ok(Hangups { source, readiness })
    }

    /// True if the signal came since it was asked last.
    pub fn came(&mut self) -> bool {
        if !self.readiness.is_readable() {
            return false;
        }
        let (mut came, mut bytes) = (false, [0; 64]);
        while matches!(self.source.read(&mut bytes), Ok(1..)) {
            came = true;
        }
        self.readiness.clear_readable();
        came
    }
}
