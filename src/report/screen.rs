//! The terminal that bars are drawn on, while this process is in its foreground; in the background it writes lines
//! only.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};

/// A terminal with bars and lines between them. Clones share it.
#[derive(Clone)]
pub(super) struct Screen {
    bars: MultiProgress,
    is_terminal: bool,
    is_drawn: Arc<Mutex<bool>>,
    /// Another program may be asking a question there.
    is_lent: Arc<AtomicBool>,
}

impl Screen {
    /// Uses stderr, if it is a terminal and bars are wanted.
    pub(super) fn new(is_wanted: bool) -> Screen {
        let bars = MultiProgress::new();
        let is_terminal = is_wanted && !bars.is_hidden();
        bars.set_draw_target(ProgressDrawTarget::hidden());
        Screen { bars, is_terminal, is_drawn: Arc::default(), is_lent: Arc::default() }
    }

    /// True if bars may ever be drawn.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The bars.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Leaves the terminal to another program, without bars, or takes it back.
    pub(super) fn lend(&self, is_lent: bool) {
        self.is_lent.store(is_lent, Ordering::Relaxed);
    }

    /// Shows or hides the bars. Returns true if they may be drawn now; else the screen belongs to another job, and the
    /// bars on it are left as they are.
    pub(super) fn update(&self) -> bool {
        let is_ours = self.is_terminal && !self.is_lent.load(Ordering::Relaxed) && is_in_foreground();
        let mut is_drawn = self.is_drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_drawn != is_ours {
            let target = if is_ours { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
            self.bars.set_draw_target(target);
            *is_drawn = is_ours;
        }
        is_ours
    }

    /// Runs `write`, which writes lines, while the bars are hidden.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        if !self.is_terminal {
            return write();
        }
        self.update();
        self.bars.suspend(write)
    }
}

/// True if this process is in the foreground of stderr's terminal. Always true if that is not its controlling terminal,
/// where no other job draws.
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stderr()).map_or(true, |group| group == rustix::process::getpgrp())
}
