//! The progress of a transfer: bars on a terminal, or events.
//!
//! The session only counts, under a lock that is never held for long, so that even a small file costs next to nothing.
//! A thread reads the counts ten times a second, and draws bars or writes events.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanBytes};

use super::counts::{Counts, ProgressPhase};
use super::draw::Bars;
use super::event::{Event, Text};
use super::rate::RateMeter;
use super::screen::Screen;
use super::{Level, Metrics, Report};

const TICK: Duration = Duration::from_millis(100);
/// The shortest time between two events.
const EVENT_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Shared {
    counts: Mutex<Counts>,
    ended: Condvar,
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The totals, counted ahead of the session by another thread.
pub struct SharedTotals(Arc<Shared>);

impl SharedTotals {
    /// Sets the totals found by now, and whether they are final.
    pub fn found(&self, entries: u64, bytes: u64, is_all: bool) {
        let mut counts = self.0.counts();
        (counts.ahead_entries, counts.ahead_bytes, counts.is_counted) = (entries, bytes, is_all);
    }
}

/// The progress of a session: a bar for the current file and, if there are several, one for all; or events. Nothing is
/// shown if stderr is not a terminal and events are not wanted.
///
/// At its end it clears its bars or writes its last event: finish it before the summary is written.
pub struct Progress {
    shown: Option<(Arc<Shared>, Option<JoinHandle<()>>)>,
    /// Those of a server with a page of counts, and whether this side sends.
    metrics: Option<(Arc<Metrics>, bool)>,
}

impl Progress {
    /// Starts to show the progress of a session.
    pub fn new(report: &Report) -> Progress {
        if !Progress::is_wanted(report) {
            return Progress { shown: None, metrics: None };
        }
        let (shared, report) = (Arc::<Shared>::default(), report.clone());
        let watched = Arc::clone(&shared);
        // Without a thread nothing is shown, which is no reason to fail.
        let watcher =
            std::thread::Builder::new().name("progress".into()).spawn(move || watch(&watched, &report));
        Progress { shown: watcher.ok().map(|watcher| (shared, Some(watcher))), metrics: None }
    }

    /// The same of a session that sends: what has moved counts for `--metrics`.
    pub fn of_sending(report: &Report) -> Progress {
        Progress::new(report).with_metrics(report, true)
    }

    /// The same of a session that receives.
    pub fn of_receiving(report: &Report) -> Progress {
        Progress::new(report).with_metrics(report, false)
    }

    fn with_metrics(mut self, report: &Report, is_sending: bool) -> Progress {
        let metrics = report.metrics();
        self.metrics = metrics.are_shown().then(|| (Arc::clone(metrics), is_sending));
        self
    }

    /// True if progress is to be shown.
    pub fn is_wanted(report: &Report) -> bool {
        if report.json { report.level > Level::Quiet } else { report.screen.is_terminal() }
    }

    /// Adds to the totals.
    pub fn expect(&self, entries: u64, bytes: u64) {
        self.count(|counts| {
            counts.entries += entries;
            counts.total_bytes = counts.total_bytes.saturating_add(bytes);
        });
    }

    /// Marks the totals as final. Until then no remaining time is shown.
    pub fn all_known(&self) {
        self.count(|counts| counts.all_known = true);
    }

    /// As [`SharedTotals::found`], for totals from the peer.
    pub fn found(&self, entries: u64, bytes: u64, is_all: bool) {
        if let Some(totals) = self.totals() {
            totals.found(entries, bytes, is_all);
        }
    }

    /// The totals, for a thread that counts ahead of the session; `None` if progress is not shown.
    pub fn totals(&self) -> Option<SharedTotals> {
        self.shown.as_ref().map(|(shared, _)| SharedTotals(Arc::clone(shared)))
    }

    /// Begins a file, of which `done_bytes` are there already.
    pub fn file(&self, name: &[u8], size_bytes: Option<u64>, done_bytes: u64) {
        self.count(|counts| {
            let current = counts.name.get_or_insert_default();
            current.clear();
            current.extend_from_slice(name);
            counts.file_size_bytes = size_bytes;
            counts.file_done_bytes = done_bytes;
            counts.done_bytes += done_bytes;
            counts.is_open_ended |= size_bytes.is_none();
        });
    }

    /// Sets the current activity.
    pub fn phase(&self, phase: ProgressPhase) {
        self.count(|counts| counts.phase = phase);
    }

    /// Bytes of the current file are there that an earlier session has left, or that were there all along.
    pub fn there(&self, bytes: u64) {
        self.count(|counts| {
            counts.file_done_bytes += bytes;
            counts.done_bytes += bytes;
        });
    }

    /// They were other bytes after all, and come anew.
    pub fn not_there(&self, bytes: u64) {
        self.count(|counts| {
            counts.file_done_bytes = counts.file_done_bytes.saturating_sub(bytes);
            counts.done_bytes = counts.done_bytes.saturating_sub(bytes);
        });
    }

    /// True if progress is shown.
    pub fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// True if progress is shown, or counts for `--metrics`.
    pub fn is_counted(&self) -> bool {
        self.is_shown() || self.metrics.is_some()
    }

    /// Adds bytes of bodies that were received: by this process, or by the peer as far as it or its system has
    /// acknowledged them.
    pub fn moved(&self, bytes: u64) {
        if let Some((metrics, is_sending)) = &self.metrics {
            metrics.moved(if *is_sending { (bytes, 0) } else { (0, bytes) });
        }
        self.count(|counts| {
            counts.file_done_bytes += bytes;
            counts.done_bytes += bytes;
            counts.moved_bytes += bytes;
        });
    }

    /// Adds completed entries.
    pub fn done(&self, entries: u64) {
        self.count(|counts| counts.entries_done += entries);
    }

    /// Ends the display. Later counts are not shown. Dropping it does the same.
    pub fn finish(&mut self) {
        let Some((shared, watcher)) = self.shown.take() else { return };
        shared.counts().has_ended = true;
        shared.ended.notify_all();
        // The next line must not be written before the last event, or between the bars.
        let _ = watcher.map(JoinHandle::join);
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        if let Some((shared, _)) = &self.shown {
            change(&mut shared.counts());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Shows the counts until the session ends.
fn watch(shared: &Shared, report: &Report) {
    let mut view = View::new(report, (report.run.clock)());
    loop {
        let guard = shared.counts();
        let (guard, _) = shared
            .ended
            .wait_timeout_while(guard, TICK, |counts| !counts.has_ended)
            .unwrap_or_else(PoisonError::into_inner);
        let counts = guard.clone();
        drop(guard);
        view.show(&counts, (report.run.clock)());
        if counts.has_ended {
            return;
        }
    }
}

/// Shows counts, as bars or as events.
struct View {
    start: Instant,
    rate: RateMeter,
    form: ProgressStyle,
}

enum ProgressStyle {
    Events(Report, EventInterval),
    Drawn(Screen, Bars),
}

impl View {
    fn new(report: &Report, now: Instant) -> View {
        let form = match report.json {
            true => ProgressStyle::Events(report.clone(), EventInterval::default()),
            false => ProgressStyle::Drawn(report.screen.clone(), Bars::new(report.screen.bars())),
        };
        View { start: now, rate: RateMeter::new(now), form }
    }

    fn show(&mut self, counts: &Counts, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start);
        let rate = self.rate.update(counts.moved_bytes, now);
        match &mut self.form {
            ProgressStyle::Drawn(screen, bars) => match screen.update() {
                _ if counts.has_ended => bars.clear(),
                true => bars.draw(counts, rate, elapsed),
                false => {}
            },
            ProgressStyle::Events(report, pace) => {
                if counts.has_ended || pace.is_due(elapsed) {
                    report.event(event(counts, rate));
                }
            }
        }
    }
}

fn event(counts: &Counts, rate: f64) -> Event {
    Event::Progress {
        phase: counts.phase.word(),
        path: counts.name.as_deref().map(Text::path),
        done_bytes: counts.done_bytes,
        total_bytes: counts.total_bytes(),
        entries_done: counts.entries_done,
        entries: counts.entries(),
        all_known: counts.is_final(),
        rate: rate as u64,
    }
}

/// Limits how often events are written.
#[derive(Default)]
struct EventInterval {
    next: Duration,
}

impl EventInterval {
    /// True if an event may be written at this time, and then not for a while.
    fn is_due(&mut self, elapsed: Duration) -> bool {
        let is_due = elapsed >= self.next;
        if is_due {
            self.next = elapsed + EVENT_INTERVAL;
        }
        is_due
    }
}

/// `2147483648 bytes (2.00 GiB) in 1.43s, 1.40 GiB/s`.
pub fn amount(bytes: u64, time: Duration) -> String {
    let took = format!("{} in {:.2}s", sized(bytes), time.as_secs_f64());
    if bytes < KIB {
        return took;
    }
    let rate = (bytes as f64 / time.as_secs_f64().max(1e-6)) as u64;
    format!("{took}, {}/s", HumanBytes(rate))
}

/// `2147483648 bytes (2.00 GiB)`, `17 bytes`.
pub fn sized(bytes: u64) -> String {
    if bytes < KIB { format!("{bytes} bytes") } else { format!("{bytes} bytes ({})", BinaryBytes(bytes)) }
}

/// Bytes of a KiB. Below it neither a larger unit nor a rate is shown.
const KIB: u64 = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bytes_have_neither_another_unit_nor_a_rate() {
        let time = Duration::from_millis(500);
        assert_eq!(amount(0, time), "0 bytes in 0.50s");
        assert_eq!(amount(1023, time), "1023 bytes in 0.50s");
        assert_eq!(amount(1 << 20, time), "1048576 bytes (1.00 MiB) in 0.50s, 2.00 MiB/s");
    }

    #[test]
    fn events_come_at_most_twice_a_second() {
        let mut pace = EventInterval::default();
        let times = (0..10_000).map(Duration::from_millis);
        let written: Vec<Duration> = times.filter(|time| pace.is_due(*time)).collect();
        assert_eq!(written.len(), 20);
        assert!(written.windows(2).all(|pair| pair[1] - pair[0] >= EVENT_INTERVAL), "{written:?}");
        // After a pause no more of them come at once.
        let later = Duration::from_secs(60);
        assert!(pace.is_due(later) && !pace.is_due(later + TICK));
    }

    #[test]
    fn the_session_only_counts() {
        let progress = Progress { shown: Some((Arc::default(), None)), metrics: None };
        progress.expect(2, 30);
        progress.file(b"one", Some(10), 4);
        progress.moved(6);
        progress.done(1);
        progress.file(b"two", Some(20), 0);
        progress.phase(ProgressPhase::Syncing);
        progress.moved(5);
        let counts = progress.shown.as_ref().unwrap().0.counts().clone();
        assert_eq!((counts.name.as_deref(), counts.phase), (Some(&b"two"[..]), ProgressPhase::Syncing));
        assert_eq!((counts.file_size_bytes, counts.file_done_bytes), (Some(20), 5));
        assert_eq!((counts.done_bytes, counts.moved_bytes, counts.total_bytes()), (15, 11, Some(30)));
        assert_eq!((counts.entries_done, counts.entries, counts.all_known), (1, 2, false));
        progress.file(b"-", None, 0);
        assert_eq!(progress.shown.as_ref().unwrap().0.counts().total_bytes(), None);
    }
}
