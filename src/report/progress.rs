//! How far a transfer is, on a terminal.

use std::time::Duration;

use indicatif::{BinaryBytes, HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Report, escape_bytes};

const TICK: Duration = Duration::from_millis(100);
const BAR: &str =
    "{prefix} [{bar:24}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} {eta} left";

/// Before the first file.
const WAITING: &str = "{spinner} {msg} {elapsed}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What is being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the peer's consent or result.
    Waiting,
    /// Reading a whole file for its digest.
    Hashing,
    /// Bytes go to the peer.
    Sending,
    /// Bytes come from the peer.
    Receiving,
    /// Comparing digests.
    Verifying,
    /// Waiting for the disk.
    Syncing,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Phase::Waiting => "waiting",
            Phase::Hashing => "hashing",
            Phase::Sending => "sending",
            Phase::Receiving => "receiving",
            Phase::Verifying => "verifying",
            Phase::Syncing => "syncing",
        }
    }
}

/// A bar for the current file and, if there are several, one for all. Nothing is drawn where stderr is no terminal.
pub struct Progress {
    file: ProgressBar,
    total: Option<ProgressBar>,
}

impl Progress {
    /// Bars for `files` files of `total_bytes` together.
    pub fn new(report: &Report, files: usize, total_bytes: u64) -> Progress {
        let bar = |prefix: &'static str, length| {
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
            bar.set_style(style(BAR));
            let bar = report.bars.add(bar.with_prefix(prefix));
            if !bar.is_hidden() {
                bar.enable_steady_tick(TICK);
            }
            bar
        };
        let file = bar("", 0);
        file.set_style(style(WAITING));
        file.set_message(Phase::Waiting.word());
        Progress { file, total: (files > 1).then(|| bar("total", total_bytes)) }
    }

    /// A file begins, `done_bytes` of which are there already.
    pub fn file(&self, name: &[u8], size_bytes: u64, done_bytes: u64) {
        self.file.set_prefix(escape_bytes(name));
        self.file.set_length(size_bytes);
        self.file.reset();
        self.file.set_position(done_bytes);
        self.file.set_style(style(BAR));
        if let Some(total) = &self.total {
            total.inc(done_bytes);
        }
    }

    /// What is being done now.
    pub fn phase(&self, phase: Phase) {
        self.file.set_message(phase.word());
    }

    /// Some bytes more.
    pub fn moved(&self, bytes: u64) {
        self.file.inc(bytes);
        if let Some(total) = &self.total {
            total.inc(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.file.finish_and_clear();
        if let Some(total) = &self.total {
            total.finish_and_clear();
        }
    }
}

/// `2147483648 bytes (2.00 GiB) in 1.43s, 1.40 GiB/s`.
pub fn amount(bytes: u64, time: Duration) -> String {
    let rate = (bytes as f64 / time.as_secs_f64().max(1e-6)) as u64;
    format!("{bytes} bytes ({}) in {:.2}s, {}/s", BinaryBytes(bytes), time.as_secs_f64(), HumanBytes(rate))
}
