//! What people read: lines on stderr, progress, escaping. With `main.rs` the only code that prints.

mod escape;
mod progress;

pub use escape::{escape, escape_bytes};
pub use progress::{Phase, Progress, amount};

use std::fmt::Display;
use std::io::{self, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::error::Error;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Errors only.
    Quiet,
    /// Listeners and summaries too.
    Normal,
    /// Peers, addresses, counts and durations too.
    Verbose,
}

/// Where everything that a person reads goes: stderr. Clones share one terminal.
#[derive(Clone)]
pub struct Report {
    level: Level,
    bars: MultiProgress,
    /// Whom the lines are about, where there are several.
    about: String,
}

impl Report {
    /// A report to stderr. Progress is shown only when that is a terminal, and not if `level` is quiet.
    pub fn new(level: Level) -> Report {
        let bars = MultiProgress::new();
        if level == Level::Quiet {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Report { level, bars, about: String::new() }
    }

    /// The same report for one of several peers, which each warning names.
    #[must_use]
    pub fn about(&self, peer: impl Display) -> Report {
        Report { about: format!("{peer}: "), ..self.clone() }
    }

    /// A failure, in one line.
    pub fn error(&self, error: &Error) {
        if !error.is_silent() {
            self.line(format_args!("sendall: {}{error}", self.about));
        }
    }

    /// Something that goes on all the same, but should be known.
    pub fn warning(&self, text: impl Display) {
        self.line(format_args!("sendall: {}{text}", self.about));
    }

    /// A socket was bound: one line that scripts parse.
    pub fn listening(&self, name: impl Display) {
        self.say(format_args!("listening on {name}"));
    }

    /// A line that is left out when quiet.
    pub fn say(&self, text: impl Display) {
        if self.level >= Level::Normal {
            self.line(text);
        }
    }

    /// A line for those who asked for more.
    pub fn detail(&self, text: impl Display) {
        if self.level >= Level::Verbose {
            self.line(format_args!("sendall: {}{text}", self.about));
        }
    }

    fn line(&self, text: impl Display) {
        let line = escape(&text.to_string()) + "\n";
        // A stderr that is closed or full must not change what the command does.
        self.bars.suspend(|| {
            let _ = io::stderr().write_all(line.as_bytes());
        });
    }
}
