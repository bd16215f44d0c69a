//! Lines about clients: of those of the same kind the first are written, and the others counted.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Report;

/// The clients about which a line of one kind is written before further ones are counted.
const MAX_CLIENTS: u64 = 5;
/// The lines of one kind about the same client, one after the other, that are written: a session may have many files that
/// fail.
const MAX_LINES_OF_CLIENT: u64 = 100;
/// The number of kinds that are distinguished. A line may quote a client, so there may be any number of kinds.
const MAX_KINDS: usize = 32;

/// The counts of lines since the last summary.
pub(super) struct Summing {
    counts: Mutex<Counts>,
    report: Report,
}

#[derive(Default)]
struct Counts {
    kinds: Vec<LineKind>,
    /// The time of the first line, since the start of the report.
    since: Duration,
}

/// Lines of one kind, about any client. The last of [`MAX_KINDS`] has no key: it stands for all others.
#[derive(Default)]
struct LineKind {
    key: Option<String>,
    /// The client of the last line, and the lines about it since the last one about another.
    client: String,
    lines_of_client: u64,
    /// How often the client was another one than before.
    clients: u64,
    left_out: u64,
    /// The text of the first line that was left out, and whether that of others was another.
    text: String,
    differs: bool,
}

impl LineKind {
    fn count(&mut self, client: &str, text: &str) -> bool {
        if self.clients == 0 || self.client != client {
            client.clone_into(&mut self.client);
            (self.clients, self.lines_of_client) = (self.clients + 1, 0);
        }
        self.lines_of_client += 1;
        let is_written = self.clients <= MAX_CLIENTS && self.lines_of_client <= MAX_LINES_OF_CLIENT;
        if !is_written {
            if self.left_out == 0 {
                text.clone_into(&mut self.text);
            }
            self.differs |= self.text != text;
            self.left_out += 1;
        }
        is_written
    }
}

/// What lines of one kind have in common: the last part of their text, which says what went wrong, without its numbers.
/// The part before it says with what: a name, an address.
fn key_of(text: &str) -> String {
    let cause = text.rsplit_once(": ").map_or(text, |(_, cause)| cause);
    let mut key = String::with_capacity(cause.len());
    for letter in cause.chars() {
        match letter.is_ascii_digit() {
            true if key.ends_with('0') => {}
            true => key.push('0'),
            false => key.push(letter),
        }
    }
    key
}

impl Summing {
    /// Counts nothing yet. The sums are written to `report`.
    pub(super) fn new(report: Report) -> Summing {
        Summing { counts: Mutex::default(), report }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a line. True if it must be written.
    pub(super) fn admits(&self, client: &str, text: &str) -> bool {
        let mut counts = self.counts();
        if counts.kinds.is_empty() {
            counts.since = self.report.elapsed();
        }
        let (kinds, key) = (&mut counts.kinds, key_of(text));
        let known = kinds.iter().position(|kind| kind.key.as_ref().is_none_or(|known| *known == key));
        let index = known.unwrap_or_else(|| {
            let is_last = kinds.len() + 1 == MAX_KINDS;
            kinds.push(LineKind { key: (!is_last).then_some(key), ..LineKind::default() });
            kinds.len() - 1
        });
        kinds[index].count(client, text)
    }

    /// True if there was a line since the last summary.
    pub(super) fn has_counted(&self) -> bool {
        !self.counts().kinds.is_empty()
    }

    /// Writes how many lines were left out, and within which time. Then all counts are zero. False if no line was left out.
    pub(super) fn write_sums(&self, within: impl Display) -> bool {
        let mut has_left_out = false;
        for kind in std::mem::take(&mut self.counts().kinds) {
            let (more, text) = (kind.left_out, &kind.text);
            if more == 0 {
                continue;
            }
            has_left_out = true;
            self.report.write_prefixed(match (&kind.key, kind.differs) {
                (None, _) => format!("and {more} more within {within}, of other kinds"),
                (Some(_), true) => format!("and {more} more within {within}, such as: {text}"),
                (Some(_), false) => format!("and {more} more within {within}: {text}"),
            });
        }
        has_left_out
    }
}

impl Drop for Summing {
    fn drop(&mut self) {
        let time = self.report.elapsed().saturating_sub(self.counts().since);
        // Rounded up: it was no longer than that.
        self.write_sums(humantime::format_duration(Duration::from_secs(time.as_secs() + 1)));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::report::Level;

    fn summing() -> Summing {
        Summing::new(Report::new(Level::Quiet, std::time::Instant::now))
    }

    /// The number of lines that are written of 1000, each about another client.
    fn written(summing: &Summing, text: impl Fn(usize) -> String) -> usize {
        (0..1000).filter(|number| summing.admits(&format!("127.0.0.1:{number}"), &text(*number))).count()
    }

    #[test]
    fn of_each_kind_the_first_are_written() {
        let summing = summing();
        let texts: [fn(usize) -> String; 5] = [
            |_| "nothing was sent or received for 1s (see --idle-timeout)".into(),
            |number| format!("cannot connect to host-{number}.example:80: connection refused"),
            |number| format!("too slow: it missed {number} bytes (see --slow)"),
            |number| format!("it sent {number} of 9 bytes"),
            |number| format!("{number:x}/file{number}: no space left on device"),
        ];
        for text in texts {
            assert_eq!(written(&summing, text), 5, "{}", text(0));
            assert_eq!(written(&summing, text), 0, "{}", text(0));
        }
        let counts = summing.counts();
        assert_eq!(counts.kinds.len(), texts.len());
        assert!(counts.kinds.iter().all(|kind| kind.left_out == 1995));
        let differing: Vec<bool> = counts.kinds.iter().map(|kind| kind.differs).collect();
        assert_eq!(differing, [false, true, true, true, true]);
        drop(counts);
        assert!(summing.write_sums("1s") && !summing.has_counted() && !summing.write_sums("1s"));
        assert_eq!(written(&summing, texts[0]), 5);
    }

    #[test]
    fn any_number_of_kinds_takes_no_more_room_and_no_more_lines() {
        let summing = summing();
        let letters = |number: usize| {
            let digits = [number / 100, number / 10 % 10, number % 10];
            digits.map(|digit| char::from(b'a' + digit as u8)).into_iter().collect::<String>()
        };
        // Who chooses the text chooses the kind.
        let lines = written(&summing, |number| format!("unknown: {}", letters(number)));
        assert_eq!(lines, MAX_KINDS - 1 + MAX_CLIENTS as usize);
        assert_eq!(summing.counts().kinds.len(), MAX_KINDS);
    }

    #[test]
    fn a_session_has_its_own_lines_up_to_as_many_as_it_names() {
        let summing = summing();
        let of_one = |client: &str| {
            (0..500).filter(|number| summing.admits(client, &format!("file{number}: denied"))).count()
        };
        assert_eq!((of_one("a"), of_one("b"), of_one("c")), (100, 100, 100));
        assert_eq!((of_one("a"), of_one("b"), of_one("c")), (100, 100, 0));
    }
}
