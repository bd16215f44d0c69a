//! Progress bars. A line is a name, shortened if necessary, and as many figures as there is room for: it never wraps.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{
    BinaryBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::counts::Counts;
use super::escape_name;

const BAR_COLUMNS: usize = 20;
/// The width of a terminal that does not report it.
const DEFAULT_COLUMNS: usize = 80;
/// The width of the spinner, and of the spaces between it, the name and the figures.
const SPACING_COLUMNS: usize = 3;

/// Returns the width of the terminal.
pub(super) fn columns() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => DEFAULT_COLUMNS,
    }
}

/// The bars of one session.
pub(super) struct Bars {
    screen: MultiProgress,
    file: Line,
    /// The line for all files, once more than one entry is expected.
    total: Option<Line>,
}

impl Bars {
    pub(super) fn new(screen: &MultiProgress) -> Bars {
        Bars { file: Line::new(screen), screen: screen.clone(), total: None }
    }

    /// Draws the bars. `rate` is in bytes per second.
    pub(super) fn draw(&mut self, counts: &Counts, rate: f64, elapsed: Duration) {
        let columns = columns();
        if counts.entries() > 1 && self.total.is_none() {
            self.total = Some(Line::new(&self.screen));
        }
        let name = counts.name.as_deref().map(escape_name).unwrap_or_default();
        let speed = if self.total.is_none() { Some(rate) } else { None };
        self.file.show(name, columns, &file_figures(counts, speed, elapsed));
        if let Some(total) = &mut self.total {
            total.show("total".into(), columns, &total_figures(counts, rate));
        }
    }

    pub(super) fn clear(&self) {
        self.file.bar.finish_and_clear();
        if let Some(total) = &self.total {
            total.bar.finish_and_clear();
        }
    }
}

/// One line: the name is indicatif's message, which it cuts by its width on the screen; the figures are plain ASCII.
struct Line {
    bar: ProgressBar,
    name: String,
    figures: Arc<Mutex<String>>,
}

impl Line {
    fn new(screen: &MultiProgress) -> Line {
        let figures = Arc::<Mutex<String>>::default();
        let shown = Arc::clone(&figures);
        let style = ProgressStyle::with_template("{spinner} {wide_msg} {figures}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("figures", move |_: &ProgressState, out: &mut dyn Write| {
                let _ = out.write_str(&shown.lock().unwrap_or_else(PoisonError::into_inner));
            });
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
        Line { bar: screen.add(bar), name: String::new(), figures }
    }

    fn show(&mut self, name: String, columns: usize, figures: &[Figure]) {
        // A third of the line, or less if that is enough, is reserved for the name, which also gets what the figures
        // leave.
        let reserved = SPACING_COLUMNS + name.width().min(columns / 3);
        let figures = fit(figures, columns.saturating_sub(reserved));
        let name = shortened(name, columns.saturating_sub(SPACING_COLUMNS + figures.len()));
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
        if self.name != name {
            self.bar.set_message(name.clone());
            self.name = name;
        }
        self.bar.tick();
    }
}

/// Shortens a name to at most `columns` columns; an ellipsis marks the cut.
fn shortened(name: String, columns: usize) -> String {
    if name.width() <= columns {
        return name;
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    let shown: String = name.chars().take_while(fits).collect();
    if columns == 0 { shown } else { shown + "…" }
}

/// A figure and its rank: where there is little room, those with the smallest ranks are shown.
type Figure = (u8, String);

/// Joins as many of the figures as fit into the columns, in their order.
fn fit(figures: &[Figure], columns: usize) -> String {
    let mut ranks: Vec<u8> = figures.iter().map(|(rank, _)| *rank).collect();
    ranks.sort_unstable();
    let (mut used, mut shown) = (0, Vec::new());
    for rank in ranks {
        for (_, text) in figures.iter().filter(|(other, _)| *other == rank) {
            let needed = text.len() + usize::from(used > 0);
            if used + needed <= columns {
                used += needed;
                shown.push(rank);
            }
        }
    }
    let texts = figures.iter().filter(|(rank, _)| shown.contains(rank)).map(|(_, text)| &text[..]);
    texts.collect::<Vec<_>>().join(" ")
}

/// The figures of the current file. `rate` is `None` if the line for all files has it.
fn file_figures(counts: &Counts, rate: Option<f64>, elapsed: Duration) -> Vec<Figure> {
    let phase = (0, counts.phase.word().to_owned());
    if counts.name.is_none() {
        return vec![phase, (1, format!("{:#}", HumanDuration(elapsed)))];
    }
    let mut figures = measured(counts.file_done_bytes, counts.file_size_bytes);
    figures.extend(rate.map(|rate| (3, speed(rate))));
    figures.push(phase);
    let left = rate.and_then(|rate| time_left(counts.file_done_bytes, counts.file_size_bytes, rate));
    figures.extend(left.map(|left| (2, left)));
    figures
}

fn total_figures(counts: &Counts, rate: f64) -> Vec<Figure> {
    // While the totals may grow, a percentage or a remaining time would be invented.
    let total = counts.total_bytes().filter(|_| counts.is_final());
    let more = if counts.is_final() { "" } else { "+" };
    let mut figures = measured(counts.done_bytes, total);
    if let Some(so_far) = counts.total_bytes().filter(|so_far| total.is_none() && *so_far > counts.done_bytes)
    {
        figures.push((4, format!("of {}+", BinaryBytes(so_far))));
    }
    figures.push((0, format!("{}/{}{more} files", counts.entries_done, counts.entries())));
    figures.push((3, speed(rate)));
    figures.extend(time_left(counts.done_bytes, total, rate).map(|left| (2, left)));
    figures
}

/// A bar, the bytes and the percentage; the bytes alone if the total is unknown.
fn measured(done: u64, total: Option<u64>) -> Vec<Figure> {
    let Some(total) = total else { return vec![(1, BinaryBytes(done).to_string())] };
    let done = done.min(total);
    let share = if total == 0 { 1.0 } else { done as f64 / total as f64 };
    let filled = (share * BAR_COLUMNS as f64) as usize;
    vec![
        (5, format!("[{}{}]", "#".repeat(filled), "-".repeat(BAR_COLUMNS - filled))),
        (4, format!("{}/{}", BinaryBytes(done), BinaryBytes(total))),
        (1, format!("{}%", (share * 100.0) as u64)),
    ]
}

fn speed(rate: f64) -> String {
    format!("{}/s", BinaryBytes(rate as u64))
}

/// The remaining time; `None` where it would be a guess.
fn time_left(done: u64, total: Option<u64>, rate: f64) -> Option<String> {
    let left = total?.saturating_sub(done) as f64;
    // A longer time is not shown.
    const MAX_SECONDS: f64 = 1e9;
    let seconds = left / rate;
    (seconds < MAX_SECONDS).then(|| format!("{:#} left", HumanDuration(Duration::from_secs_f64(seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::counts::ProgressPhase;

    fn counts() -> Counts {
        Counts {
            name: Some(b"name".to_vec()),
            file_size_bytes: Some(20 << 20),
            file_done_bytes: 5 << 20,
            phase: ProgressPhase::Receiving,
            done_bytes: 5 << 20,
            total_bytes: 40 << 20,
            entries: 3,
            entries_done: 1,
            all_known: true,
            ..Counts::default()
        }
    }

    #[test]
    fn the_smallest_ranks_are_shown_where_there_is_little_room() {
        let counts = counts();
        let figures = file_figures(&counts, Some(1048576.0), Duration::ZERO);
        let full = "[#####---------------] 5.00 MiB/20.00 MiB 25% 1.00 MiB/s receiving 15s left";
        assert_eq!(fit(&figures, 100), full);
        assert_eq!(fit(&figures, full.len()), full);
        assert_eq!(fit(&figures, 34), "25% 1.00 MiB/s receiving 15s left");
        assert_eq!(fit(&figures, 24), "25% receiving 15s left");
        assert_eq!(fit(&figures, 9), "receiving");
        assert_eq!(fit(&figures, 2), "");
        for columns in 0..100 {
            assert!(fit(&figures, columns).len() <= columns, "{columns}");
        }
    }

    #[test]
    fn a_cut_name_ends_in_an_ellipsis() {
        let cut = |name: &str, columns| shortened(name.to_owned(), columns);
        assert_eq!(cut("name", 4), "name");
        assert_eq!(cut("names", 4), "nam…");
        assert_eq!(cut("名前の長い", 10), "名前の長い");
        assert_eq!(cut("名前の長い", 9), "名前の長…");
        assert_eq!(cut("名前の長い", 6), "名前…");
        assert_eq!((cut("name", 1), cut("name", 0)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn nothing_is_invented() {
        let mut counts = counts();
        assert!(fit(&total_figures(&counts, 1048576.0), 100).ends_with("1/3 files 1.00 MiB/s 35s left"));
        counts.all_known = false;
        assert_eq!(
            fit(&total_figures(&counts, 1048576.0), 100),
            "5.00 MiB of 40.00 MiB+ 1/3+ files 1.00 MiB/s"
        );
        (counts.ahead_entries, counts.ahead_bytes) = (9, 50 << 20);
        assert_eq!(
            fit(&total_figures(&counts, 1048576.0), 100),
            "5.00 MiB of 50.00 MiB+ 1/9+ files 1.00 MiB/s"
        );
        counts.is_counted = true;
        assert!(fit(&total_figures(&counts, 1048576.0), 100).ends_with("10% 1/9 files 1.00 MiB/s 45s left"));
        // There is more than was counted.
        counts.entries = 10;
        assert_eq!(
            fit(&total_figures(&counts, 1048576.0), 100),
            "5.00 MiB of 50.00 MiB+ 1/10+ files 1.00 MiB/s"
        );
        // A peer may claim anything.
        (counts.ahead_entries, counts.ahead_bytes) = (u64::MAX, u64::MAX);
        let claimed = fit(&total_figures(&counts, 1048576.0), 100);
        assert!(claimed.ends_with("0% 1/18446744073709551615 files 1.00 MiB/s"), "{claimed}");
        (counts.ahead_entries, counts.ahead_bytes, counts.done_bytes) = (0, 0, 50 << 20);
        assert_eq!(fit(&total_figures(&counts, 0.0), 100), "50.00 MiB 1/10+ files 0 B/s");
        counts.file_size_bytes = None;
        let figures = file_figures(&counts, Some(f64::NAN), Duration::ZERO);
        assert_eq!(fit(&figures, 100), "5.00 MiB 0 B/s receiving");
        counts.name = None;
        assert_eq!(fit(&file_figures(&counts, Some(0.0), Duration::from_secs(3)), 100), "receiving 3s");
    }
}
