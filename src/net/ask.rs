//! A question to the person at the terminal, whatever stdin and stdout are.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, SpecialCodes, Termios};
use zeroize::Zeroizing;

use crate::proto::secure::code_line::{CodeLine, Keys, Step};

/// The settings that the terminal had before a question.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Asks for a code on `/dev/tty`, and returns what was typed. Blocks until a line is there. `notice` stands above the question.
///
/// The terminal sends each key by itself, for Tab. Its settings are restored before this returns, and while the process is
/// stopped. Nothing that is typed is shown if the terminal does not echo.
///
/// # Errors
/// There is no terminal. [`io::ErrorKind::UnexpectedEof`]: it has ended, or the person has ended the input.
pub(crate) fn ask_for_code(notice: &str, question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let mut keyed = Keyed::begin(&terminal)?;
    let echoes = keyed.modes.local_modes.contains(LocalModes::ECHO);
    let mut line = CodeLine::new(question, keys(&keyed.modes.special_codes));
    terminal.write_all(format!("{notice}{question}").as_bytes())?;
    loop {
        let mut byte = Zeroizing::new([0]);
        terminal.read_exact(&mut *byte)?;
        let step = line.press(byte[0]);
        if step == Step::Suspended {
            drop(keyed);
            rustix::process::kill_current_process_group(Signal::TSTP)?;
            keyed = Keyed::begin(&terminal)?;
            terminal.write_all(question.as_bytes())?;
            line.redraw();
        }
        if echoes {
            terminal.write_all(line.screen().as_bytes())?;
        }
        line.clear_screen();
        match step {
            Step::Typing | Step::Suspended => {}
            Step::Entered => return Ok(Zeroizing::new(line.text().to_owned())),
            Step::Ended => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn keys(codes: &SpecialCodes) -> Keys {
    Keys {
        erase: codes[SpecialCodeIndex::VERASE],
        word_erase: codes[SpecialCodeIndex::VWERASE],
        kill: codes[SpecialCodeIndex::VKILL],
        end: codes[SpecialCodeIndex::VEOF],
        suspend: codes[SpecialCodeIndex::VSUSP],
    }
}

/// A terminal that sends each key, until this is dropped. ^C and ^\ are signals as before.
struct Keyed {
    /// The settings that it had.
    modes: Termios,
}

impl Keyed {
    fn begin(terminal: &File) -> io::Result<Keyed> {
        // In the background this stops the process: what the settings are then is of the one in the foreground.
        rustix::io::retry_on_intr(|| rustix::termios::tcdrain(terminal))?;
        let modes = rustix::termios::tcgetattr(terminal)?;
        let mut keyed = modes.clone();
        keyed.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
        keyed.special_codes[SpecialCodeIndex::VMIN] = 1;
        keyed.special_codes[SpecialCodeIndex::VTIME] = 0;
        // The settings are restored before the process stops.
        keyed.special_codes[SpecialCodeIndex::VSUSP] = 0;
        *before() = Some((terminal.try_clone()?, modes.clone()));
        rustix::io::retry_on_intr(|| set(terminal, &keyed))?;
        Ok(Keyed { modes })
    }
}

impl Drop for Keyed {
    fn drop(&mut self) {
        if let Some((terminal, modes)) = before().take() {
            // There is nobody to tell.
            let _ = set(&terminal, &modes);
        }
    }
}

/// Ends a question that is asked: restores the settings of the terminal, for a process that ends at once.
pub(super) fn abandon() {
    // A shell in the foreground has its own.
    let is_ours = |terminal: &File| {
        rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
    };
    if let Some((mut terminal, modes)) = before().take().filter(|(terminal, _)| is_ours(terminal)) {
        let _ = set(&terminal, &modes);
        let _ = terminal.write_all(b"\n");
    }
}

/// True while a question is asked.
pub(super) fn is_asking() -> bool {
    before().is_some()
}

fn set(terminal: impl AsFd, modes: &Termios) -> rustix::io::Result<()> {
    rustix::termios::tcsetattr(terminal, OptionalActions::Now, modes)
}

fn before() -> MutexGuard<'static, Option<(File, Termios)>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
