//! The dialogues in lines: SMTP, IMAP and POP3.

use super::{Progress, StartTlsFault};

/// The longest line, without its end.
const MAX_LINE_BYTES: usize = 8 << 10;
/// The most lines of one answer.
const MAX_LINES: u32 = 100;

/// A protocol in lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialogue {
    Smtp,
    Imap,
    Pop3,
}

/// The answer that is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Greeting,
    /// That to EHLO.
    Capabilities,
    Consent,
}

/// The state of a dialogue.
pub(super) struct Lines {
    dialogue: Dialogue,
    awaited: Awaited,
    lines: u32,
    is_offered: bool,
}

/// What a line means.
enum Meaning {
    /// More lines of this answer follow.
    Continued,
    /// The next command.
    Say(&'static str, Awaited),
    Consent,
}

impl Lines {
    pub(super) fn new(dialogue: Dialogue) -> Lines {
        Lines { dialogue, awaited: Awaited::Greeting, lines: 0, is_offered: false }
    }

    /// Takes the first line.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Progress, StartTlsFault> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            let is_too_long = bytes.len() > MAX_LINE_BYTES;
            return if is_too_long { Err(StartTlsFault::Endless) } else { Ok(Progress::More) };
        };
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        self.lines += 1;
        if end > MAX_LINE_BYTES || self.lines > MAX_LINES {
            return Err(StartTlsFault::Endless);
        }
        let meaning = match self.dialogue {
            Dialogue::Smtp => self.smtp(line)?,
            Dialogue::Imap => self.imap(line)?,
            Dialogue::Pop3 => self.pop3(line)?,
        };
        Ok(match meaning {
            Meaning::Continued => Progress::Used(end + 1, Vec::new()),
            Meaning::Say(command, awaited) => {
                (self.awaited, self.lines) = (awaited, 0);
                Progress::Used(end + 1, command.as_bytes().to_vec())
            }
            Meaning::Consent => Progress::Consent(end + 1),
        })
    }

    /// RFC 5321, 4.2: three digits, `-` on all lines but the last, text.
    fn smtp(&mut self, line: &[u8]) -> Result<Meaning, StartTlsFault> {
        let (code, rest) = line.split_at_checked(3).ok_or(StartTlsFault::NotSpoken)?;
        if !code.iter().all(u8::is_ascii_digit) || !matches!(rest.first(), None | Some(b' ' | b'-')) {
            return Err(StartTlsFault::NotSpoken);
        }
        let expected: &[u8] = if self.awaited == Awaited::Capabilities { b"250" } else { b"220" };
        if code != expected {
            return Err(refused(line));
        }
        if self.awaited == Awaited::Capabilities {
            let keyword = rest.get(1..).unwrap_or_default().split(|byte| *byte == b' ').next();
            self.is_offered |= keyword.is_some_and(|keyword| keyword.eq_ignore_ascii_case(b"STARTTLS"));
        }
        if rest.first() == Some(&b'-') {
            return Ok(Meaning::Continued);
        }
        match self.awaited {
            // An address: the name of this machine is nobody's business in the clear (RFC 5321, 4.1.3).
            Awaited::Greeting => Ok(Meaning::Say("EHLO [127.0.0.1]\r\n", Awaited::Capabilities)),
            Awaited::Capabilities if self.is_offered => Ok(Meaning::Say("STARTTLS\r\n", Awaited::Consent)),
            Awaited::Capabilities => Err(StartTlsFault::NotOffered),
            Awaited::Consent => Ok(Meaning::Consent),
        }
    }

    /// RFC 9051, 7.1: `* OK` greets, `* PREAUTH` greets somebody who cannot ask for TLS any more, lines with `*` are no
    /// answer, and the answer begins with the tag of the command.
    fn imap(&mut self, line: &[u8]) -> Result<Meaning, StartTlsFault> {
        let mut words = line.split(|byte| *byte == b' ');
        let (tag, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is_ok = word.eq_ignore_ascii_case(b"OK");
        match (self.awaited, tag) {
            (_, b"*") if word.eq_ignore_ascii_case(b"BYE") => Err(refused(line)),
            (Awaited::Greeting, b"*") if is_ok => Ok(Meaning::Say("a STARTTLS\r\n", Awaited::Consent)),
            (Awaited::Greeting, b"*") if word.eq_ignore_ascii_case(b"PREAUTH") => Err(refused(line)),
            (Awaited::Consent, b"*") => Ok(Meaning::Continued),
            (Awaited::Consent, b"a") if is_ok => Ok(Meaning::Consent),
            (Awaited::Consent, b"a")
                if [&b"NO"[..], b"BAD"].iter().any(|no| word.eq_ignore_ascii_case(no)) =>
            {
                Err(refused(line))
            }
            _ => Err(StartTlsFault::NotSpoken),
        }
    }

    /// RFC 1939, 3: `+OK` or `-ERR`.
    fn pop3(&mut self, line: &[u8]) -> Result<Meaning, StartTlsFault> {
        match (line.split(|byte| *byte == b' ').next(), self.awaited) {
            (Some(b"+OK"), Awaited::Greeting) => Ok(Meaning::Say("STLS\r\n", Awaited::Consent)),
            (Some(b"+OK"), _) => Ok(Meaning::Consent),
            (Some(b"-ERR"), _) => Err(refused(line)),
            _ => Err(StartTlsFault::NotSpoken),
        }
    }
}

/// The longest part of a server's words that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// A refusal in the server's words.
pub(super) fn refused(words: &[u8]) -> StartTlsFault {
    StartTlsFault::Refused(String::from_utf8_lossy(words).chars().take(MAX_SHOWN).collect())
}
