//! SIGINT, SIGTERM, SIGQUIT and SIGHUP: the first stops in order, the second at once. SIGHUP for callers that ask for it.

pub mod hangups;

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mio::unix::SourceFd;
use rustix::event::{PollFd, PollFlags};
use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};

/// What comes so soon after a signal is the same one.
const REPEATED_WITHIN: Duration = Duration::from_millis(300);
/// How often the next one is looked for from then on, as long as the process is about to stop.
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(20);

/// Tells every reactor of the process that a signal asked it to stop.
///
/// Clones are the same. The handlers write to a socket that all reactors poll and none reads, so that one signal wakes them all.
#[derive(Clone)]
pub struct Signals {
    number: Arc<AtomicUsize>,
    /// A reactor has begun to run, and so looks for them.
    is_attended: Arc<AtomicBool>,
    wakes: Arc<UnixStream>,
    /// What SIGHUP does here, unless a caller asks for it.
    on_hangup: Arc<[SigId]>,
    had_terminal: bool,
}

impl Signals {
    /// Installs the handlers, once for the process. When a signal comes once more, or one comes before a reactor runs (while
    /// a name is looked up or a file is read) or while a person is asked, the processes that were started are killed and `at_once`, which is to end
    /// this one, is called on another thread, with the signal and whether it came once more.
    ///
    /// A signal that is repeated at once is one: timeout(1) sends each to a process and then to its group.
    pub fn install(at_once: impl FnOnce(i32, bool) + Send + 'static) -> io::Result<Signals> {
        let (number, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (wakes, written) = UnixStream::pair()?;
        let register = |signal| -> io::Result<[SigId; 3]> {
            Ok([
                signal_hook::flag::register_usize(signal, Arc::clone(&number), signal as usize)?,
                signal_hook::flag::register(signal, Arc::clone(&again))?,
                signal_hook::low_level::pipe::register(signal, written.try_clone()?)?,
            ])
        };
        // What nohup(1) has ignored stays ignored.
        let ignored = ignored_signals();
        let is_ours = |signal: i32| ignored.is_some_and(|set| set >> (signal - 1) & 1 == 0);
        for signal in [SIGINT, SIGTERM].into_iter().chain([SIGQUIT].into_iter().filter(|quit| is_ours(*quit)))
        {
            register(signal)?;
        }
        let on_hangup = if is_ours(SIGHUP) { register(SIGHUP)?.to_vec() } else { Vec::new() };
        // A file size limit is to be an error of write(2), EFBIG, and not the end of the process. And where the parent
        // ignores SIGCHLD, processes would be reaped by the system.
        for signal in [SIGXFSZ, SIGCHLD] {
            signal_hook::flag::register(signal, Arc::default())?;
        }
        let (wakes, is_attended, had_terminal) = (Arc::new(wakes), Arc::default(), has_terminal());
        let signals = Signals { number, is_attended, wakes, on_hangup: on_hangup.into(), had_terminal };
        let watched = signals.clone();
        let watch = move || {
            let is_first = watched.comes_unattended();
            if is_first || watched.comes_again(&again) {
                super::process_groups::kill_all();
                super::ask::abandon();
                at_once(watched.received().unwrap_or(SIGTERM), !is_first);
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(signals)
    }

    /// From now on the caller looks for the first signal.
    pub(super) fn attend(&self) {
        self.is_attended.store(true, Ordering::SeqCst);
    }

    /// Waits for a signal. True if no other caller looks for it.
    fn comes_unattended(&self) -> bool {
        waited(&mut [PollFd::new(&*self.wakes, PollFlags::IN)], None)
            && (!self.is_attended.load(Ordering::SeqCst) || super::ask::is_asking())
    }

    /// Waits for a signal, and for one more that is not the same. False if that cannot be waited for.
    fn comes_again(&self, again: &AtomicBool) -> bool {
        if !waited(&mut [PollFd::new(&*self.wakes, PollFlags::IN)], None)
            || !waited(&mut [], Some(REPEATED_WITHIN))
        {
            return false;
        }
        again.store(false, Ordering::SeqCst);
        while waited(&mut [], Some(LOOKED_FOR_EVERY)) {
            if again.load(Ordering::SeqCst) {
                return true;
            }
        }
        false
    }

    /// The number of the last signal, if one came.
    pub fn received(&self) -> Option<i32> {
        match self.number.load(Ordering::SeqCst) {
            0 => None,
            number => Some(number as i32),
        }
    }

    /// Stops the process as this signal would.
    fn stop(&self, number: i32) {
        // One that always has a handler here, which has run when this returns. It cannot fail.
        let _ = signal_hook::low_level::raise(SIGTERM);
        self.number.store(number as usize, Ordering::SeqCst);
    }

    /// True if the process was started at a terminal: when that is gone, SIGHUP says so.
    pub fn had_terminal(&self) -> bool {
        self.had_terminal
    }

    /// Registers a descriptor that becomes readable, for ever, when a signal comes.
    pub(super) fn register(&self, registry: &mio::Registry, token: mio::Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.wakes.as_raw_fd()), token, mio::Interest::READABLE)
    }
}

/// True when a descriptor is ready, or the time is over. False if that cannot be waited for.
fn waited(fds: &mut [PollFd<'_>], time: Option<Duration>) -> bool {
    super::poll::poll(fds, time).is_ok()
}

/// A signal's name, as people know it.
pub fn name(number: i32) -> String {
    signal_hook::low_level::signal_name(number).map_or_else(|| format!("signal {number}"), String::from)
}

/// The set of signals that the process ignores, signal 1 lowest. `None` where that cannot be found out.
fn ignored_signals() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Whether this process has a controlling terminal. One that has been hung up is none.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}
