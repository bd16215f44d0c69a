//! A scripted conversation: a greeting, answers to messages, an end.

/// Longest line before its end must have come, in bytes.
pub const LONGEST_LINE_BYTES: usize = 64 << 10;

/// The unit of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A line. Answers end with a line end, which is added where it is missing.
    Line,
    /// The bytes of one read: for peers that send no line ends.
    Chunk,
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// The unit of a message.
    pub unit: Unit,
    /// Sent first.
    pub greeting: Vec<u8>,
    /// Messages and their answers. The first match counts.
    pub answers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The answer if nothing matches.
    pub otherwise: Vec<u8>,
    /// Messages that end the conversation after their answer.
    pub hang_up: Vec<Vec<u8>>,
}

/// The reaction to a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// The bytes to send; may be empty.
    pub say: &'a [u8],
    /// The conversation ends after them.
    pub is_last: bool,
}

/// A line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Script {
    /// Adds the line ends that belong to the unit.
    #[must_use]
    pub fn completed(mut self) -> Script {
        let answers = self.answers.iter_mut().map(|(_, say)| say);
        for say in answers.chain([&mut self.greeting, &mut self.otherwise]) {
            if self.unit == Unit::Line && !say.is_empty() && !say.ends_with(b"\n") {
                say.push(b'\n');
            }
        }
        self
    }

    /// Takes one message from `bytes`, with `has_ended` if no more will come, and returns its length and the reaction.
    /// `None` if it is not complete yet.
    ///
    /// # Errors
    /// [`TooLong`], for a line over [`LONGEST_LINE_BYTES`].
    pub fn hear(&self, bytes: &[u8], has_ended: bool) -> Result<Option<(usize, Turn<'_>)>, TooLong> {
        let line_end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let used = match self.unit {
            Unit::Chunk => Some(bytes.len()),
            Unit::Line => line_end.or_else(|| has_ended.then_some(bytes.len())),
        };
        match used {
            Some(0) => Ok(None),
            Some(used) if used <= LONGEST_LINE_BYTES => Ok(Some((used, self.answer(&bytes[..used])))),
            None if bytes.len() < LONGEST_LINE_BYTES => Ok(None),
            _ => Err(TooLong),
        }
    }

    fn answer(&self, heard: &[u8]) -> Turn<'_> {
        let heard = heard.strip_suffix(b"\n").unwrap_or(heard);
        let heard = heard.strip_suffix(b"\r").unwrap_or(heard);
        let is_last = self.hang_up.iter().any(|end| end == heard);
        let answer = self.answers.iter().find(|(when, _)| when == heard);
        let say = match answer {
            Some((_, say)) => say,
            None if is_last => &[][..],
            None => &self.otherwise,
        };
        Turn { say, is_last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn script(unit: Unit) -> Script {
        let say = |text: &str| text.as_bytes().to_vec();
        Script {
            unit,
            greeting: say("welcome"),
            answers: vec![
                (say("0"), say("null")),
                (say("größe"), say("groß\n")),
                (say("bye"), say("goodbye")),
            ],
            otherwise: say("again"),
            hang_up: vec![say("exit"), say("bye")],
        }
        .completed()
    }

    /// What is said when these pieces come, one after the other, and then the end.
    fn said(script: &Script, pieces: &[&[u8]]) -> (String, bool) {
        let (mut held, mut said) = (Vec::new(), Vec::new());
        for (index, piece) in pieces.iter().chain([&&[][..]]).enumerate() {
            held.extend_from_slice(piece);
            while let Some((used, turn)) = script.hear(&held, index == pieces.len()).unwrap() {
                said.extend_from_slice(turn.say);
                if turn.is_last {
                    return (String::from_utf8(said).unwrap(), true);
                }
                held.drain(..used);
            }
        }
        assert!(held.is_empty());
        (String::from_utf8(said).unwrap(), false)
    }

    #[test]
    fn lines_are_answered_and_one_ends_it() {
        let script = script(Unit::Line);
        let heard = "0\r\ngröße\n\nwhat?\nexit\n0\n".as_bytes();
        assert_eq!(said(&script, &[heard]), ("null\ngroß\nagain\nagain\n".into(), true));
        assert_eq!(said(&script, &[b"0\nbye"]), ("null\ngoodbye\n".into(), true));
        assert_eq!(script.greeting, b"welcome\n");
    }

    #[test]
    fn chunks_are_answered_as_they_come() {
        let script = script(Unit::Chunk);
        assert_eq!(said(&script, &[b"0", b"0\n", b"x", b"exit"]), ("nullnullagain".into(), true));
        assert_eq!(script.hear(b"", true), Ok(None));
    }

    #[test]
    fn a_line_that_does_not_end_is_too_long() {
        let script = script(Unit::Line);
        let long = vec![b'a'; LONGEST_LINE_BYTES];
        assert_eq!(script.hear(&long, false), Err(TooLong));
        assert_eq!(script.hear(&long[1..], false), Ok(None));
        assert!(script.hear(&long, true).is_ok_and(|turn| turn.is_some()));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_to_lines(
            words in prop::collection::vec(prop::sample::select(vec!["0", "größe", "x", "", "ex", "it"]), 0..20),
            cuts in prop::collection::vec(1usize..4, 0..80),
        ) {
            let script = script(Unit::Line);
            let whole = words.iter().flat_map(|word| [word.as_bytes(), b"\n"]).collect::<Vec<_>>().concat();
            let (mut pieces, mut rest) = (Vec::new(), &whole[..]);
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(said(&script, &pieces), said(&script, &[&whole]));
        }
    }
}
