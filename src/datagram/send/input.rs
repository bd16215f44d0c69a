//! Datagrams of `udp-send`: texts, or stdin cut into pieces; each repeated.

use std::collections::VecDeque;

use crate::datagram::output::Output;
use crate::datagram::too_large;
use crate::error::{Error, Exit};
use crate::proto::datagram::records::{BadRecord, SplitAt, Splitter, TextCheck};

/// Error for input that is not text where lines are the default.
const NOT_TEXT: &str = "stdin is not text (it has a NUL, or bytes that are no UTF-8), and line feeds in it end no lines: \
    type --each all to send it as one datagram, or --each line to cut it at line feeds all the same";

/// The datagrams to send, one after the other.
pub(crate) struct DatagramSource {
    origin: Origin,
    repeat: u64,
    current: Vec<u8>,
    /// The number of further times that the current datagram is sent.
    left: u64,
    /// The number of datagrams taken from the origin.
    number: u64,
}

enum Origin {
    Texts(VecDeque<Vec<u8>>),
    Stdin {
        splitter: Splitter,
        until: Option<Vec<u8>>,
        has_ended: bool,
        /// Checks input that must be text.
        check: Option<TextCheck>,
        /// True if some input was not text.
        is_refused: bool,
    },
}

/// The state of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceState {
    /// A datagram: [`DatagramSource::current`].
    Datagram,
    /// Nothing is available now.
    Waiting,
    /// The source is used up.
    Over,
}

impl DatagramSource {
    pub(crate) fn texts(texts: VecDeque<Vec<u8>>, repeat: u64) -> DatagramSource {
        DatagramSource { origin: Origin::Texts(texts), repeat, current: Vec::new(), left: 0, number: 0 }
    }

    /// Creates a source from stdin. By default it is split into lines, and must be text.
    pub(crate) fn stdin(split_at: Option<SplitAt>, until: Option<String>, repeat: u64) -> DatagramSource {
        let until = until.map(String::into_bytes);
        let splitter = Splitter::new(split_at.unwrap_or(SplitAt::Lines));
        let check = split_at.is_none().then(TextCheck::default);
        let origin = Origin::Stdin { splitter, until, has_ended: false, check, is_refused: false };
        DatagramSource { origin, repeat, current: Vec::new(), left: 0, number: 0 }
    }

    pub(crate) fn is_stdin(&self) -> bool {
        matches!(self.origin, Origin::Stdin { .. })
    }

    /// Returns whether the line of `--until` has come.
    pub(crate) fn has_ended_by_line(&self) -> bool {
        matches!(self.origin, Origin::Stdin { has_ended: true, .. })
    }

    /// Returns the next datagram to send.
    pub(crate) fn current(&self) -> &[u8] {
        &self.current
    }

    /// Records that the current one was sent, or is in a batch.
    pub(crate) fn taken(&mut self) {
        self.left -= 1;
    }

    /// Finds the next datagram, once the current one was sent as often as asked.
    pub(crate) fn next(&mut self, output: &mut Output) -> Result<SourceState, Error> {
        if self.left > 0 {
            return Ok(SourceState::Datagram);
        }
        self.current.clear();
        match &mut self.origin {
            Origin::Texts(texts) => match texts.pop_front() {
                Some(text) => self.current = text,
                None => return Ok(SourceState::Over),
            },
            Origin::Stdin { has_ended: true, .. } => return Ok(SourceState::Over),
            Origin::Stdin { is_refused: true, .. } => return Err(Error::new(Exit::Usage, NOT_TEXT)),
            Origin::Stdin { splitter, until, has_ended, check, is_refused } => loop {
                if let Some(datagram) =
                    splitter.next_datagram().map_err(|bad| explain(bad, self.number + 1))?
                {
                    self.current.extend_from_slice(datagram);
                    if until.as_ref().is_some_and(|until| is_line(until, datagram)) {
                        *has_ended = true;
                        return Ok(SourceState::Over);
                    }
                    break;
                }
                if splitter.is_over() {
                    return Ok(SourceState::Over);
                }
                let space = splitter.space();
                let Some(count) = output.read(space)? else { return Ok(SourceState::Waiting) };
                // Of a piece that has anything else nothing is sent.
                *is_refused = check
                    .as_mut()
                    .is_some_and(|check| !check.admits(&space[..count]) || count == 0 && !check.is_whole());
                if *is_refused {
                    return Err(Error::new(Exit::Usage, NOT_TEXT));
                }
                splitter.filled(count);
            },
        }
        self.number += 1;
        self.left = self.repeat;
        Ok(SourceState::Datagram)
    }
}

/// Compares a line, which may end with a carriage return if it was written on another system.
fn is_line(wanted: &[u8], line: &[u8]) -> bool {
    line.strip_suffix(b"\r").unwrap_or(line) == wanted
}

fn explain(bad: BadRecord, number: u64) -> Error {
    match bad {
        BadRecord::TooLarge => too_large(&format!("as --each cuts it, record {number} of stdin")),
        BadRecord::Incomplete => {
            Error::new(Exit::Failed, format!("stdin ended within record {number}, which was not sent"))
        }
        BadRecord::NoObject(why) => {
            Error::new(Exit::Failed, format!("line {number} of stdin is not a datagram: {why}"))
        }
    }
}
