//! The terminal, while it is ours to draw on: a process in the background writes lines only.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};

/// Where bars are drawn, and the lines between them. Clones share it.
#[derive(Clone)]
pub(super) struct Screen {
    bars: MultiProgress,
    is_terminal: bool,
    is_drawn: Arc<Mutex<bool>>,
}

impl Screen {
    /// The terminal that stderr is, if it is one, and if bars are wanted.
    pub(super) fn new(is_wanted: bool) -> Screen {
        let bars = MultiProgress::new();
        let is_terminal = is_wanted && !bars.is_hidden();
        bars.set_draw_target(ProgressDrawTarget::hidden());
        Screen { bars, is_terminal, is_drawn: Arc::default() }
    }

    /// Whether bars are ever drawn.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The bars.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether bars may be drawn now. Where they may not, none of ours is touched: what stands there belongs to another job.
    pub(super) fn look(&self) -> bool {
        let is_ours = self.is_terminal && is_in_foreground();
        let mut is_drawn = self.is_drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_drawn != is_ours {
            let target = if is_ours { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
            self.bars.set_draw_target(target);
            *is_drawn = is_ours;
        }
        is_ours
    }

    /// Writes something between the bars.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        if !self.is_terminal {
            return write();
        }
        self.look();
        self.bars.suspend(write)
    }
}

/// A terminal that is not this process's controlling one has no foreground for it: no other job draws there.
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stderr()).map_or(true, |group| group == rustix::process::getpgrp())
}
