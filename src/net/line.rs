//! Serial lines, termios(3), and pseudoterminals with a link, pty(7), as streams.
//!
//! Both are raw, and as they were before when they are dropped: the settings of a line, the link of a pseudoterminal.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use mio::unix::SourceFd;
use rustix::event::PollFlags;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, readlink, stat, symlink, unlink};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{ControlModes, InputModes, OptionalActions, QueueSelector, Termios};

use super::endpoint::special::{Flow, LineSettings, Parity};
use super::poll::is_ready;
use super::reactor::{IoHandle, Readiness};
use super::stream::would_block;
use super::uninterrupted;

/// The most bytes of one write: a line discipline takes about that.
const MAX_WRITE_BYTES: usize = 4096;

/// A terminal that this process speaks to, as a program at its other end does.
pub struct Line {
    fd: OwnedFd,
    name: String,
    kind: Kind,
    /// Waits until the line has sent everything.
    drain: Option<JoinHandle<Result<(), Errno>>>,
    is_drained: bool,
    /// The end of what is written hangs up.
    ends_with_input: bool,
    has_ended: bool,
    /// Nobody has the other end open any more.
    has_hung_up: bool,
}

enum Kind {
    /// A serial line, with its settings from before.
    Serial(Termios),
    /// The master side, with the link to the other one. `end`: that one, while it is waited until it was read empty.
    Pty { link: Link, end: Option<OwnedFd> },
}

/// A symbolic link, which is removed when dropped, unless somebody has replaced it.
struct Link {
    path: PathBuf,
    target: PathBuf,
}

impl Drop for Link {
    fn drop(&mut self) {
        if is_link_to(&self.path, &self.target) {
            // Nothing can be done, and nothing is lost, if it is gone already.
            let _ = unlink(&self.path);
        }
    }
}

fn is_link_to(path: &Path, target: &Path) -> bool {
    readlink(path, Vec::new()).is_ok_and(|found| found.as_bytes() == target.as_os_str().as_encoded_bytes())
}

impl Line {
    /// Opens a serial line, and sets it.
    ///
    /// # Errors
    /// There is none, another process has it, or it does not take the settings.
    pub(super) fn open(path: &Path, settings: LineSettings) -> io::Result<Line> {
        let fd = open_terminal(path)?;
        if !rustix::termios::isatty(&fd) {
            return Err(io::Error::other("that is not a terminal or a serial line"));
        }
        // It belongs to one at a time. The lock is what other programs for serial lines take, too.
        match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(io::Error::other("another program has it open")),
            result => result?,
        }
        let before = rustix::termios::tcgetattr(&fd)?;
        set(fd.as_fd(), before.clone(), settings)?;
        Ok(Line::new(fd, format!("tty:{}", path.display()), Kind::Serial(before)))
    }

    /// Makes a pseudoterminal, and the link to its other end.
    ///
    /// # Errors
    /// Something else has the link's name; or of the system.
    pub(super) fn with_link(link: &Path) -> io::Result<Line> {
        // Before the new one may get its number, which a link of a process that was killed would then lead to.
        remove_dead(link);
        let fd = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        rustix::pty::grantpt(&fd)?;
        rustix::pty::unlockpt(&fd)?;
        let other = rustix::pty::ptsname(&fd, Vec::new())?;
        let other = PathBuf::from(String::from_utf8_lossy(other.as_bytes()).into_owned());
        // Set through this side: as long as nobody has opened the other one, nobody has closed it either.
        set(fd.as_fd(), rustix::termios::tcgetattr(&fd)?, LineSettings::default())?;
        symlink(&other, link).map_err(|error| match error {
            Errno::EXIST => io::Error::other("something of that name is there already"),
            error => error.into(),
        })?;
        let made = Link { path: link.to_owned(), target: other.clone() };
        Ok(Line::new(fd, format!("pty:{}", link.display()), Kind::Pty { link: made, end: None }))
    }

    fn new(fd: OwnedFd, name: String, kind: Kind) -> Line {
        Line {
            fd,
            name,
            kind,
            drain: None,
            is_drained: false,
            ends_with_input: false,
            has_ended: false,
            has_hung_up: false,
        }
    }

    /// Its name, as an endpoint.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn register(&mut self, io: &IoHandle) -> io::Result<Readiness> {
        io.register(&mut SourceFd(&self.fd.as_raw_fd()))
    }

    pub(super) fn release(&mut self, readiness: Readiness) -> io::Result<()> {
        readiness.release(&mut SourceFd(&self.fd.as_raw_fd()))
    }

    /// From now on the end of what is written ends this line, too.
    pub(super) fn end_with_input(&mut self) {
        self.ends_with_input = true;
    }

    pub(super) fn read(&mut self, buffer: &mut [u8], readiness: &Readiness) -> io::Result<usize> {
        if self.has_ended {
            return Ok(0);
        }
        if !readiness.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| match rustix::io::read(&self.fd, &mut *buffer) {
            // The carrier is lost, or no process has the other end open any more.
            Err(Errno::IO) => Ok(0),
            result => Ok(result?),
        });
        if would_block(&result) {
            readiness.clear_readable();
        }
        self.has_hung_up |= matches!(result, Ok(0));
        result
    }

    pub(super) fn write(&mut self, bytes: &[u8], readiness: &Readiness) -> io::Result<usize> {
        if !readiness.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = &bytes[..bytes.len().min(MAX_WRITE_BYTES)];
        self.is_drained = false;
        let result = uninterrupted(|| match rustix::io::write(&self.fd, bytes) {
            Err(Errno::IO) => Err(io::Error::other("the line has hung up")),
            result => Ok(result?),
        });
        if would_block(&result) {
            readiness.clear_writable();
        }
        result
    }

    /// A line has no end that could be passed on.
    pub(super) fn finish_writing(&mut self) {
        self.has_ended |= self.ends_with_input;
    }

    /// True once a serial line has sent everything (tcdrain(3)); once the other end of a pseudoterminal was read empty.
    ///
    /// # Errors
    /// The other end of a pseudoterminal was closed, and what it had not read is still there; or of the system.
    pub(super) fn is_delivered(&mut self) -> io::Result<bool> {
        if self.is_drained {
            return Ok(true);
        }
        match &mut self.kind {
            Kind::Serial(_) if self.has_hung_up => self.is_drained = true,
            Kind::Serial(_) => {
                let Some(thread) = self.drain.take_if(|thread| thread.is_finished()) else {
                    if self.drain.is_none() {
                        let fd = self.fd.try_clone()?;
                        let wait = move || rustix::io::retry_on_intr(|| rustix::termios::tcdrain(&fd));
                        self.drain = Some(std::thread::Builder::new().spawn(wait)?);
                    }
                    return Ok(false);
                };
                thread.join().map_err(|_| io::Error::other("it cannot be waited for"))??;
                self.is_drained = true;
            }
            Kind::Pty { link, end } => {
                let end = match end {
                    Some(end) => end,
                    // Not before: as long as it is open here, nobody hangs up.
                    none => none.insert(open_terminal(&link.target)?),
                };
                // To set what is set waits until no reader is about to ask for what did not fit before: it holds the same lock
                // (n_tty_read and tty_set_termios of Linux). Then poll(2) waits for what is on its way to there.
                let settings = rustix::termios::tcgetattr(&*end)?;
                rustix::termios::tcsetattr(&*end, OptionalActions::Now, &settings)?;
                let has_input = is_ready(end.as_fd(), PollFlags::IN);
                self.is_drained = !has_input && rustix::io::ioctl_fionread(&*end)? == 0;
                if self.has_hung_up && !self.is_drained {
                    return Err(io::Error::other("the other end was closed before it had read everything"));
                }
            }
        }
        Ok(self.is_drained)
    }
}

fn open_terminal(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Removes a link to a pseudoterminal that is gone, of a process that was killed.
fn remove_dead(link: &Path) {
    let target = readlink(link, Vec::new());
    let is_pty = target.is_ok_and(|target| target.as_bytes().starts_with(b"/dev/pts/"));
    if is_pty && stat(link).is_err_and(|error| error == Errno::NOENT) {
        let _ = unlink(link);
    }
}

fn set(fd: BorrowedFd<'_>, mut termios: Termios, settings: LineSettings) -> io::Result<()> {
    termios.make_raw();
    // Without a modem that says so, a line counts as connected.
    termios.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
    if let Some(bits) = settings.data_bits {
        let size = match bits {
            5 => ControlModes::CS5,
            6 => ControlModes::CS6,
            7 => ControlModes::CS7,
            _ => ControlModes::CS8,
        };
        termios.control_modes = (termios.control_modes - ControlModes::CSIZE) | size;
    }
    termios.control_modes.set(ControlModes::CSTOPB, settings.has_two_stops);
    termios.control_modes.set(ControlModes::PARENB, settings.parity != Parity::None);
    termios.control_modes.set(ControlModes::PARODD, settings.parity == Parity::Odd);
    termios.control_modes.set(ControlModes::CRTSCTS, settings.flow == Flow::Wires);
    let bytes = InputModes::IXON | InputModes::IXOFF;
    termios.input_modes.set(bytes, settings.flow == Flow::Bytes);
    if let Some(speed) = settings.speed {
        termios.set_speed(speed)?;
    }
    rustix::termios::tcsetattr(fd, OptionalActions::Now, &termios)?;
    let got = rustix::termios::tcgetattr(fd)?;
    match settings.speed {
        Some(speed) if got.output_speed() != speed => Err(io::Error::other(format!(
            "it does not take {speed} bits per second: it has {}",
            got.output_speed()
        ))),
        _ => Ok(()),
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Kind::Serial(before) = &self.kind {
            // What was not sent by now would keep the line, and this process, waiting for a partner who is not there.
            if !self.is_drained {
                let _ = rustix::termios::tcflush(&self.fd, QueueSelector::OFlush);
            }
            let _ = rustix::termios::tcsetattr(&self.fd, OptionalActions::Now, before);
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
