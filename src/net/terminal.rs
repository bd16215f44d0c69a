//! The terminal of a child: the master side of a pseudoterminal, pty(7), as a stream.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command};

use mio::unix::SourceFd;
use rustix::io::Errno;
use rustix::termios::SpecialCodeIndex;

use super::reactor::{IoHandle, Readiness};
use super::stream::would_block;
use super::uninterrupted;

/// The size that programs assume by default. The client's own size is not known.
const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// The master side of a child's terminal.
pub struct PtyMaster {
    master: OwnedFd,
    readiness: Readiness,
    /// End-of-file characters that are still to be written.
    pending_eofs: u8,
    at_line_start: bool,
    discards_input: bool,
}

impl PtyMaster {
    /// Starts a command as the leader of a session that has the terminal.
    pub(super) fn spawn(mut command: Command, io: &IoHandle) -> io::Result<(PtyMaster, Child)> {
        let to_io_error = |error: pty_process::Error| match error {
            pty_process::Error::Io(error) => error,
            pty_process::Error::Rustix(error) => error.into(),
        };
        let (pty, pts) = pty_process::blocking::open().map_err(to_io_error)?;
        pty.resize(pty_process::Size::new(ROWS, COLUMNS)).map_err(to_io_error)?;
        if std::env::var_os("TERM").is_none() {
            command.env("TERM", "dumb");
        }
        let master: OwnedFd = pty.into();
        rustix::io::ioctl_fionbio(&master, true)?;
        let readiness = io.register(&mut SourceFd(&master.as_raw_fd()))?;
        let child = pty_process::blocking::Command::from(command).spawn(pts).map_err(to_io_error)?;
        Ok((
            PtyMaster { master, readiness, pending_eofs: 0, at_line_start: true, discards_input: false },
            child,
        ))
    }

    pub(super) fn has_output(&self) -> bool {
        self.readiness.is_readable()
    }

    pub(super) fn discard_input(&mut self) {
        self.discards_input = true;
        self.pending_eofs = 0;
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.flush_pending_eofs()?;
        if !self.readiness.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| match rustix::io::read(&self.master, &mut *buffer) {
            // No process has the other side open any more.
            Err(Errno::IO) => Ok(0),
            result => Ok(result?),
        });
        if would_block(&result) {
            self.readiness.clear_readable();
        }
        result
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.discards_input {
            return Ok(bytes.len());
        }
        if !self.readiness.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| Ok(rustix::io::write(&self.master, bytes)?));
        match &result {
            Ok(count) if *count > 0 => self.at_line_start = bytes[*count - 1] == b'\n',
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readiness.clear_writable(),
            Err(_) => {}
        }
        result
    }

    /// Writes the end-of-file character, ^D by default: once at the start of a line, twice within a line.
    pub(super) fn finish_writing(&mut self) -> io::Result<()> {
        if !self.discards_input {
            self.pending_eofs = if self.at_line_start { 1 } else { 2 };
        }
        self.flush_pending_eofs()
    }

    /// Writes pending end-of-file characters, as far as there is room.
    fn flush_pending_eofs(&mut self) -> io::Result<()> {
        while self.pending_eofs > 0 && self.readiness.is_writable() {
            let settings = rustix::termios::tcgetattr(self.master.as_fd())?;
            let end = settings.special_codes[SpecialCodeIndex::VEOF];
            match rustix::io::write(&self.master, &[end]) {
                Ok(_) => self.pending_eofs -= 1,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.readiness.clear_writable(),
                // The child is gone.
                Err(_) => self.pending_eofs = 0,
            }
        }
        Ok(())
    }
}
