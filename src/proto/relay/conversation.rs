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
    pub reply: &'a [u8],
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
        let answers = self.answers.iter_mut().map(|(_, reply)| reply);
        for reply in answers.chain([&mut self.greeting, &mut self.otherwise]) {
            if self.unit == Unit::Line && !reply.is_empty() && !reply.ends_with(b"\n") {
                reply.push(b'\n');
            }
        }
        self
    }

    /// Takes one message from `bytes`, with `has_ended` if no more will come, and returns its length and the reaction.
    /// `None` if it is not complete yet.
    ///
    /// # Errors
    /// [`TooLong`], for a line over [`LONGEST_LINE_BYTES`].
    pub fn next_turn(&self, bytes: &[u8], has_ended: bool) -> Result<Option<(usize, Turn<'_>)>, TooLong> {
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

    fn answer(&self, message: &[u8]) -> Turn<'_> {
        let message = message.strip_suffix(b"\n").unwrap_or(message);
        let message = message.strip_suffix(b"\r").unwrap_or(message);
        let is_last = self.hang_up.iter().any(|end| end == message);
        let answer = self.answers.iter().find(|(when, _)| when == message);
        let reply = match answer {
            Some((_, reply)) => reply,
            None if is_last => &[][..],
            None => &self.otherwise,
        };
        Turn { reply, is_last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn script(unit: Unit) -> Script {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Script {
            unit,
            greeting: bytes("welcome"),
            answers: vec![
                (bytes("0"), bytes("null")),
                (bytes("größe"), bytes("groß\n")),
                (bytes("bye"), bytes("goodbye")),
            ],
            otherwise: bytes("again"),
            hang_up: vec![bytes("exit"), bytes("bye")],
        }
        .completed()
    }

    /// The replies to these pieces and then the end, and true if the conversation has ended.
    fn replies(script: &Script, pieces: &[&[u8]]) -> (String, bool) {
        let (mut held, mut replies) = (Vec::new(), Vec::new());
        for (index, piece) in pieces.iter().chain([&&[][..]]).enumerate() {
            held.extend_from_slice(piece);
            while let Some((used, turn)) = script.next_turn(&held, index == pieces.len()).unwrap() {
                replies.extend_from_slice(turn.reply);
                if turn.is_last {
                    return (String::from_utf8(replies).unwrap(), true);
                }
                held.drain(..used);
            }
        }
        assert!(held.is_empty());
        (String::from_utf8(replies).unwrap(), false)
    }

    #[test]
    fn lines_are_answered_and_one_ends_it() {
        let script = script(Unit::Line);
        let message = "0\r\ngröße\n\nwhat?\nexit\n0\n".as_bytes();
        assert_eq!(replies(&script, &[message]), ("null\ngroß\nagain\nagain\n".into(), true));
        assert_eq!(replies(&script, &[b"0\nbye"]), ("null\ngoodbye\n".into(), true));
        assert_eq!(script.greeting, b"welcome\n");
    }

    #[test]
    fn chunks_are_answered_as_they_come() {
        let script = script(Unit::Chunk);
        assert_eq!(replies(&script, &[b"0", b"0\n", b"x", b"exit"]), ("nullnullagain".into(), true));
        assert_eq!(script.next_turn(b"", true), Ok(None));
    }

    #[test]
    fn a_line_that_does_not_end_is_too_long() {
        let script = script(Unit::Line);
        let long = vec![b'a'; LONGEST_LINE_BYTES];
        assert_eq!(script.next_turn(&long, false), Err(TooLong));
        assert_eq!(script.next_turn(&long[1..], false), Ok(None));
        assert!(script.next_turn(&long, true).is_ok_and(|turn| turn.is_some()));
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
            prop_assert_eq!(replies(&script, &pieces), replies(&script, &[&whole]));
        }
    }
}
