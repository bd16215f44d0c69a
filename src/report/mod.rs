//! Output for people and scripts: lines or events on stderr, results on stdout, progress, escaping. Only this code and
//! `main.rs` print.

mod counts;
mod datagrams;
mod draw;
mod escape;
mod event;
mod lines;
mod listed;
mod metrics;
mod output;
mod progress;
mod qr_code;
mod rate;
mod screen;
mod summing;

pub use self::counts::ProgressPhase;
pub use self::datagrams::DatagramSums;
pub use self::escape::{escape, escape_bytes, escape_json, escape_name};
pub use self::event::{FileEvent, Sums};
pub use self::lines::Lines;
pub use self::listed::{Listed, Probed};
pub use self::metrics::{DatagramCounts, HttpCounts, MEDIA_TYPE, Metrics, Queue, Refusal, Shown};
pub use self::output::{write_all, write_stdout};
pub use self::progress::{Progress, SharedTotals, amount, sized};
pub use self::qr_code::QrImage;

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::event::{Event, Text};
use self::output::write_stderr;
use self::screen::Screen;
use self::summing::Summing;
use crate::error::Error;

/// How much is reported on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Errors only.
    Quiet,
    /// Also listeners and summaries.
    Normal,
    /// Also peers, addresses, counts and durations (`-v`).
    Verbose,
    /// Also the options of sockets (`-vv`).
    Debug,
}

/// A function that reads the monotonic clock, which is not read here in any other way.
pub type Clock = fn() -> Instant;

/// The reports of a run on stderr, as lines or as events. Clones share one terminal.
#[derive(Clone)]
pub struct Report {
    level: Level,
    json: bool,
    screen: Screen,
    run: Arc<Run>,
    /// The peer that lines are about, where there are several.
    about: Option<String>,
    /// Limits the lines about clients, of which there may be any number.
    summing: Option<Arc<Summing>>,
    /// The name at the beginning of lines.
    program: &'static str,
}

/// The parts that all reports of a run share.
struct Run {
    clock: Clock,
    start: Instant,
    /// What servers count.
    metrics: Arc<Metrics>,
}

impl Report {
    /// A report as text. Progress is shown in the foreground of the terminal that stderr is, unless `level` is quiet.
    pub fn new(level: Level, clock: Clock) -> Report {
        let screen = Screen::new(level > Level::Quiet);
        let run = Arc::new(Run { clock, start: clock(), metrics: Arc::default() });
        Report { level, json: false, screen, run, about: None, summing: None, program: "sendall" }
    }

    /// A report as events, each a line of JSON. Progress is reported wherever stderr goes, unless `level` is quiet.
    pub fn json(level: Level, clock: Clock) -> Report {
        Report { json: true, screen: Screen::new(false), ..Report::new(level, clock) }
    }

    /// The same report under another name of the program.
    #[must_use]
    pub fn named(self, program: &'static str) -> Report {
        Report { program, ..self }
    }

    /// The time since the report was made.
    pub fn elapsed(&self) -> Duration {
        (self.run.clock)().saturating_duration_since(self.run.start)
    }

    /// True with `-v`.
    pub fn is_verbose(&self) -> bool {
        self.level >= Level::Verbose
    }

    /// True if events are written instead of text.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Draws no bars while another program may ask at the terminal.
    pub fn lend_terminal(&self, is_lent: bool) {
        self.screen.lend(is_lent);
    }

    /// True if text goes to a terminal.
    pub fn is_read_by_a_person(&self) -> bool {
        !self.json && self.screen.is_terminal()
    }

    /// True with `-vv`.
    pub fn is_debug(&self) -> bool {
        self.level >= Level::Debug
    }

    /// The same report for one of several peers, whose name is in each line.
    #[must_use]
    pub fn about(&self, peer: impl Display) -> Report {
        Report { about: Some(peer.to_string()), ..self.clone() }
    }

    /// The same report for a server. Of errors and warnings about clients of the same kind, the first are written and the
    /// others counted, until [`Report::sum_up`]. All events are written, and with `-v` all lines.
    #[must_use]
    pub fn summing(&self) -> Report {
        Report { summing: Some(Arc::new(Summing::new(self.clone()))), ..self.clone() }
    }

    /// True if there was an error or a warning about a client since the last [`Report::sum_up`].
    pub fn has_counted(&self) -> bool {
        self.summing.as_ref().is_some_and(|summing| summing.has_counted())
    }

    /// Writes the number of errors and warnings about clients that were counted within `time` and not written. False if
    /// there were none.
    pub fn sum_up(&self, time: Duration) -> bool {
        let time = humantime::format_duration(time);
        self.summing.as_ref().is_some_and(|summing| summing.write_sums(time))
    }

    /// Reports a failure, in one line.
    pub fn error(&self, error: &Error) {
        if self.json {
            self.event(Event::Error { code: error.exit().code(), text: Text::new(error) });
        } else if !error.is_silent() {
            self.write_or_count(error);
        }
    }

    /// Reports a failure after which there is another try. Left out when quiet, except as an event.
    pub fn retry(&self, text: impl Display) {
        if self.json || self.level >= Level::Normal {
            self.warning(text);
        }
    }

    /// Reports a warning: the run continues, but its user should know.
    pub fn warning(&self, text: impl Display) {
        if self.json {
            self.event(Event::Warning { text: Text::new(text) });
        } else {
            self.write_or_count(text);
        }
    }

    /// Reports a socket that was bound, in one line that scripts parse.
    pub fn listening(&self, name: impl Display) {
        if self.json && self.level >= Level::Normal {
            self.event(Event::Listening { address: Text::new(name) });
        } else {
            self.info(format_args!("listening on {name}"));
        }
    }

    /// Reports what clients need to be admitted: the code that was made for this run, also if quiet, because nobody else has it,
    /// and the key of this side.
    pub fn admission(&self, code: Option<&str>, key: impl Display) {
        if self.json {
            return self.event(Event::Admission { code: code.map(Text::new), key: Text::new(key) });
        }
        if let Some(code) = code {
            self.write_line(format_args!("code: {code}"));
        }
        self.info(format_args!("key: {key}"));
    }

    /// Reports the URL for browsers, with the secret that was made for this run: also if quiet, because nobody else has it.
    pub fn web(&self, url: &str, has_secret: bool) {
        match has_secret {
            _ if self.json => self.event(Event::Web { url: Text::new(url) }),
            true => self.write_line(format_args!("in a browser: {url}")),
            false => self.info(format_args!("in a browser: {url}")),
        }
    }

    /// Reports a new or a gone peer: `state` is `connected`, `ended`, or with datagrams `heard`. It is an event only:
    /// there are other lines for it.
    pub fn peer(&self, state: &'static str, name: impl Display) {
        if self.json && self.level >= Level::Normal {
            self.event_about(Event::Peer { state }, Some(Text::new(name)));
        }
    }

    /// Reports the end of a process that was run for a peer: its exit status, or the signal. As text it is a line with
    /// `-v` that describes it in words.
    pub fn child(&self, id: u32, code: Option<i32>, signal: Option<i32>, words: &str) {
        if !self.json {
            self.detail(format_args!("process {id} {words}"));
        } else if self.level >= Level::Normal {
            self.event(Event::Child { id, code, signal });
        }
    }

    /// Reports the result of a file. As text it is a line with `-v`, but for failures, which the caller reports.
    pub fn file(&self, event: &FileEvent<'_>) {
        let has_failed = event.state == "failed";
        if self.json {
            if has_failed || self.level >= Level::Normal {
                self.event(event.event());
            }
        } else if !has_failed && self.level >= Level::Verbose {
            let path = escape_name(event.path);
            let digest =
                event.digest.map_or_else(String::new, |digest| format!(", BLAKE3 {}", event::hex(digest)));
            if event.state == "there" {
                self.detail(format_args!("{path} is there already{digest}"));
            } else if event.state == "skipped" {
                self.detail(format_args!("left out {path} ({})", event.kind));
            } else {
                self.detail(format_args!("{} {path}{digest}", event.state));
            }
        }
    }

    /// Reports the end of a transfer: `line` as text, the sums as an event.
    pub fn summary(&self, line: impl Display, sums: &Sums<'_>) {
        if self.json && self.level >= Level::Normal {
            self.event_about(sums.event(), Some(Text::new(sums.peer)));
        } else {
            self.info(line);
        }
    }

    /// Reports the end of a raw stream. `ended_after` is the time between our end and the peer's, if that was short and
    /// the peer had begun to answer. As text it is a line with `-v`.
    pub fn relayed(
        &self,
        peer: impl Display,
        (sent_bytes, received_bytes): (u64, u64),
        time: Duration,
        ended_after: Option<Duration>,
    ) {
        if !self.json {
            let time = humantime::format_duration(Duration::from_millis(time.as_millis() as u64));
            self.detail(format_args!("sent {sent_bytes} bytes, received {received_bytes} bytes in {time}"));
            if let Some(after) = ended_after {
                let after = after.as_millis();
                self.detail(format_args!(
                    "the peer ended {after} ms after it was told the end of the input: if its answer is cut off, try --no-half-close"
                ));
            }
        } else if self.level >= Level::Normal {
            let summary = Event::Summary {
                verb: "relayed",
                path: None,
                digest: None,
                verified: false,
                entries: 0,
                done: 0,
                there: 0,
                failed: 0,
                skipped: 0,
                sent_bytes,
                received_bytes,
                resumed_bytes: 0,
                seconds: event::seconds(time),
                datagrams: None,
                ended_after: ended_after.map(event::seconds),
            };
            self.event_about(summary, Some(Text::new(peer)));
        }
    }

    /// Writes a result to stdout, and waits until it is written.
    ///
    /// # Errors
    /// Of stdout.
    pub fn print(&self, bytes: &[u8]) -> io::Result<()> {
        self.screen.suspend(|| write_stdout(bytes))
    }

    /// Writes lines of results to stdout. Their names are escaped only on a terminal.
    ///
    /// # Errors
    /// Of stdout.
    pub fn print_lines(&self, lines: &str) -> io::Result<()> {
        if !io::stdout().is_terminal() {
            return self.print(lines.as_bytes());
        }
        let escaped: String = lines.lines().map(|line| escape(line) + "\n").collect();
        self.print(escaped.as_bytes())
    }

    /// Writes lines that the user requested to stderr.
    ///
    /// # Errors
    /// Of stderr.
    pub fn dump(&self, lines: &[u8]) -> io::Result<()> {
        self.screen.suspend(|| write_stderr(|| lines))
    }

    /// Writes a line, unless quiet or with events.
    pub fn info(&self, text: impl Display) {
        if self.level >= Level::Normal && !self.json {
            self.write_line(text);
        }
    }

    /// Reports what delays the end of the command, or what was left out on request: a line, unless quiet, or a warning
    /// as an event.
    pub fn notice(&self, text: impl Display) {
        match self.json {
            true if self.level >= Level::Normal => self.warning(text),
            _ => self.info(text),
        }
    }

    /// Writes a line with `-v`.
    pub fn detail(&self, text: impl Display) {
        self.write_at(Level::Verbose, text);
    }

    /// Writes a line with `-vv`.
    pub fn debug(&self, text: impl Display) {
        self.write_at(Level::Debug, text);
    }

    fn write_at(&self, level: Level, text: impl Display) {
        match self.json {
            _ if self.level < level => {}
            true => self.event(Event::Detail { text: Text::new(text) }),
            false => self.write_prefixed(text),
        }
    }

    fn write_or_count(&self, text: impl Display) {
        match &self.summing {
            Some(summing) if self.level < Level::Verbose => {
                let text = text.to_string();
                if self.about.as_ref().is_none_or(|client| summing.admits(client, &text)) {
                    self.write_prefixed(text);
                }
            }
            _ => self.write_prefixed(text),
        }
    }

    /// Writes a line that begins with the program's name, and that of the peer it is about.
    fn write_prefixed(&self, text: impl Display) {
        match &self.about {
            Some(peer) => self.write_line(format_args!("{}: {peer}: {text}", self.program)),
            None => self.write_line(format_args!("{}: {text}", self.program)),
        }
    }

    fn write_line(&self, text: impl Display) {
        let line = escape(&text.to_string()) + "\n";
        // A stderr that is closed or full must not change what the command does.
        self.screen.suspend(|| {
            let _ = write_stderr(|| &line);
        });
    }

    fn event(&self, event: Event) {
        self.event_about(event, self.about.as_ref().map(Text::new));
    }

    fn event_about(&self, event: Event, peer: Option<Text>) {
        // The clock is read under the lock, so that the lines of several threads are in the order of their times.
        // As with text, a failure is ignored.
        let _ = write_stderr(|| event::line(event, peer, self.elapsed()).unwrap_or_default());
    }
}
